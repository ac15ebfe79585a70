/* The grammar of stdio names. */
#include "stdio/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct hp_endpoint good(const char *name) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_endpoint endpoint;
  int status = hp_endpoint_parse("stdout", name, &endpoint, &err);
  ck_assert_msg(status == 0, "%s: %s", name ? name : "NULL", err.message);
  return endpoint;
}

static void refuse(const char *name, const char *why) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_endpoint endpoint;
  ck_assert_msg(hp_endpoint_parse("stderr", name, &endpoint, &err) == -1, "%s was accepted", name);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "stderr"));
  ck_assert_msg(strstr(err.message, why) != NULL, "\"%s\" lacks \"%s\"", err.message, why);
  ck_assert_ptr_null(endpoint.path);
  hp_error_clear(&err);
}

static void expect(const char *name, enum hp_endpoint_kind kind, const char *path) {
  struct hp_endpoint endpoint = good(name);
  ck_assert_int_eq(endpoint.kind, kind);
  if (path)
    ck_assert_str_eq(endpoint.path, path);
  else
    ck_assert_ptr_null(endpoint.path);
  hp_endpoint_clear(&endpoint);
}

START_TEST(nothing_named_is_the_null_device) {
  expect(NULL, HP_ENDPOINT_NULL, NULL);
  expect("", HP_ENDPOINT_NULL, NULL);
}
END_TEST

START_TEST(paths_are_taken_as_they_are) {
  expect("/run/containerd/fifo/1/a-stdout", HP_ENDPOINT_PATH, "/run/containerd/fifo/1/a-stdout");
  expect("/odd/100%/a?b#c://d", HP_ENDPOINT_PATH, "/odd/100%/a?b#c://d");
  expect("fifo:///a%20b", HP_ENDPOINT_PATH, "/a b");
}
END_TEST

START_TEST(files_are_decoded) {
  expect("file:///var/log/a%20b%2Fc+d.log", HP_ENDPOINT_FILE, "/var/log/a b/c+d.log");
  expect("file:///var/log/x?y=z#f", HP_ENDPOINT_FILE, "/var/log/x");
}
END_TEST

static void expect_args(const char *name, const char *const *args, size_t count) {
  struct hp_endpoint endpoint = good(name);
  ck_assert_uint_eq(endpoint.args.count, count);
  for (size_t i = 0; i < count; i++)
    ck_assert_str_eq(endpoint.args.items[i], args[i]);
  hp_endpoint_clear(&endpoint);
}

START_TEST(a_query_becomes_arguments_in_order) {
  expect("binary:///bin/x?a=b", HP_ENDPOINT_BINARY, "/bin/x");
  expect("binary-v2:///bin/x%3F", HP_ENDPOINT_BINARY_V2, "/bin/x?");
  expect_args("binary:///bin/x?b=2&a=1", (const char *[]){"b", "2", "a", "1"}, 4);
  expect_args("binary:///bin/x?a=1&a=2&b", (const char *[]){"a", "1", "b", ""}, 4);
  expect_args("binary:///bin/x?k=a+b%26c%3Dd&&=e", (const char *[]){"k", "a b&c=d", "", "e"}, 4);
  expect_args("binary:///bin/x?a=1=2#f=3", (const char *[]){"a", "1=2"}, 2);
  expect_args("binary:///bin/x?", NULL, 0);
  expect_args("binary:///bin/x#?a=b", NULL, 0);
}
END_TEST

START_TEST(what_is_refused_says_why) {
  refuse("relative/path", "neither an absolute path");
  refuse("npipe:////./pipe/x", "neither an absolute path");
  refuse("\\\\.\\pipe\\x", "neither an absolute path");
  refuse("http://x/y", "neither an absolute path");
  refuse("file://host/path", "names a host");
  refuse("binary://", "names a host");
  refuse("file:///a%", "percent");
  refuse("file:///a%2", "percent");
  refuse("file:///a%zz", "percent");
  refuse("file:///a%00b", "percent");
  refuse("binary:///x?a=%00", "percent");
  refuse("binary:///x?%f", "percent");
}
END_TEST

START_TEST(a_name_is_bounded) {
  char name[HP_ENDPOINT_MAX + 2];
  memset(name, 'a', sizeof name);
  name[0] = '/';
  name[HP_ENDPOINT_MAX] = '\0';
  expect(name, HP_ENDPOINT_PATH, name);
  name[HP_ENDPOINT_MAX] = 'a';
  name[HP_ENDPOINT_MAX + 1] = '\0';
  refuse(name, "longer than 4096 bytes");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("stdio_endpoint");
  TCase *tcase = tcase_create("grammar");
  tcase_add_test(tcase, nothing_named_is_the_null_device);
  tcase_add_test(tcase, paths_are_taken_as_they_are);
  tcase_add_test(tcase, files_are_decoded);
  tcase_add_test(tcase, a_query_becomes_arguments_in_order);
  tcase_add_test(tcase, what_is_refused_says_why);
  tcase_add_test(tcase, a_name_is_bounded);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
