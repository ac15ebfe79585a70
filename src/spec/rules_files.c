/* The rules for places: where the volume is, what is mounted where. */
#include <stdlib.h>
#include <string.h>

#include "spec/allow.h"
#include "spec/location.h"
#include "spec/place.h"
#include "spec/rule.h"
#include "spec/text.h"

#define PATH_LENGTH_MAX 4095
#define NAMES_MAX 8192

int hp_rule_rootfs_location(const struct hp_rule_subject *subject, struct hp_error *err) {
  const char *location = subject->spec->rootfs_location;
  if (!location)
    return 0;
  if (hp_location_is_valid(subject->os, location)) {
    char *place = hp_place(subject->os, location, "annotation " HP_ANNOTATION_ROOTFS_LOCATION, err);
    free(place);
    return place ? 0 : -1;
  }
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

/* What a mount's two ends are called in what was read. */
static const struct {
  const char *list, *source, *destination;
} mount_fields[] = {
    [HP_SOURCE_OCI] = {"mounts", ".source", ".destination"},
    [HP_SOURCE_CRI] = {"mounts", ".host_path", ".container_path"},
    [HP_SOURCE_MANIFEST] = {"volumeMounts", "'s hostPath", ".mountPath"},
};

const char *hp_rule_mounts(const struct hp_rule_subject *subject) {
  return mount_fields[subject->spec->source].list;
}

char *hp_rule_destination(const struct hp_rule_subject *subject, size_t i) {
  return hp_printf("%s[%zu]%s", hp_rule_mounts(subject), i, mount_fields[subject->spec->source].destination);
}

int hp_rule_mount_destination(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->mount_count; i++)
    if (!subject->spec->mounts[i].destination || !subject->spec->mounts[i].destination[0])
      return hp_error_set(err, HP_INVALID_ARGUMENT, "%s[%zu]%s is empty: set mountPath",
                          mount_fields[subject->spec->source].list, i,
                          mount_fields[subject->spec->source].destination);
  return 0;
}

/* These make their own content, their source is a mere label. */
static bool needs_source(const char *type) {
  return !type || !hp_text_is_among(type, "proc\0sysfs\0tmpfs\0devpts\0mqueue\0cgroup\0cgroup2\0devtmpfs\0");
}

int hp_rule_mount_source(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->mount_count; i++) {
    const struct hp_mount *mount = &subject->spec->mounts[i];
    if ((!mount->source || !mount->source[0]) && needs_source(mount->type))
      return hp_error_set(
          err, HP_INVALID_ARGUMENT,
          "%s[%zu]%s is empty (destination \"%s\"): name the file or directory of the host to "
          "mount",
          mount_fields[subject->spec->source].list, i, mount_fields[subject->spec->source].source,
          mount->destination ? mount->destination : "");
  }
  return 0;
}

static int refuse_source(const struct hp_rule_subject *subject, size_t i, const char *what,
                         struct hp_error *err) {
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "%s[%zu]%s \"%s\" is %s, which cannot be mounted: remove the mount and reach it by its "
                      "host path instead",
                      mount_fields[subject->spec->source].list, i, mount_fields[subject->spec->source].source,
                      subject->spec->mounts[i].source, what);
}

int hp_rule_mount_pipe(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->mount_count; i++) {
    const char *source = subject->spec->mounts[i].source,
               *what = source ? hp_place_device(subject->os, source) : NULL;
    if (what)
      return refuse_source(subject, i, what, err);
  }
  return 0;
}

int hp_rule_mount_socket(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->mount_count; i++)
    if (subject->spec->mounts[i].socket)
      return refuse_source(subject, i, "a Unix socket", err);
  return 0;
}

static bool is_mount_path(const char *path) {
  return path[0] == '/' && !hp_text_climbs(path, "/") && strlen(path) <= PATH_LENGTH_MAX;
}

/* Each directory on the way to a place may have to be made, and is counted then for
 * all containers of the node, one after another. */
int hp_rule_mount_depth(const struct hp_rule_subject *subject, struct hp_error *err) {
  size_t names = 0;
  for (size_t i = 0; i < subject->spec->mount_count; i++) {
    const char *destination = subject->spec->mounts[i].destination;
    for (const char *c = destination; c && *c; c++)
      names += *c == '/' || (*c == '\\' && subject->os == HP_OS_WINDOWS);
    if (names <= NAMES_MAX && (!destination || strlen(destination) <= PATH_LENGTH_MAX))
      continue;
    char *field = hp_rule_destination(subject, i);
    hp_error_set(err, HP_INVALID_ARGUMENT,
                 "%s \"%.256s\" is too deep: a place has at most %d bytes and those of all mounts %d names, "
                 "mount fewer, or nearer to the root",
                 field, destination, PATH_LENGTH_MAX, NAMES_MAX);
    free(field);
    return -1;
  }
  return 0;
}

int hp_rule_mount_path(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->mount_count; i++) {
    const char *destination = subject->spec->mounts[i].destination;
    if (destination && destination[0] && !is_mount_path(destination))
      return hp_error_set(
          err, HP_INVALID_ARGUMENT,
          "%s[%zu]%s \"%.256s\" is not valid: it must be an absolute path of at most %d bytes "
          "without \"..\"",
          mount_fields[subject->spec->source].list, i, mount_fields[subject->spec->source].destination,
          destination, PATH_LENGTH_MAX);
  }
  return 0;
}
