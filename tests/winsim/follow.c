/* Links are followed, as Windows does: whoever opens a path through one, or one
 * itself without saying that it is to be opened and not followed, arrives at its
 * target. What is opened relative to a handle begins at that handle, wherever
 * its own path leads by now. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>

#include "base/memory.h"
#include "host/windows/wide_path.h"
#include "machine.h"

#define REAL(name) WINSIM_REAL("ntdll.dll", name)
#define LINKS_MAX 31 /* "Reparse Points": at most 31 of them on a path */

/* The substitute name of a link, as a Win32 path; owned, NULL: no link. */
static wchar_t *target_of(const wchar_t *path) {
  char *key = winsim_path_key(path);
  json_t *link = json_object_get(winsim_part(winsim_lock(), "links"), key);
  json_t *bytes = json_object_get(link, "data");
  bool symbolic = json_integer_value(json_object_get(link, "tag")) == (json_int_t)IO_REPARSE_TAG_SYMLINK;
  size_t count = json_array_size(bytes);
  unsigned char *data = hp_alloc(count + 1);
  for (size_t i = 0; i < count; i++)
    data[i] = (unsigned char)json_integer_value(json_array_get(bytes, i));
  winsim_unlock();
  free(key);
  wchar_t *target = NULL;
  if (count > 16) { /* REPARSE_DATA_BUFFER: tag, length, reserved, then offsets and lengths */
    USHORT offset, length;
    memcpy(&offset, data + 8, sizeof offset);
    memcpy(&length, data + 10, sizeof length);
    size_t at = 16u + (symbolic ? 4u : 0u) + offset;
    if (at + length <= count) {
      target = hp_alloc(length + sizeof *target);
      memcpy(target, data + at, length);
      target[1] = L'\\'; /* \??\ is \\?\ to Win32 */
    }
  }
  free(data);
  return target;
}

/* The end of the component that begins at path[at]. */
static size_t component_end(const wchar_t *path, size_t at) {
  return at + wcscspn(path + at, L"\\");
}

/* What lies behind C:\ or \\?\C:\; 0: the path is of no drive. */
static size_t below_drive(const wchar_t *path) {
  size_t at = wcsncmp(path, L"\\\\?\\", 4) == 0 ? 4 : 0;
  return path[at] && path[at + 1] == L':' && path[at + 2] == L'\\' ? at + 3 : 0;
}

wchar_t *winsim_follow(const wchar_t *path, size_t from, bool last_too) {
  if (!below_drive(path))
    return NULL;
  if (from == 0)
    from = below_drive(path);
  wchar_t *now = hp_path_join(path, L"");
  size_t length = wcslen(now);
  now[length - 1] = 0;
  bool changed = false;
  for (int links = 0; links < LINKS_MAX; links++) {
    wchar_t *target = NULL, *rest = NULL;
    for (size_t at = from, end; !target && now[at]; at = now[end] ? end + 1 : end) {
      end = component_end(now, at);
      if (!now[end] && !last_too)
        break;
      wchar_t cut = now[end];
      now[end] = 0;
      target = target_of(now);
      now[end] = cut;
      rest = now + end + (cut ? 1 : 0);
    }
    if (!target)
      break;
    wchar_t *whole = hp_path_join(target, rest);
    if (!*rest)
      whole[wcslen(whole) - 1] = 0;
    free(target);
    free(now);
    now = whole;
    from = below_drive(now);
    changed = true;
  }
  if (changed)
    return now;
  free(now);
  return NULL;
}

static wchar_t *path_of(HANDLE directory) {
  wchar_t *path = hp_alloc(32768 * sizeof *path);
  DWORD length = directory ? GetFinalPathNameByHandleW(directory, path, 32767, FILE_NAME_NORMALIZED) : 0;
  if (length > 0 && length < 32767)
    return path;
  free(path);
  return NULL;
}

/* "NtCreateFile function": RootDirectory, ObjectName and FILE_OPEN_REPARSE_POINT. */
static NTSTATUS NTAPI create_file(PHANDLE file, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes,
                                  PIO_STATUS_BLOCK status, PLARGE_INTEGER size, ULONG kind, ULONG share,
                                  ULONG disposition, ULONG options, PVOID extended, ULONG extended_length) {
  wchar_t *root = path_of(attributes->RootDirectory), *arrived = NULL;
  if (root) {
    size_t length = attributes->ObjectName->Length / sizeof(wchar_t);
    wchar_t *name = hp_alloc((length + 1) * sizeof *name);
    memcpy(name, attributes->ObjectName->Buffer, length * sizeof *name);
    wchar_t *whole = hp_path_join(root, name);
    arrived = winsim_follow(whole, wcslen(whole) - length, !(options & FILE_OPEN_REPARSE_POINT));
    free(whole);
    free(name);
  }
  free(root);
  if (!arrived)
    return REAL(NtCreateFile)(file, access, attributes, status, size, kind, share, disposition, options,
                              extended, extended_length);
  arrived[1] = L'?'; /* \\?\ is \??\ to the object manager */
  USHORT bytes = (USHORT)(wcslen(arrived) * sizeof *arrived);
  UNICODE_STRING name = {bytes, bytes, arrived};
  OBJECT_ATTRIBUTES there = *attributes;
  there.RootDirectory = NULL;
  there.ObjectName = &name;
  NTSTATUS result = REAL(NtCreateFile)(file, access, &there, status, size, kind, share, disposition, options,
                                       extended, extended_length);
  free(arrived);
  return result;
}

const struct winsim_function winsim_file_functions[] = {
    {"NtCreateFile", (void *)(uintptr_t)create_file},
    {NULL, NULL},
};
