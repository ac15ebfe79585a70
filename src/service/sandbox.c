/* The Sandbox service: messages ↔ the pod's sandbox of runtime/pod.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "containerd/runtime/sandbox/v1/sandbox.pb-c.h"
#include "service/convert.h"
#include "service/task.h"
#include "spec/cri.h"

/* As the CRI's enumeration spells them. */
#define READY "SANDBOX_READY"
#define NOT_READY "SANDBOX_NOTREADY"

/* As Go names them. */
#if defined(_WIN32)
#define SYSTEM "windows"
#else
#define SYSTEM "linux"
#endif
#if defined(__x86_64__) || defined(_M_X64)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__) || defined(_M_ARM64)
#define ARCHITECTURE "arm64"
#elif defined(__i386__)
#define ARCHITECTURE "386"
#elif defined(__arm__)
#define ARCHITECTURE "arm"
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE "riscv64"
#elif defined(__s390x__)
#define ARCHITECTURE "s390x"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCHITECTURE "ppc64le"
#elif defined(__loongarch64)
#define ARCHITECTURE "loong64"
#else
#define ARCHITECTURE "unknown"
#endif

typedef Containerd__Runtime__Sandbox__V1__SandboxRequest IdRequest;

/* ---- create, start ---------------------------------------------------------------- */

static bool is_pod_config(const char *type_url) {
  const char *name = strrchr(type_url, '/');
  return strcmp(name ? name + 1 : type_url, HP_CRI_POD_TYPE) == 0;
}

/* Another client than the CRI plugin may send options of its own: what they mean
 * here is the policy's to say. */
static int read_config(const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *request,
                       struct hp_container_spec *spec, struct hp_error *err) {
  const Google__Protobuf__Any *any = request->options;
  bool ours = any && is_pod_config(any->type_url);
  if (any && !ours)
    hp_log(HP_LOG_DEBUG, request->sandbox_id, "options of type %.200s mean nothing here and are ignored",
           any->type_url);
  if (hp_cri_pod_unpack(ours ? any->value.data : NULL, ours ? any->value.len : 0, spec, err) != 0)
    return hp_error_wrap(err, "options");
  if (request->netns_path[0] && !spec->own_network)
    spec->own_network = hp_printf("netns_path is \"%.200s\"", request->netns_path);
  return 0;
}

static void create_done(void *call, uint32_t pid, const struct hp_error *err) {
  (void)pid;
  hp_task_done(call, err);
}

static void handle_create(struct hp_task_service *service, struct ttrpc_call *call,
                          const ProtobufCMessage *message) {
  const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *request = (const void *)message;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_container_spec spec;
  hp_task_stay(service);
  if (read_config(request, &spec, &err) != 0) {
    hp_task_fail_clear(call, &err);
    return;
  }
  hp_pod_create(service->pod,
                &(struct hp_create_request){
                    .id = request->sandbox_id, .bundle = request->bundle_path, .sandbox = &spec},
                create_done, call);
}

static void handle_start(struct hp_task_service *service, struct ttrpc_call *call,
                         const ProtobufCMessage *message) {
  const IdRequest *request = (const void *)message;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_sandbox_state state;
  if (hp_pod_sandbox_start(service->pod, request->sandbox_id, &err) != 0 ||
      hp_pod_sandbox_state(service->pod, request->sandbox_id, &state, &err) != 0) {
    hp_task_fail_clear(call, &err);
    return;
  }
  Containerd__Runtime__Sandbox__V1__StartSandboxResponse response =
      CONTAINERD__RUNTIME__SANDBOX__V1__START_SANDBOX_RESPONSE__INIT;
  Google__Protobuf__Timestamp created;
  response.pid = state.pid;
  response.created_at = hp_convert_time(state.created, &created);
  ttrpc_reply(call, &response.base);
}

/* ---- what it is ---------------------------------------------------------------------- */

/* -1: there is no such sandbox, and the call is answered. */
static int find(struct hp_task_service *service, const char *id, struct ttrpc_call *call,
                struct hp_sandbox_state *state) {
  struct hp_error err = HP_ERROR_INIT;
  if (hp_pod_sandbox_state(service->pod, id, state, &err) == 0)
    return 0;
  hp_task_fail_clear(call, &err);
  return -1;
}

static void handle_platform(struct hp_task_service *service, struct ttrpc_call *call,
                            const ProtobufCMessage *message) {
  const IdRequest *request = (const void *)message;
  struct hp_sandbox_state state;
  if (find(service, request->sandbox_id, call, &state) != 0)
    return;
  Containerd__Runtime__Sandbox__V1__PlatformResponse response =
      CONTAINERD__RUNTIME__SANDBOX__V1__PLATFORM_RESPONSE__INIT;
  Containerd__Types__Platform platform = CONTAINERD__TYPES__PLATFORM__INIT;
  platform.os = hp_convert_borrow(SYSTEM);
  platform.architecture = hp_convert_borrow(ARCHITECTURE);
  response.platform = &platform;
  ttrpc_reply(call, &response.base);
}

typedef Containerd__Runtime__Sandbox__V1__SandboxStatusResponse__InfoEntry InfoEntry;
#define INFO_ENTRY_INIT CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_STATUS_RESPONSE__INFO_ENTRY__INIT

static void handle_status(struct hp_task_service *service, struct ttrpc_call *call,
                          const ProtobufCMessage *message) {
  const Containerd__Runtime__Sandbox__V1__SandboxStatusRequest *request = (const void *)message;
  struct hp_sandbox_state state;
  if (find(service, request->sandbox_id, call, &state) != 0)
    return;
  Containerd__Runtime__Sandbox__V1__SandboxStatusResponse response =
      CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_STATUS_RESPONSE__INIT;
  Google__Protobuf__Timestamp created, exited;
  response.sandbox_id = request->sandbox_id;
  response.pid = state.pid;
  response.state = hp_convert_borrow(state.ready ? READY : NOT_READY);
  response.created_at = hp_convert_time(state.created, &created);
  response.exited_at = hp_convert_time(state.exited, &exited);
  char pid[16];
  snprintf(pid, sizeof pid, "%u", (unsigned)state.pid);
  InfoEntry entries[] = {INFO_ENTRY_INIT, INFO_ENTRY_INIT}, *info[] = {&entries[0], &entries[1]};
  entries[0].key = hp_convert_borrow("pid");
  entries[0].value = pid;
  entries[1].key = hp_convert_borrow("state");
  entries[1].value = response.state;
  response.info = info;
  response.n_info = request->verbose ? 2 : 0;
  ttrpc_reply(call, &response.base);
}

static void handle_ping(struct hp_task_service *service, struct ttrpc_call *call,
                        const ProtobufCMessage *message) {
  const IdRequest *request = (const void *)message;
  struct hp_sandbox_state state;
  if (find(service, request->sandbox_id, call, &state) == 0)
    hp_task_reply_empty(call);
}

struct metrics {
  struct ttrpc_call *call;
  char *id;
};

static void metrics_done(void *arg, const char *type_url, const uint8_t *data, size_t length,
                         const struct hp_error *err) {
  struct metrics *metrics = arg;
  Containerd__Runtime__Sandbox__V1__SandboxMetricsResponse response =
      CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_METRICS_RESPONSE__INIT;
  Containerd__Types__Metric metric = CONTAINERD__TYPES__METRIC__INIT;
  Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
  Google__Protobuf__Timestamp now;
  any.type_url = hp_convert_borrow(type_url);
  any.value.data = (uint8_t *)data;
  any.value.len = length;
  metric.id = metrics->id;
  metric.timestamp = hp_convert_time(hp_time_now(), &now);
  metric.data = &any;
  response.metrics = &metric;
  if (err)
    hp_task_fail(metrics->call, err);
  else
    ttrpc_reply(metrics->call, &response.base);
  free(metrics->id);
  free(metrics);
}

/* The figures of the task's Stats, from the one place that has them. */
static void handle_metrics(struct hp_task_service *service, struct ttrpc_call *call,
                           const ProtobufCMessage *message) {
  const IdRequest *request = (const void *)message;
  struct hp_sandbox_state state;
  if (find(service, request->sandbox_id, call, &state) != 0)
    return;
  struct metrics *metrics = hp_alloc(sizeof *metrics);
  metrics->call = call;
  metrics->id = hp_strdup(request->sandbox_id);
  hp_pod_stats(service->pod, request->sandbox_id, metrics_done, metrics);
}

/* ---- the end --------------------------------------------------------------------------- */

static void reply_exit(struct ttrpc_call *call, const struct hp_exit *exited) {
  Containerd__Runtime__Sandbox__V1__WaitSandboxResponse response =
      CONTAINERD__RUNTIME__SANDBOX__V1__WAIT_SANDBOX_RESPONSE__INIT;
  Google__Protobuf__Timestamp when;
  response.exit_status = exited->status;
  response.exited_at = hp_convert_time(exited->when, &when);
  ttrpc_reply(call, &response.base);
}

static void handle_wait(struct hp_task_service *service, struct ttrpc_call *call,
                        const ProtobufCMessage *message) {
  const IdRequest *request = (const void *)message;
  struct hp_sandbox_state state;
  if (find(service, request->sandbox_id, call, &state) == 0)
    hp_task_wait_for(service, call, request->sandbox_id, NULL, reply_exit);
}

static void handle_stop(struct hp_task_service *service, struct ttrpc_call *call,
                        const ProtobufCMessage *message) {
  const Containerd__Runtime__Sandbox__V1__StopSandboxRequest *request = (const void *)message;
  hp_pod_sandbox_stop(service->pod, request->sandbox_id, request->timeout_secs, hp_task_done, call);
}

/* The shim ends once the pod is empty: at once after a Create that failed. */
static void handle_shutdown(struct hp_task_service *service, struct ttrpc_call *call,
                            const ProtobufCMessage *message) {
  const IdRequest *request = (const void *)message;
  hp_pod_sandbox_remove(service->pod, request->sandbox_id, hp_task_done, call);
  hp_task_leave_after_caller(service);
}

/* In the order of the descriptor, proto/containerd/runtime/sandbox/v1/sandbox.proto. */
static hp_task_method *const methods[] = {
    handle_create, handle_start, handle_platform, handle_stop,    handle_wait,
    handle_status, handle_ping,  handle_shutdown, handle_metrics,
};

void hp_sandbox_handle(void *service, struct ttrpc_call *call, unsigned method_index,
                       const ProtobufCMessage *request) {
  hp_task_dispatch(methods[method_index], service, call, request);
}
