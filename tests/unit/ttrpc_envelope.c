#include "ttrpc/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "ttrpc/ttrpc.pb-c.h"

/* The generated code is the reference: what one side writes the other reads. */

static char *text(const char *literal) {
  return (char *)(uintptr_t)literal;
}

static bool equals(struct ttrpc_view view, const char *expected) {
  return view.length == strlen(expected) &&
         (view.length == 0 || memcmp(view.data, expected, view.length) == 0);
}

static uint8_t *pack_sample(size_t *length) {
  static uint8_t payload[200];
  Ttrpc__KeyValue first = TTRPC__KEY_VALUE__INIT;
  Ttrpc__KeyValue second = TTRPC__KEY_VALUE__INIT;
  Ttrpc__KeyValue *metadata[] = {&first, &second};
  Ttrpc__Request request = TTRPC__REQUEST__INIT;
  first.key = text("a");
  first.value = text("1");
  second.key = text("namespace");
  request.service = text("containerd.task.v2.Task");
  request.method = text("State");
  request.payload = (ProtobufCBinaryData){sizeof payload, payload};
  request.timeout_nano = -5;
  request.n_metadata = 2;
  request.metadata = metadata;
  *length = ttrpc__request__get_packed_size(&request);
  uint8_t *data = malloc(*length);
  ttrpc__request__pack(&request, data);
  return data;
}

START_TEST(test_request_decodes) {
  static const char expected[] = "a\0001\0namespace\0";
  size_t length;
  uint8_t *data = pack_sample(&length);
  struct ttrpc_request request;
  ck_assert(ttrpc_request_decode(data, length, &request));
  ck_assert(equals(request.service, "containerd.task.v2.Task"));
  ck_assert(equals(request.method, "State"));
  ck_assert_uint_eq(request.payload.length, 200);
  ck_assert_int_eq(request.timeout_nano, -5);
  char metadata[64];
  ck_assert_uint_le(request.metadata_size, sizeof metadata);
  ck_assert_uint_eq(ttrpc_request_metadata(data, length, metadata), sizeof expected);
  ck_assert_mem_eq(metadata, expected, sizeof expected);
  free(data);
}
END_TEST

/* Each beginning is on the heap, so that memory checkers see a read beyond it. */
START_TEST(test_every_beginning_is_read_safely) {
  size_t length;
  uint8_t *data = pack_sample(&length);
  unsigned accepted = 0;
  for (size_t part = 0; part < length; part++) {
    uint8_t *copy = malloc(part + 1);
    memcpy(copy + 1, data, part);
    struct ttrpc_request request;
    bool ours = ttrpc_request_decode(copy + 1, part, &request);
    Ttrpc__Request *theirs = ttrpc__request__unpack(NULL, part, copy + 1);
    ck_assert_int_eq(ours, theirs != NULL);
    accepted += ours;
    if (theirs)
      ttrpc__request__free_unpacked(theirs, NULL);
    free(copy);
  }
  ck_assert_uint_eq(accepted, 6); /* the ends of fields, and nothing at all */
  free(data);
}
END_TEST

START_TEST(test_empty_request) {
  struct ttrpc_request request;
  ck_assert(ttrpc_request_decode(NULL, 0, &request));
  ck_assert_uint_eq(request.service.length, 0);
  ck_assert_int_eq(request.timeout_nano, 0);
}
END_TEST

START_TEST(test_unknown_fields_are_passed_over) {
  static const uint8_t data[] = {
      0x30, 0x80, 0x01,                             /* 6: varint */
      0x39, 1,    2,    3,    4,    5,   6,   7, 8, /* 7: fixed64 */
      0x42, 0x02, 0xff, 0xff,                       /* 8: bytes */
      0x4d, 1,    2,    3,    4,                    /* 9: fixed32 */
      0x82, 0x7d, 0x00,                             /* 2000: bytes */
      0x08, 0x07,                                   /* 1 as a varint: not our type */
      0x0a, 0x01, 's',  0x0a, 0x02, 's', '2',       /* 1 twice: the last one counts */
  };
  struct ttrpc_request request;
  ck_assert(ttrpc_request_decode(data, sizeof data, &request));
  ck_assert(equals(request.service, "s2"));
}
END_TEST

START_TEST(test_broken_bytes_are_refused) {
  static const struct {
    uint8_t bytes[12];
    size_t length;
  } broken[] = {
      {{0x0a}, 1},                                                                    /* no length */
      {{0x0a, 0x05, 'a'}, 3},                                                         /* too short */
      {{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'a'}, 12},  /* 2^64-1 bytes */
      {{0x20, 0x80}, 2},                                                              /* half a varint */
      {{0x20, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 12}, /* eleven bytes */
      {{0x00, 0x00}, 2},                                                              /* field 0 */
      {{0x0b, 0x0c}, 2},                                                              /* a group */
      {{0x0f}, 1},                                                                    /* wire type 7 */
      {{0x31, 1, 2, 3}, 4},                                                           /* half a fixed64 */
      {{0x35, 1, 2, 3}, 4},                                                           /* half a fixed32 */
      {{0x2a, 0x02, 0x0a, 0x05}, 4},                                                  /* broken metadata */
  };
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    struct ttrpc_request request;
    ck_assert_msg(!ttrpc_request_decode(broken[i].bytes, broken[i].length, &request), "case %zu", i);
  }
}
END_TEST

START_TEST(test_nul_ends_metadata) {
  static const uint8_t data[] = {0x2a, 0x0a, 0x0a, 0x03, 'k', 0, 'x', 0x12, 0x03, 'v', 0, 'y'};
  struct ttrpc_request request;
  char out[16];
  ck_assert(ttrpc_request_decode(data, sizeof data, &request));
  ck_assert_uint_le(request.metadata_size, sizeof out);
  ck_assert_uint_eq(ttrpc_request_metadata(data, sizeof data, out), 4);
  ck_assert_mem_eq(out, "k\0v", 4);
}
END_TEST

START_TEST(test_written_request_is_the_generated_code_s) {
  static const size_t payloads[] = {0, 1, 127, 128, 20000};
  static const int64_t timeouts[] = {0, 1, INT64_MAX};
  for (size_t i = 0; i < 5; i++) {
    for (size_t j = 0; j < 3; j++) {
      struct ttrpc_request request = {.service = {(const uint8_t *)"some.Service", 12},
                                      .method = {(const uint8_t *)"Do", 2},
                                      .payload = {NULL, payloads[i]},
                                      .timeout_nano = timeouts[j]};
      size_t size = ttrpc_request_size(&request);
      uint8_t *out = malloc(size);
      memset(ttrpc_request_write(&request, out), 'p', payloads[i]);
      Ttrpc__Request *same = ttrpc__request__unpack(NULL, size, out);
      ck_assert_ptr_nonnull(same);
      ck_assert_str_eq(same->service, "some.Service");
      ck_assert_str_eq(same->method, "Do");
      ck_assert_uint_eq(same->payload.len, payloads[i]);
      ck_assert_int_eq(same->timeout_nano, timeouts[j]);
      uint8_t *again = malloc(size);
      ck_assert_uint_eq(ttrpc__request__get_packed_size(same), size);
      ttrpc__request__pack(same, again);
      ck_assert_mem_eq(again, out, size);
      ttrpc__request__free_unpacked(same, NULL);
      free(again);
      free(out);
    }
  }
}
END_TEST

START_TEST(test_written_answers_decode) {
  static const size_t payloads[] = {0, 1, 127, 128, 20000};
  for (size_t i = 0; i < 5; i++) {
    struct ttrpc_answer answer = {.payload = {NULL, payloads[i]}};
    size_t size = ttrpc_answer_size(&answer);
    uint8_t *out = malloc(size + 1);
    memset(ttrpc_answer_write(&answer, out), 'p', payloads[i]);
    Ttrpc__Response *same = ttrpc__response__unpack(NULL, size, out);
    ck_assert_ptr_nonnull(same);
    ck_assert_ptr_null(same->status);
    ck_assert_uint_eq(same->payload.len, payloads[i]);
    struct ttrpc_answer back;
    ck_assert(ttrpc_answer_decode(out, size, &back));
    ck_assert_int_eq(back.code, 0);
    ck_assert_uint_eq(back.payload.length, payloads[i]);
    ttrpc__response__free_unpacked(same, NULL);
    free(out);
  }
}
END_TEST

START_TEST(test_written_errors_decode) {
  static const char *const messages[] = {"", "no such task \xe2\x9c\x93"};
  static const int32_t codes[] = {1, 5, 200, -1};
  for (size_t i = 0; i < 2; i++) {
    for (size_t j = 0; j < 4; j++) {
      struct ttrpc_answer answer = {.code = codes[j],
                                    .message = {(const uint8_t *)messages[i], strlen(messages[i])}};
      size_t size = ttrpc_answer_size(&answer);
      uint8_t *out = malloc(size);
      ck_assert_ptr_eq(ttrpc_answer_write(&answer, out), out + size);
      Ttrpc__Response *same = ttrpc__response__unpack(NULL, size, out);
      ck_assert_ptr_nonnull(same);
      ck_assert_int_eq(same->status->code, codes[j]);
      ck_assert_str_eq(same->status->message, messages[i]);
      struct ttrpc_answer back;
      ck_assert(ttrpc_answer_decode(out, size, &back));
      ck_assert_int_eq(back.code, codes[j]);
      ck_assert(equals(back.message, messages[i]));
      ttrpc__response__free_unpacked(same, NULL);
      free(out);
    }
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("ttrpc/envelope");
  TCase *reading = tcase_create("reading");
  tcase_add_test(reading, test_request_decodes);
  tcase_add_test(reading, test_every_beginning_is_read_safely);
  tcase_add_test(reading, test_empty_request);
  tcase_add_test(reading, test_unknown_fields_are_passed_over);
  tcase_add_test(reading, test_broken_bytes_are_refused);
  tcase_add_test(reading, test_nul_ends_metadata);
  suite_add_tcase(suite, reading);
  TCase *writing = tcase_create("writing");
  tcase_add_test(writing, test_written_request_is_the_generated_code_s);
  tcase_add_test(writing, test_written_answers_decode);
  tcase_add_test(writing, test_written_errors_decode);
  suite_add_tcase(suite, writing);
  return hp_run_suite(suite);
}
