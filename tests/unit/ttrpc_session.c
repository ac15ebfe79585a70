/* The rules of one served connection (src/ttrpc/session.c, call.c), seen by a
 * peer that writes raw frames. */
#include "ttrpc/session.h"

#include "support.h"
#include "ttrpc_peer.h"

#define HELD_MAX 64

static struct peer peer;
static struct ttrpc_server *server;
static struct ttrpc_call *held[HELD_MAX]; /* calls of Hang, in the order they came */
static unsigned held_count;
static unsigned handled; /* requests that reached the handler */
static unsigned abandoned;

static void answer_pair(struct ttrpc_call *call, const char *key, const char *value) {
  Ttrpc__KeyValue pair = TTRPC__KEY_VALUE__INIT;
  pair.key = (char *)(uintptr_t)key;
  pair.value = (char *)(uintptr_t)value;
  ttrpc_reply(call, &pair.base);
}

static void on_abandoned(void *arg) {
  (void)arg;
  abandoned++;
}

static void grow(struct ttrpc_call *call, size_t size) {
  char *value = malloc(size + 1);
  memset(value, 'x', size);
  value[size] = '\0';
  answer_pair(call, "", value);
  free(value);
}

static void on_call(void *arg, struct ttrpc_call *call, unsigned index, const ProtobufCMessage *message) {
  const Ttrpc__KeyValue *request = (const Ttrpc__KeyValue *)message;
  ck_assert_ptr_eq(arg, &peer);
  ck_assert_str_eq(ttrpc_call_method(call), peer_methods[index].name);
  handled++;
  switch ((enum peer_method)index) {
  case PEER_GROW:
    grow(call, (size_t)atol(request->key));
    break;
  case PEER_FAIL:
    ttrpc_fail(call, (enum ttrpc_code)atoi(request->key), request->value);
    break;
  case PEER_METADATA: {
    const char *value = ttrpc_call_metadata(call, request->key);
    answer_pair(call, request->key, value ? value : "(none)");
    break;
  }
  case PEER_HANG:
    ck_assert_uint_lt(held_count, HELD_MAX);
    held[held_count++] = call;
    ttrpc_call_on_abandoned(call, on_abandoned, NULL);
    break;
  default:
    ttrpc_reply(call, message);
  }
}

static void start(const struct ttrpc_server_limits *limits) {
  struct ttrpc_service service = {&peer_service, on_call, &peer};
  peer_setup(&peer);
  held_count = handled = abandoned = 0;
  server = ttrpc_server_new(&peer.loop, &service, 1, limits);
  ttrpc_server_accept(server, peer_connect(&peer), NULL);
}

static void setup(void) {
  start(NULL);
}

static void count_done(void *arg) {
  ++*(unsigned *)arg;
}

static void teardown(void) {
  unsigned done = 0;
  peer_hang_up(&peer);
  ttrpc_server_shutdown(server, 0, count_done, &done);
  PEER_WAIT_FOR(&peer, done == 1);
  ttrpc_server_free(server);
  peer_teardown(&peer);
}

/* The connection is alive and every earlier frame has been handled. */
static void expect_alive(uint32_t stream) {
  peer_call(&peer, stream, "Echo", "still", "here");
  peer_expect_pair(&peer, stream, "still", "here");
  ck_assert_uint_eq(ttrpc_server_connections(server), 1);
}

static void send_request(uint32_t stream, uint8_t flags, const char *service, const char *method,
                         int64_t timeout_nano) {
  size_t length;
  uint8_t *data = peer_pack_request(service, method, "k", "v", timeout_nano, &length);
  peer_send(&peer, stream, TTRPC_REQUEST, flags, data, length);
  free(data);
}

START_TEST(test_echo) {
  peer_call(&peer, 1, "Echo", "key", "value");
  peer_expect_pair(&peer, 1, "key", "value");
  peer_call(&peer, 3, "Echo", "", "");
  peer_expect_pair(&peer, 3, "", "");
}
END_TEST

START_TEST(test_request_cut_at_every_byte) {
  size_t length;
  uint8_t *data = peer_pack_request(peer_service.name, "Echo", "key", "value", 0, &length);
  uint8_t bytes[256];
  for (size_t cut = 1; cut < length + TTRPC_HEADER_SIZE; cut++) {
    uint32_t stream = (uint32_t)(2 * cut - 1);
    ttrpc_frame_write_header(bytes, (uint32_t)length, stream, TTRPC_REQUEST, 0);
    memcpy(bytes + TTRPC_HEADER_SIZE, data, length);
    peer_write(&peer, bytes, cut);
    for (int i = 0; i < 3; i++)
      peer_turn(&peer);
    ck_assert_uint_eq(handled, cut - 1);
    peer_write(&peer, bytes + cut, length + TTRPC_HEADER_SIZE - cut);
    peer_expect_pair(&peer, stream, "key", "value");
  }
  free(data);
}
END_TEST

START_TEST(test_answers_in_any_order) {
  peer_call(&peer, 1, "Hang", "", "");
  peer_call(&peer, 3, "Hang", "", "");
  peer_call(&peer, 5, "Hang", "", "");
  PEER_WAIT_FOR(&peer, held_count == 3);
  answer_pair(held[2], "c", "");
  answer_pair(held[0], "a", "");
  answer_pair(held[1], "b", "");
  peer_expect_pair(&peer, 5, "c", "");
  peer_expect_pair(&peer, 1, "a", "");
  peer_expect_pair(&peer, 3, "b", "");
  ck_assert_uint_eq(abandoned, 0);
}
END_TEST

START_TEST(test_stream_ids_are_odd) {
  static const uint32_t even[] = {0, 2, 0xfffffffe};
  for (size_t i = 0; i < 3; i++) {
    peer_call(&peer, even[i], "Echo", "", "");
    peer_expect_error(&peer, even[i], TTRPC_INVALID_ARGUMENT, "odd");
  }
  peer_send(&peer, 4, TTRPC_DATA, 0, "x", 1);
  peer_expect_error(&peer, 4, TTRPC_INVALID_ARGUMENT, "odd");
  ck_assert_uint_eq(handled, 0);
  expect_alive(1);
}
END_TEST

START_TEST(test_stream_ids_rise) {
  expect_alive(7);
  peer_call(&peer, 7, "Echo", "", "");
  peer_expect_error(&peer, 7, TTRPC_INVALID_ARGUMENT, "rise");
  peer_call(&peer, 5, "Echo", "", "");
  peer_expect_error(&peer, 5, TTRPC_INVALID_ARGUMENT, "rise");
  ck_assert_uint_eq(handled, 1);
  expect_alive(UINT32_MAX);
}
END_TEST

START_TEST(test_unknown_service_and_method) {
  send_request(1, 0, "no.such.Service", "Echo", 0);
  peer_expect_error(&peer, 1, TTRPC_UNIMPLEMENTED, "no.such.Service");
  send_request(3, 0, peer_service.name, "NoSuchMethod", 0);
  peer_expect_error(&peer, 3, TTRPC_UNIMPLEMENTED, "NoSuchMethod");
  send_request(5, 0, peer_service.name, "echo", 0);
  peer_expect_error(&peer, 5, TTRPC_UNIMPLEMENTED, "echo");
  send_request(7, 0, "", "", 0);
  peer_expect_error(&peer, 7, TTRPC_UNIMPLEMENTED, "service");
  expect_alive(9);
}
END_TEST

/* What a peer in Go would refuse to read must not come back in an error. */
START_TEST(test_echoed_names_are_clean) {
  char name[2000];
  memset(name, 'n', sizeof name);
  memcpy(name, "\xff\n\x1b", 3);
  name[sizeof name - 1] = '\0';
  send_request(1, 0, name, "Echo", 0);
  Ttrpc__Response *answer = peer_receive_answer(&peer, 1);
  ck_assert_int_eq(answer->status->code, TTRPC_UNIMPLEMENTED);
  ck_assert_uint_lt(strlen(answer->status->message), 300);
  for (const char *at = answer->status->message; *at; at++)
    ck_assert(*at >= ' ' && *at <= '~');
  ttrpc__response__free_unpacked(answer, NULL);
  expect_alive(3);
}
END_TEST

START_TEST(test_garbage_in_the_envelope) {
  peer_send(&peer, 1, TTRPC_REQUEST, 0, "\x0a\xff\xff", 3);
  peer_expect_error(&peer, 1, TTRPC_INVALID_ARGUMENT, "ttrpc.Request");
  expect_alive(3);
}
END_TEST

START_TEST(test_garbage_in_the_payload) {
  Ttrpc__Request request = TTRPC__REQUEST__INIT;
  uint8_t data[128];
  request.service = (char *)(uintptr_t)peer_service.name;
  request.method = (char *)(uintptr_t) "Echo";
  request.payload = (ProtobufCBinaryData){2, (uint8_t *)(uintptr_t) "\x0a\x7f"};
  peer_send(&peer, 1, TTRPC_REQUEST, 0, data, ttrpc__request__pack(&request, data));
  peer_expect_error(&peer, 1, TTRPC_INVALID_ARGUMENT, "ttrpc.KeyValue");
  ck_assert_uint_eq(handled, 0);
  expect_alive(3);
}
END_TEST

START_TEST(test_unknown_frame_types_are_ignored) {
  static const uint8_t types[] = {0, TTRPC_RESPONSE, 4, 255};
  for (size_t i = 0; i < 4; i++) {
    peer_send(&peer, 1, types[i], 0, "whatever", 8);
    peer_send(&peer, 2, types[i], 7, "", 0);
  }
  expect_alive(1);
}
END_TEST

START_TEST(test_data_on_an_unknown_stream) {
  peer_send(&peer, 1, TTRPC_DATA, 0, "x", 1);
  peer_expect_error(&peer, 1, TTRPC_INVALID_ARGUMENT, "data");
  expect_alive(1);
  peer_send(&peer, 1, TTRPC_DATA, TTRPC_REMOTE_CLOSED, "", 0);
  peer_expect_error(&peer, 1, TTRPC_INVALID_ARGUMENT, "data");
  expect_alive(3);
}
END_TEST

START_TEST(test_streaming_is_refused) {
  send_request(1, TTRPC_REMOTE_OPEN, peer_service.name, "Echo", 0);
  peer_expect_error(&peer, 1, TTRPC_UNIMPLEMENTED, "unary");
  for (int i = 0; i < 10; i++) /* ignored */
    peer_send(&peer, 1, TTRPC_DATA, 0, "more", 4);
  peer_send(&peer, 1, TTRPC_DATA, TTRPC_REMOTE_CLOSED | TTRPC_NO_DATA, "", 0);
  send_request(3, TTRPC_REMOTE_CLOSED, peer_service.name, "Echo", 0);
  peer_expect_error(&peer, 3, TTRPC_UNIMPLEMENTED, "unary");
  ck_assert_uint_eq(handled, 0);
  expect_alive(5);
  peer_send(&peer, 1, TTRPC_DATA, 0, "after the end", 13);
  peer_expect_error(&peer, 1, TTRPC_INVALID_ARGUMENT, "data");
}
END_TEST

START_TEST(test_streams_of_unknown_services_are_refused_once) {
  send_request(1, TTRPC_REMOTE_OPEN, "no.such.Service", "Follow", 0);
  peer_expect_error(&peer, 1, TTRPC_UNIMPLEMENTED, "no.such.Service");
  peer_send(&peer, 1, TTRPC_DATA, 0, "more", 4);
  expect_alive(3);
}
END_TEST

START_TEST(test_refused_streams_are_bounded) {
  uint32_t count = TTRPC_REFUSED_STREAMS + 1;
  for (uint32_t i = 0; i < count; i++) {
    send_request(2 * i + 1, TTRPC_REMOTE_OPEN, peer_service.name, "Echo", 0);
    peer_expect_error(&peer, 2 * i + 1, TTRPC_UNIMPLEMENTED, "unary");
  }
  peer_send(&peer, 3, TTRPC_DATA, 0, "remembered", 10);
  peer_send(&peer, 1, TTRPC_DATA, 0, "forgotten", 9);
  peer_expect_error(&peer, 1, TTRPC_INVALID_ARGUMENT, "data");
  expect_alive(2 * count + 1);
}
END_TEST

START_TEST(test_oversize_request) {
  uint32_t length = TTRPC_MESSAGE_MAX + 1;
  uint8_t *data = calloc(1, length);
  peer_send(&peer, 1, TTRPC_REQUEST, 0, data, length);
  peer_expect_error(&peer, 1, TTRPC_RESOURCE_EXHAUSTED, "4194305");
  expect_alive(3);
  peer_send(&peer, 5, 99, 0, data, length); /* of an unknown type: ignored */
  peer_send(&peer, 7, TTRPC_DATA, 0, data, length);
  peer_expect_error(&peer, 7, TTRPC_RESOURCE_EXHAUSTED, "4194305");
  send_request(9, TTRPC_REMOTE_OPEN, peer_service.name, "Echo", 0);
  peer_expect_error(&peer, 9, TTRPC_UNIMPLEMENTED, "unary");
  peer_send(&peer, 9, TTRPC_DATA, 0, data, length); /* refused already: ignored */
  expect_alive(11);
  free(data);
}
END_TEST

START_TEST(test_largest_request_and_answer) {
  size_t size = TTRPC_MESSAGE_MAX - 100;
  char *value = malloc(size + 1);
  memset(value, 'v', size);
  value[size] = '\0';
  peer_call(&peer, 1, "Echo", "", value);
  peer_expect_pair(&peer, 1, "", value);
  free(value);
}
END_TEST

START_TEST(test_oversize_answer) {
  /* KeyValue and Response each put a tag and a length of four bytes in front. */
  peer_call(&peer, 1, "Grow", "4194295", "");
  peer_expect_error(&peer, 1, TTRPC_RESOURCE_EXHAUSTED, "4194305");
  peer_call(&peer, 3, "Grow", "4194294", "");
  struct ttrpc_frame frame = peer_receive(&peer);
  ck_assert_uint_eq(frame.stream, 3);
  ck_assert_uint_eq(frame.length, TTRPC_MESSAGE_MAX);
  expect_alive(5);
}
END_TEST

START_TEST(test_errors_travel) {
  peer_call(&peer, 1, "Fail", "5", "no such task \xe2\x9c\x93");
  peer_expect_error(&peer, 1, TTRPC_NOT_FOUND, "no such task \xe2\x9c\x93");
  peer_call(&peer, 3, "Fail", "13", "broken \xff text");
  peer_expect_error(&peer, 3, TTRPC_INTERNAL, "broken \\xff text");
  peer_call(&peer, 5, "Fail", "0", "an error needs a code");
  peer_expect_error(&peer, 5, TTRPC_UNKNOWN, "an error needs a code");
  peer_call(&peer, 7, "Hang", "", "");
  PEER_WAIT_FOR(&peer, held_count == 1);
  ttrpc_fail(held[0], TTRPC_UNAVAILABLE, NULL);
  peer_expect_error(&peer, 7, TTRPC_UNAVAILABLE, "");
}
END_TEST

START_TEST(test_error_text_is_bounded) {
  size_t size = 3u << 20;
  char *text = malloc(size + 1);
  memset(text, 'e', size);
  text[size] = '\0';
  peer_call(&peer, 1, "Fail", "5", text);
  Ttrpc__Response *answer = peer_receive_answer(&peer, 1);
  ck_assert_int_eq(answer->status->code, TTRPC_NOT_FOUND);
  ck_assert_uint_eq(strlen(answer->status->message), 64u << 10);
  ttrpc__response__free_unpacked(answer, NULL);
  free(text);
}
END_TEST

START_TEST(test_metadata) {
  Ttrpc__KeyValue wanted = TTRPC__KEY_VALUE__INIT;
  Ttrpc__KeyValue entries[2] = {TTRPC__KEY_VALUE__INIT, TTRPC__KEY_VALUE__INIT};
  Ttrpc__KeyValue *metadata[] = {&entries[0], &entries[1]};
  Ttrpc__Request request = TTRPC__REQUEST__INIT;
  uint8_t payload[64];
  uint8_t data[256];
  wanted.key = (char *)(uintptr_t) "second";
  entries[0].key = (char *)(uintptr_t) "first";
  entries[0].value = (char *)(uintptr_t) "second";
  entries[1].key = (char *)(uintptr_t) "second";
  entries[1].value = (char *)(uintptr_t) "found";
  request.service = (char *)(uintptr_t)peer_service.name;
  request.method = (char *)(uintptr_t) "Metadata";
  request.payload = (ProtobufCBinaryData){ttrpc__key_value__pack(&wanted, payload), payload};
  request.n_metadata = 2;
  request.metadata = metadata;
  peer_send(&peer, 1, TTRPC_REQUEST, 0, data, ttrpc__request__pack(&request, data));
  peer_expect_pair(&peer, 1, "second", "found");
  peer_call(&peer, 3, "Metadata", "first", "");
  peer_expect_pair(&peer, 3, "first", "(none)");
  request.method = (char *)(uintptr_t) "Hang";
  peer_send(&peer, 5, TTRPC_REQUEST, 0, data, ttrpc__request__pack(&request, data));
  PEER_WAIT_FOR(&peer, held_count == 1);
  ck_assert_ptr_null(ttrpc_call_metadata(held[0], "second")); /* it went with the request */
  answer_pair(held[0], "no", "more");
  peer_expect_pair(&peer, 5, "no", "more");
  held_count = 0;
}
END_TEST

START_TEST(test_deadline) {
  send_request(1, 0, peer_service.name, "Hang", 20 * 1000000);
  send_request(3, 0, peer_service.name, "Hang", INT64_MAX);
  send_request(5, 0, peer_service.name, "Hang", 1);
  send_request(7, 0, peer_service.name, "Hang", 0);
  PEER_WAIT_FOR(&peer, held_count == 4);
  ck_assert_uint_gt(ttrpc_call_deadline(held[1]), ttrpc_call_deadline(held[0]));
  ck_assert_uint_eq(ttrpc_call_deadline(held[3]), 0);
  peer_expect_error(&peer, 5, TTRPC_DEADLINE_EXCEEDED, "Hang");
  peer_expect_error(&peer, 1, TTRPC_DEADLINE_EXCEEDED, "Hang");
  ck_assert_uint_eq(abandoned, 2);
  ck_assert(ttrpc_call_abandoned(held[0]));
  ck_assert(!ttrpc_call_abandoned(held[1]));
  for (unsigned i = 0; i < 4; i++)
    answer_pair(held[i], "late", "?");
  peer_expect_pair(&peer, 3, "late", "?"); /* the answers to 1 and 5 are not sent */
  peer_expect_pair(&peer, 7, "late", "?");
  expect_alive(9);
}
END_TEST

START_TEST(test_negative_timeout_has_passed) {
  send_request(1, 0, peer_service.name, "Hang", -1);
  peer_expect_error(&peer, 1, TTRPC_DEADLINE_EXCEEDED, "Hang");
  ck_assert_uint_eq(held_count, 1);
  answer_pair(held[0], "", "");
  expect_alive(3);
}
END_TEST

/* An owner that is told answers all the calls it has. */
static void answer_all(void *arg) {
  (void)arg;
  for (unsigned i = 0; i < held_count; i++)
    ttrpc_fail(held[i], TTRPC_ABORTED, "given up");
  abandoned += held_count;
  held_count = 0;
}

START_TEST(test_expired_calls_answer_each_other) {
  for (uint32_t stream = 1; stream < 20; stream += 2)
    send_request(stream, 0, peer_service.name, "Hang", stream < 15 ? 100 * 1000000 : 0);
  /* The loop's time may pass before the last of them has come. */
  PEER_WAIT_FOR(&peer, handled == 10);
  for (unsigned i = 0; i < held_count; i++)
    ttrpc_call_on_abandoned(held[i], answer_all, NULL);
  if (abandoned == 0) {
    PEER_WAIT_FOR(&peer, abandoned > 0);
    ck_assert_uint_eq(held_count, 0);
    ck_assert_uint_ge(abandoned, 10);
  } else {
    answer_all(NULL);
  }
}
END_TEST

START_TEST(test_peer_goes_away) {
  peer_call(&peer, 1, "Hang", "", "");
  peer_call(&peer, 3, "Hang", "", "");
  PEER_WAIT_FOR(&peer, held_count == 2);
  ttrpc_call_keep_request(held[0]);
  peer_hang_up(&peer);
  PEER_WAIT_FOR(&peer, abandoned == 2 && ttrpc_server_connections(server) == 0);
  ck_assert(ttrpc_call_abandoned(held[0]));
  ttrpc_call_on_abandoned(held[0], on_abandoned, NULL);
  answer_pair(held[0], "nobody", "listens");
  ttrpc_fail(held[1], TTRPC_INTERNAL, "nobody listens");
  ck_assert_uint_eq(abandoned, 2);
}
END_TEST

START_TEST(test_lost_calls_answer_each_other) {
  for (uint32_t stream = 1; stream < 20; stream += 2)
    peer_call(&peer, stream, "Hang", "", "");
  PEER_WAIT_FOR(&peer, held_count == 10);
  for (unsigned i = 0; i < held_count; i++)
    ttrpc_call_on_abandoned(held[i], answer_all, NULL);
  peer_hang_up(&peer);
  PEER_WAIT_FOR(&peer, ttrpc_server_connections(server) == 0);
  ck_assert_uint_eq(held_count, 0);
}
END_TEST

START_TEST(test_half_a_frame_then_gone) {
  uint8_t header[TTRPC_HEADER_SIZE];
  ttrpc_frame_write_header(header, 1000, 1, TTRPC_REQUEST, 0);
  peer_write(&peer, header, sizeof header);
  peer_write(&peer, "half", 4);
  peer_hang_up(&peer);
  PEER_WAIT_FOR(&peer, ttrpc_server_connections(server) == 0);
  ck_assert_uint_eq(handled, 0);
}
END_TEST

START_TEST(test_outstanding_limit_pauses_reading) {
  teardown();
  start(&(struct ttrpc_server_limits){.outstanding = 4});
  for (uint32_t stream = 1; stream < 40; stream += 2)
    peer_call(&peer, stream, "Hang", "", "");
  PEER_WAIT_FOR(&peer, held_count == 4);
  for (int i = 0; i < 20; i++)
    peer_turn(&peer);
  ck_assert_uint_eq(held_count, 4);
  for (unsigned i = 0; i < 20; i++) {
    PEER_WAIT_FOR(&peer, held_count > i);
    answer_pair(held[i], "", "");
    peer_expect_pair(&peer, 2 * i + 1, "", "");
  }
  expect_alive(41);
}
END_TEST

START_TEST(test_outstanding_limit_of_one) {
  teardown();
  start(&(struct ttrpc_server_limits){.outstanding = 1});
  for (uint32_t stream = 1; stream < 10; stream += 2)
    peer_call(&peer, stream, "Hang", "", "");
  for (unsigned i = 0; i < 5; i++) {
    PEER_WAIT_FOR(&peer, held_count == i + 1);
    answer_pair(held[i], "", "");
    peer_expect_pair(&peer, 2 * i + 1, "", "");
  }
}
END_TEST

START_TEST(test_loss_is_seen_while_paused) {
  if (!peer_loss_is_told(&peer))
    return;
  teardown();
  start(&(struct ttrpc_server_limits){.outstanding = 2});
  for (uint32_t stream = 1; stream < 40; stream += 2)
    peer_call(&peer, stream, "Hang", "", "");
  PEER_WAIT_FOR(&peer, held_count == 2);
  peer_hang_up(&peer);
  PEER_WAIT_FOR(&peer, abandoned == 2 && ttrpc_server_connections(server) == 0);
  answer_all(NULL);
}
END_TEST

/* A peer that sends and never reads: what is kept for it stays bounded, and all
 * of it arrives once it does read. */
START_TEST(test_unsent_limit_pauses_reading) {
  size_t limit = 256u << 10;
  teardown();
  start(&(struct ttrpc_server_limits){.unsent_bytes = limit});
  uint32_t requests = 2000;
  size_t length;
  uint8_t *data = peer_pack_request(peer_service.name, "Grow", "10000", "", 0, &length);
  uint32_t sent = 0;
  uint8_t bytes[256];
  memcpy(bytes + TTRPC_HEADER_SIZE, data, length);
  unsigned idle = 0;
  while (sent < requests && idle < 100) {
    ttrpc_frame_write_header(bytes, (uint32_t)length, 2 * sent + 1, TTRPC_REQUEST, 0);
    ptrdiff_t written = unit_end_write(peer.end, bytes, TTRPC_HEADER_SIZE + length);
    if (written == 0) {
      peer_turn(&peer);
      idle++;
      continue;
    }
    ck_assert_int_eq(written, (ptrdiff_t)(TTRPC_HEADER_SIZE + length)); /* small writes are taken whole */
    sent++;
    idle = 0;
  }
  for (int i = 0; i < 50; i++)
    peer_turn(&peer);
  /* Sockets hold some hundred KiB more; far from the 20 MB that were asked for. */
  ck_assert_uint_gt(handled, 0);
  ck_assert_uint_lt(handled, 300);
  for (uint32_t i = 0; i < sent; i++) {
    struct ttrpc_frame frame = peer_receive(&peer);
    ck_assert_uint_eq(frame.stream, 2 * i + 1);
    ck_assert_uint_gt(frame.length, 10000);
  }
  ck_assert_uint_eq(handled, sent);
  free(data);
  expect_alive(2 * requests + 1);
}
END_TEST

START_TEST(test_peer_that_never_reads_goes_away) {
  for (uint32_t stream = 1; stream < 100; stream += 2)
    peer_call(&peer, stream, "Grow", "1000000", "");
  PEER_WAIT_FOR(&peer, handled > 5);
  peer_hang_up(&peer);
  PEER_WAIT_FOR(&peer, ttrpc_server_connections(server) == 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("ttrpc/session");
  TCase *rules = tcase_create("rules");
  tcase_set_timeout(rules, 60);
  tcase_add_checked_fixture(rules, setup, teardown);
  tcase_add_test(rules, test_echo);
  tcase_add_test(rules, test_request_cut_at_every_byte);
  tcase_add_test(rules, test_answers_in_any_order);
  tcase_add_test(rules, test_stream_ids_are_odd);
  tcase_add_test(rules, test_stream_ids_rise);
  tcase_add_test(rules, test_unknown_service_and_method);
  tcase_add_test(rules, test_echoed_names_are_clean);
  tcase_add_test(rules, test_garbage_in_the_envelope);
  tcase_add_test(rules, test_garbage_in_the_payload);
  tcase_add_test(rules, test_unknown_frame_types_are_ignored);
  tcase_add_test(rules, test_data_on_an_unknown_stream);
  tcase_add_test(rules, test_streaming_is_refused);
  tcase_add_test(rules, test_streams_of_unknown_services_are_refused_once);
  tcase_add_test(rules, test_refused_streams_are_bounded);
  tcase_add_test(rules, test_oversize_request);
  tcase_add_test(rules, test_largest_request_and_answer);
  tcase_add_test(rules, test_oversize_answer);
  tcase_add_test(rules, test_errors_travel);
  tcase_add_test(rules, test_error_text_is_bounded);
  tcase_add_test(rules, test_metadata);
  suite_add_tcase(suite, rules);
  TCase *ends = tcase_create("deadlines and losses");
  tcase_set_timeout(ends, 60);
  tcase_add_checked_fixture(ends, setup, teardown);
  tcase_add_test(ends, test_deadline);
  tcase_add_test(ends, test_negative_timeout_has_passed);
  tcase_add_test(ends, test_expired_calls_answer_each_other);
  tcase_add_test(ends, test_peer_goes_away);
  tcase_add_test(ends, test_lost_calls_answer_each_other);
  tcase_add_test(ends, test_half_a_frame_then_gone);
  suite_add_tcase(suite, ends);
  TCase *limits = tcase_create("backpressure");
  tcase_set_timeout(limits, 60);
  tcase_add_checked_fixture(limits, setup, teardown);
  tcase_add_test(limits, test_outstanding_limit_pauses_reading);
  tcase_add_test(limits, test_outstanding_limit_of_one);
  tcase_add_test(limits, test_loss_is_seen_while_paused);
  tcase_add_test(limits, test_unsent_limit_pauses_reading);
  tcase_add_test(limits, test_peer_that_never_reads_goes_away);
  suite_add_tcase(suite, limits);
  return hp_run_suite(suite);
}
