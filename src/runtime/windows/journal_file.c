#include "runtime/journal_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/windows/security.h"
#include "host/windows/text.h"
#include "runtime/journal.h"

#define OPEN_MS 100
#define NAP_MS 5

struct hp_journal_file {
  HANDLE handle; /* of a held one: shared for reading and removal, and with no other writer */
  char *bundle;
  uint64_t size;
};

static bool is_absent(DWORD reason) {
  return reason == ERROR_FILE_NOT_FOUND || reason == ERROR_PATH_NOT_FOUND;
}

/* The shim is SYSTEM: a journal that anybody else can have made would let him
 * choose what SYSTEM removes and ends. The rights that ours have keep others
 * from writing; whose it is shows whether it is one of ours. */
static int check_file(HANDLE handle, const char *bundle, uint64_t *size, struct hp_error *err) {
  BY_HANDLE_FILE_INFORMATION info;
  if (!GetFileInformationByHandle(handle, &info))
    return hp_error_set_os(err, (int)GetLastError(), "journal of bundle \"%s\" cannot be examined", bundle);
  if ((info.dwFileAttributes & (FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DIRECTORY)) ||
      GetFileType(handle) != FILE_TYPE_DISK)
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "journal of bundle \"%s\" is not a regular file: remove it", bundle);
  if (!hp_security_trusted(handle, SE_FILE_OBJECT))
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "journal of bundle \"%s\" belongs to neither SYSTEM nor Administrators nor our own "
                        "user: remove it after a look at it",
                        bundle);
  *size = (uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow;
  if (*size > HP_JOURNAL_MAX)
    return hp_error_set(err, HP_RESOURCE_EXHAUSTED, "journal of bundle \"%s\" has %llu bytes, more than %u",
                        bundle, (unsigned long long)*size, HP_JOURNAL_MAX);
  return 0;
}

/* A bundle that is a link could name a directory that others write. */
static int check_bundle(const char *bundle, DWORD *reason, struct hp_error *err) {
  wchar_t *wide = hp_wide(bundle);
  DWORD attributes = GetFileAttributesW(wide);
  *reason = attributes == INVALID_FILE_ATTRIBUTES ? GetLastError() : ERROR_SUCCESS;
  free(wide);
  if (*reason != ERROR_SUCCESS)
    return hp_error_set_os(err, (int)*reason, "bundle \"%s\" cannot be opened as a directory", bundle);
  if (!(attributes & FILE_ATTRIBUTE_DIRECTORY) || (attributes & FILE_ATTRIBUTE_REPARSE_POINT)) {
    *reason = ERROR_DIRECTORY;
    return hp_error_set_os(err, ERROR_DIRECTORY, "bundle \"%s\" cannot be opened as a directory", bundle);
  }
  return 0;
}

/* A holder opens for writing and lets nobody else do so; that is the lock. It
 * goes with the process, and a file that is being removed keeps others out
 * (access denied) until its last handle is closed. */
static DWORD open_once(const wchar_t *path, DWORD access, DWORD share, DWORD disposition, HANDLE *handle) {
  SECURITY_ATTRIBUTES security = hp_security_administrators();
  *handle = CreateFileW(path, access, share, &security, disposition,
                        FILE_FLAG_OPEN_REPARSE_POINT | FILE_ATTRIBUTE_NORMAL, NULL);
  return *handle == INVALID_HANDLE_VALUE ? GetLastError() : ERROR_SUCCESS;
}

/* What is denied, or shared with nobody, may be so for a moment only: the file is
 * being removed, or somebody looks at it. */
static DWORD open_patiently(const wchar_t *path, DWORD access, DWORD share, DWORD disposition, DWORD passing,
                            HANDLE *handle) {
  for (ULONGLONG end = GetTickCount64() + OPEN_MS;; Sleep(NAP_MS)) {
    DWORD reason = open_once(path, access, share, disposition, handle);
    if ((reason != ERROR_ACCESS_DENIED && reason != passing) || GetTickCount64() >= end)
      return reason;
  }
}

static DWORD hold(const wchar_t *path, bool make, HANDLE *handle) {
  return open_patiently(path, GENERIC_READ | GENERIC_WRITE | DELETE, FILE_SHARE_READ | FILE_SHARE_DELETE,
                        make ? OPEN_ALWAYS : OPEN_EXISTING, ERROR_SHARING_VIOLATION, handle);
}

/* Refusing to share it with a writer tells whether there is one. */
static DWORD look(const wchar_t *path, HANDLE *handle, bool *held) {
  const DWORD share = FILE_SHARE_READ | FILE_SHARE_DELETE;
  DWORD reason = open_patiently(path, GENERIC_READ, share, OPEN_EXISTING, ERROR_ACCESS_DENIED, handle);
  *held = reason == ERROR_SHARING_VIOLATION;
  if (*held)
    reason = open_patiently(path, GENERIC_READ, share | FILE_SHARE_WRITE, OPEN_EXISTING, ERROR_ACCESS_DENIED,
                            handle);
  return reason;
}

static int write_at(HANDLE handle, uint64_t offset, const char *data, size_t length) {
  while (length > 0) {
    OVERLAPPED at = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD written, some = length < 1u << 20 ? (DWORD)length : 1u << 20;
    if (!WriteFile(handle, data, some, &written, &at))
      return -1;
    data += written;
    length -= written;
    offset += written;
  }
  return 0;
}

static int read_at(HANDLE handle, uint64_t offset, char *data, size_t length, size_t *got) {
  *got = 0;
  while (*got < length) {
    OVERLAPPED at = {.Offset = (DWORD)(offset + *got), .OffsetHigh = (DWORD)((offset + *got) >> 32)};
    DWORD bytes, some = length - *got < 1u << 20 ? (DWORD)(length - *got) : 1u << 20;
    if (!ReadFile(handle, data + *got, some, &bytes, &at))
      return GetLastError() == ERROR_HANDLE_EOF ? 0 : -1;
    if (bytes == 0)
      return 0;
    *got += bytes;
  }
  return 0;
}

/* A line that a crash tore gets its end, so that the next one stands alone. */
static int end_torn_line(struct hp_journal_file *file, struct hp_error *err) {
  char last;
  size_t got;
  if (file->size == 0 ||
      (read_at(file->handle, file->size - 1, &last, 1, &got) == 0 && got == 1 && last == '\n'))
    return 0;
  if (write_at(file->handle, file->size, "\n", 1) != 0)
    return hp_error_set_os(err, (int)GetLastError(), "journal of bundle \"%s\" cannot be written",
                           file->bundle);
  file->size++;
  return 0;
}

int hp_journal_file_open(const char *bundle, enum hp_journal_use use, struct hp_journal_file **opened,
                         bool *held, struct hp_error *err) {
  DWORD reason;
  *opened = NULL;
  if (check_bundle(bundle, &reason, err) != 0) {
    if (use == HP_JOURNAL_MAKE || !is_absent(reason))
      return -1;
    hp_error_clear(err);
    return 0;
  }
  struct hp_journal_file *file = hp_alloc(sizeof *file);
  *file = (struct hp_journal_file){.handle = INVALID_HANDLE_VALUE, .bundle = hp_strdup(bundle)};
  char *name = hp_printf("%s\\" HP_JOURNAL_NAME, bundle);
  wchar_t *path = hp_wide(name);
  int result = -1;
  reason = use == HP_JOURNAL_LOOK ? look(path, &file->handle, held)
                                  : hold(path, use == HP_JOURNAL_MAKE, &file->handle);
  if (use != HP_JOURNAL_MAKE && is_absent(reason)) {
    result = 0;
  } else if (reason == ERROR_SHARING_VIOLATION) {
    hp_error_set(err, HP_ALREADY_EXISTS, "bundle \"%s\" belongs to a container of a living shim", bundle);
  } else if (reason != ERROR_SUCCESS) {
    hp_error_set_os(err, (int)reason, "journal of bundle \"%s\" cannot be opened", bundle);
  } else if (check_file(file->handle, bundle, &file->size, err) == 0 &&
             (use == HP_JOURNAL_LOOK || end_torn_line(file, err) == 0)) {
    *opened = file;
    file = NULL;
    result = 0;
  }
  hp_journal_file_close(file);
  free(path);
  free(name);
  return result;
}

const char *hp_journal_file_bundle(const struct hp_journal_file *file) {
  return file->bundle;
}

size_t hp_journal_file_size(const struct hp_journal_file *file) {
  return (size_t)file->size;
}

int hp_journal_file_read(const struct hp_journal_file *file, char **data, size_t *length,
                         struct hp_error *err) {
  *data = hp_alloc((size_t)file->size + 1);
  if (read_at(file->handle, 0, *data, (size_t)file->size, length) == 0)
    return 0;
  hp_error_set_os(err, (int)GetLastError(), "journal of bundle \"%s\" cannot be read", file->bundle);
  free(*data);
  *data = NULL;
  return -1;
}

static bool cut(HANDLE handle, uint64_t size) {
  LARGE_INTEGER end = {.QuadPart = (LONGLONG)size};
  return SetFilePointerEx(handle, end, NULL, FILE_BEGIN) && SetEndOfFile(handle);
}

int hp_journal_file_append(struct hp_journal_file *file, const char *data, size_t length,
                           struct hp_error *err) {
  if (write_at(file->handle, file->size, data, length) != 0 || !FlushFileBuffers(file->handle)) {
    hp_error_set_os(err, (int)GetLastError(), "journal of bundle \"%s\" cannot be written", file->bundle);
    if (!cut(file->handle, file->size))
      hp_log(HP_LOG_WARNING, NULL, "journal of bundle \"%s\" keeps a torn line", file->bundle);
    return -1;
  }
  file->size += length;
  return 0;
}

/* Renames over a file that is open, as POSIX does (Windows 10 1709 and later). */
static bool rename_over(HANDLE handle, const wchar_t *path) {
  size_t bytes = wcslen(path) * sizeof *path;
  size_t size = sizeof(FILE_RENAME_INFO) + bytes;
  FILE_RENAME_INFO *info = hp_alloc(size);
  *(DWORD *)info =
      0x1 | 0x2; /* FILE_RENAME_REPLACE_IF_EXISTS | FILE_RENAME_POSIX_SEMANTICS: mingw lacks both */
  info->FileNameLength = (DWORD)bytes;
  memcpy(info->FileName, path, bytes);
  bool renamed = SetFileInformationByHandle(handle, (FILE_INFO_BY_HANDLE_CLASS)22 /* FileRenameInfoEx */,
                                            info, (DWORD)size);
  DWORD reason = GetLastError();
  free(info);
  SetLastError(reason);
  return renamed;
}

int hp_journal_file_replace(struct hp_journal_file *file, const char *data, size_t length,
                            struct hp_error *err) {
  char *name = hp_printf("%s\\" HP_JOURNAL_NAME, file->bundle);
  char *new_name = hp_printf("%s.new", name);
  wchar_t *path = hp_wide(name), *new_path = hp_wide(new_name);
  HANDLE handle = INVALID_HANDLE_VALUE;
  DeleteFileW(new_path); /* of a crash; or somebody else's, whose rights and owner it would keep */
  DWORD reason = open_once(new_path, GENERIC_READ | GENERIC_WRITE | DELETE,
                           FILE_SHARE_READ | FILE_SHARE_DELETE, CREATE_NEW, &handle);
  if (reason == ERROR_SUCCESS &&
      (write_at(handle, 0, data, length) != 0 || !FlushFileBuffers(handle) || !rename_over(handle, path)))
    reason = GetLastError();
  int result = 0;
  if (reason == ERROR_SUCCESS) {
    CloseHandle(file->handle);
    file->handle = handle;
    file->size = length;
  } else {
    result =
        hp_error_set_os(err, (int)reason, "journal of bundle \"%s\" cannot be written anew", file->bundle);
    if (handle != INVALID_HANDLE_VALUE)
      CloseHandle(handle);
    DeleteFileW(new_path);
  }
  free(new_path);
  free(path);
  free(new_name);
  free(name);
  return result;
}

/* By the handle, not by the name: another file in its place is left alone. */
int hp_journal_file_remove(struct hp_journal_file *file, struct hp_error *err) {
  FILE_DISPOSITION_INFO gone = {.DeleteFile = TRUE};
  if (!SetFileInformationByHandle(file->handle, FileDispositionInfo, &gone, sizeof gone))
    return hp_error_set_os(err, (int)GetLastError(), "journal of bundle \"%s\" cannot be removed",
                           file->bundle);
  hp_journal_file_close(file);
  return 0;
}

void hp_journal_file_close(struct hp_journal_file *file) {
  if (!file)
    return;
  if (file->handle != INVALID_HANDLE_VALUE)
    CloseHandle(file->handle);
  free(file->bundle);
  free(file);
}
