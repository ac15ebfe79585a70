/* Names that come from outside: containerd's own identifier rule
 * (pkg/identifiers: [A-Za-z0-9]+([._-][A-Za-z0-9]+)*, at most 76 characters),
 * and how a namespace and an id become one name without collisions. */
#ifndef HP_SPEC_IDENTIFIER_H
#define HP_SPEC_IDENTIFIER_H

#include <stddef.h>

#include "base/error.h"

/* what: "container id", "namespace", … for the message. */
int hp_identifier_check(const char *what, const char *value, struct hp_error *err);

/* The SHA-256 of `length` bytes as 64 lower-case hex digits and a NUL. */
void hp_sha256_hex(const void *data, size_t length, char hex[65]);

#endif
