/* Bytes from a peer: cut into frames wherever the first byte says, and every
 * frame read as a request and as an answer. What protobuf-c accepts, the
 * envelope must read in the same way. */
#include <stdlib.h>
#include <string.h>

#include "ttrpc/envelope.h"
#include "ttrpc/frame.h"
#include "ttrpc/ttrpc.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
  if (!condition)
    abort();
}

static void require_same(struct ttrpc_view view, const char *expected) {
  size_t length = view.length ? strnlen((const char *)view.data, view.length) : 0;
  require(strlen(expected) == length && (length == 0 || memcmp(view.data, expected, length) == 0));
}

static void require_same_metadata(const struct ttrpc_frame *frame, const struct ttrpc_request *request,
                                  const Ttrpc__Request *expected) {
  char *metadata = malloc(request->metadata_size + 1);
  require(metadata != NULL);
  size_t size = ttrpc_request_metadata(frame->data, frame->length, metadata);
  require(size <= request->metadata_size);
  const char *at = metadata;
  for (size_t i = 0; i < expected->n_metadata; i++) {
    require(strcmp(at, expected->metadata[i]->key) == 0);
    at += strlen(at) + 1;
    require(strcmp(at, expected->metadata[i]->value) == 0);
    at += strlen(at) + 1;
  }
  require(at == metadata + size);
  free(metadata);
}

static void read_request(const struct ttrpc_frame *frame) {
  struct ttrpc_request request;
  bool ours = ttrpc_request_decode(frame->data, frame->length, &request);
  Ttrpc__Request *theirs = ttrpc__request__unpack(NULL, frame->length, frame->data);
  if (ours && theirs) {
    require_same(request.service, theirs->service);
    require_same(request.method, theirs->method);
    require(request.payload.length == theirs->payload.len);
    require(request.timeout_nano == theirs->timeout_nano);
    require_same_metadata(frame, &request, theirs);
  }
  if (theirs)
    ttrpc__request__free_unpacked(theirs, NULL);
}

static void read_answer(const struct ttrpc_frame *frame) {
  struct ttrpc_answer answer;
  if (!ttrpc_answer_decode(frame->data, frame->length, &answer))
    return;
  require(answer.message.length <= frame->length && answer.payload.length <= frame->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ttrpc_reader reader = {0};
  size_t step = size > 0 && data[0] > 0 ? data[0] : 1;
  uint64_t taken = 0;
  for (size_t at = size > 0; at < size;) {
    size_t room;
    uint8_t *space = ttrpc_reader_space(&reader, &room);
    size_t part = step < room ? step : room;
    part = part < size - at ? part : size - at;
    memcpy(space, data + at, part);
    ttrpc_reader_filled(&reader, part);
    at += part;
    struct ttrpc_frame frame;
    enum ttrpc_next next;
    while ((next = ttrpc_reader_next(&reader, &frame)) != TTRPC_NEXT_NONE) {
      require((next == TTRPC_NEXT_OVERSIZE) == (frame.data == NULL));
      taken += TTRPC_HEADER_SIZE;
      if (next == TTRPC_NEXT_OVERSIZE)
        continue;
      taken += frame.length;
      read_request(&frame);
      read_answer(&frame);
    }
    require(taken <= at);
    ttrpc_reader_settle(&reader);
  }
  ttrpc_reader_clear(&reader);
  return 0;
}
