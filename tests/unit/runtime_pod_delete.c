/* Delete in every state, twice, and with something that will not go. */
#include <stdio.h>
#include <string.h>

#include "double_containerd.h"
#include "double_host.h"
#include "runtime/journal.h"
#include "support.h"

static bool has_journal(const char *id) {
  char *path = hp_printf("%s/%s/%s", directory, id, HP_JOURNAL_NAME);
  bool there = unit_exists(path);
  free(path);
  return there;
}

static void run_and_exit(const char *id) {
  ck_assert_int_eq(create(id), HP_OK);
  ck_assert_int_eq(start(id, NULL), HP_OK);
  double_exit(pid_of(id, NULL), 0);
  run_a_while();
}

START_TEST(created_task_can_be_deleted) {
  struct answer wait;
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert(has_journal("c1"));
  send_wait("c1", NULL, &wait);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_int_eq(receive(&wait), HP_OK);
  ck_assert_uint_eq(wait.exited.status, 137);
  ck_assert_uint_eq(double_things(), 0);
  ck_assert(!has_journal("c1"));
}
END_TEST

START_TEST(id_can_be_used_again) {
  const char *bundle = make_bundle("c1", NULL, NULL);
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(create_in("c1", bundle), HP_OK);
    ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  }
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(second_of_two_finds_nothing) {
  struct answer first, second, stats;
  run_and_exit("c1");
  double_hold("release c1");
  send_delete("c1", NULL, &first);
  run_until_held();
  send_delete("c1", NULL, &second);
  send_stats("c1", &stats);
  ck_assert_int_eq(start("c1", NULL), HP_FAILED_PRECONDITION);
  double_let_go();
  ck_assert_int_eq(receive(&second), HP_NOT_FOUND);
  ck_assert_int_eq(receive(&stats), HP_NOT_FOUND);
  ck_assert_int_eq(receive(&first), HP_OK);
  ck_assert_uint_lt(first.order, second.order);
}
END_TEST

START_TEST(failed_release_is_named_and_can_be_repeated) {
  struct answer answer;
  run_and_exit("c1");
  double_fail_always("release c1 mount");
  send_delete("c1", NULL, &answer);
  ck_assert_int_eq(receive(&answer), HP_INTERNAL);
  ck_assert_ptr_nonnull(strstr(answer.message, "mount of the container cannot be released"));
  ck_assert_int_eq(status_of("c1", NULL), HP_STOPPED);
  ck_assert_uint_eq(event_order("delete c1 status=0"), 0);
  ck_assert_uint_eq(double_things(), 1); /* the others went */
  send_stats("c1", &answer);
  ck_assert_int_eq(receive(&answer), HP_FAILED_PRECONDITION);
  send_pids("c1", &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);

  double_fail_always(NULL);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(created_task_is_stopped_after_a_failed_delete) {
  ck_assert_int_eq(create("c1"), HP_OK);
  double_fail_always("release");
  ck_assert_int_eq(delete ("c1", NULL), HP_INTERNAL);
  ck_assert_int_eq(status_of("c1", NULL), HP_STOPPED);
  ck_assert_int_eq(start("c1", NULL), HP_FAILED_PRECONDITION);
  double_fail_always(NULL);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(job_that_cannot_be_killed_is_left_to_the_release) {
  run_and_exit("c1");
  double_fail_always("job_kill");
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(delete_of_a_hanging_create_waits_for_it) {
  struct answer created, deleted;
  double_hold("make c1 mount");
  send_create("c1", make_bundle("c1", NULL, NULL), &created);
  run_until_held();
  send_delete("c1", NULL, &deleted);
  run_a_while();
  ck_assert(!deleted.there);
  double_let_go();
  ck_assert_int_eq(receive(&deleted), HP_OK);
  ck_assert_int_eq(receive(&created), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(delete_of_a_create_that_fails) {
  struct answer created, deleted;
  double_hold("make c1 mount");
  send_create("c1", make_bundle("c1", NULL, NULL), &created);
  run_until_held();
  send_delete("c1", NULL, &deleted);
  double_fail_always("make c1 mount");
  double_let_go();
  ck_assert_int_eq(receive(&created), HP_INTERNAL);
  ck_assert_int_eq(receive(&deleted), HP_NOT_FOUND);
  ck_assert_uint_eq(double_things(), 0);
  ck_assert(hp_pod_empty(pod));
}
END_TEST

START_TEST(execs_go_with_their_container) {
  struct answer running, fresh, draining;
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  static const char *const ids[] = {"fresh", "running", "draining", "over"};
  for (size_t i = 0; i < 4; i++) {
    ck_assert_int_eq(add_exec("c1", ids[i]), HP_OK);
    if (i > 0)
      ck_assert_int_eq(start("c1", ids[i]), HP_OK);
  }
  double_exit(pid_of("c1", "over"), 0);
  send_wait("c1", "running", &running);
  send_wait("c1", "fresh", &fresh);
  send_wait("c1", "draining", &draining);
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  double_hold_drains();
  double_exit(pid_of("c1", "draining"), 5);
  run_a_while();

  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_int_eq(receive(&running), HP_OK);
  ck_assert_uint_eq(running.exited.status, 137);
  ck_assert_int_eq(receive(&fresh), HP_OK);
  ck_assert_int_eq(receive(&draining), HP_OK);
  ck_assert_uint_eq(draining.exited.status, 5);
  ck_assert_uint_lt(event_order("exit c1 running status=137"), event_order("delete c1 status=0"));
  ck_assert_uint_ne(event_order("exit c1 running status=137"), 0);
}
END_TEST

START_TEST(every_journaled_record_is_on_disk_before_its_thing) {
  struct answer created;
  double_hold("make c1 cgroup");
  send_create("c1", make_bundle("c1", NULL, NULL), &created);
  run_until_held();
  char *bundle = hp_printf("%s/c1", directory);
  json_t *records = NULL;
  bool alive = false;
  char *damage = NULL;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_journal_read(bundle, &records, &alive, &damage, &err), 0);
  ck_assert(alive);
  ck_assert_uint_eq(json_array_size(records), 3);
  ck_assert_str_eq(json_string_value(json_object_get(json_array_get(records, 2), "kind")), "cgroup");
  json_decref(records);
  free(bundle);
  double_let_go();
  ck_assert_int_eq(receive(&created), HP_OK);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_pod_delete");
  TCase *tests = tcase_create("delete");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, created_task_can_be_deleted);
  tcase_add_test(tests, id_can_be_used_again);
  tcase_add_test(tests, second_of_two_finds_nothing);
  tcase_add_test(tests, failed_release_is_named_and_can_be_repeated);
  tcase_add_test(tests, created_task_is_stopped_after_a_failed_delete);
  tcase_add_test(tests, job_that_cannot_be_killed_is_left_to_the_release);
  tcase_add_test(tests, delete_of_a_hanging_create_waits_for_it);
  tcase_add_test(tests, delete_of_a_create_that_fails);
  tcase_add_test(tests, execs_go_with_their_container);
  tcase_add_test(tests, every_journaled_record_is_on_disk_before_its_thing);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
