/* Which access lists leave a directory private. */
#include "host/windows/private_directory.h"

#include <sddl.h>

#include "host/windows/text.h"
#include "support.h"

/* With every entry of this type, if it is not 0: Wine's parser does not know the others. */
static bool is_loose(const wchar_t *sddl, BYTE type) {
  PSECURITY_DESCRIPTOR descriptor = NULL;
  BOOL present, defaulted;
  PACL dacl = NULL;
  void *entry;
  ck_assert_msg(
      ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl, SDDL_REVISION_1, &descriptor, NULL),
      "%ls: %lu", sddl, GetLastError());
  ck_assert(GetSecurityDescriptorDacl(descriptor, &present, &dacl, &defaulted));
  for (DWORD i = 0; type != 0 && GetAce(dacl, i, &entry); i++)
    ((ACE_HEADER *)entry)->AceType = type;
  bool loose = hp_private_directory_is_loose(dacl);
  LocalFree(descriptor);
  return loose;
}

START_TEST(ours_alone) {
  ck_assert(!is_loose(L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", 0));
  ck_assert(!is_loose(L"D:P(A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)", 0));
  ck_assert(!is_loose(L"D:(D;;FA;;;WD)", 0));
  ck_assert(!is_loose(L"D:(A;;FA;;;WD)", ACCESS_DENIED_CALLBACK_ACE_TYPE));
  ck_assert(!is_loose(L"D:(A;;FA;;;BA)", ACCESS_ALLOWED_CALLBACK_ACE_TYPE));
}
END_TEST

START_TEST(others_too) {
  ck_assert(hp_private_directory_is_loose(NULL)); /* no list: everybody may do everything */
  ck_assert(is_loose(L"D:(A;;FA;;;WD)", 0));
  ck_assert(is_loose(L"D:(A;OICIIO;FA;;;BU)", 0)); /* what is made in it */
  ck_assert(is_loose(L"D:(A;;0x40;;;BU)", 0));     /* FILE_DELETE_CHILD */
}
END_TEST

START_TEST(an_entry_with_a_condition_counts) {
  ck_assert(is_loose(L"D:(A;;FA;;;WD)", ACCESS_ALLOWED_CALLBACK_ACE_TYPE));
  ck_assert(is_loose(L"D:(A;;FA;;;BU)", ACCESS_ALLOWED_OBJECT_ACE_TYPE));
  ck_assert(!is_loose(L"D:(A;;FR;;;BU)", ACCESS_ALLOWED_OBJECT_ACE_TYPE));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/private_directory");
  TCase *test = tcase_create("private_directory");
  tcase_add_test(test, ours_alone);
  tcase_add_test(test, others_too);
  tcase_add_test(test, an_entry_with_a_condition_counts);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
