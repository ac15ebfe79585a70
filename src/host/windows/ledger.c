#include "host/windows/ledger.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/windows/boot.h"
#include "host/windows/private_directory.h"
#include "host/windows/text.h"
#include "host/windows/wide_path.h"

#define VERSION 1
#define FILE_MAX (16u << 20)
#define LOCK_WAIT_MS 20000
#define LOCK_POLL_MS 5
#define BUSY_TRIES 400
#define WHAT "the state directory"

struct hp_ledger {
  HANDLE lock;
  json_t *root; /* {"version", "claims"} */
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

/* ---- lock --------------------------------------------------------------------- */

/* LockFileEx knows no time limit, and a holder may hang. */
static int wait_for_lock(HANDLE lock, struct hp_error *err) {
  for (int waited = 0;; waited += LOCK_POLL_MS) {
    OVERLAPPED range = {0};
    if (LockFileEx(lock, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &range))
      return 0;
    DWORD os_code = GetLastError();
    if (os_code != ERROR_LOCK_VIOLATION && os_code != ERROR_IO_PENDING)
      return fail_os(err, os_code, "LockFileEx", L"lock");
    if (waited >= LOCK_WAIT_MS) {
      wchar_t *directory = state_directory();
      char *shown = hp_narrow(directory);
      hp_error_set(
          err, HP_UNAVAILABLE,
          "\"%s\\lock\" has been held by another shim for %d s; see who holds it and what it waits for",
          shown, LOCK_WAIT_MS / 1000);
      free(shown);
      free(directory);
      return -1;
    }
    Sleep(LOCK_POLL_MS);
  }
}

/* ---- the file ------------------------------------------------------------------- */

static int damaged(const char *why, struct hp_error *err) {
  wchar_t *file = state_file(L"ledger.json");
  char *shown = hp_narrow(file);
  hp_error_set(err, HP_FAILED_PRECONDITION,
               "the ledger \"%s\" cannot be read (%s); move it away once no HostProcess container runs",
               shown, why);
  free(shown);
  free(file);
  return -1;
}

static bool claim_is_sound(const json_t *claim) {
  const json_t *owner = json_object_get(claim, "owner");
  return json_is_string(json_object_get(claim, "kind")) &&
         json_is_string(json_object_get(owner, "namespace")) &&
         json_is_string(json_object_get(owner, "id")) && json_is_string(json_object_get(owner, "bundle")) &&
         json_is_string(json_object_get(owner, "boot"));
}

static int check_root(const json_t *root, struct hp_error *err) {
  if (json_integer_value(json_object_get(root, "version")) != VERSION)
    return damaged("it has another version", err);
  const json_t *claims = json_object_get(root, "claims"), *claim;
  size_t index;
  if (!json_is_array(claims))
    return damaged("it holds no claims", err);
  json_array_foreach(claims, index, claim) {
    if (!claim_is_sound(claim))
      return damaged("a claim lacks its kind or owner", err);
  }
  return 0;
}

static int read_text(HANDLE file, char **text, size_t *length, struct hp_error *err) {
  LARGE_INTEGER size;
  if (!GetFileSizeEx(file, &size) || size.QuadPart > (LONGLONG)FILE_MAX)
    return damaged("it is no file of a sane size", err);
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

static int load(json_t **root, struct hp_error *err) {
  DWORD os_code;
  HANDLE file;
  for (int tries = 0;; tries++) { /* it may be about to be replaced */
    file =
        open_file(L"ledger.json", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, OPEN_EXISTING, &os_code);
    if ((os_code != ERROR_ACCESS_DENIED && os_code != ERROR_SHARING_VIOLATION) || tries == BUSY_TRIES)
      break;
    Sleep(LOCK_POLL_MS);
  }
  if (!file && (os_code == ERROR_FILE_NOT_FOUND || os_code == ERROR_PATH_NOT_FOUND)) {
    *root = json_pack("{s:i, s:[]}", "version", VERSION, "claims");
    return 0;
  }
  if (!file)
    return fail_os(err, os_code, "CreateFileW", L"ledger.json");
  char *text = NULL;
  size_t length = 0;
  int result = read_text(file, &text, &length, err);
  CloseHandle(file);
  if (result != 0)
    return -1;
  json_error_t why;
  *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
  free(text);
  if (!*root)
    return damaged(why.text, err);
  if (check_root(*root, err) == 0)
    return 0;
  json_decref(*root);
  *root = NULL;
  return -1;
}

int hp_ledger_open(struct hp_ledger **out, struct hp_error *err) {
  DWORD os_code;
  struct hp_ledger *ledger = hp_alloc(sizeof *ledger);
  wchar_t *directory = state_directory();
  int result = hp_private_directory_make(directory, WHAT, err);
  free(directory);
  if (result != 0)
    goto failed;
  ledger->lock = open_file(L"lock", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                           OPEN_ALWAYS, &os_code);
  if (!ledger->lock) {
    fail_os(err, os_code, "CreateFileW", L"lock");
    goto failed;
  }
  if (wait_for_lock(ledger->lock, err) != 0 || load(&ledger->root, err) != 0)
    goto failed;
  *out = ledger;
  return 0;

failed:
  hp_ledger_close(ledger);
  return -1;
}

/* Somebody who reads the old file at this moment, or a virus scanner, may keep
 * it from being replaced for a moment. */
static DWORD replace(const wchar_t *from, const wchar_t *to) {
  for (int tries = 0;; tries++) {
    if (MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
      return ERROR_SUCCESS;
    DWORD os_code = GetLastError();
    if ((os_code != ERROR_ACCESS_DENIED && os_code != ERROR_SHARING_VIOLATION) || tries == BUSY_TRIES)
      return os_code;
    Sleep(LOCK_POLL_MS);
  }
}

int hp_ledger_save(struct hp_ledger *ledger, struct hp_error *err) {
  DWORD os_code = 0, written = 0;
  char *text = json_dumps(ledger->root, JSON_COMPACT);
  wchar_t *from = NULL, *to = NULL;
  int result = -1;
  if (!text)
    return hp_error_set(err, HP_INTERNAL, "the ledger cannot be written as JSON");
  HANDLE file = open_file(L"ledger.json.new", GENERIC_WRITE, 0, CREATE_ALWAYS, &os_code);
  if (!file) {
    fail_os(err, os_code, "CreateFileW", L"ledger.json.new");
    goto done;
  }
  if (!WriteFile(file, text, (DWORD)strlen(text), &written, NULL) || !FlushFileBuffers(file))
    os_code = GetLastError();
  CloseHandle(file);
  if (os_code) {
    fail_os(err, os_code, "WriteFile", L"ledger.json.new");
    goto done;
  }
  from = state_file(L"ledger.json.new");
  to = state_file(L"ledger.json");
  os_code = replace(from, to);
  result = os_code ? fail_os(err, os_code, "MoveFileExW", L"ledger.json") : 0;

done:
  free(from);
  free(to);
  free(text);
  return result;
}

void hp_ledger_close(struct hp_ledger *ledger) {
  if (!ledger)
    return;
  if (ledger->lock) {
    UnlockFile(ledger->lock, 0, 0, 1, 0); /* with the handle it would be let go some time later */
    CloseHandle(ledger->lock);
  }
  json_decref(ledger->root);
  free(ledger);
}

int hp_ledger_read(json_t **claims, struct hp_error *err) {
  json_t *root = NULL;
  wchar_t *directory = state_directory();
  int result = hp_private_directory_check(directory, WHAT, err);
  free(directory);
  if (result != 0 || load(&root, err) != 0)
    return -1;
  *claims = json_incref(json_object_get(root, "claims"));
  json_decref(root);
  return 0;
}

json_t *hp_ledger_claims(struct hp_ledger *ledger) {
  return json_object_get(ledger->root, "claims");
}

bool hp_ledger_is(const json_t *claim, const char *kind, const json_t *owner) {
  const char *name = json_string_value(json_object_get(claim, "kind"));
  return name && strcmp(name, kind) == 0 && (!owner || json_equal(json_object_get(claim, "owner"), owner));
}

void hp_ledger_add(struct hp_ledger *ledger, const char *kind, const json_t *owner, json_t *detail) {
  json_object_set_new(detail, "kind", json_string(kind));
  json_object_set_new(detail, "owner", json_deep_copy(owner));
  json_array_append_new(hp_ledger_claims(ledger), detail);
}

/* ---- owners ------------------------------------------------------------------------ */

int hp_ledger_owner(const char *namespace_name, const char *id, const char *bundle, json_t **owner,
                    struct hp_error *err) {
  char boot[HP_BOOT_ID_SIZE];
  if (hp_boot_id(boot, err) != 0)
    return -1;
  *owner = json_pack("{s:s, s:s, s:s, s:s}", "namespace", namespace_name, "id", id, "bundle", bundle, "boot",
                     boot);
  if (!*owner)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "namespace, id or bundle of \"%s\" is no UTF-8", id);
  return 0;
}

char *hp_ledger_owner_name(const json_t *owner) {
  const char *namespace_name = json_string_value(json_object_get(owner, "namespace"));
  const char *id = json_string_value(json_object_get(owner, "id"));
  return hp_printf("%s/%s", namespace_name ? namespace_name : "?", id ? id : "?");
}

bool hp_ledger_owner_lives(const json_t *owner) {
  struct hp_error err = HP_ERROR_INIT;
  char boot[HP_BOOT_ID_SIZE];
  const char *theirs = json_string_value(json_object_get(owner, "boot"));
  const char *bundle = json_string_value(json_object_get(owner, "bundle"));
  if (hp_boot_id(boot, &err) != 0) { /* when in doubt nothing is taken from anybody */
    hp_error_clear(&err);
    return true;
  }
  if (!theirs || !bundle || strcmp(theirs, boot) != 0)
    return false;
  wchar_t *wide = hp_wide(bundle), *whole = hp_path_long(wide);
  DWORD attributes = GetFileAttributesW(whole), os_code = GetLastError();
  free(wide);
  free(whole);
  return attributes != INVALID_FILE_ATTRIBUTES ||
         (os_code != ERROR_FILE_NOT_FOUND && os_code != ERROR_PATH_NOT_FOUND);
}

static bool holds(const json_t *owners, const json_t *owner) {
  size_t index;
  const json_t *other;
  json_array_foreach(owners, index, other) {
    if (json_equal(other, owner))
      return true;
  }
  return false;
}

void hp_ledger_sweep(const char *kind, const char *what,
                     int (*sweep)(const json_t *owner, struct hp_error *err)) {
  struct hp_error err = HP_ERROR_INIT;
  json_t *claims, *seen = json_array(), *claim;
  size_t index;
  if (hp_ledger_read(&claims, &err) != 0) {
    hp_log(HP_LOG_WARNING, NULL, "%s could not be swept: %s", what, err.message);
    hp_error_clear(&err);
    json_decref(seen);
    return;
  }
  json_array_foreach(claims, index, claim) {
    json_t *owner = json_object_get(claim, "owner");
    if (!hp_ledger_is(claim, kind, NULL) || holds(seen, owner))
      continue;
    json_array_append(seen, owner);
    if (hp_ledger_owner_lives(owner))
      continue;
    char *name = hp_ledger_owner_name(owner);
    hp_log(HP_LOG_INFO, NULL, "giving back %s of container %s, which is gone", what, name);
    if (sweep(owner, &err) != 0)
      hp_log(HP_LOG_WARNING, NULL, "%s of container %s: %s", what, name, err.message);
    hp_error_clear(&err);
    free(name);
  }
  json_decref(seen);
  json_decref(claims);
}
