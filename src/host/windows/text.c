#include "host/windows/text.h"

#include <windows.h>

#include "base/memory.h"

wchar_t *hp_wide(const char *utf8) {
  if (!utf8)
    return NULL;
  int length = MultiByteToWideChar(CP_UTF8, 0, utf8, -1, NULL, 0);
  wchar_t *wide = hp_alloc((size_t)(length > 0 ? length : 1) * sizeof *wide);
  MultiByteToWideChar(CP_UTF8, 0, utf8, -1, wide, length);
  return wide;
}

char *hp_narrow(const wchar_t *wide) {
  if (!wide)
    return NULL;
  int length = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
  char *utf8 = hp_alloc((size_t)(length > 0 ? length : 1));
  WideCharToMultiByte(CP_UTF8, 0, wide, -1, utf8, length, NULL, NULL);
  return utf8;
}
