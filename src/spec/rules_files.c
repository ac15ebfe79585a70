/* The rules for places: where the volume is, what is mounted where. */
#include <stdlib.h>
#include <string.h>

#include "spec/allow.h"
#include "spec/location.h"
#include "spec/rule.h"
#include "spec/text.h"

#define PATH_LENGTH_MAX 4095

int hp_rule_rootfs_location(const struct hp_rule_subject *subject, struct hp_error *err) {
  const char *location = subject->spec->rootfs_location;
  if (!location || hp_location_is_valid(subject->os, location))
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "annotation " HP_ANNOTATION_ROOTFS_LOCATION " \"%.256s\" is not valid: it must be an "
                      "absolute path below the root such as %s, of at most %d bytes, without \"..\"",
                      location, subject->os == HP_OS_LINUX ? "/hpc" : "C:\\hpc", HP_LOCATION_MAX);
}

int hp_rule_policy_location(const struct hp_rule_subject *subject, struct hp_error *err) {
  const char *location = subject->spec->rootfs_location;
  if (!location || !hp_location_is_valid(subject->os, location))
    return 0; /* the default, or another rule's */
  return hp_allow_location(subject->os, subject->policy, location, err);
}

int hp_rule_cgroups_path(const struct hp_rule_subject *subject, struct hp_error *err) {
  const char *path = subject->spec->cgroups_path;
  if (!path || (!hp_text_climbs(path, "/:") && !hp_text_has_control(path) && strlen(path) <= PATH_LENGTH_MAX))
    return 0;
  return hp_error_set(
      err, HP_INVALID_ARGUMENT,
      "linux.cgroupsPath \"%.256s\" is not valid: it must be a path, or slice:prefix:name, of "
      "at most %d bytes without \"..\" and control characters",
      path, PATH_LENGTH_MAX);
}

int hp_rule_mount_destination(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->mount_count; i++)
    if (!subject->spec->mounts[i].destination || !subject->spec->mounts[i].destination[0])
      return hp_error_set(err, HP_INVALID_ARGUMENT, "mounts[%zu].destination is empty: set mountPath", i);
  return 0;
}

/* These make their own content, their source is a mere label. */
static bool needs_source(const char *type) {
  static const char *const pseudo[] = {"proc",   "sysfs",  "tmpfs",   "devpts",
                                       "mqueue", "cgroup", "cgroup2", "devtmpfs"};
  for (size_t i = 0; type && i < sizeof pseudo / sizeof pseudo[0]; i++)
    if (strcmp(type, pseudo[i]) == 0)
      return false;
  return true;
}

int hp_rule_mount_source(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->mount_count; i++) {
    const struct hp_mount *mount = &subject->spec->mounts[i];
    if ((!mount->source || !mount->source[0]) && needs_source(mount->type))
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "mounts[%zu].source is empty (destination \"%s\"): name the file or directory of "
                          "the host to mount",
                          i, mount->destination ? mount->destination : "");
  }
  return 0;
}

static bool is_pipe(const char *source) {
  char *path = hp_strdup(source);
  for (char *c = path; *c; c++)
    if (*c == '/')
      *c = '\\';
  bool pipe = hp_text_starts(path, "\\\\.\\pipe\\") || hp_text_starts(path, "\\\\?\\pipe\\");
  free(path);
  return pipe;
}

int hp_rule_mount_pipe(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->mount_count; i++) {
    const char *source = subject->spec->mounts[i].source;
    if (source && is_pipe(source))
      return hp_error_set(
          err, HP_INVALID_ARGUMENT,
          "mounts[%zu].source \"%s\" is a named pipe, which cannot be mounted: remove the mount "
          "and reach it by its host path instead",
          i, source);
  }
  return 0;
}

static bool is_mount_path(const char *path) {
  return path[0] == '/' && !hp_text_climbs(path, "/") && strlen(path) <= PATH_LENGTH_MAX;
}

int hp_rule_mount_path(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->mount_count; i++) {
    const char *destination = subject->spec->mounts[i].destination;
    if (destination && destination[0] && !is_mount_path(destination))
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "mounts[%zu].destination \"%.256s\" is not valid: it must be an absolute path of "
                          "at most %d bytes without \"..\"",
                          i, destination, PATH_LENGTH_MAX);
  }
  return 0;
}
