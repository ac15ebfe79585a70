/* Strict reading of JSON from outside, for this room alone: size, depth and
 * number of values are bounded before a tree is built, and every wrong type is
 * reported with the path of its field ("process.args[2]"). A cursor borrows the
 * tree; JSON's null counts as absent, as it does for Go. */
#ifndef HP_SPEC_JSON_H
#define HP_SPEC_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "spec/spec.h"

#define HP_JSON_DEPTH_MAX 64u
#define HP_JSON_VALUES_MAX (1u << 20) /* jansson takes up to 130 bytes for a value of two */

struct hp_json {
  const struct hp_json *parent; /* NULL: the root */
  const char *key;              /* member of an object, or the root's name; NULL: an element */
  size_t index;                 /* of an element */
  json_t *value;                /* NULL: absent */
};

/* Parses length bytes, at most max; NULL with InvalidArgument. what names them
 * in the message ("config.json"). The caller owns the tree. */
json_t *hp_json_load(const char *what, const char *data, size_t length, size_t max, struct hp_error *err);
/* The length of the first of several documents, one after the other, that are
 * objects or arrays; what is none of them is one to its end. */
size_t hp_json_first(const char *data, size_t length);

/* name "" keeps the root out of the paths. */
struct hp_json hp_json_root(const char *name, json_t *value);
struct hp_json hp_json_at(const struct hp_json *object, const char *key);
struct hp_json hp_json_element(const struct hp_json *array, size_t index);
size_t hp_json_count(const struct hp_json *array); /* 0 if absent */
/* Neither absent nor "", [], {}, 0 or false: somebody asked for something. */
bool hp_json_wanted(struct hp_json at);
/* The field's path; the caller frees it. */
char *hp_json_path(const struct hp_json *at);
/* The line, from 1, where the field's key stands (of an element: its value) in
 * the text that hp_json_load took; 0: it does not stand there. */
unsigned hp_json_line(const char *data, size_t length, const struct hp_json *at);

/* InvalidArgument: "PATH is VALUE: it must be RULE". */
int hp_json_refuse(const struct hp_json *at, struct hp_error *err, const char *rule);

/* Each returns 0 and leaves *out alone if the field is absent. */
int hp_json_object(struct hp_json at, struct hp_error *err);
int hp_json_array(struct hp_json at, struct hp_error *err);
int hp_json_string(struct hp_json at, char **out, struct hp_error *err); /* out: new string, old one freed */
int hp_json_strings(struct hp_json at, struct hp_strings *out, struct hp_error *err);
int hp_json_bool(struct hp_json at, bool *out, struct hp_error *err);
int hp_json_number(struct hp_json at, int64_t min, int64_t max, struct hp_number *out, struct hp_error *err);
/* A uid or gid: to the kernel the largest number means "unchanged" and is nobody. */
int hp_json_id(struct hp_json at, uint32_t *out, struct hp_error *err);
/* The whole range: the largest value is what "unlimited" looks like in rlimits. */
int hp_json_uint64(struct hp_json at, uint64_t *out, struct hp_error *err);

#endif
