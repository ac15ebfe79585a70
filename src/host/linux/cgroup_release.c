#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

#include "base/crash.h"
#include "base/memory.h"
#include "host/linux/cgroup.h"
#include "host/linux/cgroup_path.h"
#include "host/linux/cgroup_tree.h"

/* The leaf's parent, to remove it from; -1 with errno. */
static int open_parent(const char *mount, const char *path, const char **name) {
  const char *slash = strrchr(path, '/');
  *name = slash + 1;
  char *parent = hp_printf("%s%.*s", mount, (int)(slash - path), path);
  int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int saved = errno;
  free(parent);
  errno = saved;
  return directory;
}

static bool is_cgroup_filesystem(int directory) {
  struct statfs status;
  return fstatfs(directory, &status) == 0 &&
         (status.f_type == CGROUP_SUPER_MAGIC || status.f_type == CGROUP2_SUPER_MAGIC);
}

/* Opens the leaf if it is there and the record's own; *leaf -1: nothing to release. */
static int claim(const struct hp_cgroup_record *record, const struct hp_cgroup_place *place, int *leaf,
                 struct hp_error *err) {
  *leaf = -1;
  const char *name;
  int parent = open_parent(place->mount, record->path, &name);
  if (parent < 0)
    return errno == ENOENT || errno == ENOTDIR
               ? 0
               : hp_error_set_os(err, errno, "cannot open the cgroup above %s%s", place->mount, record->path);
  int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  int saved = errno;
  hp_close(parent);
  if (directory < 0)
    return saved == ENOENT || saved == ENOTDIR
               ? 0
               : hp_error_set_os(err, saved, "cannot open the cgroup %s%s", place->mount, record->path);
  int failed = 0;
  char *mark = is_cgroup_filesystem(directory) ? hp_cgroup_read_mark(directory, &failed) : hp_strdup("");
  /* No mark: we died between making and marking, before anything joined. */
  bool ours = mark == NULL || strcmp(mark, record->owner) == 0;
  if (mark == NULL && failed == 0) {
    struct hp_error occupied = HP_ERROR_INIT;
    ours = hp_cgroup_refuse_occupied(directory, record->path, &occupied) == 0;
    hp_error_clear(&occupied);
  }
  free(mark);
  if (failed != 0) {
    hp_close(directory);
    return hp_error_set_os(err, failed, "cannot read whose cgroup %s%s is", place->mount, record->path);
  }
  if (ours)
    *leaf = directory;
  else
    hp_close(directory);
  return 0;
}

/* Removes the directories above the leaf that were missing at plan, as long as
 * they are empty: others may lie in them by now. */
static void remove_ancestors(const struct hp_cgroup_record *record, const struct hp_cgroup_place *place) {
  bool own = strncmp(record->path, HP_CGROUP_OWN "/", sizeof HP_CGROUP_OWN) == 0;
  unsigned keep = own ? 0 : place->existing;
  char *path = hp_strdup(record->path);
  for (;;) {
    *strrchr(path, '/') = '\0';
    unsigned depth = 0;
    for (const char *at = path; *at != '\0'; at++)
      depth += *at == '/';
    if (depth == 0 || depth <= keep)
      break;
    const char *name;
    int parent = open_parent(place->mount, path, &name);
    struct hp_error ignored = HP_ERROR_INIT;
    int removed = parent >= 0 ? hp_cgroup_remove(parent, name, hp_now_ms(), &ignored) : -1;
    hp_error_clear(&ignored);
    hp_close(parent);
    if (removed < 0)
      break;
  }
  free(path);
}

static int remove_place(const struct hp_cgroup_record *record, const struct hp_cgroup_place *place, int leaf,
                        uint64_t end, struct hp_error *err) {
  int result = 0;
  if (leaf >= 0) {
    const char *name;
    int parent = open_parent(place->mount, record->path, &name);
    if (parent < 0 && errno != ENOENT)
      return hp_error_set_os(err, errno, "cannot open the cgroup above %s%s", place->mount, record->path);
    if (parent >= 0)
      result = hp_cgroup_remove_children(leaf, end, err) < 0 || hp_cgroup_remove(parent, name, end, err) < 0
                   ? -1
                   : 0;
    hp_close(parent);
  }
  if (result == 0)
    remove_ancestors(record, place);
  return result;
}

static int release_record(const struct hp_cgroup_record *record, struct hp_error *err) {
  struct hp_cgroup_target targets[HP_CGROUP_V1_MAX];
  int leaves[HP_CGROUP_V1_MAX];
  size_t opened = 0, count = 0;
  int result = 0;
  uint64_t end = hp_now_ms() + HP_CGROUP_KILL_MS;
  for (; opened < record->count && result == 0; opened++) {
    result = claim(record, &record->places[opened], &leaves[opened], err);
    if (leaves[opened] >= 0)
      targets[count++] = (struct hp_cgroup_target){leaves[opened], record->places[opened].controllers};
  }
  if (result == 0 && count > 0)
    result = hp_cgroup_kill(record->version, targets, count, err);
  hp_crash_point();
  for (size_t i = 0; i < record->count && result == 0; i++) {
    result = remove_place(record, &record->places[i], leaves[i], end, err);
    hp_crash_point();
  }
  for (size_t i = 0; i < opened; i++)
    hp_close(leaves[i]);
  return result;
}

int hp_cgroup_release(const json_t *json, bool *known, struct hp_error *err) {
  const char *kind = json_string_value(json_object_get(json, "kind"));
  *known = kind != NULL && strcmp(kind, HP_CGROUP_RECORD_KIND) == 0;
  if (!*known)
    return 0;
  struct hp_cgroup_record record;
  int result = hp_cgroup_record_parse(json, &record, err);
  if (result == 0)
    result = release_record(&record, err);
  hp_cgroup_record_clear(&record);
  return result;
}
