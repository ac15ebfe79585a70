#include "host/windows/volume_mounts.h"

#include <stdlib.h>

#include "base/memory.h"
#include "host/host.h"
#include "host/windows/links.h"
#include "host/windows/mount_point.h"
#include "host/windows/silo.h"
#include "host/windows/text.h"
#include "host/windows/walk.h"
#include "host/windows/wide_path.h"
#include "host/windows/winapi.h"
#include "spec/place.h"

#define DRIVE L'C'

static int refuse(const struct hp_mount *mount, size_t index, const char *member, const char *why,
                  struct hp_error *err) {
  const char *value = member[0] == 's' ? mount->source : mount->destination;
  return hp_error_set(err, HP_INVALID_ARGUMENT, "mounts[%zu].%s \"%.256s\" %s", index, member, value, why);
}

static int refuse_kind(const struct hp_mount *mount, size_t index, const char *what, struct hp_error *err) {
  char *why = hp_printf(
      "is %s, which cannot be mounted: remove the mount and reach it by its host path instead", what);
  refuse(mount, index, "source", why, err);
  free(why);
  return -1;
}

static int judge_source(const struct hp_mount *spec, struct hp_volume_mount *mount, struct hp_error *err) {
  char *field = hp_printf("mounts[%zu].source", mount->index);
  mount->source = hp_path_source(spec->source ? spec->source : "", DRIVE, field, err);
  free(field);
  if (!mount->source)
    return -1;
  const char *device = hp_place_device(HP_OS_WINDOWS, spec->source);
  if (device)
    return refuse_kind(spec, mount->index, device, err);
  /* Before anything asks what the path leads to, for a socket cannot be opened. */
  if (hp_link_tag(mount->source) == HP_REPARSE_TAG_AF_UNIX)
    return refuse_kind(spec, mount->index, "a Unix socket", err);
  wchar_t *whole = hp_path_long(mount->source);
  DWORD attributes = GetFileAttributesW(whole), os_code = GetLastError();
  free(whole);
  if (attributes != INVALID_FILE_ATTRIBUTES) {
    mount->directory = (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    return 0;
  }
  if (os_code == ERROR_FILE_NOT_FOUND || os_code == ERROR_PATH_NOT_FOUND)
    return refuse(spec, mount->index, "source", "does not exist on this host: make it, or name another", err);
  hp_error_set_os(err, (int)os_code, "mounts[%zu].source \"%.256s\"", mount->index, spec->source);
  return hp_error_recode(err, HP_FAILED_PRECONDITION);
}

int host_mount_check(const struct hp_mount *mount, size_t index, struct hp_error *err) {
  struct hp_volume_mount asked = {.index = index};
  int result = judge_source(mount, &asked, err);
  free(asked.source);
  return result;
}

int host_bind_check(struct hp_error *err) {
  return hp_silo_probe(err);
}

static int judge_destination(const struct hp_mount *spec, const wchar_t *volume, bool bind,
                             struct hp_volume_mount *mount, struct hp_error *err) {
  char *field = hp_printf("mounts[%zu].destination", mount->index);
  mount->destination = hp_path_place(spec->destination ? spec->destination : "", DRIVE, field, err);
  free(field);
  if (!mount->destination)
    return -1;
  mount->inside = hp_path_below_drive(mount->destination);
  if (!*mount->inside)
    return refuse(spec, mount->index, "destination", hp_place_is_drive, err);
  if (hp_path_lies_in(volume, mount->destination))
    return refuse(spec, mount->index, "destination", hp_place_holds_volume, err);
  mount->in_volume = hp_path_lies_in(mount->destination, volume);
  if (mount->in_volume)
    mount->inside = mount->destination + wcslen(volume) + 1;
  if (!bind || mount->in_volume)
    return 0;
  wchar_t *above = hp_path_parent(mount->destination);
  int result = hp_mount_point_check(above, err);
  free(above);
  if (result != 0)
    return hp_error_wrap(err, "mounts[%zu].destination \"%.256s\"", mount->index, spec->destination);
  wchar_t *whole = hp_path_long(mount->destination);
  DWORD attributes = GetFileAttributesW(whole);
  free(whole);
  if (attributes == INVALID_FILE_ATTRIBUTES ||
      ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) == mount->directory)
    return 0;
  return refuse(spec, mount->index, "destination",
                mount->directory ? "is a file on this host, and what is mounted there is a directory"
                                 : "is a directory on this host, and what is mounted there is a file",
                err);
}

/* Two in one place, or one in the other: a link cannot hold another, which would
 * be made in what it leads to, and a file holds nothing. */
static int judge_overlap(const struct hp_mount *spec, const struct hp_volume_mount *mount,
                         const struct hp_volume_mount *other, bool bind, struct hp_error *err) {
  bool below = hp_path_lies_in(mount->inside, other->inside),
       above = hp_path_lies_in(other->inside, mount->inside);
  if (!below && !above)
    return 0;
  if (bind && below != above && (below ? other : mount)->directory)
    return 0;
  if (bind && below != above)
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "mounts[%zu].destination \"%.256s\" and that of mounts[%zu] lie one in the other, and the "
        "outer one is a file: mount elsewhere",
        mount->index, spec->destination, other->index);
  char *field = hp_printf("mounts[%zu].destination", mount->index);
  hp_place_refuse_pair(below != above, field, spec->destination, "mounts", other->index, err);
  free(field);
  return -1;
}

int hp_volume_mounts_list(const struct hp_container_spec *spec, const wchar_t *volume, bool bind,
                          struct hp_volume_mounts *mounts, struct hp_error *err) {
  *mounts = (struct hp_volume_mounts){0};
  if (hp_mounts_count("mounts", spec->mount_count, err) != 0)
    return -1;
  int result = 0;
  mounts->items = hp_realloc_array(NULL, spec->mount_count, sizeof *mounts->items);
  for (size_t i = 0; i < spec->mount_count && result == 0; i++) {
    struct hp_volume_mount *mount = &mounts->items[mounts->count++];
    *mount = (struct hp_volume_mount){.index = i, .read_only = spec->mounts[i].read_only};
    result = judge_source(&spec->mounts[i], mount, err);
    if (result == 0)
      result = judge_destination(&spec->mounts[i], volume, bind, mount, err);
    for (size_t j = 0; j < i && result == 0; j++)
      result = judge_overlap(&spec->mounts[i], mount, &mounts->items[j], bind, err);
  }
  if (result != 0)
    hp_volume_mounts_clear(mounts);
  return result;
}

void hp_volume_mounts_clear(struct hp_volume_mounts *mounts) {
  for (size_t i = 0; i < mounts->count; i++) {
    free(mounts->items[i].source);
    free(mounts->items[i].destination);
  }
  free(mounts->items);
  *mounts = (struct hp_volume_mounts){0};
}

/* ---- making ------------------------------------------------------------------------ */

static int wrap(const struct hp_volume_mount *mount, struct hp_error *err) {
  char *destination = hp_narrow(mount->destination);
  if (err->code == HP_NOT_FOUND) /* of a file on the host, not of a container */
    hp_error_recode(err, HP_FAILED_PRECONDITION);
  hp_error_wrap(err, "mounts[%zu].destination \"%s\"", mount->index, destination);
  free(destination);
  return -1;
}

static int bind_mount(const struct hp_volume_mount *mount, HANDLE job, const wchar_t *volume, HANDLE root,
                      struct hp_error *err) {
  /* There for whoever lists the volume; and whether a link leads out of it is seen here. */
  if (hp_walk_make(root, mount->inside, mount->directory, err) != 0)
    return -1;
  wchar_t *place = hp_path_join(volume, mount->inside);
  int result = hp_silo_bind(job, place, mount->source, mount->read_only, err);
  free(place);
  if (result == 0 && !mount->in_volume)
    result = hp_silo_bind(job, mount->destination, mount->source, mount->read_only, err);
  return result;
}

int hp_volume_mounts_bind(const struct hp_volume_mounts *mounts, HANDLE job, const wchar_t *volume,
                          HANDLE root, struct hp_error *err) {
  for (size_t i = 0; i < mounts->count; i++)
    if (bind_mount(&mounts->items[i], job, volume, root, err) != 0)
      return wrap(&mounts->items[i], err);
  return 0;
}

int hp_volume_mounts_link(const struct hp_volume_mounts *mounts, HANDLE root, struct hp_error *err) {
  for (size_t i = 0; i < mounts->count; i++) {
    const struct hp_volume_mount *mount = &mounts->items[i];
    const wchar_t *leaf;
    HANDLE parent;
    if (hp_walk_parent(root, mount->inside, true, &parent, &leaf, err) != 0)
      return wrap(mount, err);
    int result = hp_link_make(parent, leaf, mount->source, mount->directory, err);
    CloseHandle(parent);
    if (result != 0)
      return wrap(mount, err);
  }
  return 0;
}
