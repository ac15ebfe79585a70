#include "cli/input.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static char bundle[] = "/tmp/hp-input-XXXXXX";
static struct hp_error err;

static void set_up(void) {
  strcpy(bundle, "/tmp/hp-input-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(bundle));
  err = (struct hp_error)HP_ERROR_INIT;
}

static void tear_down(void) {
  hp_error_clear(&err);
  hp_bundle_remove(bundle, "f");
  ck_assert_msg(rmdir(bundle) == 0, "%s is not empty", bundle);
}

static char *path_of(const char *name) {
  static char path[64];
  snprintf(path, sizeof path, "%s/%s", bundle, name);
  return path;
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
  ck_assert_int_eq(symlink("/etc/hostname", path_of("f")), 0);
  char *text = NULL;
  ck_assert_int_eq(hp_bundle_read(bundle, "f", &text, &err), -1);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_bundle_write(bundle, "f", "mine", &err), 0); /* replaces the link itself */
  struct stat found;
  ck_assert_int_eq(lstat(path_of("f"), &found), 0);
  ck_assert(S_ISREG(found.st_mode));
}
END_TEST

START_TEST(what_cannot_be_read) {
  read_refused(HP_NOT_FOUND);
  char huge[8192];
  memset(huge, 'x', sizeof huge - 1);
  huge[sizeof huge - 1] = 0;
  ck_assert_int_eq(hp_bundle_write(bundle, "f", huge, &err), 0);
  read_refused(HP_INVALID_ARGUMENT);
  int fd = open(path_of("f"), O_WRONLY | O_TRUNC | O_CLOEXEC);
  ck_assert_int_eq(write(fd, "a\0b", 3), 3);
  close(fd);
  read_refused(HP_INVALID_ARGUMENT);
}
END_TEST

START_TEST(a_failed_write_leaves_nothing) {
  ck_assert_int_eq(mkdir(path_of("f"), 0700), 0);
  ck_assert_int_eq(hp_bundle_write(bundle, "f", "x", &err), -1); /* a file cannot replace a directory */
  ck_assert_ptr_nonnull(strstr(err.message, path_of("f")));
  ck_assert_int_eq(rmdir(path_of("f")), 0);
}
END_TEST

START_TEST(the_bundles_path) {
  char *path = NULL;
  ck_assert_int_eq(symlink(".", path_of("f")), 0);
  ck_assert_int_eq(hp_bundle_path(path_of("f"), &path, &err), 0);
  ck_assert_str_eq(path, bundle);
  free(path);
  ck_assert_int_eq(hp_bundle_path(path_of("missing"), &path, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_ptr_nonnull(strstr(err.message, "-bundle"));

  char *before = getcwd(NULL, 0);
  ck_assert_int_eq(chdir(bundle), 0);
  ck_assert_int_eq(hp_bundle_path(NULL, &path, &err), 0);
  ck_assert_int_eq(chdir(before), 0);
  ck_assert_str_eq(path, bundle);
  free(path);
  free(before);
}
END_TEST

/* Puts a file of so many bytes in place of standard input. */
static int read_input(size_t size, uint8_t **data, size_t *length) {
  FILE *file = tmpfile();
  ck_assert_ptr_nonnull(file);
  for (size_t i = 0; i < size; i++)
    fputc((int)(i % 251), file);
  rewind(file);
  int saved = dup(STDIN_FILENO);
  dup2(fileno(file), STDIN_FILENO);
  int status = hp_input_read(data, length, &err);
  if (saved >= 0) {
    dup2(saved, STDIN_FILENO);
    close(saved);
  }
  fclose(file);
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
  tcase_add_test(input, standard_input);
  suite_add_tcase(suite, input);
  return hp_run_suite(suite);
}
