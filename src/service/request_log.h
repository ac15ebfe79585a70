/* What the log says of a request: whom its lines are about, and the one line of
 * a request that fails. Private to this room. */
#ifndef HP_SERVICE_REQUEST_LOG_H
#define HP_SERVICE_REQUEST_LOG_H

#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "hostprocess/ttrpc.h"

/* The trace id of a W3C traceparent, which any client may write. False, and
 * out is "", for what is none; NULL is none. */
bool hp_trace_id(const char *traceparent, char out[HP_TRACE_ID_SIZE]);

/* Ids are the message's own strings, found by their fields' names (id or
 * sandbox_id, exec_id); the trace is the call's. */
void hp_request_scope(const struct ttrpc_call *call, const ProtobufCMessage *message,
                      struct hp_log_scope *scope);

/* One line with method, code and the whole chain of causes. At error level, but
 * for answers that clients provoke as a matter of course: those at debug. */
void hp_request_failed(const struct ttrpc_call *call, const struct hp_error *err);

#endif
