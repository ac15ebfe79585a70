#include "host/linux/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/crash.h"
#include "base/memory.h"
#include "host/linux/cgroup_tree.h"
#include "host/linux/limits.h"

#define MAKE_TRIES 16

/* ---- the open job ----------------------------------------------------------- */

const struct hp_cgroup_part *hp_cgroup_part(const struct hp_cgroup *cgroup, unsigned controller) {
  for (size_t i = 0; i < cgroup->count; i++)
    if (cgroup->parts[i].controllers & controller)
      return &cgroup->parts[i];
  return NULL;
}

const struct hp_cgroup_part *hp_cgroup_primary(const struct hp_cgroup *cgroup) {
  const struct hp_cgroup_part *freezer = hp_cgroup_part(cgroup, HP_CONTROLLER_FREEZER);
  return freezer != NULL ? freezer : &cgroup->parts[0];
}

int hp_cgroup_open(const struct hp_cgroup_part *part, struct hp_error *err) {
  int directory = open(part->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (directory < 0)
    return hp_error_set_os(err, errno, "cannot open the job's cgroup %s", part->directory);
  return directory;
}

struct hp_cgroup *hp_cgroup_of(const struct host_container *container, struct hp_error *err) {
  if (container->cgroup == NULL)
    hp_error_set(err, HP_FAILED_PRECONDITION, "the container has no control group");
  return container->cgroup;
}

void hp_cgroup_join(const struct hp_cgroup *cgroup, struct hp_cgroup_join *join) {
  *join = (struct hp_cgroup_join){.directory_fd = -1};
  if (cgroup->version == 2) {
    join->directory_fd = cgroup->parts[0].descriptor;
    return;
  }
  for (size_t i = 0; i < cgroup->count; i++)
    join->files[join->count++] = cgroup->parts[i].descriptor;
}

static void cgroup_free(struct hp_cgroup *cgroup) {
  if (cgroup == NULL)
    return;
  for (size_t i = 0; i < cgroup->count; i++) {
    hp_close(cgroup->parts[i].descriptor);
    free(cgroup->parts[i].directory);
  }
  free(cgroup);
}

/* The OOM watch has handles on the loop: host_job_unwatch_oom has ended it. */
void hp_cgroup_clear(struct host_container *container) {
  cgroup_free(container->cgroup);
  container->cgroup = NULL;
}

/* ---- making ------------------------------------------------------------------- */

/* v2: a controller acts below a directory only if the directory hands it on.
 * What cannot be handed on is noticed by the limit that needs it. */
static void enable_controllers(int directory, unsigned wanted) {
  char *text = hp_cgroup_read(directory, "cgroup.subtree_control");
  unsigned enabled = text != NULL ? hp_controllers_parse(2, text, " \n") : 0;
  free(text);
  for (unsigned bit = 1; bit <= wanted; bit <<= 1) {
    if ((wanted & ~enabled & bit) == 0)
      continue;
    char *change = hp_printf("+%s", hp_controller_name(2, bit));
    hp_cgroup_write(directory, "cgroup.subtree_control", change);
    free(change);
  }
}

/* v1: a new cpuset is empty, and nothing can join an empty one. */
static int inherit_cpuset(int parent, int directory, struct hp_error *err) {
  static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char *own = hp_cgroup_read(directory, files[i]);
    char *above = hp_cgroup_read(parent, files[i]);
    int failed = 0;
    if (own == NULL || above == NULL)
      failed = ENOENT;
    else if (strcmp(own, "\n") == 0 && hp_cgroup_write(directory, files[i], above) < 0)
      failed = errno;
    free(own);
    free(above);
    if (failed != 0)
      return hp_error_set_os(err, failed, "cannot hand %s on to the job's cgroup", files[i]);
  }
  return 0;
}

static int prepare_level(const struct hp_cgroup_record *record, const struct hp_cgroup_place *place,
                         int parent, int directory, struct hp_error *err) {
  if (record->version == 1 && (place->controllers & HP_CONTROLLER_CPUSET))
    return inherit_cpuset(parent, directory, err);
  return 0;
}

enum walk_end { WALK_DONE, WALK_AGAIN, WALK_FAILED };

/* One walk from the mount point to the leaf, making what is missing. A parent
 * that another container's release removes under our hands: walk again. */
static enum walk_end make_path(const struct hp_cgroup_record *record, const struct hp_cgroup_place *place,
                               int *leaf, struct hp_error *err) {
  int directory = open(place->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) {
    hp_error_set_os(err, errno, "cannot open the cgroup hierarchy %s", place->mount);
    return WALK_FAILED;
  }
  for (const char *at = record->path; *at == '/';) {
    if (record->version == 2)
      enable_controllers(directory, place->controllers);
    size_t length = strcspn(++at, "/");
    char *name = hp_strndup(at, length);
    at += length;
    int failed = mkdirat(directory, name, 0755) == 0 || errno == EEXIST ? 0 : errno;
    int child = failed == 0 ? openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (failed == 0 && child < 0)
      failed = errno;
    free(name);
    if (failed != 0) {
      hp_close(directory);
      if (failed == ENOENT || failed == ENODEV)
        return WALK_AGAIN;
      hp_error_set_os(err, failed, "cannot make the cgroup %s%.*s", place->mount, (int)(at - record->path),
                      record->path);
      return WALK_FAILED;
    }
    hp_crash_point();
    int prepared = prepare_level(record, place, directory, child, err);
    hp_close(directory);
    directory = child;
    if (prepared < 0) {
      hp_close(directory);
      if (err->os_code != ENOENT && err->os_code != ENODEV)
        return WALK_FAILED;
      hp_error_clear(err);
      return WALK_AGAIN;
    }
  }
  *leaf = directory;
  return WALK_DONE;
}

/* Takes possession: of two who race for one directory the kernel lets one mark it. */
static int mark_leaf(const struct hp_cgroup_record *record, int leaf, struct hp_error *err) {
  if (fsetxattr(leaf, HP_CGROUP_MARK, record->owner, strlen(record->owner), XATTR_CREATE) == 0) {
    if (hp_cgroup_refuse_occupied(leaf, record->path, err) == 0)
      return 0;
    fremovexattr(leaf, HP_CGROUP_MARK);
    return -1;
  }
  if (errno != EEXIST)
    return hp_error_set_os(err, errno,
                           "cannot mark the cgroup %s with its owner (attribute " HP_CGROUP_MARK
                           ", which needs CAP_SYS_ADMIN)",
                           record->path);
  int failed;
  char *mark = hp_cgroup_read_mark(leaf, &failed);
  bool ours = mark != NULL && strcmp(mark, record->owner) == 0;
  free(mark);
  return ours ? 0
              : hp_error_set(err, HP_ALREADY_EXISTS,
                             "linux.cgroupsPath: another container has just taken the cgroup %s: give each "
                             "one its own",
                             record->path);
}

static int make_place(const struct hp_cgroup_record *record, const struct hp_cgroup_place *place,
                      struct hp_cgroup_part *part, struct hp_error *err) {
  int leaf = -1, result = -1;
  enum walk_end end = WALK_AGAIN;
  for (int i = 0; i < MAKE_TRIES && end == WALK_AGAIN; i++)
    end = make_path(record, place, &leaf, err);
  if (end == WALK_AGAIN)
    return hp_error_set(err, HP_UNAVAILABLE, "the directories of cgroup %s%s vanish while they are made",
                        place->mount, record->path);
  if (end == WALK_FAILED)
    return -1;
  part->directory = hp_printf("%s%s", place->mount, record->path);
  part->controllers = place->controllers;
  if (mark_leaf(record, leaf, err) < 0)
    goto done;
  hp_crash_point();
  if (record->version == 2) {
    char *text = hp_cgroup_read(leaf, "cgroup.controllers");
    part->controllers = text != NULL ? hp_controllers_parse(2, text, " \n") : 0;
    free(text);
    part->descriptor = leaf;
    return 0;
  }
  part->descriptor = openat(leaf, "tasks", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  result = part->descriptor >= 0 ? 0 : hp_error_set_os(err, errno, "cannot open %s/tasks", part->directory);

done:
  hp_close(leaf);
  return result;
}

int hp_cgroup_make(struct host_container *container, const json_t *json, bool *known, struct hp_error *err) {
  const char *kind = json_string_value(json_object_get(json, "kind"));
  *known = kind != NULL && strcmp(kind, HP_CGROUP_RECORD_KIND) == 0;
  if (!*known)
    return 0;
  struct hp_cgroup_record record;
  struct hp_cgroup *cgroup = NULL;
  int result = -1;
  if (hp_cgroup_record_parse(json, &record, err) < 0)
    goto done;
  cgroup = hp_alloc(sizeof *cgroup + record.count * sizeof cgroup->parts[0]);
  cgroup->version = record.version;
  for (size_t i = 0; i < record.count; i++) {
    cgroup->parts[i].descriptor = -1;
    cgroup->count++;
    if (make_place(&record, &record.places[i], &cgroup->parts[i], err) < 0)
      goto done;
  }
  if (hp_limits_apply(cgroup, &container->request->spec->limits, err) < 0)
    goto done;
  const struct hp_cgroup_part *memory = hp_cgroup_part(cgroup, HP_CONTROLLER_MEMORY);
  if (memory != NULL)
    cgroup->oom_kills = hp_cgroup_oom_kills(cgroup->version, memory->directory);
  container->cgroup = cgroup;
  cgroup = NULL;
  result = 0;

done:
  cgroup_free(cgroup);
  hp_cgroup_record_clear(&record);
  return result;
}
