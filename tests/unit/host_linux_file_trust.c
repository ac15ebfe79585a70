/* Whom a file of Linux is believed to be from, and files that are none. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/read.h"
#include "support.h"

static char *folder, *file;

static void make_folder(void) {
  folder = unit_directory("file");
  file = hp_printf("%s/f", folder);
}

static void remove_folder(void) {
  unit_remove(file);
  unit_remove_directory(folder);
  free(file);
  free(folder);
}

static void write_with_mode(mode_t mode) {
  unit_write(file, "{}", 2);
  ck_assert_int_eq(chmod(file, mode), 0);
}

static void is_read(hp_file_distrust distrust) {
  struct hp_error err = HP_ERROR_INIT;
  char *data = NULL;
  size_t length = 0;
  ck_assert_msg(hp_file_read("it", file, 100, distrust, &data, &length, &err) == 0, "%s", err.message);
  ck_assert_uint_eq(length, 2);
  ck_assert_str_eq(data, "{}");
  free(data);
}

static void is_refused(hp_file_distrust distrust, const char *reason) {
  struct hp_error err = HP_ERROR_INIT;
  char *data = NULL, *message = hp_printf("it: \"%s\" %s", file, reason);
  size_t length = 0;
  ck_assert_int_eq(hp_file_read("it", file, 100, distrust, &data, &length, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_str_eq(err.message, message);
  ck_assert_ptr_null(data);
  hp_error_clear(&err);
  free(message);
}

START_TEST(what_others_can_write_is_not_trusted) {
  static const char reason[] =
      "is not trusted: others than its owner can write it: change it with chmod go-w";
  static const mode_t modes[] = {0620, 0602};
  for (size_t i = 0; i < 2; i++) {
    write_with_mode(modes[i]);
    is_refused(host_file_distrust, reason);
    is_read(NULL);
  }
  write_with_mode(0644);
  is_read(host_file_distrust);
}
END_TEST

START_TEST(what_others_own_is_not_trusted) {
  if (geteuid() != 0) {
    printf("skipped: only root can give a file to somebody else\n");
    return;
  }
  write_with_mode(0644);
  ck_assert_int_eq(chown(file, 12345, 12345), 0);
  is_refused(host_file_distrust,
             "is not trusted: its owner is neither root nor the user this shim runs as: change it with "
             "chown root");
  is_read(NULL);
}
END_TEST

static void is_refused_for(const char *directory, const char *reason) {
  char *whole = hp_printf("is not trusted for the directory \"%s\": %s", directory, reason);
  is_refused(host_file_distrust, whole);
  free(whole);
}

/* Who can exchange a directory above it, or what is in one, can exchange the file. */
START_TEST(a_file_in_a_directory_of_others_is_not_trusted) {
  static const char writable[] = "others than its owner can write it: change it with chmod go-w";
  char *outer = folder;
  folder = hp_printf("%s/inner", outer);
  free(file);
  file = hp_printf("%s/f", folder);
  unit_make_directory(folder);
  write_with_mode(0644);
  ck_assert_int_eq(chmod(folder, 0777), 0);
  is_refused_for(folder, writable);
  ck_assert_int_eq(chmod(folder, 01777), 0); /* as /tmp */
  is_read(host_file_distrust);
  ck_assert_int_eq(chmod(folder, 0755), 0);
  ck_assert_int_eq(chmod(outer, 0770), 0);
  is_refused_for(outer, writable);
  is_read(NULL);
  ck_assert_int_eq(chmod(outer, 0700), 0);
  if (geteuid() == 0) {
    ck_assert_int_eq(chown(outer, 12345, 12345), 0);
    is_refused_for(outer, "its owner is neither root nor the user this shim runs as: change it with "
                          "chown root");
    ck_assert_int_eq(chown(outer, 0, 0), 0);
  }
  is_read(host_file_distrust);

  /* By a link the file is where it is, not where the link is. */
  char *link = hp_printf("%s/link", outer), *real = file;
  ck_assert_int_eq(chmod(folder, 0777), 0);
  ck_assert_int_eq(symlink(real, link), 0);
  file = link;
  is_refused_for(folder, writable);
  unit_remove(link);
  free(link);
  unit_remove(real);
  unit_remove_directory(folder);
  free(real);
  free(folder);
  folder = outer;
  file = hp_printf("%s/f", folder);
  write_with_mode(0644);
}
END_TEST

START_TEST(fifo_is_refused_without_waiting) {
  ck_assert_int_eq(mkfifo(file, 0600), 0);
  is_refused(NULL, "is not a regular file");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_linux_file_trust");
  TCase *tests = tcase_create("file");
  tcase_add_checked_fixture(tests, make_folder, remove_folder);
  tcase_add_test(tests, what_others_can_write_is_not_trusted);
  tcase_add_test(tests, what_others_own_is_not_trusted);
  tcase_add_test(tests, a_file_in_a_directory_of_others_is_not_trusted);
  tcase_add_test(tests, fifo_is_refused_without_waiting);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
