#include "spec/location.h"

#include <stdlib.h>
#include <string.h>

#include "spec/text.h"

bool hp_location_is_valid(enum hp_os os, const char *path) {
  if (hp_text_has_control(path) || strlen(path) > HP_LOCATION_MAX)
    return false;
  if (os == HP_OS_LINUX)
    return path[0] == '/' && path[strspn(path, "/.")] != 0 && !hp_text_climbs(path, "/");
  bool drive = ((path[0] >= 'a' && path[0] <= 'z') || (path[0] >= 'A' && path[0] <= 'Z')) && path[1] == ':' &&
               (path[2] == '\\' || path[2] == '/');
  return drive && path[3 + strspn(path + 3, "/\\. ")] != 0 && !strpbrk(path + 2, ":*?\"<>|") &&
         !hp_text_climbs(path, "/\\");
}

/* The next component, without separators and those that are "."; its length, 0
 * at the end. */
static size_t component(const char **path, const char *separators) {
  for (;;) {
    *path += strspn(*path, separators);
    size_t length = strcspn(*path, separators);
    if (length != 1 || **path != '.')
      return length;
    *path += 1;
  }
}

static bool same(enum hp_os os, const char *a, const char *b, size_t length) {
  if (os == HP_OS_LINUX)
    return memcmp(a, b, length) == 0;
  char *left = hp_strndup(a, length), *right = hp_strndup(b, length);
  bool equal = hp_text_same(left, right);
  free(left);
  free(right);
  return equal;
}

bool hp_location_is_below(enum hp_os os, const char *path, const char *folder) {
  const char *separators = os == HP_OS_LINUX ? "/" : "/\\";
  for (;;) {
    size_t wanted = component(&folder, separators), length = component(&path, separators);
    if (wanted == 0)
      return true;
    if (wanted != length || !same(os, path, folder, length))
      return false;
    folder += wanted;
    path += length;
  }
}
