#include "host/windows/mount_point.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <sddl.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/ledger.h"
#include "host/owner.h"
#include "host/windows/links.h"
#include "host/windows/text.h"
#include "host/windows/walk.h"
#include "host/windows/wide_path.h"

/* Containers run as all kinds of accounts, and may look. */
#define MADE L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)"

static const char *const type_names[] = {"directory", "volume"};

/* The path of a point or claim, owned; NULL: it is none that was ever made here. */
static wchar_t *path_of(const json_t *point) {
  const char *path = json_string_value(json_object_get(point, "path"));
  struct hp_error ignored = HP_ERROR_INIT;
  wchar_t *place = path ? hp_path_place(path, L'C', "path", &ignored) : NULL;
  hp_error_clear(&ignored);
  if (place && *hp_path_below_drive(place))
    return place;
  free(place);
  return NULL;
}

static int type_of(const json_t *point) {
  const char *name = json_string_value(json_object_get(point, "type"));
  for (int type = 0; name && type < 2; type++)
    if (strcmp(name, type_names[type]) == 0)
      return type;
  return -1;
}

json_t *hp_mount_point_describe(const wchar_t *path, enum hp_mount_point_type type) {
  char *utf8 = hp_narrow(path);
  json_t *point = json_pack("{s:s, s:s}", "path", utf8, "type", type_names[type]);
  free(utf8);
  return point;
}

static DWORD attributes_of(const wchar_t *path) {
  wchar_t *whole = hp_path_long(path);
  DWORD attributes = GetFileAttributesW(whole);
  free(whole);
  return attributes;
}

int hp_mount_point_check(const wchar_t *directory, struct hp_error *err) {
  const wchar_t *at = directory;
  wchar_t *above = NULL;
  DWORD attributes;
  while ((attributes = attributes_of(at)) == INVALID_FILE_ATTRIBUTES) {
    wchar_t *next = hp_path_parent(at);
    if (!next)
      break;
    free(above);
    at = above = next;
  }
  int result = 0;
  if (attributes == INVALID_FILE_ATTRIBUTES || !(attributes & FILE_ATTRIBUTE_DIRECTORY)) {
    char *shown = hp_narrow(at);
    result = hp_error_set(err, HP_FAILED_PRECONDITION, "\"%s\" is not a directory of this host", shown);
    free(shown);
  }
  free(above);
  return result;
}

/* ---- claims ---------------------------------------------------------------------- */

/* A claim on path by owner or, others, by anybody else; owner NULL: by anybody. What
 * is claimed is a place as it is written here: there may be thousands to compare with. */
static const json_t *find_claim(const json_t *claims, const wchar_t *path, const json_t *owner, bool others) {
  char *wanted = hp_narrow(path);
  const json_t *found = NULL;
  for (size_t i = 0; i < json_array_size(claims) && !found; i++) {
    const json_t *claim = json_array_get(claims, i);
    const char *claimed = json_string_value(json_object_get(claim, "path"));
    if (claimed && _stricmp(claimed, wanted) == 0 && hp_ledger_is(claim, HP_MOUNT_POINT_CLAIM, NULL) &&
        (!owner || (json_equal(json_object_get(claim, "owner"), owner) == 0) == others))
      found = claim;
  }
  free(wanted);
  return found;
}

static int refuse_volume(const wchar_t *path, const json_t *claim, struct hp_error *err) {
  char *who = claim ? hp_ledger_owner_name(json_object_get(claim, "owner")) : NULL, *shown = hp_narrow(path);
  if (who)
    hp_error_set(err, HP_ALREADY_EXISTS, "the container volume \"%s\" is that of container %s", shown, who);
  else
    hp_error_set(err, HP_ALREADY_EXISTS,
                 "the container volume's place \"%s\" exists already and is no container's; remove it",
                 shown);
  free(who);
  free(shown);
  return -1;
}

static int claim_component(struct hp_ledger *ledger, const json_t *owner, const wchar_t *path, int type,
                           bool *changed, struct hp_error *err) {
  const json_t *claims = hp_ledger_claims(ledger);
  const json_t *others = find_claim(claims, path, owner, true);
  bool mine = find_claim(claims, path, owner, false) != NULL;
  bool exists = attributes_of(path) != INVALID_FILE_ATTRIBUTES;
  if (type == HP_MOUNT_POINT_VOLUME && (others || (exists && !mine)))
    return refuse_volume(path, others, err);
  if ((!exists || others) && !mine) {
    hp_ledger_add(ledger, HP_MOUNT_POINT_CLAIM, owner,
                  hp_mount_point_describe(path, (enum hp_mount_point_type)type));
    *changed = true;
  }
  return 0;
}

/* Calls for each directory on the way, outermost first; `path` is cut and mended. */
static int claim_point(struct hp_ledger *ledger, const json_t *owner, const json_t *point, bool *changed,
                       struct hp_error *err) {
  wchar_t *path = path_of(point);
  int type = type_of(point), result = 0;
  if (!path || type < 0)
    result = hp_error_set(err, HP_INTERNAL, "a record's mount point has no path of a drive or no type");
  for (wchar_t *end = path ? path + 3 : NULL; result == 0 && end;) {
    end = wcschr(end, L'\\');
    if (end)
      *end = 0;
    result = claim_component(ledger, owner, path, end ? HP_MOUNT_POINT_DIRECTORY : type, changed, err);
    if (end)
      *end++ = L'\\';
  }
  free(path);
  return result;
}

/* ---- making ------------------------------------------------------------------------- */

/* One directory below another that is held open. A link that leads to a
 * directory is the administrator's and may stand on the way, but nothing is made
 * beyond it. */
static int make_directory(HANDLE *at, const wchar_t *name, PSECURITY_DESCRIPTOR security,
                          struct hp_error *err) {
  const struct hp_walk_how how = {FILE_GENERIC_READ | FILE_TRAVERSE, FILE_DIRECTORY_FILE, FILE_OPEN_IF,
                                  security};
  HANDLE next = NULL;
  bool made;
  NTSTATUS status = hp_walk_open_at(*at, name, &how, &next, &made);
  if (status < 0) {
    char *shown = hp_narrow(name);
    hp_error_set(err, HP_FAILED_PRECONDITION,
                 "the directory \"%s\" cannot be made or opened (status 0x%08lx)", shown,
                 (unsigned long)status);
    free(shown);
    return -1;
  }
  CloseHandle(*at);
  *at = next;
  return made ? 0 : hp_walk_refuse_link(next, name, err);
}

static int make_path(wchar_t *path, PSECURITY_DESCRIPTOR security, struct hp_error *err) {
  HANDLE at = NULL;
  if (attributes_of(path) != INVALID_FILE_ATTRIBUTES)
    return 0;
  wchar_t drive[] = {path[0], L':', L'\\', 0};
  int result = hp_walk_open_root(drive, &at, err);
  wchar_t *rest = path + 3, *end;
  while (result == 0 && rest) {
    end = wcschr(rest, L'\\');
    if (end)
      *end = 0;
    result = make_directory(&at, rest, security, err);
    if (end)
      *end++ = L'\\';
    rest = end;
  }
  if (at)
    CloseHandle(at);
  if (result == 0)
    return 0;
  char *shown = hp_narrow(path);
  hp_error_wrap(err, "the mount point \"%s\"", shown);
  free(shown);
  return -1;
}

static int make_points(const json_t *points, struct hp_error *err) {
  PSECURITY_DESCRIPTOR security = NULL;
  int result = 0;
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(MADE, SDDL_REVISION_1, &security, NULL))
    return hp_error_set_os(err, (int)GetLastError(), "the security descriptor of a mount point");
  for (size_t i = 0; i < json_array_size(points) && result == 0; i++) {
    wchar_t *path = path_of(json_array_get(points, i));
    result = make_path(path, security, err);
    free(path);
  }
  LocalFree(security);
  return result;
}

int hp_mount_points_make(const json_t *owner, const json_t *points, struct hp_error *err) {
  struct hp_ledger *ledger;
  bool changed = false;
  int result = 0;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  for (size_t i = 0; i < json_array_size(points) && result == 0; i++)
    result = claim_point(ledger, owner, json_array_get(points, i), &changed, err);
  if (result == 0 && changed)
    result = hp_ledger_save(ledger, err);
  if (result == 0)
    result = make_points(points, err);
  hp_ledger_close(ledger);
  return result;
}

/* ---- removing -------------------------------------------------------------------------- */

static bool means_absent(DWORD os_code) {
  return os_code == ERROR_FILE_NOT_FOUND || os_code == ERROR_PATH_NOT_FOUND;
}

/* Anybody may look at a mount point, or make it his working directory, and nobody
 * can remove it then. That is to keep no container from its end: the claim stays. */
static bool means_held(DWORD os_code) {
  return os_code == ERROR_SHARING_VIOLATION || os_code == ERROR_ACCESS_DENIED ||
         os_code == ERROR_DELETE_PENDING;
}

/* A volume's mount point must be told apart from an empty directory: removing
 * the latter is for mount points' release. */
static int unmount(const wchar_t *path, bool *held, struct hp_error *err) {
  if (hp_link_tag(path) == 0)
    return 0;
  wchar_t *slashed = hp_path_join(path, L"");
  wchar_t volume[64];
  const char *call = "DeleteVolumeMountPointW";
  BOOL gone;
  if (GetVolumeNameForVolumeMountPointW(slashed, volume, 64))
    gone = DeleteVolumeMountPointW(slashed);
  else {
    call = "RemoveDirectoryW";
    gone = RemoveDirectoryW(path); /* the link itself */
  }
  DWORD os_code = GetLastError();
  free(slashed);
  if (gone || means_absent(os_code))
    return 0;
  *held = means_held(os_code);
  char *shown = hp_narrow(path);
  hp_error_set_os(err, (int)os_code, "the container volume \"%s\" cannot be taken away: %s", shown, call);
  free(shown);
  return -1;
}

/* *held: a failure that is no more than that somebody has it open. */
static int remove_point(const wchar_t *path, int type, bool *held, struct hp_error *err) {
  if (type == HP_MOUNT_POINT_VOLUME && unmount(path, held, err) != 0)
    return -1;
  wchar_t *whole = hp_path_long(path);
  BOOL gone = RemoveDirectoryW(whole);
  DWORD os_code = GetLastError();
  free(whole);
  if (gone || means_absent(os_code))
    return 0;
  *held = means_held(os_code);
  char *shown = hp_narrow(path);
  int result = 0;
  if (os_code == ERROR_DIR_NOT_EMPTY || os_code == ERROR_DIRECTORY)
    hp_log(HP_LOG_WARNING, NULL, "the mount point \"%s\" is not empty any more and stays", shown);
  else
    result = hp_error_set_os(err, (int)os_code, "RemoveDirectoryW of the mount point \"%s\"", shown);
  free(shown);
  return result;
}

/* The deepest of owner's claims that was not tried yet: its index, or -1. */
static int next_claim(const json_t *claims, const json_t *owner) {
  int deepest = -1;
  size_t longest = 0;
  for (size_t i = 0; i < json_array_size(claims); i++) {
    const json_t *claim = json_array_get(claims, i);
    if (!hp_ledger_is(claim, HP_MOUNT_POINT_CLAIM, owner) || json_object_get(claim, "tried"))
      continue;
    const char *path = json_string_value(json_object_get(claim, "path"));
    size_t length = path ? strlen(path) : 0;
    if (deepest >= 0 && length <= longest)
      continue;
    deepest = (int)i;
    longest = length;
  }
  return deepest;
}

/* Whether one below it could not be removed: it will be tried again, and then so is this. */
static bool holds_failed(const json_t *claims, const wchar_t *path) {
  char *above = hp_narrow(path);
  size_t length = strlen(above);
  bool holds = false;
  for (size_t i = 0; i < json_array_size(claims) && !holds; i++) {
    const json_t *claim = json_array_get(claims, i);
    const char *below =
        json_object_get(claim, "tried") ? json_string_value(json_object_get(claim, "path")) : NULL;
    holds = below && _strnicmp(below, above, length) == 0 && below[length] == '\\';
  }
  free(above);
  return holds;
}

static void say_held(const struct hp_error *why) {
  hp_log(HP_LOG_WARNING, NULL,
         "a mount point stays until whoever has it open lets go of it, and another container is made or gc "
         "runs: %s",
         why->message);
}

/* Removes and forgets; a claim whose removal failed stays for the next release or sweep. */
static int release_claims(json_t *claims, const json_t *owner, bool *changed, struct hp_error *err) {
  int result = 0, next;
  while ((next = next_claim(claims, owner)) >= 0) {
    json_t *claim = json_array_get(claims, (size_t)next);
    struct hp_error why = HP_ERROR_INIT;
    wchar_t *path = path_of(claim);
    bool ours = path && !find_claim(claims, path, owner, true), holds = ours && holds_failed(claims, path);
    bool held = false;
    int removed = ours && !holds ? remove_point(path, type_of(claim), &held, &why) : 0;
    free(path);
    if (removed == 0 && !holds) {
      *changed = json_array_remove(claims, (size_t)next) == 0 || *changed;
      continue;
    }
    json_object_set_new(claim, "tried", json_true());
    if (held)
      say_held(&why);
    else if (result == 0 && !holds)
      result = hp_error_move(err, &why);
    hp_error_clear(&why);
  }
  for (size_t i = 0; i < json_array_size(claims); i++)
    json_object_del(json_array_get(claims, i), "tried");
  return result;
}

int hp_mount_points_release(const json_t *owner, struct hp_error *err) {
  struct hp_ledger *ledger;
  json_t *claims;
  bool changed = false;
  /* Without the lock first: most containers claim nothing. */
  if (hp_ledger_read(&claims, err) != 0)
    return -1;
  bool any = next_claim(claims, owner) >= 0;
  json_decref(claims);
  if (!any)
    return 0;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  int result = release_claims(hp_ledger_claims(ledger), owner, &changed, err);
  if (changed) {
    struct hp_error why = HP_ERROR_INIT;
    if (hp_ledger_save(ledger, &why) != 0 && result == 0)
      result = hp_error_move(err, &why);
    hp_error_clear(&why);
  }
  hp_ledger_close(ledger);
  return result;
}

int hp_mount_point_unmount(const json_t *owner, const wchar_t *path, struct hp_error *err) {
  json_t *claims;
  if (hp_ledger_read(&claims, err) != 0)
    return -1;
  const json_t *claim = find_claim(claims, path, owner, false);
  struct hp_error why = HP_ERROR_INIT;
  bool held = false;
  int result = claim && type_of(claim) == HP_MOUNT_POINT_VOLUME ? unmount(path, &held, &why) : 0;
  if (held)
    say_held(&why);
  else if (result != 0)
    hp_error_move(err, &why);
  hp_error_clear(&why);
  json_decref(claims);
  return held ? 0 : result;
}

int hp_mount_point_reclaim(const wchar_t *path, struct hp_error *err) {
  struct hp_ledger *ledger;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  bool held = false;
  int result = find_claim(hp_ledger_claims(ledger), path, NULL, false)
                   ? 0
                   : remove_point(path, HP_MOUNT_POINT_VOLUME, &held, err);
  hp_ledger_close(ledger);
  return result;
}
