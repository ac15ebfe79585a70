#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "host/linux/address.h"
#include "support.h"

#define RACERS 50
#define PATIENCE_MS 20000
#define NOBODY 65534

static char directory[] = "/tmp/hp-daemon-XXXXXX";
static char path[64], address[80];
static struct hp_error err;

static void set_up(void) {
  signal(SIGPIPE, SIG_IGN);
  strcpy(directory, "/tmp/hp-daemon-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/s", directory);
  snprintf(address, sizeof address, "unix://%s", path);
  err = (struct hp_error)HP_ERROR_INIT;
}

static int directory_entries(void) {
  int count = 0;
  DIR *listing = opendir(directory);
  ck_assert_ptr_nonnull(listing);
  while (readdir(listing))
    count++;
  closedir(listing);
  return count - 2; /* . and .. */
}

static void wait_until_empty(void) {
  for (int waited = 0; directory_entries() > 0; waited += 5) {
    ck_assert_msg(waited < PATIENCE_MS, "%s is not empty", directory);
    usleep(5000);
  }
}

static void tear_down(void) {
  hp_error_clear(&err);
  unlink(path);
  ck_assert_msg(rmdir(directory) == 0, "%s is not empty", directory);
}

/* ---- a daemon that greets with 'h' and ends when it is told 'q' ---------- */

static struct host_daemon *running;

static void free_stream(uv_handle_t *stream) {
  free(stream);
}

static void give_buffer(uv_handle_t *stream, size_t suggested, uv_buf_t *buffer) {
  static char byte;
  (void)stream;
  (void)suggested;
  *buffer = uv_buf_init(&byte, 1);
}

static void on_byte(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
  if (got > 0 && buffer->base[0] == 'q')
    host_daemon_close(running);
  if (got != 0)
    uv_close((uv_handle_t *)stream, free_stream);
}

static void on_accepted(void *arg, uv_stream_t *stream) {
  (void)arg;
  uv_buf_t greeting = uv_buf_init("h", 1);
  uv_try_write(stream, &greeting, 1);
  uv_read_start(stream, give_buffer, on_byte);
}

static int greet(struct host_daemon *daemon, const char *state) {
  (void)state;
  uv_loop_t loop;
  struct hp_error failure = HP_ERROR_INIT;
  running = daemon;
  uv_loop_init(&loop);
  if (host_daemon_listen(daemon, &loop, on_accepted, NULL, &failure) != 0 || !host_daemon_ready(daemon))
    return EXIT_FAILURE;
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static uint32_t start(host_daemon_main begin, bool expect_joined) {
  bool joined;
  uint32_t pid = 0;
  ck_assert_msg(host_daemon_start(address, begin, NULL, &joined, &pid, &err) == 0, "%s", err.message);
  ck_assert_int_eq(joined, expect_joined);
  ck_assert_uint_ne(pid, 0);
  return pid;
}

static void refused(host_daemon_main begin, enum hp_code code, const char *reason) {
  bool joined;
  uint32_t pid;
  ck_assert_int_eq(host_daemon_start(address, begin, NULL, &joined, &pid, &err), -1);
  ck_assert_msg(err.code == code, "%s: %s", hp_code_name(err.code), err.message);
  ck_assert_msg(strstr(err.message, reason) != NULL, "%s", err.message);
  hp_error_clear(&err);
}

static int dial(void) {
  int fd = hp_dial(address, &err);
  ck_assert_msg(fd >= 0, "%s", err.message);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  return fd;
}

static void quit(void) {
  int fd = dial();
  ck_assert_int_eq(write(fd, "q", 1), 1);
  char rest;
  while (read(fd, &rest, 1) > 0)
    continue;
  close(fd);
}

static void quit_child(uint32_t pid) {
  quit();
  int status;
  ck_assert_int_eq(waitpid((pid_t)pid, &status, 0), (pid_t)pid);
  ck_assert_int_eq(status, 0);
  ck_assert_int_eq(directory_entries(), 0);
}

/* ---- made and joined ------------------------------------------------------- */

START_TEST(made_then_joined) {
  uint32_t pid = start(greet, false), found = 0;
  struct stat socket_file;
  ck_assert_int_eq(lstat(path, &socket_file), 0);
  ck_assert_uint_eq(socket_file.st_mode, S_IFSOCK | 0600);
  ck_assert_int_eq(directory_entries(), 1); /* the lock file is gone */
  ck_assert_uint_eq(start(greet, true), pid);
  ck_assert_int_eq(host_daemon_find(address, &found, &err), 0);
  ck_assert_uint_eq(found, pid);
  quit_child(pid);
  ck_assert_int_eq(host_daemon_find(address, &found, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
}
END_TEST

START_TEST(the_directory_is_made) {
  char nested[64];
  snprintf(nested, sizeof nested, "%s/a/b/s", directory);
  bool joined;
  uint32_t pid;
  ck_assert_msg(host_daemon_start(nested, greet, NULL, &joined, &pid, &err) == 0, "%s", err.message);
  *strrchr(nested, '/') = 0;
  struct stat made;
  ck_assert_int_eq(stat(nested, &made), 0);
  ck_assert_uint_eq(made.st_mode & 07777, 0711);
  snprintf(address, sizeof address, "%s/s", nested);
  quit();
  ck_assert_int_eq(waitpid((pid_t)pid, NULL, 0), (pid_t)pid);
  ck_assert_int_eq(rmdir(nested), 0);
  *strrchr(nested, '/') = 0;
  ck_assert_int_eq(rmdir(nested), 0);
}
END_TEST

struct finish {
  bool failed, joined;
  uint32_t pid;
};

static void race(int gate, int results) {
  char go;
  if (read(gate, &go, 1) < 0) /* end of file for all at once */
    _exit(EXIT_FAILURE);
  struct finish finish = {0};
  finish.failed = host_daemon_start(address, greet, NULL, &finish.joined, &finish.pid, &err) != 0;
  _exit(write(results, &finish, sizeof finish) == (ssize_t)sizeof finish ? EXIT_SUCCESS : EXIT_FAILURE);
}

START_TEST(of_racing_starts_one_makes_it) {
  int gate[2], results[2];
  pid_t racers[RACERS];
  ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
  ck_assert_int_eq(pipe2(results, O_CLOEXEC), 0);
  for (int i = 0; i < RACERS; i++) {
    racers[i] = fork();
    ck_assert_int_ge(racers[i], 0);
    if (racers[i] == 0) {
      close(gate[1]);
      race(gate[0], results[1]);
    }
  }
  close(gate[0]);
  close(gate[1]);
  close(results[1]);
  int made = 0, heard = 0;
  uint32_t pid = 0;
  struct finish finish;
  while (read(results[0], &finish, sizeof finish) == (ssize_t)sizeof finish) {
    ck_assert(!finish.failed);
    made += !finish.joined;
    ck_assert(pid == 0 || finish.pid == pid);
    pid = finish.pid;
    heard++;
  }
  close(results[0]);
  for (int i = 0; i < RACERS; i++)
    ck_assert_int_eq(waitpid(racers[i], NULL, 0), racers[i]);
  ck_assert_int_eq(heard, RACERS);
  ck_assert_int_eq(made, 1);
  ck_assert_int_eq(directory_entries(), 1);
  quit();
  wait_until_empty();
}
END_TEST

/* ---- what stands at the address already ------------------------------------ */

static int bind_there(void) {
  struct sockaddr_un name;
  socklen_t length;
  ck_assert_int_eq(hp_address_socket(address, &name, &length, &err), 0);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, length), 0);
  ck_assert_int_eq(listen(fd, 1), 0);
  return fd;
}

START_TEST(a_stale_socket_is_replaced) {
  close(bind_there());
  char lock_file[80];
  snprintf(lock_file, sizeof lock_file, "%s.lock", path);
  close(open(lock_file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); /* a start was killed */
  quit_child(start(greet, false));
}
END_TEST

START_TEST(what_is_not_a_socket_is_left) {
  close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  refused(greet, HP_FAILED_PRECONDITION, "is not a socket");
  ck_assert_int_eq(unlink(path), 0);
  ck_assert_int_eq(symlink("/run/somewhere", path), 0);
  refused(greet, HP_FAILED_PRECONDITION, path);
  ck_assert_int_eq(directory_entries(), 1);
}
END_TEST

START_TEST(another_users_socket_is_refused) {
  if (geteuid() != 0) {
    puts("skipped: only root can give a socket to another user");
    return;
  }
  int fd = bind_there();
  ck_assert_int_eq(chown(path, NOBODY, NOBODY), 0);
  refused(greet, HP_PERMISSION_DENIED, "uid 65534");
  close(fd);
  refused(greet, HP_PERMISSION_DENIED, "uid 65534");
}
END_TEST

START_TEST(a_directory_for_all_is_refused) {
  ck_assert_int_eq(chmod(directory, 0777), 0);
  refused(greet, HP_FAILED_PRECONDITION, "lets other users replace");
  ck_assert_int_eq(chmod(directory, 01777), 0); /* nobody can replace a socket of ours in there */
  quit_child(start(greet, false));
}
END_TEST

START_TEST(a_path_that_is_too_long) {
  bool joined;
  uint32_t pid;
  char deep[160];
  snprintf(deep, sizeof deep, "unix://%s/%0100d", directory, 0);
  ck_assert_int_eq(host_daemon_start(deep, greet, NULL, &joined, &pid, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_int_eq(host_daemon_start("@abstract", greet, NULL, &joined, &pid, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
}
END_TEST

/* ---- daemons that fail ----------------------------------------------------- */

static int fail_with_reason(struct host_daemon *daemon, const char *state) {
  (void)state;
  struct hp_error failure = HP_ERROR_INIT;
  hp_error_set(&failure, HP_RESOURCE_EXHAUSTED, "no widgets: buy some");
  host_daemon_failed(daemon, &failure);
  hp_error_clear(&failure);
  return EXIT_FAILURE;
}

static int fail_at_length(struct host_daemon *daemon, const char *state) {
  (void)state;
  struct hp_error failure = HP_ERROR_INIT;
  hp_error_set(&failure, HP_INTERNAL, "begin %0100000d", 0);
  host_daemon_failed(daemon, &failure);
  hp_error_clear(&failure);
  return EXIT_FAILURE;
}

static int fail_silently(struct host_daemon *daemon, const char *state) {
  (void)daemon;
  (void)state;
  return 3;
}

static int die(struct host_daemon *daemon, const char *state) {
  (void)daemon;
  (void)state;
  raise(SIGKILL);
  return EXIT_SUCCESS;
}

START_TEST(start_tells_the_daemons_reason) {
  refused(fail_with_reason, HP_RESOURCE_EXHAUSTED, "no widgets: buy some");
  refused(fail_at_length, HP_INTERNAL, "begin 0000");
  refused(fail_silently, HP_INTERNAL, "status 3");
  refused(die, HP_INTERNAL, "signal 9");
  ck_assert_int_eq(directory_entries(), 0);
  ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no zombie either */
}
END_TEST

/* Kills start, as containerd does when its time is up, and only then is ready. */
static int outlive_start(struct host_daemon *daemon, const char *state) {
  (void)state;
  pid_t parent = getppid();
  kill(parent, SIGKILL);
  while (getppid() == parent)
    usleep(1000);
  return host_daemon_ready(daemon) ? EXIT_SUCCESS : EXIT_FAILURE;
}

START_TEST(a_daemon_whose_start_was_killed_ends) {
  pid_t starter = fork();
  ck_assert_int_ge(starter, 0);
  if (starter == 0) {
    bool joined;
    uint32_t pid;
    host_daemon_start(address, outlive_start, NULL, &joined, &pid, &err);
    _exit(EXIT_SUCCESS);
  }
  int status;
  ck_assert_int_eq(waitpid(starter, &status, 0), starter);
  ck_assert(WIFSIGNALED(status));
  wait_until_empty();
}
END_TEST

/* ---- what the daemon is ---------------------------------------------------- */

static void link_of(uint32_t pid, const char *name, char target[256]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/%u/%s", pid, name);
  ssize_t length = readlink(link, target, 255);
  ck_assert_msg(length >= 0, "%s cannot be read", link);
  target[length] = 0;
}

START_TEST(it_keeps_nothing_of_its_start) {
  int inherited[2];
  ck_assert_int_eq(pipe(inherited), 0); /* not close-on-exec: as containerd's pipes are */
  uint32_t pid = start(greet, false);
  close(inherited[1]);
  char byte, target[256];
  ck_assert_int_eq(read(inherited[0], &byte, 1), 0);
  close(inherited[0]);
  for (int fd = 0; fd < 3; fd++) {
    char name[16];
    snprintf(name, sizeof name, "fd/%d", fd);
    link_of(pid, name, target);
    ck_assert_str_eq(target, "/dev/null");
  }
  link_of(pid, "cwd", target);
  ck_assert_str_eq(target, "/");
  ck_assert_int_eq(getsid((pid_t)pid), (pid_t)pid);
  quit_child(pid);
}
END_TEST

START_TEST(only_its_last_shutdown_ends_it) {
  uint32_t pid = start(greet, false);
  const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
  char name[64], line[256];
  unsigned long long mask = 0;
  snprintf(name, sizeof name, "/proc/%u/status", pid);
  FILE *status = fopen(name, "re");
  ck_assert_ptr_nonnull(status);
  while (fgets(line, sizeof line, status))
    if (strncmp(line, "SigIgn:", 7) == 0)
      mask = strtoull(line + 7, NULL, 16);
  fclose(status);
  for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
    ck_assert_msg(mask & (1ull << (ignored[i] - 1)), "signal %d is not ignored", ignored[i]);
    ck_assert_int_eq(kill((pid_t)pid, ignored[i]), 0);
  }
  quit_child(pid);
}
END_TEST

START_TEST(other_users_are_turned_away) {
  if (geteuid() != 0) {
    puts("skipped: only root can connect as another user");
    return;
  }
  uint32_t pid = start(greet, false);
  ck_assert_int_eq(chmod(directory, 0711), 0);
  ck_assert_int_eq(chmod(path, 0666), 0);
  pid_t stranger = fork();
  ck_assert_int_ge(stranger, 0);
  if (stranger == 0) {
    char byte;
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
      _exit(1);
    int fd = hp_dial(address, &err);
    fcntl(fd, F_SETFL, 0);
    _exit(fd < 0 ? 2 : read(fd, &byte, 1) > 0 ? 3 : 0);
  }
  int status;
  ck_assert_int_eq(waitpid(stranger, &status, 0), stranger);
  ck_assert_int_eq(status, 0);
  char greeting = 0;
  int fd = dial();
  ck_assert_int_eq(read(fd, &greeting, 1), 1);
  ck_assert_int_eq(greeting, 'h');
  close(fd);
  quit_child(pid);
}
END_TEST

/* ---- ended from outside ---------------------------------------------------- */

/* valgrind up to 3.19 does not know pidfd_open. */
static bool without_process_handles(void) {
  int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
  if (self >= 0) {
    close(self);
    return false;
  }
  puts("skipped: there is no pidfd_open here");
  return true;
}

START_TEST(killed_and_removed) {
  if (without_process_handles())
    return;
  uint32_t pid = start(greet, false);
  ck_assert_int_eq(host_daemon_remove(address, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_assert_msg(host_daemon_kill(address, pid, &err) == 0, "%s", err.message);
  int status;
  ck_assert_int_eq(waitpid((pid_t)pid, &status, 0), (pid_t)pid);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ck_assert_int_eq(directory_entries(), 1);
  ck_assert_msg(host_daemon_remove(address, &err) == 0, "%s", err.message);
  ck_assert_int_eq(directory_entries(), 0);
  ck_assert_int_eq(host_daemon_remove(address, &err), 0);
}
END_TEST

START_TEST(only_the_process_that_listens_is_killed) {
  if (without_process_handles())
    return;
  uint32_t pid = start(greet, false);
  pid_t bystander = fork();
  ck_assert_int_ge(bystander, 0);
  if (bystander == 0) {
    pause();
    _exit(EXIT_SUCCESS);
  }
  ck_assert_int_eq(host_daemon_kill(address, (uint32_t)bystander, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_assert_int_eq(waitpid(bystander, NULL, WNOHANG), 0);
  quit_child(pid);
  ck_assert_int_eq(host_daemon_kill(address, (uint32_t)bystander, &err), 0);
  ck_assert_int_eq(waitpid(bystander, NULL, WNOHANG), 0); /* nothing listens: nothing to do */
  kill(bystander, SIGKILL);
  ck_assert_int_eq(waitpid(bystander, NULL, 0), bystander);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/daemon");
  TCase *daemon = tcase_create("daemon");
  tcase_set_timeout(daemon, 100);
  tcase_add_checked_fixture(daemon, set_up, tear_down);
  tcase_add_test(daemon, made_then_joined);
  tcase_add_test(daemon, the_directory_is_made);
  tcase_add_test(daemon, of_racing_starts_one_makes_it);
  tcase_add_test(daemon, a_stale_socket_is_replaced);
  tcase_add_test(daemon, what_is_not_a_socket_is_left);
  tcase_add_test(daemon, another_users_socket_is_refused);
  tcase_add_test(daemon, a_directory_for_all_is_refused);
  tcase_add_test(daemon, a_path_that_is_too_long);
  tcase_add_test(daemon, start_tells_the_daemons_reason);
  tcase_add_test(daemon, a_daemon_whose_start_was_killed_ends);
  tcase_add_test(daemon, it_keeps_nothing_of_its_start);
  tcase_add_test(daemon, only_its_last_shutdown_ends_it);
  tcase_add_test(daemon, other_users_are_turned_away);
  tcase_add_test(daemon, killed_and_removed);
  tcase_add_test(daemon, only_the_process_that_listens_is_killed);
  suite_add_tcase(suite, daemon);
  return hp_run_suite(suite);
}
