#include "host/windows/walk.h"

#include "host/windows/links.h"
#include "scratch_windows.h"
#include "support.h"

static struct hp_error err;
static HANDLE root;

static void enter(void) {
  scratch_make();
  ck_assert_msg(hp_walk_open_root(scratch, &root, &err) == 0, "%s", err.message ? err.message : "");
}

static void leave(void) {
  CloseHandle(root);
  scratch_remove();
  hp_error_clear(&err);
}

static void make(const wchar_t *path, bool directory) {
  ck_assert_msg(hp_walk_make(root, path, directory, &err) == 0, "%ls: %s", path,
                err.message ? err.message : "");
}

static bool is_directory(const wchar_t *name) {
  wchar_t *path = in_scratch(name);
  DWORD attributes = GetFileAttributesW(path);
  free(path);
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

START_TEST(directories_and_files_are_made_below_the_root) {
  make(L"var\\run\\secrets", true);
  make(L"etc\\app.conf", false);
  ck_assert(is_directory(L"var\\run\\secrets"));
  ck_assert(exists(L"etc\\app.conf") && !is_directory(L"etc\\app.conf"));
  make(L"VAR\\Run", true); /* there already, in another letter case */
  make(L"etc\\app.conf", false);
}
END_TEST

START_TEST(what_is_there_must_be_of_the_kind) {
  make(L"file", false);
  make(L"directory", true);
  ck_assert_int_eq(hp_walk_make(root, L"file\\below", true, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_walk_make(root, L"directory", false, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_walk_make(root, L"file", true, &err), -1);
}
END_TEST

START_TEST(names_that_are_none_are_refused) {
  static const wchar_t *const bad[] = {L"..",  L".",     L"",    L"a\\..\\b", L"a\\\\b", L"a/b/c",
                                       L"a:b", L"C:\\x", L"\\x", L"a\\",      L"..\\x",  L"x\\.."};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    ck_assert_msg(hp_walk_make(root, bad[i], true, &err) == -1, "%ls was taken", bad[i]);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    hp_error_clear(&err);
  }
  wchar_t longer[300];
  wmemset(longer, L'a', 299);
  longer[299] = 0;
  ck_assert_int_eq(hp_walk_make(root, longer, true, &err), -1);
}
END_TEST

START_TEST(a_step_tells_what_it_found) {
  HANDLE found = NULL;
  bool made = true;
  ck_assert_int_eq(hp_walk_step(root, L"missing", HP_WALK_EXISTING, &found, &made, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_ptr_null(found);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_walk_step(root, L"new", HP_WALK_NEW_DIRECTORY, &found, &made, &err), 0);
  ck_assert(made);
  CloseHandle(found);
  ck_assert_int_eq(hp_walk_step(root, L"new", HP_WALK_DIRECTORY, &found, &made, &err), 0);
  ck_assert(!made);
  CloseHandle(found);
  ck_assert_int_eq(hp_walk_step(root, L"new", HP_WALK_NEW_DIRECTORY, &found, &made, &err), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
}
END_TEST

START_TEST(a_root_is_a_directory) {
  HANDLE other = NULL;
  make(L"file", false);
  wchar_t *path = in_scratch(L"file"), *missing = in_scratch(L"missing");
  ck_assert_int_eq(hp_walk_open_root(path, &other, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_walk_open_root(missing, &other, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_ptr_null(other);
  free(path);
  free(missing);
}
END_TEST

/* ---- links -------------------------------------------------------------------------- */

/* False, with a line: this system has no links (Wine), and has said so. */
static bool link_to_outside(const wchar_t *name) {
  make_directory_in_scratch(L"outside");
  wchar_t *target = in_scratch(L"outside");
  int result = hp_link_make(root, name, target, true, &err);
  free(target);
  if (result == 0)
    return true;
  ck_assert_int_eq(err.os_code, ERROR_NOT_SUPPORTED);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert(!exists(name)); /* nothing half made is left */
  printf("skipped: this system's file system has no links (%s)\n", err.message);
  return false;
}

START_TEST(no_link_is_followed) {
  if (!link_to_outside(L"link"))
    return;
  ck_assert_int_eq(hp_walk_make(root, L"link\\evil", true, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_walk_make(root, L"link", true, &err), -1);
  hp_error_clear(&err);
  ck_assert(!exists(L"outside\\evil"));
  wchar_t *path = in_scratch(L"link");
  HANDLE other = NULL;
  ck_assert_int_eq(hp_walk_open_root(path, &other, &err), -1);
  ck_assert_int_ne(hp_link_tag(path), 0);
  free(path);
}
END_TEST

START_TEST(only_our_own_link_is_removed) {
  if (!link_to_outside(L"link"))
    return;
  wchar_t *target = in_scratch(L"outside"), *other = in_scratch(L"elsewhere");
  ck_assert_int_eq(hp_link_make(root, L"link", target, true, &err), 0); /* it is there already */
  ck_assert_int_eq(hp_link_make(root, L"link", other, true, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_link_remove(root, L"link", other, &err), 0);
  ck_assert(exists(L"link"));
  ck_assert_int_eq(hp_link_remove(root, L"link", target, &err), 0);
  ck_assert(!exists(L"link") && exists(L"outside"));
  ck_assert_int_eq(hp_link_remove(root, L"link", target, &err), 0);
  free(target);
  free(other);
}
END_TEST

START_TEST(content_never_becomes_a_link) {
  make_file_in_scratch(L"file", "text");
  make_directory_in_scratch(L"full");
  make_file_in_scratch(L"full\\file", "text");
  wchar_t *target = in_scratch(L"file");
  ck_assert_int_eq(hp_link_make(root, L"file", target, false, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_link_make(root, L"full", scratch, true, &err), -1);
  ck_assert(exists(L"full\\file"));
  hp_error_clear(&err);
  ck_assert_int_eq(hp_link_remove(root, L"full", scratch, &err), 0); /* no link: it stays */
  ck_assert(exists(L"full\\file"));
  free(target);
}
END_TEST

START_TEST(no_handle_is_left) {
  DWORD before, after;
  make(L"a\\b\\c", true);
  GetProcessHandleCount(GetCurrentProcess(), &before);
  for (int i = 0; i < 100; i++) {
    make(L"a\\b\\c", true);
    ck_assert_int_eq(hp_walk_make(root, L"a\\b\\..", true, &err), -1);
    hp_error_clear(&err);
    ck_assert_int_eq(hp_link_remove(root, L"missing", scratch, &err), 0);
  }
  GetProcessHandleCount(GetCurrentProcess(), &after);
  ck_assert_uint_le(after, before + 2);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_walk");
  TCase *tcase = tcase_create("walk");
  tcase_add_checked_fixture(tcase, enter, leave);
  tcase_add_test(tcase, directories_and_files_are_made_below_the_root);
  tcase_add_test(tcase, what_is_there_must_be_of_the_kind);
  tcase_add_test(tcase, names_that_are_none_are_refused);
  tcase_add_test(tcase, a_step_tells_what_it_found);
  tcase_add_test(tcase, a_root_is_a_directory);
  tcase_add_test(tcase, no_link_is_followed);
  tcase_add_test(tcase, only_our_own_link_is_removed);
  tcase_add_test(tcase, content_never_becomes_a_link);
  tcase_add_test(tcase, no_handle_is_left);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
