/* Cgroups carry their owner's mark, wherever a spec put them; below /hostprocess,
 * which is the shim's own, also one without: its maker died before it could mark
 * it. A directory of /hpc that nobody claims was a volume whose claim is lost. */
#include "host/strays.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "host/linux/cgroup.h"
#include "host/linux/cgroup_path.h"
#include "host/linux/cgroup_tree.h"
#include "host/linux/mount_point.h"

#define OWN_DEPTH 3 /* of /hostprocess/NAMESPACE/ID */

struct search {
  const struct hp_cgroup_layout *layout;
  size_t hierarchy;
  char *path; /* of the directory that is looked at, "" at the mount point */
  unsigned depth;
  json_t *records;
};

/* The record of the same cgroup in an earlier hierarchy, or a new one. */
static json_t *record_of(struct search *search, const char *owner) {
  size_t index;
  json_t *record;
  json_array_foreach(search->records, index, record) {
    const char *path = json_string_value(json_object_get(record, "path"));
    const char *other = json_string_value(json_object_get(record, "owner"));
    if (path && other && strcmp(path, search->path) == 0 && strcmp(other, owner) == 0)
      return record;
  }
  struct hp_cgroup_record empty = {
      .version = search->layout->version, .path = search->path, .owner = (char *)(uintptr_t)owner};
  record = hp_cgroup_record_format(&empty);
  json_array_append_new(search->records, record);
  return record;
}

static void add_place(struct search *search, const char *owner) {
  const struct hp_hierarchy *hierarchy = &search->layout->items[search->hierarchy];
  char *controllers = hp_controllers_format(search->layout->version, hierarchy->controllers);
  /* What lies above was there before, as far as anybody can tell now. */
  json_array_append_new(json_object_get(record_of(search, owner), "places"),
                        json_pack("{s:s, s:s, s:i}", "mount", hierarchy->mount, "controllers", controllers,
                                  "existing", (int)search->depth - 1));
  free(controllers);
}

/* Its path is the beginning of the mark that it lacks. */
static void add_unmarked(struct search *search) {
  char *owner = hp_printf("%s/0", search->path + sizeof HP_CGROUP_OWN);
  add_place(search, owner);
  free(owner);
}

static bool is_own(const struct search *search) {
  return search->depth == OWN_DEPTH && strncmp(search->path, HP_CGROUP_OWN "/", sizeof HP_CGROUP_OWN) == 0;
}

static bool is_idle(int directory, const char *path) {
  struct hp_error occupied = HP_ERROR_INIT;
  bool idle = hp_cgroup_refuse_occupied(directory, path, &occupied) == 0;
  hp_error_clear(&occupied);
  return idle;
}

static int look(int parent, const char *name, void *arg, struct hp_error *err);

/* What lies below a job is the job's. */
static int look_here(struct search *search, int directory, struct hp_error *err) {
  struct hp_error ignored = HP_ERROR_INIT;
  int failed, result = 0;
  char *mark = hp_cgroup_read_mark(directory, &failed);
  if (hp_cgroup_path_check(search->path, &ignored) != 0)
    hp_error_clear(&ignored); /* deeper, or of another name, than any job's */
  else if (mark)
    add_place(search, mark);
  else if (is_own(search) && is_idle(directory, search->path))
    add_unmarked(search);
  else
    result = hp_cgroup_each_child(directory, look, search, err);
  free(mark);
  return result;
}

static int look(int parent, const char *name, void *arg, struct hp_error *err) {
  struct search *search = arg;
  int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (directory < 0)
    return errno == ENOENT ? 0
                           : hp_error_set_os(err, errno, "cannot open the cgroup %s/%s", search->path, name);
  char *above = search->path;
  search->path = hp_printf("%s/%s", above, name);
  search->depth++;
  int result = look_here(search, directory, err);
  search->depth--;
  free(search->path);
  search->path = above;
  hp_close(directory);
  return result;
}

static int find_cgroups(json_t *records, struct hp_error *err) {
  struct hp_cgroup_layout layout;
  struct search search = {.layout = &layout, .path = hp_strdup(""), .records = records};
  int result = hp_cgroup_layout_read(&layout, err);
  for (; result == 0 && search.hierarchy < layout.count; search.hierarchy++) {
    int mount = open(layout.items[search.hierarchy].mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    result = mount < 0 ? hp_error_set_os(err, errno, "cannot open the cgroup hierarchy %s",
                                         layout.items[search.hierarchy].mount)
                       : hp_cgroup_each_child(mount, look, &search, err);
    hp_close(mount);
  }
  free(search.path);
  hp_cgroup_layout_clear(&layout);
  return result;
}

static bool is_claimed(const json_t *claims, const char *path) {
  size_t index;
  const json_t *claim;
  json_array_foreach(claims, index, claim) {
    const char *claimed = json_string_value(json_object_get(claim, "path"));
    if (claimed && strcmp(claimed, path) == 0)
      return true;
  }
  return false;
}

static int find_volumes(const json_t *claims, json_t *records, struct hp_error *err) {
  DIR *list = opendir(HP_VOLUME_BASE);
  if (!list)
    return errno == ENOENT ? 0 : hp_error_set_os(err, errno, "cannot list \"" HP_VOLUME_BASE "\"");
  int result = hp_mount_point_base(false, err);
  for (struct dirent *entry; result == 0 && (entry = readdir(list));) {
    struct stat st;
    if (entry->d_name[0] == '.' || fstatat(dirfd(list), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(st.st_mode))
      continue;
    char *path = hp_printf(HP_VOLUME_BASE "/%s", entry->d_name);
    if (!is_claimed(claims, path))
      json_array_append_new(records,
                            json_pack("{s:s, s:s, s:b}", "kind", "volume", "path", path, "stray", 1));
    free(path);
  }
  closedir(list);
  return result;
}

int hp_find_strays(const json_t *claims, json_t *records, struct hp_error *err) {
  return find_cgroups(records, err) == 0 ? find_volumes(claims, records, err) : -1;
}

/* A living shim is found by the journals it holds. */
bool hp_owner_at_work(const json_t *owner) {
  (void)owner;
  return false;
}
