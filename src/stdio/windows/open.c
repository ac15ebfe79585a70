#include "stdio/windows/open.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/windows/pipe.h"
#include "host/windows/text.h"

#define RETRY_MS 10
#define BUSY_WAIT_MS 5000
#define ABSENT_WAIT_MS 2000
/* Longer ones need the prefix that turns the system's own rewriting off. */
#define LONG_PATH_PREFIX L"\\\\?\\"

int hp_open_pipe(const char *stream, const char *name, HANDLE *pipe, struct hp_error *err) {
  uint64_t began = GetTickCount64();
  HANDLE dialled;
  while (hp_pipe_dial(name, FILE_FLAG_OVERLAPPED, &dialled, err) != 0) {
    uint64_t waited = GetTickCount64() - began;
    bool again = err->os_code == ERROR_PIPE_BUSY        ? waited < BUSY_WAIT_MS
                 : err->os_code == ERROR_FILE_NOT_FOUND ? waited < ABSENT_WAIT_MS
                                                        : false;
    if (!again)
      return hp_error_wrap(err, "%s", stream);
    hp_error_clear(err);
    Sleep(RETRY_MS);
  }
  *pipe = dialled;
  return 0;
}

HANDLE hp_reopen_pipe(const char *name) {
  struct hp_error err = HP_ERROR_INIT;
  HANDLE pipe = NULL;
  if (hp_pipe_dial_trusted(name, FILE_FLAG_OVERLAPPED, &pipe, &err) == 0)
    return pipe;
  hp_error_clear(&err);
  return NULL;
}

static wchar_t *long_path(const char *path) {
  wchar_t *wide = hp_wide(path);
  size_t length = wcslen(wide);
  wchar_t *whole = hp_alloc((wcslen(LONG_PATH_PREFIX) + length + 1) * sizeof *whole);
  wcscpy(whole, LONG_PATH_PREFIX);
  wcscat(whole, wide);
  free(wide);
  return whole;
}

/* Makes what is missing of the directories above path. Only the last failure
 * counts, and opening the file tells it. */
static void make_directories(wchar_t *path) {
  wchar_t *drive_end = path + wcslen(LONG_PATH_PREFIX L"C:\\");
  for (wchar_t *c = drive_end; *c; c++) {
    if (*c != L'\\')
      continue;
    *c = L'\0';
    CreateDirectoryW(path, NULL);
    *c = L'\\';
  }
}

static HANDLE open_once(const wchar_t *path, bool input) {
  DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  if (input)
    return CreateFileW(path, GENERIC_READ, share, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
  /* Without FILE_WRITE_DATA every write goes to the end, whoever else writes. */
  return CreateFileW(path, FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE, share, NULL, OPEN_ALWAYS,
                     FILE_ATTRIBUTE_NORMAL, NULL);
}

int hp_open_file(const char *stream, const char *path, bool input, HANDLE *file, struct hp_error *err) {
  wchar_t *wide = long_path(path);
  HANDLE opened = open_once(wide, input);
  if (opened == INVALID_HANDLE_VALUE && !input && GetLastError() == ERROR_PATH_NOT_FOUND) {
    make_directories(wide);
    opened = open_once(wide, input);
  }
  DWORD reason = opened == INVALID_HANDLE_VALUE ? GetLastError() : ERROR_SUCCESS;
  free(wide);
  if (reason != ERROR_SUCCESS)
    return hp_error_set_os(err, (int)reason, "%s: cannot open file %s", stream, path);
  if (GetFileType(opened) != FILE_TYPE_DISK) {
    CloseHandle(opened);
    return hp_error_set(err, HP_INVALID_ARGUMENT, "%s: %s is not a file but a device", stream, path);
  }
  *file = opened;
  return 0;
}
