/* The annotations that say what a container is. */
#include <stdlib.h>
#include <string.h>

#include "spec/identifier.h"
#include "spec/read.h"
#include "spec/text.h"

static int read_bool(const struct hp_json *annotations, const char *key, enum hp_tristate *out,
                     struct hp_error *err) {
  struct hp_json at = hp_json_at(annotations, key);
  bool value;
  if (!at.value)
    return 0;
  if (!hp_text_bool(json_string_value(at.value), &value))
    return hp_json_refuse(&at, err, "\"true\" or \"false\"");
  *out = value ? HP_TRUE : HP_FALSE;
  return 0;
}

static int read_behavior(const struct hp_json *annotations, enum hp_mount_behavior *out,
                         struct hp_error *err) {
  struct hp_json at = hp_json_at(annotations, HP_ANNOTATION_MOUNT_BEHAVIOR);
  if (!at.value)
    return 0;
  if (strcmp(json_string_value(at.value), "bind") == 0)
    *out = HP_MOUNT_BIND;
  else if (strcmp(json_string_value(at.value), "symlink") == 0)
    *out = HP_MOUNT_SYMLINK;
  else
    return hp_json_refuse(&at, err, "\"bind\" or \"symlink\"");
  return 0;
}

static int read_role(const struct hp_json *annotations, struct hp_container_spec *out, struct hp_error *err) {
  struct hp_json type = hp_json_at(annotations, HP_ANNOTATION_CONTAINER_TYPE);
  struct hp_json sandbox = hp_json_at(annotations, HP_ANNOTATION_SANDBOX_ID);
  if (!type.value)
    return 0;
  if (strcmp(json_string_value(type.value), "sandbox") == 0) {
    out->role = HP_ROLE_SANDBOX;
    return 0;
  }
  if (strcmp(json_string_value(type.value), "container") != 0)
    return hp_json_refuse(&type, err, "\"sandbox\" or \"container\"");
  if (!sandbox.value)
    return hp_json_refuse(&sandbox, err, "the id of the sandbox that this container belongs to");
  if (hp_identifier_check("annotation " HP_ANNOTATION_SANDBOX_ID, json_string_value(sandbox.value), err) != 0)
    return -1;
  out->role = HP_ROLE_MEMBER;
  return hp_json_string(sandbox, &out->sandbox_id, err);
}

int hp_annotations_read(const struct hp_json *annotations, struct hp_container_spec *out,
                        struct hp_error *err) {
  if (hp_json_object(*annotations, err) != 0)
    return -1;
  const char *key;
  json_t *value;
  json_object_foreach(annotations->value, key, value) {
    struct hp_json at = {.parent = annotations, .key = key, .value = value};
    if (!json_is_string(value))
      return hp_json_refuse(&at, err, "a string");
  }
  if (read_role(annotations, out, err) != 0 ||
      read_bool(annotations, HP_ANNOTATION_HOSTPROCESS, &out->hostprocess, err) != 0 ||
      read_bool(annotations, HP_ANNOTATION_INHERIT_USER, &out->inherit_user, err) != 0 ||
      read_behavior(annotations, &out->mount_behavior, err) != 0)
    return -1;
  return hp_json_string(hp_json_at(annotations, HP_ANNOTATION_ROOTFS_LOCATION), &out->rootfs_location, err);
}
