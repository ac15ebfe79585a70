#include "host/linux/volume_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "host/host.h"
#include "host/linux/mount_point.h"
#include "spec/place.h"

static int open_source(const struct hp_volume_mount *mount, struct stat *st, struct hp_error *err) {
  const char *source = mount->spec->source;
  *st = (struct stat){0};
  if (source[0] != '/') /* it would depend on where whoever looks stands */
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "mounts[%zu].source \"%s\" is no absolute path of this host; name it from its root",
                        mount->index, source);
  int fd = open(source, O_PATH | O_CLOEXEC);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "mounts[%zu].source \"%s\" does not exist on this host; make it, or name another",
                        mount->index, source);
  if (fd < 0 || fstat(fd, st) != 0) {
    hp_error_set_os(err, errno, "mounts[%zu].source \"%s\" cannot be opened", mount->index, source);
    if (fd >= 0)
      close(fd);
    return -1;
  }
  if (!S_ISSOCK(st->st_mode))
    return fd;
  close(fd);
  return hp_error_set(
      err, HP_INVALID_ARGUMENT,
      "mounts[%zu].source \"%s\" is a Unix socket, which is not mounted: the container sees the "
      "host's files, reach it by its host path instead",
      mount->index, source);
}

int host_mount_check(const struct hp_mount *mount, size_t index, struct hp_error *err) {
  const struct hp_volume_mount asked = {.spec = mount, .index = index};
  struct stat st;
  int fd = open_source(&asked, &st, err);
  if (fd >= 0)
    close(fd);
  return fd >= 0 ? 0 : -1;
}

int host_bind_check(
    struct hp_error *err) { /* a private mount namespace: every kernel this host runs on has them */
  (void)err;
  return 0;
}

static int wrap_destination(const struct hp_volume_mount *mount, struct hp_error *err) {
  if (err->code == HP_NOT_FOUND) /* of a path on the host, not of a container */
    hp_error_recode(err, HP_FAILED_PRECONDITION);
  return hp_error_wrap(err, "mounts[%zu].destination \"%s\"", mount->index, mount->spec->destination);
}

static int refuse(const struct hp_volume_mount *mount, const char *why, struct hp_error *err) {
  return hp_error_set(err, HP_INVALID_ARGUMENT, "mounts[%zu].destination \"%s\" %s", mount->index,
                      mount->spec->destination, why);
}

/* ---- the list ------------------------------------------------------------------- */

struct stops { /* resolved paths that the mounts before will have covered */
  const char **paths;
  size_t *items; /* of paths[i]; of paths[0], the volume, none */
  size_t count;
};

static int place_on_host(struct hp_volume_mount *mount, const struct stops *stops, struct hp_error *err) {
  struct hp_host_path *where = &mount->where;
  if (hp_walk_host(mount->destination, stops->paths, stops->count, where, err) != 0 ||
      hp_mount_point_check(where, err) != 0)
    return wrap_destination(mount, err);
  if (where->inside != HP_WALK_NO_STOP) {
    mount->place = where->inside == 0 ? HP_PLACE_VOLUME : HP_PLACE_MOUNT;
    mount->parent = stops->items[where->inside];
    if (mount->place == HP_PLACE_VOLUME && !*where->inner)
      return refuse(mount, hp_place_holds_volume, err);
    return 0;
  }
  mount->place = HP_PLACE_HOST;
  if (strcmp(where->path, "/") == 0)
    return refuse(mount, hp_place_is_root, err);
  if (hp_place_lies_in(HP_OS_LINUX, stops->paths[0], where->path))
    return refuse(mount, hp_place_holds_volume, err);
  if (where->exists && S_ISDIR(where->mode) != mount->directory)
    return refuse(mount,
                  mount->directory ? "is no directory on this host, and what is mounted there is one"
                                   : "is a directory on this host, and what is mounted there is none",
                  err);
  return 0;
}

/* Fills *mount; *skipped: it is the host's own. */
static int judge(struct hp_volume_mount *mount, bool bind, const struct stops *stops, bool *skipped,
                 struct hp_error *err) {
  const struct hp_mount *spec = mount->spec;
  if (hp_mount_options_parse(&spec->options, &mount->options, err) != 0)
    return hp_error_wrap(err, "mounts[%zu].options", mount->index);
  mount->destination = hp_walk_clean(spec->destination);
  *skipped = hp_mount_is_hosts_own(HP_OS_LINUX, spec, mount->destination);
  if (*skipped)
    return 0;
  mount->directory = true;
  if (hp_mount_is_bind(spec)) {
    struct stat st;
    int fd = open_source(mount, &st, err);
    if (fd < 0)
      return -1;
    close(fd);
    mount->directory = S_ISDIR(st.st_mode);
    mount->options.bind = true;
    mount->options.recursive |= spec->type && strcmp(spec->type, "rbind") == 0;
  }
  if (strcmp(mount->destination, "/") == 0)
    return refuse(mount, hp_place_is_root, err);
  return bind ? place_on_host(mount, stops, err) : 0;
}

int hp_volume_mounts_list(const struct hp_container_spec *spec, bool bind, const char *volume,
                          struct hp_volume_mounts *mounts, struct hp_error *err) {
  *mounts = (struct hp_volume_mounts){0};
  if (hp_mounts_count("mounts", spec->mount_count, err) != 0)
    return -1;
  struct stops stops = {.count = 1};
  stops.paths = hp_realloc_array(NULL, spec->mount_count + 1, sizeof *stops.paths);
  stops.items = hp_realloc_array(NULL, spec->mount_count + 1, sizeof *stops.items);
  stops.paths[0] = volume;
  stops.items[0] = 0;
  mounts->items = hp_realloc_array(NULL, spec->mount_count, sizeof *mounts->items);
  int result = 0;
  for (size_t i = 0; i < spec->mount_count && result == 0; i++) {
    struct hp_volume_mount *mount = &mounts->items[mounts->count++];
    bool skipped = false;
    *mount = (struct hp_volume_mount){.index = i, .spec = &spec->mounts[i], .place = HP_PLACE_NONE, .fd = -1};
    mount->where.inside = HP_WALK_NO_STOP;
    result = judge(mount, bind, &stops, &skipped, err);
    if (result == 0 && skipped) {
      hp_mount_options_clear(&mount->options);
      free(mount->destination);
      mounts->count--;
    } else if (mount->place == HP_PLACE_HOST) {
      stops.paths[stops.count] = mount->where.path;
      stops.items[stops.count++] = mounts->count - 1;
    }
  }
  free(stops.paths);
  free(stops.items);
  if (result != 0)
    hp_volume_mounts_clear(mounts);
  return result;
}

void hp_volume_mounts_clear(struct hp_volume_mounts *mounts) {
  for (size_t i = 0; i < mounts->count; i++) {
    struct hp_volume_mount *mount = &mounts->items[i];
    if (mount->fd >= 0)
      close(mount->fd);
    hp_mount_options_clear(&mount->options);
    hp_host_path_clear(&mount->where);
    free(mount->destination);
  }
  free(mounts->items);
  *mounts = (struct hp_volume_mounts){0};
}

/* ---- making ----------------------------------------------------------------------- */

static int open_mount(struct hp_volume_mount *mount, struct hp_error *err) {
  const struct hp_mount *spec = mount->spec;
  if (!mount->options.bind) {
    mount->fd = hp_mount_new(spec->type, spec->source, &mount->options, err);
    return mount->fd >= 0 ? 0 : hp_error_wrap(err, "mounts[%zu]", mount->index);
  }
  struct stat st;
  int source = open_source(mount, &st, err);
  if (source < 0)
    return -1;
  if (S_ISDIR(st.st_mode) != mount->directory)
    hp_error_set(err, HP_ABORTED, "it was exchanged while the container was made");
  else
    mount->fd = hp_mount_clone(source, &mount->options, err);
  close(source);
  return mount->fd >= 0 ? 0 : hp_error_wrap(err, "mounts[%zu].source \"%s\"", mount->index, spec->source);
}

int hp_volume_mounts_open(struct hp_volume_mounts *mounts, struct hp_error *err) {
  for (size_t i = 0; i < mounts->count; i++)
    if (open_mount(&mounts->items[i], err) != 0)
      return -1;
  return 0;
}

/* Where it goes in the namespace of the calling thread. -1 with err filled. */
static int open_place(const struct hp_volume_mounts *mounts, const struct hp_volume_mount *mount, int volume,
                      struct hp_error *err) {
  if (mount->place == HP_PLACE_VOLUME)
    return hp_walk_make(volume, mount->where.inner, mount->directory, err);
  /* What is mounted there may be the pod's to write: as little trusted as the
   * image. The mount point stays in it, as with every other runtime. */
  if (mount->place == HP_PLACE_MOUNT)
    return hp_walk_make(mounts->items[mount->parent].fd, mount->where.inner, mount->directory, err);
  int fd = hp_walk_open_resolved(mount->where.path, O_PATH);
  if (fd < 0)
    hp_error_set_os(err, errno, "cannot reach \"%s\"", mount->where.path);
  return fd;
}

static int attach_at(int mount, int place, struct hp_error *err) {
  if (place < 0)
    return -1;
  int result = hp_mount_attach(mount, place, err);
  close(place);
  return result;
}

static int attach_mount(const struct hp_volume_mounts *mounts, struct hp_volume_mount *mount, int volume,
                        struct hp_error *err) {
  int twin = mount->fd, result;
  if (mount->place != HP_PLACE_NONE) {
    if (attach_at(mount->fd, open_place(mounts, mount, volume, err), err) != 0)
      return -1;
    twin = hp_mount_twin(mount->fd, err);
    if (twin < 0)
      return -1;
  }
  result = attach_at(twin, hp_walk_make(volume, mount->destination, mount->directory, err), err);
  if (twin != mount->fd)
    close(twin);
  return result;
}

int hp_volume_mounts_attach(struct hp_volume_mounts *mounts, const char *volume, struct hp_error *err) {
  int root = hp_walk_open_resolved(volume, O_PATH | O_DIRECTORY), result = 0;
  if (root < 0)
    return hp_error_set_os(err, errno, "cannot open the container volume \"%s\"", volume);
  for (size_t i = 0; i < mounts->count && result == 0; i++) {
    if (attach_mount(mounts, &mounts->items[i], root, err) != 0)
      result = wrap_destination(&mounts->items[i], err);
    hp_crash_point();
  }
  close(root);
  return result;
}
