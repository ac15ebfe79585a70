/* A container that is hardly one, with a volume of its own, and processes in it:
 * what a process sees it writes to its standard output, a pipe that the test
 * reads. Included by one file a program. */
#ifndef HP_TESTS_UNIT_HOST_LINUX_SPAWN_H
#define HP_TESTS_UNIT_HOST_LINUX_SPAWN_H

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/host.h"
#include "host/linux/container.h"
#include "support.h"

static uv_loop_t loop;
static uv_timer_t keep_alive; /* the reaper alone keeps no loop running */
static char volume[64];
static struct host_container container;
static struct hp_process_spec process;
static unsigned exits;
static uint32_t exit_status;

static inline void on_exited(void *arg, uint32_t pid, uint32_t status, struct hp_time when) {
  (void)arg;
  (void)pid;
  (void)when;
  exits++;
  exit_status = status;
}

static inline void on_nothing(uv_timer_t *timer) {
  (void)timer;
}

static inline void setup(void) {
  struct hp_error err = HP_ERROR_INIT;
  snprintf(volume, sizeof volume, "/tmp/hp-spawn-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(volume));
  ck_assert_int_eq(chmod(volume, 0755), 0);
  container = (struct host_container){.inherit = true, .bind = true, .mount_namespace = -1, .volume = volume};
  memset(&process, 0, sizeof process);
  exits = 0;
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
  uv_timer_init(&loop, &keep_alive);
  uv_timer_start(&keep_alive, on_nothing, 3600000, 0);
}

static inline void teardown(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", volume);
  uv_close((uv_handle_t *)&keep_alive, NULL);
  host_reaper_stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  ck_assert_int_eq(system(command), 0);
  hp_process_spec_clear(&process);
}

/* Makes a file of the volume, with its directories. */
static inline void put(const char *path, mode_t mode, const char *text) {
  char whole[256];
  snprintf(whole, sizeof whole, "%s/%s", volume, path);
  for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(whole, 0755);
    *slash = '/';
  }
  int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
}

static inline void put_directory(const char *path) {
  char whole[256];
  snprintf(whole, sizeof whole, "%s/%s", volume, path);
  ck_assert_int_eq(mkdir(whole, 0755), 0);
}

static inline void command(const char *first, const char *second, const char *third) {
  const char *const args[] = {first, second, third};
  hp_strings_clear(&process.args);
  for (size_t i = 0; i < 3 && args[i]; i++)
    hp_strings_add(&process.args, args[i]);
}

static inline void directory(const char *cwd) {
  free(process.cwd);
  process.cwd = hp_strdup(cwd);
}

/* Runs the process to its end; what it wrote is returned, to be freed. */
static inline char *run(void) {
  struct hp_error err = HP_ERROR_INIT;
  struct host_spawned spawned;
  int ends[2];
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  struct host_spawn spawn = {.process = &process, .stdio = {HOST_HANDLE_NONE, ends[1], ends[1]}};
  host_reaper_expect(+1);
  ck_assert_msg(host_process_spawn(&container, &spawn, &spawned, &err) == 0, "%s", err.message);
  host_reaper_watch(spawned.pid, on_exited, NULL);
  host_reaper_expect(-1);
  ck_assert_int_eq(spawned.terminal, HOST_HANDLE_NONE);
  close(ends[1]);
  size_t length = 0;
  char *text = hp_alloc(65536);
  for (ssize_t got; length < 65535 && (got = read(ends[0], text + length, 65535 - length)) > 0;)
    length += (size_t)got;
  close(ends[0]);
  for (unsigned before = exits; exits == before;)
    uv_run(&loop, UV_RUN_ONCE);
  return text;
}

static inline void expect(const char *output) {
  char *text = run();
  ck_assert_str_eq(text, output);
  free(text);
}

static inline void expect_shell(const char *script, const char *output) {
  command("/bin/sh", "-c", script);
  expect(output);
}

static inline void refuse(enum hp_code code, const char *first, const char *second) {
  struct hp_error err = HP_ERROR_INIT;
  struct host_spawned spawned;
  struct host_spawn spawn = {.process = &process,
                             .stdio = {HOST_HANDLE_NONE, HOST_HANDLE_NONE, HOST_HANDLE_NONE}};
  ck_assert_int_eq(host_process_spawn(&container, &spawn, &spawned, &err), -1);
  ck_assert_msg(err.code == code, "%s: %s", hp_code_name(err.code), err.message);
  ck_assert_msg(strstr(err.message, first) && strstr(err.message, second), "%s", err.message);
  hp_error_clear(&err);
}

/* Under valgrind: no openat2 (and nothing else is safe in a volume), an execve
 * that fails later than the kernel's, and limits of its own. */
static inline bool emulated(void) {
  struct open_how how = {.flags = O_PATH};
  int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how);
  if (fd >= 0) {
    close(fd);
    return false;
  }
  fprintf(stderr, "skipped: not under valgrind, nor without openat2\n");
  return true;
}

static inline TCase *new_case(Suite *suite, const char *name) {
  TCase *tcase = tcase_create(name);
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, setup, teardown);
  suite_add_tcase(suite, tcase);
  return tcase;
}

#endif
