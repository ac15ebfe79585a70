/* The n-th thing asked of the host fails, for every n: what was made goes, the
 * answer is an error, and the pod goes on. */
#include <string.h>

#include "double_containerd.h"
#include "double_host.h"
#include "runtime/journal.h"
#include "support.h"

static bool has_journal(const char *bundle) {
  char *path = hp_printf("%s/%s", bundle, HP_JOURNAL_NAME);
  bool there = unit_exists(path);
  free(path);
  return there;
}

START_TEST(every_failing_call_of_create) {
  const char *bundle = make_bundle("c1", NULL, NULL);
  unsigned n = 1;
  for (;; n++) {
    double_fail_at(n);
    enum hp_code code = create_in("c1", bundle);
    if (!double_has_failed())
      break;
    ck_assert_int_eq(code, HP_INTERNAL);
    ck_assert_uint_eq(double_things(), 0);
    ck_assert_uint_eq(double_containers(), 0);
    ck_assert_uint_eq(double_streams(), 0);
    ck_assert(!has_journal(bundle));
    ck_assert(hp_pod_empty(pod));
    ck_assert_str_eq(events(), "");
  }
  ck_assert_uint_eq(n, 6); /* plan, three things, streams */
  double_fail_at(0);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(undoing_a_create_fails_too) {
  const char *bundle = make_bundle("c1", NULL, NULL);
  double_fail_always("release c1 mount");
  double_fail_at(5); /* the streams: everything is made by then */
  ck_assert_int_eq(create_in("c1", bundle), HP_INTERNAL);
  ck_assert_uint_eq(double_things(), 1);
  ck_assert(has_journal(bundle)); /* so that `delete` knows */
  ck_assert(hp_pod_empty(pod));
  double_fail_always(NULL);
  bool alive = true;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_release_bundle(bundle, &alive, &err), 0);
  ck_assert(!alive);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(failed_start_of_init) {
  struct answer wait, started;
  ck_assert_int_eq(create("c1"), HP_OK);
  send_wait("c1", NULL, &wait);
  double_fail_always("spawn");
  send_start("c1", NULL, &started);
  ck_assert_int_eq(receive(&started), HP_INTERNAL);
  ck_assert_ptr_nonnull(strstr(started.message, "spawn c1 /bin/true was made to fail"));
  ck_assert_uint_eq(double_streams(), 0);
  ck_assert_int_eq(status_of("c1", NULL), HP_STOPPED);
  ck_assert_int_eq(receive(&wait), HP_OK);
  ck_assert_uint_eq(wait.exited.status, 255);
  ck_assert_int_eq(start("c1", NULL), HP_FAILED_PRECONDITION);
  ck_assert_str_eq(events(), "create c1\n");
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

/* NotFound would say that there is no such task; after a Delete, that it is gone. */
START_TEST(what_the_host_lacks_is_not_the_task) {
  const char *bundle = make_bundle("c1", NULL, NULL);
  double_fail_with(HP_NOT_FOUND);
  for (unsigned n = 1; n <= 5; n++) { /* plan, three things, streams */
    double_fail_at(n);
    ck_assert_int_eq(create_in("c1", bundle), HP_INVALID_ARGUMENT);
  }
  ck_assert_int_eq(create_in("c1", bundle), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK);
  double_fail_always("open c1 exec");
  ck_assert_int_eq(start("c1", "e1"), HP_INVALID_ARGUMENT);
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  double_fail_always("release c1 mount");
  ck_assert_int_eq(delete ("c1", NULL), HP_INTERNAL);
  double_fail_always(NULL);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(memory_watch_that_fails_fails_nothing) {
  ck_assert_int_eq(create("c1"), HP_OK);
  double_fail_always("watch_oom");
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  double_exit(pid_of("c1", NULL), 137);
  run_a_while();
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(remains_that_cannot_be_seen_fail_nothing) {
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  double_fail_always("pids");
  double_exit(pid_of("c1", NULL), 137);
  run_until_called("pids c1");
  run_a_while();
  ck_assert_int_eq(status_of("c1", NULL), HP_STOPPED);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(every_failing_call_of_a_whole_life) {
  unsigned n = 1;
  for (bool failed = true; failed; n++) {
    char id[16];
    snprintf(id, sizeof id, "c%u", n);
    const char *bundle = make_bundle(id, NULL, NULL);
    double_fail_at(n);
    struct answer answer;
    if (create_in(id, bundle) == HP_OK && start(id, NULL) == HP_OK) {
      if (add_exec(id, "e1") == HP_OK && start(id, "e1") == HP_OK)
        double_exit(pid_of(id, "e1"), 0);
      send_pids(id, &answer);
      receive(&answer);
      send_stats(id, &answer);
      receive(&answer);
      send_update(id, 1 << 20, 0, &answer);
      receive(&answer);
      send_pause(id, true, &answer);
      receive(&answer);
      send_pause(id, false, &answer);
      receive(&answer);
      kill_with(id, NULL, 9);
      double_exit(pid_of(id, NULL), 137);
      run_a_while();
    }
    if (status_of(id, NULL) >= 0 && delete (id, NULL) != HP_OK)
      ck_assert_int_eq(delete (id, NULL), HP_OK);
    failed = double_has_failed();
    ck_assert_msg(double_things() == 0, "failing call %u leaves %zu things; calls:\n%s", n, double_things(),
                  double_log());
    ck_assert_uint_eq(double_streams(), 0);
    ck_assert_uint_eq(double_containers(), 0);
    ck_assert_uint_eq(double_watched(), 0);
    ck_assert(!has_journal(bundle));
    ck_assert(hp_pod_empty(pod));
  }
  ck_assert_uint_gt(n, 15);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_pod_failure");
  TCase *tests = tcase_create("failure");
  tcase_set_timeout(tests, 110);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, every_failing_call_of_create);
  tcase_add_test(tests, undoing_a_create_fails_too);
  tcase_add_test(tests, failed_start_of_init);
  tcase_add_test(tests, what_the_host_lacks_is_not_the_task);
  tcase_add_test(tests, memory_watch_that_fails_fails_nothing);
  tcase_add_test(tests, remains_that_cannot_be_seen_fail_nothing);
  tcase_add_test(tests, every_failing_call_of_a_whole_life);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
