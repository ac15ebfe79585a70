#include "task_harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "loop_wait.h"
#include "support.h"

struct hp_pod pod;
struct hp_task_service *service;
unsigned shutdowns;
bool shut_down;

static uv_loop_t loop;
static struct ttrpc_server *server;
static struct ttrpc_client *client;
static struct answer last;

static void on_shutdown(void *arg) {
  (void)arg;
  shutdowns++;
  shut_down = true;
}

void task_harness_setup(void) {
  struct ttrpc_service services[HP_TASK_SERVICES];
  uv_stream_t *ends[2];
  hp_log_set_sink(NULL, NULL);
  unit_ignore_broken_pipes();
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  unit_stream_pair(&loop, ends);
  pod = (struct hp_pod){0};
  shutdowns = 0;
  shut_down = false;
  service = hp_task_service_new(&loop, &pod, on_shutdown, NULL);
  hp_task_service_describe(service, services);
  server = ttrpc_server_new(&loop, services, HP_TASK_SERVICES, NULL);
  ttrpc_server_accept(server, ends[0], NULL);
  client = ttrpc_client_new(&loop, ends[1], NULL, NULL, NULL);
}

static void set_flag(void *flag) {
  *(bool *)flag = true;
}

static void forget(struct answer *answer) {
  if (answer->response)
    protobuf_c_message_free_unpacked(answer->response, NULL);
  *answer = (struct answer){0};
}

void task_harness_teardown(void) {
  bool done = false;
  forget(&last);
  task_hang_up();
  hp_task_service_free(service);
  ttrpc_server_shutdown(server, 0, set_flag, &done);
  task_run_until(&done);
  ttrpc_server_free(server);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  double_pod_clear(&pod);
}

const ProtobufCServiceDescriptor *task_version(int version) {
  if (version == SANDBOX_SERVICE)
    return &containerd__runtime__sandbox__v1__sandbox__descriptor;
  return version == 2 ? &containerd__task__v2__task__descriptor : &containerd__task__v3__task__descriptor;
}

/* The response is gone after the callback: a copy by way of the wire. */
static void on_response(void *arg, enum ttrpc_code code, const char *message,
                        const ProtobufCMessage *response) {
  struct answer *answer = arg;
  answer->came = true;
  answer->code = code;
  snprintf(answer->message, sizeof answer->message, "%s", message ? message : "");
  if (!response)
    return;
  uint8_t *packed = hp_alloc(protobuf_c_message_get_packed_size(response));
  size_t length = protobuf_c_message_pack(response, packed);
  answer->response = protobuf_c_message_unpack(response->descriptor, NULL, length, packed);
  free(packed);
}

void task_send(int version, const char *method, const ProtobufCMessage *request, struct answer *answer) {
  const ProtobufCServiceDescriptor *descriptor = task_version(version);
  const ProtobufCMethodDescriptor *found =
      protobuf_c_service_descriptor_get_method_by_name(descriptor, method);
  ck_assert_msg(found != NULL, "no method %s", method);
  ttrpc_client_call(client, descriptor, (unsigned)(found - descriptor->methods), request, 0, on_response,
                    answer);
}

void task_run_until(const bool *condition) {
  LOOP_WAIT(&loop, *condition, 40000);
  ck_assert_msg(*condition, "waited 40 s in vain");
}

void task_settle(void) {
  for (int i = 0; i < 20; i++)
    uv_run(&loop, UV_RUN_NOWAIT);
}

void task_hang_up(void) {
  if (client)
    ttrpc_client_free(client);
  client = NULL;
}

const struct answer *task_call(int version, const char *method, const ProtobufCMessage *request) {
  forget(&last);
  task_send(version, method, request, &last);
  task_run_until(&last.came);
  return &last;
}

const void *task_call_ok(int version, const char *method, const ProtobufCMessage *request) {
  const struct answer *answer = task_call(version, method, request);
  ck_assert_msg(answer->code == TTRPC_OK, "%s: code %d: %s", method, (int)answer->code, answer->message);
  ck_assert_ptr_nonnull(answer->response);
  return answer->response;
}

void task_call_fails(int version, const char *method, const ProtobufCMessage *request, enum ttrpc_code code,
                     const char *part) {
  const struct answer *answer = task_call(version, method, request);
  ck_assert_msg(answer->code == code, "%s: code %d: %s", method, (int)answer->code, answer->message);
  ck_assert_msg(strstr(answer->message, part) != NULL, "\"%s\" is not in \"%s\"", part, answer->message);
}
