/* What each event says on the wire. */
#include "support.h"

#include <stdlib.h>

#include "containerd/events/task.pb-c.h"
#include "service/event_message.h"

/* Packs and unpacks; the test frees with protobuf_c_message_free_unpacked. */
static void *through_the_wire(const struct hp_event *event, const ProtobufCMessageDescriptor *descriptor) {
  size_t length;
  uint8_t *data = hp_event_pack(event, &length);
  ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, length, data);
  free(data);
  ck_assert_ptr_nonnull(message);
  return message;
}

static void release(void *message) {
  protobuf_c_message_free_unpacked(message, NULL);
}

START_TEST(topics_and_types) {
  static const struct {
    enum hp_event_kind kind;
    const char *topic, *type;
  } expected[] = {
      {HP_EVENT_CREATE, "/tasks/create", "containerd.events.TaskCreate"},
      {HP_EVENT_START, "/tasks/start", "containerd.events.TaskStart"},
      {HP_EVENT_EXIT, "/tasks/exit", "containerd.events.TaskExit"},
      {HP_EVENT_DELETE, "/tasks/delete", "containerd.events.TaskDelete"},
      {HP_EVENT_EXEC_ADDED, "/tasks/exec-added", "containerd.events.TaskExecAdded"},
      {HP_EVENT_EXEC_STARTED, "/tasks/exec-started", "containerd.events.TaskExecStarted"},
      {HP_EVENT_OOM, "/tasks/oom", "containerd.events.TaskOOM"},
      {HP_EVENT_PAUSED, "/tasks/paused", "containerd.events.TaskPaused"},
      {HP_EVENT_RESUMED, "/tasks/resumed", "containerd.events.TaskResumed"},
  };
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    ck_assert_str_eq(hp_event_topic(expected[i].kind), expected[i].topic);
    ck_assert_str_eq(hp_event_type(expected[i].kind), expected[i].type);
  }
}
END_TEST

START_TEST(create_says_how) {
  char *options[] = {(char *)"ro", (char *)"lowerdir=/a", NULL};
  struct host_rootfs_mount mounts[] = {
      {(char *)"overlay", (char *)"overlay", NULL, {options, 2}},
      {(char *)"bind", (char *)"/src", (char *)"/dst", {NULL, 0}},
  };
  Containerd__Events__TaskCreate *message =
      through_the_wire(&(struct hp_event){.kind = HP_EVENT_CREATE,
                                          .container_id = "c1",
                                          .pid = 3,
                                          .bundle = "/bundle",
                                          .io = {"/in", NULL, "/err", true},
                                          .rootfs = mounts,
                                          .rootfs_count = 2},
                       &containerd__events__task_create__descriptor);
  ck_assert_str_eq(message->container_id, "c1");
  ck_assert_str_eq(message->bundle, "/bundle");
  ck_assert_uint_eq(message->pid, 3);
  ck_assert_str_eq(message->io->std_in, "/in");
  ck_assert_str_eq(message->io->std_out, "");
  ck_assert_str_eq(message->io->std_err, "/err");
  ck_assert(message->io->terminal);
  ck_assert_uint_eq(message->n_rootfs, 2);
  ck_assert_str_eq(message->rootfs[0]->type, "overlay");
  ck_assert_str_eq(message->rootfs[0]->target, "");
  ck_assert_uint_eq(message->rootfs[0]->n_options, 2);
  ck_assert_str_eq(message->rootfs[0]->options[1], "lowerdir=/a");
  ck_assert_str_eq(message->rootfs[1]->source, "/src");
  ck_assert_str_eq(message->rootfs[1]->target, "/dst");
  release(message);
}
END_TEST

START_TEST(start_says_the_pid) {
  Containerd__Events__TaskStart *message =
      through_the_wire(&(struct hp_event){.kind = HP_EVENT_START, .container_id = "c1", .pid = 44},
                       &containerd__events__task_start__descriptor);
  ck_assert_str_eq(message->container_id, "c1");
  ck_assert_uint_eq(message->pid, 44);
  release(message);
}
END_TEST

START_TEST(exit_of_init_has_the_containers_id) {
  Containerd__Events__TaskExit *message = through_the_wire(
      &(struct hp_event){
          .kind = HP_EVENT_EXIT, .container_id = "c1", .pid = 5, .status = 137, .when = {1700000000, 8}},
      &containerd__events__task_exit__descriptor);
  ck_assert_str_eq(message->container_id, "c1");
  ck_assert_str_eq(message->id, "c1");
  ck_assert_uint_eq(message->pid, 5);
  ck_assert_uint_eq(message->exit_status, 137);
  ck_assert_int_eq(message->exited_at->seconds, 1700000000);
  ck_assert_int_eq(message->exited_at->nanos, 8);
  release(message);
}
END_TEST

START_TEST(exit_of_an_exec_has_its_id) {
  Containerd__Events__TaskExit *message =
      through_the_wire(&(struct hp_event){.kind = HP_EVENT_EXIT, .container_id = "c1", .exec_id = "e1"},
                       &containerd__events__task_exit__descriptor);
  ck_assert_str_eq(message->container_id, "c1");
  ck_assert_str_eq(message->id, "e1");
  release(message);
}
END_TEST

START_TEST(delete_names_an_exec_only) {
  struct hp_event event = {.kind = HP_EVENT_DELETE,
                           .container_id = "c1",
                           .exec_id = "e1",
                           .pid = 6,
                           .status = 2,
                           .when = {1700000000, 0}};
  Containerd__Events__TaskDelete *message =
      through_the_wire(&event, &containerd__events__task_delete__descriptor);
  ck_assert_str_eq(message->id, "e1");
  ck_assert_uint_eq(message->pid, 6);
  ck_assert_uint_eq(message->exit_status, 2);
  ck_assert_int_eq(message->exited_at->seconds, 1700000000);
  release(message);
  event.exec_id = NULL;
  message = through_the_wire(&event, &containerd__events__task_delete__descriptor);
  ck_assert_str_eq(message->container_id, "c1");
  ck_assert_str_eq(message->id, "");
  release(message);
}
END_TEST

START_TEST(execs_are_named) {
  struct hp_event event = {.kind = HP_EVENT_EXEC_ADDED, .container_id = "c1", .exec_id = "e1", .pid = 8};
  Containerd__Events__TaskExecAdded *added =
      through_the_wire(&event, &containerd__events__task_exec_added__descriptor);
  ck_assert_str_eq(added->container_id, "c1");
  ck_assert_str_eq(added->exec_id, "e1");
  release(added);
  event.kind = HP_EVENT_EXEC_STARTED;
  Containerd__Events__TaskExecStarted *started =
      through_the_wire(&event, &containerd__events__task_exec_started__descriptor);
  ck_assert_str_eq(started->container_id, "c1");
  ck_assert_str_eq(started->exec_id, "e1");
  ck_assert_uint_eq(started->pid, 8);
  release(started);
}
END_TEST

START_TEST(oom_paused_and_resumed_name_the_container) {
  struct hp_event event = {.kind = HP_EVENT_OOM, .container_id = "c1"};
  Containerd__Events__TaskOOM *oom = through_the_wire(&event, &containerd__events__task_oom__descriptor);
  ck_assert_str_eq(oom->container_id, "c1");
  release(oom);
  event.kind = HP_EVENT_PAUSED;
  Containerd__Events__TaskPaused *paused =
      through_the_wire(&event, &containerd__events__task_paused__descriptor);
  ck_assert_str_eq(paused->container_id, "c1");
  release(paused);
  event.kind = HP_EVENT_RESUMED;
  Containerd__Events__TaskResumed *resumed =
      through_the_wire(&event, &containerd__events__task_resumed__descriptor);
  ck_assert_str_eq(resumed->container_id, "c1");
  release(resumed);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("service/event_message");
  TCase *tcase = tcase_create("message");
  tcase_add_test(tcase, topics_and_types);
  tcase_add_test(tcase, create_says_how);
  tcase_add_test(tcase, start_says_the_pid);
  tcase_add_test(tcase, exit_of_init_has_the_containers_id);
  tcase_add_test(tcase, exit_of_an_exec_has_its_id);
  tcase_add_test(tcase, delete_names_an_exec_only);
  tcase_add_test(tcase, execs_are_named);
  tcase_add_test(tcase, oom_paused_and_resumed_name_the_container);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
