/* Calls to a living shim from a short-lived process: connects, makes them one
 * after the other, and goes. */
#ifndef HP_CLI_ASK_H
#define HP_CLI_ASK_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hp_question {
  const char *method; /* of containerd.task.v2.Task */
  const ProtobufCMessage *request;
  bool optional; /* its refusal does not matter to what follows */
};

/* Blocks for at most limit_ms in all; DeadlineExceeded then. The error of a
 * question that is not optional ends the rest. With until_lost it stays
 * connected, as long as the limit allows, until the shim hangs up. *lost: it has
 * hung up, perhaps in place of an answer. */
int hp_ask(const char *address, const struct hp_question *questions, size_t count, uint64_t limit_ms,
           bool until_lost, bool *lost, struct hp_error *err);

#endif
