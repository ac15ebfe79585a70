/* The process of an Exec request; its fields in depth are spec_oci.c's. */
#include "spec/spec.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static int parse(const char *text, struct hp_process_spec *process, struct hp_error *err) {
  return hp_process_spec_parse(text, strlen(text), process, err);
}

START_TEST(test_exec) {
  struct hp_process_spec process;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse("{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"ls\",\"\"],"
                         "\"env\":[\"A=\"],\"cwd\":\"/x\",\"capabilities\":{}}",
                         &process, &err),
                   0);
  ck_assert_uint_eq(process.args.count, 2);
  ck_assert_str_eq(process.args.items[1], "");
  ck_assert_str_eq(process.env.items[0], "A=");
  ck_assert(!process.terminal);
  ck_assert(!process.oom_score_adj.set);
  hp_process_spec_clear(&process);
  ck_assert_ptr_null(process.cwd);
}
END_TEST

static const struct {
  const char *text, *message;
} refusals[] = {
    {"null", "process is null: it must be an object"},
    {"\"sh\"", "process is \"sh\": it must be an object"},
    {"{\"args\":[[]]}", "process.args[0] is an array: it must be a string"},
    {"{\"commandLine\":1}", "process.commandLine is 1: it must be a string"},
    {"{\"noNewPrivileges\":\"true\"}", "process.noNewPrivileges is \"true\": it must be true or false"},
    {"{\"user\":[]}", "process.user is an array: it must be an object"},
    {"{\"user\":{\"username\":0}}", "process.user.username is 0: it must be a string"},
};

START_TEST(test_refusals) {
  struct hp_process_spec process;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(refusals[_i].text, &process, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, refusals[_i].message);
  ck_assert_ptr_null(process.args.items); /* cleared: nothing to free */
  hp_error_clear(&err);
}
END_TEST

/* A long value does not make a long message. */
START_TEST(test_long_value) {
  char *value = hp_alloc(100001);
  memset(value, 'v', 100000);
  char *text = hp_printf("{\"cwd\":\"/\",\"env\":[\"%s\"]}", value);
  struct hp_process_spec process;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(text, &process, &err), -1);
  ck_assert_str_eq(err.message,
                   "process.env[0] is \"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv..."
                   "\": it must be NAME=value");
  hp_error_clear(&err);
  free(text);
  free(value);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_process");
  TCase *tcase = tcase_create("exec");
  tcase_add_test(tcase, test_exec);
  tcase_add_loop_test(tcase, test_refusals, 0, (int)(sizeof refusals / sizeof refusals[0]));
  tcase_add_test(tcase, test_long_value);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
