#include "cli/input.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/memory.h"
#include "support.h"

static char *bundle, *file; /* named "f" */
static struct hp_error err;

static void set_up(void) {
  bundle = unit_directory("input");
  file = hp_printf("%s/f", bundle);
  err = (struct hp_error)HP_ERROR_INIT;
}

static void tear_down(void) {
  hp_error_clear(&err);
  hp_bundle_remove(bundle, "f");
  unit_remove_directory(bundle); /* it is empty */
  free(file);
  free(bundle);
}

static void read_refused(enum hp_code code) {
  char *text = NULL;
  ck_assert_int_eq(hp_bundle_read(bundle, "f", &text, &err), -1);
  ck_assert_msg(err.code == code, "%s: %s", hp_code_name(err.code), err.message);
  hp_error_clear(&err);
}

START_TEST(written_and_read) {
  char *text = NULL;
  ck_assert_msg(hp_bundle_write(bundle, "f", "one", &err) == 0, "%s", err.message);
  ck_assert_msg(hp_bundle_write(bundle, "f", "two", &err) == 0, "%s", err.message);
  ck_assert_msg(hp_bundle_read(bundle, "f", &text, &err) == 0, "%s", err.message);
  ck_assert_str_eq(text, "two");
  free(text);
}
END_TEST

START_TEST(a_line_end_does_not_count) {
  char *text = NULL;
  ck_assert_int_eq(hp_bundle_write(bundle, "f", "unix:///a\nrest", &err), 0);
  ck_assert_int_eq(hp_bundle_read(bundle, "f", &text, &err), 0);
  ck_assert_str_eq(text, "unix:///a");
  free(text);
}
END_TEST

START_TEST(a_link_is_not_followed) {
  char *text = NULL, *target = hp_printf("%s/target", bundle);
  unit_write(target, "theirs", 6);
  if (unit_link(target, file)) {
    ck_assert_int_eq(hp_bundle_read(bundle, "f", &text, &err), -1);
    hp_error_clear(&err);
    ck_assert_int_eq(hp_bundle_write(bundle, "f", "mine", &err), 0); /* replaces the link itself */
    ck_assert(!unit_is_link(file));
  }
  unit_remove(target);
  free(target);
}
END_TEST

START_TEST(what_cannot_be_read) {
  read_refused(HP_NOT_FOUND);
  char huge[8192];
  memset(huge, 'x', sizeof huge - 1);
  huge[sizeof huge - 1] = 0;
  ck_assert_int_eq(hp_bundle_write(bundle, "f", huge, &err), 0);
  read_refused(HP_INVALID_ARGUMENT);
  unit_write(file, "a\0b", 3);
  read_refused(HP_INVALID_ARGUMENT);
}
END_TEST

START_TEST(a_failed_write_leaves_nothing) {
  unit_make_directory(file);
  ck_assert_int_eq(hp_bundle_write(bundle, "f", "x", &err), -1); /* a file cannot replace a directory */
  ck_assert_ptr_nonnull(strstr(err.message, file));
  unit_remove_directory(file);
}
END_TEST

/* The bundle, however its separators are written. */
static void is_the_bundle(const char *path) {
  ck_assert_uint_eq(strlen(path), strlen(bundle));
  for (size_t i = 0; path[i]; i++)
    ck_assert_int_eq(path[i] == '\\' ? '/' : path[i], bundle[i] == '\\' ? '/' : bundle[i]);
}

START_TEST(the_bundles_path) {
  char *path = NULL, *missing = hp_printf("%s/missing", bundle), *itself = hp_printf("%s/.", bundle);
  ck_assert_int_eq(hp_bundle_path(itself, &path, &err), 0);
  is_the_bundle(path);
  free(path);
  ck_assert_int_eq(hp_bundle_path(missing, &path, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_ptr_nonnull(strstr(err.message, "-bundle"));
  free(missing);
  free(itself);

  char before[4096];
  size_t size = sizeof before;
  ck_assert_int_eq(uv_cwd(before, &size), 0);
  ck_assert_int_eq(uv_chdir(bundle), 0);
  ck_assert_int_eq(hp_bundle_path(NULL, &path, &err), 0);
  ck_assert_int_eq(uv_chdir(before), 0);
  is_the_bundle(path);
  free(path);
}
END_TEST

START_TEST(the_bundles_path_through_a_link) {
  char *path = NULL;
  if (!unit_link(bundle, file))
    return;
  ck_assert_int_eq(hp_bundle_path(file, &path, &err), 0);
  is_the_bundle(path);
  free(path);
}
END_TEST

/* Puts a file of so many bytes in place of standard input. */
static int read_input(size_t size, uint8_t **data, size_t *length) {
  char *bytes = hp_alloc(size + 1);
  for (size_t i = 0; i < size; i++)
    bytes[i] = (char)(i % 251);
  unit_write(file, bytes, size);
  free(bytes);
  int saved = unit_redirect_input(file);
  int status = hp_input_read(false, data, length, &err);
  unit_restore_input(saved);
  return status;
}

START_TEST(standard_input) {
  uint8_t *data = NULL;
  size_t length = 1;
  ck_assert_int_eq(read_input(0, &data, &length), 0);
  ck_assert_uint_eq(length, 0);
  free(data);
  ck_assert_int_eq(read_input(100000, &data, &length), 0);
  ck_assert_uint_eq(length, 100000);
  for (size_t i = 0; i < length; i++)
    ck_assert_uint_eq(data[i], i % 251);
  free(data);
  ck_assert_int_eq(read_input(HP_INPUT_MAX, &data, &length), 0);
  ck_assert_uint_eq(length, HP_INPUT_MAX);
  free(data);
  ck_assert_int_eq(read_input(HP_INPUT_MAX + 1, &data, &length), -1);
  ck_assert_int_eq(err.code, HP_RESOURCE_EXHAUSTED);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/input");
  TCase *input = tcase_create("input");
  tcase_set_timeout(input, 60);
  tcase_add_checked_fixture(input, set_up, tear_down);
  tcase_add_test(input, written_and_read);
  tcase_add_test(input, a_line_end_does_not_count);
  tcase_add_test(input, a_link_is_not_followed);
  tcase_add_test(input, what_cannot_be_read);
  tcase_add_test(input, a_failed_write_leaves_nothing);
  tcase_add_test(input, the_bundles_path);
  tcase_add_test(input, the_bundles_path_through_a_link);
  tcase_add_test(input, standard_input);
  suite_add_tcase(suite, input);
  return hp_run_suite(suite);
}
