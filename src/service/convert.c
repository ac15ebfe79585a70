#include "service/convert.h"

#include <stdlib.h>
#include <string.h>

char *hp_convert_borrow(const char *text) {
  return text ? (char *)text : (char *)protobuf_c_empty_string;
}

Google__Protobuf__Timestamp *hp_convert_time(struct hp_time time, Google__Protobuf__Timestamp *message) {
  if (time.seconds == 0 && time.nanos == 0)
    return NULL;
  google__protobuf__timestamp__init(message);
  message->seconds = time.seconds;
  message->nanos = time.nanos;
  return message;
}

int hp_convert_rootfs(Containerd__Types__Mount *const *messages, size_t count,
                      struct host_rootfs_mount **mounts, struct hp_error *err) {
  *mounts = NULL;
  if (count > HP_ROOTFS_MOUNTS_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "rootfs has %zu mounts, at most %d are taken", count,
                        HP_ROOTFS_MOUNTS_MAX);
  if (count == 0)
    return 0;
  *mounts = hp_alloc(count * sizeof **mounts);
  for (size_t i = 0; i < count; i++) {
    const Containerd__Types__Mount *message = messages[i];
    struct host_rootfs_mount *mount = &(*mounts)[i];
    mount->type = message->type;
    mount->source = message->source;
    mount->target = message->target;
    for (size_t option = 0; option < message->n_options; option++)
      hp_strings_add(&mount->options, message->options[option]);
  }
  return 0;
}

void hp_convert_rootfs_free(struct host_rootfs_mount *mounts, size_t count) {
  for (size_t i = 0; mounts && i < count; i++)
    hp_strings_clear(&mounts[i].options);
  free(mounts);
}

int hp_convert_check_type(const char *field, const Google__Protobuf__Any *any, const char *type_url,
                          struct hp_error *err) {
  if (!any)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "%s is missing: send JSON of type %s", field, type_url);
  if (strcmp(any->type_url, type_url) != 0)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "%s is of type \"%.200s\": send JSON of type %s", field,
                        any->type_url, type_url);
  return 0;
}
