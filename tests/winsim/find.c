/* In the place of src/host/windows/winapi_find.c: what winsim has, then the
 * system's own, but for the two libraries that Wine lacks. */
#include <string.h>

#include "host/windows/winapi.h"
#include "machine.h"
#include "winsim.h"

void winsim_set_build(unsigned build) {
  json_object_set_new(winsim_lock(), "build", json_integer((json_int_t)build));
  winsim_unlock();
}

static LONG NTAPI get_version(OSVERSIONINFOW *version) {
  LONG(NTAPI * real)(OSVERSIONINFOW *);
  FARPROC found = winsim_real(L"ntdll.dll", "RtlGetVersion");
  memcpy(&real, &found, sizeof real);
  LONG status = real(version);
  json_int_t build = json_integer_value(json_object_get(winsim_lock(), "build"));
  winsim_unlock();
  if (build)
    version->dwBuildNumber = (DWORD)build;
  return status;
}

static const struct winsim_function version_functions[] = {
    {"RtlGetVersion", (void *)(uintptr_t)get_version},
    {NULL, NULL},
};

static FARPROC find(const struct winsim_function *functions, const char *name) {
  FARPROC found = NULL;
  for (; functions->name; functions++)
    if (strcmp(functions->name, name) == 0)
      memcpy(&found, &functions->function, sizeof found);
  return found;
}

FARPROC hp_winapi_find(const wchar_t *library, const char *name) {
  if (wcscmp(library, L"vmcompute.dll") == 0)
    return find(winsim_layer_functions, name);
  if (wcscmp(library, L"bindfltapi.dll") == 0)
    return winsim_has_bind_filter() ? find(winsim_bind_functions, name) : NULL;
  bool nt = wcscmp(library, L"ntdll.dll") == 0;
  FARPROC found = find(nt ? winsim_file_functions : winsim_job_functions, name);
  if (!found && nt)
    found = find(version_functions, name);
  return found ? found : GetProcAddress(GetModuleHandleW(library), name);
}
