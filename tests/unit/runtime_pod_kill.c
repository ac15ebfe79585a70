/* Kill, Pause and Resume, and what init leaves behind. */
#include <string.h>

#include "double_containerd.h"
#include "double_host.h"
#include "support.h"

static void set_up_running(void) {
  set_up();
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  double_forget_log();
}

/* Ends what the test left and sees that everything goes. */
static void tear_down_running(void) {
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
  tear_down();
}

START_TEST(signal_goes_to_init_alone) {
  ck_assert_int_eq(kill_with("c1", NULL, 15), HP_OK);
  ck_assert_str_eq(double_log(), "signal 1 15\n");
  ck_assert_int_eq(status_of("c1", NULL), HP_RUNNING);
}
END_TEST

START_TEST(all_goes_to_the_job) {
  struct answer answer;
  send_kill("c1", NULL, 15, true, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_str_eq(double_log(), "job_signal c1 15\n");
}
END_TEST

START_TEST(sigkill_of_init_ends_the_job) {
  ck_assert_int_eq(kill_with("c1", NULL, 9), HP_OK);
  ck_assert_str_eq(double_log(), "signal 1 9\njob_kill c1\n");
}
END_TEST

START_TEST(sigkill_reaches_init_whatever_is_stuck) {
  struct answer stats, killed;
  double_hold("stats c1");
  send_stats("c1", &stats);
  run_until_held();
  send_kill("c1", NULL, 9, false, &killed);
  ck_assert(double_called("signal 1 9"));
  double_exit(pid_of("c1", NULL), 137);
  run_a_while();
  ck_assert_int_eq(status_of("c1", NULL), HP_STOPPED); /* nor does its exit wait */
  double_let_go();
  receive(&killed);
  ck_assert_int_eq(receive(&stats), HP_OK);
}
END_TEST

START_TEST(the_host_says_what_a_signal_is) {
  ck_assert_int_eq(kill_with("c1", NULL, 65), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(kill_with("c1", NULL, UINT32_MAX), HP_INVALID_ARGUMENT);
  ck_assert_str_eq(double_log(), "");
  ck_assert_int_eq(kill_with("c1", NULL, 64), HP_OK);
  ck_assert_int_eq(kill_with("c1", NULL, 0), HP_OK);
  ck_assert_str_eq(double_log(), "signal 1 64\nsignal 1 0\n");
}
END_TEST

START_TEST(finished_process_is_not_found) {
  struct answer answer;
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  send_kill("c1", NULL, 9, true, &answer);
  ck_assert_int_eq(receive(&answer), HP_NOT_FOUND);
  ck_assert_str_eq(answer.message, "process already finished");
}
END_TEST

START_TEST(signals_during_start_are_delivered_after_it) {
  struct answer started, first, second, third;
  ck_assert_int_eq(create("c2"), HP_OK);
  double_hold("spawn c2");
  send_start("c2", NULL, &started);
  run_until_held();
  send_kill("c2", NULL, 10, false, &first);
  send_kill("c2", NULL, 12, false, &second);
  send_kill("c2", NULL, 9, false, &third);
  double_forget_log();
  run_a_while();
  ck_assert(!first.there && !second.there && !third.there);
  double_let_go();
  ck_assert_int_eq(receive(&third), HP_OK);
  ck_assert_str_eq(double_log(), "watch_oom c2\nsignal 2 10\nsignal 2 12\njob_kill c2\n");
  ck_assert_uint_lt(event_order("start c2"), started.order);
  ck_assert_uint_lt(started.order, first.order);
  ck_assert_uint_lt(first.order, second.order);
  double_exit(pid_of("c2", NULL), 137);
  run_a_while();
  ck_assert_int_eq(delete ("c2", NULL), HP_OK);
}
END_TEST

START_TEST(signal_during_a_start_that_fails) {
  struct answer started, killed;
  ck_assert_int_eq(create("c2"), HP_OK);
  double_hold("spawn c2");
  send_start("c2", NULL, &started);
  run_until_held();
  send_kill("c2", NULL, 15, false, &killed);
  double_fail_always("spawn c2");
  double_let_go();
  ck_assert_int_eq(receive(&started), HP_INTERNAL);
  ck_assert_int_eq(receive(&killed), HP_NOT_FOUND);
  ck_assert_int_eq(delete ("c2", NULL), HP_OK);
}
END_TEST

START_TEST(created_task_ends_without_a_signal) {
  static const struct { uint32_t signal, status; } cases[] = {{9, 137}, {15, 143}, {2, 130}};
  for (size_t i = 0; i < 3; i++) {
    struct answer wait, deleted;
    char id[] = "k0";
    id[1] = (char)('0' + (char)i);
    ck_assert_int_eq(create(id), HP_OK);
    send_wait(id, NULL, &wait);
    double_forget_log();
    ck_assert_int_eq(kill_with(id, NULL, cases[i].signal), HP_OK);
    ck_assert_str_eq(double_log(), ""); /* its pid is the shim's own */
    ck_assert_int_eq(receive(&wait), HP_OK);
    ck_assert_uint_eq(wait.exited.status, cases[i].status);
    ck_assert_uint_eq(wait.exited.pid, (uint32_t)uv_os_getpid());
    char *line = hp_printf("exit %s status=%u", id, cases[i].status);
    ck_assert_uint_ne(event_order(line), 0);
    ck_assert_uint_lt(event_order(line), wait.order);
    free(line);
    ck_assert_int_eq(status_of(id, NULL), HP_STOPPED);
    ck_assert_int_eq(start(id, NULL), HP_FAILED_PRECONDITION);
    send_delete(id, NULL, &deleted);
    ck_assert_int_eq(receive(&deleted), HP_OK);
    ck_assert_uint_eq(deleted.exited.status, cases[i].status);
  }
}
END_TEST

START_TEST(pause_and_resume) {
  struct answer answer;
  send_pause("c1", false, &answer);
  ck_assert_int_eq(receive(&answer), HP_FAILED_PRECONDITION);
  send_pause("c1", true, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_int_eq(status_of("c1", NULL), HP_PAUSED);
  send_pause("c1", true, &answer);
  ck_assert_int_eq(receive(&answer), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK);
  ck_assert_int_eq(start("c1", "e1"), HP_FAILED_PRECONDITION); /* it would hang in a frozen job */
  send_pause("c1", false, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_int_eq(status_of("c1", NULL), HP_RUNNING);
  ck_assert_uint_lt(event_order("paused c1"), event_order("resumed c1"));
}
END_TEST

START_TEST(failed_pause_changes_nothing) {
  struct answer answer;
  double_fail_always("pause");
  send_pause("c1", true, &answer);
  ck_assert_int_eq(receive(&answer), HP_INTERNAL);
  ck_assert_int_eq(status_of("c1", NULL), HP_RUNNING);
  ck_assert_uint_eq(event_order("paused c1"), 0);
}
END_TEST

START_TEST(sigkill_thaws) {
  struct answer answer;
  send_pause("c1", true, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_int_eq(kill_with("c1", NULL, 9), HP_OK);
  ck_assert(double_called("job_kill c1"));
  ck_assert_int_eq(status_of("c1", NULL), HP_RUNNING);
}
END_TEST

START_TEST(remains_are_asked_then_killed) {
  struct answer wait;
  send_wait("c1", NULL, &wait);
  double_leave_behind(2);
  double_exit(pid_of("c1", NULL), 0);
  ck_assert_int_eq(receive(&wait), HP_OK); /* the exit is not held up by them */
  run_until_called("job_signal c1 15");
  ck_assert(!double_called("job_kill c1"));
  run_until_called("job_kill c1");
}
END_TEST

START_TEST(delete_does_not_wait_for_remains) {
  double_leave_behind(2);
  double_exit(pid_of("c1", NULL), 0);
  run_until_called("job_signal c1 15");
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert(double_called("job_kill c1"));
  ck_assert_int_eq(create_in("c1", make_bundle("again", NULL, NULL)), HP_OK); /* for tear_down */
}
END_TEST

START_TEST(empty_job_is_left_in_peace) {
  double_exit(pid_of("c1", NULL), 0);
  run_until_called("pids c1");
  run_a_while();
  ck_assert_str_eq(double_log(), "pids c1\n");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_pod_kill");
  TCase *tests = tcase_create("kill");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up_running, tear_down_running);
  tcase_add_test(tests, signal_goes_to_init_alone);
  tcase_add_test(tests, all_goes_to_the_job);
  tcase_add_test(tests, sigkill_of_init_ends_the_job);
  tcase_add_test(tests, sigkill_reaches_init_whatever_is_stuck);
  tcase_add_test(tests, the_host_says_what_a_signal_is);
  tcase_add_test(tests, finished_process_is_not_found);
  tcase_add_test(tests, signals_during_start_are_delivered_after_it);
  tcase_add_test(tests, signal_during_a_start_that_fails);
  tcase_add_test(tests, created_task_ends_without_a_signal);
  tcase_add_test(tests, pause_and_resume);
  tcase_add_test(tests, failed_pause_changes_nothing);
  tcase_add_test(tests, sigkill_thaws);
  tcase_add_test(tests, remains_are_asked_then_killed);
  tcase_add_test(tests, delete_does_not_wait_for_remains);
  tcase_add_test(tests, empty_job_is_left_in_peace);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
