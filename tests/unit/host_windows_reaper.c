#include "host/windows/reaper.h"

#include "host_windows_process.h"

#include <tlhelp32.h>

static void set_up(void) {
  static const struct hp_limits no_limits;
  new_container();
  ck_assert_msg(make_job("reaper", &no_limits) == 0, "%s", err.message);
}

static void tear_down(void) {
  drop_container();
}

static void wait_until_ended(uint32_t pid) {
  HANDLE process = hp_reaper_handle(pid);
  ck_assert_ptr_nonnull(process);
  ck_assert_uint_eq(WaitForSingleObject(process, PATIENCE_MS), WAIT_OBJECT_0);
  CloseHandle(process);
}

START_TEST(test_an_end_before_the_watch) {
  struct run run;
  HANDLE out;
  start_self("exit", "9", &run, &out);
  wait_until_ended(run.pid);
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_eq(run.ends, 0);
  watch(&run);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, 9);
  CloseHandle(out);
}
END_TEST

START_TEST(test_an_end_is_told_once) {
  struct run run;
  HANDLE out;
  start_self("exit", "9", &run, &out);
  watch(&run);
  wait_for(&run.ends, 1);
  watch(&run); /* of nobody */
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_eq(run.ends, 1);
  CloseHandle(out);
}
END_TEST

START_TEST(test_many_at_once) {
  struct run runs[20];
  HANDLE outs[20];
  for (unsigned i = 0; i < 20; i++) {
    char code[8];
    snprintf(code, sizeof code, "%u", i);
    start_self("exit", code, &runs[i], &outs[i]);
  }
  for (unsigned i = 0; i < 20; i++)
    watch(&runs[i]);
  for (unsigned i = 0; i < 20; i++) {
    wait_for(&runs[i].ends, 1);
    ck_assert_uint_eq(runs[i].status, i);
    CloseHandle(outs[i]);
  }
}
END_TEST

static unsigned threads(void) {
  THREADENTRY32 thread = {.dwSize = sizeof thread};
  HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
  unsigned count = 0;
  ck_assert_ptr_ne(all, INVALID_HANDLE_VALUE);
  for (BOOL more = Thread32First(all, &thread); more; more = Thread32Next(all, &thread))
    count += thread.th32OwnerProcessID == GetCurrentProcessId();
  CloseHandle(all);
  return count;
}

/* The system would make workers for callbacks that it does not call itself. */
START_TEST(test_ends_at_once_need_no_more_threads) {
  struct run first, runs[20];
  HANDLE out;
  start_self("exit", "0", &first, &out);
  CloseHandle(out);
  watch(&first);
  wait_for(&first.ends, 1);
  unsigned before = threads();
  ck_assert_uint_gt(before, 1); /* the thread that waits is there by now */
  for (unsigned i = 0; i < 20; i++) {
    start_self("sleep", NULL, &runs[i], &out);
    CloseHandle(out);
    watch(&runs[i]);
  }
  ck_assert_int_eq(host_job_kill(container, &err), 0);
  for (unsigned i = 0; i < 20; i++)
    wait_for(&runs[i].ends, 1);
  ck_assert_uint_le(threads(), before);
}
END_TEST

START_TEST(test_forget) {
  struct run living, dead;
  HANDLE out, other;
  uint32_t status;
  start_self("sleep", NULL, &living, &out);
  watch(&living);
  host_reaper_forget(living.pid);
  ck_assert_ptr_null(hp_reaper_handle(living.pid));
  ck_assert_int_eq(host_job_kill(container, &err), 0);
  start_self("exit", "1", &dead, &other);
  wait_until_ended(dead.pid);
  host_reaper_forget(dead.pid);
  ck_assert(!host_reaper_peek(dead.pid, &status));
  host_reaper_forget(dead.pid); /* of nobody */
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_eq(living.ends, 0);
  CloseHandle(out);
  CloseHandle(other);
}
END_TEST

START_TEST(test_peek) {
  struct run run;
  HANDLE out;
  uint32_t status = 0;
  start_self("sleep", NULL, &run, &out);
  watch(&run);
  ck_assert(!host_reaper_peek(run.pid, &status));
  ck_assert_int_eq(host_process_signal(run.pid, 9, &err), 0);
  ULONGLONG end = GetTickCount64() + PATIENCE_MS;
  while (!host_reaper_peek(run.pid, &status) && GetTickCount64() < end)
    Sleep(5);
  ck_assert_uint_eq(status, HP_EXIT_KILLED);
  ck_assert_uint_eq(run.ends, 0); /* the loop did not run */
  wait_for(&run.ends, 1);
  CloseHandle(out);
}
END_TEST

struct chain {
  struct run run;
  unsigned *done;
};

static void start_next(void *arg, uint32_t pid, uint32_t status, struct hp_time when) {
  struct chain *chain = arg;
  (void)when;
  ck_assert_uint_eq(pid, chain->run.pid);
  ck_assert_uint_eq(status, 5);
  host_reaper_forget(pid); /* its entry is gone already */
  if (++*chain->done == 5)
    return;
  HANDLE out;
  start_self("exit", "5", &chain->run, &out);
  CloseHandle(out);
  host_reaper_watch(chain->run.pid, start_next, chain);
}

START_TEST(test_a_callback_may_spawn_and_forget) {
  unsigned done = 0;
  struct chain chain = {.done = &done};
  HANDLE out;
  start_self("exit", "5", &chain.run, &out);
  CloseHandle(out);
  host_reaper_watch(chain.run.pid, start_next, &chain);
  wait_for(&done, 5);
  ck_assert_uint_eq(done, 5);
}
END_TEST

START_TEST(test_stop_with_children_alive) {
  struct run run;
  HANDLE out;
  start_self("sleep", NULL, &run, &out);
  watch(&run);
  host_reaper_stop();
  ck_assert_int_eq(host_job_kill(container, &err), 0);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_uint_eq(run.ends, 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0); /* and again */
  CloseHandle(out);
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host/windows/reaper");
  TCase *test = tcase_create("reaper");
  tcase_set_timeout(test, 90);
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_test(test, test_an_end_before_the_watch);
  tcase_add_test(test, test_an_end_is_told_once);
  tcase_add_test(test, test_many_at_once);
  tcase_add_test(test, test_ends_at_once_need_no_more_threads);
  tcase_add_test(test, test_forget);
  tcase_add_test(test, test_peek);
  tcase_add_test(test, test_a_callback_may_spawn_and_forget);
  tcase_add_test(test, test_stop_with_children_alive);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
