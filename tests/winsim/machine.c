/* The state and the gate. */
#include "machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "winsim.h"

#define MUTEX L"Local\\hostprocess-winsim"

/* Before winsim_lock's the process' own, for job port and pool are threads. */
static SRWLOCK own = SRWLOCK_INIT;
static HANDLE shared; /* the mutex of all processes with one state file */
static json_t *state;

static struct {
  unsigned calls, fail_at, die_at;
  DWORD fail_code;
  char *log;
  const char *failed;
  struct {
    const char *name;
    unsigned times;
    DWORD os_code;
  } single;
} gate;

FARPROC winsim_real(const wchar_t *library, const char *name) {
  return GetProcAddress(LoadLibraryExW(library, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32), name);
}

/* ---- state ------------------------------------------------------------------------ */

json_t *winsim_lock(void) {
  const char *file = getenv("WINSIM_STATE");
  AcquireSRWLockExclusive(&own);
  if (file && !shared)
    shared = CreateMutexW(NULL, FALSE, MUTEX);
  if (file) {
    WaitForSingleObject(shared, INFINITE); /* WAIT_ABANDONED: its owner was killed, the file is whole */
    json_decref(state);
    state = json_load_file(file, 0, NULL);
  }
  if (!state)
    state = json_object();
  return state;
}

void winsim_unlock(void) {
  const char *file = getenv("WINSIM_STATE");
  if (file) {
    char *fresh = hp_printf("%s.new", file);
    if (json_dump_file(state, fresh, JSON_INDENT(1)) != 0 ||
        !MoveFileExA(fresh, file, MOVEFILE_REPLACE_EXISTING))
      abort(); /* a test whose machine is lost must not go on */
    free(fresh);
    ReleaseMutex(shared);
  }
  ReleaseSRWLockExclusive(&own);
}

json_t *winsim_part(json_t *whole, const char *name) {
  json_t *part = json_object_get(whole, name);
  if (!part) {
    part = json_object();
    json_object_set_new(whole, name, part);
  }
  return part;
}

void winsim_reset(void) {
  winsim_reset_tokens();
  winsim_reset_jobs();
  json_object_clear(winsim_lock());
  winsim_unlock();
  winsim_forget();
  gate.fail_at = gate.die_at = gate.single.times = 0;
  gate.failed = NULL;
}

/* ---- the gate ------------------------------------------------------------------------ */

static void note(const char *name, const char *arguments) {
  char *longer = hp_printf("%s%s%s%s\n", gate.log ? gate.log : "", name, *arguments ? " " : "", arguments);
  free(gate.log);
  gate.log = longer;
}

static void die(void) {
  TerminateProcess(GetCurrentProcess(), 137);
}

static DWORD judge(const char *name) {
  if (gate.fail_at && gate.calls == gate.fail_at) {
    gate.failed = name;
    return gate.fail_code;
  }
  if (gate.single.times == 0 || strcmp(gate.single.name, name) != 0)
    return ERROR_SUCCESS;
  gate.single.times--;
  gate.failed = name;
  return gate.single.os_code;
}

DWORD winsim_enter(const char *name, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *arguments = hp_vprintf(format, args);
  va_end(args);
  AcquireSRWLockExclusive(&own);
  gate.calls++;
  note(name, arguments);
  DWORD os_code = judge(name);
  if (gate.die_at && gate.calls * 2 == gate.die_at)
    die();
  ReleaseSRWLockExclusive(&own);
  free(arguments);
  return os_code;
}

DWORD winsim_leave(DWORD os_code) {
  if (gate.die_at && gate.calls * 2 + 1 == gate.die_at)
    die();
  return os_code;
}

BOOL winsim_answer(DWORD os_code) {
  winsim_leave(os_code);
  SetLastError(os_code);
  return os_code == ERROR_SUCCESS;
}

HRESULT winsim_result(DWORD os_code) {
  return HRESULT_FROM_WIN32(winsim_leave(os_code));
}

void winsim_fail(unsigned nth, DWORD os_code) {
  gate.fail_at = nth ? gate.calls + nth : 0;
  gate.fail_code = os_code;
  gate.failed = NULL;
}

void winsim_fail_call(const char *name, unsigned times, DWORD os_code) {
  gate.single.name = name;
  gate.single.times = times;
  gate.single.os_code = os_code;
}

void winsim_die(unsigned point) {
  gate.die_at = point ? gate.calls * 2 + point : 0;
}

const char *winsim_failed(void) {
  return gate.failed;
}

unsigned winsim_calls(void) {
  return gate.calls;
}

const char *winsim_log(void) {
  return gate.log ? gate.log : "";
}

unsigned winsim_count(const char *name) {
  unsigned count = 0;
  size_t length = strlen(name);
  for (const char *line = winsim_log(); *line; line = strchr(line, '\n') + 1)
    count += strncmp(line, name, length) == 0 && strchr(" \n", line[length]);
  return count;
}

void winsim_forget(void) {
  free(gate.log);
  gate.log = NULL;
  gate.calls = 0;
}

/* ---- text -------------------------------------------------------------------------------- */

char *winsim_narrow(const wchar_t *wide) {
  return hp_narrow(wide ? wide : L"(null)");
}

bool winsim_starts(const wchar_t *text, const wchar_t *start) {
  return text && _wcsnicmp(text, start, wcslen(start)) == 0;
}

bool winsim_ends_in_backslash(const wchar_t *path) {
  size_t length = wcslen(path);
  return length > 0 && path[length - 1] == L'\\';
}

char *winsim_path_key(const wchar_t *path) {
  wchar_t key[32768];
  bool device = winsim_starts(path, L"\\\\?\\") && !winsim_starts(path, L"\\\\?\\Volume{");
  wcsncpy(key, path + (device ? 4 : 0), 32767);
  key[32767] = 0;
  size_t length = wcslen(key);
  if (length > 0 && key[length - 1] == L'\\')
    key[length - 1] = 0;
  CharLowerBuffW(key, (DWORD)wcslen(key));
  return hp_narrow(key);
}

/* ---- what is left ---------------------------------------------------------------------------- */

static void left_of(const json_t *whole, const char *part, json_t *lines) {
  const char *key;
  json_t *value;
  json_object_foreach(json_object_get(whole, part), key, value) {
    char *line = hp_printf("%s %s", part, key);
    json_array_append_new(lines, json_string(line));
    free(line);
  }
}

/* One of an account that was there before stays; that it is unloaded is for its test to ask. */
static void left_profiles(const json_t *whole, json_t *lines) {
  const char *sid;
  json_t *profile;
  json_object_foreach(json_object_get(whole, "profiles"), sid, profile) {
    json_t *user = json_object_get(json_object_get(whole, "users"), sid);
    if (user && !json_is_true(json_object_get(user, "made")))
      continue;
    char *line = hp_printf("profiles %s", sid);
    json_array_append_new(lines, json_string(line));
    free(line);
  }
}

static void left_users(const json_t *whole, json_t *lines) {
  const char *sid;
  json_t *user;
  json_object_foreach(json_object_get(whole, "users"), sid, user) {
    if (!json_is_true(json_object_get(user, "made")))
      continue;
    char *line = hp_printf("user %s", json_string_value(json_object_get(user, "name")));
    json_array_append_new(lines, json_string(line));
    free(line);
  }
}

char *winsim_left(void) {
  json_t *lines = json_array(), *whole = winsim_lock(), *line;
  size_t index;
  left_users(whole, lines);
  left_profiles(whole, lines);
  left_of(whole, "layers", lines);
  left_of(whole, "mounts", lines);
  left_of(whole, "links", lines);
  winsim_unlock();
  winsim_left_tokens(lines);
  winsim_left_jobs(lines);
  char *text = hp_strdup("");
  json_array_foreach(lines, index, line) {
    char *longer = hp_printf("%s%s\n", text, json_string_value(line));
    free(text);
    text = longer;
  }
  json_decref(lines);
  return text;
}
