#include "ttrpc/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "hostprocess/ttrpc.h"

/* Larger than any usual request, so that one read empties the socket: a buffer
 * that was filled makes libuv read again, only to see EAGAIN. */
#define READ_SIZE ((size_t)16 << 10)

static uint32_t read_u32(const uint8_t *in) {
  return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static void write_u32(uint8_t *out, uint32_t value) {
  out[0] = (uint8_t)(value >> 24);
  out[1] = (uint8_t)(value >> 16);
  out[2] = (uint8_t)(value >> 8);
  out[3] = (uint8_t)value;
}

void ttrpc_frame_write_header(uint8_t *out, uint32_t length, uint32_t stream, uint8_t type, uint8_t flags) {
  write_u32(out, length);
  write_u32(out + 4, stream);
  out[8] = type;
  out[9] = flags;
}

static void read_header(const uint8_t *in, struct ttrpc_frame *frame) {
  *frame =
      (struct ttrpc_frame){.length = read_u32(in), .stream = read_u32(in + 4), .type = in[8], .flags = in[9]};
}

/* The capacity with which the frame that is under way would be complete. */
static size_t wanted_capacity(const struct ttrpc_reader *reader) {
  struct ttrpc_frame frame;
  if (reader->end - reader->start < TTRPC_HEADER_SIZE)
    return READ_SIZE;
  read_header(reader->buffer + reader->start, &frame);
  if (frame.length > TTRPC_MESSAGE_MAX)
    return READ_SIZE; /* it will be skipped */
  return (size_t)TTRPC_HEADER_SIZE + frame.length + READ_SIZE;
}

uint8_t *ttrpc_reader_space(struct ttrpc_reader *reader, size_t *length) {
  if (reader->start > 0)
    ttrpc_reader_settle(reader);
  size_t wanted = wanted_capacity(reader);
  size_t held = reader->end;
  size_t capacity = held > READ_SIZE / 2 ? 2 * held : READ_SIZE;
  if (capacity > wanted)
    capacity = wanted;
  if (capacity <= held) /* frames wait that nobody has taken */
    capacity = held + READ_SIZE;
  if (capacity > reader->capacity) {
    reader->buffer = hp_realloc_array(reader->buffer, capacity, 1);
    reader->capacity = capacity;
  }
  *length = reader->capacity - reader->end;
  return reader->buffer + reader->end;
}

static void skip_bytes(struct ttrpc_reader *reader) {
  uint64_t held = reader->end - reader->start;
  uint64_t skipped = held < reader->skip ? held : reader->skip;
  reader->start += (size_t)skipped;
  reader->skip -= skipped;
}

void ttrpc_reader_filled(struct ttrpc_reader *reader, size_t length) {
  reader->end += length;
  skip_bytes(reader);
}

enum ttrpc_next ttrpc_reader_next(struct ttrpc_reader *reader, struct ttrpc_frame *frame) {
  size_t held = reader->end - reader->start;
  if (held < TTRPC_HEADER_SIZE)
    return TTRPC_NEXT_NONE;
  read_header(reader->buffer + reader->start, frame);
  if (frame->length > TTRPC_MESSAGE_MAX) {
    reader->start += TTRPC_HEADER_SIZE;
    reader->skip = frame->length;
    skip_bytes(reader);
    return TTRPC_NEXT_OVERSIZE;
  }
  if (held - TTRPC_HEADER_SIZE < frame->length)
    return TTRPC_NEXT_NONE;
  frame->data = reader->buffer + reader->start + TTRPC_HEADER_SIZE;
  reader->start += (size_t)TTRPC_HEADER_SIZE + frame->length;
  return TTRPC_NEXT_FRAME;
}

void ttrpc_reader_settle(struct ttrpc_reader *reader) {
  size_t held = reader->end - reader->start;
  if (held == 0) {
    ttrpc_reader_clear(reader);
    return;
  }
  if (reader->start > 0)
    memmove(reader->buffer, reader->buffer + reader->start, held);
  reader->start = 0;
  reader->end = held;
  if (held <= READ_SIZE / 2 && reader->capacity > 2 * READ_SIZE) { /* a large frame has passed */
    reader->buffer = hp_realloc_array(reader->buffer, READ_SIZE, 1);
    reader->capacity = READ_SIZE;
  }
}

void ttrpc_reader_clear(struct ttrpc_reader *reader) {
  uint64_t skip = reader->skip;
  free(reader->buffer);
  *reader = (struct ttrpc_reader){.skip = skip};
}
