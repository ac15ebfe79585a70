/* One reaper sees every exit. */
#include "host/linux/reaper.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "loop_wait.h"
#include "support.h"

static uv_loop_t loop;
static uv_timer_t keep_alive; /* the reaper alone keeps no loop running */
static unsigned told;
static uint32_t told_pid, told_status;

static void on_exited(void *arg, uint32_t pid, uint32_t status, struct hp_time when) {
  ck_assert_ptr_eq(arg, &told);
  ck_assert_int_gt(when.seconds, 0);
  told++;
  told_pid = pid;
  told_status = status;
}

static uint32_t child_that(int exit_status, int signal_number) {
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    if (signal_number != 0) {
      signal(signal_number, SIG_DFL);
      raise(signal_number);
    }
    _exit(exit_status);
  }
  return (uint32_t)pid;
}

static void on_nothing(uv_timer_t *timer) {
  (void)timer;
}

static void start(void) {
  struct hp_error err = HP_ERROR_INIT;
  told = 0;
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
  uv_timer_init(&loop, &keep_alive);
  uv_timer_start(&keep_alive, on_nothing, 3600000, 0);
}

static void stop(void) {
  uv_close((uv_handle_t *)&keep_alive, NULL);
  host_reaper_stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Runs the loop until *value reaches least, at most 40 s. */
static void run_until(const unsigned *value, unsigned least) {
  LOOP_WAIT(&loop, *value >= least, 40000);
  ck_assert_uint_ge(*value, least);
}

/* Runs the loop until the kernel knows no child of that pid any more. */
static void run_until_reaped(uint32_t pid) {
  for (int i = 0; i < 10000; i++) {
    uv_run(&loop, UV_RUN_NOWAIT);
    siginfo_t info;
    if (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD)
      return;
    usleep(1000);
  }
  ck_abort_msg("child %u was never reaped", pid);
}

/* A child that waits for ever and has the pid of one that was reaped. */
static bool stranger_with(uint32_t pid) {
  pid_t wanted = (pid_t)pid;
  struct clone_args args = {
      .exit_signal = SIGCHLD, .set_tid = (unsigned long long)(uintptr_t)&wanted, .set_tid_size = 1};
  long made = syscall(SYS_clone3, &args, sizeof args);
  while (made == 0)
    pause();
  ck_assert_msg(made == wanted || errno == EEXIST, "clone3: %s", strerror(errno));
  return made == wanted;
}

/* Ends a child while it is expected and gives its pid to a stranger. */
static uint32_t reuse_pid(uint64_t *before) {
  for (int i = 0; i < 100; i++) { /* others take pids too */
    uint32_t pid = child_that(7, 0);
    run_until_reaped(pid);
    *before = hp_reaper_now();
    if (stranger_with(pid))
      return pid;
  }
  ck_abort_msg("no pid could be used again");
  return 0;
}

START_TEST(an_exit_code_is_told_once) {
  start();
  uint32_t pid = child_that(7, 0);
  host_reaper_watch(pid, on_exited, &told);
  ck_assert_uint_eq(told, 0);
  run_until(&told, 1);
  ck_assert_uint_eq(told_pid, pid);
  ck_assert_uint_eq(told_status, 7);
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_eq(told, 1);
  stop();
}
END_TEST

START_TEST(a_signal_is_told_as_128_more) {
  start();
  host_reaper_watch(child_that(0, SIGKILL), on_exited, &told);
  run_until(&told, 1);
  ck_assert_uint_eq(told_status, 137);
  stop();
}
END_TEST

START_TEST(an_expected_exit_before_the_watch_is_kept) {
  start();
  host_reaper_expect(+1);
  uint32_t pid = child_that(9, 0);
  run_until_reaped(pid);
  host_reaper_watch(pid, on_exited, &told);
  host_reaper_expect(-1);
  ck_assert_uint_eq(told, 0); /* later, on the loop */
  run_until(&told, 1);
  ck_assert_uint_eq(told_status, 9);
  stop();
}
END_TEST

START_TEST(an_unexpected_exit_is_not_kept) {
  start();
  uint32_t status, orphan = child_that(1, 0);
  run_until_reaped(orphan);
  ck_assert(!host_reaper_peek(orphan, &status));
  host_reaper_expect(+1);
  uint32_t expected = child_that(2, 0);
  run_until_reaped(expected);
  ck_assert(host_reaper_peek(expected, &status));
  host_reaper_expect(-1);
  ck_assert(!host_reaper_peek(expected, &status)); /* nobody wanted it */
  stop();
}
END_TEST

START_TEST(a_claimed_status_outlives_the_expectation) {
  start();
  host_reaper_expect(+1);
  uint32_t status = 0, pid = child_that(5, 0);
  hp_reaper_claim(pid);
  host_reaper_expect(-1);
  run_until_reaped(pid);
  ck_assert(host_reaper_peek(pid, &status));
  ck_assert_uint_eq(status, 5);
  host_reaper_watch(pid, on_exited, &told);
  run_until(&told, 1);
  ck_assert(!host_reaper_peek(pid, &status));
  stop();
}
END_TEST

START_TEST(a_forgotten_child_is_reaped_and_not_told) {
  start();
  uint32_t pid = child_that(0, 0);
  host_reaper_watch(pid, on_exited, &told);
  host_reaper_forget(pid);
  run_until_reaped(pid);
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_eq(told, 0);
  stop();
}
END_TEST

START_TEST(orphans_are_reaped_too) {
  start();
  pid_t reaper_pid = getpid();
  int ends[2];
  ck_assert_int_eq(pipe(ends), 0);
  pid_t pid = fork();
  if (pid == 0) {
    pid_t grandchild = fork();
    if (grandchild == 0) {
      while (getppid() != reaper_pid)
        usleep(1000);
      _exit(0);
    }
    ssize_t written = write(ends[1], &grandchild, sizeof grandchild);
    _exit(written == sizeof grandchild ? 0 : 1);
  }
  pid_t grandchild;
  ck_assert_int_eq(read(ends[0], &grandchild, sizeof grandchild), sizeof grandchild);
  close(ends[0]);
  close(ends[1]);
  for (int i = 0; i < 10000 && kill(grandchild, 0) == 0; i++) {
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
  ck_assert_int_eq(kill(grandchild, 0), -1);
  stop();
}
END_TEST

START_TEST(many_ends_at_once_are_all_told) {
  enum { COUNT = 64 };
  start();
  for (int i = 0; i < COUNT; i++)
    host_reaper_watch(child_that(0, 0), on_exited, &told);
  run_until(&told, COUNT);
  ck_assert_uint_eq(told, COUNT);
  stop();
}
END_TEST

START_TEST(unknown_statuses_are_bounded) {
  start();
  host_reaper_expect(+1);
  uint32_t first = child_that(0, 0), status, last = 0;
  run_until_reaped(first);
  ck_assert(host_reaper_peek(first, &status));
  for (int i = 0; i < 1100; i++) {
    last = child_that(0, 0);
    if (i % 50 == 49)
      run_until_reaped(last);
  }
  run_until_reaped(last);
  ck_assert(!host_reaper_peek(first, &status));
  ck_assert(host_reaper_peek(last, &status));
  host_reaper_expect(-1);
  stop();
}
END_TEST

START_TEST(a_signal_to_nobody_is_not_found) {
  struct hp_error err = HP_ERROR_INIT;
  start();
  uint32_t pid = child_that(0, 0);
  run_until_reaped(pid);
  ck_assert_int_eq(host_process_signal(pid, SIGTERM, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  hp_error_clear(&err);
  ck_assert_int_eq(host_process_signal(0, SIGTERM, &err), -1); /* never our own group */
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  hp_error_clear(&err);
  ck_assert_int_eq(host_process_signal(UINT32_MAX, SIGTERM, &err), -1); /* never everybody */
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  hp_error_clear(&err);
  stop();
}
END_TEST

static bool may_choose_pids(void) {
  if (geteuid() == 0 && syscall(SYS_clone3, NULL, 0) < 0 && errno != ENOSYS)
    return true;
  printf("skipped: only root chooses pids, and not under valgrind\n");
  return false;
}

/* Start has returned, and the exit is on its way to the loop. */
START_TEST(a_pid_that_is_used_again_is_not_signalled) {
  struct hp_error err = HP_ERROR_INIT;
  if (!may_choose_pids())
    return;
  start();
  host_reaper_expect(+1);
  uint64_t before;
  uint32_t pid = reuse_pid(&before);
  ck_assert_int_eq(host_process_signal(pid, SIGKILL, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  hp_error_clear(&err);
  host_reaper_watch(pid, on_exited, &told);
  host_reaper_expect(-1);
  run_until(&told, 1);
  ck_assert_uint_eq(told_status, 7);
  ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0);
  run_until_reaped(pid);
  stop();
}
END_TEST

/* An orphan's, kept because another spawn has been under way for long. */
START_TEST(a_kept_status_is_not_that_of_a_later_process) {
  if (!may_choose_pids())
    return;
  start();
  host_reaper_expect(+1);
  uint64_t before;
  uint32_t pid = reuse_pid(&before);
  hp_reaper_born(pid, before);
  host_reaper_watch(pid, on_exited, &told);
  host_reaper_expect(-1);
  for (int i = 0; i < 10; i++)
    uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_eq(told, 0);
  ck_assert_int_eq(kill((pid_t)pid, SIGKILL), 0);
  run_until(&told, 1);
  ck_assert_uint_eq(told_status, 128 + SIGKILL);
  stop();
}
END_TEST

START_TEST(signals_are_those_of_linux) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(host_signal_check(1, &err), 0);
  ck_assert_int_eq(host_signal_check(64, &err), 0);
  static const uint32_t wrong[] = {0, 65, UINT32_MAX};
  for (size_t i = 0; i < 3; i++) {
    ck_assert_int_eq(host_signal_check(wrong[i], &err), -1);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    hp_error_clear(&err);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_linux_reaper");
  TCase *tcase = tcase_create("reaper");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, an_exit_code_is_told_once);
  tcase_add_test(tcase, a_signal_is_told_as_128_more);
  tcase_add_test(tcase, an_expected_exit_before_the_watch_is_kept);
  tcase_add_test(tcase, an_unexpected_exit_is_not_kept);
  tcase_add_test(tcase, a_claimed_status_outlives_the_expectation);
  tcase_add_test(tcase, a_forgotten_child_is_reaped_and_not_told);
  tcase_add_test(tcase, orphans_are_reaped_too);
  tcase_add_test(tcase, many_ends_at_once_are_all_told);
  tcase_add_test(tcase, unknown_statuses_are_bounded);
  tcase_add_test(tcase, a_signal_to_nobody_is_not_found);
  tcase_add_test(tcase, a_pid_that_is_used_again_is_not_signalled);
  tcase_add_test(tcase, a_kept_status_is_not_that_of_a_later_process);
  tcase_add_test(tcase, signals_are_those_of_linux);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
