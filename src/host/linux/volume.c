/* The container volume and the volume mounts. Records:
 *   {"kind": "mount-points", "owner", "points": [{"path", "type"}…]}
 *     what the mounts need on the host and the host lacks (mount_point.h);
 *   {"kind": "namespace"}
 *     bind: the private mount namespace with everything in it. It ends with the
 *     last process in it and our descriptor: nothing is left to release;
 *   {"kind": "volume", "owner", "path"}
 *     symlink: the volume in the host's own namespace. Unmounting it takes the
 *     mounts below it along, so that no path inside is ever walked for that. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/ledger.h"
#include "host/linux/container.h"
#include "host/linux/mount_point.h"
#include "host/linux/private_namespace.h"
#include "host/linux/volume_mounts.h"
#include "host/linux/volume_rootfs.h"
#include "host/owner.h"

/* Everything that plan judges and make makes. */
struct volume {
  struct hp_host_path place; /* of the volume; resolved */
  struct hp_rootfs rootfs;
  struct hp_volume_mounts mounts;
};

static bool at_base(const struct host_container_request *request) {
  return !request->spec->rootfs_location;
}

static void volume_clear(struct volume *volume) {
  hp_host_path_clear(&volume->place);
  hp_rootfs_clear(&volume->rootfs);
  hp_volume_mounts_clear(&volume->mounts);
}

/* The volume's path as the container sees it. */
static int name_volume(struct host_container *container, const struct host_container_request *request,
                       struct hp_error *err) {
  const char *location = request->spec->rootfs_location;
  if (location && location[0] != '/')
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "the annotation " HP_ANNOTATION_ROOTFS_LOCATION " \"%s\" is not an absolute path",
                        location);
  if (strchr(request->id, '/') || request->id[0] == '.' || !*request->id)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "the container id \"%s\" cannot name a directory",
                        request->id);
  char *base = location ? hp_walk_clean(location) : hp_strdup(HP_VOLUME_BASE);
  if (strcmp(base, "/") == 0) {
    free(base);
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "the annotation " HP_ANNOTATION_ROOTFS_LOCATION
                        " is the host's root, which cannot be mounted over; name a directory of its own");
  }
  free(container->volume);
  container->volume = container->bind ? hp_strdup(base) : hp_printf("%s/%s", base, request->id);
  free(base);
  return 0;
}

static int place_volume(const struct host_container *container, const struct host_container_request *request,
                        struct hp_host_path *place, struct hp_error *err) {
  if (at_base(request) && hp_mount_point_base(false, err) != 0)
    return -1;
  if (hp_walk_host(container->volume, NULL, 0, place, err) != 0 || hp_mount_point_check(place, err) != 0)
    return hp_error_wrap(err, "the container volume's place");
  if (place->exists && !S_ISDIR(place->mode))
    return hp_error_set(err, HP_FAILED_PRECONDITION, "the container volume's place \"%s\" is not a directory",
                        container->volume);
  return 0;
}

static int volume_judge(struct host_container *container, const struct host_container_request *request,
                        struct volume *volume, struct hp_error *err) {
  *volume = (struct volume){.place = {.inside = HP_WALK_NO_STOP}};
  container->bind = request->verdict->behavior != HP_MOUNT_SYMLINK;
  if (name_volume(container, request, err) == 0 &&
      place_volume(container, request, &volume->place, err) == 0 &&
      (!request->bundle || hp_rootfs_list(request, &volume->rootfs, err) == 0) &&
      hp_volume_mounts_list(request->spec, container->bind, volume->place.path, &volume->mounts, err) == 0)
    return 0;
  volume_clear(volume);
  return -1;
}

int hp_volume_check(const struct host_container_request *request, struct hp_error *err) {
  struct host_container container = {.mount_namespace = -1};
  struct volume volume;
  int result = volume_judge(&container, request, &volume, err);
  if (result == 0)
    volume_clear(&volume);
  hp_volume_clear(&container);
  return result;
}

/* ---- plan ---------------------------------------------------------------------------- */

static void add_point(json_t *points, const struct hp_host_path *where, enum hp_mount_point_type type,
                      const json_t *claims) {
  if (type == HP_MOUNT_POINT_VOLUME || hp_mount_point_needed(where, claims))
    json_array_append_new(points, hp_mount_point_describe(where->path, type));
}

static json_t *collect_points(const struct host_container *container,
                              const struct host_container_request *request, const struct volume *volume,
                              const json_t *claims) {
  json_t *points = json_array();
  if (!container->bind)
    add_point(points, &volume->place, HP_MOUNT_POINT_VOLUME, claims);
  else if (!at_base(request))
    add_point(points, &volume->place, HP_MOUNT_POINT_DIRECTORY, claims);
  for (size_t i = 0; i < volume->mounts.count; i++) {
    const struct hp_volume_mount *mount = &volume->mounts.items[i];
    if (mount->place == HP_PLACE_HOST)
      add_point(points, &mount->where, mount->directory ? HP_MOUNT_POINT_DIRECTORY : HP_MOUNT_POINT_FILE,
                claims);
  }
  return points;
}

int hp_volume_plan(struct host_container *container, const struct host_container_request *request,
                   json_t *records, struct hp_error *err) {
  struct volume volume;
  json_t *claims = NULL, *owner = NULL, *points = NULL;
  int result = -1;
  if (volume_judge(container, request, &volume, err) != 0)
    return -1;
  if (hp_ledger_read(&claims, err) != 0 ||
      hp_ledger_owner(request->namespace_name, request->id, request->bundle, &owner, err) != 0)
    goto done;
  points = collect_points(container, request, &volume, claims);
  if (json_array_size(points) > 0)
    json_array_append_new(
        records, json_pack("{s:s, s:O, s:O}", "kind", "mount-points", "owner", owner, "points", points));
  if (container->bind)
    json_array_append_new(records, json_pack("{s:s}", "kind", "namespace"));
  else
    json_array_append_new(
        records, json_pack("{s:s, s:O, s:s}", "kind", "volume", "owner", owner, "path", volume.place.path));
  result = 0;

done:
  json_decref(points);
  json_decref(owner);
  json_decref(claims);
  volume_clear(&volume);
  return result;
}

/* ---- make ---------------------------------------------------------------------------- */

/* Mounts all of it in the namespace the thread is in. */
static int mount_volume(const struct host_container_request *request, struct volume *volume,
                        struct hp_error *err) {
  const char *path = volume->place.path;
  if (hp_rootfs_mount(&volume->rootfs, path, err) != 0 ||
      hp_volume_mounts_attach(&volume->mounts, path, err) != 0)
    return -1;
  if (!request->spec->root_read_only)
    return 0;
  int root = hp_walk_open_resolved(path, O_PATH | O_DIRECTORY);
  if (root < 0)
    return hp_error_set_os(err, errno, "cannot open the container volume \"%s\"", path);
  int result = hp_mount_read_only(root, err);
  close(root);
  return result;
}

static int make_namespace(struct host_container *container, struct volume *volume, struct hp_error *err) {
  int saved;
  if (hp_private_namespace_enter(&saved, err) != 0)
    return -1;
  int result = mount_volume(container->request, volume, err);
  if (result == 0) {
    container->mount_namespace = hp_private_namespace_keep(err);
    result = container->mount_namespace >= 0 ? 0 : -1;
  }
  hp_private_namespace_leave(saved);
  return result;
}

static int make_volume(struct host_container *container, struct hp_error *err) {
  const struct host_container_request *request = container->request;
  struct volume volume;
  if (at_base(request) && hp_mount_point_base(true, err) != 0)
    return -1;
  /* Judged again: the mount points are there now, and time has passed. */
  if (volume_judge(container, request, &volume, err) != 0)
    return -1;
  int result = -1;
  if (hp_thread_own_fs(err) == 0 && hp_rootfs_open(&volume.rootfs, err) == 0 &&
      hp_volume_mounts_open(&volume.mounts, err) == 0)
    result = container->bind ? make_namespace(container, &volume, err) : mount_volume(request, &volume, err);
  volume_clear(&volume);
  return result;
}

static bool is_kind(const json_t *record, const char *kind) {
  const char *name = json_string_value(json_object_get(record, "kind"));
  return name && strcmp(name, kind) == 0;
}

int hp_volume_make(struct host_container *container, const json_t *record, bool *known,
                   struct hp_error *err) {
  bool points = is_kind(record, "mount-points");
  *known = points || is_kind(record, "namespace") || is_kind(record, "volume");
  if (!*known)
    return 0;
  if (!points)
    return make_volume(container, err);
  /* /hpc first, which stays, so that it is nobody's to claim. */
  if (at_base(container->request) && hp_mount_point_base(true, err) != 0)
    return -1;
  return hp_mount_points_make(json_object_get(record, "owner"), json_object_get(record, "points"), err);
}

/* ---- release --------------------------------------------------------------------------- */

int hp_volume_release(const json_t *record, bool *known, struct hp_error *err) {
  *known = is_kind(record, "namespace");
  if (*known)
    return 0;
  *known = is_kind(record, "mount-points") || is_kind(record, "volume");
  if (!*known)
    return 0;
  const json_t *owner = json_object_get(record, "owner");
  const char *path = json_string_value(json_object_get(record, "path"));
  if (is_kind(record, "volume") && json_is_true(json_object_get(record, "stray")) && path &&
      strncmp(path, HP_VOLUME_BASE "/", sizeof HP_VOLUME_BASE) == 0)
    return hp_mount_point_reclaim(path, err);
  if (!json_is_object(owner)) /* it would match everybody's claims */
    return hp_error_set(err, HP_INTERNAL, "the record of a volume or mount point names no owner");
  if (is_kind(record, "mount-points"))
    return hp_mount_points_release(owner, err);
  if (!path || path[0] != '/')
    return hp_error_set(err, HP_INTERNAL, "the record of a container volume has no absolute path");
  return hp_mount_point_unmount(owner, path, err);
}

int hp_volume_release_owner(const json_t *owner, struct hp_error *err) {
  return hp_mount_points_release(owner, err);
}

void hp_volume_clear(struct host_container *container) {
  if (container->mount_namespace >= 0)
    close(container->mount_namespace);
  container->mount_namespace = -1;
  free(container->volume);
  container->volume = NULL;
}
