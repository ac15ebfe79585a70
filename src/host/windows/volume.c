/* The container volume and the volume mounts. Records, in this order:
 *   {"kind": "layers", "owner", "scratch"}
 *     the image's layers as a volume, known to the container only;
 *   {"kind": "mount-points", "owner", "points": [{"path", "type"}…]}
 *     the directories that the rest needs on the host (mount_point.h);
 *   {"kind": "bindings"}
 *     bind: the job is a silo, and volume and mounts appear in it. They end with
 *     the job: nothing is left to release;
 *   {"kind": "volume", "owner", "path"}
 *     symlink: the volume's place becomes a mount point of the volume, or a link
 *     to the plain directory;
 *   {"kind": "links", "owner", "root", "links": [{"path", "target"}…]}
 *     symlink: links below the volume to what is mounted. With layers there is no
 *     root: they go with the scratch. Layers and links are claims too (held.h). */
#include "host/windows/volume.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "host/ledger.h"
#include "host/owner.h"
#include "host/windows/container.h"
#include "host/windows/file_trust.h"
#include "host/windows/held.h"
#include "host/windows/links.h"
#include "host/windows/mount_point.h"
#include "host/windows/private_directory.h"
#include "host/windows/silo.h"
#include "host/windows/text.h"
#include "host/windows/volume_mounts.h"
#include "host/windows/volume_rootfs.h"
#include "host/windows/walk.h"
#include "host/windows/wide_path.h"

#define BASE_WHAT "the container volumes' place"

/* Everything that plan judges and make makes. */
struct volume {
  bool bind;
  wchar_t *base, *place; /* C:\hpc, and where the volume appears */
  struct hp_rootfs rootfs;
  struct hp_volume_mounts mounts;
};

static void volume_clear(struct volume *volume) {
  free(volume->base);
  free(volume->place);
  hp_rootfs_clear(&volume->rootfs);
  hp_volume_mounts_clear(&volume->mounts);
}

static wchar_t *copy(const wchar_t *text) {
  wchar_t *result = hp_alloc((wcslen(text) + 1) * sizeof *text);
  return wcscpy(result, text);
}

/* ---- judging -------------------------------------------------------------------- */

static int refuse_bind(const struct host_container_request *request, struct hp_error *err) {
  if (request->spec->mount_behavior == HP_MOUNT_BIND)
    return hp_error_wrap(err, "annotation " HP_ANNOTATION_MOUNT_BEHAVIOR
                              " is \"bind\", which this host cannot do: set it to \"symlink\"");
  char *rule = hp_policy_cite(request->policy, HP_POLICY_MOUNT_BEHAVIOR);
  hp_error_wrap(err, "%s is \"bind\", which this host cannot do: set it to \"symlink\" or leave it out",
                rule);
  free(rule);
  return -1;
}

static int choose_behavior(const struct host_container_request *request, bool *bind, struct hp_error *err) {
  enum hp_mount_behavior wanted = request->verdict->behavior;
  *bind = false;
  if (wanted == HP_MOUNT_SYMLINK)
    return 0;
  if (hp_silo_probe(err) == 0) {
    *bind = true;
    return 0;
  }
  if (wanted == HP_MOUNT_BIND)
    return refuse_bind(request, err);
  hp_log(HP_LOG_DEBUG, request->id, "mount behavior symlink, since this host cannot bind: %s", err->message);
  hp_error_clear(err);
  return 0;
}

static int name_volume(const struct host_container_request *request, struct volume *volume,
                       struct hp_error *err) {
  const char *location = request->spec->rootfs_location;
  volume->base = location ? hp_path_place(location, L'C', "annotation " HP_ANNOTATION_ROOTFS_LOCATION, err)
                          : copy(HP_VOLUME_BASE);
  if (!volume->base)
    return -1;
  if (!*hp_path_below_drive(volume->base))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "annotation " HP_ANNOTATION_ROOTFS_LOCATION
                        " \"%s\" is the root of a drive: name a directory below it",
                        location);
  wchar_t *id = hp_wide(request->id);
  volume->place = volume->bind ? copy(volume->base) : hp_path_join(volume->base, id);
  free(id);
  return 0;
}

static bool at_base(const struct volume *volume) {
  return _wcsicmp(volume->base, HP_VOLUME_BASE) == 0;
}

static int check_base(const struct volume *volume, struct hp_error *err) {
  if (hp_mount_point_check(volume->place, err) != 0)
    return hp_error_wrap(err, "the container volume's place");
  /* Whoever owns the place, or can exchange a directory above it, can exchange what
   * the container runs, unless it is seen in the container's silo alone. C:\hpc is
   * made tight with the first volume. */
  if (at_base(volume))
    return hp_private_directory_check(volume->base, BASE_WHAT, err);
  if (volume->bind)
    return 0;
  if (hp_private_directory_check(volume->base, BASE_WHAT, err) != 0)
    return -1;
  return hp_directories_distrust(volume->base, err) == 0
             ? 0
             : hp_error_wrap(err, "annotation " HP_ANNOTATION_ROOTFS_LOCATION);
}

static int volume_judge(const struct host_container_request *request, struct volume *volume,
                        struct hp_error *err) {
  *volume = (struct volume){0};
  if (choose_behavior(request, &volume->bind, err) == 0 && name_volume(request, volume, err) == 0 &&
      check_base(volume, err) == 0 &&
      (!request->bundle || hp_rootfs_judge(request, &volume->rootfs, err) == 0) &&
      hp_volume_mounts_list(request->spec, volume->place, volume->bind, &volume->mounts, err) == 0)
    return 0;
  volume_clear(volume);
  return -1;
}

int hp_volume_check(const struct host_container_request *request, struct hp_error *err) {
  struct volume volume;
  if (volume_judge(request, &volume, err) != 0)
    return -1;
  volume_clear(&volume);
  return 0;
}

/* ---- plan ------------------------------------------------------------------------- */

static void add_directory(json_t *points, wchar_t *path) {
  if (path && *hp_path_below_drive(path))
    json_array_append_new(points, hp_mount_point_describe(path, HP_MOUNT_POINT_DIRECTORY));
  free(path);
}

/* What must be there on the host: a binding appears in a directory that exists. */
static json_t *list_points(const struct volume *volume) {
  json_t *points = json_array();
  if (!volume->bind) {
    json_array_append_new(points, hp_mount_point_describe(volume->place, HP_MOUNT_POINT_VOLUME));
    return points;
  }
  add_directory(points, hp_path_parent(volume->place));
  for (size_t i = 0; i < volume->mounts.count; i++) {
    const struct hp_volume_mount *mount = &volume->mounts.items[i];
    wchar_t *inside = hp_path_join(volume->place, mount->inside);
    add_directory(points, hp_path_parent(inside));
    free(inside);
    if (!mount->in_volume)
      add_directory(points, hp_path_parent(mount->destination));
  }
  return points;
}

static json_t *list_links(const struct volume *volume) {
  json_t *links = json_array();
  for (size_t i = 0; i < volume->mounts.count; i++) {
    char *path = hp_narrow(volume->mounts.items[i].inside),
         *target = hp_narrow(volume->mounts.items[i].source);
    json_array_append_new(links, json_pack("{s:s, s:s}", "path", path, "target", target));
    free(path);
    free(target);
  }
  return links;
}

static json_t *links_record(const struct volume *volume, const json_t *owner) {
  json_t *record = json_pack("{s:s, s:O, s:o}", "kind", "links", "owner", owner, "links", list_links(volume));
  if (volume->rootfs.directory) {
    char *root = hp_narrow(volume->rootfs.directory);
    json_object_set_new(record, "root", json_string(root));
    free(root);
  }
  return record;
}

static void add_records(const struct volume *volume, const json_t *owner, json_t *records) {
  if (volume->rootfs.layers.scratch) {
    char *scratch = hp_narrow(volume->rootfs.layers.scratch);
    json_array_append_new(records,
                          json_pack("{s:s, s:O, s:s}", "kind", "layers", "owner", owner, "scratch", scratch));
    free(scratch);
  }
  json_array_append_new(records, json_pack("{s:s, s:O, s:o}", "kind", "mount-points", "owner", owner,
                                           "points", list_points(volume)));
  if (volume->bind) {
    json_array_append_new(records, json_pack("{s:s}", "kind", "bindings"));
    return;
  }
  char *place = hp_narrow(volume->place);
  json_array_append_new(records,
                        json_pack("{s:s, s:O, s:s}", "kind", "volume", "owner", owner, "path", place));
  free(place);
  if (volume->mounts.count > 0)
    json_array_append_new(records, links_record(volume, owner));
}

static void warn_read_only(const struct host_container_request *request, const struct volume *volume) {
  bool any = request->spec->root_read_only || volume->rootfs.read_only;
  for (size_t i = 0; i < volume->mounts.count; i++)
    any |= volume->mounts.items[i].read_only;
  if (any && !volume->bind)
    hp_log(HP_LOG_WARNING, request->id,
           "read-only mounts are writable in this container: mount behavior symlink cannot enforce them");
}

static void set_volume(struct host_container *container, const wchar_t *path) {
  wchar_t *volume = copy(path); /* path may be the volume itself */
  free(container->volume);
  free(container->volume_utf8);
  container->volume = volume;
  container->volume_utf8 = hp_narrow(volume);
}

int hp_volume_plan(struct host_container *container, const struct host_container_request *request,
                   json_t *records, struct hp_error *err) {
  struct volume volume;
  json_t *owner;
  if (volume_judge(request, &volume, err) != 0)
    return -1;
  int result = hp_ledger_owner(request->namespace_name, request->id, request->bundle, &owner, err);
  if (result == 0) {
    add_records(&volume, owner, records);
    warn_read_only(request, &volume);
    set_volume(container, volume.place);
    if (volume.rootfs.directory) {
      free(container->source);
      container->source = copy(volume.rootfs.directory);
    }
    json_decref(owner);
  }
  volume_clear(&volume);
  return result;
}

/* ---- make ---------------------------------------------------------------------------- */

static int make_layers(struct host_container *container, const struct volume *volume, struct hp_error *err) {
  const struct hp_number *size = &container->request->spec->limits.storage_size;
  if (!volume->rootfs.layers.scratch)
    return hp_error_set(err, HP_ABORTED, "the layers were exchanged while the container was made");
  free(container->source);
  container->source = NULL;
  return hp_layers_mount(&volume->rootfs.layers, size->set && size->value > 0 ? (uint64_t)size->value : 0,
                         &container->source, err);
}

static int make_points(const json_t *record, const struct volume *volume, struct hp_error *err) {
  /* C:\hpc itself first, which stays, so that it is nobody's to claim. */
  if (at_base(volume) && hp_private_directory_make(volume->base, BASE_WHAT, err) != 0)
    return -1;
  return hp_mount_points_make(json_object_get(record, "owner"), json_object_get(record, "points"), err);
}

static int make_bindings(struct host_container *container, const struct volume *volume,
                         struct hp_error *err) {
  HANDLE root = NULL;
  if (!volume->bind || !container->job)
    return hp_error_set(err, HP_INTERNAL, "bindings are to be made without a job");
  if (hp_silo_make(container->job, err) != 0)
    return -1;
  container->silo = true;
  if (hp_walk_open_root(container->source, &root, err) != 0)
    return hp_error_wrap(err, "the container volume's content");
  int result = hp_silo_bind(container->job, volume->place, container->source,
                            container->request->spec->root_read_only || volume->rootfs.read_only, err);
  if (result == 0)
    result = hp_volume_mounts_bind(&volume->mounts, container->job, volume->place, root, err);
  CloseHandle(root);
  return result;
}

static int mount_volume(const wchar_t *place, const wchar_t *volume, struct hp_error *err) {
  wchar_t *point = hp_path_join(place, L""), *name = hp_path_join(volume, L"");
  BOOL mounted = SetVolumeMountPointW(point, name);
  DWORD os_code = GetLastError();
  free(point);
  free(name);
  return mounted ? 0 : hp_error_set_os(err, (int)os_code, "SetVolumeMountPointW of the container volume");
}

static int link_volume(const struct volume *volume, struct hp_error *err) {
  HANDLE parent = NULL;
  wchar_t *directory = hp_path_parent(volume->place);
  int result = hp_walk_open_root(directory, &parent, err);
  if (result == 0) {
    result = hp_link_make(parent, wcsrchr(volume->place, L'\\') + 1, volume->rootfs.directory, true, err);
    CloseHandle(parent);
  }
  free(directory);
  return result;
}

/* Where links do not exist at all (Wine), a container that mounts nothing needs
 * none: it gets the directory by its own name. */
static int make_volume(struct host_container *container, const struct volume *volume, struct hp_error *err) {
  if (!volume->rootfs.directory)
    return mount_volume(volume->place, container->source, err);
  if (link_volume(volume, err) == 0)
    return 0;
  if (err->os_code != ERROR_NOT_SUPPORTED || container->request->verdict->behavior != HP_MOUNT_UNSET ||
      volume->mounts.count > 0)
    return hp_error_wrap(err, "the container volume");
  char *source = hp_narrow(container->source);
  hp_log(HP_LOG_WARNING, container->id,
         "this host has neither the bind filter nor links (%s): the container volume is \"%s\" itself, and "
         "not \"%s\"",
         err->message, source, container->volume_utf8);
  free(source);
  hp_error_clear(err);
  set_volume(container, container->source);
  return 0;
}

static int make_links(struct host_container *container, const struct volume *volume, struct hp_error *err) {
  HANDLE root = NULL;
  if (hp_walk_open_root(container->source, &root, err) != 0)
    return hp_error_wrap(err, "the container volume's content");
  int result = hp_volume_mounts_link(&volume->mounts, root, err);
  CloseHandle(root);
  return result;
}

static bool is_kind(const json_t *record, const char *kind) {
  const char *name = json_string_value(json_object_get(record, "kind"));
  return name && strcmp(name, kind) == 0;
}

static bool is_ours(const json_t *record) {
  static const char *const kinds[] = {"layers", "mount-points", "bindings", "volume", "links"};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (is_kind(record, kinds[i]))
      return true;
  return false;
}

int hp_volume_make(struct host_container *container, const json_t *record, bool *known,
                   struct hp_error *err) {
  struct volume volume;
  *known = is_ours(record);
  if (!*known)
    return 0;
  /* Judged again: time has passed, and mount points may be there now. */
  if (volume_judge(container->request, &volume, err) != 0)
    return -1;
  int result = hp_held_is(record) && hp_held_claim(record, err) != 0 ? -1
               : is_kind(record, "layers")                           ? make_layers(container, &volume, err)
               : is_kind(record, "mount-points")                     ? make_points(record, &volume, err)
               : is_kind(record, "bindings")                         ? make_bindings(container, &volume, err)
               : is_kind(record, "volume")                           ? make_volume(container, &volume, err)
                                                                     : make_links(container, &volume, err);
  volume_clear(&volume);
  return result;
}

/* ---- release --------------------------------------------------------------------------- */

/* One that only its place tells: directly below C:\\hpc. */
static int release_stray(const json_t *record, struct hp_error *err) {
  const char *path = json_string_value(json_object_get(record, "path"));
  wchar_t *place = hp_path_place(path ? path : "", L'C', "the record's path", err);
  wchar_t *parent = place ? hp_path_parent(place) : NULL;
  int result = -1;
  if (place && (!parent || _wcsicmp(parent, HP_VOLUME_BASE) != 0))
    hp_error_set(err, HP_INTERNAL, "the stray volume \"%s\" is not below C:\\hpc", path);
  else if (place)
    result = hp_mount_point_reclaim(place, err);
  free(parent);
  free(place);
  return result;
}

static int release_volume(const json_t *owner, const json_t *record, struct hp_error *err) {
  const char *path = json_string_value(json_object_get(record, "path"));
  wchar_t *place = hp_path_place(path ? path : "", L'C', "the record's path", err);
  if (!place)
    return hp_error_recode(err, HP_INTERNAL);
  int result = hp_mount_point_unmount(owner, place, err);
  free(place);
  return result;
}

int hp_volume_release(const json_t *record, bool *known, struct hp_error *err) {
  *known = is_ours(record);
  if (!*known || is_kind(record, "bindings"))
    return 0;
  if (hp_held_is(record))
    return hp_held_release(record, err);
  if (is_kind(record, "volume") && json_is_true(json_object_get(record, "stray")))
    return release_stray(record, err);
  const json_t *owner = json_object_get(record, "owner");
  if (!json_is_object(owner)) /* it would match everybody's claims */
    return hp_error_set(err, HP_INTERNAL, "the record of a volume or mount point names no owner");
  return is_kind(record, "mount-points") ? hp_mount_points_release(owner, err)
                                         : release_volume(owner, record, err);
}

void hp_volume_clear(struct host_container *container) {
  free(container->volume);
  free(container->source);
  free(container->volume_utf8);
  container->volume = container->source = NULL;
  container->volume_utf8 = NULL;
}
