/* A real process with real FIFOs for the tests of its streams: the shim's side
 * from Create to the exit, and containerd's. */
#ifndef HP_TESTS_UNIT_STDIO_LINUX_PROCESS_H
#define HP_TESTS_UNIT_STDIO_LINUX_PROCESS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/linux/container.h"
#include "loop_wait.h"
#include "stdio/stdio.h"
#include "support.h"

static uv_loop_t loop;
static uv_timer_t keep_alive; /* the reaper alone keeps no loop running */
static char directory[64], in_path[96], out_path[96], err_path[96];
static struct host_container container;
static struct hp_stdio *stdio;
static unsigned exits, drains;
static uint32_t exit_status;

static inline void on_nothing(uv_timer_t *timer) {
  (void)timer;
}

static inline void on_exited(void *arg, uint32_t exited, uint32_t status, struct hp_time when) {
  (void)arg;
  (void)exited;
  (void)when;
  exits++;
  exit_status = status;
}

static inline void on_drained(void *arg) {
  ck_assert_ptr_eq(arg, &drains);
  drains++;
}

static inline void setup(void) {
  struct hp_error err = HP_ERROR_INIT;
  signal(SIGPIPE, SIG_IGN);
  snprintf(directory, sizeof directory, "/tmp/hp-stdio-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(directory));
  snprintf(in_path, sizeof in_path, "%s/in", directory);
  snprintf(out_path, sizeof out_path, "%s/out", directory);
  snprintf(err_path, sizeof err_path, "%s/err", directory);
  ck_assert_int_eq(mkfifo(in_path, 0600) | mkfifo(out_path, 0600) | mkfifo(err_path, 0600), 0);
  container = (struct host_container){.inherit = true, .mount_namespace = -1, .volume = directory};
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
  uv_timer_init(&loop, &keep_alive);
  uv_timer_start(&keep_alive, on_nothing, 3600000, 0);
  stdio = NULL;
  exits = drains = 0;
}

static inline bool has_children(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static inline void run_until_no_children(void) {
  for (int i = 0; i < 30000 && has_children(); i++) {
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
  ck_assert(!has_children());
}

static inline void teardown(void) {
  char command[128];
  hp_stdio_close(stdio, &loop);
  run_until_no_children();
  uv_close((uv_handle_t *)&keep_alive, NULL);
  host_reaper_stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  snprintf(command, sizeof command, "rm -rf %s", directory);
  ck_assert_int_eq(system(command), 0);
}

/* ---- a process from Create to its exit ----------------------------------------- */

struct names {
  const char *in, *out, *err;
  bool terminal, exec;
};

static inline int open_streams(const struct names *names, struct hp_error *err) {
  const struct hp_stdio_request request = {.namespace_name = "ns",
                                           .container_id = "c",
                                           .in = names->in,
                                           .out = names->out,
                                           .err = names->err,
                                           .terminal = names->terminal,
                                           .exec = names->exec};
  return hp_stdio_open(&request, &stdio, err);
}

static inline void start(const struct names *names, const char *script) {
  struct hp_error err = HP_ERROR_INIT;
  struct host_spawned spawned;
  struct host_spawn spawn = {0};
  struct hp_process_spec process = {.terminal = names->terminal};
  ck_assert_msg(open_streams(names, &err) == 0, "%s", err.message);
  hp_strings_add(&process.args, "/bin/sh");
  hp_strings_add(&process.args, "-c");
  hp_strings_add(&process.args, script);
  spawn.process = &process;
  hp_stdio_ends(stdio, spawn.stdio);
  host_reaper_expect(+1);
  ck_assert_msg(host_process_spawn(&container, &spawn, &spawned, &err) == 0, "%s", err.message);
  host_reaper_watch(spawned.pid, on_exited, NULL);
  host_reaper_expect(-1);
  hp_stdio_attach(stdio, &loop, spawned.terminal);
  hp_strings_clear(&process.args);
}

/* Runs the loop until *value is least; fails after 60 s. */
static inline void run_until(const unsigned *value, unsigned least) {
  LOOP_WAIT(&loop, *value >= least, 60000);
  ck_assert_uint_ge(*value, least);
}

static inline void finish(void) {
  run_until(&exits, 1);
  hp_stdio_drain(stdio, on_drained, &drains);
  run_until(&drains, 1);
}

/* ---- containerd's side ------------------------------------------------------------ */

static inline int open_reader(const char *path) {
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  return fd;
}

/* What comes, to the end of file or to where nothing more is and the length is
 * reached: a terminal passes on a line in pieces. The loop relays meanwhile. */
static inline void expect(int fd, const char *text) {
  char buffer[4096] = "";
  size_t length = 0;
  for (int turn = 0; turn < 4000; turn++) {
    ssize_t got = read(fd, buffer + length, sizeof buffer - 1 - length);
    if (got > 0) {
      length += (size_t)got;
      continue;
    }
    if (got == 0 || length >= strlen(text))
      break;
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(10000);
  }
  ck_assert_str_eq(buffer, text);
}

static inline bool at_end(int fd) {
  char byte;
  return read(fd, &byte, 1) == 0;
}

static inline TCase *new_case(Suite *suite, const char *name) {
  TCase *tcase = tcase_create(name);
  tcase_set_timeout(tcase, 110);
  tcase_add_checked_fixture(tcase, setup, teardown);
  suite_add_tcase(suite, tcase);
  return tcase;
}

#endif
