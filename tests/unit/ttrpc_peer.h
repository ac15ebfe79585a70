/* What the ttrpc tests share: a loop, a connection whose one end is given to
 * the code under test, and a peer that writes and reads raw frames at the other. */
#ifndef HP_TESTS_UNIT_TTRPC_PEER_H
#define HP_TESTS_UNIT_TTRPC_PEER_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "../ttrpc/peer_service.h"
#include "support.h"
#include "ttrpc/frame.h"
#include "ttrpc/hangup.h"

#define PATIENCE_NS (20ull * 1000000000)

struct peer {
  uv_loop_t loop;
  struct unit_end *end; /* the peer's; NULL: closed */
  struct ttrpc_reader reader;
};

/* Lets the loop run once, waiting a little if nothing happens. */
static inline void peer_turn(struct peer *peer) {
  if (uv_run(&peer->loop, UV_RUN_NOWAIT))
    uv_sleep(1);
}

#define PEER_WAIT_FOR(peer, condition)                                                                       \
  do {                                                                                                       \
    uint64_t limit_ = uv_hrtime() + PATIENCE_NS;                                                             \
    while (!(condition)) {                                                                                   \
      ck_assert_msg(uv_hrtime() < limit_, "timed out waiting for %s", #condition);                           \
      peer_turn(peer);                                                                                       \
    }                                                                                                        \
  } while (0)

static inline void peer_setup(struct peer *peer) {
  unit_ignore_broken_pipes();
  *peer = (struct peer){0};
  ck_assert_int_eq(uv_loop_init(&peer->loop), 0);
}

static inline void peer_free_stream(uv_handle_t *stream) {
  free(stream);
}

/* A new connection: peer->end is the peer's end, the other is returned. */
static inline uv_stream_t *peer_connect(struct peer *peer) {
  return unit_connect(&peer->loop, &peer->end);
}

static inline void peer_hang_up(struct peer *peer) {
  unit_end_free(peer->end);
  peer->end = NULL;
}

/* Everything must have been closed by now. */
static inline void peer_teardown(struct peer *peer) {
  peer_hang_up(peer);
  ttrpc_reader_clear(&peer->reader);
  ck_assert_int_eq(uv_run(&peer->loop, UV_RUN_DEFAULT), 0);
  ck_assert_int_eq(uv_loop_close(&peer->loop), 0);
}

/* Whether the system tells that a peer has gone from which nobody reads; if not,
 * the test's skip is printed. */
static inline bool peer_loss_is_told(struct peer *peer) {
  struct unit_end *end;
  uv_stream_t *stream = unit_connect(&peer->loop, &end);
  struct ttrpc_hangup *watch = ttrpc_hangup_watch(stream, NULL, NULL);
  bool told = watch != NULL;
  ttrpc_hangup_stop(watch);
  uv_close((uv_handle_t *)stream, peer_free_stream);
  unit_end_free(end);
  if (!told)
    printf("skipped: the loss of a peer from which nobody reads is not told here\n");
  return told;
}

static inline void peer_write(struct peer *peer, const void *data, size_t length) {
  const uint8_t *at = data;
  uint64_t limit = uv_hrtime() + PATIENCE_NS;
  while (length > 0 || !unit_end_flushed(peer->end)) {
    ptrdiff_t written = unit_end_write(peer->end, at, length);
    ck_assert_int_ge(written, 0);
    ck_assert_msg(uv_hrtime() < limit, "nobody reads what the peer writes");
    at += written;
    length -= (size_t)written;
    if (written == 0)
      peer_turn(peer);
  }
}

static inline void peer_send(struct peer *peer, uint32_t stream, uint8_t type, uint8_t flags,
                             const void *data, size_t length) {
  uint8_t header[TTRPC_HEADER_SIZE];
  ttrpc_frame_write_header(header, (uint32_t)length, stream, type, flags);
  peer_write(peer, header, sizeof header);
  peer_write(peer, data, length);
}

/* A request whose payload is the KeyValue {key, value}. */
static inline uint8_t *peer_pack_request(const char *service, const char *method, const char *key,
                                         const char *value, int64_t timeout_nano, size_t *length) {
  Ttrpc__KeyValue pair = TTRPC__KEY_VALUE__INIT;
  pair.key = (char *)(uintptr_t)key;
  pair.value = (char *)(uintptr_t)value;
  Ttrpc__Request request = TTRPC__REQUEST__INIT;
  request.service = (char *)(uintptr_t)service;
  request.method = (char *)(uintptr_t)method;
  request.timeout_nano = timeout_nano;
  request.payload.len = ttrpc__key_value__get_packed_size(&pair);
  request.payload.data = malloc(request.payload.len + 1);
  ttrpc__key_value__pack(&pair, request.payload.data);
  *length = ttrpc__request__get_packed_size(&request);
  uint8_t *data = malloc(*length + 1);
  ttrpc__request__pack(&request, data);
  free(request.payload.data);
  return data;
}

static inline void peer_call(struct peer *peer, uint32_t stream, const char *method, const char *key,
                             const char *value) {
  size_t length;
  uint8_t *data = peer_pack_request(peer_service.name, method, key, value, 0, &length);
  peer_send(peer, stream, TTRPC_REQUEST, 0, data, length);
  free(data);
}

/* Waits for the next frame; its data is valid until the next call. */
static inline struct ttrpc_frame peer_receive(struct peer *peer) {
  struct ttrpc_frame frame = {0};
  uint64_t limit = uv_hrtime() + PATIENCE_NS;
  while (ttrpc_reader_next(&peer->reader, &frame) != TTRPC_NEXT_FRAME) {
    ck_assert_msg(uv_hrtime() < limit, "timed out waiting for a frame");
    size_t length;
    uint8_t *space = ttrpc_reader_space(&peer->reader, &length);
    ptrdiff_t count = unit_end_read(peer->end, space, length);
    ck_assert_msg(count >= 0, "the connection was closed");
    if (count > 0)
      ttrpc_reader_filled(&peer->reader, (size_t)count);
    else
      peer_turn(peer);
  }
  return frame;
}

/* Waits for the answer on stream. Free with ttrpc__response__free_unpacked. */
static inline Ttrpc__Response *peer_receive_answer(struct peer *peer, uint32_t stream) {
  struct ttrpc_frame frame = peer_receive(peer);
  ck_assert_uint_eq(frame.stream, stream);
  ck_assert_uint_eq(frame.type, TTRPC_RESPONSE);
  ck_assert_uint_eq(frame.flags, 0);
  Ttrpc__Response *answer = ttrpc__response__unpack(NULL, frame.length, frame.data);
  ck_assert_ptr_nonnull(answer);
  return answer;
}

/* Waits for an error on stream, with this code and with part in its message. */
static inline void peer_expect_error(struct peer *peer, uint32_t stream, int code, const char *part) {
  Ttrpc__Response *answer = peer_receive_answer(peer, stream);
  ck_assert_ptr_nonnull(answer->status);
  ck_assert_msg(answer->status->code == code, "code %d, not %d: %s", answer->status->code, code,
                answer->status->message);
  ck_assert_msg(strstr(answer->status->message, part) != NULL, "no \"%s\" in \"%s\"", part,
                answer->status->message);
  ttrpc__response__free_unpacked(answer, NULL);
}

/* Waits for a KeyValue {key, value} on stream. */
static inline void peer_expect_pair(struct peer *peer, uint32_t stream, const char *key, const char *value) {
  Ttrpc__Response *answer = peer_receive_answer(peer, stream);
  ck_assert_ptr_null(answer->status);
  Ttrpc__KeyValue *pair = ttrpc__key_value__unpack(NULL, answer->payload.len, answer->payload.data);
  ck_assert_ptr_nonnull(pair);
  ck_assert_str_eq(pair->key, key);
  ck_assert_str_eq(pair->value, value);
  ttrpc__key_value__free_unpacked(pair, NULL);
  ttrpc__response__free_unpacked(answer, NULL);
}

/* Whether the code under test has closed its end. */
static inline bool peer_is_closed(struct peer *peer) {
  return unit_end_closed(peer->end);
}

#endif
