#include <stdlib.h>

#include "base/memory.h"
#include "containerd/runc/v1/oci.pb-c.h"
#include "service/convert.h"
#include "service/task.h"

static Containerd__V1__Types__Status status_of(enum hp_status status) {
  switch (status) {
  case HP_CREATED:
    return CONTAINERD__V1__TYPES__STATUS__CREATED;
  case HP_RUNNING:
    return CONTAINERD__V1__TYPES__STATUS__RUNNING;
  case HP_PAUSED:
    return CONTAINERD__V1__TYPES__STATUS__PAUSED;
  case HP_STOPPED:
    return CONTAINERD__V1__TYPES__STATUS__STOPPED;
  }
  return CONTAINERD__V1__TYPES__STATUS__UNKNOWN;
}

void hp_task_state(struct hp_task_service *service, struct ttrpc_call *call,
                   const ProtobufCMessage *message) {
  const Containerd__Task__V2__StateRequest *request = (const void *)message;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_state state;
  if (hp_pod_state(service->pod, request->id, request->exec_id, &state, &err)) {
    hp_task_fail_clear(call, &err);
    return;
  }
  Containerd__Task__V2__StateResponse response = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
  Google__Protobuf__Timestamp when;
  response.id = hp_convert_borrow(state.id);
  response.exec_id = hp_convert_borrow(state.exec_id);
  response.bundle = hp_convert_borrow(state.bundle);
  response.pid = state.pid;
  response.status = status_of(state.status);
  response.std_in = hp_convert_borrow(state.io.in);
  response.std_out = hp_convert_borrow(state.io.out);
  response.std_err = hp_convert_borrow(state.io.err);
  response.terminal = state.io.terminal;
  if (state.status == HP_STOPPED) {
    response.exit_status = state.exited.status;
    response.exited_at = hp_convert_time(state.exited.when, &when);
  }
  ttrpc_reply(call, &response.base);
}

/* One process of the answer to Pids, with room for what it points to. */
struct process {
  Containerd__V1__Types__ProcessInfo message;
  Google__Protobuf__Any info;
  uint8_t *details;
};

static void describe_process(const struct hp_pid *pid, struct process *process) {
  containerd__v1__types__process_info__init(&process->message);
  process->message.pid = pid->pid;
  if (!pid->exec_id)
    return;
  Containerd__Runc__V1__ProcessDetails details = CONTAINERD__RUNC__V1__PROCESS_DETAILS__INIT;
  details.exec_id = hp_convert_borrow(pid->exec_id);
  process->details = hp_alloc(containerd__runc__v1__process_details__get_packed_size(&details));
  google__protobuf__any__init(&process->info);
  process->info.type_url = hp_convert_borrow(containerd__runc__v1__process_details__descriptor.name);
  process->info.value.data = process->details;
  process->info.value.len = containerd__runc__v1__process_details__pack(&details, process->details);
  process->message.info = &process->info;
}

static void pids_done(void *arg, const struct hp_pid *pids, size_t count, const struct hp_error *err) {
  struct ttrpc_call *call = arg;
  if (err) {
    hp_task_fail(call, err);
    return;
  }
  Containerd__Task__V2__PidsResponse response = CONTAINERD__TASK__V2__PIDS_RESPONSE__INIT;
  struct process *processes = hp_alloc(count * sizeof *processes);
  response.n_processes = count;
  response.processes = hp_alloc(count * sizeof(Containerd__V1__Types__ProcessInfo *));
  for (size_t i = 0; i < count; i++) {
    describe_process(&pids[i], &processes[i]);
    response.processes[i] = &processes[i].message;
  }
  ttrpc_reply(call, &response.base);
  for (size_t i = 0; i < count; i++)
    free(processes[i].details);
  free(processes);
  free(response.processes);
}

void hp_task_pids(struct hp_task_service *service, struct ttrpc_call *call, const ProtobufCMessage *message) {
  const Containerd__Task__V2__PidsRequest *request = (const void *)message;
  hp_pod_pids(service->pod, request->id, pids_done, call);
}

static void stats_done(void *arg, const char *type_url, const uint8_t *data, size_t length,
                       const struct hp_error *err) {
  struct ttrpc_call *call = arg;
  if (err) {
    hp_task_fail(call, err);
    return;
  }
  Containerd__Task__V2__StatsResponse response = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;
  Google__Protobuf__Any stats = GOOGLE__PROTOBUF__ANY__INIT;
  stats.type_url = hp_convert_borrow(type_url);
  stats.value.data = (uint8_t *)data;
  stats.value.len = length;
  response.stats = &stats;
  ttrpc_reply(call, &response.base);
}

void hp_task_stats(struct hp_task_service *service, struct ttrpc_call *call,
                   const ProtobufCMessage *message) {
  const Containerd__Task__V2__StatsRequest *request = (const void *)message;
  hp_pod_stats(service->pod, request->id, stats_done, call);
}

void hp_task_resize_pty(struct hp_task_service *service, struct ttrpc_call *call,
                        const ProtobufCMessage *message) {
  const Containerd__Task__V2__ResizePtyRequest *request = (const void *)message;
  struct hp_error err = HP_ERROR_INIT;
  if (hp_pod_resize(service->pod, request->id, request->exec_id, request->width, request->height, &err))
    hp_task_fail_clear(call, &err);
  else
    hp_task_reply_empty(call);
}

void hp_task_close_io(struct hp_task_service *service, struct ttrpc_call *call,
                      const ProtobufCMessage *message) {
  const Containerd__Task__V2__CloseIORequest *request = (const void *)message;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_state state;
  /* Without the flag there is nothing to close, but the process must exist. */
  int result = request->std_in ? hp_pod_close_stdin(service->pod, request->id, request->exec_id, &err)
                               : hp_pod_state(service->pod, request->id, request->exec_id, &state, &err);
  if (result)
    hp_task_fail_clear(call, &err);
  else
    hp_task_reply_empty(call);
}
