#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <uv.h>

#include "support.h"

#if defined(_WIN32)
#include <windows.h>
#define ABSENT ERROR_FILE_NOT_FOUND
#define DENIED ERROR_ACCESS_DENIED
#define EXISTS ERROR_FILE_EXISTS
#else
#define ABSENT ENOENT
#define DENIED EACCES
#define EXISTS EEXIST
#endif

START_TEST(test_set_replaces) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_error_set(&err, HP_NOT_FOUND, "container \"%s\" is not known", "c1"), -1);
  ck_assert_int_eq(hp_error_set(&err, HP_INTERNAL, "second"), -1);
  ck_assert_int_eq(err.code, HP_INTERNAL);
  ck_assert_int_eq(err.os_code, 0);
  ck_assert_str_eq(err.message, "second");
  hp_error_clear(&err);
  ck_assert_ptr_null(err.message);
  ck_assert_int_eq(err.code, HP_OK);
}
END_TEST

START_TEST(test_hostile_values_are_shown) {
  struct hp_error err = HP_ERROR_INIT;
  hp_error_set(&err, HP_INVALID_ARGUMENT, "value \"%s\"", "a\nb\x1b[1m\xff");
  ck_assert_str_eq(err.message, "value \"a\\x0ab\\x1b[1m\\xff\"");
  hp_error_clear(&err);
}
END_TEST

static const struct {
  int os_code;
  enum hp_code code;
} system_codes[] = {
    {ABSENT, HP_NOT_FOUND},
    {DENIED, HP_PERMISSION_DENIED},
    {EXISTS, HP_ALREADY_EXISTS},
#if defined(_WIN32)
    {ERROR_PATH_NOT_FOUND, HP_NOT_FOUND},
    {ERROR_ALREADY_EXISTS, HP_ALREADY_EXISTS},
    {ERROR_PRIVILEGE_NOT_HELD, HP_PERMISSION_DENIED},
    {ERROR_DISK_FULL, HP_RESOURCE_EXHAUSTED},
    {ERROR_COMMITMENT_LIMIT, HP_RESOURCE_EXHAUSTED},
    {ERROR_INVALID_PARAMETER, HP_INTERNAL},
#else
    {EPERM, HP_PERMISSION_DENIED},   {EMFILE, HP_RESOURCE_EXHAUSTED},
    {ENOSPC, HP_RESOURCE_EXHAUSTED}, {ETIMEDOUT, HP_DEADLINE_EXCEEDED},
    {EINVAL, HP_INTERNAL},           {EIO, HP_INTERNAL},
#endif
};

START_TEST(test_system_codes) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_error_set_os(&err, system_codes[_i].os_code, "cannot"), -1);
  ck_assert_int_eq(err.code, system_codes[_i].code);
  ck_assert_int_eq(err.os_code, system_codes[_i].os_code);
  hp_error_clear(&err);
}
END_TEST

START_TEST(test_system_text) {
  struct hp_error err = HP_ERROR_INIT;
  hp_error_set_os(&err, ABSENT, "cannot open %s", "/x");
#if defined(_WIN32) /* whose words differ from one version to another */
  ck_assert_msg(strncmp(err.message, "cannot open /x: ", 16) == 0 && err.message[16], "%s", err.message);
#else
  ck_assert_str_eq(err.message, "cannot open /x: No such file or directory");
#endif
  hp_error_clear(&err);
}
END_TEST

#if defined(_WIN32)
static const wchar_t *native_text; /* NULL: the real thing */

/* A node of another language: it has no English texts. */
static DWORD WINAPI format_message(DWORD flags, LPCVOID source, DWORD id, DWORD language, LPWSTR to,
                                   DWORD room, va_list *args) {
  DWORD(WINAPI * real)(DWORD, LPCVOID, DWORD, DWORD, LPWSTR, DWORD, va_list *);
  FARPROC found = GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "FormatMessageW");
  memcpy(&real, &found, sizeof real);
  if (!native_text)
    return real(flags, source, id, language, to, room, args);
  if (language != 0) {
    SetLastError(ERROR_RESOURCE_LANG_NOT_FOUND);
    return 0;
  }
  wcscpy(to, native_text);
  return (DWORD)wcslen(native_text);
}
extern void *const __imp_FormatMessageW;
void *const __imp_FormatMessageW = (void *)(uintptr_t)format_message;

START_TEST(test_text_of_another_language) {
  struct hp_error err = HP_ERROR_INIT;
  native_text = L"Zugriff verweigert\r\n";
  hp_error_set_os(&err, ERROR_ACCESS_DENIED, "cannot");
  ck_assert_str_eq(err.message, "cannot: Zugriff verweigert (Windows error 5)");
  native_text = L"";
  hp_error_set_os(&err, ERROR_ACCESS_DENIED, "cannot");
  ck_assert_str_eq(err.message, "cannot: Windows error 5");
  hp_error_set_os(&err, (int)0xc0370103, "cannot");
  ck_assert_str_eq(err.message, "cannot: Windows error 0xc0370103");
  native_text = NULL;
  hp_error_clear(&err);
}
END_TEST
#endif

START_TEST(test_libuv_status) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_error_set_uv(&err, UV_ENOENT, "cannot open %s", "/x"), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_msg(strncmp(err.message, "cannot open /x: ", 16) == 0 && err.message[16], "%s", err.message);
  hp_error_set_uv(&err, UV_EACCES, "cannot");
  ck_assert_int_eq(err.code, HP_PERMISSION_DENIED);
  hp_error_set_uv(&err, UV_EEXIST, "cannot");
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  hp_error_set_uv(&err, UV_EMFILE, "cannot");
  ck_assert_int_eq(err.code, HP_RESOURCE_EXHAUSTED);
  hp_error_set_uv(&err, UV_EINVAL, "cannot");
  ck_assert_int_eq(err.code, HP_INTERNAL);
  hp_error_clear(&err);
}
END_TEST

START_TEST(test_wrap_and_recode) {
  struct hp_error err = HP_ERROR_INIT;
  hp_error_set_os(&err, DENIED, "mkdir");
  ck_assert_int_eq(hp_error_wrap(&err, "container %s", "c1"), -1);
  ck_assert_int_eq(strncmp(err.message, "container c1: mkdir: ", 21), 0);
  ck_assert_int_eq(err.os_code, DENIED);
  ck_assert_int_eq(hp_error_recode(&err, HP_FAILED_PRECONDITION), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_int_eq(err.os_code, DENIED);
  hp_error_clear(&err);
}
END_TEST

START_TEST(test_move_and_copy) {
  struct hp_error from = HP_ERROR_INIT, to = HP_ERROR_INIT, copy = HP_ERROR_INIT;
  hp_error_set(&to, HP_INTERNAL, "old");
  hp_error_set_os(&from, EXISTS, "new");
  ck_assert_int_eq(hp_error_copy(&copy, &from), -1);
  ck_assert_int_eq(hp_error_move(&to, &from), -1);
  ck_assert_ptr_null(from.message);
  ck_assert_int_eq(strncmp(to.message, "new: ", 5), 0);
  ck_assert_str_eq(copy.message, to.message);
  ck_assert_ptr_ne(copy.message, to.message);
  ck_assert_int_eq(copy.code, HP_ALREADY_EXISTS);
  ck_assert_int_eq(copy.os_code, EXISTS);
  hp_error_clear(&to);
  hp_error_clear(&copy);
}
END_TEST

START_TEST(test_names) {
  ck_assert_str_eq(hp_code_name(HP_OK), "OK");
  ck_assert_str_eq(hp_code_name(HP_NOT_FOUND), "NotFound");
  ck_assert_str_eq(hp_code_name(HP_UNAVAILABLE), "Unavailable");
  ck_assert_str_eq(hp_code_name((enum hp_code)99), "Unknown");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("base_error");
  TCase *tcase = tcase_create("error");
  tcase_add_test(tcase, test_set_replaces);
  tcase_add_test(tcase, test_hostile_values_are_shown);
  tcase_add_loop_test(tcase, test_system_codes, 0, (int)(sizeof system_codes / sizeof system_codes[0]));
  tcase_add_test(tcase, test_system_text);
#if defined(_WIN32)
  tcase_add_test(tcase, test_text_of_another_language);
#endif
  tcase_add_test(tcase, test_libuv_status);
  tcase_add_test(tcase, test_wrap_and_recode);
  tcase_add_test(tcase, test_move_and_copy);
  tcase_add_test(tcase, test_names);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
