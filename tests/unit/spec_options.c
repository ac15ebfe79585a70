#include "spec/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support.h"

#define TYPE "runtimeoptions.v1.Options"

/* config_path (field 2) = "/p". */
static const uint8_t path_options[] = {0x12, 2, '/', 'p'};

static void has_path(const char *type_url, const uint8_t *value, size_t length, const char *path) {
  struct hp_options options;
  struct hp_error err = HP_ERROR_INIT;
  char *ignored = NULL;
  ck_assert_msg(hp_options_parse(type_url, value, length, &options, &ignored, &err) == 0, "%s", err.message);
  ck_assert_pstr_eq(options.config_path, path);
  ck_assert_ptr_null(ignored);
  hp_options_clear(&options);
}

START_TEST(test_reads_config_path) {
  static const uint8_t others[] = {0x0a, 1, 't', 0x1a, 2, 'x', 'y'}; /* type_url, config_body */
  has_path(TYPE, path_options, sizeof path_options, "/p");
  has_path("type.googleapis.com/" TYPE, path_options, sizeof path_options, "/p");
  has_path(TYPE, NULL, 0, NULL);
  has_path(TYPE, others, sizeof others, NULL);
  has_path("", NULL, 0, NULL);
  has_path(NULL, NULL, 0, NULL);
}
END_TEST

START_TEST(test_ignores_other_types) {
  struct hp_options options;
  struct hp_error err = HP_ERROR_INIT;
  char *ignored = NULL;
  ck_assert_int_eq(hp_options_parse("containerd.runc.v1.Options", path_options, 4, &options, &ignored, &err),
                   0);
  ck_assert_str_eq(ignored, "containerd.runc.v1.Options");
  ck_assert_ptr_null(options.config_path);
  free(ignored);
}
END_TEST

static void is_refused(const char *type_url, const uint8_t *value, size_t length, const char *message) {
  struct hp_options options;
  struct hp_error err = HP_ERROR_INIT;
  char *ignored = NULL;
  ck_assert_int_eq(hp_options_parse(type_url, value, length, &options, &ignored, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, message);
  ck_assert_ptr_null(ignored);
  hp_error_clear(&err);
}

START_TEST(test_refuses_broken_bytes) {
  is_refused(TYPE, path_options, 3,
             "the runtime options of type " TYPE " do not decode: send a runtimeoptions.v1.Options");
  is_refused("", path_options, 4, "the runtime options have 4 bytes and no type_url: name their type");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_options");
  TCase *tcase = tcase_create("options");
  tcase_add_test(tcase, test_reads_config_path);
  tcase_add_test(tcase, test_ignores_other_types);
  tcase_add_test(tcase, test_refuses_broken_bytes);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
