/* The calling side: which stream waits for which answer. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "hostprocess/ttrpc.h"
#include "ttrpc/arena.h"
#include "ttrpc/connection.h"
#include "ttrpc/envelope.h"

#define FIRST_BUCKETS 8u

struct waiting {
  struct waiting *next; /* in its bucket, or in a list of calls that have failed */
  ttrpc_response response;
  void *arg;
  const ProtobufCMessageDescriptor *output;
  uint64_t deadline; /* uv_hrtime(); 0: none */
  uint32_t stream;
  enum ttrpc_code failure; /* of a call that failed before it was sent */
  const char *why;
};

struct ttrpc_client {
  struct ttrpc_connection connection;
  struct waiting **buckets; /* by stream id; a power of two of them */
  size_t bucket_count;
  size_t waiting;
  struct waiting *failed; /* to be told from the loop; newest first */
  uv_idle_t telling;      /* active: some are; lives until the owner frees the client */
  uint64_t next_stream;   /* beyond UINT32_MAX: used up */
  void (*lost)(void *arg);
  void *arg;
  unsigned parts; /* not yet closed: the connection, telling */
  bool freed;     /* by its owner */
};

/* ---- the table of waiting calls -------------------------------------- */

static struct waiting **bucket_of(const struct ttrpc_client *client, uint32_t stream) {
  return &client->buckets[(stream >> 1) & (client->bucket_count - 1)];
}

static void grow(struct ttrpc_client *client) {
  struct waiting **old = client->buckets;
  size_t count = client->bucket_count;
  client->bucket_count = count ? 2 * count : FIRST_BUCKETS;
  client->buckets = hp_alloc(client->bucket_count * sizeof(struct waiting *));
  for (size_t i = 0; i < count; i++) {
    while (old[i]) {
      struct waiting *waiting = old[i];
      old[i] = waiting->next;
      struct waiting **bucket = bucket_of(client, waiting->stream);
      waiting->next = *bucket;
      *bucket = waiting;
    }
  }
  free(old);
}

static void put(struct ttrpc_client *client, struct waiting *waiting) {
  if (client->waiting == client->bucket_count)
    grow(client);
  struct waiting **bucket = bucket_of(client, waiting->stream);
  waiting->next = *bucket;
  *bucket = waiting;
  client->waiting++;
}

/* NULL: nobody waits on that stream. */
static struct waiting *take(struct ttrpc_client *client, uint32_t stream) {
  if (client->bucket_count == 0)
    return NULL;
  for (struct waiting **at = bucket_of(client, stream); *at; at = &(*at)->next) {
    struct waiting *waiting = *at;
    if (waiting->stream != stream)
      continue;
    *at = waiting->next;
    client->waiting--;
    return waiting;
  }
  return NULL;
}

/* ---- telling the caller ---------------------------------------------- */

static void fail(struct waiting *waiting, enum ttrpc_code code, const char *message) {
  ttrpc_response response = waiting->response;
  void *arg = waiting->arg;
  free(waiting);
  response(arg, code, message, NULL);
}

static void fail_all(struct ttrpc_client *client, const char *message) {
  for (size_t i = 0; i < client->bucket_count; i++) {
    while (client->buckets[i]) {
      struct waiting *waiting = client->buckets[i];
      client->buckets[i] = waiting->next;
      client->waiting--;
      fail(waiting, TTRPC_UNAVAILABLE, message);
    }
  }
}

static void tell_failed(struct ttrpc_client *client) {
  struct waiting *ordered = NULL;
  while (client->failed) {
    struct waiting *waiting = client->failed;
    client->failed = waiting->next;
    waiting->next = ordered;
    ordered = waiting;
  }
  while (ordered) {
    struct waiting *waiting = ordered;
    ordered = waiting->next;
    fail(waiting, waiting->failure, waiting->why);
  }
}

static void answer(struct waiting *waiting, const struct ttrpc_frame *frame) {
  struct ttrpc_answer reply;
  if (!frame->data) {
    fail(waiting, TTRPC_RESOURCE_EXHAUSTED, "the answer is larger than a ttrpc message may be");
    return;
  }
  if (!ttrpc_answer_decode(frame->data, frame->length, &reply)) {
    fail(waiting, TTRPC_INTERNAL, "the answer is not a valid ttrpc.Response");
    return;
  }
  if (reply.code != 0) {
    char *message =
        hp_strndup(reply.message.length ? (const char *)reply.message.data : "", reply.message.length);
    fail(waiting, (enum ttrpc_code)reply.code, message);
    free(message);
    return;
  }
  struct ttrpc_arena arena;
  ttrpc_arena_init(&arena);
  const ProtobufCMessage *message =
      ttrpc_arena_unpack(&arena, waiting->output, reply.payload.data, reply.payload.length);
  if (!message) {
    fail(waiting, TTRPC_INTERNAL, "the payload of the answer is not a valid message of the method's type");
  } else {
    waiting->response(waiting->arg, TTRPC_OK, "", message);
    free(waiting);
  }
  ttrpc_arena_clear(&arena);
}

/* ---- the connection's events ----------------------------------------- */

static void on_frame(void *owner, const struct ttrpc_frame *frame) {
  struct ttrpc_client *client = owner;
  if (frame->type != TTRPC_RESPONSE)
    return;
  struct waiting *waiting = take(client, frame->stream);
  if (waiting) /* else: late, after its deadline */
    answer(waiting, frame);
}

static bool accepting(void *owner, bool paused) {
  (void)owner;
  (void)paused;
  return true;
}

static void on_timer(void *owner) {
  struct ttrpc_client *client = owner;
  uint64_t now = uv_hrtime();
  uint64_t earliest = 0;
  struct waiting *expired = NULL;
  for (size_t i = 0; i < client->bucket_count; i++) {
    for (struct waiting **at = &client->buckets[i]; *at;) {
      struct waiting *waiting = *at;
      if (waiting->deadline && waiting->deadline <= now) {
        *at = waiting->next;
        waiting->next = expired;
        expired = waiting;
        client->waiting--;
        continue;
      }
      if (waiting->deadline && (earliest == 0 || waiting->deadline < earliest))
        earliest = waiting->deadline;
      at = &waiting->next;
    }
  }
  if (earliest)
    ttrpc_connection_wake_at(&client->connection, earliest);
  while (expired) {
    struct waiting *waiting = expired;
    expired = waiting->next;
    fail(waiting, TTRPC_DEADLINE_EXCEEDED, "no answer came before the deadline");
  }
}

static void on_lost(void *owner) {
  struct ttrpc_client *client = owner;
  fail_all(client, "the connection was lost before an answer came");
  if (client->lost && !client->freed)
    client->lost(client->arg);
}

static void part_closed(struct ttrpc_client *client) {
  if (--client->parts > 0)
    return;
  tell_failed(client);
  fail_all(client, "the client was closed before an answer came");
  free(client->buckets);
  free(client);
}

static void on_gone(void *owner) {
  part_closed(owner);
}

static void on_telling_closed(uv_handle_t *handle) {
  part_closed(handle->data);
}

static const struct ttrpc_connection_events events = {
    .frame = on_frame,
    .accepting = accepting,
    .timer = on_timer,
    .lost = on_lost,
    .gone = on_gone,
};

static void on_telling(uv_idle_t *telling) {
  uv_idle_stop(telling);
  tell_failed(telling->data);
}

/* ---- what the owner calls -------------------------------------------- */

struct ttrpc_client *ttrpc_client_new(uv_loop_t *loop, uv_stream_t *stream,
                                      void (*closed)(uv_stream_t *stream), void (*lost)(void *arg),
                                      void *arg) {
  struct ttrpc_client *client = hp_alloc(sizeof *client);
  client->lost = lost;
  client->arg = arg;
  client->next_stream = 1;
  client->parts = 2;
  uv_idle_init(loop, &client->telling);
  client->telling.data = client;
  ttrpc_connection_init(&client->connection, loop, stream, closed, &events, client);
  return client;
}

static void fail_later(struct ttrpc_client *client, struct waiting *waiting, enum ttrpc_code code,
                       const char *why) {
  waiting->failure = code;
  waiting->why = why;
  waiting->next = client->failed;
  client->failed = waiting;
  if (!client->freed)
    uv_idle_start(&client->telling, on_telling);
}

void ttrpc_client_call(struct ttrpc_client *client, const ProtobufCServiceDescriptor *service,
                       unsigned method_index, const ProtobufCMessage *message, int64_t timeout_ns,
                       ttrpc_response response, void *arg) {
  const ProtobufCMethodDescriptor *method = &service->methods[method_index];
  struct waiting *waiting = hp_alloc(sizeof *waiting);
  *waiting = (struct waiting){.response = response, .arg = arg, .output = method->output};
  struct ttrpc_request request = {
      .service = {(const uint8_t *)service->name, strlen(service->name)},
      .method = {(const uint8_t *)method->name, strlen(method->name)},
      .payload = {NULL, protobuf_c_message_get_packed_size(message)},
      .timeout_nano = timeout_ns > 0 ? timeout_ns : 0,
  };
  size_t size = ttrpc_request_size(&request);
  if (size > TTRPC_MESSAGE_MAX) {
    fail_later(client, waiting, TTRPC_RESOURCE_EXHAUSTED,
               "the request is larger than a ttrpc message may be");
    return;
  }
  if (client->next_stream > UINT32_MAX) {
    fail_later(client, waiting, TTRPC_UNAVAILABLE,
               "the connection has used up its stream ids: connect again");
    return;
  }
  uint8_t *out = ttrpc_connection_append(&client->connection, TTRPC_HEADER_SIZE + size);
  if (!out) {
    fail_later(client, waiting, TTRPC_UNAVAILABLE, "the connection is lost: connect again");
    return;
  }
  waiting->stream = (uint32_t)client->next_stream;
  client->next_stream += 2;
  ttrpc_frame_write_header(out, (uint32_t)size, waiting->stream, TTRPC_REQUEST, 0);
  protobuf_c_message_pack(message, ttrpc_request_write(&request, out + TTRPC_HEADER_SIZE));
  put(client, waiting);
  if (request.timeout_nano > 0) {
    waiting->deadline = uv_hrtime() + (uint64_t)request.timeout_nano;
    ttrpc_connection_wake_at(&client->connection, waiting->deadline);
  }
}

void ttrpc_client_free(struct ttrpc_client *client) {
  if (!client)
    return;
  client->freed = true;
  ttrpc_connection_close(&client->connection);
  uv_close((uv_handle_t *)&client->telling, on_telling_closed);
}
