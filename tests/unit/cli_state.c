#include <check.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "support.h"

static struct hp_error err;

static void set_up(void) {
  err = (struct hp_error)HP_ERROR_INIT;
}

static void tear_down(void) {
  hp_error_clear(&err);
}

START_TEST(everything_comes_back) {
  const struct hp_serve told = {"k8s.io", "c1", "C:\\a \"b\"\n\xc3\xa4", "\\\\.\\pipe\\t", "/o", 3};
  char *state = hp_serve_pack(&told, &err);
  ck_assert_msg(state, "%s", err.message);
  json_t *owner;
  struct hp_serve heard;
  ck_assert_msg(hp_serve_unpack(state, &owner, &heard, &err) == 0, "%s", err.message);
  free(state);
  ck_assert_str_eq(heard.namespace_name, told.namespace_name);
  ck_assert_str_eq(heard.id, told.id);
  ck_assert_str_eq(heard.bundle, told.bundle);
  ck_assert_str_eq(heard.ttrpc_address, told.ttrpc_address);
  ck_assert_str_eq(heard.option_path, told.option_path);
  ck_assert_int_eq(heard.log_level, 3);
  json_decref(owner);
}
END_TEST

START_TEST(what_is_not_there_is_null) {
  const struct hp_serve told = {.namespace_name = "n", .id = "c", .bundle = "/b"};
  char *state = hp_serve_pack(&told, &err);
  json_t *owner;
  struct hp_serve heard;
  ck_assert_int_eq(hp_serve_unpack(state, &owner, &heard, &err), 0);
  ck_assert_ptr_null(heard.ttrpc_address);
  ck_assert_ptr_null(heard.option_path);
  json_decref(owner);
  free(state);
}
END_TEST

START_TEST(broken_utf8_is_refused) {
  const struct hp_serve told = {.namespace_name = "n", .id = "c", .bundle = "/b\xff"};
  ck_assert_ptr_null(hp_serve_pack(&told, &err));
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
}
END_TEST

START_TEST(anything_else_is_refused) {
  static const char *const words[] = {
      "", "{}", "[]", "{\"namespace\":\"n\",\"id\":\"c\",\"bundle\":\"b\"}",
      "{\"namespace\":\"n\",\"id\":\"c\",\"bundle\":\"b\",\"log\":0,\"x\":1}"};
  for (size_t i = 0; i <= sizeof words / sizeof words[0]; i++) {
    json_t *owner;
    struct hp_serve heard;
    const char *word = i < sizeof words / sizeof words[0] ? words[i] : NULL;
    ck_assert_int_eq(hp_serve_unpack(word, &owner, &heard, &err), -1);
    ck_assert_ptr_null(owner);
    ck_assert_int_eq(err.code, HP_INTERNAL);
    hp_error_clear(&err);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/state");
  TCase *cases = tcase_create("state");
  tcase_add_checked_fixture(cases, set_up, tear_down);
  tcase_add_test(cases, everything_comes_back);
  tcase_add_test(cases, what_is_not_there_is_null);
  tcase_add_test(cases, broken_utf8_is_refused);
  tcase_add_test(cases, anything_else_is_refused);
  suite_add_tcase(suite, cases);
  return hp_run_suite(suite);
}
