#include "service/request_log.h"

#include "log_lines.h"
#include "support.h"
#include "task_harness.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

START_TEST(trace_of_a_traceparent) {
  static const char *const good[] = {
      "00-" TRACE "-" PARENT "-01",
      "00-" TRACE "-" PARENT "-00",
      "01-" TRACE "-" PARENT "-01",
      "cc-" TRACE "-" PARENT "-01-what-a-later-version-adds",
  };
  char trace[HP_TRACE_ID_SIZE];
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    ck_assert_msg(hp_trace_id(good[i], trace), "%s", good[i]);
    ck_assert_str_eq(trace, TRACE);
  }
}
END_TEST

START_TEST(what_is_no_traceparent) {
  static const char *const bad[] = {
      "",
      "00",
      "00-" TRACE "-" PARENT,
      "00-" TRACE "-" PARENT "-",
      "00-" TRACE "-" PARENT "-0",
      "00-" TRACE "-" PARENT "-01-more",
      "00-" TRACE "-" PARENT "-011",
      "01-" TRACE "-" PARENT "-01.more",
      "ff-" TRACE "-" PARENT "-01",
      "0g-" TRACE "-" PARENT "-01",
      "00-00000000000000000000000000000000-" PARENT "-01",
      "00-" TRACE "-0000000000000000-01",
      "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
      "00_" TRACE "-" PARENT "-01",
      "00-" TRACE "_" PARENT "-01",
      "00-" TRACE "-" PARENT "_01",
      "00-" TRACE "-" PARENT "-0z",
      "00-0af7651916cd43dd8448eb211c80319\n-" PARENT "-01",
      "00-0af7651916cd43dd\" level=error msg-" PARENT "-01",
  };
  char trace[HP_TRACE_ID_SIZE];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    strcpy(trace, "x");
    ck_assert_msg(!hp_trace_id(bad[i], trace), "%s", bad[i]);
    ck_assert_str_eq(trace, "");
  }
  ck_assert(!hp_trace_id(NULL, trace));
}
END_TEST

static void set_up_logged(void) {
  task_harness_setup();
  log_lines_begin(HP_LOG_INFO);
}

static void tear_down_logged(void) {
  log_lines_end();
  task_harness_teardown();
}

/* The whole chain, once, with method, code and ids. */
START_TEST(failure_is_one_line) {
  Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;
  request.id = (char *)(uintptr_t) "c1";
  request.exec_id = (char *)(uintptr_t) "e1";
  hp_error_set(&pod.failure, HP_NOT_FOUND, "no such file");
  hp_error_wrap(&pod.failure, "volume \"%s\"", "C:\\hpc");
  task_call_fails(_i, "Start", &request.base, TTRPC_NOT_FOUND, "no such file");
  log_lines_are("level=error msg=\"Start failed: NotFound: volume \\\"C:\\\\hpc\\\": no such file\" id=c1 "
                "exec_id=e1\n");
  ck_assert_ptr_null(hp_log_current());
}
END_TEST

START_TEST(what_clients_ask_as_a_matter_of_course) {
  Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
  request.id = (char *)(uintptr_t) "c1";
  hp_error_set(&pod.failure, HP_NOT_FOUND, "process already finished");
  task_call_fails(_i, "Kill", &request.base, TTRPC_NOT_FOUND, "finished");
  hp_error_set(&pod.failure, HP_UNIMPLEMENTED, "not here");
  task_call_fails(_i, "Kill", &request.base, TTRPC_UNIMPLEMENTED, "not here");
  log_lines_are("");
  hp_log_set_level(HP_LOG_DEBUG);
  task_call_fails(_i, "Kill", &request.base, TTRPC_UNIMPLEMENTED, "not here");
  log_lines_are("level=debug msg=\"Kill failed: Unimplemented: not here\" id=c1\n");
  hp_error_set(&pod.failure, HP_INTERNAL, "cannot");
  task_call_fails(_i, "Kill", &request.base, TTRPC_INTERNAL, "cannot");
  log_lines_are("level=error msg=\"Kill failed: Internal: cannot\" id=c1\n");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("service_request_log");
  TCase *traces = tcase_create("traceparent"), *failures = tcase_create("failures");
  tcase_add_test(traces, trace_of_a_traceparent);
  tcase_add_test(traces, what_is_no_traceparent);
  tcase_set_timeout(failures, 60);
  tcase_add_checked_fixture(failures, set_up_logged, tear_down_logged);
  tcase_add_loop_test(failures, failure_is_one_line, 2, 4);
  tcase_add_loop_test(failures, what_clients_ask_as_a_matter_of_course, 2, 4);
  suite_add_tcase(suite, traces);
  suite_add_tcase(suite, failures);
  return hp_run_suite(suite);
}
