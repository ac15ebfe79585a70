/* The calling side, against a peer that writes raw frames. */
#include "hostprocess/ttrpc.h"

#include <stdio.h>

#include "support.h"
#include "ttrpc_peer.h"

struct result {
  unsigned count; /* of responses */
  enum ttrpc_code code;
  char message[128];
  char value[128];
};

static struct peer peer;
static struct ttrpc_client *client;
static unsigned closed;
static unsigned lost;

static void on_closed(uv_stream_t *stream) {
  closed++;
  free(stream);
}

static void on_lost(void *arg) {
  ck_assert_ptr_eq(arg, &peer);
  lost++;
}

static void on_response(void *arg, enum ttrpc_code code, const char *message,
                        const ProtobufCMessage *response) {
  struct result *result = arg;
  result->count++;
  result->code = code;
  snprintf(result->message, sizeof result->message, "%s", message);
  ck_assert_int_eq(code == TTRPC_OK, response != NULL);
  if (response)
    snprintf(result->value, sizeof result->value, "%s", ((const Ttrpc__KeyValue *)response)->value);
}

static void call(enum peer_method method, const char *value, int64_t timeout_ns, struct result *result) {
  Ttrpc__KeyValue request = TTRPC__KEY_VALUE__INIT;
  request.value = (char *)(uintptr_t)value;
  *result = (struct result){0};
  ttrpc_client_call(client, &peer_service, method, &request.base, timeout_ns, on_response, result);
  ck_assert_uint_eq(result->count, 0); /* always from the loop */
}

static void setup(void) {
  peer_setup(&peer);
  closed = lost = 0;
  client = ttrpc_client_new(&peer.loop, peer_connect(&peer), on_closed, on_lost, &peer);
}

static void teardown(void) {
  ttrpc_client_free(client);
  PEER_WAIT_FOR(&peer, closed == 1);
  peer_teardown(&peer);
}

/* Waits for a request on stream and gives it back. */
static Ttrpc__Request *receive_request(uint32_t stream) {
  struct ttrpc_frame frame = peer_receive(&peer);
  ck_assert_uint_eq(frame.stream, stream);
  ck_assert_uint_eq(frame.type, TTRPC_REQUEST);
  ck_assert_uint_eq(frame.flags, 0);
  Ttrpc__Request *request = ttrpc__request__unpack(NULL, frame.length, frame.data);
  ck_assert_ptr_nonnull(request);
  return request;
}

static void swallow_request(uint32_t stream) {
  ttrpc__request__free_unpacked(receive_request(stream), NULL);
}

static void answer(uint32_t stream, const char *value) {
  Ttrpc__KeyValue pair = TTRPC__KEY_VALUE__INIT;
  Ttrpc__Response response = TTRPC__RESPONSE__INIT;
  uint8_t payload[128];
  uint8_t data[256];
  pair.value = (char *)(uintptr_t)value;
  response.payload = (ProtobufCBinaryData){ttrpc__key_value__pack(&pair, payload), payload};
  peer_send(&peer, stream, TTRPC_RESPONSE, 0, data, ttrpc__response__pack(&response, data));
}

static void answer_error(uint32_t stream, int32_t code, const char *message) {
  Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
  Ttrpc__Response response = TTRPC__RESPONSE__INIT;
  uint8_t data[256];
  status.code = code;
  status.message = (char *)(uintptr_t)message;
  response.status = &status;
  peer_send(&peer, stream, TTRPC_RESPONSE, 0, data, ttrpc__response__pack(&response, data));
}

static void expect(const struct result *result, enum ttrpc_code code, const char *text) {
  PEER_WAIT_FOR(&peer, result->count > 0);
  ck_assert_uint_eq(result->count, 1);
  ck_assert_int_eq(result->code, code);
  const char *where = code == TTRPC_OK ? result->value : result->message;
  ck_assert_msg(strstr(where, text) != NULL, "no \"%s\" in \"%s\"", text, where);
}

START_TEST(test_call) {
  struct result result;
  call(PEER_ECHO, "ping", 5000000000, &result);
  Ttrpc__Request *request = receive_request(1);
  ck_assert_str_eq(request->service, "hostprocess.test.Peer");
  ck_assert_str_eq(request->method, "Echo");
  ck_assert_int_eq(request->timeout_nano, 5000000000);
  Ttrpc__KeyValue *pair = ttrpc__key_value__unpack(NULL, request->payload.len, request->payload.data);
  ck_assert_str_eq(pair->value, "ping");
  ttrpc__key_value__free_unpacked(pair, NULL);
  ttrpc__request__free_unpacked(request, NULL);
  answer(1, "pong");
  expect(&result, TTRPC_OK, "pong");
}
END_TEST

START_TEST(test_answers_in_any_order) {
  enum { count = 100 };
  struct result results[count];
  char value[16];
  for (unsigned i = 0; i < count; i++)
    call(PEER_ECHO, "", 0, &results[i]);
  for (unsigned i = 0; i < count; i++)
    swallow_request(2 * i + 1);
  for (unsigned i = 0; i < count; i++) {
    unsigned which = (i * 37) % count; /* 37 and 100 have no common factor: each once */
    snprintf(value, sizeof value, "answer %u.", which);
    answer(2 * which + 1, value);
  }
  for (unsigned i = 0; i < count; i++) {
    snprintf(value, sizeof value, "answer %u.", i);
    expect(&results[i], TTRPC_OK, value);
  }
}
END_TEST

START_TEST(test_error) {
  struct result result;
  call(PEER_ECHO, "", 0, &result);
  swallow_request(1);
  answer_error(1, TTRPC_NOT_FOUND, "no such task");
  expect(&result, TTRPC_NOT_FOUND, "no such task");
}
END_TEST

START_TEST(test_empty_answer) {
  struct result result;
  call(PEER_ECHO, "", 0, &result);
  peer_send(&peer, 1, TTRPC_RESPONSE, 0, "", 0);
  expect(&result, TTRPC_OK, "");
}
END_TEST

START_TEST(test_garbage_fails_one_call) {
  struct result results[3];
  for (int i = 0; i < 3; i++)
    call(PEER_ECHO, "", 0, &results[i]);
  peer_send(&peer, 1, TTRPC_RESPONSE, 0, "\x0a\x7f", 2);
  expect(&results[0], TTRPC_INTERNAL, "ttrpc.Response");
  peer_send(&peer, 3, TTRPC_RESPONSE, 0, "\x12\x02\x0a\x7f", 4);
  expect(&results[1], TTRPC_INTERNAL, "payload");
  answer(5, "fine");
  expect(&results[2], TTRPC_OK, "fine");
}
END_TEST

START_TEST(test_frames_for_nobody_are_ignored) {
  struct result result;
  answer(77, "nobody asked");
  answer(0, "nobody asked");
  call(PEER_ECHO, "", 0, &result);
  peer_send(&peer, 1, TTRPC_DATA, 0, "data", 4);
  peer_send(&peer, 1, TTRPC_REQUEST, 0, "request", 7);
  peer_send(&peer, 1, 99, 0, "what", 4);
  answer(1, "the one");
  answer(1, "once more");
  expect(&result, TTRPC_OK, "the one");
  for (int i = 0; i < 5; i++)
    peer_turn(&peer);
  ck_assert_uint_eq(result.count, 1);
}
END_TEST

START_TEST(test_oversize_answer_fails_one_call) {
  struct result results[2];
  uint32_t length = TTRPC_MESSAGE_MAX + 1;
  uint8_t *data = calloc(1, length);
  call(PEER_ECHO, "", 0, &results[0]);
  call(PEER_ECHO, "", 0, &results[1]);
  peer_send(&peer, 1, TTRPC_RESPONSE, 0, data, length);
  expect(&results[0], TTRPC_RESOURCE_EXHAUSTED, "larger");
  answer(3, "fine");
  expect(&results[1], TTRPC_OK, "fine");
  free(data);
}
END_TEST

START_TEST(test_oversize_request_is_not_sent) {
  struct result results[2];
  char *value = malloc(TTRPC_MESSAGE_MAX + 1);
  memset(value, 'v', TTRPC_MESSAGE_MAX);
  value[TTRPC_MESSAGE_MAX] = '\0';
  call(PEER_ECHO, value, 0, &results[0]);
  call(PEER_ECHO, "", 0, &results[1]);
  expect(&results[0], TTRPC_RESOURCE_EXHAUSTED, "larger");
  answer(1, "fine");
  expect(&results[1], TTRPC_OK, "fine");
  free(value);
}
END_TEST

START_TEST(test_deadline) {
  struct result results[3];
  call(PEER_ECHO, "", INT64_MAX, &results[0]);
  call(PEER_ECHO, "", 10000000, &results[1]);
  call(PEER_ECHO, "", 1, &results[2]);
  expect(&results[1], TTRPC_DEADLINE_EXCEEDED, "deadline");
  expect(&results[2], TTRPC_DEADLINE_EXCEEDED, "deadline");
  answer(3, "late");
  answer(1, "fine");
  expect(&results[0], TTRPC_OK, "fine");
  ck_assert_uint_eq(results[1].count, 1);
}
END_TEST

START_TEST(test_lost_connection) {
  struct result results[2];
  call(PEER_ECHO, "", 0, &results[0]);
  call(PEER_ECHO, "", 60000000000, &results[1]);
  peer_hang_up(&peer);
  expect(&results[0], TTRPC_UNAVAILABLE, "lost");
  expect(&results[1], TTRPC_UNAVAILABLE, "lost");
  ck_assert_uint_eq(lost, 1);
  struct result later;
  call(PEER_ECHO, "", 0, &later);
  expect(&later, TTRPC_UNAVAILABLE, "lost");
  PEER_WAIT_FOR(&peer, closed == 1);
  call(PEER_ECHO, "", 0, &later);
  expect(&later, TTRPC_UNAVAILABLE, "lost");
  ck_assert_uint_eq(lost, 1);
}
END_TEST

static void free_the_client(void *arg, enum ttrpc_code code, const char *message,
                            const ProtobufCMessage *response) {
  on_response(arg, code, message, response);
  ttrpc_client_free(client);
  client = NULL;
}

START_TEST(test_free_from_a_response) {
  Ttrpc__KeyValue request = TTRPC__KEY_VALUE__INIT;
  struct result results[2] = {0};
  ttrpc_client_call(client, &peer_service, PEER_ECHO, &request.base, 0, free_the_client, &results[0]);
  call(PEER_HANG, "", 0, &results[1]);
  answer(1, "last");
  expect(&results[0], TTRPC_OK, "last");
  expect(&results[1], TTRPC_UNAVAILABLE, "closed");
  PEER_WAIT_FOR(&peer, closed == 1);
  ck_assert_uint_eq(lost, 0);
}
END_TEST

START_TEST(test_free_from_a_lost_call) {
  Ttrpc__KeyValue request = TTRPC__KEY_VALUE__INIT;
  struct result results[2] = {0};
  ttrpc_client_call(client, &peer_service, PEER_ECHO, &request.base, 0, free_the_client, &results[0]);
  call(PEER_HANG, "", 0, &results[1]);
  peer_hang_up(&peer);
  PEER_WAIT_FOR(&peer, results[0].count == 1 && results[1].count == 1 && closed == 1);
  ck_assert_int_eq(results[1].code, TTRPC_UNAVAILABLE);
  ck_assert_uint_eq(lost, 0); /* who frees it need not be told */
}
END_TEST

START_TEST(test_free_sends_what_was_called) {
  struct result result;
  call(PEER_ECHO, "parting", 0, &result);
  ttrpc_client_free(client);
  client = NULL;
  expect(&result, TTRPC_UNAVAILABLE, "closed");
  swallow_request(1);
}
END_TEST

/* A peer that does not read yet: what is called meanwhile waits its turn. */
START_TEST(test_requests_wait_for_a_slow_peer) {
  enum { count = 40 };
  static struct result results[count];
  size_t size = 100000;
  char *value = malloc(size + 1);
  memset(value, 'v', size);
  value[size] = '\0';
  for (unsigned i = 0; i < count; i++) {
    call(PEER_ECHO, value, 0, &results[i]);
    peer_turn(&peer);
  }
  for (unsigned i = 0; i < count; i++) {
    Ttrpc__Request *request = receive_request(2 * i + 1);
    ck_assert_uint_gt(request->payload.len, size);
    ttrpc__request__free_unpacked(request, NULL);
    answer(2 * i + 1, "taken");
    expect(&results[i], TTRPC_OK, "taken");
  }
  free(value);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("ttrpc/client");
  TCase *calls = tcase_create("calls");
  tcase_set_timeout(calls, 60);
  tcase_add_checked_fixture(calls, setup, teardown);
  tcase_add_test(calls, test_call);
  tcase_add_test(calls, test_answers_in_any_order);
  tcase_add_test(calls, test_error);
  tcase_add_test(calls, test_empty_answer);
  tcase_add_test(calls, test_garbage_fails_one_call);
  tcase_add_test(calls, test_frames_for_nobody_are_ignored);
  tcase_add_test(calls, test_oversize_answer_fails_one_call);
  tcase_add_test(calls, test_oversize_request_is_not_sent);
  tcase_add_test(calls, test_deadline);
  tcase_add_test(calls, test_requests_wait_for_a_slow_peer);
  suite_add_tcase(suite, calls);
  TCase *ends = tcase_create("ends");
  tcase_set_timeout(ends, 60);
  tcase_add_checked_fixture(ends, setup, teardown);
  tcase_add_test(ends, test_lost_connection);
  tcase_add_test(ends, test_free_from_a_response);
  tcase_add_test(ends, test_free_from_a_lost_call);
  tcase_add_test(ends, test_free_sends_what_was_called);
  suite_add_tcase(suite, ends);
  return hp_run_suite(suite);
}
