#include "host/windows/wide_path.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "support.h"

static struct hp_error err;

static void leave(void) {
  hp_error_clear(&err);
}

static void expect_place(const char *path, const char *wanted) {
  wchar_t *place = hp_path_place(path, L'C', "mounts[0].destination", &err);
  ck_assert_msg(place != NULL, "%s: %s", path, err.message ? err.message : "");
  char *utf8 = hp_narrow(place);
  ck_assert_str_eq(utf8, wanted);
  free(utf8);
  free(place);
}

START_TEST(places_take_every_spelling) {
  expect_place("/var/run/secrets", "C:\\var\\run\\secrets");
  expect_place("c:\\var\\\\run\\", "C:\\var\\run");
  expect_place("d:/x/./y//", "D:\\x\\y");
  expect_place("var\\run", "C:\\var\\run");
  expect_place("C:\\", "C:\\");
  expect_place("C:", "C:\\");
  expect_place("", "C:\\");
  expect_place("/caf\xc3\xa9/\xf0\x9f\x90\xb3", "C:\\caf\xc3\xa9\\\xf0\x9f\x90\xb3");
  expect_place("/nul-file/console/COM10/.hidden", "C:\\nul-file\\console\\COM10\\.hidden");
}
END_TEST

START_TEST(hostile_places_are_refused) {
  static const char *const bad[] = {
      "/a/../b",      "..",          "C:\\x\\..",    "/a:stream", "C:\\x\\C:\\y", "\\\\server\\share",
      "\\\\?\\C:\\x", "//./pipe/x",  "/a*",          "/a?b",      "/a\"b",        "/a<b",
      "/a|b",         "/a\nb",       "/a.",          "/a. /b",    "/a ",          "/...",
      "/NUL",         "/x/com1.txt", "/LPT9 .x",     "/con/y",    "/aux",         "/\xc3",
      "/CONOUT$",     "/a\x7f",      "/COM\xc2\xb9",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    wchar_t *place = hp_path_place(bad[i], L'C', "mounts[7].destination", &err);
    ck_assert_msg(place == NULL, "%s was taken", bad[i]);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "mounts[7].destination"));
    hp_error_clear(&err);
  }
}
END_TEST

START_TEST(a_path_of_any_length_is_answered) {
  char *path = hp_alloc(40001);
  memset(path, 'a', 40000);
  ck_assert_ptr_null(hp_path_place(path, L'C', "destination", &err));
  ck_assert_uint_lt(strlen(err.message), 600);
  hp_error_clear(&err);
  ck_assert_ptr_null(hp_path_source(path, L'C', "source", &err));
  ck_assert_uint_lt(strlen(err.message), 600);
  free(path);
}
END_TEST

START_TEST(sources_are_absolute) {
  static const struct {
    const char *path, *wanted;
  } good[] = {
      {"C:/data/x", "C:\\data\\x"},
      {"/data", "C:\\data"},
      {"\\\\server\\share\\x", "\\\\server\\share\\x"},
      {"\\\\?\\Volume{0}\\x", "\\\\?\\Volume{0}\\x"},
      {"//./pipe/x", "\\\\.\\pipe\\x"},
  };
  static const char *const bad[] = {"data", "C:data", "", ".\\x", "C:\\a*", "C:\\a?", "\\\\?\\C:\\a?"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    wchar_t *source = hp_path_source(good[i].path, L'C', "source", &err);
    char *utf8 = hp_narrow(source);
    ck_assert_str_eq(utf8, good[i].wanted);
    free(utf8);
    free(source);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    ck_assert_msg(hp_path_source(bad[i], L'C', "source", &err) == NULL, "%s was taken", bad[i]);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    hp_error_clear(&err);
  }
}
END_TEST

START_TEST(parts_of_paths) {
  ck_assert(wcscmp(hp_path_below_drive(L"C:\\a\\b"), L"a\\b") == 0);
  ck_assert(wcscmp(hp_path_below_drive(L"C:\\"), L"") == 0);
  wchar_t *parent = hp_path_parent(L"C:\\a\\b"), *root = hp_path_parent(L"C:\\a");
  ck_assert(wcscmp(parent, L"C:\\a") == 0);
  ck_assert(wcscmp(root, L"C:\\") == 0);
  ck_assert_ptr_null(hp_path_parent(root));
  free(parent);
  free(root);
  ck_assert(hp_path_lies_in(L"c:\\HPC\\x", L"C:\\hpc") && hp_path_lies_in(L"C:\\hpc", L"C:\\hpc"));
  ck_assert(!hp_path_lies_in(L"C:\\hpcx", L"C:\\hpc") && !hp_path_lies_in(L"C:\\", L"C:\\hpc"));
  ck_assert(hp_path_lies_in(L"C:\\x", L"C:\\"));
  wchar_t *drive = hp_path_long(L"C:\\a"), *share = hp_path_long(L"\\\\s\\h"),
          *same = hp_path_long(L"\\\\?\\C:\\a");
  ck_assert(wcscmp(drive, L"\\\\?\\C:\\a") == 0);
  ck_assert(wcscmp(share, L"\\\\?\\UNC\\s\\h") == 0);
  ck_assert(wcscmp(same, L"\\\\?\\C:\\a") == 0);
  free(drive);
  free(share);
  free(same);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_wide_path");
  TCase *tcase = tcase_create("paths");
  tcase_add_checked_fixture(tcase, NULL, leave);
  tcase_add_test(tcase, places_take_every_spelling);
  tcase_add_test(tcase, hostile_places_are_refused);
  tcase_add_test(tcase, a_path_of_any_length_is_answered);
  tcase_add_test(tcase, sources_are_absolute);
  tcase_add_test(tcase, parts_of_paths);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
