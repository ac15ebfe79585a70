#include "ttrpc/session.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "ttrpc/envelope.h"

/* An error's text is for people and logs. */
#define ERROR_TEXT_MAX (64u << 10)

/* Of a name that is echoed in an error. */
#define ECHO_MAX 128

/* ---- answers --------------------------------------------------------- */

static uint8_t *append_answer(struct ttrpc_session *session, uint32_t stream,
                              const struct ttrpc_answer *answer) {
  size_t size = ttrpc_answer_size(answer);
  uint8_t *out = ttrpc_connection_append(&session->connection, TTRPC_HEADER_SIZE + size);
  if (!out)
    return NULL;
  ttrpc_frame_write_header(out, (uint32_t)size, stream, TTRPC_RESPONSE, 0);
  return ttrpc_answer_write(answer, out + TTRPC_HEADER_SIZE);
}

/* Length of the longest part of text that is well-formed and fits. */
static size_t clean_length(const char *text) {
  size_t length = 0;
  for (;;) {
    size_t sequence = hp_utf8_sequence(text + length);
    if (sequence == 0 || length + sequence > ERROR_TEXT_MAX)
      return length;
    length += sequence;
  }
}

void ttrpc_session_send_error(struct ttrpc_session *session, uint32_t stream, enum ttrpc_code code,
                              const char *message) {
  const char *text = message ? message : "";
  char *escaped = NULL;
  size_t length = clean_length(text);
  if (text[length] != '\0' && length + 4 < ERROR_TEXT_MAX) { /* a peer in Go refuses broken UTF-8 */
    escaped = hp_utf8_printable(text);
    text = escaped;
    length = clean_length(text);
  }
  struct ttrpc_answer answer = {.code = code ? (int32_t)code : TTRPC_UNKNOWN,
                                .message = {(const uint8_t *)text, length}};
  append_answer(session, stream, &answer);
  free(escaped);
}

HP_PRINTF(4, 5)
static void refuse(struct ttrpc_session *session, uint32_t stream, enum ttrpc_code code, const char *format,
                   ...) {
  va_list args;
  va_start(args, format);
  char *message = hp_vprintf(format, args);
  va_end(args);
  ttrpc_session_send_error(session, stream, code, message);
  free(message);
}

void ttrpc_session_send(struct ttrpc_session *session, uint32_t stream, const ProtobufCMessage *message) {
  struct ttrpc_answer answer = {.payload = {NULL, protobuf_c_message_get_packed_size(message)}};
  size_t size = ttrpc_answer_size(&answer);
  if (size > TTRPC_MESSAGE_MAX) {
    refuse(session, stream, TTRPC_RESOURCE_EXHAUSTED,
           "the answer takes %zu bytes, more than the %u of a ttrpc message: ask for less at a time", size,
           TTRPC_MESSAGE_MAX);
    return;
  }
  uint8_t *payload = append_answer(session, stream, &answer);
  if (payload)
    protobuf_c_message_pack(message, payload);
}

/* ---- calls ----------------------------------------------------------- */

static void link_call(struct ttrpc_call **list, struct ttrpc_call *call) {
  call->next = *list;
  call->link = list;
  if (call->next)
    call->next->link = &call->next;
  *list = call;
}

static void unlink_call(struct ttrpc_call *call) {
  *call->link = call->next;
  if (call->next)
    call->next->link = call->link;
}

/* No larger than the frame, far below what an arena takes. */
static void keep_metadata(struct ttrpc_call *call, const struct ttrpc_frame *frame, size_t size) {
  char *metadata = size ? call->arena.allocator.alloc(&call->arena, size) : NULL;
  if (!metadata)
    return;
  call->metadata = metadata;
  call->metadata_size = ttrpc_request_metadata(frame->data, frame->length, metadata);
}

static void forget_request(struct ttrpc_call *call) {
  call->metadata = NULL;
  call->metadata_size = 0;
  ttrpc_arena_clear(&call->arena);
}

static struct ttrpc_call *call_new(struct ttrpc_session *session, const struct ttrpc_frame *frame,
                                   const struct ttrpc_request *request) {
  struct ttrpc_call *call = hp_alloc(sizeof *call);
  *call = (struct ttrpc_call){.session = session, .stream = frame->stream};
  ttrpc_arena_init(&call->arena);
  keep_metadata(call, frame, request->metadata_size);
  link_call(&session->calls, call);
  session->outstanding++;
  return call;
}

void ttrpc_session_forget(struct ttrpc_call *call) {
  struct ttrpc_session *session = call->session;
  if (!session)
    return;
  unlink_call(call);
  call->session = NULL;
  session->outstanding--;
  if (session->connection.paused)
    ttrpc_connection_schedule(&session->connection);
  if (session->connection.stopped && session->outstanding == 0)
    ttrpc_connection_finish(&session->connection);
}

static void tell_abandoned(struct ttrpc_call *call) {
  void (*abandoned)(void *arg) = call->abandoned;
  call->abandoned = NULL;
  if (abandoned)
    abandoned(call->abandoned_arg); /* may answer, and so free, the call */
}

static void abandon_all(struct ttrpc_session *session) {
  struct ttrpc_call *call;
  while ((call = session->calls) || (call = session->telling)) {
    ttrpc_session_forget(call);
    tell_abandoned(call);
  }
}

/* First all of them are marked, then their owners are told, one by one: an
 * owner may answer this call or any other. */
static void on_timer(void *owner) {
  struct ttrpc_session *session = owner;
  uint64_t now = uv_hrtime();
  uint64_t earliest = 0;
  struct ttrpc_call *next;
  for (struct ttrpc_call *call = session->calls; call; call = next) {
    next = call->next;
    if (call->deadline == 0 || call->expired)
      continue;
    if (call->deadline > now) {
      if (earliest == 0 || call->deadline < earliest)
        earliest = call->deadline;
      continue;
    }
    call->expired = true;
    refuse(session, call->stream, TTRPC_DEADLINE_EXCEEDED,
           "the deadline that the caller set passed before %s was done", call->method);
    unlink_call(call);
    link_call(&session->telling, call);
  }
  if (earliest)
    ttrpc_connection_wake_at(&session->connection, earliest);
  struct ttrpc_call *call;
  while ((call = session->telling)) {
    unlink_call(call);
    link_call(&session->calls, call);
    tell_abandoned(call);
  }
}

/* ---- requests -------------------------------------------------------- */

static bool same(const char *name, struct ttrpc_view view) {
  return strlen(name) == view.length && memcmp(name, view.data, view.length) == 0;
}

static int echo_length(struct ttrpc_view view) {
  return view.length < ECHO_MAX ? (int)view.length : ECHO_MAX;
}

static const char *echo(struct ttrpc_view view) {
  return view.length ? (const char *)view.data : "";
}

static const struct ttrpc_service *find_service(const struct ttrpc_session *session, struct ttrpc_view name) {
  for (size_t i = 0; i < session->host->service_count; i++)
    if (same(session->host->services[i].descriptor->name, name))
      return &session->host->services[i];
  return NULL;
}

static bool find_method(const ProtobufCServiceDescriptor *descriptor, struct ttrpc_view name,
                        unsigned *index) {
  for (*index = 0; *index < descriptor->n_methods; (*index)++)
    if (same(descriptor->methods[*index].name, name))
      return true;
  return false;
}

static void set_deadline(struct ttrpc_call *call, int64_t timeout_nano) {
  if (timeout_nano == 0)
    return;
  call->deadline = uv_hrtime() + (timeout_nano > 0 ? (uint64_t)timeout_nano : 0);
  ttrpc_connection_wake_at(&call->session->connection, call->deadline);
}

static void handle(struct ttrpc_session *session, const struct ttrpc_frame *frame,
                   const struct ttrpc_request *request, const struct ttrpc_service *service, unsigned index) {
  const ProtobufCMethodDescriptor *method = &service->descriptor->methods[index];
  struct ttrpc_call *call = call_new(session, frame, request);
  call->method = method->name;
  set_deadline(call, request->timeout_nano);
  const ProtobufCMessage *message =
      ttrpc_arena_unpack(&call->arena, method->input, request->payload.data, request->payload.length);
  if (!message) {
    refuse(session, frame->stream, TTRPC_INVALID_ARGUMENT, "the payload of %s is not a valid %s",
           method->name, method->input->name);
    ttrpc_session_forget(call);
    forget_request(call);
    free(call);
    return;
  }
  call->dispatching = true;
  service->handler(service->arg, call, index, message);
  call->dispatching = false;
  if (call->answered || !call->keep_request)
    forget_request(call);
  if (call->answered)
    free(call);
}

static void remember_refused(struct ttrpc_session *session, uint32_t stream) {
  session->refused[session->refused_next] = stream;
  session->refused_next = (session->refused_next + 1) % TTRPC_REFUSED_STREAMS;
}

static uint32_t *find_refused(struct ttrpc_session *session, uint32_t stream) {
  for (size_t i = 0; i < TTRPC_REFUSED_STREAMS; i++)
    if (session->refused[i] == stream)
      return &session->refused[i];
  return NULL;
}

static void on_request(struct ttrpc_session *session, const struct ttrpc_frame *frame) {
  struct ttrpc_request request;
  unsigned index;
  if (frame->stream <= session->last_stream) {
    refuse(session, frame->stream, TTRPC_INVALID_ARGUMENT,
           "stream id %u is not above %u, the last one: stream ids must rise", frame->stream,
           session->last_stream);
    return;
  }
  session->last_stream = frame->stream;
  bool streaming = frame->flags & (TTRPC_REMOTE_CLOSED | TTRPC_REMOTE_OPEN);
  if (frame->flags & TTRPC_REMOTE_OPEN)
    remember_refused(session, frame->stream); /* whatever it is told below, it goes on sending */
  if (!ttrpc_request_decode(frame->data, frame->length, &request)) {
    refuse(session, frame->stream, TTRPC_INVALID_ARGUMENT, "the frame's data is not a valid ttrpc.Request");
    return;
  }
  const struct ttrpc_service *service = find_service(session, request.service);
  if (!service) {
    refuse(session, frame->stream, TTRPC_UNIMPLEMENTED, "service %.*s is not served here",
           echo_length(request.service), echo(request.service));
    return;
  }
  if (!find_method(service->descriptor, request.method, &index)) {
    refuse(session, frame->stream, TTRPC_UNIMPLEMENTED, "service %s has no method %.*s",
           service->descriptor->name, echo_length(request.method), echo(request.method));
    return;
  }
  if (streaming) {
    refuse(session, frame->stream, TTRPC_UNIMPLEMENTED,
           "method %s of %s is unary: do not call it as a stream", service->descriptor->methods[index].name,
           service->descriptor->name);
    return;
  }
  handle(session, frame, &request, service, index);
}

static void on_data(struct ttrpc_session *session, const struct ttrpc_frame *frame) {
  uint32_t *refused = find_refused(session, frame->stream);
  if (!refused)
    refuse(session, frame->stream, TTRPC_INVALID_ARGUMENT, "data on stream %u, which is not open for data",
           frame->stream);
  else if (frame->flags & TTRPC_REMOTE_CLOSED)
    *refused = 0;
}

static void on_frame(void *owner, const struct ttrpc_frame *frame) {
  struct ttrpc_session *session = owner;
  if (frame->type != TTRPC_REQUEST && frame->type != TTRPC_DATA)
    return; /* for the sake of later versions */
  if (frame->stream % 2 == 0) {
    refuse(session, frame->stream, TTRPC_INVALID_ARGUMENT, "stream id %u is even: a client's must be odd",
           frame->stream);
    return;
  }
  if (frame->type == TTRPC_DATA && (frame->data || find_refused(session, frame->stream))) {
    on_data(session, frame);
    return;
  }
  if (!frame->data) {
    if (frame->type == TTRPC_REQUEST && frame->stream > session->last_stream) {
      session->last_stream = frame->stream;
      if (frame->flags & TTRPC_REMOTE_OPEN)
        remember_refused(session, frame->stream);
    }
    refuse(session, frame->stream, TTRPC_RESOURCE_EXHAUSTED,
           "the message takes %u bytes, more than the %u of a ttrpc message: send less at a time",
           frame->length, TTRPC_MESSAGE_MAX);
    return;
  }
  on_request(session, frame);
}

/* ---- the connection's events ----------------------------------------- */

static bool accepting(void *owner, bool paused) {
  const struct ttrpc_session *session = owner;
  const struct ttrpc_server_limits *limits = &session->host->limits;
  /* A paused peer goes on at half of a limit, not at each answer. */
  unsigned outstanding = paused ? (limits->outstanding + 1) / 2 : limits->outstanding;
  size_t unsent = paused ? limits->unsent_bytes / 2 + 1 : limits->unsent_bytes;
  return session->outstanding < outstanding && ttrpc_connection_unsent(&session->connection) < unsent;
}

static void on_lost(void *owner) {
  abandon_all(owner);
}

static void on_gone(void *owner) {
  struct ttrpc_session *session = owner;
  session->host->gone(session->host->server, session);
}

static const struct ttrpc_connection_events events = {
    .frame = on_frame,
    .accepting = accepting,
    .timer = on_timer,
    .lost = on_lost,
    .gone = on_gone,
};

struct ttrpc_session *ttrpc_session_new(uv_loop_t *loop, const struct ttrpc_session_host *host,
                                        uv_stream_t *stream, void (*closed)(uv_stream_t *stream)) {
  struct ttrpc_session *session = hp_alloc(sizeof *session);
  session->host = host;
  ttrpc_connection_init(&session->connection, loop, stream, closed, &events, session);
  return session;
}

void ttrpc_session_shutdown(struct ttrpc_session *session) {
  ttrpc_connection_stop_reading(&session->connection);
  if (session->outstanding == 0)
    ttrpc_connection_finish(&session->connection);
}

void ttrpc_session_close(struct ttrpc_session *session) {
  ttrpc_connection_close(&session->connection);
  abandon_all(session);
}
