/* protobuf → JSON by the names in protobuf-c's descriptors. */
#include <string.h>

#include "spec/cri_read.h"

static json_t *tree_of(const ProtobufCMessage *message, struct hp_error *err);

/* A field or an element by its address: the descriptor tells its type, which
 * memcpy reads as it is. */
static json_t *value_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                        const char *at, struct hp_error *err) {
  union {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    protobuf_c_boolean yes;
    const char *text;
    const void *inner; /* a ProtobufCMessage */
  } value;
  json_t *json = NULL;
  switch (field->type) {
  case PROTOBUF_C_TYPE_ENUM:
    memcpy(&value.i32, at, sizeof value.i32);
    return json_integer(value.i32);
  case PROTOBUF_C_TYPE_UINT32:
    memcpy(&value.u32, at, sizeof value.u32);
    return json_integer(value.u32);
  case PROTOBUF_C_TYPE_INT64:
    memcpy(&value.i64, at, sizeof value.i64);
    return json_integer(value.i64);
  case PROTOBUF_C_TYPE_UINT64: /* 2^64-1 as hp_json_uint64 takes it */
    memcpy(&value.u64, at, sizeof value.u64);
    return value.u64 > INT64_MAX ? json_real((double)value.u64) : json_integer((json_int_t)value.u64);
  case PROTOBUF_C_TYPE_BOOL:
    memcpy(&value.yes, at, sizeof value.yes);
    return json_boolean(value.yes);
  case PROTOBUF_C_TYPE_STRING:
    memcpy(&value.text, at, sizeof value.text);
    json = json_string(value.text);
    if (!json)
      hp_error_set(err, HP_INVALID_ARGUMENT, "%s.%s \"%.64s\" is not UTF-8", message->descriptor->name,
                   field->name, value.text);
    return json;
  case PROTOBUF_C_TYPE_MESSAGE:
    memcpy(&value.inner, at, sizeof value.inner);
    return tree_of(value.inner, err);
  default: /* the proto here has no others */
    hp_error_set(err, HP_INTERNAL, "%s.%s has a type that is not read", message->descriptor->name,
                 field->name);
    return NULL;
  }
}

static size_t element_size(const ProtobufCFieldDescriptor *field) {
  switch (field->type) {
  case PROTOBUF_C_TYPE_INT64:
  case PROTOBUF_C_TYPE_UINT64:
    return sizeof(int64_t);
  case PROTOBUF_C_TYPE_ENUM:
  case PROTOBUF_C_TYPE_UINT32:
    return sizeof(int32_t);
  case PROTOBUF_C_TYPE_BOOL:
    return sizeof(protobuf_c_boolean);
  default:
    return sizeof(void *);
  }
}

/* "AnnotationsEntry" say. */
bool hp_cri_is_map(const ProtobufCFieldDescriptor *field) {
  if (field->type != PROTOBUF_C_TYPE_MESSAGE)
    return false;
  const ProtobufCMessageDescriptor *type = field->descriptor;
  size_t length = strlen(type->short_name);
  return length > 5 && strcmp(type->short_name + length - 5, "Entry") == 0;
}

/* As in a map, the last entry of a key counts. */
static void put_entry(json_t *map, json_t *entry) {
  const char *key = json_string_value(json_object_get(entry, "key"));
  json_t *value = json_object_get(entry, "value");
  json_object_set_new(map, key ? key : "", value ? json_incref(value) : json_string(""));
  json_decref(entry);
}

static json_t *list_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       struct hp_error *err) {
  const char *items, *base = (const char *)message;
  size_t count;
  bool map = hp_cri_is_map(field);
  json_t *list = map ? json_object() : json_array();
  memcpy(&count, base + field->quantifier_offset, sizeof count);
  memcpy(&items, base + field->offset, sizeof items);
  for (size_t i = 0; i < count; i++) {
    json_t *item = value_of(message, field, items + i * element_size(field), err);
    if (!item) {
      json_decref(list);
      return NULL;
    }
    if (map)
      put_entry(list, item);
    else
      json_array_append_new(list, item);
  }
  return list;
}

static bool is_unset(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  const void *inner;
  memcpy(&inner, (const char *)message + field->offset, sizeof inner);
  return !inner;
}

static json_t *tree_of(const ProtobufCMessage *message, struct hp_error *err) {
  json_t *tree = json_object();
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    bool inner = field->type == PROTOBUF_C_TYPE_MESSAGE && !repeated;
    if (inner && is_unset(message, field))
      continue;
    json_t *value = repeated ? list_of(message, field, err)
                             : value_of(message, field, (const char *)message + field->offset, err);
    if (!value) {
      json_decref(tree);
      return NULL;
    }
    /* An empty message is there, a zero is not. */
    if (inner || hp_json_wanted(hp_json_root("", value)))
      json_object_set(tree, field->name, value);
    json_decref(value);
  }
  return tree;
}

json_t *hp_cri_tree(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t length,
                    struct hp_error *err) {
  if (length > HP_CRI_MAX) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s has %zu bytes: at most %u are read, make it smaller",
                 type->name, length, HP_CRI_MAX);
    return NULL;
  }
  ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, length, data);
  if (!message) {
    hp_error_set(err, HP_INVALID_ARGUMENT,
                 "%zu bytes do not decode as %s: send a packed message of that type", length, type->name);
    return NULL;
  }
  json_t *tree = tree_of(message, err);
  protobuf_c_message_free_unpacked(message, NULL);
  return tree;
}
