#include "ttrpc/frame.h"

#include <stdlib.h>
#include <string.h>

#include "hostprocess/ttrpc.h"
#include "support.h"

/* Puts bytes into the reader, at most step at a time, and hands what comes out to see. */
static void feed(struct ttrpc_reader *reader, const uint8_t *bytes, size_t length, size_t step,
                 void (*see)(enum ttrpc_next next, const struct ttrpc_frame *frame, void *arg), void *arg) {
  while (length > 0) {
    size_t room;
    uint8_t *space = ttrpc_reader_space(reader, &room);
    ck_assert_uint_gt(room, 0);
    size_t part = step < room ? step : room;
    part = part < length ? part : length;
    memcpy(space, bytes, part);
    ttrpc_reader_filled(reader, part);
    bytes += part;
    length -= part;
    struct ttrpc_frame frame;
    enum ttrpc_next next;
    while ((next = ttrpc_reader_next(reader, &frame)) != TTRPC_NEXT_NONE)
      see(next, &frame, arg);
    ttrpc_reader_settle(reader);
  }
}

struct seen {
  unsigned frames;
  unsigned oversize;
  uint32_t streams; /* their sum */
  uint64_t bytes;
};

static void count_frame(enum ttrpc_next next, const struct ttrpc_frame *frame, void *arg) {
  struct seen *seen = arg;
  if (next == TTRPC_NEXT_OVERSIZE) {
    ck_assert_ptr_null(frame->data);
    seen->oversize++;
    return;
  }
  seen->frames++;
  seen->streams += frame->stream;
  seen->bytes += frame->length;
  uint32_t same = 0; /* one assertion a frame: Check writes each down */
  while (same < frame->length && frame->data[same] == (uint8_t)(frame->stream + same))
    same++;
  ck_assert_uint_eq(same, frame->length);
}

/* A frame whose data depends on its stream id. Returns its size. */
static size_t put_frame(uint8_t *out, uint32_t stream, uint32_t length) {
  ttrpc_frame_write_header(out, length, stream, TTRPC_REQUEST, 0);
  for (uint32_t i = 0; i < length; i++)
    out[TTRPC_HEADER_SIZE + i] = (uint8_t)(stream + i);
  return TTRPC_HEADER_SIZE + length;
}

START_TEST(test_header_is_big_endian) {
  static const uint8_t expected[] = {0x00, 0x01, 0x02, 0x03, 0x80, 0x00, 0x00, 0x05, 0x02, 0x04};
  uint8_t header[TTRPC_HEADER_SIZE];
  ttrpc_frame_write_header(header, 0x010203, 0x80000005, TTRPC_RESPONSE, TTRPC_NO_DATA);
  ck_assert_mem_eq(header, expected, sizeof expected);
}
END_TEST

START_TEST(test_header_fields_come_back) {
  uint8_t bytes[TTRPC_HEADER_SIZE + 1] = {0};
  struct ttrpc_reader reader = {0};
  struct ttrpc_frame frame;
  size_t room;
  ttrpc_frame_write_header(bytes, 1, 0xfffffffd, 77, 0xa5);
  bytes[10] = 'x';
  memcpy(ttrpc_reader_space(&reader, &room), bytes, sizeof bytes);
  ttrpc_reader_filled(&reader, sizeof bytes);
  ck_assert_int_eq(ttrpc_reader_next(&reader, &frame), TTRPC_NEXT_FRAME);
  ck_assert_uint_eq(frame.length, 1);
  ck_assert_uint_eq(frame.stream, 0xfffffffd);
  ck_assert_uint_eq(frame.type, 77);
  ck_assert_uint_eq(frame.flags, 0xa5);
  ck_assert_uint_eq(frame.data[0], 'x');
  ttrpc_reader_clear(&reader);
}
END_TEST

START_TEST(test_cut_at_every_byte) {
  uint8_t bytes[512];
  size_t length = put_frame(bytes, 1, 40);
  length += put_frame(bytes + length, 3, 0);
  ttrpc_frame_write_header(bytes + length, TTRPC_MESSAGE_MAX + 1, 9, TTRPC_REQUEST, 0);
  size_t whole = length; /* what precedes the oversize frame */
  length += TTRPC_HEADER_SIZE;
  for (size_t cut = 1; cut < length; cut++) {
    struct ttrpc_reader reader = {0};
    struct seen seen = {0};
    feed(&reader, bytes, cut, cut, count_frame, &seen);
    ck_assert_uint_eq(seen.frames, cut >= whole ? 2 : cut >= 50 ? 1 : 0);
    feed(&reader, bytes + cut, length - cut, length, count_frame, &seen);
    ck_assert_uint_eq(seen.frames, 2);
    ck_assert_uint_eq(seen.oversize, 1);
    ck_assert_uint_eq(reader.skip, TTRPC_MESSAGE_MAX + 1);
    ttrpc_reader_clear(&reader);
  }
}
END_TEST

START_TEST(test_every_step_size) {
  uint8_t bytes[2048];
  size_t length = 0;
  for (uint32_t stream = 1; stream < 20; stream += 2)
    length += put_frame(bytes + length, stream, stream * 7);
  for (size_t step = 1; step <= length; step++) {
    struct ttrpc_reader reader = {0};
    struct seen seen = {0};
    feed(&reader, bytes, length, step, count_frame, &seen);
    ck_assert_uint_eq(seen.frames, 10);
    ck_assert_uint_eq(seen.streams, 100);
    ck_assert_uint_eq(seen.bytes, 700);
    ck_assert_ptr_null(reader.buffer); /* nothing is kept between frames */
  }
}
END_TEST

START_TEST(test_largest_frame) {
  uint8_t *bytes = malloc(TTRPC_HEADER_SIZE + TTRPC_MESSAGE_MAX + TTRPC_HEADER_SIZE);
  size_t length = put_frame(bytes, 5, TTRPC_MESSAGE_MAX);
  length += put_frame(bytes + length, 7, 0);
  struct ttrpc_reader reader = {0};
  struct seen seen = {0};
  feed(&reader, bytes, length, 100000, count_frame, &seen);
  ck_assert_uint_eq(seen.frames, 2);
  ck_assert_uint_eq(seen.bytes, TTRPC_MESSAGE_MAX);
  ck_assert_ptr_null(reader.buffer);
  free(bytes);
}
END_TEST

START_TEST(test_oversize_is_skipped_without_a_buffer) {
  static const uint8_t zeros[100000];
  uint8_t bytes[64];
  struct ttrpc_reader reader = {0};
  struct seen seen = {0};
  uint32_t length = TTRPC_MESSAGE_MAX + 12345;
  ttrpc_frame_write_header(bytes, length, 1, TTRPC_REQUEST, 0);
  feed(&reader, bytes, TTRPC_HEADER_SIZE, 64, count_frame, &seen);
  ck_assert_uint_eq(seen.oversize, 1);
  for (uint32_t left = length; left > 0;) {
    uint32_t part = left < sizeof zeros ? left : (uint32_t)sizeof zeros;
    feed(&reader, zeros, part, part, count_frame, &seen);
    ck_assert_uint_le(reader.capacity, 64u << 10);
    left -= part;
  }
  feed(&reader, bytes, put_frame(bytes, 3, 20), 64, count_frame, &seen);
  ck_assert_uint_eq(seen.oversize, 1);
  ck_assert_uint_eq(seen.frames, 1);
  ck_assert_ptr_null(reader.buffer);
}
END_TEST

START_TEST(test_a_claimed_length_takes_no_memory) {
  uint8_t bytes[TTRPC_HEADER_SIZE];
  struct ttrpc_reader reader = {0};
  struct seen seen = {0};
  ttrpc_frame_write_header(bytes, TTRPC_MESSAGE_MAX, 1, TTRPC_REQUEST, 0);
  feed(&reader, bytes, sizeof bytes, 64, count_frame, &seen);
  size_t room;
  ttrpc_reader_space(&reader, &room);
  ck_assert_uint_le(reader.capacity, 64u << 10);
  ttrpc_reader_clear(&reader);
}
END_TEST

START_TEST(test_buffer_shrinks_after_a_large_frame) {
  uint8_t *bytes = malloc(2 << 20);
  struct ttrpc_reader reader = {0};
  struct seen seen = {0};
  size_t length = put_frame(bytes, 1, 1 << 20);
  put_frame(bytes + length, 3, 30); /* of which only a part comes */
  feed(&reader, bytes, length + 15, length + 15, count_frame, &seen);
  ck_assert_uint_eq(seen.frames, 1);
  ck_assert_uint_le(reader.capacity, 64u << 10);
  feed(&reader, bytes + length + 15, 25, 25, count_frame, &seen);
  ck_assert_uint_eq(seen.frames, 2);
  free(bytes);
}
END_TEST

START_TEST(test_four_gib_length) {
  uint8_t bytes[TTRPC_HEADER_SIZE + 3] = {0};
  struct ttrpc_reader reader = {0};
  struct seen seen = {0};
  ttrpc_frame_write_header(bytes, UINT32_MAX, 1, TTRPC_REQUEST, 0);
  feed(&reader, bytes, sizeof bytes, 64, count_frame, &seen);
  ck_assert_uint_eq(seen.oversize, 1);
  ck_assert_uint_eq(reader.skip, (uint64_t)UINT32_MAX - 3);
  ttrpc_reader_clear(&reader);
}
END_TEST

START_TEST(test_untaken_frames_stay) {
  uint8_t bytes[64 << 10];
  struct ttrpc_reader reader = {0};
  struct ttrpc_frame frame;
  size_t length = 0;
  for (uint32_t stream = 1; stream < 200; stream += 2)
    length += put_frame(bytes + length, stream, 300);
  for (size_t at = 0; at < length;) { /* nobody takes a frame */
    size_t room;
    uint8_t *space = ttrpc_reader_space(&reader, &room);
    size_t part = length - at < room ? length - at : room;
    memcpy(space, bytes + at, part);
    ttrpc_reader_filled(&reader, part);
    at += part;
  }
  for (uint32_t stream = 1; stream < 200; stream += 2) {
    ck_assert_int_eq(ttrpc_reader_next(&reader, &frame), TTRPC_NEXT_FRAME);
    ck_assert_uint_eq(frame.stream, stream);
    if (stream % 16 == 1)
      ttrpc_reader_settle(&reader);
  }
  ck_assert_int_eq(ttrpc_reader_next(&reader, &frame), TTRPC_NEXT_NONE);
  ttrpc_reader_clear(&reader);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("ttrpc/frame");
  TCase *frames = tcase_create("frames");
  tcase_set_timeout(frames, 60);
  tcase_add_test(frames, test_header_is_big_endian);
  tcase_add_test(frames, test_header_fields_come_back);
  tcase_add_test(frames, test_cut_at_every_byte);
  tcase_add_test(frames, test_every_step_size);
  tcase_add_test(frames, test_largest_frame);
  tcase_add_test(frames, test_oversize_is_skipped_without_a_buffer);
  tcase_add_test(frames, test_a_claimed_length_takes_no_memory);
  tcase_add_test(frames, test_buffer_shrinks_after_a_large_frame);
  tcase_add_test(frames, test_four_gib_length);
  tcase_add_test(frames, test_untaken_frames_stay);
  suite_add_tcase(suite, frames);
  return hp_run_suite(suite);
}
