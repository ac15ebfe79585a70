/* Profiles: a registry entry, and a hive that is loaded as long as somebody
 * uses it; one that a dead process loaded stays so. */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <userenv.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "machine.h"
#include "winsim.h"

#define LIST L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\"
#define HIVE ((HANDLE)(uintptr_t)0x48495645)
#define OURS L"S-1-5-21-11-22-33-"

#define LIST_KEY ((HKEY)(uintptr_t)0x4c495354)

/* state: "profiles" {SID: how often it is loaded}, "profilePaths" {SID: directory} */

static BOOL WINAPI load(HANDLE token, LPPROFILEINFOW info) {
  const char *sid = winsim_token_sid(token);
  DWORD os_code = winsim_enter("LoadUserProfileW", "0x%lx", (unsigned long)info->dwFlags);
  if (os_code)
    return winsim_answer(os_code);
  /* "LoadUserProfileW function": "the function fails with ERROR_INVALID_PARAMETER if the dwSize member
   * is not sizeof(PROFILEINFO) or if lpUserName is NULL" */
  if (!sid || info->dwSize != sizeof *info || !info->lpUserName)
    return winsim_answer(ERROR_INVALID_PARAMETER);
  char *name = winsim_narrow(info->lpUserName), *path = hp_printf("C:\\Users\\%s", name);
  json_t *state = winsim_lock(), *profiles = winsim_part(state, "profiles"),
         *paths = winsim_part(state, "profilePaths");
  json_object_set_new(profiles, sid, json_integer(json_integer_value(json_object_get(profiles, sid)) + 1));
  if (!json_object_get(paths, sid)) /* where it was made it stays */
    json_object_set_new(paths, sid, json_string(path));
  winsim_unlock();
  free(path);
  free(name);
  info->hProfile = HIVE;
  return winsim_answer(ERROR_SUCCESS);
}

static BOOL WINAPI unload(HANDLE token, HANDLE profile) {
  const char *sid = winsim_token_sid(token);
  DWORD os_code = winsim_enter("UnloadUserProfile", "%s", "");
  if (os_code)
    return winsim_answer(os_code);
  if (!sid || profile != HIVE) /* "UnloadUserProfile function": the handle of LoadUserProfile */
    return winsim_answer(ERROR_INVALID_HANDLE);
  json_t *profiles = winsim_part(winsim_lock(), "profiles");
  json_int_t loaded = json_integer_value(json_object_get(profiles, sid));
  if (loaded > 0)
    json_object_set_new(profiles, sid, json_integer(loaded - 1));
  winsim_unlock();
  return winsim_answer(loaded > 0 ? ERROR_SUCCESS : ERROR_INVALID_HANDLE);
}

/* "DeleteProfileW function": it deletes the directory and the registry's entry,
 * which fails as file deletion does while the hive is loaded. */
static BOOL WINAPI delete (LPCWSTR sid, LPCWSTR path, LPCWSTR computer) {
  DWORD os_code = winsim_enter("DeleteProfileW", "%s", path || computer ? "elsewhere" : "");
  if (os_code)
    return winsim_answer(os_code);
  if (!sid)
    return winsim_answer(ERROR_INVALID_PARAMETER);
  char *key = winsim_narrow(sid);
  json_t *profiles = winsim_part(winsim_lock(), "profiles"), *loaded = json_object_get(profiles, key);
  os_code = !loaded                          ? ERROR_FILE_NOT_FOUND
            : json_integer_value(loaded) > 0 ? ERROR_SHARING_VIOLATION
                                             : ERROR_SUCCESS;
  if (os_code == ERROR_SUCCESS)
    json_object_del(profiles, key);
  winsim_unlock();
  free(key);
  return winsim_answer(os_code);
}

WINSIM_IMPORT(LoadUserProfileW, load);
WINSIM_IMPORT(UnloadUserProfile, unload);
WINSIM_IMPORT(DeleteProfileW, delete);

/* ---- the registry ------------------------------------------------------------- */

void winsim_set_profile(const char *sid, const char *path) {
  json_t *state = winsim_lock(), *profiles = winsim_part(state, "profiles"),
         *paths = winsim_part(state, "profilePaths");
  json_object_set_new(profiles, sid, json_integer(0));
  json_object_set_new(paths, sid, json_string(path));
  winsim_unlock();
}

static LSTATUS open_list(PHKEY opened) {
  DWORD os_code = winsim_enter("RegOpenKeyExW", "%s", "the ProfileList");
  if (os_code)
    return (LSTATUS)os_code;
  *opened = LIST_KEY;
  return (LSTATUS)winsim_leave(ERROR_SUCCESS);
}

static LSTATUS APIENTRY open_key(HKEY key, LPCWSTR name, DWORD options, REGSAM access, PHKEY opened) {
  if (key == HKEY_LOCAL_MACHINE && winsim_starts(LIST, name) && wcslen(name) + 1 == wcslen(LIST))
    return open_list(opened);
  if (key != HKEY_LOCAL_MACHINE || !winsim_starts(name, LIST OURS))
    return WINSIM_REAL("advapi32.dll", RegOpenKeyExW)(key, name, options, access, opened);
  DWORD os_code = winsim_enter("RegOpenKeyExW", "%s", "ProfileList");
  if (os_code)
    return (LSTATUS)os_code;
  char *sid = winsim_narrow(name + wcslen(LIST));
  bool there = json_object_get(winsim_part(winsim_lock(), "profiles"), sid) != NULL;
  winsim_unlock();
  free(sid);
  winsim_leave(0);
  if (!there)
    return ERROR_FILE_NOT_FOUND;
  /* Any key: it is closed and nothing else. */
  return WINSIM_REAL("advapi32.dll", RegOpenKeyExW)(HKEY_LOCAL_MACHINE, L"SOFTWARE", 0, access, opened);
}

static LSTATUS APIENTRY unload_key(HKEY key, LPCWSTR name) {
  DWORD os_code = winsim_enter("RegUnLoadKeyW", "%s", "");
  if (os_code)
    return (LSTATUS)os_code;
  if (key != HKEY_USERS && key != HKEY_LOCAL_MACHINE) /* "RegUnLoadKeyW function": one of these two */
    return ERROR_INVALID_PARAMETER;
  char *sid = winsim_narrow(name);
  json_t *profiles = winsim_part(winsim_lock(), "profiles");
  bool loaded = json_integer_value(json_object_get(profiles, sid)) > 0;
  if (loaded)
    json_object_set_new(profiles, sid, json_integer(0));
  winsim_unlock();
  free(sid);
  winsim_leave(0);
  return loaded ? ERROR_SUCCESS : ERROR_FILE_NOT_FOUND;
}

static LSTATUS APIENTRY enum_key(HKEY key, DWORD index, LPWSTR name, LPDWORD length, LPDWORD reserved,
                                 LPWSTR class, LPDWORD class_length, PFILETIME written) {
  if (key != LIST_KEY)
    return WINSIM_REAL("advapi32.dll", RegEnumKeyExW)(key, index, name, length, reserved, class, class_length,
                                                      written);
  DWORD os_code = winsim_enter("RegEnumKeyExW", "%s", "");
  if (os_code)
    return (LSTATUS)os_code;
  if (reserved) /* "RegEnumKeyExW function": it "must be NULL" */
    return (LSTATUS)winsim_leave(ERROR_INVALID_PARAMETER);
  const char *sid;
  wchar_t *found = NULL;
  json_t *profiles = winsim_part(winsim_lock(), "profiles"), *loaded;
  json_object_foreach(profiles, sid, loaded) {
    if (index-- == 0) {
      found = hp_wide(sid);
      break;
    }
  }
  winsim_unlock();
  os_code = !found                     ? ERROR_NO_MORE_ITEMS
            : wcslen(found) >= *length ? ERROR_MORE_DATA /* the length has the NUL in it … */
                                       : ERROR_SUCCESS;
  if (os_code == ERROR_SUCCESS) {
    wcscpy(name, found);
    *length = (DWORD)wcslen(found); /* … and here has not */
  }
  free(found);
  return (LSTATUS)winsim_leave(os_code);
}

static LSTATUS APIENTRY get_value(HKEY key, LPCWSTR name, LPCWSTR value, DWORD flags, LPDWORD type,
                                  PVOID data, LPDWORD size) {
  if (key != LIST_KEY)
    return WINSIM_REAL("advapi32.dll", RegGetValueW)(key, name, value, flags, type, data, size);
  DWORD os_code = winsim_enter("RegGetValueW", "%s", "");
  if (os_code)
    return (LSTATUS)os_code;
  /* "RegGetValueW function": RRF_RT_REG_EXPAND_SZ without RRF_NOEXPAND is ERROR_INVALID_PARAMETER */
  if ((flags & RRF_RT_REG_EXPAND_SZ) && !(flags & RRF_NOEXPAND) && (flags & RRF_RT_ANY) != RRF_RT_ANY)
    return (LSTATUS)winsim_leave(ERROR_INVALID_PARAMETER);
  char *sid = winsim_narrow(name);
  wchar_t *path =
      hp_wide(json_string_value(json_object_get(winsim_part(winsim_lock(), "profilePaths"), sid)));
  winsim_unlock();
  free(sid);
  DWORD needed = path ? (DWORD)((wcslen(path) + 1) * sizeof *path) : 0;
  os_code = !path || wcscmp(value, L"ProfileImagePath") != 0 ? ERROR_FILE_NOT_FOUND
            : *size < needed                                 ? ERROR_MORE_DATA
                                                             : ERROR_SUCCESS;
  if (os_code == ERROR_SUCCESS) {
    memcpy(data, path, needed);
    *size = needed;
  }
  free(path);
  return (LSTATUS)winsim_leave(os_code);
}

static LSTATUS APIENTRY close_key(HKEY key) {
  return key == LIST_KEY ? ERROR_SUCCESS : WINSIM_REAL("advapi32.dll", RegCloseKey)(key);
}

WINSIM_IMPORT(RegEnumKeyExW, enum_key);
WINSIM_IMPORT(RegGetValueW, get_value);
WINSIM_IMPORT(RegCloseKey, close_key);
WINSIM_IMPORT(RegOpenKeyExW, open_key);
WINSIM_IMPORT(RegUnLoadKeyW, unload_key);
