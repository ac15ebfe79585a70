/* Mount points of volumes, links, and paths that lead through a volume. Wine's
 * own files stay what they are; that one of them is a mount point or a link is
 * remembered by its path. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winioctl.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/wide_path.h"
#include "host/windows/winapi.h"
#include "machine.h"
#include "winsim.h"

#define REAL(name) WINSIM_REAL("kernel32.dll", name)

/* state: "mounts" {path: volume}, "links" {path: {"tag", "data": [bytes]}} */

static json_t *entry_of(json_t *state, const char *part, const wchar_t *path) {
  char *key = winsim_path_key(path);
  json_t *entry = json_object_get(winsim_part(state, part), key);
  free(key);
  return entry;
}

DWORD winsim_tag(const wchar_t *path) {
  json_t *state = winsim_lock();
  DWORD tag = entry_of(state, "mounts", path)
                  ? IO_REPARSE_TAG_MOUNT_POINT
                  : (DWORD)json_integer_value(json_object_get(entry_of(state, "links", path), "tag"));
  winsim_unlock();
  return tag;
}

static bool forget(const char *part, const wchar_t *path) {
  char *key = winsim_path_key(path);
  bool was = json_object_del(winsim_part(winsim_lock(), part), key) == 0;
  winsim_unlock();
  free(key);
  return was;
}

/* The path that a handle was opened by; owned, NULL: it has none. */
static wchar_t *path_of(HANDLE file) {
  wchar_t *path = hp_alloc(32768 * sizeof *path);
  DWORD length = GetFinalPathNameByHandleW(file, path, 32767, FILE_NAME_NORMALIZED);
  if (length > 0 && length < 32767)
    return path;
  free(path);
  return NULL;
}

/* By a handle: FindFirstFileW of Wine does not share a directory with those who may delete it. */
static bool is_empty(const wchar_t *directory) {
  union {
    FILE_ID_BOTH_DIR_INFO entry;
    unsigned char room[4096];
  } list;
  HANDLE handle =
      CreateFileW(directory, FILE_LIST_DIRECTORY, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                  NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  bool empty = true;
  while (empty && REAL(GetFileInformationByHandleEx)(handle, FileIdBothDirectoryInfo, &list, sizeof list)) {
    const FILE_ID_BOTH_DIR_INFO *entry = &list.entry, *last = NULL;
    for (; entry != last; entry = (const void *)((const unsigned char *)entry + entry->NextEntryOffset)) {
      empty &= entry->FileName[0] == L'.' &&
               (entry->FileNameLength == 2 || (entry->FileNameLength == 4 && entry->FileName[1] == L'.'));
      last = entry;
    }
  }
  if (handle != INVALID_HANDLE_VALUE)
    CloseHandle(handle);
  return empty;
}

/* ---- mount points ---------------------------------------------------------------- */

/* "SetVolumeMountPointW function": both names with a trailing backslash, an
 * empty directory on a local disk, a volume GUID path. ERROR_INVALID_NAME and
 * ERROR_DIR_NOT_EMPTY are winerror.h's words for the refusals. */
static DWORD judge_mount(const wchar_t *point, const wchar_t *volume) {
  if (!winsim_ends_in_backslash(point) || !winsim_ends_in_backslash(volume) ||
      !winsim_starts(volume, L"\\\\?\\Volume{"))
    return ERROR_INVALID_NAME;
  DWORD attributes = GetFileAttributesW(point);
  if (attributes == INVALID_FILE_ATTRIBUTES)
    return ERROR_FILE_NOT_FOUND;
  if (!(attributes & FILE_ATTRIBUTE_DIRECTORY))
    return ERROR_DIRECTORY;
  if (winsim_tag(point) || !is_empty(point))
    return ERROR_DIR_NOT_EMPTY;
  return winsim_volume_exists(volume) ? ERROR_SUCCESS : ERROR_INVALID_PARAMETER;
}

static BOOL WINAPI set_mount_point(LPCWSTR point, LPCWSTR volume) {
  char *point_utf8 = winsim_narrow(point), *volume_utf8 = winsim_narrow(volume);
  DWORD os_code = winsim_enter("SetVolumeMountPointW", "%s %s", point_utf8, volume_utf8);
  if (os_code == ERROR_SUCCESS)
    os_code = judge_mount(point, volume);
  if (os_code == ERROR_SUCCESS) {
    char *key = winsim_path_key(point);
    json_object_set_new(winsim_part(winsim_lock(), "mounts"), key, json_string(volume_utf8));
    winsim_unlock();
    free(key);
  }
  free(point_utf8);
  free(volume_utf8);
  return winsim_answer(os_code);
}

/* "DeleteVolumeMountPointW function": the trailing backslash; what is no mount point. */
static BOOL WINAPI delete_mount_point(LPCWSTR point) {
  char *shown = winsim_narrow(point);
  DWORD os_code = winsim_enter("DeleteVolumeMountPointW", "%s", shown);
  free(shown);
  if (os_code)
    return winsim_answer(os_code);
  if (!winsim_ends_in_backslash(point))
    return winsim_answer(ERROR_INVALID_NAME);
  return winsim_answer(forget("mounts", point) ? ERROR_SUCCESS : ERROR_NOT_A_REPARSE_POINT);
}

/* "GetVolumeNameForVolumeMountPointW function": the trailing backslash, a buffer of 50 characters. */
static BOOL WINAPI get_volume_name(LPCWSTR point, LPWSTR name, DWORD room) {
  DWORD os_code = winsim_enter("GetVolumeNameForVolumeMountPointW", "%s", "");
  if (os_code)
    return winsim_answer(os_code);
  if (!winsim_ends_in_backslash(point))
    return winsim_answer(ERROR_INVALID_NAME);
  wchar_t *volume = hp_wide(json_string_value(entry_of(winsim_lock(), "mounts", point)));
  winsim_unlock();
  os_code = !volume                  ? ERROR_NOT_A_REPARSE_POINT
            : room <= wcslen(volume) ? ERROR_FILENAME_EXCED_RANGE
                                     : ERROR_SUCCESS;
  if (os_code == ERROR_SUCCESS)
    wcscpy(name, volume);
  free(volume);
  return winsim_answer(os_code);
}

WINSIM_IMPORT(SetVolumeMountPointW, set_mount_point);
WINSIM_IMPORT(DeleteVolumeMountPointW, delete_mount_point);
WINSIM_IMPORT(GetVolumeNameForVolumeMountPointW, get_volume_name);

/* ---- links ------------------------------------------------------------------------- */

struct point { /* ntifs.h, REPARSE_DATA_BUFFER */
  ULONG tag;
  USHORT length, reserved, substitute_offset, substitute_length, print_offset, print_length;
  unsigned char rest[];
};
#define HEAD 8u

/* "FSCTL_SET_REPARSE_POINT control code", ntifs.h's "REPARSE_DATA_BUFFER structure". */
static DWORD judge_link(const wchar_t *path, const struct point *point, DWORD length) {
  static const wchar_t object[] = L"\\??\\";
  if (!point || length < sizeof *point || length != HEAD + point->length)
    return ERROR_INVALID_REPARSE_DATA;
  if (point->tag != IO_REPARSE_TAG_SYMLINK && point->tag != IO_REPARSE_TAG_MOUNT_POINT)
    return ERROR_REPARSE_TAG_INVALID;
  size_t at = sizeof *point + (point->tag == IO_REPARSE_TAG_SYMLINK ? sizeof(ULONG) : 0);
  const char *bytes = (const char *)point;
  if (at + point->substitute_offset + point->substitute_length > length ||
      at + point->print_offset + point->print_length > length || point->substitute_length < 8 ||
      memcmp(bytes + at + point->substitute_offset, object, 8) != 0)
    return ERROR_INVALID_REPARSE_DATA;
  DWORD attributes = GetFileAttributesW(path);
  if (point->tag == IO_REPARSE_TAG_MOUNT_POINT && !(attributes & FILE_ATTRIBUTE_DIRECTORY))
    return ERROR_DIRECTORY;
  return !(attributes & FILE_ATTRIBUTE_DIRECTORY) || is_empty(path) ? ERROR_SUCCESS : ERROR_DIR_NOT_EMPTY;
}

static DWORD set_link(const wchar_t *path, const void *data, DWORD length) {
  DWORD os_code = judge_link(path, data, length);
  if (os_code)
    return os_code;
  json_t *bytes = json_array();
  for (DWORD i = 0; i < length; i++)
    json_array_append_new(bytes, json_integer(((const unsigned char *)data)[i]));
  char *key = winsim_path_key(path);
  json_object_set_new(
      winsim_part(winsim_lock(), "links"), key,
      json_pack("{s:I, s:o}", "tag", (json_int_t)((const struct point *)data)->tag, "data", bytes));
  winsim_unlock();
  free(key);
  return ERROR_SUCCESS;
}

void winsim_add_socket(const wchar_t *path) {
  char *key = winsim_path_key(path);
  json_object_set_new(winsim_part(winsim_lock(), "links"), key,
                      json_pack("{s:I}", "tag", (json_int_t)HP_REPARSE_TAG_AF_UNIX));
  winsim_unlock();
  free(key);
}

/* "FSCTL_GET_REPARSE_POINT control code" */
static DWORD get_link(const wchar_t *path, unsigned char *data, DWORD room, DWORD *length) {
  json_t *bytes = json_object_get(entry_of(winsim_lock(), "links", path), "data");
  DWORD os_code = !bytes                          ? ERROR_NOT_A_REPARSE_POINT
                  : json_array_size(bytes) > room ? ERROR_MORE_DATA
                                                  : ERROR_SUCCESS;
  for (*length = 0; os_code == ERROR_SUCCESS && *length < json_array_size(bytes); ++*length)
    data[*length] = (unsigned char)json_integer_value(json_array_get(bytes, *length));
  winsim_unlock();
  return os_code;
}

static BOOL WINAPI io_control(HANDLE file, DWORD code, LPVOID in, DWORD in_length, LPVOID out, DWORD room,
                              LPDWORD returned, LPOVERLAPPED overlapped) {
  if (code != FSCTL_SET_REPARSE_POINT && code != FSCTL_GET_REPARSE_POINT)
    return REAL(DeviceIoControl)(file, code, in, in_length, out, room, returned, overlapped);
  const char *name = code == FSCTL_SET_REPARSE_POINT ? "FSCTL_SET_REPARSE_POINT" : "FSCTL_GET_REPARSE_POINT";
  wchar_t *path = path_of(file);
  DWORD os_code = winsim_enter(name, "%s", "");
  if (os_code == ERROR_SUCCESS && !path)
    os_code = ERROR_INVALID_HANDLE;
  if (os_code == ERROR_SUCCESS)
    os_code =
        code == FSCTL_SET_REPARSE_POINT ? set_link(path, in, in_length) : get_link(path, out, room, returned);
  free(path);
  return winsim_answer(os_code);
}

WINSIM_IMPORT(DeviceIoControl, io_control);

/* ---- what everybody calls: neither counted nor failed ---------------------------------- */

static HANDLE WINAPI create_file(LPCWSTR path, DWORD access, DWORD share, LPSECURITY_ATTRIBUTES security,
                                 DWORD disposition, DWORD flags, HANDLE pattern) {
  wchar_t *inside = winsim_volume_path(path);
  if (!inside)
    inside = winsim_follow(path, 0, !(flags & FILE_FLAG_OPEN_REPARSE_POINT));
  HANDLE file =
      REAL(CreateFileW)(inside ? inside : path, access, share, security, disposition, flags, pattern);
  DWORD os_code = GetLastError();
  free(inside);
  SetLastError(os_code);
  return file;
}

static DWORD WINAPI get_attributes(LPCWSTR path) {
  wchar_t *inside = winsim_volume_path(path);
  if (!inside)
    inside = winsim_follow(path, 0, false);
  DWORD attributes = REAL(GetFileAttributesW)(inside ? inside : path), os_code = GetLastError();
  if (attributes != INVALID_FILE_ATTRIBUTES && winsim_tag(inside ? inside : path))
    attributes |= FILE_ATTRIBUTE_REPARSE_POINT;
  free(inside);
  SetLastError(os_code);
  return attributes;
}

static HANDLE WINAPI find_first(LPCWSTR path, LPWIN32_FIND_DATAW data) {
  HANDLE search = REAL(FindFirstFileW)(path, data);
  DWORD os_code = GetLastError(), tag = search != INVALID_HANDLE_VALUE ? winsim_tag(path) : 0;
  if (tag) {
    data->dwFileAttributes |= FILE_ATTRIBUTE_REPARSE_POINT;
    data->dwReserved0 = tag;
  }
  SetLastError(os_code);
  return search;
}

static BOOL WINAPI get_file_information(HANDLE file, FILE_INFO_BY_HANDLE_CLASS class, LPVOID to, DWORD room) {
  BOOL known = REAL(GetFileInformationByHandleEx)(file, class, to, room);
  wchar_t *path = known && class == FileAttributeTagInfo ? path_of(file) : NULL;
  DWORD tag = path ? winsim_tag(path) : 0;
  if (tag)
    *(FILE_ATTRIBUTE_TAG_INFO *)to = (FILE_ATTRIBUTE_TAG_INFO){
        ((FILE_ATTRIBUTE_TAG_INFO *)to)->FileAttributes | FILE_ATTRIBUTE_REPARSE_POINT, tag};
  free(path);
  return known;
}

static BOOL WINAPI set_file_information(HANDLE file, FILE_INFO_BY_HANDLE_CLASS class, LPVOID data,
                                        DWORD length) {
  wchar_t *path = class == FileDispositionInfo ? path_of(file) : NULL;
  BOOL done = REAL(SetFileInformationByHandle)(file, class, data, length);
  DWORD os_code = GetLastError();
  if (done && path && !forget("links", path))
    forget("mounts", path);
  free(path);
  SetLastError(os_code);
  return done;
}

/* A link that is a directory goes, too ("RemoveDirectoryW function"). */
static BOOL WINAPI remove_directory(LPCWSTR path) {
  BOOL done = REAL(RemoveDirectoryW)(path);
  DWORD os_code = GetLastError();
  if (done && !forget("links", path))
    forget("mounts", path);
  SetLastError(os_code);
  return done;
}

static BOOL WINAPI close_handle(HANDLE handle) {
  winsim_forget_token(handle);
  winsim_forget_job(handle);
  return REAL(CloseHandle)(handle);
}

WINSIM_IMPORT(CreateFileW, create_file);
WINSIM_IMPORT(GetFileAttributesW, get_attributes);
WINSIM_IMPORT(FindFirstFileW, find_first);
WINSIM_IMPORT(GetFileInformationByHandleEx, get_file_information);
WINSIM_IMPORT(SetFileInformationByHandle, set_file_information);
WINSIM_IMPORT(RemoveDirectoryW, remove_directory);
WINSIM_IMPORT(CloseHandle, close_handle);
