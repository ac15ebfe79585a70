/* What a handler may do with the call it was given. */
#include <stdlib.h>
#include <string.h>

#include "ttrpc/session.h"

const char *ttrpc_call_method(const struct ttrpc_call *call) {
  return call->method;
}

const char *ttrpc_call_metadata(const struct ttrpc_call *call, const char *key) {
  const char *at = call->metadata;
  const char *end = at ? at + call->metadata_size : NULL;
  while (at != end) {
    const char *value = at + strlen(at) + 1;
    if (strcmp(at, key) == 0)
      return value;
    at = value + strlen(value) + 1;
  }
  return NULL;
}

uint64_t ttrpc_call_deadline(const struct ttrpc_call *call) {
  return call->deadline;
}

bool ttrpc_call_abandoned(const struct ttrpc_call *call) {
  return !call->session || call->expired;
}

void ttrpc_call_on_abandoned(struct ttrpc_call *call, void (*abandoned)(void *arg), void *arg) {
  if (ttrpc_call_abandoned(call))
    return;
  call->abandoned = abandoned;
  call->abandoned_arg = arg;
}

void ttrpc_call_keep_request(struct ttrpc_call *call) {
  call->keep_request = true;
}

static void end(struct ttrpc_call *call) {
  ttrpc_session_forget(call);
  if (call->dispatching) {
    call->answered = true; /* the session frees it when the handler is back */
    return;
  }
  ttrpc_arena_clear(&call->arena);
  free(call);
}

void ttrpc_reply(struct ttrpc_call *call, const ProtobufCMessage *message) {
  if (!ttrpc_call_abandoned(call))
    ttrpc_session_send(call->session, call->stream, message);
  end(call);
}

void ttrpc_fail(struct ttrpc_call *call, enum ttrpc_code code, const char *message) {
  if (!ttrpc_call_abandoned(call))
    ttrpc_session_send_error(call->session, call->stream, code, message);
  end(call);
}
