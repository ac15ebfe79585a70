/* A journal that is written anew where somebody else's file is in the way. */
#include "runtime/journal_file.h"

#include <string.h>

#include "host/windows/text.h"
#include "host/windows/winapi.h"
#include "scratch_windows.h"
#include "support.h"

static struct hp_error err;

static void leave(void) {
  scratch_remove();
  hp_error_clear(&err);
}

START_TEST(nothing_is_written_into_what_is_there) {
  struct hp_journal_file *file = NULL;
  WIN32_FILE_ATTRIBUTE_DATA data;
  bool held = false;
  make_directory_in_scratch(L"bundle");
  make_file_in_scratch(L"victim", "mine");
  wchar_t *wide = in_scratch(L"bundle"), *victim = in_scratch(L"victim"),
          *draft = in_scratch(L"bundle\\hostprocess.journal.new");
  char *bundle = hp_narrow(wide);
  ck_assert_msg(hp_journal_file_open(bundle, HP_JOURNAL_MAKE, &file, &held, &err) == 0, "%s", err.message);
  ck_assert_msg(CreateHardLinkW(draft, victim, NULL), "CreateHardLinkW: %lu", GetLastError());
  int result = hp_journal_file_replace(file, "{}\n", 3, &err);
  ck_assert_msg(result == 0 || hp_winapi_is_wine() /* it replaces no file that is open */, "%s", err.message);
  ck_assert(GetFileAttributesExW(victim, GetFileExInfoStandard, &data));
  ck_assert_uint_eq(data.nFileSizeLow, strlen("mine"));
  ck_assert_int_eq(hp_journal_file_remove(file, &err), 0);
  free(bundle);
  free(draft);
  free(victim);
  free(wide);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime/windows/journal_file");
  TCase *test = tcase_create("journal_file");
  tcase_set_timeout(test, 60);
  tcase_add_checked_fixture(test, scratch_make, leave);
  tcase_add_test(test, nothing_is_written_into_what_is_there);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
