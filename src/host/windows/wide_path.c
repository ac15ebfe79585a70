#include "host/windows/wide_path.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "spec/place.h"

#define LENGTH_MAX 32000
#define SHOWN_MAX 256 /* bytes of a bad path in a message */

static wchar_t *copy(const wchar_t *text, size_t length) {
  wchar_t *result = hp_realloc_array(NULL, length + 1, sizeof *result);
  memcpy(result, text, length * sizeof *result);
  result[length] = 0;
  return result;
}

static wchar_t *refuse(const char *field, const char *path, const char *why, struct hp_error *err) {
  hp_error_set(err, HP_INVALID_ARGUMENT, "%s \"%.*s%s\" %s", field, SHOWN_MAX, path,
               strlen(path) > SHOWN_MAX ? "..." : "", why);
  return NULL;
}

static bool is_letter(wchar_t c) {
  return (c >= L'a' && c <= L'z') || (c >= L'A' && c <= L'Z');
}

static wchar_t upper(wchar_t c) {
  return c >= L'a' && c <= L'z' ? (wchar_t)(c - L'a' + L'A') : c;
}

static bool has_drive(const wchar_t *path) {
  return is_letter(path[0]) && path[1] == L':';
}

/* The path in UTF-16 with backslashes only. */
static wchar_t *with_backslashes(const char *path) {
  wchar_t *wide = hp_wide(path);
  for (wchar_t *c = wide; *c; c++)
    if (*c == L'/')
      *c = L'\\';
  return wide;
}

wchar_t *hp_path_place(const char *path, wchar_t drive, const char *field, struct hp_error *err) {
  char *place = hp_place(HP_OS_WINDOWS, path, field, err);
  wchar_t *wide = place ? hp_wide(place) : NULL;
  if (wide && (!path[0] || path[1] != ':'))
    wide[0] = upper(drive);
  free(place);
  return wide;
}

/* ---- sources ------------------------------------------------------------------- */

static bool is_rooted(const wchar_t *path) {
  return path[0] == L'\\' || (has_drive(path) && path[2] == L'\\');
}

wchar_t *hp_path_source(const char *path, wchar_t drive, const char *field, struct hp_error *err) {
  if (strlen(path) > LENGTH_MAX)
    return refuse(field, path, "is longer than 32000 bytes", err);
  wchar_t *wide = with_backslashes(path);
  const wchar_t *name =
      wcsncmp(wide, L"\\\\?\\", 4) == 0 || wcsncmp(wide, L"\\\\.\\", 4) == 0 ? wide + 4 : wide;
  const char *why = NULL;
  if (!is_rooted(wide))
    why = "is not an absolute path: write it with its drive, as C:\\data";
  else if (wcspbrk(name, L"\"*<>?|") || wcschr(name, 0xfffd))
    why = "holds a character that Windows forbids in names: remove any of \" * < > ? |";
  if (why) {
    free(wide);
    return refuse(field, path, why, err);
  }
  if (wide[0] == L'\\' && wide[1] != L'\\') {
    wchar_t root[] = {upper(drive), L':', 0};
    wchar_t *whole = hp_path_join(root, wide + 1);
    free(wide);
    return whole;
  }
  return wide;
}

/* ---- parts ------------------------------------------------------------------------ */

const wchar_t *hp_path_below_drive(const wchar_t *place) {
  return place + (place[2] ? 3 : 2);
}

wchar_t *hp_path_join(const wchar_t *directory, const wchar_t *name) {
  size_t length = wcslen(directory);
  while (length > 0 && directory[length - 1] == L'\\')
    length--;
  wchar_t *joined = hp_realloc_array(NULL, length + wcslen(name) + 2, sizeof *joined);
  memcpy(joined, directory, length * sizeof *joined);
  joined[length] = L'\\';
  memcpy(joined + length + 1, name, (wcslen(name) + 1) * sizeof *joined);
  return joined;
}

wchar_t *hp_path_parent(const wchar_t *place) {
  const wchar_t *last = wcsrchr(place, L'\\');
  if (!last || !last[1])
    return NULL;
  size_t length = (size_t)(last - place);
  return copy(place, length == 2 ? 3 : length); /* the root keeps its backslash */
}

bool hp_path_lies_in(const wchar_t *path, const wchar_t *directory) {
  size_t length = wcslen(directory);
  while (length > 0 && directory[length - 1] == L'\\')
    length--;
  return _wcsnicmp(path, directory, length) == 0 && (path[length] == 0 || path[length] == L'\\');
}

wchar_t *hp_path_long(const wchar_t *path) {
  if (has_drive(path))
    return hp_path_join(L"\\\\?", path);
  if (path[0] == L'\\' && path[1] == L'\\' && path[2] != L'?' && path[2] != L'.')
    return hp_path_join(L"\\\\?\\UNC", path + 2);
  return copy(path, wcslen(path));
}
