/* YAML from outside as the trees that spec/json.h reads. It is taken as
 * Kubernetes' own tools take it (YAML 1.1: yes, no, on and off are booleans,
 * 0644 is octal; keys become text), with size, depth, number of values and what
 * aliases expand to bounded; duplicate keys and aliases of themselves are
 * refused. The trees share what is aliased: they are to be read, not changed. */
#ifndef HP_SPEC_YAML_H
#define HP_SPEC_YAML_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define HP_YAML_MAX (4u << 20) /* bytes */
#define HP_YAML_DEPTH_MAX 64u
#define HP_YAML_VALUES_MAX (1u << 18)    /* aliases counted as what they stand for */
#define HP_YAML_EXPANDED_MAX (16u << 20) /* bytes of text, counted alike */
#define HP_YAML_ANCHORS_MAX 256u

struct hp_yaml_line {
  const json_t *value;
  size_t line; /* from 1 */
};

struct hp_yaml {
  json_t *documents;          /* an array; empty documents are left out */
  struct hp_yaml_line *lines; /* of each object */
  size_t line_count;
};

/* what names the bytes in messages. InvalidArgument; FailedPrecondition where
 * libyaml is not installed. */
int hp_yaml_load(const char *what, const char *data, size_t length, struct hp_yaml *yaml,
                 struct hp_error *err);
size_t hp_yaml_line(const struct hp_yaml *yaml, const json_t *object); /* 0: not known */
void hp_yaml_clear(struct hp_yaml *yaml);

/* A scalar's value: tag NULL where none is written, quoted for any style but
 * plain. NULL: it is not what its tag says, or JSON cannot hold it. *merge is set
 * for the key << . (yaml_scalar.c) */
json_t *hp_yaml_scalar(const char *text, size_t length, const char *tag, bool quoted, bool *merge);

#endif
