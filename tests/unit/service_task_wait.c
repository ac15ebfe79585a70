/* Wait: answered at once, later, or never because nobody waits any more. */
#include "support.h"

#include <stdlib.h>

#include "base/memory.h"
#include "service/task.h"
#include "task_harness.h"

static Containerd__Task__V2__WaitRequest wait_request(void) {
  Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
  request.id = (char *)"c1";
  request.exec_id = (char *)"e1";
  return request;
}

static void forget(struct answer *answer) {
  if (answer->response)
    protobuf_c_message_free_unpacked(answer->response, NULL);
}

/* Sends a Wait and runs the loop until the pod has it. */
static void begin_wait(int version, struct answer *answer) {
  Containerd__Task__V2__WaitRequest request = wait_request();
  task_send(version, "Wait", &request.base, answer);
  for (int i = 0; i < 1000 && !pod.waiter; i++)
    task_settle();
  ck_assert_ptr_nonnull(pod.waiter);
  ck_assert(!answer->came);
}

START_TEST(wait_after_exit_is_answered_at_once) {
  Containerd__Task__V2__WaitRequest request = wait_request();
  pod.has_exited = true;
  pod.exited = (struct hp_exit){9, 42, {1700000000, 1}};
  const Containerd__Task__V2__WaitResponse *response = task_call_ok(_i, "Wait", &request.base);
  ck_assert_str_eq(pod.asked, "wait c1 e1");
  ck_assert_uint_eq(response->exit_status, 42);
  ck_assert_ptr_nonnull(response->exited_at);
  ck_assert_int_eq(response->exited_at->seconds, 1700000000);
}
END_TEST

START_TEST(wait_is_answered_by_the_exit) {
  struct answer answer = {0};
  begin_wait(_i, &answer);
  pod.exited = (struct hp_exit){9, 7, {1700000000, 1}};
  double_pod_exit(&pod);
  task_run_until(&answer.came);
  ck_assert_int_eq(answer.code, TTRPC_OK);
  const Containerd__Task__V2__WaitResponse *response = (const void *)answer.response;
  ck_assert_uint_eq(response->exit_status, 7);
  forget(&answer);
}
END_TEST

START_TEST(wait_for_an_unknown_id_fails) {
  Containerd__Task__V2__WaitRequest request = wait_request();
  hp_error_set(&pod.failure, HP_NOT_FOUND, "no task c1");
  task_call_fails(_i, "Wait", &request.base, TTRPC_NOT_FOUND, "no task c1");
}
END_TEST

START_TEST(other_calls_are_answered_meanwhile) {
  struct answer answer = {0};
  Containerd__Task__V2__PauseRequest request = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;
  begin_wait(_i, &answer);
  task_call_ok(_i, "Pause", &request.base);
  ck_assert(!answer.came);
  double_pod_exit(&pod);
  task_run_until(&answer.came);
  forget(&answer);
}
END_TEST

START_TEST(an_abandoned_wait_is_cancelled) {
  struct answer answer = {0};
  begin_wait(_i, &answer);
  task_hang_up();
  for (int i = 0; i < 1000 && pod.waits_cancelled == 0; i++)
    task_settle();
  ck_assert_uint_eq(pod.waits_cancelled, 1);
  ck_assert_ptr_null(pod.waiter);
  ck_assert(answer.came);
  ck_assert_int_eq(answer.code, TTRPC_UNAVAILABLE);
}
END_TEST

/* The fixture frees the service with the wait still there: valgrind and the
 * loop's emptiness judge. */
START_TEST(the_end_of_the_service_ends_its_waits) {
  static struct answer answer;
  answer = (struct answer){0};
  begin_wait(_i, &answer);
  hp_task_service_free(service);
  service = NULL;
  task_run_until(&answer.came);
  ck_assert_uint_eq(pod.waits_cancelled, 1);
  ck_assert_int_eq(answer.code, TTRPC_CANCELLED);
}
END_TEST

/* A client that gives up again and again leaves its Waits here: the connection
 * must go on taking other calls, a Kill above all. */
START_TEST(too_many_waits_are_refused_and_nothing_else) {
  Containerd__Task__V2__WaitRequest request = wait_request();
  Containerd__Task__V2__KillRequest kill = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
  struct answer *answers = hp_alloc(HP_TASK_WAITS_MAX * sizeof *answers);
  for (size_t i = 0; i < HP_TASK_WAITS_MAX; i++)
    task_send(_i, "Wait", &request.base, &answers[i]);
  task_call_fails(_i, "Wait", &request.base, TTRPC_RESOURCE_EXHAUSTED, "3000 Waits");
  task_call_ok(_i, "Kill", &kill.base);
  ck_assert(!answers[0].came);

  double_pod_exit(&pod);
  for (size_t i = 0; i < HP_TASK_WAITS_MAX; i++) {
    task_run_until(&answers[i].came);
    ck_assert_int_eq(answers[i].code, TTRPC_OK);
    forget(&answers[i]);
  }
  free(answers);
  pod.has_exited = true;
  task_call_ok(_i, "Wait", &request.base);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      wait_after_exit_is_answered_at_once,
      wait_is_answered_by_the_exit,
      wait_for_an_unknown_id_fails,
      other_calls_are_answered_meanwhile,
      an_abandoned_wait_is_cancelled,
      the_end_of_the_service_ends_its_waits,
      too_many_waits_are_refused_and_nothing_else,
  };
  Suite *suite = suite_create("service/task_wait");
  TCase *tcase = tcase_create("wait");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, task_harness_setup, task_harness_teardown);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
    tcase_add_loop_test(tcase, tests[i], 2, 4);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
