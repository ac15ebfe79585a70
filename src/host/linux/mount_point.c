#include "host/linux/mount_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/log.h"
#include "base/memory.h"
#include "host/ledger.h"
#include "host/owner.h"

#define KIND "mount-point"
#define STACKED_MAX 64 /* mounts on top of each other at one volume */

static const char *const type_names[] = {"directory", "file", "volume"};

static const char *path_of(const json_t *point) {
  const char *path = json_string_value(json_object_get(point, "path"));
  return path && path[0] == '/' && path[1] ? path : NULL;
}

static int type_of(const json_t *point) {
  const char *name = json_string_value(json_object_get(point, "type"));
  for (int type = 0; name && type < 3; type++)
    if (strcmp(name, type_names[type]) == 0)
      return type;
  return -1;
}

json_t *hp_mount_point_describe(const char *path, enum hp_mount_point_type type) {
  return json_pack("{s:s, s:s}", "path", path, "type", type_names[type]);
}

/* Splits a resolved path into its parent's path (owned) and its last name. */
static char *parent_of(const char *path, const char **name) {
  const char *slash = strrchr(path, '/');
  *name = slash + 1;
  return slash == path ? hp_strdup("/") : hp_strndup(path, (size_t)(slash - path));
}

/* ---- what must be claimed ------------------------------------------------------- */

/* A claim on the first `length` bytes of path: by owner, by anybody else, or
 * (owner NULL) by anybody. */
static const json_t *find_claim(const json_t *claims, const char *path, size_t length, const json_t *owner,
                                bool others) {
  size_t index;
  const json_t *claim;
  json_array_foreach(claims, index, claim) {
    const char *claimed = path_of(claim);
    if (claimed && hp_ledger_is(claim, KIND, NULL) && strncmp(claimed, path, length) == 0 &&
        !claimed[length] && (!owner || json_equal(json_object_get(claim, "owner"), owner) != others))
      return claim;
  }
  return NULL;
}

/* The end of the component that begins behind path[at] == '/'. */
static size_t component_end(const char *path, size_t at) {
  return at + 1 + strcspn(path + at + 1, "/");
}

bool hp_mount_point_needed(const struct hp_host_path *where, const json_t *claims) {
  if (!where->exists)
    return true;
  for (size_t end = component_end(where->path, 0);; end = component_end(where->path, end)) {
    if (find_claim(claims, where->path, end, NULL, false))
      return true;
    if (!where->path[end])
      return false;
  }
}

static int check_parent(int fd, const char *path, struct hp_error *err) {
  struct stat st;
  if (fstat(fd, &st) != 0)
    return hp_error_set_os(err, errno, "cannot look at \"%s\"", path);
  if (hp_walk_trusted(&st))
    return 0;
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      "nothing is made in \"%s\", which others than root can write (owner %u:%u, mode %04o); "
                      "make the mount point there yourself, or mount elsewhere",
                      path, st.st_uid, st.st_gid, st.st_mode & 07777u);
}

int hp_mount_point_check(const struct hp_host_path *where, struct hp_error *err) {
  if (where->exists || where->inside != HP_WALK_NO_STOP)
    return 0;
  char *parent = where->existing ? hp_strndup(where->path, where->existing) : hp_strdup("/");
  int fd = hp_walk_open_resolved(parent, O_PATH | O_DIRECTORY);
  int result =
      fd < 0 ? hp_error_set_os(err, errno, "cannot reach \"%s\"", parent) : check_parent(fd, parent, err);
  if (fd >= 0)
    close(fd);
  free(parent);
  return result;
}

static int refuse_volume(const char *path, const json_t *claim, struct hp_error *err) {
  char *who = claim ? hp_ledger_owner_name(json_object_get(claim, "owner")) : NULL;
  if (who)
    hp_error_set(err, HP_ALREADY_EXISTS, "the container volume \"%s\" is that of container %s", path, who);
  else
    hp_error_set(err, HP_ALREADY_EXISTS,
                 "the container volume's place \"%s\" exists already and is no container's; remove it", path);
  free(who);
  return -1;
}

/* Claims one component of a point if it is missing, or there only for others. */
static int claim_component(struct hp_ledger *ledger, const json_t *owner, const char *path, size_t length,
                           int type, bool *changed, struct hp_error *err) {
  char *component = hp_strndup(path, length);
  int result = -1, fd = hp_walk_open_resolved(component, O_PATH);
  if (fd < 0 && errno != ENOENT) {
    hp_error_set_os(err, errno, "cannot reach the mount point \"%s\"", component);
    goto done;
  }
  json_t *claims = hp_ledger_claims(ledger);
  const json_t *mine = find_claim(claims, path, length, owner, false);
  const json_t *others = find_claim(claims, path, length, owner, true);
  if (type == HP_MOUNT_POINT_VOLUME && (others || (fd >= 0 && !mine))) {
    refuse_volume(component, others, err);
    goto done;
  }
  if ((fd < 0 || others) && !mine) {
    hp_ledger_add(ledger, KIND, owner, hp_mount_point_describe(component, (enum hp_mount_point_type)type));
    *changed = true;
  }
  result = 0;

done:
  if (fd >= 0)
    close(fd);
  free(component);
  return result;
}

static int claim_point(struct hp_ledger *ledger, const json_t *owner, const json_t *point, bool *changed,
                       struct hp_error *err) {
  const char *path = path_of(point);
  int type = type_of(point);
  if (!path || type < 0)
    return hp_error_set(err, HP_INTERNAL, "a record's mount point has no absolute path or no type");
  for (size_t end = component_end(path, 0);; end = component_end(path, end)) {
    if (claim_component(ledger, owner, path, end, path[end] ? HP_MOUNT_POINT_DIRECTORY : type, changed,
                        err) != 0)
      return -1;
    if (!path[end])
      return 0;
  }
}

/* ---- making ------------------------------------------------------------------------ */

static int check_existing(int parent, const char *path, const char *name, bool file, struct hp_error *err) {
  struct stat st;
  if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return hp_error_set_os(err, errno, "cannot look at the mount point \"%s\"", path);
  if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode) == file)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "the mount point \"%s\" is no %s", path,
                        file ? "file" : "directory");
  return 0;
}

static int make_component(const char *path, bool file, struct hp_error *err) {
  const char *name;
  char *parent = parent_of(path, &name);
  int result = -1, made = -1, fd = hp_walk_open_resolved(parent, O_RDONLY | O_DIRECTORY);
  if (fd < 0) {
    hp_error_set_os(err, errno, "cannot reach \"%s\"", parent);
    goto done;
  }
  struct stat st;
  if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
    result = check_existing(fd, path, name, file, err);
    goto done;
  }
  if (check_parent(fd, parent, err) != 0)
    goto done;
  if (file)
    made = openat(fd, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  else if (mkdirat(fd, name, 0755) == 0)
    made = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (made < 0 && errno == EEXIST)
    result = check_existing(fd, path, name, file, err);
  else if (made < 0)
    hp_error_set_os(err, errno, "cannot make the mount point \"%s\"", path);
  else
    result = fchmod(made, file ? 0644 : 0755) == 0 /* whatever our umask is */
                 ? 0
                 : hp_error_set_os(err, errno, "cannot set the mode of \"%s\"", path);

done:
  if (made >= 0)
    close(made);
  if (fd >= 0)
    close(fd);
  free(parent);
  return result;
}

static int make_point(const json_t *point, struct hp_error *err) {
  const char *path = path_of(point);
  for (size_t end = component_end(path, 0);; end = component_end(path, end)) {
    char *component = hp_strndup(path, end);
    int result = make_component(component, !path[end] && type_of(point) == HP_MOUNT_POINT_FILE, err);
    hp_crash_point();
    free(component);
    if (result != 0 || !path[end])
      return result;
  }
}

int hp_mount_points_make(const json_t *owner, const json_t *points, struct hp_error *err) {
  struct hp_ledger *ledger;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  int result = -1;
  bool changed = false;
  size_t index;
  const json_t *point;
  json_array_foreach(points, index, point) {
    if (claim_point(ledger, owner, point, &changed, err) != 0)
      goto done;
  }
  if (changed && hp_ledger_save(ledger, err) != 0)
    goto done;
  json_array_foreach(points, index, point) {
    if (make_point(point, err) != 0)
      goto done;
  }
  result = 0;

done:
  hp_ledger_close(ledger);
  return result;
}

/* ---- removing ------------------------------------------------------------------------ */

/* Detaching a mount takes along whatever is mounted below it. */
static int unmount_volume(const char *path, struct hp_error *err) {
  for (int i = 0; i < STACKED_MAX; i++) {
    int unmounted = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW), os_code = errno;
    hp_crash_point();
    if (unmounted == 0)
      continue;
    if (os_code == EINVAL || os_code == ENOENT) /* nothing is mounted there (any more) */
      return 0;
    return hp_error_set_os(err, os_code, "cannot unmount the container volume \"%s\"", path);
  }
  return hp_error_set(err, HP_INTERNAL, "more than %d mounts are stacked at \"%s\"", STACKED_MAX, path);
}

static int remove_entry(int parent, const char *name, int type) {
  if (type != HP_MOUNT_POINT_FILE)
    return unlinkat(parent, name, AT_REMOVEDIR);
  struct stat st;
  if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return -1;
  if (S_ISREG(st.st_mode) && st.st_size == 0 && st.st_uid == 0)
    return unlinkat(parent, name, 0);
  errno = ENOTEMPTY;
  return -1;
}

/* Removes one mount point; one that is gone, or has become somebody else's, is
 * no failure. */
static int remove_point(const char *path, int type, struct hp_error *err) {
  if (type == HP_MOUNT_POINT_VOLUME && unmount_volume(path, err) != 0)
    return -1;
  const char *name;
  char *parent = parent_of(path, &name);
  int fd = hp_walk_open_resolved(parent, O_PATH | O_DIRECTORY);
  int removed = fd < 0 ? -1 : remove_entry(fd, name, type), os_code = errno;
  if (fd >= 0)
    close(fd);
  free(parent);
  if (removed == 0)
    return 0;
  switch (os_code) {
  case ENOENT:
  case ENOTDIR:
  case ELOOP:
    return 0;
  case ENOTEMPTY:
  case EEXIST:
    hp_log(HP_LOG_WARNING, NULL, "the mount point \"%s\" is not empty any more and stays", path);
    return 0;
  default:
    return hp_error_set_os(err, os_code, "cannot remove the mount point \"%s\"", path);
  }
}

/* The deepest of owner's claims that was not tried yet. */
static json_t *next_claim(json_t *claims, const json_t *owner, size_t *where) {
  json_t *deepest = NULL, *claim;
  size_t index, longest = 0;
  json_array_foreach(claims, index, claim) {
    if (!hp_ledger_is(claim, KIND, owner) || json_object_get(claim, "tried"))
      continue;
    const char *path = path_of(claim);
    size_t length = path ? strlen(path) : 0;
    if (!deepest || length > longest) {
      deepest = claim;
      longest = length;
      *where = index;
    }
  }
  return deepest;
}

/* Whether one below it could not be removed: it will be tried again, and then so is this. */
static bool holds_failed(const json_t *claims, const char *path) {
  size_t length = strlen(path);
  for (size_t i = 0; i < json_array_size(claims); i++) {
    const json_t *claim = json_array_get(claims, i);
    const char *below = json_object_get(claim, "tried") ? path_of(claim) : NULL;
    if (below && strncmp(below, path, length) == 0 && below[length] == '/')
      return true;
  }
  return false;
}

int hp_mount_points_release(const json_t *owner, struct hp_error *err) {
  struct hp_ledger *ledger;
  json_t *claims = NULL, *claim;
  int result = 0;
  bool changed = false;
  size_t index = 0;
  /* Without the lock first: most containers claim nothing. */
  if (hp_ledger_read(&claims, err) != 0)
    return -1;
  bool any = next_claim(claims, owner, &index) != NULL;
  json_decref(claims);
  if (!any)
    return 0;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  claims = hp_ledger_claims(ledger);
  while ((claim = next_claim(claims, owner, &index)) != NULL) {
    const char *path = path_of(claim);
    struct hp_error why = HP_ERROR_INIT;
    if (path && !find_claim(claims, path, strlen(path), owner, true) &&
        (holds_failed(claims, path) || remove_point(path, type_of(claim), &why) != 0)) {
      /* The claim stays, so that the next release or sweep tries again. */
      json_object_set_new(claim, "tried", json_true());
      if (result == 0) /* what failed below it came first */
        result = hp_error_move(err, &why);
      hp_error_clear(&why);
      continue;
    }
    hp_crash_point();
    json_array_remove(claims, index);
    changed = true;
  }
  json_array_foreach(claims, index, claim) {
    json_object_del(claim, "tried");
  }
  if (changed) {
    struct hp_error why = HP_ERROR_INIT;
    if (hp_ledger_save(ledger, &why) != 0 && result == 0)
      result = hp_error_move(err, &why);
    hp_error_clear(&why);
  }
  hp_ledger_close(ledger);
  return result;
}

int hp_mount_point_unmount(const json_t *owner, const char *path, struct hp_error *err) {
  struct hp_ledger *ledger;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  int result = 0;
  const json_t *claim = find_claim(hp_ledger_claims(ledger), path, strlen(path), owner, false);
  if (claim && type_of(claim) == HP_MOUNT_POINT_VOLUME)
    result = unmount_volume(path, err);
  hp_ledger_close(ledger);
  return result;
}

int hp_mount_point_reclaim(const char *path, struct hp_error *err) {
  struct hp_ledger *ledger;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  int result = find_claim(hp_ledger_claims(ledger), path, strlen(path), NULL, false)
                   ? 0
                   : remove_point(path, HP_MOUNT_POINT_VOLUME, err);
  hp_ledger_close(ledger);
  return result;
}

/* ---- /hpc ------------------------------------------------------------------------------ */

int hp_mount_point_base(bool make, struct hp_error *err) {
  struct stat st;
  if (lstat(HP_VOLUME_BASE, &st) != 0) {
    if (errno != ENOENT)
      return hp_error_set_os(err, errno, "cannot look at \"" HP_VOLUME_BASE "\"");
    if (!make)
      return 0;
    if (make_component(HP_VOLUME_BASE, false, err) != 0)
      return -1;
    if (lstat(HP_VOLUME_BASE, &st) != 0)
      return hp_error_set_os(err, errno, "cannot look at \"" HP_VOLUME_BASE "\"");
  }
  if (S_ISDIR(st.st_mode) && st.st_uid == 0 && !(st.st_mode & S_IWOTH) &&
      (!(st.st_mode & S_IWGRP) || st.st_gid == 0))
    return 0;
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      "\"" HP_VOLUME_BASE
                      "\" must be a real directory that belongs to root and that others cannot "
                      "write (its owner is %u:%u, its mode %06o); move it away, or name another place in the "
                      "annotation microsoft.com/hostprocess-rootfs-location",
                      st.st_uid, st.st_gid, st.st_mode);
}
