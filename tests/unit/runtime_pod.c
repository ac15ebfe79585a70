/* A container's way through its life: codes, states and the order of events. */
#include "runtime/pod.h"

#include <string.h>

#include "double_containerd.h"
#include "double_host.h"
#include "runtime/container.h"
#include "support.h"

START_TEST(life_of_a_container) {
  struct answer wait, deleted;
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(status_of("c1", NULL), HP_CREATED);
  ck_assert_uint_eq(pid_of("c1", NULL), (uint32_t)uv_os_getpid());
  ck_assert_ptr_nonnull(send_wait("c1", NULL, &wait));
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  ck_assert_int_eq(status_of("c1", NULL), HP_RUNNING);
  uint32_t pid = pid_of("c1", NULL);
  ck_assert_uint_ne(pid, (uint32_t)uv_os_getpid());
  ck_assert(!wait.there);

  double_exit(pid, 3);
  ck_assert_int_eq(receive(&wait), HP_OK);
  ck_assert_uint_eq(wait.exited.status, 3);
  ck_assert_uint_eq(wait.exited.pid, pid);
  ck_assert_int_eq(wait.exited.when.seconds, 1000000003); /* when it exited, not when it was told */
  ck_assert_int_eq(status_of("c1", NULL), HP_STOPPED);
  ck_assert_uint_lt(event_order("exit c1 status=3"), wait.order);

  ck_assert_ptr_null(send_wait("c1", NULL, &wait)); /* at once */
  ck_assert_uint_eq(wait.exited.status, 3);
  send_delete("c1", NULL, &deleted);
  ck_assert_int_eq(receive(&deleted), HP_OK);
  ck_assert_uint_eq(deleted.exited.status, 3);
  ck_assert_uint_eq(deleted.exited.pid, pid);
  ck_assert_str_eq(events(), "create c1\nstart c1\nexit c1 status=3\ndelete c1 status=3\n");
  ck_assert_int_eq(status_of("c1", NULL), -1);
  ck_assert_uint_eq(double_things(), 0);
  ck_assert(hp_pod_empty(pod));
}
END_TEST

START_TEST(order_of_calls_on_the_host) {
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_str_eq(double_log(), "plan c1\nmake c1 uid\nmake c1 mount\nmake c1 cgroup\nopen c1\n");
  double_forget_log();
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  ck_assert_str_eq(double_log(), "spawn c1 /bin/true\nwatch_oom c1\n");
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  double_forget_log();
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_str_eq(double_log(), "job_kill c1\nrelease c1 cgroup\nrelease c1 mount\nrelease c1 uid\n");
}
END_TEST

START_TEST(the_host_is_swept_once_beside_the_first_Create) {
  struct answer answer;
  run_a_while();
  ck_assert_uint_eq(double_sweeps(), 0);
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(create("c2"), HP_OK);
  run_a_while();
  ck_assert_uint_eq(double_sweeps(), 1);
  for (const char *id = "c1"; id; id = strcmp(id, "c1") == 0 ? "c2" : NULL) {
    send_delete(id, NULL, &answer);
    ck_assert_int_eq(receive(&answer), HP_OK);
  }
}
END_TEST

START_TEST(unknown_ids) {
  struct answer answer;
  ck_assert_int_eq(start("none", NULL), HP_NOT_FOUND);
  ck_assert_int_eq(kill_with("none", NULL, 9), HP_NOT_FOUND);
  ck_assert_int_eq(delete ("none", NULL), HP_NOT_FOUND);
  ck_assert_int_eq(delete ("none", "e1"), HP_NOT_FOUND);
  ck_assert_int_eq(add_exec("none", "e1"), HP_NOT_FOUND);
  ck_assert_ptr_null(send_wait("none", NULL, &answer));
  ck_assert_int_eq(answer.code, HP_NOT_FOUND);
  send_pids("none", &answer);
  ck_assert_int_eq(receive(&answer), HP_NOT_FOUND);
  send_stats("none", &answer);
  ck_assert_int_eq(receive(&answer), HP_NOT_FOUND);
  send_pause("none", true, &answer);
  ck_assert_int_eq(receive(&answer), HP_NOT_FOUND);
  send_update("none", 1, 0, &answer);
  ck_assert_int_eq(receive(&answer), HP_NOT_FOUND);
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_pod_close_stdin(pod, "none", NULL, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  hp_error_clear(&err);
}
END_TEST

START_TEST(wrong_moments) {
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(create_in("c1", directory), HP_ALREADY_EXISTS);
  ck_assert_int_eq(add_exec("c1", "e1"), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(delete ("c1", NULL), HP_FAILED_PRECONDITION);
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert_int_eq(start("c1", NULL), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(add_exec("c1", "e1"), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_int_eq(delete ("c1", NULL), HP_NOT_FOUND);
}
END_TEST

START_TEST(create_refuses_bad_requests) {
  ck_assert_int_eq(create_in("../x", directory), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(create_in("", directory), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(create_in("c1", "relative"), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(create_in("c1", ""), HP_INVALID_ARGUMENT);
  char *missing = hp_printf("%s/no-such-bundle", directory), *file = hp_printf("%s/file", directory);
  unit_write(file, "", 0);
  ck_assert_int_eq(create_in("c1", missing), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(create_in("c1", file), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(create_in("c1", directory), HP_INVALID_ARGUMENT); /* no config.json */
  ck_assert_str_eq(double_log(), ""); /* refused before anything is asked of the host */
  ck_assert_str_eq(events(), "");
  ck_assert(hp_pod_empty(pod));
  unit_remove(file);
  free(file);
  free(missing);
}
END_TEST

START_TEST(create_refuses_a_bundle_that_is_a_link) {
  char *link = hp_printf("%s/link", directory);
  if (unit_link(make_bundle("c1", NULL, NULL), link)) {
    ck_assert_int_eq(create_in("c1", link), HP_INVALID_ARGUMENT);
    ck_assert_str_eq(double_log(), "");
    unit_remove(link);
  }
  free(link);
}
END_TEST

START_TEST(one_bundle_serves_one_container) {
  const char *bundle = make_bundle("c1", NULL, NULL);
  ck_assert_int_eq(create_in("c1", bundle), HP_OK);
  ck_assert_int_eq(create_in("c2", bundle), HP_ALREADY_EXISTS);
  ck_assert_uint_eq(double_things(), 3);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(exit_waits_for_the_output) {
  struct answer wait;
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  send_wait("c1", NULL, &wait);
  double_hold_drains();
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert(!wait.there);
  ck_assert_uint_eq(event_order("exit c1 status=0"), 0);
  ck_assert_int_eq(kill_with("c1", NULL, 15), HP_NOT_FOUND);
  ck_assert_int_eq(delete ("c1", NULL), HP_FAILED_PRECONDITION);
  double_drain();
  ck_assert_int_eq(receive(&wait), HP_OK);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(the_time_of_an_exit_is_the_hosts) {
  struct answer wait, late, deleted;
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  send_wait("c1", NULL, &wait);
  double_exit(pid_of("c1", NULL), 3);
  ck_assert_int_eq(receive(&wait), HP_OK);
  send_wait("c1", NULL, &late);
  ck_assert_int_eq(receive(&late), HP_OK);
  send_delete("c1", NULL, &deleted);
  ck_assert_int_eq(receive(&deleted), HP_OK);
  const struct hp_time *times[] = {&wait.exited.when, &late.exited.when, &deleted.exited.when};
  for (size_t i = 0; i < 3; i++) {
    ck_assert_int_eq(times[i]->seconds, 1000000003); /* double_exit's */
    ck_assert_int_eq(times[i]->nanos, 7);
  }
}
END_TEST

START_TEST(oom_is_told_before_the_exit_it_caused) {
  struct answer wait;
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  send_wait("c1", NULL, &wait);
  /* The kernel tells of the exit first. */
  double_exit(pid_of("c1", NULL), 137);
  ck_assert(!wait.there);
  double_run_out_of_memory("c1");
  ck_assert_int_eq(receive(&wait), HP_OK);
  ck_assert_str_eq(events(), "create c1\nstart c1\noom c1\nexit c1 status=137\n");
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(cancelled_waiter_is_not_called) {
  struct answer first, second, third;
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  send_wait("c1", NULL, &first);
  struct hp_waiter *waiter = send_wait("c1", NULL, &second);
  send_wait("c1", NULL, &third);
  hp_pod_wait_cancel(pod, waiter);
  double_exit(pid_of("c1", NULL), 1);
  ck_assert_int_eq(receive(&first), HP_OK);
  ck_assert_int_eq(receive(&third), HP_OK);
  ck_assert(!second.there);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

static void note_empty(void *arg) {
  ++*(int *)arg;
}

START_TEST(says_when_it_is_empty) {
  int count = 0;
  hp_pod_on_empty(pod, note_empty, &count);
  ck_assert(hp_pod_empty(pod));
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(create("c2"), HP_OK);
  ck_assert(!hp_pod_empty(pod));
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_int_eq(count, 0);
  ck_assert_int_eq(delete ("c2", NULL), HP_OK);
  ck_assert_int_eq(count, 1);
  ck_assert(hp_pod_empty(pod));
}
END_TEST

START_TEST(freed_with_running_containers) {
  struct answer wait, stats;
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK);
  ck_assert_int_eq(start("c1", "e1"), HP_OK);
  ck_assert_int_eq(create("c2"), HP_OK);
  send_wait("c1", NULL, &wait);
  send_stats("c1", &stats);
  hp_pod_free(pod);
  pod = NULL;
  ck_assert_int_eq(receive(&stats), HP_OK); /* was under way */
  run_a_while();
  ck_assert_int_eq(receive(&wait), HP_UNAVAILABLE);
  ck_assert_uint_eq(double_things(), 6); /* containers live on without their shim */
}
END_TEST

START_TEST(terminal_and_stdin) {
  struct hp_error err = HP_ERROR_INIT;
  struct answer answer = {0};
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(hp_pod_close_stdin(pod, "c1", NULL, &err), 0); /* caught up on by Start */
  ck_assert(!double_called("close_stdin"));
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  ck_assert(double_called("close_stdin"));
  ck_assert_int_eq(hp_pod_resize(pod, "c1", NULL, 80, 25, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert_int_eq(hp_pod_close_stdin(pod, "c1", NULL, &err), 0);
  send_delete("c1", NULL, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
}
END_TEST

/* A client that never deletes: a clear error, and one Delete makes room. */
START_TEST(containers_are_bounded) {
  const char *bundle = make_bundle("c2", NULL, NULL);
  struct answer answer;
  pod->alive += HP_CONTAINERS_MAX - 1; /* as if so many were there */
  ck_assert_int_eq(create("c1"), HP_OK);
  send_create("c2", bundle, &answer);
  ck_assert_int_eq(receive(&answer), HP_RESOURCE_EXHAUSTED);
  ck_assert_str_eq(answer.message,
                   "this shim has 2048 containers, which is the limit: delete those that have ended");
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_int_eq(create_in("c2", bundle), HP_OK);
  ck_assert_int_eq(delete ("c2", NULL), HP_OK);
  pod->alive -= HP_CONTAINERS_MAX - 1;
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_pod");
  TCase *tests = tcase_create("life");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, life_of_a_container);
  tcase_add_test(tests, order_of_calls_on_the_host);
  tcase_add_test(tests, the_host_is_swept_once_beside_the_first_Create);
  tcase_add_test(tests, unknown_ids);
  tcase_add_test(tests, wrong_moments);
  tcase_add_test(tests, create_refuses_bad_requests);
  tcase_add_test(tests, create_refuses_a_bundle_that_is_a_link);
  tcase_add_test(tests, one_bundle_serves_one_container);
  tcase_add_test(tests, exit_waits_for_the_output);
  tcase_add_test(tests, the_time_of_an_exit_is_the_hosts);
  tcase_add_test(tests, oom_is_told_before_the_exit_it_caused);
  tcase_add_test(tests, cancelled_waiter_is_not_called);
  tcase_add_test(tests, says_when_it_is_empty);
  tcase_add_test(tests, freed_with_running_containers);
  tcase_add_test(tests, terminal_and_stdin);
  tcase_add_test(tests, containers_are_bounded);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
