/* The messages that frames carry, ttrpc.Request and ttrpc.Response, written and
 * read in place: their payload is neither copied nor buffered. (proto/ttrpc has
 * the same messages for protoc; the tests hold one against the other.) Pure. */
#ifndef TTRPC_ENVELOPE_H
#define TTRPC_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else; not NUL-terminated. */
struct ttrpc_view {
  const uint8_t *data;
  size_t length;
};

struct ttrpc_request {
  struct ttrpc_view service;
  struct ttrpc_view method;
  struct ttrpc_view payload;
  int64_t timeout_nano;
  size_t metadata_size; /* bytes that ttrpc_request_metadata writes at most; decoding only */
};

struct ttrpc_answer {
  int32_t code; /* enum ttrpc_code, or a number we do not know */
  struct ttrpc_view message;
  struct ttrpc_view payload;
};

/* False if the bytes are no such message. Unknown fields are passed over. */
bool ttrpc_request_decode(const uint8_t *data, size_t length, struct ttrpc_request *request);
bool ttrpc_answer_decode(const uint8_t *data, size_t length, struct ttrpc_answer *answer);

/* Writes the metadata of a request that decoded as "key\0value\0…" and returns
 * how many bytes that took. A NUL inside a key or value ends it. */
size_t ttrpc_request_metadata(const uint8_t *data, size_t length, char *out);

/* Of request->payload only the length is used: the caller writes the payload
 * itself, at the place that is returned. */
size_t ttrpc_request_size(const struct ttrpc_request *request);
uint8_t *ttrpc_request_write(const struct ttrpc_request *request, uint8_t *out);

/* The same for an answer: with code 0 the payload, else the error. */
size_t ttrpc_answer_size(const struct ttrpc_answer *answer);
uint8_t *ttrpc_answer_write(const struct ttrpc_answer *answer, uint8_t *out);

#endif
