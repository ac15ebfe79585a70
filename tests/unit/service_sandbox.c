/* The Sandbox service's messages, and when it ends the shim. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "runtime/v1/api.pb-c.h"
#include "task_harness.h"

typedef Containerd__Runtime__Sandbox__V1__CreateSandboxRequest CreateRequest;
#define CREATE_INIT CONTAINERD__RUNTIME__SANDBOX__V1__CREATE_SANDBOX_REQUEST__INIT

static const void *call_ok(const char *method, const ProtobufCMessage *request) {
  return task_call_ok(SANDBOX_SERVICE, method, request);
}

/* Every other request is an id alone, in the same field. */
static const void *ask(const char *method) {
  Containerd__Runtime__Sandbox__V1__SandboxRequest request =
      CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_REQUEST__INIT;
  request.sandbox_id = (char *)"s1";
  return call_ok(method, &request.base);
}

static void ask_in_vain(const char *method, enum ttrpc_code code, const char *part) {
  Containerd__Runtime__Sandbox__V1__SandboxRequest request =
      CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_REQUEST__INIT;
  request.sandbox_id = (char *)"s1";
  task_call_fails(SANDBOX_SERVICE, method, &request.base, code, part);
}

static void set_up(void) {
  task_harness_setup();
  pod.busy = true;
  pod.sandbox = (struct hp_sandbox_state){.pid = 77, .ready = true, .created = {1700000000, 5}};
}

/* ---- CreateSandbox ------------------------------------------------------------------ */

static CreateRequest create_request(void) {
  CreateRequest request = CREATE_INIT;
  request.sandbox_id = (char *)"s1";
  request.bundle_path = (char *)"/bundle";
  return request;
}

START_TEST(create_reads_the_config) {
  CreateRequest request = create_request();
  Runtime__V1__PodSandboxConfig config = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
  Runtime__V1__PodSandboxConfig__AnnotationsEntry
      entry = RUNTIME__V1__POD_SANDBOX_CONFIG__ANNOTATIONS_ENTRY__INIT,
      *entries[] = {&entry};
  static const char *const types[] = {"runtime.v1.PodSandboxConfig",
                                      "type.googleapis.com/runtime.v1.PodSandboxConfig"};
  entry.key = (char *)HP_ANNOTATION_HOSTPROCESS;
  entry.value = (char *)"true";
  config.annotations = entries;
  config.n_annotations = 1;
  uint8_t data[256];
  Google__Protobuf__Any options = GOOGLE__PROTOBUF__ANY__INIT;
  options.type_url = (char *)types[_i];
  options.value.data = data;
  options.value.len = protobuf_c_message_pack(&config.base, data);
  request.options = &options;
  call_ok("CreateSandbox", &request.base);
  ck_assert_str_eq(pod.asked, "create sandbox s1 /bundle role=1 hostprocess=2 own_network=(null)");
}
END_TEST

START_TEST(create_without_a_config_says_nothing_of_the_pod) {
  CreateRequest request = create_request();
  Google__Protobuf__Any options = GOOGLE__PROTOBUF__ANY__INIT;
  options.type_url = (char *)"a.client's.Own";
  options.value.data = (uint8_t *)"\xff\xff";
  options.value.len = 2;
  request.options = _i ? &options : NULL;
  call_ok("CreateSandbox", &request.base);
  ck_assert_str_eq(pod.asked, "create sandbox s1 /bundle role=1 hostprocess=0 own_network=(null)");
}
END_TEST

START_TEST(a_network_namespace_is_the_pods_own) {
  CreateRequest request = create_request();
  request.netns_path = (char *)"/run/netns/x";
  call_ok("CreateSandbox", &request.base);
  ck_assert_str_eq(
      pod.asked, "create sandbox s1 /bundle role=1 hostprocess=0 own_network=netns_path is \"/run/netns/x\"");
}
END_TEST

START_TEST(a_config_that_does_not_decode_is_refused) {
  CreateRequest request = create_request();
  Google__Protobuf__Any options = GOOGLE__PROTOBUF__ANY__INIT;
  options.type_url = (char *)"runtime.v1.PodSandboxConfig";
  options.value.data = (uint8_t *)"\x4a\x7f";
  options.value.len = 2;
  request.options = &options;
  task_call_fails(SANDBOX_SERVICE, "CreateSandbox", &request.base, TTRPC_INVALID_ARGUMENT,
                  "options: 2 bytes do not decode as runtime.v1.PodSandboxConfig");
  ck_assert_ptr_null(pod.asked);
}
END_TEST

START_TEST(the_pods_refusal_is_the_answer) {
  CreateRequest request = create_request();
  hp_error_set(&pod.failure, HP_ALREADY_EXISTS, "sandbox s0 exists already");
  task_call_fails(SANDBOX_SERVICE, "CreateSandbox", &request.base, TTRPC_ALREADY_EXISTS,
                  "sandbox s0 exists already");
}
END_TEST

/* ---- what it is --------------------------------------------------------------------------- */

START_TEST(start_tells_pid_and_time) {
  const Containerd__Runtime__Sandbox__V1__StartSandboxResponse *response = ask("StartSandbox");
  ck_assert_str_eq(pod.asked, "sandbox start s1");
  ck_assert_uint_eq(response->pid, 77);
  ck_assert_int_eq(response->created_at->seconds, 1700000000);
  ck_assert_int_eq(response->created_at->nanos, 5);
}
END_TEST

START_TEST(status_has_exactly_two_states) {
  pod.sandbox.ready = _i;
  if (!_i)
    pod.sandbox.exited = (struct hp_time){1700000001, 0};
  const Containerd__Runtime__Sandbox__V1__SandboxStatusResponse *response = ask("SandboxStatus");
  ck_assert_str_eq(response->sandbox_id, "s1");
  ck_assert_uint_eq(response->pid, 77);
  ck_assert_str_eq(response->state, _i ? "SANDBOX_READY" : "SANDBOX_NOTREADY");
  ck_assert_int_eq(response->created_at->seconds, 1700000000);
  ck_assert_int_eq(response->exited_at == NULL, _i);
  ck_assert_uint_eq(response->n_info, 0);
}
END_TEST

START_TEST(a_verbose_status_says_the_same_for_people) {
  Containerd__Runtime__Sandbox__V1__SandboxStatusRequest request =
      CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_STATUS_REQUEST__INIT;
  request.sandbox_id = (char *)"s1";
  request.verbose = 1;
  const Containerd__Runtime__Sandbox__V1__SandboxStatusResponse *response =
      call_ok("SandboxStatus", &request.base);
  ck_assert_uint_eq(response->n_info, 2);
  ck_assert_str_eq(response->info[0]->key, "pid");
  ck_assert_str_eq(response->info[0]->value, "77");
  ck_assert_str_eq(response->info[1]->key, "state");
  ck_assert_str_eq(response->info[1]->value, "SANDBOX_READY");
}
END_TEST

START_TEST(platform_is_filled) {
  const Containerd__Runtime__Sandbox__V1__PlatformResponse *response = ask("Platform");
  ck_assert_ptr_nonnull(response->platform);
  ck_assert_str_eq(response->platform->os, hp_os_here() == HP_OS_WINDOWS ? "windows" : "linux");
  ck_assert_str_ne(response->platform->architecture, "");
}
END_TEST

START_TEST(metrics_are_the_tasks) {
  const Containerd__Runtime__Sandbox__V1__SandboxMetricsResponse *response = ask("SandboxMetrics");
  ck_assert_str_eq(pod.asked, "stats s1");
  ck_assert_str_eq(response->metrics->id, "s1");
  ck_assert_int_gt(response->metrics->timestamp->seconds, 1700000000);
  ck_assert_str_eq(response->metrics->data->type_url, "io.containerd.cgroups.v2.Metrics");
  ck_assert_uint_eq(response->metrics->data->value.len, 3);
}
END_TEST

static const char *const of_a_sandbox[] = {"StartSandbox",    "Platform",      "StopSandbox",
                                           "WaitSandbox",     "SandboxStatus", "PingSandbox",
                                           "ShutdownSandbox", "SandboxMetrics"};

START_TEST(an_unknown_sandbox_is_not_found) {
  hp_error_set(&pod.failure, HP_NOT_FOUND, "sandbox s1 not found");
  ask_in_vain(of_a_sandbox[_i], TTRPC_NOT_FOUND, "sandbox s1 not found");
}
END_TEST

START_TEST(ping) {
  ask("PingSandbox");
}
END_TEST

/* ---- the end ---------------------------------------------------------------------------------- */

START_TEST(wait_is_answered_by_the_end) {
  Containerd__Runtime__Sandbox__V1__SandboxRequest request =
      CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_REQUEST__INIT;
  struct answer answer = {0};
  request.sandbox_id = (char *)"s1";
  task_send(SANDBOX_SERVICE, "WaitSandbox", &request.base, &answer);
  for (int i = 0; i < 1000 && !pod.waiter; i++)
    task_settle();
  ck_assert_str_eq(pod.asked, "wait s1 (null)");
  ck_assert(!answer.came);
  pod.exited = (struct hp_exit){77, 3, {1700000002, 0}};
  double_pod_exit(&pod);
  task_run_until(&answer.came);
  ck_assert_int_eq(answer.code, TTRPC_OK);
  const Containerd__Runtime__Sandbox__V1__WaitSandboxResponse *response = (const void *)answer.response;
  ck_assert_uint_eq(response->exit_status, 3);
  ck_assert_int_eq(response->exited_at->seconds, 1700000002);
  protobuf_c_message_free_unpacked(answer.response, NULL);
}
END_TEST

START_TEST(stop_does_not_end_the_shim) {
  Containerd__Runtime__Sandbox__V1__StopSandboxRequest request =
      CONTAINERD__RUNTIME__SANDBOX__V1__STOP_SANDBOX_REQUEST__INIT;
  request.sandbox_id = (char *)"s1";
  request.timeout_secs = 30;
  call_ok("StopSandbox", &request.base);
  ck_assert_str_eq(pod.asked, "sandbox stop s1 within 30 s");
  double_pod_become_empty(&pod);
  task_settle();
  ck_assert(!shut_down);
}
END_TEST

START_TEST(shutdown_ends_it_when_the_pod_is_empty) {
  ask("ShutdownSandbox");
  ck_assert_str_eq(pod.asked, "sandbox remove s1");
  ck_assert(!shut_down);
  double_pod_become_empty(&pod);
  task_run_until(&shut_down);
  ck_assert_uint_eq(shutdowns, 1);
}
END_TEST

/* Whoever asked must have the answer before the connection ends. */
START_TEST(shutdown_waits_for_its_caller_to_hang_up) {
  ask("ShutdownSandbox");
  double_pod_become_empty(&pod);
  task_settle();
  ck_assert(!shut_down);
  hp_task_service_hung_up(service);
  ck_assert(shut_down);
}
END_TEST

START_TEST(a_connection_that_ends_ends_nothing_else) {
  hp_task_service_hung_up(service);
  ask("ShutdownSandbox");
  hp_task_service_hung_up(service); /* the pod is not empty */
  ck_assert(!shut_down);
  double_pod_become_empty(&pod);
  CreateRequest request = create_request();
  call_ok("CreateSandbox", &request.base);
  hp_task_service_hung_up(service);
  ck_assert(!shut_down);
}
END_TEST

START_TEST(shutdown_after_a_failed_create) {
  CreateRequest request = create_request();
  pod.busy = false;
  hp_error_set(&pod.failure, HP_INVALID_ARGUMENT, "no");
  task_call_fails(SANDBOX_SERVICE, "CreateSandbox", &request.base, TTRPC_INVALID_ARGUMENT, "no");
  hp_error_clear(&pod.failure);
  ask("ShutdownSandbox");
  task_run_until(&shut_down);
}
END_TEST

/* A member's Shutdown while the sandbox is there: only the sandbox's own ends it. */
START_TEST(the_tasks_shutdown_leaves_a_living_sandbox) {
  Containerd__Task__V2__ShutdownRequest request = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
  request.id = (char *)"s1";
  task_call_ok(3, "Shutdown", &request.base);
  task_settle();
  ck_assert(!shut_down);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("service_sandbox");
  TCase *tests = tcase_create("sandbox");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up, task_harness_teardown);
  tcase_add_loop_test(tests, create_reads_the_config, 0, 2);
  tcase_add_loop_test(tests, create_without_a_config_says_nothing_of_the_pod, 0, 2);
  tcase_add_test(tests, a_network_namespace_is_the_pods_own);
  tcase_add_test(tests, a_config_that_does_not_decode_is_refused);
  tcase_add_test(tests, the_pods_refusal_is_the_answer);
  tcase_add_test(tests, start_tells_pid_and_time);
  tcase_add_loop_test(tests, status_has_exactly_two_states, 0, 2);
  tcase_add_test(tests, a_verbose_status_says_the_same_for_people);
  tcase_add_test(tests, platform_is_filled);
  tcase_add_test(tests, metrics_are_the_tasks);
  tcase_add_loop_test(tests, an_unknown_sandbox_is_not_found, 0,
                      (int)(sizeof of_a_sandbox / sizeof of_a_sandbox[0]));
  tcase_add_test(tests, ping);
  tcase_add_test(tests, wait_is_answered_by_the_end);
  tcase_add_test(tests, stop_does_not_end_the_shim);
  tcase_add_test(tests, shutdown_ends_it_when_the_pod_is_empty);
  tcase_add_test(tests, shutdown_waits_for_its_caller_to_hang_up);
  tcase_add_test(tests, a_connection_that_ends_ends_nothing_else);
  tcase_add_test(tests, shutdown_after_a_failed_create);
  tcase_add_test(tests, the_tasks_shutdown_leaves_a_living_sandbox);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
