/* What names of streams look like on Windows; endpoint.c has the rest. */
#include <stdlib.h>
#include <string.h>

#include "stdio/endpoint.h"
#include "support.h"

static void expect(const char *name, enum hp_endpoint_kind kind, const char *path) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_endpoint endpoint;
  int status = hp_endpoint_parse("stdout", name, &endpoint, &err);
  ck_assert_msg(status == 0, "%s: %s", name, err.message);
  ck_assert_int_eq(endpoint.kind, kind);
  ck_assert_str_eq(endpoint.path, path);
  hp_endpoint_clear(&endpoint);
}

static void refuse(const char *name, const char *why) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_endpoint endpoint;
  ck_assert_msg(hp_endpoint_parse("stdout", name, &endpoint, &err) == -1, "%s was accepted", name);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_msg(strstr(err.message, why) != NULL, "\"%s\" lacks \"%s\"", err.message, why);
  ck_assert_ptr_null(endpoint.path);
  hp_error_clear(&err);
}

START_TEST(pipes_of_this_machine_are_taken) {
  expect("\\\\.\\pipe\\containerd-c1-stdout", HP_ENDPOINT_PATH, "\\\\.\\pipe\\containerd-c1-stdout");
  expect("//./pipe/a b%20c", HP_ENDPOINT_PATH, "\\\\.\\pipe\\a b%20c");
  expect("npipe:////./pipe/a%20b", HP_ENDPOINT_PATH, "\\\\.\\pipe\\a b");
}
END_TEST

START_TEST(files_and_programs_have_a_drive) {
  expect("file:///C:/logs/a%20b.txt", HP_ENDPOINT_FILE, "C:\\logs\\a b.txt");
  expect("file:///c:/x?y#z", HP_ENDPOINT_FILE, "c:\\x");
  expect("binary:///D:/x.exe?a=b", HP_ENDPOINT_BINARY, "D:\\x.exe");
  expect("binary-v2:///D:/x.exe", HP_ENDPOINT_BINARY_V2, "D:\\x.exe");
}
END_TEST

START_TEST(nothing_of_another_machine_is_opened) {
  refuse("\\\\server\\pipe\\x", "neither a named pipe");
  refuse("npipe:////server/pipe/x", "names a host");
  refuse("file:////server/share/x", "names a host");
  refuse("file://server/share/x", "names a host");
  refuse("file:////./PhysicalDrive0", "names a host");
}
END_TEST

START_TEST(what_is_refused_says_what_is_expected) {
  refuse("\\\\.\\pipe\\", "\\\\.\\pipe\\NAME");
  refuse("C:\\logs\\x", "file://");
  refuse("/run/fifo", "neither a named pipe");
  refuse("file:///logs/x", "file:///C:/path");
  refuse("file:///C:", "file:///C:/path");
  refuse("fifo:///C:/x", "npipe://");
  refuse("file:///C:/%zz", "percent");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("stdio_windows_endpoint_path");
  TCase *tcase = tcase_create("grammar");
  tcase_add_test(tcase, pipes_of_this_machine_are_taken);
  tcase_add_test(tcase, files_and_programs_have_a_drive);
  tcase_add_test(tcase, nothing_of_another_machine_is_opened);
  tcase_add_test(tcase, what_is_refused_says_what_is_expected);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
