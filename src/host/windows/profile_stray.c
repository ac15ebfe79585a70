/* Profiles that outlived their account, its claim and its journal. Windows names
 * the directory after the account, with a dot and more behind it where that name
 * was taken. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <sddl.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/ledger.h"
#include "host/windows/account.h"
#include "host/windows/profile.h"
#include "host/windows/text.h"

#define SID_SIZE 256 /* characters of a name in the list, the NUL too */
#define PATH_SIZE 1024
#define LOCAL_ACCOUNTS L"S-1-5-21-"

/* The account that a profile's directory is named after, if it is one of ours; owned. */
static char *account_of(const char *path) {
  const char *last = strrchr(path, '\\');
  if (!last || strlen(last + 1) < HP_ACCOUNT_NAME_SIZE - 1)
    return NULL;
  char *name = hp_strndup(last + 1, HP_ACCOUNT_NAME_SIZE - 1), after = last[HP_ACCOUNT_NAME_SIZE];
  _strlwr(name); /* case does not count */
  if (hp_account_is_ours(name) && (after == 0 || after == '.'))
    return name;
  free(name);
  return NULL;
}

/* What the system cannot say now does not count as gone. */
static bool is_nobody(const wchar_t *text) {
  wchar_t name[256], domain[256];
  DWORD name_length = 256, domain_length = 256, os_code;
  SID_NAME_USE use;
  PSID sid = NULL;
  if (!ConvertStringSidToSidW(text, &sid))
    return false;
  os_code = LookupAccountSidW(NULL, sid, name, &name_length, domain, &domain_length, &use) ? ERROR_SUCCESS
                                                                                           : GetLastError();
  LocalFree(sid);
  return os_code == ERROR_NONE_MAPPED;
}

static bool is_claimed(const json_t *claims, const char *sid, const char *name) {
  for (size_t i = 0; i < json_array_size(claims); i++) {
    const json_t *claim = json_array_get(claims, i);
    const char *theirs = json_string_value(json_object_get(claim, "name")),
               *their_sid = json_string_value(json_object_get(claim, "sid"));
    if (hp_ledger_is(claim, HP_ACCOUNT_CLAIM, NULL) &&
        ((theirs && strcmp(theirs, name) == 0) || (their_sid && strcmp(their_sid, sid) == 0)))
      return true;
  }
  return false;
}

/* The directory of a profile that is a stray; owned, NULL: it is none. */
static char *stray_path(HKEY list, const wchar_t *sid, const json_t *claims) {
  wchar_t path[PATH_SIZE];
  DWORD size = sizeof path;
  if (_wcsnicmp(sid, LOCAL_ACCOUNTS, wcslen(LOCAL_ACCOUNTS)) != 0 ||
      RegGetValueW(list, sid, L"ProfileImagePath", RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ | RRF_NOEXPAND, NULL,
                   path, &size) != ERROR_SUCCESS)
    return NULL;
  char *shown = hp_narrow(path), *name = account_of(shown), *text = hp_narrow(sid);
  bool stray = name && !is_claimed(claims, text, name) && is_nobody(sid);
  free(text);
  free(name);
  if (stray)
    return shown;
  free(shown);
  return NULL;
}

static LSTATUS open_list(HKEY *list) {
  return RegOpenKeyExW(HKEY_LOCAL_MACHINE, HP_PROFILE_LIST, 0, KEY_READ | KEY_WOW64_64KEY, list);
}

static LSTATUS find_in(HKEY list, const json_t *claims, json_t *records) {
  for (DWORD index = 0;; index++) {
    wchar_t sid[SID_SIZE];
    DWORD length = SID_SIZE;
    LSTATUS status = RegEnumKeyExW(list, index, sid, &length, NULL, NULL, NULL, NULL);
    if (status == ERROR_MORE_DATA)
      continue; /* no SID is that long */
    if (status != ERROR_SUCCESS)
      return status == ERROR_NO_MORE_ITEMS ? ERROR_SUCCESS : status;
    char *path = stray_path(list, sid, claims), *text = hp_narrow(sid);
    if (path)
      json_array_append_new(records, json_pack("{s:s, s:s, s:s, s:b}", "kind", HP_PROFILE_CLAIM, "sid", text,
                                               "path", path, "stray", 1));
    free(text);
    free(path);
  }
}

void hp_profile_find_strays(const json_t *claims, json_t *records) {
  HKEY list;
  const char *call = "RegOpenKeyExW";
  LSTATUS status = open_list(&list);
  if (status == ERROR_SUCCESS) {
    call = "RegEnumKeyExW";
    status = find_in(list, claims, records);
    RegCloseKey(list);
  }
  if (status != ERROR_SUCCESS)
    hp_log(HP_LOG_WARNING, NULL,
           "%s of the list of profiles failed with %lu: profiles that no account has any more are not all "
           "looked for",
           call, (unsigned long)status);
}

int hp_profile_remove_stray(const char *sid, struct hp_error *err) {
  json_t *claims;
  HKEY list;
  if (hp_ledger_read(&claims, err) != 0)
    return -1;
  LSTATUS status = open_list(&list);
  char *path = NULL;
  if (status == ERROR_SUCCESS) {
    wchar_t *wide = hp_wide(sid);
    path = stray_path(list, wide, claims);
    free(wide);
    RegCloseKey(list);
  }
  json_decref(claims);
  bool stray = path != NULL;
  free(path);
  if (status != ERROR_SUCCESS)
    return hp_error_set_os(err, (int)status, "RegOpenKeyExW of the list of profiles");
  return stray ? hp_profile_delete(sid, err) : 0;
}
