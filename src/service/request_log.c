#include "service/request_log.h"

#include <string.h>

/* version-trace-parent-flags in lower-case hexadecimal digits; versions to come may add more. */
#define VERSION_SIZE 2
#define TRACE_SIZE (HP_TRACE_ID_SIZE - 1)
#define PARENT_SIZE 16
#define FLAGS_SIZE 2
#define TRACE_AT (VERSION_SIZE + 1)
#define PARENT_AT (TRACE_AT + TRACE_SIZE + 1)
#define FLAGS_AT (PARENT_AT + PARENT_SIZE + 1)
#define WHOLE_SIZE (FLAGS_AT + FLAGS_SIZE)

static bool is_hexadecimal(const char *text, size_t length) {
  return strspn(text, "0123456789abcdef") >= length;
}

static bool is_zero(const char *text, size_t length) {
  return strspn(text, "0") >= length;
}

static bool is_traceparent(const char *text) {
  if (strnlen(text, WHOLE_SIZE) < WHOLE_SIZE || text[TRACE_AT - 1] != '-' || text[PARENT_AT - 1] != '-' ||
      text[FLAGS_AT - 1] != '-')
    return false;
  if (!is_hexadecimal(text, VERSION_SIZE) || !is_hexadecimal(text + TRACE_AT, TRACE_SIZE) ||
      !is_hexadecimal(text + PARENT_AT, PARENT_SIZE) || !is_hexadecimal(text + FLAGS_AT, FLAGS_SIZE))
    return false;
  if (is_zero(text + TRACE_AT, TRACE_SIZE) || is_zero(text + PARENT_AT, PARENT_SIZE) ||
      strncmp(text, "ff", VERSION_SIZE) == 0)
    return false;
  char next = text[WHOLE_SIZE];
  return next == '\0' || (next == '-' && strncmp(text, "00", VERSION_SIZE) != 0);
}

bool hp_trace_id(const char *traceparent, char out[HP_TRACE_ID_SIZE]) {
  out[0] = '\0';
  if (!traceparent || !is_traceparent(traceparent))
    return false;
  memcpy(out, traceparent + TRACE_AT, TRACE_SIZE);
  out[TRACE_SIZE] = '\0';
  return true;
}

/* NULL: the message has no such field. */
static const char *text_field(const ProtobufCMessage *message, const char *name) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
  if (!field || field->type != PROTOBUF_C_TYPE_STRING || field->label == PROTOBUF_C_LABEL_REPEATED)
    return NULL;
  return *(char *const *)(const void *)((const char *)message + field->offset);
}

void hp_request_scope(const struct ttrpc_call *call, const ProtobufCMessage *message,
                      struct hp_log_scope *scope) {
  const char *id = text_field(message, "id");
  scope->id = id ? id : text_field(message, "sandbox_id");
  scope->exec_id = text_field(message, "exec_id");
  hp_trace_id(ttrpc_call_metadata(call, "traceparent"), scope->trace_id);
}

/* Of something that is gone, or that this host does not have: clients ask all
 * the same, and are told. Start is another matter: there it is the program. */
static bool is_common(const char *method, enum hp_code code) {
  return (code == HP_NOT_FOUND && strcmp(method, "Start") != 0) || code == HP_UNIMPLEMENTED;
}

void hp_request_failed(const struct ttrpc_call *call, const struct hp_error *err) {
  const char *method = ttrpc_call_method(call);
  hp_log(is_common(method, err->code) ? HP_LOG_DEBUG : HP_LOG_ERROR, NULL, "%s failed: %s: %s", method,
         hp_code_name(err->code), err->message ? err->message : "no reason given");
}
