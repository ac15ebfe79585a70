#include "host_windows_process.h"

static void set_up(void) {
  static const struct hp_limits no_limits;
  new_container();
  ck_assert_msg(make_job("signal", &no_limits) == 0, "%s", err.message);
}

static void tear_down(void) {
  drop_container();
}

/* A child that tells which event reached it. */
static void start_handler(struct run *run, HANDLE *out) {
  char line[32];
  start_self("handle", NULL, run, out);
  read_line(*out, line, sizeof line);
  ck_assert_str_eq(line, "ready");
  watch(run);
}

static void assert_event(struct run *run, HANDLE out, DWORD event) {
  char line[32], expected[32];
  snprintf(expected, sizeof expected, "event %lu", (unsigned long)event);
  read_line(out, line, sizeof line);
  ck_assert_str_eq(line, expected);
  wait_for(&run->ends, 1);
  ck_assert_uint_eq(run->status, 100 + event);
  CloseHandle(out);
}

START_TEST(test_events_reach_the_process) {
  static const struct {
    int signal;
    DWORD event;
  } cases[] = {{15, CTRL_SHUTDOWN_EVENT}, {0, CTRL_C_EVENT},      {1, CTRL_BREAK_EVENT},
               {2, CTRL_CLOSE_EVENT},     {5, CTRL_LOGOFF_EVENT}, {6, CTRL_SHUTDOWN_EVENT}};
  struct run run;
  HANDLE out;
  start_handler(&run, &out);
  ck_assert_msg(host_process_signal(run.pid, cases[_i].signal, &err) == 0, "%s", err.message);
  assert_event(&run, out, cases[_i].event);
}
END_TEST

START_TEST(test_a_process_without_a_handler_ends) {
  struct run run;
  HANDLE out;
  start_self("sleep", NULL, &run, &out);
  watch(&run);
  /* Not before it can be: a thread in a process that has not begun waits. */
  ck_assert_msg(host_process_signal(run.pid, 15, &err) == 0, "%s", err.message);
  wait_for(&run.ends, 1);
  CloseHandle(out);
}
END_TEST

START_TEST(test_kill) {
  struct run run;
  HANDLE out;
  start_handler(&run, &out);
  ck_assert_int_eq(host_process_signal(run.pid, 9, &err), 0);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, HP_EXIT_KILLED);
  CloseHandle(out);
}
END_TEST

START_TEST(test_other_signals_are_refused) {
  static const int signals[] = {-1, 3, 4, 7, 10, 14, 16, 64};
  struct run run;
  HANDLE out;
  start_handler(&run, &out);
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    ck_assert_int_eq(host_process_signal(run.pid, signals[i], &err), -1);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "send 15 (SIGTERM"));
    ck_assert_int_eq(host_job_signal(container, signals[i], &err), -1);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  }
  ck_assert_uint_eq(run.ends, 0);
  ck_assert_int_eq(host_process_signal(run.pid, 9, &err), 0);
  wait_for(&run.ends, 1);
  CloseHandle(out);
}
END_TEST

/* A pid that is none of ours is not there, whoever has it. */
START_TEST(test_strangers_are_not_found) {
  ck_assert_int_eq(host_process_signal(GetCurrentProcessId(), 9, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_int_eq(host_process_signal(0, 15, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
}
END_TEST

START_TEST(test_gone_is_not_found) {
  struct run run;
  HANDLE out;
  start_self("exit", "0", &run, &out);
  watch(&run);
  wait_for(&run.ends, 1);
  ck_assert_int_eq(host_process_signal(run.pid, 15, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  CloseHandle(out);
}
END_TEST

START_TEST(test_the_whole_job) {
  struct run first, second;
  HANDLE out_of_first, out_of_second;
  start_handler(&first, &out_of_first);
  start_handler(&second, &out_of_second);
  ck_assert_msg(host_job_signal(container, 15, &err) == 0, "%s", err.message);
  assert_event(&first, out_of_first, CTRL_SHUTDOWN_EVENT);
  assert_event(&second, out_of_second, CTRL_SHUTDOWN_EVENT);
  ck_assert_int_eq(host_job_kill(container, &err), 0);
  ck_assert_msg(host_job_signal(container, 15, &err) == 0, "%s", err.message); /* nobody is left */
}
END_TEST

/* It would take the others' console away; killed it is with all. */
START_TEST(test_the_console_is_not_told) {
  struct run run;
  HANDLE out;
  STARTUPINFOW startup = {.cb = sizeof startup};
  PROCESS_INFORMATION console;
  wchar_t line[] = L"C:\\windows\\system32\\conhost.exe";
  start_handler(&run, &out);
  ck_assert(CreateProcessW(NULL, line, NULL, NULL, FALSE, CREATE_SUSPENDED | DETACHED_PROCESS, NULL, NULL,
                           &startup, &console));
  ck_assert(AssignProcessToJobObject(container->job, console.hProcess));
  ck_assert_msg(host_job_signal(container, 15, &err) == 0, "%s", err.message);
  assert_event(&run, out, CTRL_SHUTDOWN_EVENT);
  ck_assert_uint_eq(WaitForSingleObject(console.hProcess, 500), WAIT_TIMEOUT);
  ck_assert_int_eq(host_job_kill(container, &err), 0);
  ck_assert_uint_eq(WaitForSingleObject(console.hProcess, 10000), WAIT_OBJECT_0);
  CloseHandle(console.hThread);
  CloseHandle(console.hProcess);
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host/windows/signal");
  TCase *test = tcase_create("signal");
  tcase_set_timeout(test, 90);
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_loop_test(test, test_events_reach_the_process, 0, 6);
  tcase_add_test(test, test_a_process_without_a_handler_ends);
  tcase_add_test(test, test_kill);
  tcase_add_test(test, test_other_signals_are_refused);
  tcase_add_test(test, test_strangers_are_not_found);
  tcase_add_test(test, test_gone_is_not_found);
  tcase_add_test(test, test_the_whole_job);
  tcase_add_test(test, test_the_console_is_not_told);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
