#include <stdlib.h>

#include "base/memory.h"
#include "service/convert.h"
#include "service/task.h"

/* A Wait may take days. Its caller may be gone long before, and containerd may
 * restart any number of times: an abandoned wait keeps nothing. */
struct hp_task_wait {
  struct hp_task_wait *next, **link;
  struct hp_task_service *service;
  struct ttrpc_call *call;
  struct hp_waiter *waiter;
  void (*reply)(struct ttrpc_call *call, const struct hp_exit *exited);
};

static void wait_free(struct hp_task_wait *wait) {
  wait->service->wait_count--;
  *wait->link = wait->next;
  if (wait->next)
    wait->next->link = wait->link;
  free(wait);
}

static void wait_done(void *arg, const struct hp_exit *exited, const struct hp_error *err) {
  struct hp_task_wait *wait = arg;
  struct ttrpc_call *call = wait->call;
  void (*reply)(struct ttrpc_call * call, const struct hp_exit *exited) = wait->reply;
  wait_free(wait);
  if (err)
    hp_task_fail(call, err);
  else
    reply(call, exited);
}

static void reply_exit(struct ttrpc_call *call, const struct hp_exit *exited) {
  Containerd__Task__V2__WaitResponse response = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
  Google__Protobuf__Timestamp when;
  response.exit_status = exited->status;
  response.exited_at = hp_convert_time(exited->when, &when);
  ttrpc_reply(call, &response.base);
}

static void wait_cancel(struct hp_task_wait *wait, const char *reason) {
  struct ttrpc_call *call = wait->call;
  hp_pod_wait_cancel(wait->service->pod, wait->waiter);
  wait_free(wait);
  ttrpc_fail(call, TTRPC_CANCELLED, reason);
}

static void wait_abandoned(void *arg) {
  wait_cancel(arg, "nobody waits for the answer");
}

void hp_task_wait_for(struct hp_task_service *service, struct ttrpc_call *call, const char *id,
                      const char *exec_id,
                      void (*reply)(struct ttrpc_call *call, const struct hp_exit *exited)) {
  if (service->wait_count >= HP_TASK_WAITS_MAX) {
    struct hp_error err = HP_ERROR_INIT;
    hp_error_set(&err, HP_RESOURCE_EXHAUSTED,
                 "%d Waits of this shim are not answered yet: give them deadlines", HP_TASK_WAITS_MAX);
    hp_task_fail_clear(call, &err);
    return;
  }
  service->wait_count++;
  struct hp_task_wait *wait = hp_alloc(sizeof *wait);
  wait->service = service;
  wait->call = call;
  wait->reply = reply;
  wait->next = service->waits;
  wait->link = &service->waits;
  if (wait->next)
    wait->next->link = &wait->next;
  service->waits = wait;
  struct hp_waiter *waiter = hp_pod_wait(service->pod, id, exec_id, wait_done, wait);
  if (!waiter)
    return; /* answered, and wait is gone */
  wait->waiter = waiter;
  if (ttrpc_call_abandoned(call))
    wait_abandoned(wait);
  else
    ttrpc_call_on_abandoned(call, wait_abandoned, wait);
}

void hp_task_wait(struct hp_task_service *service, struct ttrpc_call *call, const ProtobufCMessage *message) {
  const Containerd__Task__V2__WaitRequest *request = (const void *)message;
  hp_task_wait_for(service, call, request->id, request->exec_id, reply_exit);
}

void hp_task_wait_cancel_all(struct hp_task_service *service) {
  while (service->waits)
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the link of the first is service->waits itself
    wait_cancel(service->waits, "the shim is shutting down");
}
