#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/xattr.h>

#include "base/memory.h"
#include "host/linux/cgroup.h"
#include "host/linux/cgroup_path.h"
#include "host/linux/cgroup_tree.h"
#include "host/linux/limits.h"

#define MARK_MAX 1024

char *hp_cgroup_read_mark(int directory, int *failed) {
  char mark[MARK_MAX];
  *failed = 0;
  ssize_t length = fgetxattr(directory, HP_CGROUP_MARK, mark, sizeof mark);
  if (length >= 0)
    return hp_strndup(mark, (size_t)length);
  if (errno != ENODATA)
    *failed = errno;
  return NULL;
}

int hp_cgroup_refuse_occupied(int directory, const char *path, struct hp_error *err) {
  struct hp_pids pids = {0};
  int result = hp_cgroup_pids(directory, &pids, err);
  if (result == 0 && pids.count > 0)
    result = hp_error_set(err, HP_FAILED_PRECONDITION,
                          "linux.cgroupsPath: the cgroup %s exists and has processes in it (%zu, one is pid "
                          "%d): give the container a cgroup of its own",
                          path, pids.count, (int)pids.items[0]);
  hp_pids_clear(&pids);
  return result;
}

static int refuse_foreign(int directory, const char *path, bool leaf, struct hp_error *err) {
  int failed;
  char *mark = hp_cgroup_read_mark(directory, &failed);
  if (mark == NULL)
    return 0;
  char *slash = strrchr(mark, '/');
  if (slash != NULL)
    *slash = '\0'; /* the random part says nothing to people */
  if (leaf)
    hp_error_set(err, HP_ALREADY_EXISTS,
                 "linux.cgroupsPath: the cgroup %s is that of container %s: give this one its own (or, if "
                 "that container is gone, remove the cgroup)",
                 path, mark);
  else
    hp_error_set(err, HP_FAILED_PRECONDITION,
                 "linux.cgroupsPath: the cgroup %s lies above and is that of container %s: a job cannot lie "
                 "within another's",
                 path, mark);
  free(mark);
  return -1;
}

/* An ancestor with processes of its own is somebody's job. On v1 only the
 * primary hierarchy can tell: in others systemd itself leaves processes in
 * slices. */
static int refuse_busy_ancestor(int directory, const char *path, struct hp_error *err) {
  char *text = hp_cgroup_read(directory, "cgroup.procs");
  bool busy = text != NULL && *text != '\0';
  long pid = busy ? strtol(text, NULL, 10) : 0;
  free(text);
  if (!busy)
    return 0;
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      "linux.cgroupsPath: the cgroup %s lies above and has processes in it (one is pid %ld): "
                      "a job cannot lie within another's",
                      path, pid);
}

/* Looks at each directory of the path; *existing counts those that are there. */
static int survey(const struct hp_hierarchy *hierarchy, bool primary, const char *path, unsigned *existing,
                  struct hp_error *err) {
  *existing = 0;
  int directory = open(hierarchy->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = -1;
  if (directory < 0)
    return hp_error_set_os(err, errno, "cannot open the cgroup hierarchy %s", hierarchy->mount);
  for (const char *at = path; *at == '/'; (*existing)++) {
    size_t length = strcspn(++at, "/");
    char *name = hp_strndup(at, length), *so_far = hp_strndup(path, (size_t)(at - path) + length);
    at += length;
    int child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int failed = child < 0 ? errno : 0;
    hp_close(directory);
    directory = child;
    bool leaf = *at == '\0';
    if (failed != 0 && failed != ENOENT)
      hp_error_set_os(err, failed, "linux.cgroupsPath: cannot open the cgroup %s%s", hierarchy->mount,
                      so_far);
    bool bad = failed != 0 ? failed != ENOENT
                           : refuse_foreign(child, so_far, leaf, err) < 0 ||
                                 (leaf && hp_cgroup_refuse_occupied(child, so_far, err) < 0) ||
                                 (!leaf && primary && refuse_busy_ancestor(child, so_far, err) < 0);
    free(name);
    free(so_far);
    if (bad)
      goto done;
    if (failed == ENOENT)
      break;
  }
  result = 0;

done:
  hp_close(directory);
  return result;
}

static int make_owner(const char *namespace_name, const char *id, char **owner, struct hp_error *err) {
  uint64_t random;
  if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
    return hp_error_set_os(err, errno, "cannot draw a random number for the cgroup's mark");
  *owner = hp_printf("%.255s/%.255s/%016llx", namespace_name, id, (unsigned long long)random);
  return 0;
}

static size_t primary_index(const struct hp_cgroup_layout *layout) {
  for (size_t i = 0; i < layout->count; i++)
    if (layout->items[i].controllers & HP_CONTROLLER_FREEZER)
      return i;
  return 0;
}

static int check_limits(const struct hp_cgroup_layout *layout, const struct hp_limits *limits,
                        struct hp_error *err) {
  unsigned controllers = 0;
  for (size_t i = 0; i < layout->count; i++)
    controllers |= layout->items[i].controllers;
  return hp_limits_check(layout->version, controllers, limits, err);
}

/* Whether the cgroup is another's is not asked: it may be this container's, which runs. */
int hp_cgroup_check(const struct host_container_request *request, struct hp_error *err) {
  struct hp_cgroup_layout layout;
  char *path = NULL;
  int result = hp_cgroup_layout_read(&layout, err);
  if (result == 0)
    result = hp_cgroup_path(request->spec->cgroups_path, request->namespace_name, request->id, &path, err);
  if (result == 0)
    result = check_limits(&layout, &request->spec->limits, err);
  free(path);
  hp_cgroup_layout_clear(&layout);
  return result;
}

int hp_cgroup_plan(struct host_container *container, const struct host_container_request *request,
                   json_t *records, struct hp_error *err) {
  (void)container;
  struct hp_cgroup_layout layout;
  struct hp_cgroup_record record = {0};
  int result = -1;
  if (hp_cgroup_layout_read(&layout, err) < 0 ||
      hp_cgroup_path(request->spec->cgroups_path, request->namespace_name, request->id, &record.path, err) <
          0 ||
      make_owner(request->namespace_name, request->id, &record.owner, err) < 0)
    goto done;
  record.version = layout.version;
  for (size_t i = 0; i < layout.count; i++) {
    struct hp_cgroup_place *place = &record.places[record.count++];
    place->mount = hp_strdup(layout.items[i].mount);
    place->controllers = layout.items[i].controllers;
    if (survey(&layout.items[i], i == primary_index(&layout), record.path, &place->existing, err) < 0)
      goto done;
  }
  if (check_limits(&layout, &request->spec->limits, err) < 0)
    goto done;
  json_array_append_new(records, hp_cgroup_record_format(&record));
  result = 0;

done:
  hp_cgroup_record_clear(&record);
  hp_cgroup_layout_clear(&layout);
  return result;
}

/* ---- the record ------------------------------------------------------------- */

json_t *hp_cgroup_record_format(const struct hp_cgroup_record *record) {
  json_t *places = json_array();
  for (size_t i = 0; i < record->count; i++) {
    const struct hp_cgroup_place *place = &record->places[i];
    char *controllers = hp_controllers_format(record->version, place->controllers);
    json_array_append_new(places, json_pack("{s:s, s:s, s:i}", "mount", place->mount, "controllers",
                                            controllers, "existing", (int)place->existing));
    free(controllers);
  }
  return json_pack("{s:s, s:i, s:s, s:s, s:o}", "kind", HP_CGROUP_RECORD_KIND, "version",
                   (int)record->version, "path", record->path, "owner", record->owner, "places", places);
}

static int parse_place(const json_t *json, unsigned version, struct hp_cgroup_place *place,
                       struct hp_error *err) {
  const char *mount, *controllers;
  int existing;
  json_error_t why;
  if (json_unpack_ex((json_t *)json, &why, JSON_STRICT, "{s:s, s:s, s:i}", "mount", &mount, "controllers",
                     &controllers, "existing", &existing) < 0)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "cgroup record: a place is damaged: %s", why.text);
  if (mount[0] != '/' || strlen(mount) >= PATH_MAX / 2 || existing < 0 || existing > HP_CGROUP_DEPTH_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "cgroup record: a place has the mount point \"%.128s\" and %d directories", mount,
                        existing);
  place->mount = hp_strdup(mount);
  place->controllers = hp_controllers_parse(version, controllers, ",");
  place->existing = (unsigned)existing;
  return 0;
}

int hp_cgroup_record_parse(const json_t *json, struct hp_cgroup_record *record, struct hp_error *err) {
  *record = (struct hp_cgroup_record){0};
  const char *kind, *path, *owner;
  int version;
  json_t *places;
  json_error_t why;
  if (json_unpack_ex((json_t *)json, &why, JSON_STRICT, "{s:s, s:i, s:s, s:s, s:o}", "kind", &kind, "version",
                     &version, "path", &path, "owner", &owner, "places", &places) < 0)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "cgroup record is damaged: %s", why.text);
  size_t count = json_array_size(places);
  if ((version != 1 && version != 2) || count == 0 || count > HP_CGROUP_V1_MAX ||
      (version == 2 && count != 1) || *owner == '\0' || strlen(owner) >= MARK_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "cgroup record is damaged: version %d, %zu places, an owner of %zu bytes", version,
                        count, strlen(owner));
  if (hp_cgroup_path_check(path, err) < 0)
    return hp_error_wrap(err, "cgroup record");
  record->version = (unsigned)version;
  record->path = hp_strdup(path);
  record->owner = hp_strdup(owner);
  for (size_t i = 0; i < count; i++)
    if (parse_place(json_array_get(places, i), record->version, &record->places[record->count++], err) < 0)
      return -1;
  return 0;
}

void hp_cgroup_record_clear(struct hp_cgroup_record *record) {
  for (size_t i = 0; i < record->count; i++)
    free(record->places[i].mount);
  free(record->path);
  free(record->owner);
  *record = (struct hp_cgroup_record){0};
}
