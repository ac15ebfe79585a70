#include "service/task.h"

#include <stdlib.h>

#include "base/memory.h"
#include "containerd/runtime/sandbox/v1/sandbox.pb-c.h"
#include "containerd/task/v3/shim.pb-c.h"
#include "service/request_log.h"
#include "service/service.h"

void hp_task_fail(struct ttrpc_call *call, const struct hp_error *err) {
  hp_request_failed(call, err);
  ttrpc_fail(call, (enum ttrpc_code)err->code, err->message);
}

void hp_task_fail_clear(struct ttrpc_call *call, struct hp_error *err) {
  hp_task_fail(call, err);
  hp_error_clear(err);
}

void hp_task_reply_empty(struct ttrpc_call *call) {
  Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
  ttrpc_reply(call, &empty.base);
}

void hp_task_done(void *call, const struct hp_error *err) {
  if (err)
    hp_task_fail(call, err);
  else
    hp_task_reply_empty(call);
}

/* After a restart containerd calls this for whatever it remembers, and takes an
 * error for the death of the task: so an id that is unknown here is no error. */
static void handle_connect(struct hp_task_service *service, struct ttrpc_call *call,
                           const ProtobufCMessage *message) {
  const Containerd__Task__V2__ConnectRequest *request = (const void *)message;
  Containerd__Task__V2__ConnectResponse response = CONTAINERD__TASK__V2__CONNECT_RESPONSE__INIT;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_state state;
  char version[] = HP_VERSION;
  response.shim_pid = (uint32_t)uv_os_getpid();
  response.task_pid = response.shim_pid;
  response.version = version;
  if (hp_pod_state(service->pod, request->id, NULL, &state, &err) == 0)
    response.task_pid = state.pid;
  hp_error_clear(&err);
  ttrpc_reply(call, &response.base);
}

/* After the last Delete: what containerd needs to send its Shutdown. */
#define ANOTHER_MS 3000
/* For a caller to take its answer and hang up. */
#define FAREWELL_MS 1000

static void shut_down(struct hp_task_service *service) {
  if (service->shut_down)
    return;
  service->shut_down = true;
  service->shutdown(service->arg);
}

static void patience_over(uv_timer_t *timer) {
  struct hp_task_service *service = timer->data;
  if (service->leaving && hp_pod_empty(service->pod))
    shut_down(service);
}

static void pod_is_empty(void *arg) {
  struct hp_task_service *service = arg;
  if (service->leaving && (service->another || service->farewell))
    uv_timer_start(service->patience, patience_over, service->another ? ANOTHER_MS : FAREWELL_MS, 0);
  else if (service->leaving)
    shut_down(service);
}

void hp_task_leave(struct hp_task_service *service, bool now) {
  service->leaving = true;
  service->another = service->farewell = false;
  if (now || hp_pod_empty(service->pod))
    shut_down(service);
}

/* A client in Go that finds answer and end at once may take the end. containerd
 * does not mind it of a Shutdown; of a ShutdownSandbox it is a pod that cannot be
 * removed. */
void hp_task_leave_after_caller(struct hp_task_service *service) {
  service->leaving = service->farewell = true;
  service->another = false;
  if (hp_pod_empty(service->pod))
    pod_is_empty(service);
}

void hp_task_service_hung_up(struct hp_task_service *service) {
  if (service->leaving && service->farewell && hp_pod_empty(service->pod))
    shut_down(service);
}

void hp_task_stay(struct hp_task_service *service) {
  service->leaving = service->another = service->farewell = false;
}

/* containerd sends this after the Delete of a pod's tasks, always with that
 * task's id: only the pod's emptiness tells which was the last. A pod may still
 * be finishing what the Delete began; then it is left once it is empty. Behind a
 * later Delete another Shutdown comes, for which the shim stays; but not for
 * ever, since up to 2.3 containerd sends none for a member, and a sandbox may be
 * deleted before its members. */
static void handle_shutdown(struct hp_task_service *service, struct ttrpc_call *call,
                            const ProtobufCMessage *message) {
  const Containerd__Task__V2__ShutdownRequest *request = (const void *)message;
  bool now = request->now;
  hp_task_reply_empty(call);
  hp_task_leave(service, now);
}

/* In the order of the descriptor, proto/containerd/task/v2/shim.proto. */
static hp_task_method *const methods[] = {
    hp_task_state,  hp_task_create,     hp_task_start, hp_task_delete, hp_task_pids,       hp_task_pause,
    hp_task_resume, hp_task_checkpoint, hp_task_kill,  hp_task_exec,   hp_task_resize_pty, hp_task_close_io,
    hp_task_update, hp_task_wait,       hp_task_stats, handle_connect, handle_shutdown,
};

void hp_task_dispatch(hp_task_method *method, struct hp_task_service *service, struct ttrpc_call *call,
                      const ProtobufCMessage *message) {
  struct hp_log_scope scope;
  hp_request_scope(call, message, &scope);
  const struct hp_log_scope *previous = hp_log_enter(&scope);
  method(service, call, message);
  hp_log_enter(previous);
}

static void handle(void *arg, struct ttrpc_call *call, unsigned method_index,
                   const ProtobufCMessage *request) {
  hp_task_dispatch(methods[method_index], arg, call, request);
}

struct hp_task_service *hp_task_service_new(uv_loop_t *loop, struct hp_pod *pod, void (*shutdown)(void *arg),
                                            void *arg) {
  struct hp_task_service *service = hp_alloc(sizeof *service);
  service->patience = hp_alloc(sizeof *service->patience);
  uv_timer_init(loop, service->patience);
  service->patience->data = service;
  service->pod = pod;
  service->shutdown = shutdown;
  service->arg = arg;
  hp_pod_on_empty(pod, pod_is_empty, service);
  return service;
}

void hp_task_service_heed(struct hp_task_service *service, const struct hp_publisher *publisher) {
  service->publisher = publisher;
}

static void free_timer(uv_handle_t *timer) {
  free(timer);
}

void hp_task_service_free(struct hp_task_service *service) {
  if (!service)
    return;
  uv_close((uv_handle_t *)service->patience, free_timer);
  hp_pod_on_empty(service->pod, NULL, NULL);
  hp_task_wait_cancel_all(service);
  free(service);
}

void hp_task_service_describe(struct hp_task_service *service,
                              struct ttrpc_service services[HP_TASK_SERVICES]) {
  services[0] = (struct ttrpc_service){&containerd__task__v2__task__descriptor, handle, service};
  services[1] = (struct ttrpc_service){&containerd__task__v3__task__descriptor, handle, service};
  services[2] = (struct ttrpc_service){&containerd__runtime__sandbox__v1__sandbox__descriptor,
                                       hp_sandbox_handle, service};
}
