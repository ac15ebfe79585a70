/* What a journal is as a file of Linux: its mode, its owner, its name, and who
 * gets its descriptor. */
#include "runtime/journal_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_bundle.h"

static struct hp_journal_file *make(void) {
  struct hp_journal_file *file = NULL;
  bool held;
  ck_assert_msg(hp_journal_file_open(bundle, HP_JOURNAL_MAKE, &file, &held, &err) == 0, "%s", err.message);
  return file;
}

static void write_with_mode(mode_t mode) {
  unit_write(path, "{}\n", 3);
  ck_assert_int_eq(chmod(path, mode), 0);
}

static void is_private(void) {
  struct stat status;
  ck_assert_int_eq(stat(path, &status), 0);
  ck_assert_uint_eq(status.st_mode & 07777u, 0600);
}

START_TEST(is_private_old_and_new) {
  struct hp_journal_file *file = make();
  is_private();
  ck_assert_int_eq(hp_journal_file_replace(file, "{}\n", 3, &err), 0);
  is_private();
  hp_journal_file_close(file);
}
END_TEST

/* Neither to hold it nor to look at it. */
static void expect_refused(const char *say) {
  static const enum hp_journal_use uses[] = {HP_JOURNAL_MAKE, HP_JOURNAL_LOOK};
  for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
    struct hp_journal_file *file = NULL;
    bool held;
    ck_assert_int_eq(hp_journal_file_open(bundle, uses[i], &file, &held, &err), -1);
    ck_assert_ptr_null(file);
    ck_assert_msg(strstr(err.message, say), "%s", err.message);
    hp_error_clear(&err);
  }
}

START_TEST(link_is_refused) {
  ck_assert_int_eq(symlink("/etc/passwd", path), 0);
  expect_refused("cannot be opened");
}
END_TEST

START_TEST(fifo_is_refused_without_waiting) {
  ck_assert_int_eq(mkfifo(path, 0600), 0);
  expect_refused("not a regular file");
}
END_TEST

START_TEST(writable_by_others_is_refused) {
  write_with_mode(0666);
  expect_refused("can be written by others");
}
END_TEST

START_TEST(of_another_owner_is_refused) {
  if (geteuid() != 0) {
    printf("skipped: only root can give a file away\n");
    return;
  }
  write_with_mode(0600);
  ck_assert_int_eq(chown(path, 65534, 65534), 0);
  expect_refused("uid 65534");
}
END_TEST

START_TEST(remove_spares_a_file_that_took_its_place) {
  struct hp_journal_file *file = make();
  unit_remove(path);
  write_with_mode(0600);
  ck_assert_int_eq(hp_journal_file_remove(file, &err), 0);
  ck_assert(unit_exists(path));
}
END_TEST

START_TEST(remove_after_the_bundle_is_gone) {
  struct hp_journal_file *file = make();
  unit_remove(path);
  unit_remove_directory(bundle);
  ck_assert_int_eq(hp_journal_file_remove(file, &err), 0);
  unit_make_directory(bundle);
}
END_TEST

START_TEST(descriptor_is_not_inherited) {
  struct hp_journal_file *file = make();
  char *command = hp_printf("ls -l /proc/self/fd | grep -q %s", HP_JOURNAL_NAME);
  ck_assert_int_ne(system(command), 0);
  free(command);
  hp_journal_file_close(file);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_linux_journal_file");
  TCase *tests = tcase_create("file");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, is_private_old_and_new);
  tcase_add_test(tests, link_is_refused);
  tcase_add_test(tests, fifo_is_refused_without_waiting);
  tcase_add_test(tests, writable_by_others_is_refused);
  tcase_add_test(tests, of_another_owner_is_refused);
  tcase_add_test(tests, remove_spares_a_file_that_took_its_place);
  tcase_add_test(tests, remove_after_the_bundle_is_gone);
  tcase_add_test(tests, descriptor_is_not_inherited);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
