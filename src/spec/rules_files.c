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

/* Past the separators of a path and its first name, whose length without the dots and
 * spaces at its end, which Windows drops, is *length. */
static const char *take_name(const char *path, const char **name, size_t *length) {
  *name = path + strspn(path, "/\\");
  const char *end = *name + strcspn(*name, "/\\");
  for (*length = (size_t)(end - *name); *length > 0 && strchr(". ", (*name)[*length - 1]);)
    --*length;
  return end;
}

static bool is_next(const char *path, const char *wanted) {
  const char *name;
  size_t length;
  take_name(path, &name, &length);
  return length == strlen(wanted) && hp_text_starts(name, wanted);
}

/* Below the device prefix a drive or a volume needs a separator behind it: without, it
 * is the device itself. */
static bool is_disk(const char *path) {
  const char *name, *end;
  size_t length;
  end = take_name(path, &name, &length);
  return *end && ((hp_place_has_drive(name) && length == 2) ||
                  (hp_text_starts(name, "Volume{") && name[length - 1] == '}'));
}

/* As \\.\pipe\x, and as a share of a machine, which may be this one:
 * \\localhost\pipe\x. What is neither on a disk nor on a share is a device: a pipe by
 * another name, for one; ".." leads from a disk to the devices. NULL: none of these. */
static const char *pipe_or_device(enum hp_os os, const char *source) {
  const char *rest = source + 2, *name;
  size_t length;
  if (strspn(source, os == HP_OS_LINUX ? "\\" : "/\\") < 2)
    return NULL;
  if (hp_text_climbs(source, "/\\"))
    return "a device path";
  if ((*rest == '.' || *rest == '?') && (rest[1] == '/' || rest[1] == '\\')) {
    if (is_next(rest + 1, "pipe"))
      return "a named pipe";
    if (is_disk(rest + 1))
      return NULL;
    if (!is_next(rest + 1, "UNC"))
      return "a device path";
    rest = take_name(rest + 1, &name, &length);
  }
  rest = take_name(rest, &name, &length); /* the server */
  return is_next(rest, "pipe") || is_next(rest, "IPC$") ? "a named pipe" : NULL;
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
               *what = source ? pipe_or_device(subject->os, source) : NULL;
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
