#include "host/windows/links.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <winioctl.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/token.h"
#include "host/windows/walk.h"
#include "host/windows/wide_path.h"
#include "host/windows/winapi.h"

#define TARGET_MAX 8000 /* characters: twice of it in UTF-16 must fit into a reparse point's 16 KiB */

/* REPARSE_DATA_BUFFER of a junction or a symbolic link, which differ by the
 * flags between lengths and names. */
struct names {
  USHORT substitute_offset, substitute_length, print_offset, print_length; /* bytes */
};

struct reparse {
  ULONG tag;
  USHORT length, reserved;
  struct names names;
  unsigned char rest[MAXIMUM_REPARSE_DATA_BUFFER_SIZE - 16]; /* [ULONG flags,] names */
};

#define HEAD offsetof(struct reparse, names)

static size_t names_at(ULONG tag) {
  return tag == IO_REPARSE_TAG_SYMLINK ? sizeof(ULONG) : 0;
}

/* What the object manager calls the target: `\??\C:\x`, `\??\UNC\server\x`. */
static wchar_t *object_name(const wchar_t *target) {
  wchar_t *name = hp_path_long(target);
  if (wcsncmp(name, L"\\\\?\\", 4) == 0)
    name[1] = L'?';
  return name;
}

static int fill(struct reparse *point, ULONG tag, const wchar_t *target, struct hp_error *err) {
  wchar_t *name = object_name(target);
  size_t name_bytes = wcslen(name) * sizeof *name, print_bytes = wcslen(target) * sizeof *target;
  int result = -1;
  if (wcslen(name) > TARGET_MAX / 2) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "the path to link to has %zu characters, at most %d are possible",
                 wcslen(target), TARGET_MAX / 2);
  } else {
    unsigned char *to = point->rest + names_at(tag);
    memset(point, 0, sizeof *point);
    memcpy(to, name, name_bytes);
    memcpy(to + name_bytes + sizeof *name, target, print_bytes);
    point->tag = tag;
    point->names =
        (struct names){0, (USHORT)name_bytes, (USHORT)(name_bytes + sizeof *name), (USHORT)print_bytes};
    point->length =
        (USHORT)(sizeof point->names + names_at(tag) + name_bytes + print_bytes + 2 * sizeof *name);
    result = 0;
  }
  free(name);
  return result;
}

enum what { NO_LINK, LINK_ELSEWHERE, LINK_TO_TARGET };

static int read_failed(DWORD os_code, struct hp_error *err) {
  /* A file system without links (Wine's) answers the last two. */
  if (os_code == ERROR_NOT_A_REPARSE_POINT || os_code == ERROR_NOT_SUPPORTED ||
      os_code == ERROR_INVALID_FUNCTION)
    return 0;
  return hp_error_set_os(err, (int)os_code, "FSCTL_GET_REPARSE_POINT");
}

/* Is the file behind the handle a link, and to target? */
static int leads_to(HANDLE file, const wchar_t *target, enum what *what, struct hp_error *err) {
  struct reparse *point = hp_alloc(sizeof *point);
  DWORD length = 0;
  bool same = false,
       read = DeviceIoControl(file, FSCTL_GET_REPARSE_POINT, NULL, 0, point, sizeof *point, &length, NULL);
  int result = read ? 0 : read_failed(GetLastError(), err);
  bool linked = read && (point->tag == IO_REPARSE_TAG_SYMLINK || point->tag == IO_REPARSE_TAG_MOUNT_POINT);
  if (linked && length >= offsetof(struct reparse, rest)) {
    wchar_t *name = object_name(target);
    size_t at = names_at(point->tag) + point->names.substitute_offset, bytes = wcslen(name) * sizeof *name;
    same = point->names.substitute_length == bytes && at + bytes <= sizeof point->rest &&
           _wcsnicmp((const wchar_t *)(const void *)(point->rest + at), name, bytes / sizeof *name) == 0;
    free(name);
  }
  free(point);
  *what = same ? LINK_TO_TARGET : linked ? LINK_ELSEWHERE : NO_LINK;
  return result;
}

static int set(HANDLE file, ULONG tag, const wchar_t *target, struct hp_error *err) {
  struct reparse *point = hp_alloc(sizeof *point);
  DWORD returned = 0;
  int result = fill(point, tag, target, err);
  if (result == 0 && !DeviceIoControl(file, FSCTL_SET_REPARSE_POINT, point, (DWORD)HEAD + point->length, NULL,
                                      0, &returned, NULL)) {
    DWORD os_code = GetLastError();
    result = hp_error_set_os(err, (int)os_code, "FSCTL_SET_REPARSE_POINT (%s)",
                             tag == IO_REPARSE_TAG_SYMLINK ? "symbolic link" : "junction");
    if (os_code == ERROR_NOT_SUPPORTED || os_code == ERROR_INVALID_FUNCTION) {
      hp_error_recode(err, HP_FAILED_PRECONDITION);
      err->os_code = ERROR_NOT_SUPPORTED;
    }
  }
  free(point);
  return result;
}

/* Makes the new or empty thing behind the handle a link, and believes only what it reads back. */
static int convert(HANDLE file, const wchar_t *target, bool directory, struct hp_error *err) {
  enum what what;
  hp_privilege_enable(SE_CREATE_SYMBOLIC_LINK_NAME);
  if (set(file, IO_REPARSE_TAG_SYMLINK, target, err) != 0) {
    /* A junction needs no privilege, but leads to directories of local drives only. */
    if (!directory || target[0] == L'\\')
      return -1;
    hp_error_clear(err);
    if (set(file, IO_REPARSE_TAG_MOUNT_POINT, target, err) != 0)
      return -1;
  }
  if (leads_to(file, target, &what, err) != 0)
    return -1;
  if (what == LINK_TO_TARGET)
    return 0;
  hp_error_set(err, HP_FAILED_PRECONDITION, "the file system says a link was made, and there is none");
  err->os_code = ERROR_NOT_SUPPORTED;
  return -1;
}

/* Opens `name` itself, link or not. */
static NTSTATUS open_itself(HANDLE parent, const wchar_t *name, ULONG kind, ULONG disposition, HANDLE *file,
                            bool *made) {
  const struct hp_walk_how how = {FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE, kind, disposition, NULL};
  return hp_walk_open_at(parent, name, &how, file, made);
}

/* A file that has other names, which would become links as well, is kept too. */
static bool may_become_link(HANDLE file) {
  FILE_STANDARD_INFO info;
  return GetFileInformationByHandleEx(file, FileStandardInfo, &info, sizeof info) &&
         (info.Directory || (info.EndOfFile.QuadPart == 0 && info.NumberOfLinks <= 1));
}

int hp_link_make(HANDLE parent, const wchar_t *name, const wchar_t *target, bool directory,
                 struct hp_error *err) {
  enum what what = NO_LINK;
  bool made;
  int result = -1;
  HANDLE file;
  char *shown = hp_narrow(name);
  NTSTATUS status = open_itself(parent, name, directory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE,
                                FILE_OPEN_IF, &file, &made);
  if (status < 0) {
    hp_walk_failed(status, name, err);
    goto done;
  }
  if (!made && leads_to(file, target, &what, err) != 0)
    goto done;
  if (what == LINK_TO_TARGET) {
    result = 0;
  } else if (!made && (what == LINK_ELSEWHERE || !may_become_link(file))) {
    hp_error_set(
        err, HP_FAILED_PRECONDITION,
        "\"%s\" is there already (%s) and cannot become a link: mount elsewhere, or choose the mount "
        "behavior bind",
        shown, what == LINK_ELSEWHERE ? "another link" : "a file with content or with other names");
  } else {
    result = convert(file, target, directory, err);
    if (result != 0 && err->os_code == ERROR_DIR_NOT_EMPTY)
      hp_error_set(
          err, HP_FAILED_PRECONDITION,
          "the directory \"%s\" is not empty and cannot become a link: mount elsewhere, or choose the "
          "mount behavior bind",
          shown);
    struct hp_error ignored = HP_ERROR_INIT;
    if (result != 0 && made && hp_walk_delete(file, &ignored) != 0)
      hp_error_clear(&ignored);
  }

done:
  if (file)
    CloseHandle(file);
  free(shown);
  return result;
}

int hp_link_remove(HANDLE parent, const wchar_t *name, const wchar_t *target, struct hp_error *err) {
  enum what what;
  bool made;
  HANDLE file;
  NTSTATUS status = open_itself(parent, name, 0, FILE_OPEN, &file, &made);
  DWORD os_code = status < 0 ? hp_winapi()->RtlNtStatusToDosError(status) : ERROR_SUCCESS;
  if (os_code == ERROR_FILE_NOT_FOUND || os_code == ERROR_PATH_NOT_FOUND)
    return 0;
  if (os_code)
    return hp_error_set_os(err, (int)os_code, "NtCreateFile of a link");
  int result = leads_to(file, target, &what, err);
  if (result == 0 && what == LINK_TO_TARGET)
    result = hp_walk_delete(file, err);
  CloseHandle(file);
  return result;
}

DWORD hp_link_tag(const wchar_t *path) {
  WIN32_FIND_DATAW data;
  wchar_t *whole = hp_path_long(path);
  HANDLE search = FindFirstFileW(whole, &data);
  free(whole);
  if (search == INVALID_HANDLE_VALUE)
    return 0;
  FindClose(search);
  return data.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT ? data.dwReserved0 : 0;
}
