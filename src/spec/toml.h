/* TOML as containerd's configuration uses it, into JSON. What JSON has no word for
 * (dates, floats) becomes its text. Pure. */
#ifndef HP_SPEC_TOML_H
#define HP_SPEC_TOML_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* A new object, or NULL: InvalidArgument, naming the line and what of it is not
 * understood. Tables of an array ([[name]]) are an array of objects. */
json_t *hp_toml_parse(const char *text, size_t length, struct hp_error *err);

#endif
