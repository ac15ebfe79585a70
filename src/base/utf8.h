/* UTF-8 as protobuf's strings and log lines need it. Any thread. */
#ifndef HP_BASE_UTF8_H
#define HP_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed sequence at text (1 … 4), 0 if it is broken or the
 * end. Overlong forms and surrogates are broken. */
size_t hp_utf8_sequence(const char *text);

/* A copy in which control characters and broken bytes stand as \xNN. */
char *hp_utf8_printable(const char *text);

#endif
