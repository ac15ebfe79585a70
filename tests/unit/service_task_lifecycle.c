/* The methods that change something. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "service/convert.h"
#include "service/event_queue.h"
#include "task_harness.h"

static Google__Protobuf__Any any_of(const char *type_url, const void *data, size_t length) {
  Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
  any.type_url = (char *)type_url;
  any.value.data = (uint8_t *)data;
  any.value.len = length;
  return any;
}

static Google__Protobuf__Any any_text(const char *type_url, const char *text) {
  return any_of(type_url, text, strlen(text));
}

/* ---- Create ----------------------------------------------------------- */

static Containerd__Task__V2__CreateTaskRequest create_request(void) {
  Containerd__Task__V2__CreateTaskRequest request = CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
  request.id = (char *)"c1";
  request.bundle = (char *)"/bundle";
  return request;
}

START_TEST(create_hands_everything_on) {
  Containerd__Task__V2__CreateTaskRequest request = create_request();
  Containerd__Types__Mount lower = CONTAINERD__TYPES__MOUNT__INIT, data = CONTAINERD__TYPES__MOUNT__INIT;
  Containerd__Types__Mount *mounts[] = {&lower, &data};
  char *options[] = {(char *)"lowerdir=/a", (char *)"ro"};
  lower.type = (char *)"overlay";
  lower.source = (char *)"overlay";
  lower.options = options;
  lower.n_options = 2;
  data.type = (char *)"bind";
  data.source = (char *)"/src";
  data.target = (char *)"/dst";
  request.rootfs = mounts;
  request.n_rootfs = 2;
  request.std_in = (char *)"/in";
  request.std_out = (char *)"/out";
  request.std_err = (char *)"/err";
  request.terminal = true;
  pod.pid = 12;
  const Containerd__Task__V2__CreateTaskResponse *response = task_call_ok(_i, "Create", &request.base);
  ck_assert_str_eq(pod.asked, "create c1 /bundle /in|/out|/err|terminal options=(null) rootfs=2"
                              " [overlay overlay  lowerdir=/a ro] [bind /src /dst]");
  ck_assert_uint_eq(response->pid, 12);
}
END_TEST

START_TEST(create_without_anything_more) {
  Containerd__Task__V2__CreateTaskRequest request = create_request();
  task_call_ok(_i, "Create", &request.base);
  ck_assert_str_eq(pod.asked, "create c1 /bundle |||plain options=(null) rootfs=0");
}
END_TEST

START_TEST(create_takes_the_policy_of_the_options) {
  static const char config_path[] = "\x12\x09/pol.json";
  Containerd__Task__V2__CreateTaskRequest request = create_request();
  Google__Protobuf__Any options = any_of("runtimeoptions.v1.Options", config_path, sizeof config_path - 1);
  request.options = &options;
  task_call_ok(_i, "Create", &request.base);
  ck_assert_str_eq(pod.asked, "create c1 /bundle |||plain options=/pol.json rootfs=0");
}
END_TEST

START_TEST(create_ignores_options_of_others) {
  Containerd__Task__V2__CreateTaskRequest request = create_request();
  Google__Protobuf__Any options = any_text("containerd.runc.v1.Options", "\xff\xff\xff");
  request.options = &options;
  task_call_ok(_i, "Create", &request.base);
  ck_assert_str_eq(pod.asked, "create c1 /bundle |||plain options=(null) rootfs=0");
}
END_TEST

START_TEST(create_refuses_broken_options) {
  Containerd__Task__V2__CreateTaskRequest request = create_request();
  Google__Protobuf__Any options = any_text("runtimeoptions.v1.Options", "\x12\x7fshort");
  request.options = &options;
  task_call_fails(_i, "Create", &request.base, TTRPC_INVALID_ARGUMENT, "options");
  ck_assert_ptr_null(pod.asked);
}
END_TEST

START_TEST(create_refuses_a_checkpoint) {
  Containerd__Task__V2__CreateTaskRequest request = create_request();
  request.checkpoint = (char *)"/checkpoint";
  task_call_fails(_i, "Create", &request.base, TTRPC_UNIMPLEMENTED, "/checkpoint");
  ck_assert_ptr_null(pod.asked);
}
END_TEST

START_TEST(create_bounds_the_mounts) {
  Containerd__Task__V2__CreateTaskRequest request = create_request();
  Containerd__Types__Mount mount = CONTAINERD__TYPES__MOUNT__INIT;
  Containerd__Types__Mount **mounts = hp_alloc((HP_ROOTFS_MOUNTS_MAX + 1) * sizeof *mounts);
  for (size_t i = 0; i <= HP_ROOTFS_MOUNTS_MAX; i++)
    mounts[i] = &mount;
  request.rootfs = mounts;
  request.n_rootfs = HP_ROOTFS_MOUNTS_MAX + 1;
  task_call_fails(_i, "Create", &request.base, TTRPC_INVALID_ARGUMENT, "rootfs has 1025 mounts");
  ck_assert_ptr_null(pod.asked);
  request.n_rootfs = HP_ROOTFS_MOUNTS_MAX;
  task_call_ok(_i, "Create", &request.base);
  free(mounts);
}
END_TEST

START_TEST(create_passes_a_refusal_on) {
  Containerd__Task__V2__CreateTaskRequest request = create_request();
  hp_error_set(&pod.failure, HP_ALREADY_EXISTS, "task c1 exists");
  task_call_fails(_i, "Create", &request.base, TTRPC_ALREADY_EXISTS, "task c1 exists");
}
END_TEST

/* ---- Start, Delete, Kill, Pause, Resume, Checkpoint -------------------- */

START_TEST(start_of_init_and_of_an_exec) {
  Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;
  request.id = (char *)"c1";
  pod.pid = 99;
  const Containerd__Task__V2__StartResponse *response = task_call_ok(_i, "Start", &request.base);
  ck_assert_uint_eq(response->pid, 99);
  ck_assert_str_eq(pod.asked, "start c1 ");
  request.exec_id = (char *)"e1";
  task_call_ok(_i, "Start", &request.base);
  ck_assert_str_eq(pod.asked, "start c1 e1");
}
END_TEST

START_TEST(delete_answers_pid_status_and_time) {
  Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
  request.id = (char *)"c1";
  request.exec_id = (char *)"e1";
  pod.exited = (struct hp_exit){7, 137, {1700000000, 5}};
  const Containerd__Task__V2__DeleteResponse *response = task_call_ok(_i, "Delete", &request.base);
  ck_assert_str_eq(pod.asked, "delete c1 e1");
  ck_assert_uint_eq(response->pid, 7);
  ck_assert_uint_eq(response->exit_status, 137);
  ck_assert_ptr_nonnull(response->exited_at);
  ck_assert_int_eq(response->exited_at->seconds, 1700000000);
  ck_assert_int_eq(response->exited_at->nanos, 5);
}
END_TEST

START_TEST(delete_of_what_never_ran_has_no_time) {
  Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
  request.id = (char *)"c1";
  const Containerd__Task__V2__DeleteResponse *response = task_call_ok(_i, "Delete", &request.base);
  ck_assert_ptr_null(response->exited_at);
  hp_error_set(&pod.failure, HP_FAILED_PRECONDITION, "task c1 runs");
  task_call_fails(_i, "Delete", &request.base, TTRPC_FAILED_PRECONDITION, "task c1 runs");
}
END_TEST

START_TEST(kill_hands_signal_and_all_on) {
  Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
  request.id = (char *)"c1";
  request.exec_id = (char *)"e1";
  request.signal = 15;
  task_call_ok(_i, "Kill", &request.base);
  ck_assert_str_eq(pod.asked, "kill c1 e1 15 all=0");
  request.all = true;
  task_call_ok(_i, "Kill", &request.base);
  ck_assert_str_eq(pod.asked, "kill c1 e1 15 all=1");
  hp_error_set(&pod.failure, HP_NOT_FOUND, "process e1 is finished");
  task_call_fails(_i, "Kill", &request.base, TTRPC_NOT_FOUND, "process e1 is finished");
}
END_TEST

START_TEST(pause_and_resume) {
  Containerd__Task__V2__PauseRequest pause = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;
  Containerd__Task__V2__ResumeRequest resume = CONTAINERD__TASK__V2__RESUME_REQUEST__INIT;
  pause.id = resume.id = (char *)"c1";
  task_call_ok(_i, "Pause", &pause.base);
  ck_assert_str_eq(pod.asked, "pause c1");
  task_call_ok(_i, "Resume", &resume.base);
  ck_assert_str_eq(pod.asked, "resume c1");
}
END_TEST

START_TEST(checkpoint_is_unimplemented) {
  Containerd__Task__V2__CheckpointTaskRequest request = CONTAINERD__TASK__V2__CHECKPOINT_TASK_REQUEST__INIT;
  request.id = (char *)"c1";
  task_call_fails(_i, "Checkpoint", &request.base, TTRPC_UNIMPLEMENTED, "Checkpoint");
  ck_assert_ptr_null(pod.asked);
}
END_TEST

/* ---- Exec ------------------------------------------------------------- */

static Containerd__Task__V2__ExecProcessRequest exec_request(Google__Protobuf__Any *spec) {
  Containerd__Task__V2__ExecProcessRequest request = CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
  request.id = (char *)"c1";
  request.exec_id = (char *)"e1";
  request.std_out = (char *)"/out";
  request.spec = spec;
  return request;
}

#define PROCESS "{\"args\":[\"/bin/true\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0},\"terminal\":true}"

START_TEST(exec_takes_the_terminal_from_the_request) {
  Google__Protobuf__Any spec = any_text(HP_TYPE_PROCESS, PROCESS);
  Containerd__Task__V2__ExecProcessRequest request = exec_request(&spec);
  task_call_ok(_i, "Exec", &request.base);
  ck_assert_str_eq(pod.asked, "exec c1 e1 |/out||plain /bin/true terminal=0");
  request.terminal = true;
  task_call_ok(_i, "Exec", &request.base);
  ck_assert_str_eq(pod.asked, "exec c1 e1 |/out||terminal /bin/true terminal=1");
}
END_TEST

START_TEST(exec_refuses_what_is_no_process) {
  Containerd__Task__V2__ExecProcessRequest request = exec_request(NULL);
  task_call_fails(_i, "Exec", &request.base, TTRPC_INVALID_ARGUMENT, "spec is missing");
  Google__Protobuf__Any spec = any_text(HP_TYPE_LINUX_RESOURCES, PROCESS);
  request.spec = &spec;
  task_call_fails(_i, "Exec", &request.base, TTRPC_INVALID_ARGUMENT, HP_TYPE_LINUX_RESOURCES);
  spec = any_text(HP_TYPE_PROCESS, "{\"args\":");
  task_call_fails(_i, "Exec", &request.base, TTRPC_INVALID_ARGUMENT, "spec");
  spec = any_text(HP_TYPE_PROCESS, "{\"args\":\"true\"}");
  task_call_fails(_i, "Exec", &request.base, TTRPC_INVALID_ARGUMENT, "args");
  spec = any_text(HP_TYPE_PROCESS, "");
  task_call_fails(_i, "Exec", &request.base, TTRPC_INVALID_ARGUMENT, "spec");
  ck_assert_ptr_null(pod.asked);
}
END_TEST

START_TEST(exec_needs_an_id) {
  Google__Protobuf__Any spec = any_text(HP_TYPE_PROCESS, PROCESS);
  Containerd__Task__V2__ExecProcessRequest request = exec_request(&spec);
  request.exec_id = (char *)"";
  task_call_fails(_i, "Exec", &request.base, TTRPC_INVALID_ARGUMENT, "exec_id is empty");
  ck_assert_ptr_null(pod.asked);
}
END_TEST

START_TEST(exec_passes_a_refusal_on) {
  Google__Protobuf__Any spec = any_text(HP_TYPE_PROCESS, PROCESS);
  Containerd__Task__V2__ExecProcessRequest request = exec_request(&spec);
  hp_error_set(&pod.failure, HP_FAILED_PRECONDITION, "task c1 does not run");
  task_call_fails(_i, "Exec", &request.base, TTRPC_FAILED_PRECONDITION, "task c1 does not run");
}
END_TEST

/* ---- both ------------------------------------------------------------- */

/* containerd takes no events: what would bring more is refused, the rest goes on. */
START_TEST(nothing_new_while_events_pile_up) {
  uv_loop_t own;
  ck_assert_int_eq(uv_loop_init(&own), 0);
  struct hp_publisher *publisher = hp_publisher_new(&own, "/nobody/listens/here", "k8s.io");
  hp_task_service_heed(service, publisher);
  const struct hp_event event = {.kind = HP_EVENT_EXIT, .container_id = "c1", .exec_id = "e"};
  for (int i = 0; i < HP_EVENT_QUEUE_FULL - 1; i++)
    hp_publisher_observe(publisher, &event);
  Containerd__Task__V2__CreateTaskRequest create = create_request();
  Containerd__Task__V2__ExecProcessRequest exec = exec_request(NULL);
  Containerd__Task__V2__StartRequest start = CONTAINERD__TASK__V2__START_REQUEST__INIT;
  Google__Protobuf__Any spec = any_text(HP_TYPE_PROCESS, PROCESS);
  start.id = (char *)"c1";
  exec.spec = &spec;
  task_call_ok(_i, "Create", &create.base);
  task_call_ok(_i, "Exec", &exec.base);
  hp_publisher_observe(publisher, &event);
  task_call_fails(_i, "Create", &create.base, TTRPC_RESOURCE_EXHAUSTED,
                  "32768 events wait for containerd, which does not take them at /nobody/listens/here");
  task_call_fails(_i, "Exec", &exec.base, TTRPC_RESOURCE_EXHAUSTED, "nothing new is started until it does");
  task_call_ok(_i, "Start", &start.base);
  hp_task_service_heed(service, NULL);
  hp_publisher_free(publisher);
  uv_run(&own, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&own), 0);
}
END_TEST

/* ---- Update ----------------------------------------------------------- */

static const char *resources_here(void) {
  return hp_os_here() == HP_OS_WINDOWS ? HP_TYPE_WINDOWS_RESOURCES : HP_TYPE_LINUX_RESOURCES;
}

static const char *resources_elsewhere(void) {
  return hp_os_here() == HP_OS_WINDOWS ? HP_TYPE_LINUX_RESOURCES : HP_TYPE_WINDOWS_RESOURCES;
}

START_TEST(update_hands_limits_on) {
  Containerd__Task__V2__UpdateTaskRequest request = CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
  Google__Protobuf__Any resources = any_text(resources_here(), "{\"memory\":{\"limit\":67108864}}");
  request.id = (char *)"c1";
  request.resources = &resources;
  task_call_ok(_i, "Update", &request.base);
  ck_assert_str_eq(pod.asked, "update c1 memory=67108864");
}
END_TEST

START_TEST(update_refuses_what_is_no_resources) {
  Containerd__Task__V2__UpdateTaskRequest request = CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
  request.id = (char *)"c1";
  task_call_fails(_i, "Update", &request.base, TTRPC_INVALID_ARGUMENT, "resources is missing");
  Google__Protobuf__Any resources = any_text(resources_elsewhere(), "{}");
  request.resources = &resources;
  task_call_fails(_i, "Update", &request.base, TTRPC_INVALID_ARGUMENT, resources_elsewhere());
  resources = any_text(resources_here(), "[]");
  task_call_fails(_i, "Update", &request.base, TTRPC_INVALID_ARGUMENT, "resources");
  resources = any_text(resources_here(), "{\"memory\":{\"limit\":\"much\"}}");
  task_call_fails(_i, "Update", &request.base, TTRPC_INVALID_ARGUMENT, "memory.limit");
  ck_assert_ptr_null(pod.asked);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      create_hands_everything_on,
      create_without_anything_more,
      create_takes_the_policy_of_the_options,
      create_ignores_options_of_others,
      create_refuses_broken_options,
      create_refuses_a_checkpoint,
      create_bounds_the_mounts,
      create_passes_a_refusal_on,
      start_of_init_and_of_an_exec,
      delete_answers_pid_status_and_time,
      delete_of_what_never_ran_has_no_time,
      kill_hands_signal_and_all_on,
      pause_and_resume,
      checkpoint_is_unimplemented,
      exec_takes_the_terminal_from_the_request,
      exec_refuses_what_is_no_process,
      exec_needs_an_id,
      exec_passes_a_refusal_on,
      nothing_new_while_events_pile_up,
      update_hands_limits_on,
      update_refuses_what_is_no_resources,
  };
  Suite *suite = suite_create("service/task_lifecycle");
  TCase *tcase = tcase_create("lifecycle");
  tcase_add_checked_fixture(tcase, task_harness_setup, task_harness_teardown);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
    tcase_add_loop_test(tcase, tests[i], 2, 4);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
