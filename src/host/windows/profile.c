#include "host/windows/profile.h"

#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

#include <userenv.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/token.h"
#include "host/windows/wide_path.h"

#define TRIES 10
#define PAUSE_MS 200
#define TRIES_BEFORE_UNLOAD 3

static bool has_profile(const wchar_t *sid) {
  HKEY key;
  wchar_t *path = hp_path_join(HP_PROFILE_LIST, sid);
  LSTATUS status = RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &key);
  free(path);
  if (status == ERROR_SUCCESS)
    RegCloseKey(key);
  return status != ERROR_FILE_NOT_FOUND;
}

/* A shim that was killed never unloaded what it had loaded. */
static void unload_hives(const wchar_t *sid) {
  hp_privilege_enable(SE_BACKUP_NAME);
  if (!hp_privilege_enable(SE_RESTORE_NAME))
    return;
  size_t length = wcslen(sid);
  wchar_t *classes = hp_alloc((length + 9) * sizeof *classes);
  wcscpy(classes, sid);
  wcscat(classes, L"_Classes");
  RegUnLoadKeyW(HKEY_USERS, classes);
  RegUnLoadKeyW(HKEY_USERS, sid);
  free(classes);
}

int hp_profile_delete(const char *sid, struct hp_error *err) {
  wchar_t *wide = hp_wide(sid);
  DWORD os_code = ERROR_SUCCESS;
  for (int tries = 0; has_profile(wide); tries++) {
    if (DeleteProfileW(wide, NULL, NULL))
      break;
    os_code = GetLastError();
    if (os_code == ERROR_FILE_NOT_FOUND || os_code == ERROR_PATH_NOT_FOUND || os_code == ERROR_NONE_MAPPED)
      break;
    if (tries + 1 == TRIES) {
      free(wide);
      hp_error_set_os(err, (int)os_code, "DeleteProfileW of %s, which is tried again later", sid);
      return hp_error_recode(err, HP_FAILED_PRECONDITION);
    }
    if (tries + 1 >= TRIES_BEFORE_UNLOAD)
      unload_hives(wide);
    Sleep(PAUSE_MS);
  }
  free(wide);
  return 0;
}
