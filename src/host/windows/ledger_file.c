#include "host/ledger_file.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "base/crash.h"
#include "base/memory.h"
#include "host/windows/boot.h"
#include "host/windows/private_directory.h"
#include "host/windows/security.h"
#include "host/windows/text.h"
#include "host/windows/wide_path.h"

/* Windows may sleep three times as long: waits end by the clock. */
#define LOCK_POLL_MS 5
#define BUSY_MS 2000
#define WHAT "the state directory"

struct hp_ledger_file {
  HANDLE lock;
};

/* ---- where it is ------------------------------------------------------------- */

/* The environment of a service is its administrator's; owned. */
static wchar_t *variable(const wchar_t *name) {
  DWORD length = GetEnvironmentVariableW(name, NULL, 0);
  if (length < 2)
    return NULL;
  wchar_t *value = hp_alloc(length * sizeof *value);
  DWORD got = GetEnvironmentVariableW(name, value, length);
  if (got > 0 && got < length)
    return value;
  free(value);
  return NULL;
}

static wchar_t *state_directory(void) {
  wchar_t *directory = variable(L"HOSTPROCESS_STATE_DIR");
  if (directory)
    return directory;
  wchar_t *data = variable(L"ProgramData");
  directory = hp_path_join(data ? data : L"C:\\ProgramData", L"hostprocess-shim");
  free(data);
  return directory;
}

static wchar_t *state_file(const wchar_t *name) {
  wchar_t *directory = state_directory(), *file = hp_path_join(directory, name);
  free(directory);
  return file;
}

static int fail_os(struct hp_error *err, DWORD os_code, const char *call, const wchar_t *name) {
  wchar_t *file = state_file(name);
  char *shown = hp_narrow(file);
  hp_error_set_os(err, (int)os_code, "%s of \"%s\"", call, shown);
  free(shown);
  free(file);
  return -1;
}

static HANDLE open_file(const wchar_t *name, DWORD access, DWORD share, DWORD disposition, DWORD *os_code) {
  wchar_t *file = state_file(name);
  HANDLE handle = CreateFileW(file, access, share, NULL, disposition,
                              FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  *os_code = handle == INVALID_HANDLE_VALUE ? GetLastError() : 0;
  free(file);
  return handle == INVALID_HANDLE_VALUE ? NULL : handle;
}

/* A directory that an administrator made by hand, for the node policy say, is
 * for everybody to add files to until it is first looked at here. */
static int check_owner(HANDLE file, const wchar_t *name, struct hp_error *err) {
  if (hp_security_trusted(file, SE_FILE_OBJECT))
    return 0;
  wchar_t *path = state_file(name);
  char *shown = hp_narrow(path);
  hp_error_set(err, HP_FAILED_PRECONDITION,
               "\"%s\" belongs to neither SYSTEM nor Administrators nor our own user: look who put it there, "
               "then remove it",
               shown);
  free(shown);
  free(path);
  return -1;
}

/* ---- lock --------------------------------------------------------------------- */

/* LockFileEx knows no time limit, and a holder may hang. */
static int wait_for_lock(HANDLE lock, struct hp_error *err) {
  ULONGLONG end = GetTickCount64() + HP_LEDGER_LOCK_WAIT_MS;
  for (;;) {
    OVERLAPPED range = {0};
    if (LockFileEx(lock, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &range))
      return 0;
    DWORD os_code = GetLastError();
    if (os_code != ERROR_LOCK_VIOLATION && os_code != ERROR_IO_PENDING)
      return fail_os(err, os_code, "LockFileEx", L"lock");
    if (GetTickCount64() >= end) {
      wchar_t *directory = state_directory();
      char *shown = hp_narrow(directory);
      hp_error_set(
          err, HP_UNAVAILABLE,
          "\"%s\\lock\" has been held by another shim for %d s; see who holds it and what it waits for",
          shown, HP_LEDGER_LOCK_WAIT_MS / 1000);
      free(shown);
      free(directory);
      return -1;
    }
    Sleep(LOCK_POLL_MS);
  }
}

/* ---- the file ------------------------------------------------------------------- */

/* Who looks at it or replaces it keeps others out for a moment. */
static bool is_busy(DWORD os_code, ULONGLONG end) {
  return (os_code == ERROR_ACCESS_DENIED || os_code == ERROR_SHARING_VIOLATION) && GetTickCount64() < end;
}

int hp_ledger_file_damaged(const char *why, struct hp_error *err) {
  wchar_t *file = state_file(L"ledger.json");
  char *shown = hp_narrow(file);
  hp_error_set(err, HP_FAILED_PRECONDITION,
               "the ledger \"%s\" cannot be read (%s); move it away once no HostProcess container runs",
               shown, why);
  free(shown);
  free(file);
  return -1;
}

static int read_text(HANDLE file, char **text, size_t *length, struct hp_error *err) {
  LARGE_INTEGER size;
  if (!GetFileSizeEx(file, &size) || size.QuadPart > (LONGLONG)HP_LEDGER_FILE_MAX)
    return hp_ledger_file_damaged("it is no file of a sane size", err);
  DWORD got = 0;
  *text = hp_alloc((size_t)size.QuadPart + 1);
  if (ReadFile(file, *text, (DWORD)size.QuadPart, &got, NULL)) {
    *length = got;
    return 0;
  }
  DWORD os_code = GetLastError();
  free(*text);
  return fail_os(err, os_code, "ReadFile", L"ledger.json");
}

int hp_ledger_file_load(const struct hp_ledger_file *file, char **text, size_t *length,
                        struct hp_error *err) {
  *text = NULL;
  *length = 0;
  if (!file) {
    wchar_t *directory = state_directory();
    int checked = hp_private_directory_check(directory, WHAT, err);
    free(directory);
    if (checked != 0)
      return -1;
  }
  DWORD os_code;
  HANDLE json;
  /* It may be about to be replaced. */
  for (ULONGLONG end = GetTickCount64() + BUSY_MS;; Sleep(LOCK_POLL_MS)) {
    json =
        open_file(L"ledger.json", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, OPEN_EXISTING, &os_code);
    if (!is_busy(os_code, end))
      break;
  }
  if (!json && (os_code == ERROR_FILE_NOT_FOUND || os_code == ERROR_PATH_NOT_FOUND))
    return 0;
  if (!json)
    return fail_os(err, os_code, "CreateFileW", L"ledger.json");
  int result = check_owner(json, L"ledger.json", err) == 0 ? read_text(json, text, length, err) : -1;
  CloseHandle(json);
  return result;
}

int hp_ledger_file_open(struct hp_ledger_file **out, struct hp_error *err) {
  DWORD os_code;
  struct hp_ledger_file *file = hp_alloc(sizeof *file);
  wchar_t *directory = state_directory();
  int result = hp_private_directory_make(directory, WHAT, err);
  free(directory);
  if (result != 0)
    goto failed;
  file->lock = open_file(L"lock", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                         OPEN_ALWAYS, &os_code);
  if (!file->lock) {
    fail_os(err, os_code, "CreateFileW", L"lock");
    goto failed;
  }
  if (check_owner(file->lock, L"lock", err) != 0 || wait_for_lock(file->lock, err) != 0)
    goto failed;
  *out = file;
  return 0;

failed:
  hp_ledger_file_close(file);
  return -1;
}

static void remove_file(const wchar_t *name) {
  wchar_t *file = state_file(name);
  DeleteFileW(file);
  free(file);
}

/* Somebody who reads the old file at this moment, or a virus scanner, may keep
 * it from being replaced for a moment. */
static DWORD replace(const wchar_t *from, const wchar_t *to) {
  for (ULONGLONG end = GetTickCount64() + BUSY_MS;; Sleep(LOCK_POLL_MS)) {
    if (MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
      return ERROR_SUCCESS;
    DWORD os_code = GetLastError();
    if (!is_busy(os_code, end))
      return os_code;
  }
}

int hp_ledger_file_save(struct hp_ledger_file *file, const char *text, struct hp_error *err) {
  DWORD os_code = 0, written = 0;
  (void)file; /* that its lock is held is what matters */
  /* Of a crash; or somebody else's, to whom what is written into it would belong. */
  remove_file(L"ledger.json.new");
  HANDLE json = open_file(L"ledger.json.new", GENERIC_WRITE, 0, CREATE_NEW, &os_code);
  if (!json)
    return fail_os(err, os_code, "CreateFileW", L"ledger.json.new");
  if (!WriteFile(json, text, (DWORD)strlen(text), &written, NULL) || !FlushFileBuffers(json))
    os_code = GetLastError();
  CloseHandle(json);
  if (os_code)
    return fail_os(err, os_code, "WriteFile", L"ledger.json.new");
  hp_crash_point();
  wchar_t *from = state_file(L"ledger.json.new"), *to = state_file(L"ledger.json");
  os_code = replace(from, to);
  free(from);
  free(to);
  if (os_code)
    return fail_os(err, os_code, "MoveFileExW", L"ledger.json");
  hp_crash_point();
  return 0;
}

void hp_ledger_file_close(struct hp_ledger_file *file) {
  if (!file)
    return;
  if (file->lock) {
    UnlockFile(file->lock, 0, 0, 1, 0); /* with the handle it would be let go some time later */
    CloseHandle(file->lock);
  }
  free(file);
}

/* ---- owners ------------------------------------------------------------------------ */

int hp_ledger_boot(char boot[HP_LEDGER_BOOT_SIZE], struct hp_error *err) {
  _Static_assert(HP_BOOT_ID_SIZE <= HP_LEDGER_BOOT_SIZE, "a boot's id fits");
  return hp_boot_id(boot, err);
}

bool hp_ledger_bundle_gone(const char *bundle) {
  wchar_t *wide = hp_wide(bundle), *whole = hp_path_long(wide);
  DWORD attributes = GetFileAttributesW(whole), os_code = GetLastError();
  free(wide);
  free(whole);
  return attributes == INVALID_FILE_ATTRIBUTES &&
         (os_code == ERROR_FILE_NOT_FOUND || os_code == ERROR_PATH_NOT_FOUND);
}
