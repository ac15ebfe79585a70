#include "ttrpc/envelope.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

enum request_field {
  REQUEST_SERVICE = 1,
  REQUEST_METHOD,
  REQUEST_PAYLOAD,
  REQUEST_TIMEOUT,
  REQUEST_METADATA
};
enum key_value_field { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE };
enum response_field { RESPONSE_STATUS = 1, RESPONSE_PAYLOAD };
enum status_field { STATUS_CODE = 1, STATUS_MESSAGE };

/* ---- reading --------------------------------------------------------- */

struct field {
  uint64_t number;
  enum wire_type type;
  uint64_t varint;         /* WIRE_VARINT */
  struct ttrpc_view bytes; /* WIRE_BYTES */
};

static bool read_varint(struct ttrpc_view *in, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; shift < 64 && in->length > 0; shift += 7) {
    uint8_t byte = *in->data++;
    in->length--;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80)
      return true;
  }
  return false;
}

static bool read_bytes(struct ttrpc_view *in, uint64_t length, struct ttrpc_view *bytes) {
  if (length > in->length)
    return false;
  *bytes = (struct ttrpc_view){in->data, (size_t)length};
  in->data += length;
  in->length -= (size_t)length;
  return true;
}

/* False: broken, or a group (which proto3 does not have). */
static bool read_field(struct ttrpc_view *in, struct field *field) {
  uint64_t tag;
  uint64_t length;
  if (!read_varint(in, &tag))
    return false;
  *field = (struct field){.number = tag >> 3, .type = (enum wire_type)(tag & 7)};
  if (field->number == 0 || field->number > 0x1fffffff)
    return false;
  switch (field->type) {
  case WIRE_VARINT:
    return read_varint(in, &field->varint);
  case WIRE_FIXED64:
    return read_bytes(in, 8, &field->bytes);
  case WIRE_BYTES:
    return read_varint(in, &length) && read_bytes(in, length, &field->bytes);
  case WIRE_FIXED32:
    return read_bytes(in, 4, &field->bytes);
  default:
    return false;
  }
}

static bool is(const struct field *field, unsigned number, enum wire_type type) {
  return field->number == number && field->type == type;
}

static bool decode_key_value(struct ttrpc_view in, struct ttrpc_view *key, struct ttrpc_view *value) {
  *key = *value = (struct ttrpc_view){0};
  while (in.length > 0) {
    struct field field;
    if (!read_field(&in, &field))
      return false;
    if (is(&field, KEY_VALUE_KEY, WIRE_BYTES))
      *key = field.bytes;
    else if (is(&field, KEY_VALUE_VALUE, WIRE_BYTES))
      *value = field.bytes;
  }
  return true;
}

bool ttrpc_request_decode(const uint8_t *data, size_t length, struct ttrpc_request *request) {
  struct ttrpc_view in = {data, length};
  *request = (struct ttrpc_request){0};
  while (in.length > 0) {
    struct field field;
    struct ttrpc_view key;
    struct ttrpc_view value;
    if (!read_field(&in, &field))
      return false;
    if (is(&field, REQUEST_SERVICE, WIRE_BYTES)) {
      request->service = field.bytes;
    } else if (is(&field, REQUEST_METHOD, WIRE_BYTES)) {
      request->method = field.bytes;
    } else if (is(&field, REQUEST_PAYLOAD, WIRE_BYTES)) {
      request->payload = field.bytes;
    } else if (is(&field, REQUEST_TIMEOUT, WIRE_VARINT)) {
      request->timeout_nano = (int64_t)field.varint;
    } else if (is(&field, REQUEST_METADATA, WIRE_BYTES)) {
      if (!decode_key_value(field.bytes, &key, &value))
        return false;
      request->metadata_size += key.length + value.length + 2;
    }
  }
  return true;
}

static char *write_text(char *out, struct ttrpc_view text) {
  size_t length = text.length ? strnlen((const char *)text.data, text.length) : 0;
  if (length > 0)
    memcpy(out, text.data, length);
  out[length] = '\0';
  return out + length + 1;
}

size_t ttrpc_request_metadata(const uint8_t *data, size_t length, char *out) {
  struct ttrpc_view in = {data, length};
  struct field field;
  char *at = out;
  while (in.length > 0 && read_field(&in, &field)) {
    struct ttrpc_view key;
    struct ttrpc_view value;
    if (is(&field, REQUEST_METADATA, WIRE_BYTES) && decode_key_value(field.bytes, &key, &value))
      at = write_text(write_text(at, key), value);
  }
  return (size_t)(at - out);
}

static bool decode_status(struct ttrpc_view in, struct ttrpc_answer *answer) {
  while (in.length > 0) {
    struct field field;
    if (!read_field(&in, &field))
      return false;
    if (is(&field, STATUS_CODE, WIRE_VARINT))
      answer->code = (int32_t)(uint32_t)field.varint;
    else if (is(&field, STATUS_MESSAGE, WIRE_BYTES))
      answer->message = field.bytes;
  }
  return true;
}

bool ttrpc_answer_decode(const uint8_t *data, size_t length, struct ttrpc_answer *answer) {
  struct ttrpc_view in = {data, length};
  *answer = (struct ttrpc_answer){0};
  while (in.length > 0) {
    struct field field;
    if (!read_field(&in, &field))
      return false;
    if (is(&field, RESPONSE_PAYLOAD, WIRE_BYTES))
      answer->payload = field.bytes;
    else if (is(&field, RESPONSE_STATUS, WIRE_BYTES) && !decode_status(field.bytes, answer))
      return false;
  }
  return true;
}

/* ---- writing --------------------------------------------------------- */

/* proto3 leaves out what is empty or zero. Every field number here is below
 * 16, so that a tag is one byte. */

static size_t varint_size(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7)
    size++;
  return size;
}

static uint8_t *write_varint(uint8_t *out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    *out++ = (uint8_t)(value | 0x80);
  *out++ = (uint8_t)value;
  return out;
}

static size_t varint_field_size(uint64_t value) {
  return value ? 1 + varint_size(value) : 0;
}

static uint8_t *write_varint_field(uint8_t *out, unsigned number, uint64_t value) {
  if (value == 0)
    return out;
  *out++ = (uint8_t)(number << 3 | WIRE_VARINT);
  return write_varint(out, value);
}

static size_t bytes_field_size(size_t length) {
  return length ? 1 + varint_size(length) + length : 0;
}

/* Tag and length; the bytes go where it returns. */
static uint8_t *write_bytes_head(uint8_t *out, unsigned number, size_t length) {
  if (length == 0)
    return out;
  *out++ = (uint8_t)(number << 3 | WIRE_BYTES);
  return write_varint(out, length);
}

static uint8_t *write_bytes_field(uint8_t *out, unsigned number, struct ttrpc_view bytes) {
  out = write_bytes_head(out, number, bytes.length);
  if (bytes.length > 0)
    memcpy(out, bytes.data, bytes.length);
  return out + bytes.length;
}

size_t ttrpc_request_size(const struct ttrpc_request *request) {
  return bytes_field_size(request->service.length) + bytes_field_size(request->method.length) +
         bytes_field_size(request->payload.length) + varint_field_size((uint64_t)request->timeout_nano);
}

uint8_t *ttrpc_request_write(const struct ttrpc_request *request, uint8_t *out) {
  out = write_bytes_field(out, REQUEST_SERVICE, request->service);
  out = write_bytes_field(out, REQUEST_METHOD, request->method);
  uint8_t *payload = write_bytes_head(out, REQUEST_PAYLOAD, request->payload.length);
  write_varint_field(payload + request->payload.length, REQUEST_TIMEOUT, (uint64_t)request->timeout_nano);
  return payload;
}

static size_t status_size(const struct ttrpc_answer *answer) {
  return varint_field_size((uint64_t)(int64_t)answer->code) + bytes_field_size(answer->message.length);
}

size_t ttrpc_answer_size(const struct ttrpc_answer *answer) {
  return answer->code ? bytes_field_size(status_size(answer)) : bytes_field_size(answer->payload.length);
}

uint8_t *ttrpc_answer_write(const struct ttrpc_answer *answer, uint8_t *out) {
  if (answer->code == 0)
    return write_bytes_head(out, RESPONSE_PAYLOAD, answer->payload.length);
  out = write_bytes_head(out, RESPONSE_STATUS, status_size(answer));
  out = write_varint_field(out, STATUS_CODE, (uint64_t)(int64_t)answer->code);
  return write_bytes_field(out, STATUS_MESSAGE, answer->message);
}
