#include <stdlib.h>

#include "base/log.h"
#include "service/convert.h"
#include "service/service.h"
#include "service/task.h"
#include "spec/options.h"

static void create_done(void *call, uint32_t pid, const struct hp_error *err) {
  if (err) {
    hp_task_fail(call, err);
    return;
  }
  Containerd__Task__V2__CreateTaskResponse response = CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
  response.pid = pid;
  ttrpc_reply(call, &response.base);
}

/* What of the runtime's options concerns us. containerd sends runc's own to
 * whatever runtime it has not heard of, so another type is no error. */
static int read_options(const Containerd__Task__V2__CreateTaskRequest *request, struct hp_options *options,
                        struct hp_error *err) {
  const Google__Protobuf__Any *any = request->options;
  char *ignored = NULL;
  if (!any)
    return 0;
  if (hp_options_parse(any->type_url, any->value.data, any->value.len, options, &ignored, err))
    return hp_error_wrap(err, "options");
  if (ignored)
    hp_log(HP_LOG_DEBUG, request->id, "runtime options of type %.200s mean nothing here and are ignored",
           ignored);
  free(ignored);
  return 0;
}

void hp_task_create(struct hp_task_service *service, struct ttrpc_call *call,
                    const ProtobufCMessage *message) {
  const Containerd__Task__V2__CreateTaskRequest *request = (const void *)message;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_options options = {0};
  struct hp_create_request create = {
      .id = request->id,
      .bundle = request->bundle,
      .io = {request->std_in, request->std_out, request->std_err, request->terminal},
      .rootfs_count = request->n_rootfs,
  };
  struct host_rootfs_mount *rootfs = NULL;
  hp_task_stay(service);
  if (request->checkpoint[0]) {
    hp_error_set(&err, HP_UNIMPLEMENTED,
                 "checkpoint is \"%.200s\": a HostProcess container cannot be restored from a checkpoint",
                 request->checkpoint);
    goto done;
  }
  if (hp_publisher_check_room(service->publisher, &err) || read_options(request, &options, &err) ||
      hp_convert_rootfs(request->rootfs, request->n_rootfs, &rootfs, &err))
    goto done;
  create.rootfs = rootfs;
  create.option_path = options.config_path;
  hp_pod_create(service->pod, &create, create_done, call);
  call = NULL;
done:
  if (call)
    hp_task_fail(call, &err);
  hp_convert_rootfs_free(rootfs, request->n_rootfs);
  hp_options_clear(&options);
  hp_error_clear(&err);
}

static void start_done(void *call, uint32_t pid, const struct hp_error *err) {
  if (err) {
    hp_task_fail(call, err);
    return;
  }
  Containerd__Task__V2__StartResponse response = CONTAINERD__TASK__V2__START_RESPONSE__INIT;
  response.pid = pid;
  ttrpc_reply(call, &response.base);
}

void hp_task_start(struct hp_task_service *service, struct ttrpc_call *call,
                   const ProtobufCMessage *message) {
  const Containerd__Task__V2__StartRequest *request = (const void *)message;
  hp_pod_start(service->pod, request->id, request->exec_id, start_done, call);
}

static void delete_done(void *call, const struct hp_exit *exited, const struct hp_error *err) {
  if (err) {
    hp_task_fail(call, err);
    return;
  }
  Containerd__Task__V2__DeleteResponse response = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
  Google__Protobuf__Timestamp when;
  response.pid = exited->pid;
  response.exit_status = exited->status;
  response.exited_at = hp_convert_time(exited->when, &when);
  ttrpc_reply(call, &response.base);
}

void hp_task_delete(struct hp_task_service *service, struct ttrpc_call *call,
                    const ProtobufCMessage *message) {
  const Containerd__Task__V2__DeleteRequest *request = (const void *)message;
  service->another |= !request->exec_id[0];
  hp_pod_delete(service->pod, request->id, request->exec_id, delete_done, call);
}

void hp_task_pause(struct hp_task_service *service, struct ttrpc_call *call,
                   const ProtobufCMessage *message) {
  const Containerd__Task__V2__PauseRequest *request = (const void *)message;
  hp_pod_pause(service->pod, request->id, true, hp_task_done, call);
}

void hp_task_resume(struct hp_task_service *service, struct ttrpc_call *call,
                    const ProtobufCMessage *message) {
  const Containerd__Task__V2__ResumeRequest *request = (const void *)message;
  hp_pod_pause(service->pod, request->id, false, hp_task_done, call);
}

void hp_task_checkpoint(struct hp_task_service *service, struct ttrpc_call *call,
                        const ProtobufCMessage *message) {
  (void)service;
  (void)message;
  struct hp_error err = HP_ERROR_INIT;
  hp_error_set(&err, HP_UNIMPLEMENTED, "Checkpoint: a HostProcess container cannot be checkpointed");
  hp_task_fail_clear(call, &err);
}

void hp_task_kill(struct hp_task_service *service, struct ttrpc_call *call, const ProtobufCMessage *message) {
  const Containerd__Task__V2__KillRequest *request = (const void *)message;
  hp_pod_kill(service->pod, request->id, request->exec_id, request->signal, request->all, hp_task_done, call);
}

void hp_task_exec(struct hp_task_service *service, struct ttrpc_call *call, const ProtobufCMessage *message) {
  const Containerd__Task__V2__ExecProcessRequest *request = (const void *)message;
  const Google__Protobuf__Any *spec = request->spec;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_process_spec process = {0};
  /* Everywhere below an empty exec id means the container's first process. */
  if (!request->exec_id[0]) {
    hp_error_set(&err, HP_INVALID_ARGUMENT, "exec_id is empty: name the new process");
    goto done;
  }
  if (hp_publisher_check_room(service->publisher, &err) ||
      hp_convert_check_type("spec", spec, HP_TYPE_PROCESS, &err))
    goto done;
  if (hp_process_spec_parse((const char *)spec->value.data, spec->value.len, &process, &err)) {
    hp_error_wrap(&err, "spec");
    goto done;
  }
  process.terminal = request->terminal; /* as with runc, the request's word counts */
  hp_pod_exec(service->pod,
              &(struct hp_exec_request){
                  .id = request->id,
                  .exec_id = request->exec_id,
                  .io = {request->std_in, request->std_out, request->std_err, request->terminal},
                  .process = &process,
              },
              hp_task_done, call);
  call = NULL;
done:
  if (call)
    hp_task_fail(call, &err);
  hp_process_spec_clear(&process);
  hp_error_clear(&err);
}

void hp_task_update(struct hp_task_service *service, struct ttrpc_call *call,
                    const ProtobufCMessage *message) {
  const Containerd__Task__V2__UpdateTaskRequest *request = (const void *)message;
  const Google__Protobuf__Any *resources = request->resources;
  enum hp_os os = hp_os_here();
  const char *type = os == HP_OS_WINDOWS ? HP_TYPE_WINDOWS_RESOURCES : HP_TYPE_LINUX_RESOURCES;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_limits limits = {0};
  if (hp_convert_check_type("resources", resources, type, &err))
    goto done;
  if (hp_limits_parse(os, (const char *)resources->value.data, resources->value.len, &limits, &err)) {
    hp_error_wrap(&err, "resources");
    goto done;
  }
  hp_pod_update(service->pod, request->id, &limits, hp_task_done, call);
  call = NULL;
done:
  if (call)
    hp_task_fail(call, &err);
  hp_limits_clear(&limits);
  hp_error_clear(&err);
}
