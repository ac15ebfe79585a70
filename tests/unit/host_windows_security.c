#include "host/windows/security.h"

#include <sddl.h>

#include "support.h"

/* The descriptor is written out in bytes: they are what the system makes of its text. */
START_TEST(it_is_for_system_and_administrators) {
  SECURITY_ATTRIBUTES ours = hp_security_administrators();
  PSECURITY_DESCRIPTOR wanted;
  SECURITY_DESCRIPTOR_CONTROL control, wanted_control;
  DWORD revision;
  BOOL present, defaulted;
  PACL dacl, wanted_dacl;
  ck_assert(ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;GA;;;SY)(A;;GA;;;BA)", SDDL_REVISION_1,
                                                                 &wanted, NULL));
  ck_assert(IsValidSecurityDescriptor(ours.lpSecurityDescriptor));
  ck_assert(GetSecurityDescriptorControl(ours.lpSecurityDescriptor, &control, &revision));
  ck_assert(GetSecurityDescriptorControl(wanted, &wanted_control, &revision));
  ck_assert_uint_eq(control | SE_SELF_RELATIVE, wanted_control);
  ck_assert(GetSecurityDescriptorDacl(ours.lpSecurityDescriptor, &present, &dacl, &defaulted) && present);
  ck_assert(GetSecurityDescriptorDacl(wanted, &present, &wanted_dacl, &defaulted) && present);
  ck_assert_uint_eq(dacl->AclSize, wanted_dacl->AclSize);
  ck_assert_mem_eq(dacl, wanted_dacl, wanted_dacl->AclSize);
  ck_assert(!ours.bInheritHandle);
  LocalFree(wanted);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/security");
  TCase *test = tcase_create("security");
  tcase_add_test(test, it_is_for_system_and_administrators);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
