/* protobuf's own JSON (lowerCamelCase, 64-bit integers as strings) → the names of
 * the .proto, which crictl writes and the readers know. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/cri_read.h"

static char *camel_of(const char *name) {
  char *camel = hp_strdup(name), *out = camel;
  for (const char *in = name; *in; in++)
    *out++ = *in == '_' && in[1] ? (char)toupper((unsigned char)*++in) : *in;
  *out = 0;
  return camel;
}

static int take_name(const struct hp_json *object, const char *name, struct hp_error *err) {
  char *camel = camel_of(name);
  json_t *value = strcmp(camel, name) != 0 ? json_object_get(object->value, camel) : NULL;
  int result = 0;
  if (value && json_object_get(object->value, name)) {
    struct hp_json at = hp_json_at(object, name);
    char *path = hp_json_path(&at);
    result = hp_error_set(err, HP_INVALID_ARGUMENT, "%s is there twice, also as %s: leave one of them out",
                          path, camel);
    free(path);
  } else if (value) {
    json_object_set(object->value, name, value);
    json_object_del(object->value, camel);
  }
  free(camel);
  return result;
}

/* NULL: it is no number in a string, and is left to whoever reads it. */
static json_t *number_in(const json_t *value) {
  const char *text = json_string_value(value);
  char *end = NULL;
  errno = 0;
  long long number = text ? strtoll(text, &end, 10) : 0;
  return text && *text && !*end && errno == 0 ? json_integer(number) : NULL;
}

static void take_numbers(const struct hp_json *object, const char *name) {
  json_t *value = json_object_get(object->value, name), *number = number_in(value);
  if (number) { /* in the place of value, which it frees */
    json_object_set_new(object->value, name, number);
    return;
  }
  for (size_t i = 0; i < json_array_size(value); i++)
    json_array_set_new(value, i, number_in(json_array_get(value, i))); /* NULL: nothing is set */
}

static int take_field(const struct hp_json *object, const ProtobufCFieldDescriptor *field,
                      struct hp_error *err) {
  if (take_name(object, field->name, err) != 0)
    return -1;
  struct hp_json value = hp_json_at(object, field->name);
  if (field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64)
    take_numbers(object, field->name);
  if (field->type != PROTOBUF_C_TYPE_MESSAGE || hp_cri_is_map(field))
    return 0;
  if (field->label != PROTOBUF_C_LABEL_REPEATED)
    return hp_cri_take_names(&value, field->descriptor, err);
  for (size_t i = 0; i < hp_json_count(&value); i++) {
    struct hp_json item = hp_json_element(&value, i);
    if (hp_cri_take_names(&item, field->descriptor, err) != 0)
      return -1;
  }
  return 0;
}

int hp_cri_take_names(const struct hp_json *object, const ProtobufCMessageDescriptor *type,
                      struct hp_error *err) {
  for (unsigned i = 0; i < type->n_fields && json_is_object(object->value); i++)
    if (take_field(object, &type->fields[i], err) != 0)
      return -1;
  return 0;
}
