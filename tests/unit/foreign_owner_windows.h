/* In place of GetSecurityInfo: everything called `foreign_name` is everybody's. */
#ifndef HP_TESTS_UNIT_FOREIGN_OWNER_WINDOWS_H
#define HP_TESTS_UNIT_FOREIGN_OWNER_WINDOWS_H

#include <aclapi.h>
#include <stdint.h>
#include <string.h>
#include <windows.h>

static const wchar_t *foreign_name; /* NULL: nothing is */

static DWORD WINAPI get_security(HANDLE handle, SE_OBJECT_TYPE type, SECURITY_INFORMATION wanted, PSID *owner,
                                 PSID *group, PACL *dacl, PACL *sacl, PSECURITY_DESCRIPTOR *descriptor) {
  static SID everyone = {SID_REVISION, 1, {SECURITY_WORLD_SID_AUTHORITY}, {SECURITY_WORLD_RID}};
  DWORD(WINAPI * real)
  (HANDLE, SE_OBJECT_TYPE, SECURITY_INFORMATION, PSID *, PSID *, PACL *, PACL *, PSECURITY_DESCRIPTOR *);
  FARPROC found = GetProcAddress(GetModuleHandleW(L"advapi32.dll"), "GetSecurityInfo");
  memcpy(&real, &found, sizeof real);
  DWORD code = real(handle, type, wanted, owner, group, dacl, sacl, descriptor);
  wchar_t path[MAX_PATH] = L"";
  if (foreign_name && GetFinalPathNameByHandleW(handle, path, MAX_PATH, 0) > 0 &&
      wcscmp(wcsrchr(path, L'\\') + 1, foreign_name) == 0)
    *owner = &everyone;
  return code;
}
extern void *const __imp_GetSecurityInfo;
void *const __imp_GetSecurityInfo = (void *)(uintptr_t)get_security;

#endif
