#include "cli/ask.h"

#include "containerd/task/v2/shim.pb-c.h"
#include "host/host.h"
#include "hostprocess/ttrpc.h"

struct talk {
  uv_loop_t loop;
  uv_timer_t limit;
  struct ttrpc_client *client;
  const struct hp_question *questions;
  size_t count, next;
  uint64_t limit_ms;
  bool until_lost, lost, over;
  struct hp_error *err;
};

static void finish(struct talk *talk) {
  if (talk->over)
    return;
  talk->over = true;
  uv_close((uv_handle_t *)&talk->limit, NULL);
  if (talk->client)
    ttrpc_client_free(talk->client);
  talk->client = NULL;
}

static void on_limit(uv_timer_t *timer) {
  struct talk *talk = timer->data;
  if (talk->next < talk->count)
    hp_error_set(talk->err, HP_DEADLINE_EXCEEDED, "the shim has not answered %s within %llu ms",
                 talk->questions[talk->next].method, (unsigned long long)talk->limit_ms);
  finish(talk);
}

static void on_end(uv_timer_t *timer) {
  finish(timer->data);
}

static void ask_next(struct talk *talk);

static void on_answer(void *arg, enum ttrpc_code code, const char *message,
                      const ProtobufCMessage *response) {
  struct talk *talk = arg;
  (void)response;
  if (talk->over)
    return;
  const struct hp_question *question = &talk->questions[talk->next];
  if (code != TTRPC_OK && !question->optional) {
    hp_error_set(talk->err, (enum hp_code)code, "the shim refuses %s: %s", question->method,
                 message ? message : "no reason given");
    uv_timer_start(&talk->limit, on_end, 0, 0); /* a lost connection fails its calls first, then says so */
    return;
  }
  talk->next++;
  ask_next(talk);
}

static void ask_next(struct talk *talk) {
  if (talk->next == talk->count) {
    if (!talk->until_lost || talk->lost)
      finish(talk);
    return;
  }
  const ProtobufCServiceDescriptor *service = &containerd__task__v2__task__descriptor;
  const struct hp_question *question = &talk->questions[talk->next];
  const ProtobufCMethodDescriptor *method =
      protobuf_c_service_descriptor_get_method_by_name(service, question->method);
  ttrpc_client_call(talk->client, service, (unsigned)(method - service->methods), question->request, 0,
                    on_answer, talk);
}

/* Calls that wait have failed by now and say so themselves. */
static void on_lost(void *arg) {
  struct talk *talk = arg;
  talk->lost = true;
  if (talk->next == talk->count)
    finish(talk);
}

static void on_connected(void *arg, uv_stream_t *stream, const struct hp_error *err) {
  struct talk *talk = arg;
  if (!stream) {
    if (!talk->over)
      hp_error_copy(talk->err, err);
    finish(talk);
    return;
  }
  /* The client owns the stream even where the time is up already. */
  talk->client = ttrpc_client_new(&talk->loop, stream, NULL, on_lost, talk);
  if (talk->over) {
    ttrpc_client_free(talk->client);
    talk->client = NULL;
    return;
  }
  ask_next(talk);
}

int hp_ask(const char *address, const struct hp_question *questions, size_t count, uint64_t limit_ms,
           bool until_lost, bool *lost, struct hp_error *err) {
  struct talk talk = {
      .questions = questions, .count = count, .limit_ms = limit_ms, .until_lost = until_lost, .err = err};
  *lost = false;
  int failed = uv_loop_init(&talk.loop);
  if (failed)
    return hp_error_set_uv(err, failed, "cannot make an event loop");
  uv_timer_init(&talk.loop, &talk.limit);
  talk.limit.data = &talk;
  uv_timer_start(&talk.limit, on_limit, limit_ms, 0);
  host_connect(&talk.loop, address, on_connected, &talk);
  uv_run(&talk.loop, UV_RUN_DEFAULT);
  uv_loop_close(&talk.loop);
  *lost = talk.lost;
  return talk.next == count ? 0 : -1;
}
