/* A directory of its own for each test, below the user's temporary one, and the
 * ledger in it. Windows only. Included by one file a program. */
#ifndef HP_TESTS_UNIT_SCRATCH_WINDOWS_H
#define HP_TESTS_UNIT_SCRATCH_WINDOWS_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/wide_path.h"

static wchar_t *scratch; /* no backslash at the end */

/* The scratch directory's NAME, owned. */
static inline wchar_t *in_scratch(const wchar_t *name) {
  return hp_path_join(scratch, name);
}

static inline bool exists(const wchar_t *name) {
  wchar_t *path = in_scratch(name);
  bool there = GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
  free(path);
  return there;
}

static inline void make_directory_in_scratch(const wchar_t *name) {
  wchar_t *path = in_scratch(name);
  ck_assert_msg(CreateDirectoryW(path, NULL), "%lu", GetLastError());
  free(path);
}

static inline void make_file_in_scratch(const wchar_t *name, const char *text) {
  wchar_t *path = in_scratch(name);
  DWORD written;
  HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
  ck_assert_ptr_ne(file, INVALID_HANDLE_VALUE);
  ck_assert(WriteFile(file, text, (DWORD)strlen(text), &written, NULL));
  CloseHandle(file);
  free(path);
}

/* A process that was ended halfway left its own, and pids come round again. */
static inline void scratch_make(void) {
  static unsigned count;
  wchar_t temp[MAX_PATH];
  BOOL made = FALSE;
  ck_assert_int_gt(GetTempPathW(MAX_PATH, temp), 0);
  while (!made) {
    char *name = hp_printf("hp-unit-%lu-%u", GetCurrentProcessId(), count++);
    wchar_t *wide = hp_wide(name);
    free(scratch);
    scratch = hp_path_join(temp, wide);
    made = CreateDirectoryW(scratch, NULL);
    ck_assert_msg(made || GetLastError() == ERROR_ALREADY_EXISTS, "%lu", GetLastError());
    free(wide);
    free(name);
  }
  wchar_t *state = in_scratch(L"state");
  ck_assert(SetEnvironmentVariableW(L"HOSTPROCESS_STATE_DIR", state));
  free(state);
}

static inline void remove_tree(const wchar_t *path) {
  WIN32_FIND_DATAW data;
  wchar_t *pattern = hp_path_join(path, L"*");
  HANDLE search = FindFirstFileW(pattern, &data);
  free(pattern);
  for (BOOL more = search != INVALID_HANDLE_VALUE; more; more = FindNextFileW(search, &data)) {
    if (wcscmp(data.cFileName, L".") == 0 || wcscmp(data.cFileName, L"..") == 0)
      continue;
    wchar_t *child = hp_path_join(path, data.cFileName);
    if (!(data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
      DeleteFileW(child);
    else if (data.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
      RemoveDirectoryW(child);
    else
      remove_tree(child);
    free(child);
  }
  if (search != INVALID_HANDLE_VALUE)
    FindClose(search);
  RemoveDirectoryW(path);
}

static inline void scratch_remove(void) {
  remove_tree(scratch);
  free(scratch);
  scratch = NULL;
}

#endif
