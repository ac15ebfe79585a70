/* A place for container volumes that somebody else could exchange. */
#include "host/windows/volume.h"

#include <aclapi.h>

#include "double_windows_container.h"
#include "support.h"

static bool foreign; /* what is called "place" is everybody's */

static DWORD WINAPI get_security(HANDLE handle, SE_OBJECT_TYPE type, SECURITY_INFORMATION wanted, PSID *owner,
                                 PSID *group, PACL *dacl, PACL *sacl, PSECURITY_DESCRIPTOR *descriptor) {
  static SID everyone = {SID_REVISION, 1, {SECURITY_WORLD_SID_AUTHORITY}, {SECURITY_WORLD_RID}};
  DWORD(WINAPI * real)
  (HANDLE, SE_OBJECT_TYPE, SECURITY_INFORMATION, PSID *, PSID *, PACL *, PACL *, PSECURITY_DESCRIPTOR *);
  FARPROC found = GetProcAddress(GetModuleHandleW(L"advapi32.dll"), "GetSecurityInfo");
  memcpy(&real, &found, sizeof real);
  DWORD code = real(handle, type, wanted, owner, group, dacl, sacl, descriptor);
  wchar_t path[MAX_PATH] = L"";
  if (foreign && GetFinalPathNameByHandleW(handle, path, MAX_PATH, 0) > 0 &&
      wcscmp(wcsrchr(path, L'\\') + 1, L"place") == 0)
    *owner = &everyone;
  return code;
}
extern void *const __imp_GetSecurityInfo;
void *const __imp_GetSecurityInfo = (void *)(uintptr_t)get_security;

START_TEST(a_volume_is_not_made_in_somebody_elses_directory) {
  make_directory_in_scratch(L"place");
  verdict.behavior = HP_MOUNT_SYMLINK;
  foreign = true;
  expect_refusal(plan(), HP_FAILED_PRECONDITION, "place\" belongs to");
  foreign = false;
  expect(plan());
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/volume_location");
  TCase *test = tcase_create("volume_location");
  tcase_set_timeout(test, 60);
  tcase_add_checked_fixture(test, container_enter, container_leave);
  tcase_add_test(test, a_volume_is_not_made_in_somebody_elses_directory);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
