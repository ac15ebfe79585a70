#include "host/windows/wide_path.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/windows/text.h"

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

/* ---- places ------------------------------------------------------------------ */

/* CON, NUL.txt, COM1, LPT¹ … name devices in every directory. */
static bool is_device(const wchar_t *name, size_t length) {
  static const wchar_t *const plain[] = {L"CON", L"PRN", L"AUX", L"NUL", L"CONIN$", L"CONOUT$"};
  size_t stem = 0;
  while (stem < length && name[stem] != L'.')
    stem++;
  while (stem > 0 && name[stem - 1] == L' ')
    stem--;
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
    if (wcslen(plain[i]) == stem && _wcsnicmp(name, plain[i], stem) == 0)
      return true;
  if (stem != 4 || (_wcsnicmp(name, L"COM", 3) != 0 && _wcsnicmp(name, L"LPT", 3) != 0))
    return false;
  wchar_t digit = name[3];
  return (digit >= L'1' && digit <= L'9') || digit == 0xb9 || digit == 0xb2 || digit == 0xb3;
}

/* Why a component cannot be part of a place; NULL: it can. */
static const char *fault(const wchar_t *name, size_t length) {
  if (length == 2 && name[0] == L'.' && name[1] == L'.')
    return "holds \"..\": name the place itself";
  for (size_t i = 0; i < length; i++) {
    if (name[i] == L':')
      return "holds a colon behind its drive: streams cannot be mounted on";
    if (name[i] < 0x20 || name[i] == 0x7f || name[i] == 0xfffd || wcschr(L"\"*<>?|", name[i]))
      return "holds a character that Windows forbids in names: remove any of \" * < > ? | and control "
             "characters";
  }
  if (name[length - 1] == L'.' || name[length - 1] == L' ')
    return "has a name that ends in a dot or a space, which Windows drops: remove it";
  return is_device(name, length) ? "has a name that Windows keeps for a device: choose another" : NULL;
}

wchar_t *hp_path_place(const char *path, wchar_t drive, const char *field, struct hp_error *err) {
  if (strlen(path) > LENGTH_MAX)
    return refuse(field, path, "is longer than 32000 bytes", err);
  wchar_t *wide = with_backslashes(path), *from = wide;
  if (has_drive(from)) {
    drive = from[0];
    from += 2;
  } else if (from[0] == L'\\' && from[1] == L'\\') {
    free(wide);
    return refuse(field, path, "is a device or network path: name a path of a drive, as C:\\data", err);
  }
  wchar_t *place = hp_realloc_array(NULL, wcslen(from) + 5, sizeof *place), *to = place;
  *to++ = upper(drive);
  *to++ = L':';
  const char *why = NULL;
  while (*from && !why) {
    size_t length = wcscspn(from, L"\\");
    bool skip = length == 0 || (length == 1 && from[0] == L'.');
    if (!skip && (why = fault(from, length)) == NULL) {
      *to++ = L'\\';
      memcpy(to, from, length * sizeof *to);
      to += length;
    }
    from += length + (from[length] ? 1 : 0);
  }
  if (to == place + 2)
    *to++ = L'\\';
  *to = 0;
  free(wide);
  if (!why)
    return place;
  free(place);
  return refuse(field, path, why, err);
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
