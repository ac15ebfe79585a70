#include "service/event_message.h"

#include <stdlib.h>

#include "base/memory.h"
#include "containerd/events/task.pb-c.h"
#include "service/convert.h"

static const struct {
  const char *topic;
  const ProtobufCMessageDescriptor *descriptor;
} kinds[] = {
    [HP_EVENT_CREATE] = {"/tasks/create", &containerd__events__task_create__descriptor},
    [HP_EVENT_START] = {"/tasks/start", &containerd__events__task_start__descriptor},
    [HP_EVENT_EXIT] = {"/tasks/exit", &containerd__events__task_exit__descriptor},
    [HP_EVENT_DELETE] = {"/tasks/delete", &containerd__events__task_delete__descriptor},
    [HP_EVENT_EXEC_ADDED] = {"/tasks/exec-added", &containerd__events__task_exec_added__descriptor},
    [HP_EVENT_EXEC_STARTED] = {"/tasks/exec-started", &containerd__events__task_exec_started__descriptor},
    [HP_EVENT_OOM] = {"/tasks/oom", &containerd__events__task_oom__descriptor},
    [HP_EVENT_PAUSED] = {"/tasks/paused", &containerd__events__task_paused__descriptor},
    [HP_EVENT_RESUMED] = {"/tasks/resumed", &containerd__events__task_resumed__descriptor},
};

const char *hp_event_topic(enum hp_event_kind kind) {
  return kinds[kind].topic;
}

const char *hp_event_type(enum hp_event_kind kind) {
  return kinds[kind].descriptor->name;
}

static uint8_t *pack(const ProtobufCMessage *message, size_t *length) {
  uint8_t *data = hp_alloc(protobuf_c_message_get_packed_size(message));
  *length = protobuf_c_message_pack(message, data);
  return data;
}

static uint8_t *pack_create(const struct hp_event *event, size_t *length) {
  Containerd__Events__TaskCreate message = CONTAINERD__EVENTS__TASK_CREATE__INIT;
  Containerd__Events__TaskIO io = CONTAINERD__EVENTS__TASK_IO__INIT;
  size_t count = event->rootfs_count;
  Containerd__Types__Mount *mounts = hp_alloc(count * sizeof *mounts);
  message.rootfs = hp_alloc(count * sizeof(Containerd__Types__Mount *));
  message.n_rootfs = count;
  for (size_t i = 0; i < count; i++) {
    const struct host_rootfs_mount *mount = &event->rootfs[i];
    containerd__types__mount__init(&mounts[i]);
    mounts[i].type = hp_convert_borrow(mount->type);
    mounts[i].source = hp_convert_borrow(mount->source);
    mounts[i].target = hp_convert_borrow(mount->target);
    mounts[i].options = mount->options.items;
    mounts[i].n_options = mount->options.count;
    message.rootfs[i] = &mounts[i];
  }
  io.std_in = hp_convert_borrow(event->io.in);
  io.std_out = hp_convert_borrow(event->io.out);
  io.std_err = hp_convert_borrow(event->io.err);
  io.terminal = event->io.terminal;
  message.container_id = hp_convert_borrow(event->container_id);
  message.bundle = hp_convert_borrow(event->bundle);
  message.io = &io;
  message.pid = event->pid;
  uint8_t *data = pack(&message.base, length);
  free(message.rootfs);
  free(mounts);
  return data;
}

static uint8_t *pack_start(const struct hp_event *event, size_t *length) {
  Containerd__Events__TaskStart message = CONTAINERD__EVENTS__TASK_START__INIT;
  message.container_id = hp_convert_borrow(event->container_id);
  message.pid = event->pid;
  return pack(&message.base, length);
}

static uint8_t *pack_exit(const struct hp_event *event, size_t *length) {
  Containerd__Events__TaskExit message = CONTAINERD__EVENTS__TASK_EXIT__INIT;
  Google__Protobuf__Timestamp when;
  message.container_id = hp_convert_borrow(event->container_id);
  message.id = hp_convert_borrow(event->exec_id ? event->exec_id : event->container_id);
  message.pid = event->pid;
  message.exit_status = event->status;
  message.exited_at = hp_convert_time(event->when, &when);
  return pack(&message.base, length);
}

static uint8_t *pack_delete(const struct hp_event *event, size_t *length) {
  Containerd__Events__TaskDelete message = CONTAINERD__EVENTS__TASK_DELETE__INIT;
  Google__Protobuf__Timestamp when;
  message.container_id = hp_convert_borrow(event->container_id);
  message.id = hp_convert_borrow(event->exec_id);
  message.pid = event->pid;
  message.exit_status = event->status;
  message.exited_at = hp_convert_time(event->when, &when);
  return pack(&message.base, length);
}

static uint8_t *pack_exec_added(const struct hp_event *event, size_t *length) {
  Containerd__Events__TaskExecAdded message = CONTAINERD__EVENTS__TASK_EXEC_ADDED__INIT;
  message.container_id = hp_convert_borrow(event->container_id);
  message.exec_id = hp_convert_borrow(event->exec_id);
  return pack(&message.base, length);
}

static uint8_t *pack_exec_started(const struct hp_event *event, size_t *length) {
  Containerd__Events__TaskExecStarted message = CONTAINERD__EVENTS__TASK_EXEC_STARTED__INIT;
  message.container_id = hp_convert_borrow(event->container_id);
  message.exec_id = hp_convert_borrow(event->exec_id);
  message.pid = event->pid;
  return pack(&message.base, length);
}

/* TaskOOM, TaskPaused and TaskResumed say nothing but whom they are about. */
static uint8_t *pack_container(const struct hp_event *event, size_t *length) {
  Containerd__Events__TaskOOM message = CONTAINERD__EVENTS__TASK_OOM__INIT;
  message.container_id = hp_convert_borrow(event->container_id);
  return pack(&message.base, length);
}

uint8_t *hp_event_pack(const struct hp_event *event, size_t *length) {
  switch (event->kind) {
  case HP_EVENT_CREATE:
    return pack_create(event, length);
  case HP_EVENT_START:
    return pack_start(event, length);
  case HP_EVENT_EXIT:
    return pack_exit(event, length);
  case HP_EVENT_DELETE:
    return pack_delete(event, length);
  case HP_EVENT_EXEC_ADDED:
    return pack_exec_added(event, length);
  case HP_EVENT_EXEC_STARTED:
    return pack_exec_started(event, length);
  case HP_EVENT_OOM:
  case HP_EVENT_PAUSED:
  case HP_EVENT_RESUMED:
    break;
  }
  return pack_container(event, length);
}
