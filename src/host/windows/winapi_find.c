#include "host/windows/winapi.h"

FARPROC hp_winapi_find(const wchar_t *library, const char *name) {
  /* Never freed: what was found stays callable. */
  HMODULE module = LoadLibraryExW(library, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
  return module ? GetProcAddress(module, name) : NULL;
}
