#include "spec/policy.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static char *folder, *file, *nowhere;

static void make_folder(void) {
  folder = unit_directory("policy");
  file = hp_printf("%s/p.json", folder);
  nowhere = hp_printf("%s/nowhere.json", folder);
  unit_set_environment("HOSTPROCESS_POLICY", NULL);
}

static void remove_folder(void) {
  unit_set_environment("HOSTPROCESS_POLICY", NULL);
  unit_remove(file);
  unit_remove_directory(folder);
  free(nowhere);
  free(file);
  free(folder);
}

static void write_file(const char *text) {
  unit_write(file, text, strlen(text));
}

static void load_fails(const char *option_path, const char *message) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_policy_load(option_path, host_file_distrust, &policy, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_str_eq(err.message, message);
  hp_error_clear(&err);
}

static void file_is_refused(const char *before, const char *after) {
  char *message = hp_printf("the runtime options' config_path: node policy: %s\"%s\"%s", before, file, after);
  load_fails(file, message);
  free(message);
}

START_TEST(test_option_comes_first) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  write_file("{\"hostProcess\":\"assume\"}");
  unit_set_environment("HOSTPROCESS_POLICY", nowhere);
  ck_assert_msg(hp_policy_load(file, host_file_distrust, &policy, &err) == 0, "%s", err.message);
  ck_assert(policy.assume);
  ck_assert_str_eq(policy.file, file);
  hp_policy_clear(&policy);
}
END_TEST

START_TEST(test_environment_comes_second) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  write_file("{\"mountBehavior\":\"bind\"}");
  unit_set_environment("HOSTPROCESS_POLICY", file);
  ck_assert_msg(hp_policy_load("", host_file_distrust, &policy, &err) == 0, "%s", err.message);
  ck_assert_int_eq(policy.mount_behavior, HP_MOUNT_BIND);
  hp_policy_clear(&policy);
}
END_TEST

START_TEST(test_named_file_must_be_there) {
  file_is_refused("cannot open ", ": no such file or directory");
  unit_set_environment("HOSTPROCESS_POLICY", nowhere);
  char *message = hp_printf("the environment variable HOSTPROCESS_POLICY: node policy: cannot open \"%s\": "
                            "no such file or directory",
                            nowhere);
  load_fails(NULL, message);
  free(message);
  load_fails("p.json",
             "the runtime options' config_path names the node policy \"p.json\": it must be an absolute "
             "path");
}
END_TEST

START_TEST(test_named_file_must_be_right) {
  write_file("{\"x\":1}");
  char *message = hp_printf("the runtime options' config_path: node policy %s: line 1: x is not a known key: "
                            "use hostProcess, inheritUser, accounts, mountBehavior, rootfsLocations, limits, "
                            "linux, $schema",
                            file);
  load_fails(file, message);
  free(message);
}
END_TEST

START_TEST(test_large_files_and_directories_are_refused) {
  unit_set_size(file, (1 << 20) + 1);
  file_is_refused("", " has 1048577 bytes: at most 1048576 are read, make it smaller");
  unit_remove(file);
  unit_make_directory(file);
  file_is_refused("", " is not a regular file");
  unit_remove_directory(file);
}
END_TEST

START_TEST(test_link_is_followed) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  char *link = hp_printf("%s/link", folder);
  write_file("{}");
  if (unit_link(file, link)) {
    ck_assert_int_eq(hp_policy_load(link, host_file_distrust, &policy, &err), 0);
    hp_policy_clear(&policy);
    unit_remove(link);
  }
  free(link);
}
END_TEST

START_TEST(test_no_file_is_the_built_in) {
  if (unit_exists(HP_POLICY_DEFAULT_PATH)) {
    printf("skipped: this machine has %s\n", HP_POLICY_DEFAULT_PATH);
    return;
  }
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  unit_set_environment("HOSTPROCESS_POLICY", ""); /* as good as unset */
  ck_assert_int_eq(hp_policy_load(NULL, host_file_distrust, &policy, &err), 0);
  ck_assert(!policy.has_accounts);
  ck_assert_ptr_null(policy.file);
  ck_assert_ptr_null(err.message);
  hp_policy_clear(&policy);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_policy_load");
  TCase *lookup = tcase_create("look-up");
  tcase_add_checked_fixture(lookup, make_folder, remove_folder);
  tcase_add_test(lookup, test_option_comes_first);
  tcase_add_test(lookup, test_environment_comes_second);
  tcase_add_test(lookup, test_named_file_must_be_there);
  tcase_add_test(lookup, test_named_file_must_be_right);
  tcase_add_test(lookup, test_large_files_and_directories_are_refused);
  tcase_add_test(lookup, test_link_is_followed);
  tcase_add_test(lookup, test_no_file_is_the_built_in);
  suite_add_tcase(suite, lookup);
  return hp_run_suite(suite);
}
