/* The methods that ask, and those that only touch streams. */
#include "support.h"

#include <string.h>

#include "base/memory.h"
#include "containerd/runc/v1/oci.pb-c.h"
#include "task_harness.h"

START_TEST(state_of_a_running_process) {
  Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
  request.id = (char *)"c1";
  request.exec_id = (char *)"e1";
  pod.state = (struct hp_state){.id = "c1",
                                .exec_id = "e1",
                                .bundle = "/bundle",
                                .pid = 77,
                                .status = HP_RUNNING,
                                .io = {"/in", "/out", NULL, true},
                                .exited = {1, 1, {1, 1}}};
  const Containerd__Task__V2__StateResponse *response = task_call_ok(_i, "State", &request.base);
  ck_assert_str_eq(pod.asked, "state c1 e1");
  ck_assert_str_eq(response->id, "c1");
  ck_assert_str_eq(response->exec_id, "e1");
  ck_assert_str_eq(response->bundle, "/bundle");
  ck_assert_uint_eq(response->pid, 77);
  ck_assert_int_eq(response->status, CONTAINERD__V1__TYPES__STATUS__RUNNING);
  ck_assert_str_eq(response->std_in, "/in");
  ck_assert_str_eq(response->std_out, "/out");
  ck_assert_str_eq(response->std_err, "");
  ck_assert(response->terminal);
  ck_assert_uint_eq(response->exit_status, 0);
  ck_assert_ptr_null(response->exited_at);
}
END_TEST

START_TEST(state_of_a_finished_process) {
  Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
  request.id = (char *)"c1";
  pod.state = (struct hp_state){.id = "c1", .status = HP_STOPPED, .exited = {5, 3, {1700000000, 9}}};
  const Containerd__Task__V2__StateResponse *response = task_call_ok(_i, "State", &request.base);
  ck_assert_str_eq(response->exec_id, "");
  ck_assert_uint_eq(response->exit_status, 3);
  ck_assert_ptr_nonnull(response->exited_at);
  ck_assert_int_eq(response->exited_at->seconds, 1700000000);
  ck_assert_int_eq(response->exited_at->nanos, 9);
}
END_TEST

START_TEST(every_status_has_its_number) {
  static const struct {
    enum hp_status status;
    int number;
  } pairs[] = {{HP_CREATED, 1}, {HP_RUNNING, 2}, {HP_STOPPED, 3}, {HP_PAUSED, 4}};
  Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    pod.state = (struct hp_state){.id = "c1", .status = pairs[i].status};
    const Containerd__Task__V2__StateResponse *response = task_call_ok(_i, "State", &request.base);
    ck_assert_int_eq((int)response->status, pairs[i].number);
  }
}
END_TEST

START_TEST(state_of_an_unknown_id) {
  Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
  hp_error_set(&pod.failure, HP_NOT_FOUND, "no task of that id");
  task_call_fails(_i, "State", &request.base, TTRPC_NOT_FOUND, "no task of that id");
}
END_TEST

START_TEST(pids_name_the_execs) {
  static const struct hp_pid pids[] = {{10, NULL}, {11, "e1"}, {12, NULL}};
  Containerd__Task__V2__PidsRequest request = CONTAINERD__TASK__V2__PIDS_REQUEST__INIT;
  request.id = (char *)"c1";
  pod.pids = pids;
  pod.pid_count = 3;
  const Containerd__Task__V2__PidsResponse *response = task_call_ok(_i, "Pids", &request.base);
  ck_assert_str_eq(pod.asked, "pids c1");
  ck_assert_uint_eq(response->n_processes, 3);
  for (unsigned i = 0; i < 3; i++)
    ck_assert_uint_eq(response->processes[i]->pid, 10 + i);
  ck_assert_ptr_null(response->processes[0]->info);
  ck_assert_ptr_null(response->processes[2]->info);
  const Google__Protobuf__Any *info = response->processes[1]->info;
  ck_assert_ptr_nonnull(info);
  ck_assert_str_eq(info->type_url, "containerd.runc.v1.ProcessDetails");
  ck_assert_uint_eq(info->value.len, 4);
  ck_assert_mem_eq(info->value.data,
                   "\x0a\x02"
                   "e1",
                   4);
}
END_TEST

START_TEST(pids_of_nothing_and_failure) {
  Containerd__Task__V2__PidsRequest request = CONTAINERD__TASK__V2__PIDS_REQUEST__INIT;
  const Containerd__Task__V2__PidsResponse *response = task_call_ok(_i, "Pids", &request.base);
  ck_assert_uint_eq(response->n_processes, 0);
  hp_error_set(&pod.failure, HP_NOT_FOUND, "no task");
  task_call_fails(_i, "Pids", &request.base, TTRPC_NOT_FOUND, "no task");
}
END_TEST

START_TEST(stats_are_handed_on_as_they_are) {
  Containerd__Task__V2__StatsRequest request = CONTAINERD__TASK__V2__STATS_REQUEST__INIT;
  request.id = (char *)"c1";
  const Containerd__Task__V2__StatsResponse *response = task_call_ok(_i, "Stats", &request.base);
  ck_assert_str_eq(pod.asked, "stats c1");
  ck_assert_ptr_nonnull(response->stats);
  ck_assert_str_eq(response->stats->type_url, "io.containerd.cgroups.v2.Metrics");
  ck_assert_uint_eq(response->stats->value.len, 3);
  ck_assert_mem_eq(response->stats->value.data, "\x08\x00\x07", 3);
  hp_error_set(&pod.failure, HP_NOT_FOUND, "no task c1");
  task_call_fails(_i, "Stats", &request.base, TTRPC_NOT_FOUND, "no task c1");
}
END_TEST

START_TEST(resize_is_columns_by_rows) {
  Containerd__Task__V2__ResizePtyRequest request = CONTAINERD__TASK__V2__RESIZE_PTY_REQUEST__INIT;
  request.id = (char *)"c1";
  request.exec_id = (char *)"e1";
  request.width = 120;
  request.height = 40;
  task_call_ok(_i, "ResizePty", &request.base);
  ck_assert_str_eq(pod.asked, "resize c1 e1 120x40");
  hp_error_set(&pod.failure, HP_FAILED_PRECONDITION, "no terminal");
  task_call_fails(_i, "ResizePty", &request.base, TTRPC_FAILED_PRECONDITION, "no terminal");
}
END_TEST

START_TEST(close_io_closes_stdin_if_asked_to) {
  Containerd__Task__V2__CloseIORequest request = CONTAINERD__TASK__V2__CLOSE_IOREQUEST__INIT;
  request.id = (char *)"c1";
  request.std_in = true;
  task_call_ok(_i, "CloseIO", &request.base);
  ck_assert_str_eq(pod.asked, "close-stdin c1 ");
  request.std_in = false;
  task_call_ok(_i, "CloseIO", &request.base);
  ck_assert_str_eq(pod.asked, "state c1 ");
  hp_error_set(&pod.failure, HP_NOT_FOUND, "no task c1");
  task_call_fails(_i, "CloseIO", &request.base, TTRPC_NOT_FOUND, "no task c1");
  request.std_in = true;
  task_call_fails(_i, "CloseIO", &request.base, TTRPC_NOT_FOUND, "no task c1");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      state_of_a_running_process,      state_of_a_finished_process, every_status_has_its_number,
      state_of_an_unknown_id,          pids_name_the_execs,         pids_of_nothing_and_failure,
      stats_are_handed_on_as_they_are, resize_is_columns_by_rows,   close_io_closes_stdin_if_asked_to,
  };
  Suite *suite = suite_create("service/task_query");
  TCase *tcase = tcase_create("query");
  tcase_add_checked_fixture(tcase, task_harness_setup, task_harness_teardown);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
    tcase_add_loop_test(tcase, tests[i], 2, 4);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
