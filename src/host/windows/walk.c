#include "host/windows/walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/wide_path.h"
#include "host/windows/winapi.h"

#define NAME_SURROGATE 0x20000000ul /* of a reparse tag: the file stands for another one */
#define COMPONENT_MAX 255
#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define STATUS_IS_DIRECTORY ((NTSTATUS)0xc00000ba) /* STATUS_FILE_IS_A_DIRECTORY */
#define STATUS_NO_DIRECTORY ((NTSTATUS)0xc0000103) /* STATUS_NOT_A_DIRECTORY */

static int describe(struct hp_error *err, enum hp_code code, const wchar_t *name, const char *what) {
  char *utf8 = hp_narrow(name);
  hp_error_set(err, code, "\"%s\" %s", utf8, what);
  free(utf8);
  return -1;
}

static int describe_os(struct hp_error *err, DWORD os_code, const char *call, const wchar_t *name) {
  char *utf8 = hp_narrow(name);
  hp_error_set_os(err, (int)os_code, "%s of \"%s\"", call, utf8);
  free(utf8);
  return -1;
}

int hp_walk_refuse_link(HANDLE file, const wchar_t *name, struct hp_error *err) {
  FILE_ATTRIBUTE_TAG_INFO info;
  if (!GetFileInformationByHandleEx(file, FileAttributeTagInfo, &info, sizeof info))
    return describe_os(err, GetLastError(), "GetFileInformationByHandleEx", name);
  if (!(info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) || !(info.ReparseTag & NAME_SURROGATE))
    return 0;
  return describe(err, HP_FAILED_PRECONDITION, name,
                  "is a link (a symbolic link, junction or mount point), which is not followed here: "
                  "remove it, or mount elsewhere");
}

int hp_walk_open_root(const wchar_t *path, HANDLE *root, struct hp_error *err) {
  wchar_t *whole = hp_path_long(path);
  if (wcsncmp(whole, L"\\\\?\\Volume{", 11) == 0 && !wcschr(whole + 11, L'\\')) {
    wchar_t *directory = hp_path_join(whole, L""); /* without the backslash it is the device */
    free(whole);
    whole = directory;
  }
  *root =
      CreateFileW(whole, FILE_LIST_DIRECTORY | FILE_TRAVERSE | FILE_READ_ATTRIBUTES | SYNCHRONIZE, SHARE_ALL,
                  NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  DWORD os_code = GetLastError();
  free(whole);
  if (*root == INVALID_HANDLE_VALUE) {
    *root = NULL;
    return describe_os(err, os_code, "CreateFileW", path);
  }
  FILE_ATTRIBUTE_TAG_INFO info;
  int result = -1;
  if (!GetFileInformationByHandleEx(*root, FileAttributeTagInfo, &info, sizeof info))
    describe_os(err, GetLastError(), "GetFileInformationByHandleEx", path);
  else if (!(info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY))
    describe(err, HP_FAILED_PRECONDITION, path, "is not a directory");
  else
    result = hp_walk_refuse_link(*root, path, err);
  if (result != 0) {
    CloseHandle(*root);
    *root = NULL;
  }
  return result;
}

/* ---- one component -------------------------------------------------------------- */

static bool is_component(const wchar_t *name) {
  return *name && wcslen(name) <= COMPONENT_MAX && !wcspbrk(name, L"\\/:") && wcscmp(name, L".") != 0 &&
         wcscmp(name, L"..") != 0;
}

NTSTATUS hp_walk_open_at(HANDLE directory, const wchar_t *name, const struct hp_walk_how *how, HANDLE *found,
                         bool *made) {
  USHORT bytes = (USHORT)(wcslen(name) * sizeof *name);
  UNICODE_STRING text = {bytes, bytes, (wchar_t *)(uintptr_t)name};
  OBJECT_ATTRIBUTES attributes;
  InitializeObjectAttributes(&attributes, &text, OBJ_CASE_INSENSITIVE, directory, how->security);
  IO_STATUS_BLOCK status = {{0}, 0};
  NTSTATUS result = hp_winapi()->NtCreateFile(found, how->access | SYNCHRONIZE, &attributes, &status, NULL,
                                              FILE_ATTRIBUTE_NORMAL, SHARE_ALL, how->disposition,
                                              how->kind | FILE_OPEN_REPARSE_POINT |
                                                  FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_FOR_BACKUP_INTENT,
                                              NULL, 0);
  *made = result >= 0 && status.Information == FILE_CREATED;
  if (result < 0)
    *found = NULL;
  return result;
}

static NTSTATUS open_step(HANDLE directory, const wchar_t *name, enum hp_walk_open open, HANDLE *found,
                          bool *made) {
  struct hp_walk_how how = {.access = FILE_GENERIC_READ | FILE_TRAVERSE, .disposition = FILE_OPEN_IF};
  if (open == HP_WALK_EXISTING)
    how.disposition = FILE_OPEN;
  else
    how.kind = open == HP_WALK_FILE ? FILE_NON_DIRECTORY_FILE : FILE_DIRECTORY_FILE;
  if (open == HP_WALK_NEW_DIRECTORY)
    how.disposition = FILE_CREATE;
  return hp_walk_open_at(directory, name, &how, found, made);
}

int hp_walk_failed(NTSTATUS status, const wchar_t *name, struct hp_error *err) {
  if (status == STATUS_NO_DIRECTORY)
    return describe(err, HP_FAILED_PRECONDITION, name, "is a file, and a directory is needed there");
  if (status == STATUS_IS_DIRECTORY)
    return describe(err, HP_FAILED_PRECONDITION, name, "is a directory, and a file is needed there");
  return describe_os(err, hp_winapi()->RtlNtStatusToDosError(status), "NtCreateFile", name);
}

int hp_walk_step(HANDLE directory, const wchar_t *name, enum hp_walk_open how, HANDLE *found, bool *made,
                 struct hp_error *err) {
  bool ignored;
  *found = NULL;
  if (!is_component(name))
    return describe(err, HP_INVALID_ARGUMENT, name, "is not one name of a file or directory");
  if (!hp_winapi()->NtCreateFile)
    return hp_winapi_absent("NtCreateFile", err);
  NTSTATUS status = open_step(directory, name, how, found, made ? made : &ignored);
  if (status >= 0) {
    if (hp_walk_refuse_link(*found, name, err) == 0)
      return 0;
    CloseHandle(*found);
    *found = NULL;
    return -1;
  }
  return hp_walk_failed(status, name, err);
}

/* ---- paths ------------------------------------------------------------------------- */

static int duplicate(HANDLE handle, HANDLE *copy, struct hp_error *err) {
  if (DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), copy, 0, FALSE,
                      DUPLICATE_SAME_ACCESS))
    return 0;
  *copy = NULL;
  return hp_error_set_os(err, (int)GetLastError(), "DuplicateHandle of a directory");
}

int hp_walk_parent(HANDLE root, const wchar_t *relative, bool make, HANDLE *parent, const wchar_t **leaf,
                   struct hp_error *err) {
  HANDLE at = NULL;
  *parent = NULL;
  if (duplicate(root, &at, err) != 0)
    return -1;
  const wchar_t *name = relative, *end;
  wchar_t component[COMPONENT_MAX + 1];
  while ((end = wcschr(name, L'\\')) != NULL) {
    size_t length = (size_t)(end - name);
    HANDLE next = NULL;
    int result;
    if (length > COMPONENT_MAX) {
      result = describe(err, HP_INVALID_ARGUMENT, relative, "has a name of more than 255 characters");
    } else {
      memcpy(component, name, length * sizeof *name);
      component[length] = 0;
      result = hp_walk_step(at, component, make ? HP_WALK_DIRECTORY : HP_WALK_EXISTING, &next, NULL, err);
    }
    CloseHandle(at);
    if (result != 0)
      return -1;
    at = next;
    name = end + 1;
  }
  *parent = at;
  *leaf = name;
  return 0;
}

int hp_walk_make(HANDLE root, const wchar_t *relative, bool directory, struct hp_error *err) {
  HANDLE parent = NULL, made = NULL;
  const wchar_t *leaf;
  if (hp_walk_parent(root, relative, true, &parent, &leaf, err) != 0)
    return -1;
  int result = hp_walk_step(parent, leaf, directory ? HP_WALK_DIRECTORY : HP_WALK_FILE, &made, NULL, err);
  if (made)
    CloseHandle(made);
  CloseHandle(parent);
  return result;
}

int hp_walk_delete(HANDLE file, struct hp_error *err) {
  FILE_DISPOSITION_INFO gone = {TRUE};
  if (SetFileInformationByHandle(file, FileDispositionInfo, &gone, sizeof gone))
    return 0;
  return hp_error_set_os(err, (int)GetLastError(), "SetFileInformationByHandle (delete)");
}
