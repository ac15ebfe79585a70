/* Profiles: a registry entry, and a hive that is loaded as long as somebody
 * uses it; one that a dead process loaded stays so. */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <userenv.h>

#include "base/memory.h"
#include "machine.h"
#include "winsim.h"

#define LIST L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\"
#define HIVE ((HANDLE)(uintptr_t)0x48495645)
#define OURS L"S-1-5-21-11-22-33-"

/* state: "profiles" {SID: how often it is loaded} */

static BOOL WINAPI load(HANDLE token, LPPROFILEINFOW info) {
  const char *sid = winsim_token_sid(token);
  DWORD os_code = winsim_enter("LoadUserProfileW", "0x%lx", (unsigned long)info->dwFlags);
  if (os_code)
    return winsim_answer(os_code);
  /* "LoadUserProfileW function": "the function fails with ERROR_INVALID_PARAMETER if the dwSize member
   * is not sizeof(PROFILEINFO) or if lpUserName is NULL" */
  if (!sid || info->dwSize != sizeof *info || !info->lpUserName)
    return winsim_answer(ERROR_INVALID_PARAMETER);
  json_t *profiles = winsim_part(winsim_lock(), "profiles");
  json_object_set_new(profiles, sid, json_integer(json_integer_value(json_object_get(profiles, sid)) + 1));
  winsim_unlock();
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

static LSTATUS APIENTRY open_key(HKEY key, LPCWSTR name, DWORD options, REGSAM access, PHKEY opened) {
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

WINSIM_IMPORT(RegOpenKeyExW, open_key);
WINSIM_IMPORT(RegUnLoadKeyW, unload_key);
