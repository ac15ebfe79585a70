#include "host/windows/silo.h"

#include <stdlib.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/wide_path.h"
#include "host/windows/winapi.h"

#define REMEDY                                                                                               \
  "; set the annotation microsoft.com/hostprocess-mount-behavior to \"symlink\" for what the bind filter "   \
  "refuses"

int hp_silo_make(HANDLE job, struct hp_error *err) {
  if (SetInformationJobObject(job, HP_JOB_CREATE_SILO, NULL, 0))
    return 0;
  return hp_error_set_os(err, (int)GetLastError(), "SetInformationJobObject (JobObjectCreateSilo)");
}

/* A volume without its backslash would be the device, which cannot be bound. */
static wchar_t *target_name(const wchar_t *target) {
  bool volume = wcsncmp(target, L"\\\\?\\Volume{", 11) == 0 && !wcschr(target + 11, L'\\');
  wchar_t *name = hp_path_join(target, L"");
  size_t length = wcslen(name);
  bool drive = length == 3;
  if (!volume && !drive)
    name[length - 1] = 0;
  return name;
}

int hp_silo_bind(HANDLE job, const wchar_t *root, const wchar_t *target, bool read_only,
                 struct hp_error *err) {
  const struct hp_bindflt *api = hp_winapi_bindflt();
  if (!api->BfSetupFilter)
    return hp_winapi_absent("BfSetupFilter", err);
  wchar_t *name = target_name(target);
  HRESULT result = api->BfSetupFilter(
      job, HP_BIND_CURRENT_SILO | HP_BIND_NO_MULTIPLE_TARGETS | (read_only ? HP_BIND_READ_ONLY : 0), root,
      name, NULL, 0);
  free(name);
  if (result >= 0)
    return 0;
  char *root_utf8 = hp_narrow(root), *target_utf8 = hp_narrow(target);
  hp_error_set_os(err, HRESULT_FACILITY(result) == FACILITY_WIN32 ? (int)HRESULT_CODE(result) : (int)result,
                  "BfSetupFilter of \"%s\" at \"%s\"", target_utf8, root_utf8);
  char *message = hp_strdup(err->message);
  int os_code = err->os_code;
  hp_error_set(err, HP_FAILED_PRECONDITION, "%s" REMEDY, message);
  err->os_code = os_code;
  free(message);
  free(root_utf8);
  free(target_utf8);
  return -1;
}

/* ---- probe -------------------------------------------------------------------- */

static int probe(struct hp_error *err) {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                     JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};
  wchar_t windows[MAX_PATH];
  HANDLE job = NULL;
  wchar_t *parent = NULL, *root = NULL;
  int result = -1;
  if (!hp_winapi_bindflt()->BfSetupFilter)
    return hp_winapi_absent("BfSetupFilter", err);
  UINT length = GetSystemWindowsDirectoryW(windows, MAX_PATH);
  if (length == 0 || length >= MAX_PATH)
    return hp_error_set_os(err, (int)GetLastError(), "GetSystemWindowsDirectoryW");
  parent = hp_path_parent(windows);
  root = hp_path_join(parent ? parent : windows, L"hostprocess-shim-probe");
  job = CreateJobObjectW(NULL, NULL);
  if (!job || !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits)) {
    hp_error_set_os(err, (int)GetLastError(), "CreateJobObjectW");
    goto done;
  }
  if (hp_silo_make(job, err) == 0)
    result = hp_silo_bind(job, root, windows, true, err);

done:
  if (job)
    CloseHandle(job);
  free(parent);
  free(root);
  return result;
}

static struct hp_error probed; /* no message: this host can bind */

static BOOL CALLBACK probe_once(INIT_ONCE *once, void *parameter, void **context) {
  (void)once, (void)parameter, (void)context;
  probe(&probed);
  return TRUE;
}

int hp_silo_probe(struct hp_error *err) {
  static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
  InitOnceExecuteOnce(&once, probe_once, NULL, NULL);
  if (!probed.message)
    return 0;
  hp_error_copy(err, &probed);
  return hp_error_recode(err, HP_FAILED_PRECONDITION);
}
