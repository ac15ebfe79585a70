#include "spec/place.h"

#include <stdlib.h>
#include <string.h>

#include "spec/text.h"

#define LENGTH_MAX 32000

/* ---- the grammar -------------------------------------------------------------------- */

bool hp_place_has_drive(const char *path) {
  char letter = (char)(path[0] | 0x20);
  return letter >= 'a' && letter <= 'z' && path[1] == ':';
}

char *hp_place_spell(enum hp_os os, const char *path) {
  const char *separators = os == HP_OS_LINUX ? "/" : "\\/";
  char *place = hp_alloc(strlen(path) + sizeof "C:\\"), *root = place, *to;
  if (os == HP_OS_WINDOWS) {
    bool drive = hp_place_has_drive(path);
    *root++ = drive ? (char)(*path & ~0x20) : 'C';
    *root++ = ':';
    path += drive ? 2 : 0;
  }
  for (to = root; *(path += strspn(path, separators));) {
    size_t length = strcspn(path, separators);
    if (length == 2 && path[0] == '.' && path[1] == '.') {
      while (to > root && *--to != *separators)
        ;
    } else if (length != 1 || *path != '.') {
      *to++ = *separators;
      memcpy(to, path, length);
      to += length;
    }
    path += length;
  }
  if (to == root)
    *to++ = *separators;
  *to = 0; /* ".." may have left something behind it */
  return place;
}

/* CON, NUL.txt, COM1, LPT¹ … name devices in every directory. */
static bool is_device(const char *name) {
  static const char *const plain[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
  size_t length = strcspn(name, ".\\");
  while (length > 0 && name[length - 1] == ' ')
    length--;
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
    if (strlen(plain[i]) == length && hp_text_starts(name, plain[i]))
      return true;
  if (!hp_text_starts(name, "COM") && !hp_text_starts(name, "LPT"))
    return false;
  const char *port = name + strlen("COM");
  if (length == strlen("COM1"))
    return *port >= '1' && *port <= '9';
  return length == strlen("COM\xc2\xb9") &&
         (hp_text_starts(port, "\xc2\xb9") || hp_text_starts(port, "\xc2\xb2") ||
          hp_text_starts(port, "\xc2\xb3"));
}

static const char *fault_of_names(const char *place) {
  for (const char *name = place + strlen("C:\\");;) {
    size_t length = strcspn(name, "\\");
    if (name[0] && strchr(". ", name[length - 1]))
      return "has a name that ends in a dot or a space, which Windows drops: remove it";
    if (is_device(name))
      return "has a name that Windows keeps for a device: choose another";
    if (!name[length])
      return NULL;
    name += length + 1;
  }
}

/* Why it is none; NULL: it is one. */
static const char *fault(enum hp_os os, const char *path, const char *place) {
  const char *rest = os == HP_OS_WINDOWS && hp_place_has_drive(path) ? path + 2 : path;
  if (strlen(path) > LENGTH_MAX)
    return "is longer than 32000 bytes";
  if (hp_text_climbs(rest, os == HP_OS_LINUX ? "/" : "\\/"))
    return "holds \"..\": name the place itself";
  if (os == HP_OS_LINUX)
    return NULL;
  if (strspn(path, "\\/") > 1)
    return "is a device or network path: name a path of a drive, as C:\\data";
  if (strchr(rest, ':'))
    return "holds a colon behind its drive: streams cannot be mounted on";
  if (hp_text_has_control(path) || strpbrk(path, "\"*<>?|"))
    return "holds a character that Windows forbids in names: remove any of \" * < > ? | and control "
           "characters";
  return fault_of_names(place);
}

char *hp_place(enum hp_os os, const char *path, const char *field, struct hp_error *err) {
  char *place = hp_place_spell(os, path);
  const char *why = fault(os, path, place);
  if (!why)
    return place;
  if (field)
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s \"%.256s\" %s", field, path, why);
  free(place);
  return NULL;
}

char *hp_place_of_volume(enum hp_os os, const char *location) {
  return hp_place_spell(os, location ? location : os == HP_OS_LINUX ? "/hpc" : "C:\\hpc");
}

bool hp_place_lies_in(enum hp_os os, const char *path, const char *directory) {
  size_t length = strlen(directory);
  if (os == HP_OS_LINUX ? strncmp(path, directory, length) != 0 : !hp_text_starts(path, directory))
    return false;
  return strchr(os == HP_OS_LINUX ? "/" : "\\", path[length]) != NULL; /* or its end */
}

/* ---- what is said of them --------------------------------------------------------- */

const char hp_place_is_root[] = "is the root, which cannot be mounted over: name a directory below";
const char hp_place_is_drive[] =
    "is the root of a drive, which cannot be mounted over: name a directory below";
const char hp_place_holds_volume[] = "is the container volume or holds it: mount below it or elsewhere";

int hp_place_refuse_pair(bool nested, const char *field, const char *destination, const char *list,
                         size_t other, struct hp_error *err) {
  return hp_error_set(
      err, HP_INVALID_ARGUMENT,
      nested ? "%s \"%.256s\" and that of %s[%zu] lie one in the other, which links cannot: mount "
               "elsewhere, or choose the mount behavior bind"
             : "%s \"%.256s\" is that of %s[%zu] too: mount one of them elsewhere",
      field, destination, list, other);
}

int hp_mounts_count(const char *list, size_t count, struct hp_error *err) {
  if (count <= HP_MOUNTS_MAX)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT, "%s has %zu entries, at most %d are possible: leave some out",
                      list, count, HP_MOUNTS_MAX);
}

/* ---- system mounts -------------------------------------------------------------- */

bool hp_mount_is_bind(const struct hp_mount *mount) {
  bool bind = !mount->type || !*mount->type || hp_text_is_among(mount->type, "none\0bind\0rbind\0");
  for (size_t i = 0; i < mount->options.count; i++)
    bind |= hp_text_is_among(mount->options.items[i], "bind\0rbind\0");
  return bind;
}

static bool is_same(const char *source, const char *place) {
  char *from = hp_place_spell(HP_OS_LINUX, source);
  bool same = strcmp(from, place) == 0;
  free(from);
  return same;
}

bool hp_mount_is_hosts_own(enum hp_os os, const struct hp_mount *mount, const char *place) {
  if (os != HP_OS_LINUX)
    return false;
  bool device = hp_place_lies_in(os, place, "/dev");
  if (hp_mount_is_bind(mount)) /* of the host's own, at its own place */
    return (device || hp_place_lies_in(os, place, "/proc") || hp_place_lies_in(os, place, "/sys")) &&
           mount->source && is_same(mount->source, place);
  /* A tmpfs on /run is in the default spec of `ctr` and containerd's client; it
   * would hide the host's sockets. */
  return hp_text_is_among(mount->type, "proc\0sysfs\0devpts\0mqueue\0cgroup\0cgroup2\0") ||
         (strcmp(mount->type, "tmpfs") == 0 && (device || strcmp(place, "/run") == 0));
}

/* ---- what is no place ------------------------------------------------------------------ */

/* Past the separators of a path and its first name, whose length without the dots and
 * spaces at its end, which Windows drops, is *length. */
static const char *take_name(const char *path, const char **name, size_t *length) {
  *name = path + strspn(path, "/\\");
  const char *end = *name + strcspn(*name, "/\\");
  for (*length = (size_t)(end - *name); *length > 0 && strchr(". ", (*name)[*length - 1]);)
    --*length;
  return end;
}

static bool is_next(const char *path, const char *wanted) {
  const char *name;
  size_t length;
  take_name(path, &name, &length);
  return length == strlen(wanted) && hp_text_starts(name, wanted);
}

/* Below the device prefix a drive or a volume needs a separator behind it: without, it
 * is the device itself. */
static bool is_disk(const char *path) {
  const char *name, *end;
  size_t length;
  end = take_name(path, &name, &length);
  return *end && ((hp_place_has_drive(name) && length == 2) ||
                  (hp_text_starts(name, "Volume{") && name[length - 1] == '}'));
}

const char *hp_place_device(enum hp_os os, const char *source) {
  const char *rest = source + 2, *name;
  size_t length;
  if (strspn(source, os == HP_OS_LINUX ? "\\" : "/\\") < 2)
    return NULL;
  if (hp_text_climbs(source, "/\\"))
    return "a device path";
  if ((*rest == '.' || *rest == '?') && (rest[1] == '/' || rest[1] == '\\')) {
    if (is_next(rest + 1, "pipe"))
      return "a named pipe";
    if (is_disk(rest + 1))
      return NULL;
    if (!is_next(rest + 1, "UNC"))
      return "a device path";
    rest = take_name(rest + 1, &name, &length);
  }
  rest = take_name(rest, &name, &length); /* the server */
  return is_next(rest, "pipe") || is_next(rest, "IPC$") ? "a named pipe" : NULL;
}
