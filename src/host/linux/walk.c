#include "host/linux/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "spec/place.h"
#include "spec/text.h"

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */
#define RACES_MAX 128

static int open_how(int root, const char *path, int flags, uint64_t resolve) {
  struct open_how how;
  memset(&how, 0, sizeof how);
  how.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC);
  how.resolve = resolve;
  /* EAGAIN: a rename raced with a "..", and the kernel would not vouch for it. */
  for (int attempt = 0;; attempt++) {
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN || attempt == RACES_MAX)
      return fd;
  }
}

int hp_walk_open(int root, const char *path, int flags) {
  /* The empty path is the root itself; openat2 knows no AT_EMPTY_PATH. */
  return open_how(root, *path ? path : ".", flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int hp_walk_open_resolved(const char *path, int flags) {
  return open_how(AT_FDCWD, path, flags, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* ---- inside a volume -------------------------------------------------------- */

struct inner_walk {
  int root;
  char *path; /* what is still to be reached, from root; links to nowhere are spliced in */
  bool directory;
  unsigned links, races;
};

enum step { STEP_DONE, STEP_AGAIN, STEP_FAILED };

/* name in parent is missing by its own name and yet exists: a link to nowhere.
 * The walk starts again with the link's target in its place. */
static enum step splice_link(struct inner_walk *walk, int parent, const char *name, size_t prefix,
                             const char *rest, struct hp_error *err) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(parent, name, target, sizeof target);
  if (length < 0) { /* swapped in the meantime: look again */
    if (++walk->races <= RACES_MAX)
      return STEP_AGAIN;
    hp_error_set(err, HP_ABORTED, "\"%s\" changes while it is walked", walk->path);
    return STEP_FAILED;
  }
  if (++walk->links > LINKS_MAX || (size_t)length == sizeof target) {
    hp_error_set_os(err, ELOOP, "\"%s\"", walk->path);
    return STEP_FAILED;
  }
  char *path = target[0] == '/'
                   ? hp_printf("%.*s%s", (int)length, target, rest)
                   : hp_printf("%.*s/%.*s%s", (int)prefix, walk->path, (int)length, target, rest);
  free(walk->path);
  walk->path = path;
  return STEP_AGAIN;
}

static int make_entry(int parent, const char *name, bool directory) {
  if (directory)
    return mkdirat(parent, name, 0755);
  int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  return fd < 0 ? -1 : close(fd);
}

/* One pass from the root over every component; *found is what was reached. */
static enum step walk_once(struct inner_walk *walk, int *found, struct hp_error *err) {
  if (strlen(walk->path) >= PATH_MAX) {
    hp_error_set_os(err, ENAMETOOLONG, "\"%.64s…\"", walk->path);
    return STEP_FAILED;
  }
  enum step step = STEP_FAILED;
  char *prefix = hp_strdup(walk->path); /* cut behind each component in turn */
  int here = hp_walk_open(walk->root, "", O_PATH | O_DIRECTORY);
  if (here < 0) {
    hp_error_set_os(err, errno, "cannot open the volume's root");
    goto done;
  }
  for (size_t at = strspn(prefix, "/"); prefix[at];) {
    size_t end = at + strcspn(prefix + at, "/");
    size_t next = end + strspn(prefix + end, "/");
    bool last = walk->path[next] == 0, directory = !last || walk->directory;
    char name[NAME_MAX + 1];
    if (end - at > NAME_MAX) {
      hp_error_set_os(err, ENAMETOOLONG, "\"%s\"", walk->path);
      goto done;
    }
    memcpy(name, prefix + at, end - at);
    name[end - at] = 0;
    prefix[end] = 0;
    int entry = hp_walk_open(walk->root, prefix, last ? O_PATH : O_PATH | O_DIRECTORY);
    if (entry < 0 && errno == ENOENT) {
      if (make_entry(here, name, directory) != 0 && errno != EEXIST) {
        hp_error_set_os(err, errno, "cannot make \"%s\" in the volume", prefix);
        goto done;
      }
      entry = hp_walk_open(walk->root, prefix, O_PATH);
      if (entry < 0 && errno == ENOENT) {
        step = splice_link(walk, here, name, at, walk->path + end, err);
        goto done;
      }
    }
    if (entry < 0) {
      hp_error_set_os(err, errno, "cannot reach \"%s\" in the volume", prefix);
      goto done;
    }
    close(here);
    here = entry;
    prefix[end] = walk->path[end];
    at = next;
  }
  *found = here;
  here = -1;
  step = STEP_DONE;

done:
  if (here >= 0)
    close(here);
  free(prefix);
  return step;
}

static int check_kind(int fd, const char *path, bool directory, struct hp_error *err) {
  struct stat st;
  if (fstat(fd, &st) != 0)
    return hp_error_set_os(err, errno, "cannot look at \"%s\" in the volume", path);
  if (S_ISDIR(st.st_mode) == directory)
    return 0;
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      directory ? "the image has something that is no directory at \"%s\", and the mount's "
                                  "source is a directory; mount it elsewhere or change the image"
                                : "the image has a directory at \"%s\", and the mount's source is a file; "
                                  "mount it elsewhere or change the image",
                      path);
}

int hp_walk_make(int root, const char *path, bool directory, struct hp_error *err) {
  struct inner_walk walk = {.root = root, .path = hp_strdup(path), .directory = directory};
  int fd = -1;
  enum step step;
  do
    step = walk_once(&walk, &fd, err);
  while (step == STEP_AGAIN);
  free(walk.path);
  if (step == STEP_FAILED)
    return -1;
  if (check_kind(fd, path, directory, err) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* ---- on the host ------------------------------------------------------------- */

bool hp_walk_trusted(const struct stat *directory) {
  if (directory->st_uid != 0)
    return false;
  bool others = (directory->st_mode & S_IWOTH) || ((directory->st_mode & S_IWGRP) && directory->st_gid != 0);
  return !others || (directory->st_mode & S_ISVTX);
}

/* Drops the last component of a resolved path ("" is the root). */
static void go_up(char *path) {
  char *slash = strrchr(path, '/');
  if (slash)
    *slash = 0;
}

char *hp_walk_clean(const char *path) {
  return hp_place_spell(HP_OS_LINUX, path);
}

struct host_walk {
  const char *const *stops;
  size_t stop_count;
  char *done; /* resolved so far; "" is "/" */
  char *todo; /* components to come, without a leading slash */
  unsigned links;
};

static size_t find_stop(const struct host_walk *walk, const char *path) {
  for (size_t i = walk->stop_count; i-- > 0;)
    if (strcmp(walk->stops[i], path) == 0)
      return i;
  return HP_WALK_NO_STOP;
}

static int follow_link(struct host_walk *walk, int parent, const char *name, const struct stat *link,
                       const char *rest, struct hp_error *err) {
  struct stat directory;
  char target[PATH_MAX];
  if (fstat(parent, &directory) != 0)
    return hp_error_set_os(err, errno, "cannot look at \"%s\"", walk->done);
  if (link->st_uid != 0 || !hp_walk_trusted(&directory))
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "\"%s/%s\" is a link that others than root could have placed; name the place it "
                        "leads to instead",
                        walk->done, name);
  ssize_t length = readlinkat(parent, name, target, sizeof target - 1);
  if (length < 0)
    return hp_error_set_os(err, errno, "cannot read the link \"%s/%s\"", walk->done, name);
  target[length] = 0;
  if (++walk->links > LINKS_MAX)
    return hp_error_set_os(err, ELOOP, "\"%s/%s\"", walk->done, name);
  if (target[0] == '/')
    walk->done[0] = 0;
  char *todo = hp_printf("%s/%s", target + strspn(target, "/"), rest);
  free(walk->todo);
  walk->todo = todo;
  if (strlen(todo) >= (size_t)PATH_MAX)
    return hp_error_set_os(err, ENAMETOOLONG, "\"%.64s…\"", todo);
  return 0;
}

/* The walk has reached a stop: what is left of the way is inside of it. */
static void end_inside(struct hp_host_path *where, size_t stop, const char *path, const char *inner) {
  where->inside = stop;
  where->path = hp_strdup(path);
  where->inner = hp_strdup(inner);
}

/* The end of the walk at a component that is missing: the rest is as named,
 * and may itself lead through a stop that is not there yet. */
static int end_missing(const struct host_walk *walk, struct hp_host_path *where, struct hp_error *err) {
  size_t existing = strlen(walk->done);
  char *whole = hp_printf("%s/%s", walk->done, walk->todo), *path = hp_walk_clean(whole);
  free(whole);
  int result = 0;
  /* "missing/.." would be resolved against what is not there. */
  if (strncmp(path, walk->done, existing) != 0 || path[existing] != '/') {
    result = hp_error_set(err, HP_INVALID_ARGUMENT, "\"%s/%s\" goes up from a directory that does not exist",
                          walk->done, walk->todo);
    goto done;
  }
  for (char *end = path + existing + 1; *end;) {
    end += strcspn(end, "/");
    char cut = *end;
    *end = 0;
    size_t stop = find_stop(walk, path);
    if (stop != HP_WALK_NO_STOP) {
      end_inside(where, stop, path, cut ? end + 1 : "");
      goto done;
    }
    *end = cut;
    end += cut != 0;
  }
  where->existing = existing;
  where->path = path;
  path = NULL;

done:
  free(path);
  return result;
}

/* One component. Returns 1 when the walk is at its end. */
static int host_step(struct host_walk *walk, struct hp_host_path *where, struct hp_error *err) {
  char *name = NULL, *rest = NULL, *here = NULL;
  int result = -1, parent = -1;
  size_t skip = strspn(walk->todo, "/"), length = strcspn(walk->todo + skip, "/");
  name = hp_strndup(walk->todo + skip, length);
  rest = hp_strdup(walk->todo + skip + length + strspn(walk->todo + skip + length, "/"));
  if (strcmp(name, "..") == 0)
    go_up(walk->done);
  if (hp_text_is_among(name, "..\0.\0")) {
    result = 0;
    goto next;
  }
  here = hp_printf("%s/%s", walk->done, name);
  size_t stop = find_stop(walk, here);
  if (stop != HP_WALK_NO_STOP) {
    end_inside(where, stop, here, rest);
    result = 1;
    goto done;
  }
  struct stat st;
  parent = hp_walk_open_resolved(*walk->done ? walk->done : "/", O_PATH | O_DIRECTORY);
  if (parent < 0) {
    hp_error_set_os(err, errno, "cannot reach \"%s\"", *walk->done ? walk->done : "/");
    goto done;
  }
  if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT)
      hp_error_set_os(err, errno, "cannot look at \"%s\"", here);
    else if (end_missing(walk, where, err) == 0)
      result = 1;
    goto done;
  }
  if (S_ISLNK(st.st_mode)) {
    result = follow_link(walk, parent, name, &st, rest, err);
    goto done;
  }
  if (!S_ISDIR(st.st_mode) && *rest) {
    hp_error_set(err, HP_FAILED_PRECONDITION, "\"%s\" is not a directory of this host", here);
    goto done;
  }
  where->mode = st.st_mode;
  free(walk->done);
  walk->done = here;
  here = NULL;
  result = 0;

next:
  free(walk->todo);
  walk->todo = rest;
  rest = NULL;
done:
  if (parent >= 0)
    close(parent);
  free(here);
  free(rest);
  free(name);
  return result;
}

int hp_walk_host(const char *path, const char *const *stops, size_t stop_count, struct hp_host_path *where,
                 struct hp_error *err) {
  *where = (struct hp_host_path){.inside = HP_WALK_NO_STOP, .mode = S_IFDIR};
  struct host_walk walk = {.stops = stops, .stop_count = stop_count, .done = hp_strdup("")};
  char *clean = hp_walk_clean(path);
  walk.todo = hp_strdup(clean + 1);
  free(clean);
  int step = 0;
  while (step == 0 && walk.todo[strspn(walk.todo, "/")])
    step = host_step(&walk, where, err);
  if (step == 0) {
    where->exists = true;
    where->existing = strlen(walk.done);
    where->path = hp_strdup(*walk.done ? walk.done : "/");
  }
  free(walk.done);
  free(walk.todo);
  if (step >= 0)
    return 0;
  hp_host_path_clear(where);
  return -1;
}

void hp_host_path_clear(struct hp_host_path *where) {
  free(where->path);
  free(where->inner);
  *where = (struct hp_host_path){.inside = HP_WALK_NO_STOP};
}
