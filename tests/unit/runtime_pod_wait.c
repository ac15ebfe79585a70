/* Nothing waits for somebody else's stuck operation; who waits for what; Update and Stats. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "double_containerd.h"
#include "double_host.h"
#include "support.h"

START_TEST(hanging_create_holds_up_nobody_else) {
  struct answer hanging, answer;
  ck_assert_int_eq(create("c1"), HP_OK);
  double_hold("make c2");
  send_create("c2", make_bundle("c2", NULL, NULL), &hanging);
  run_until_held();
  ck_assert_int_eq(status_of("c1", NULL), HP_CREATED);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  send_stats("c1", &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_int_eq(create("c3"), HP_OK);
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_int_eq(delete ("c3", NULL), HP_OK);
  ck_assert(!hanging.there);
  double_let_go();
  ck_assert_int_eq(receive(&hanging), HP_OK);
  ck_assert_int_eq(delete ("c2", NULL), HP_OK);
}
END_TEST

START_TEST(id_is_taken_while_it_is_created) {
  struct answer hanging;
  double_hold("plan c1");
  send_create("c1", make_bundle("c1", NULL, NULL), &hanging);
  run_until_held();
  ck_assert(!hp_pod_empty(pod));
  ck_assert_int_eq(create_in("c1", make_bundle("other", NULL, NULL)), HP_ALREADY_EXISTS);
  ck_assert_int_eq(start("c1", NULL), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(status_of("c1", NULL), -1);
  double_let_go();
  ck_assert_int_eq(receive(&hanging), HP_OK);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(pod_freed_while_a_create_hangs) {
  struct answer hanging;
  double_hold("make c1 mount");
  send_create("c1", make_bundle("c1", NULL, NULL), &hanging);
  run_until_held();
  hp_pod_free(pod);
  pod = NULL;
  double_let_go();
  receive(&hanging); /* whatever it says, it says it once */
  run_a_while();
  ck_assert_str_eq(events(), "");
}
END_TEST

START_TEST(state_answers_while_a_start_hangs) {
  struct answer hanging, stats;
  ck_assert_int_eq(create("c1"), HP_OK);
  double_hold("spawn c1");
  send_start("c1", NULL, &hanging);
  run_until_held();
  ck_assert_int_eq(status_of("c1", NULL), HP_CREATED);
  ck_assert_int_eq(start("c1", NULL), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(delete ("c1", NULL), HP_FAILED_PRECONDITION);
  send_stats("c1", &stats);
  run_a_while();
  ck_assert(!stats.there); /* one operation at a time */
  double_let_go();
  ck_assert_int_eq(receive(&stats), HP_OK);
  ck_assert_uint_lt(hanging.order, stats.order);
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(update_lays_the_change_over_what_was) {
  struct answer answer;
  ck_assert_int_eq(create("c1"), HP_OK);
  send_update("c1", 0, 512, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert(double_called("update c1 memory=1000000 shares=512"));
  double_fail_always("update");
  send_update("c1", 5000000, 0, &answer);
  ck_assert_int_eq(receive(&answer), HP_INTERNAL);
  double_fail_always(NULL);
  double_forget_log();
  send_update("c1", 0, 1024, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_str_eq(double_log(),
                   "update c1 memory=1000000 shares=1024\n"); /* the refused one left no trace */
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

/* The CRI sends all of the spec's resources again, whatever it is to change. */
START_TEST(an_annotation_lies_over_every_update) {
  static const char text[] = "{\"annotations\":{\"" HP_ANNOTATION_HOSTPROCESS "\":\"true\","
                             "\"io.microsoft.container.memory.sizeinmb\":\"1\"},"
                             "\"process\":{\"args\":[\"x\"],\"user\":{\"username\":\"SYSTEM\"}},"
                             "\"windows\":{\"resources\":{\"memory\":{\"limit\":5000000}}}}";
  struct answer answer;
  const char *bundle = make_bundle("c1", NULL, NULL);
  char *config = hp_printf("%s/config.json", bundle);
  unit_write(config, text, sizeof text - 1);
  free(config);
  ck_assert_int_eq(create_in("c1", bundle), HP_OK);
  send_update("c1", 5000000, 512, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert(double_called("update c1 memory=1048576 shares=512"));
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(first_come_first_told) {
  struct answer first, canceled, second, third;
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  send_wait("c1", NULL, &first);
  struct hp_waiter *unwanted = send_wait("c1", NULL, &canceled);
  send_wait("c1", NULL, &second);
  hp_pod_wait_cancel(pod, unwanted);
  send_wait("c1", NULL, &third);
  double_exit(pid_of("c1", NULL), 0);
  ck_assert_int_eq(receive(&third), HP_OK);
  ck_assert(!canceled.there);
  ck_assert_uint_lt(first.order, second.order);
  ck_assert_uint_lt(second.order, third.order);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

static void put_policy(const char *path, const char *text) {
  unit_write(path, text, strlen(text));
}

START_TEST(the_policy_is_read_anew) {
  struct answer answer;
  char *path = hp_printf("%s/policy.json", directory);
  put_policy(path, "{}");
  ck_assert_int_eq(uv_os_setenv("HOSTPROCESS_POLICY", path), 0);
  ck_assert_int_eq(create("c1"), HP_OK);
  put_policy(path, "{\"accounts\": [], \"limits\": {\"memory\": 2000000}}");
  ck_assert_int_eq(create("c2"), HP_INVALID_ARGUMENT);
  send_update("c1", 3000000, 0, &answer);
  ck_assert_int_eq(receive(&answer), HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(answer.message, "policy.json"));
  put_policy(path, "{}");
  ck_assert_int_eq(create("c3"), HP_OK);
  send_update("c1", 3000000, 0, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_int_eq(uv_os_unsetenv("HOSTPROCESS_POLICY"), 0);
  ck_assert_int_eq(remove(path), 0);
  free(path);
  ck_assert_int_eq(delete ("c3", NULL), HP_OK);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(pids_are_never_empty) {
  struct answer answer;
  ck_assert_int_eq(create("c1"), HP_OK);
  send_pids("c1", &answer);
  ck_assert(answer.there); /* the shim's own, without a look at the job */
  ck_assert_uint_eq(answer.count, 1);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  uint32_t pid = pid_of("c1", NULL);
  double_exit(pid, 0);
  run_a_while();
  send_pids("c1", &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_uint_eq(answer.count, 1);
  ck_assert_uint_eq(answer.pids[0].pid, pid);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_pod_wait");
  TCase *tests = tcase_create("wait");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, hanging_create_holds_up_nobody_else);
  tcase_add_test(tests, id_is_taken_while_it_is_created);
  tcase_add_test(tests, pod_freed_while_a_create_hangs);
  tcase_add_test(tests, state_answers_while_a_start_hangs);
  tcase_add_test(tests, update_lays_the_change_over_what_was);
  tcase_add_test(tests, an_annotation_lies_over_every_update);
  tcase_add_test(tests, first_come_first_told);
  tcase_add_test(tests, the_policy_is_read_anew);
  tcase_add_test(tests, pids_are_never_empty);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
