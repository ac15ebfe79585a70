/* The service as a whole: versions, errors, Connect and Shutdown. */
#include "support.h"

#include "task_harness.h"

START_TEST(both_versions_have_the_same_methods_in_the_same_order) {
  const ProtobufCServiceDescriptor *v2 = task_version(2), *v3 = task_version(3);
  ck_assert_str_eq(v2->name, "containerd.task.v2.Task");
  ck_assert_str_eq(v3->name, "containerd.task.v3.Task");
  ck_assert_uint_eq(v2->n_methods, 17);
  ck_assert_uint_eq(v3->n_methods, 17);
  for (unsigned i = 0; i < 17; i++) {
    ck_assert_str_eq(v2->methods[i].name, v3->methods[i].name);
    ck_assert_ptr_eq(v2->methods[i].input, v3->methods[i].input);
    ck_assert_ptr_eq(v2->methods[i].output, v3->methods[i].output);
  }
}
END_TEST

START_TEST(errors_travel_as_they_are) {
  Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;
  request.id = (char *)"c1";
  hp_error_set(&pod.failure, HP_FAILED_PRECONDITION, "task c1 is started already: delete it first");
  task_call_fails(_i, "Start", &request.base, TTRPC_FAILED_PRECONDITION,
                  "task c1 is started already: delete it first");
  hp_error_set(&pod.failure, HP_NOT_FOUND, "no task c1");
  task_call_fails(_i, "Start", &request.base, TTRPC_NOT_FOUND, "no task c1");
}
END_TEST

START_TEST(connect_tells_the_pids) {
  Containerd__Task__V2__ConnectRequest request = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
  request.id = (char *)"c1";
  pod.state.pid = 4711;
  const Containerd__Task__V2__ConnectResponse *response = task_call_ok(_i, "Connect", &request.base);
  ck_assert_str_eq(pod.asked, "state c1 (null)");
  ck_assert_uint_eq(response->shim_pid, (unsigned)uv_os_getpid());
  ck_assert_uint_eq(response->task_pid, 4711);
}
END_TEST

START_TEST(connect_succeeds_for_an_unknown_id) {
  Containerd__Task__V2__ConnectRequest request = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
  request.id = (char *)"nobody";
  hp_error_set(&pod.failure, HP_NOT_FOUND, "no task nobody");
  const Containerd__Task__V2__ConnectResponse *response = task_call_ok(_i, "Connect", &request.base);
  ck_assert_uint_eq(response->task_pid, (unsigned)uv_os_getpid());
}
END_TEST

static void send_shutdown(int version, const char *id, bool now) {
  Containerd__Task__V2__ShutdownRequest request = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
  request.id = (char *)id;
  request.now = now;
  task_call_ok(version, "Shutdown", &request.base);
}

START_TEST(shutdown_ends_an_empty_shim_whatever_the_id) {
  send_shutdown(_i, "nobody", false);
  ck_assert_uint_eq(shutdowns, 1);
  send_shutdown(_i, "nobody", false);
  ck_assert_uint_eq(shutdowns, 1);
}
END_TEST

START_TEST(shutdown_leaves_a_pod_that_is_not_empty) {
  pod.busy = true;
  send_shutdown(_i, "member", false);
  ck_assert_uint_eq(shutdowns, 0);
}
END_TEST

START_TEST(shutdown_now_ends_any_shim) {
  pod.busy = true;
  send_shutdown(_i, "c1", true);
  ck_assert_uint_eq(shutdowns, 1);
}
END_TEST

START_TEST(shutdown_waits_for_what_the_pod_is_finishing) {
  pod.busy = true;
  send_shutdown(2, "c1", false);
  double_pod_become_empty(&pod);
  ck_assert_uint_eq(shutdowns, 1);
}
END_TEST

START_TEST(an_empty_pod_alone_ends_nothing) {
  pod.busy = true;
  double_pod_become_empty(&pod);
  ck_assert_uint_eq(shutdowns, 0);
}
END_TEST

static void send_delete(const char *id, const char *exec_id) {
  Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
  request.id = (char *)id;
  request.exec_id = (char *)exec_id;
  task_call_ok(2, "Delete", &request.base);
}

/* A member's Shutdown, then the sandbox is deleted: its own Shutdown will come. */
START_TEST(a_later_delete_takes_the_shutdown_over) {
  pod.busy = true;
  send_shutdown(2, "member", false);
  send_delete("sandbox", "");
  double_pod_become_empty(&pod);
  ck_assert_uint_eq(shutdowns, 0);
  send_shutdown(2, "sandbox", false);
  ck_assert_uint_eq(shutdowns, 1);
}
END_TEST

/* The sandbox went first, and for a member containerd 2.0 to 2.3 sends none. */
START_TEST(a_shutdown_that_never_comes_keeps_no_shim) {
  pod.busy = true;
  send_shutdown(2, "sandbox", false);
  send_delete("member", "");
  double_pod_become_empty(&pod);
  ck_assert_uint_eq(shutdowns, 0);
  task_run_until(&shut_down);
  ck_assert_uint_eq(shutdowns, 1);
}
END_TEST

START_TEST(a_new_container_is_waited_for) {
  Containerd__Task__V2__CreateTaskRequest request = CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
  pod.busy = true;
  send_shutdown(2, "c1", false);
  task_call_ok(2, "Create", &request.base);
  double_pod_become_empty(&pod);
  task_settle();
  ck_assert_uint_eq(shutdowns, 0);
}
END_TEST

START_TEST(the_delete_of_an_exec_takes_no_shutdown_over) {
  pod.busy = true;
  send_shutdown(2, "c1", false);
  send_delete("c1", "e1");
  double_pod_become_empty(&pod);
  ck_assert_uint_eq(shutdowns, 1);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("service/task");
  TCase *tcase = tcase_create("task");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, task_harness_setup, task_harness_teardown);
  tcase_add_test(tcase, both_versions_have_the_same_methods_in_the_same_order);
  tcase_add_loop_test(tcase, errors_travel_as_they_are, 2, 4);
  tcase_add_loop_test(tcase, connect_tells_the_pids, 2, 4);
  tcase_add_loop_test(tcase, connect_succeeds_for_an_unknown_id, 2, 4);
  tcase_add_loop_test(tcase, shutdown_ends_an_empty_shim_whatever_the_id, 2, 4);
  tcase_add_loop_test(tcase, shutdown_leaves_a_pod_that_is_not_empty, 2, 4);
  tcase_add_loop_test(tcase, shutdown_now_ends_any_shim, 2, 4);
  tcase_add_test(tcase, shutdown_waits_for_what_the_pod_is_finishing);
  tcase_add_test(tcase, an_empty_pod_alone_ends_nothing);
  tcase_add_test(tcase, a_later_delete_takes_the_shutdown_over);
  tcase_add_test(tcase, a_shutdown_that_never_comes_keeps_no_shim);
  tcase_add_test(tcase, a_new_container_is_waited_for);
  tcase_add_test(tcase, the_delete_of_an_exec_takes_no_shutdown_over);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
