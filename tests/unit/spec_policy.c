#include "spec/policy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static int parse(const char *text, struct hp_policy *policy, struct hp_error *err) {
  return hp_policy_parse("/p.json", text, strlen(text), policy, err);
}

static void is_default(const struct hp_policy *policy) {
  ck_assert(!policy->assume);
  ck_assert_int_eq(policy->mount_behavior, HP_MOUNT_UNSET);
  ck_assert_uint_eq(policy->local_service_uid, 65534);
  ck_assert_uint_eq(policy->network_service_uid, 65533);
  ck_assert_uint_eq(policy->ephemeral_first, 2000000000);
  ck_assert_uint_eq(policy->ephemeral_last, 2000065535);
  ck_assert(!policy->has_accounts);
  ck_assert(!policy->memory_max.set);
}

START_TEST(test_built_in) {
  struct hp_policy policy;
  hp_policy_init(&policy);
  is_default(&policy);
  ck_assert_ptr_null(policy.file);
  hp_policy_clear(&policy);
}
END_TEST

START_TEST(test_empty_object_is_the_default) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse("{\"linux\":{},\"limits\":{}}", &policy, &err), 0);
  is_default(&policy);
  ck_assert_str_eq(policy.file, "/p.json");
  hp_policy_clear(&policy);
}
END_TEST

START_TEST(test_everything) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(parse("{\"hostProcess\":\"assume\",\"mountBehavior\":\"symlink\","
                      "\"accounts\":[\"hpc-localgroup\",\"NT AUTHORITY\\\\SYSTEM\",\"1000\",\":6\"],"
                      "\"limits\":{\"memory\":1073741824},\"linux\":{\"localServiceId\":100,"
                      "\"networkServiceId\":101,\"ephemeralIds\":[200,300]}}",
                      &policy, &err) == 0,
                "%s", err.message);
  ck_assert(policy.assume);
  ck_assert_int_eq(policy.mount_behavior, HP_MOUNT_SYMLINK);
  ck_assert(policy.has_accounts);
  ck_assert_uint_eq(policy.accounts.count, 4);
  ck_assert_int_eq(policy.memory_max.value, 1073741824);
  ck_assert_uint_eq(policy.local_service_uid, 100);
  ck_assert_uint_eq(policy.network_service_uid, 101);
  ck_assert_uint_eq(policy.ephemeral_first, 200);
  ck_assert_uint_eq(policy.ephemeral_last, 300);
  hp_policy_clear(&policy);
}
END_TEST

START_TEST(test_empty_list_allows_nobody) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse("{\"accounts\":[]}", &policy, &err), 0);
  ck_assert(policy.has_accounts);
  ck_assert_uint_eq(policy.accounts.count, 0);
  hp_policy_clear(&policy);
}
END_TEST

static const struct {
  const char *text, *message;
} refusals[] = {
    {"[]", "node policy /p.json: the document is an array: it must be an object"},
    {"null", "node policy /p.json: the document is null: it must be an object"},
    {"{\"hostprocess\":\"assume\"}", "node policy /p.json: hostprocess is not a known key: use hostProcess, "
                                     "mountBehavior, accounts, limits, linux"},
    {"{\"limits\":{\"cpu\":1}}", "node policy /p.json: limits.cpu is not a known key: use memory"},
    {"{\"linux\":{\"a b\":1}}", "node policy /p.json: linux[\"a b\"] is not a known key: use localServiceId, "
                                "networkServiceId, ephemeralIds"},
    {"{\"hostProcess\":true}",
     "node policy /p.json: hostProcess is true: it must be \"require\" or \"assume\""},
    {"{\"hostProcess\":\"Assume\"}",
     "node policy /p.json: hostProcess is \"Assume\": it must be \"require\" or \"assume\""},
    {"{\"mountBehavior\":\"copy\"}",
     "node policy /p.json: mountBehavior is \"copy\": it must be \"bind\" or \"symlink\""},
    {"{\"accounts\":\"root\"}", "node policy /p.json: accounts is \"root\": it must be an array"},
    {"{\"accounts\":[1000]}", "node policy /p.json: accounts[0] is 1000: it must be a string"},
    {"{\"accounts\":[\"a\",\"b\\\\c\\\\d\"]}",
     "node policy /p.json: accounts[1]: runAsUserName \"b\\c\\d\" has "
     "more than one backslash: write DOMAIN\\name"},
    {"{\"accounts\":[\":x\"]}",
     "node policy /p.json: accounts[0]: runAsUserName \":x\" has a character that Windows forbids in names: "
     "remove any of \" / [ ] : ; | = , + * ? < >"},
    {"{\"limits\":[]}", "node policy /p.json: limits is an array: it must be an object"},
    {"{\"limits\":{\"memory\":0}}",
     "node policy /p.json: limits.memory is 0: it must be an integer of at least 1"},
    {"{\"limits\":{\"memory\":\"1Gi\"}}",
     "node policy /p.json: limits.memory is \"1Gi\": it must be an integer of at least 1"},
    {"{\"linux\":{\"localServiceId\":0}}",
     "node policy /p.json: linux.localServiceId is 0: it must be an integer from 1 to 4294967294"},
    {"{\"linux\":{\"networkServiceId\":4294967295}}",
     "node policy /p.json: linux.networkServiceId is 4294967295: it must be an integer from 1 to 4294967294"},
    {"{\"linux\":{\"ephemeralIds\":[5]}}",
     "node policy /p.json: linux.ephemeralIds is an array: it must be an array of two ids, [first, last]"},
    {"{\"linux\":{\"ephemeralIds\":[0,5]}}",
     "node policy /p.json: linux.ephemeralIds[0] is 0: it must be an integer from 1 to 4294967294"},
    {"{\"linux\":{\"ephemeralIds\":[9,5]}}",
     "node policy /p.json: linux.ephemeralIds[0] is 9: it must be at most the last id of the range"},
    {"{\"linux\":{\"ephemeralIds\":[65000,66000]}}", "node policy /p.json: linux.ephemeralIds [65000, 66000] "
                                                     "holds the id of a service account (65534 or 65533): "
                                                     "choose a range without them"},
};

START_TEST(test_refusals) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(parse(refusals[_i].text, &policy, &err) == -1, "accepted: %s", refusals[_i].text);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_str_eq(err.message, refusals[_i].message);
  hp_error_clear(&err);
}
END_TEST

START_TEST(test_broken_json) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse("{\"accounts\":[],\"accounts\":[\"a\"]}", &policy, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_msg(strncmp(err.message, "node policy /p.json: it is not valid JSON: line 1 column ", 57) == 0,
                "%s", err.message);
  hp_error_clear(&err);
}
END_TEST

#if !defined(_WIN32) /* owners and modes are POSIX's */
/* ---- the look-up -------------------------------------------------------------- */

static char folder[] = "/tmp/hp-policy-XXXXXX";
static char *file;

static void make_folder(void) {
  strcpy(folder, "/tmp/hp-policy-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  file = hp_printf("%s/p.json", folder);
  unsetenv("HOSTPROCESS_POLICY");
}

static void remove_folder(void) {
  unsetenv("HOSTPROCESS_POLICY");
  unlink(file);
  ck_assert_int_eq(rmdir(folder), 0);
  free(file);
}

static void write_file(const char *text, mode_t mode) {
  int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  ck_assert_int_eq(fchmod(fd, mode), 0);
  close(fd);
}

static void load_fails(const char *option_path, const char *message) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_policy_load(option_path, &policy, &err), -1);
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
  write_file("{\"hostProcess\":\"assume\"}", 0644);
  setenv("HOSTPROCESS_POLICY", "/nowhere", 1);
  ck_assert_msg(hp_policy_load(file, &policy, &err) == 0, "%s", err.message);
  ck_assert(policy.assume);
  ck_assert_str_eq(policy.file, file);
  hp_policy_clear(&policy);
}
END_TEST

START_TEST(test_environment_comes_second) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  write_file("{\"mountBehavior\":\"bind\"}", 0600);
  setenv("HOSTPROCESS_POLICY", file, 1);
  ck_assert_msg(hp_policy_load("", &policy, &err) == 0, "%s", err.message);
  ck_assert_int_eq(policy.mount_behavior, HP_MOUNT_BIND);
  hp_policy_clear(&policy);
}
END_TEST

START_TEST(test_named_file_must_be_there) {
  file_is_refused("cannot open ", ": no such file or directory");
  setenv("HOSTPROCESS_POLICY", "/nowhere/p.json", 1);
  load_fails(NULL,
             "the environment variable HOSTPROCESS_POLICY: node policy: cannot open \"/nowhere/p.json\": no "
             "such file or directory");
  load_fails("p.json",
             "the runtime options' config_path names the node policy \"p.json\": it must be an absolute "
             "path");
}
END_TEST

START_TEST(test_named_file_must_be_right) {
  write_file("{\"x\":1}", 0600);
  char *message = hp_printf("the runtime options' config_path: node policy %s: x is not a known key: use "
                            "hostProcess, mountBehavior, accounts, limits, linux",
                            file);
  load_fails(file, message);
  free(message);
}
END_TEST

START_TEST(test_writable_file_is_refused) {
  static const char reason[] =
      " is not trusted: others than its owner can write it: change it with chmod go-w";
  write_file("{}", 0620);
  file_is_refused("", reason);
  write_file("{}", 0602);
  file_is_refused("", reason);
}
END_TEST

START_TEST(test_foreign_file_is_refused) {
  if (geteuid() != 0) {
    printf("skipped: only root can give a file to somebody else\n");
    return;
  }
  write_file("{}", 0644);
  ck_assert_int_eq(chown(file, 12345, 12345), 0);
  file_is_refused("",
                  " is not trusted: its owner is neither root nor the user this shim runs as: change it with "
                  "chown root");
}
END_TEST

START_TEST(test_large_and_special_files_are_refused) {
  write_file("{}", 0600);
  ck_assert_int_eq(truncate(file, (1 << 20) + 1), 0);
  file_is_refused("", " has 1048577 bytes: at most 1048576 are read, make it smaller");
  ck_assert_int_eq(unlink(file), 0);
  ck_assert_int_eq(mkfifo(file, 0600), 0);
  file_is_refused("", " is not a regular file");
}
END_TEST

START_TEST(test_link_is_followed) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  char *link = hp_printf("%s/link", folder);
  write_file("{}", 0600);
  ck_assert_int_eq(symlink(file, link), 0);
  ck_assert_int_eq(hp_policy_load(link, &policy, &err), 0);
  hp_policy_clear(&policy);
  unlink(link);
  free(link);
}
END_TEST

START_TEST(test_no_file_is_the_built_in) {
  if (access(HP_POLICY_DEFAULT_PATH, F_OK) == 0) {
    printf("skipped: this machine has %s\n", HP_POLICY_DEFAULT_PATH);
    return;
  }
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  setenv("HOSTPROCESS_POLICY", "", 1); /* as good as unset */
  ck_assert_int_eq(hp_policy_load(NULL, &policy, &err), 0);
  is_default(&policy);
  ck_assert_ptr_null(policy.file);
  ck_assert_ptr_null(err.message);
  hp_policy_clear(&policy);
}
END_TEST
#endif

int main(void) {
  Suite *suite = suite_create("spec_policy");
  TCase *schema = tcase_create("schema");
  tcase_add_test(schema, test_built_in);
  tcase_add_test(schema, test_empty_object_is_the_default);
  tcase_add_test(schema, test_everything);
  tcase_add_test(schema, test_empty_list_allows_nobody);
  tcase_add_loop_test(schema, test_refusals, 0, (int)(sizeof refusals / sizeof refusals[0]));
  tcase_add_test(schema, test_broken_json);
  suite_add_tcase(suite, schema);
#if !defined(_WIN32)
  TCase *lookup = tcase_create("look-up");
  tcase_add_checked_fixture(lookup, make_folder, remove_folder);
  tcase_add_test(lookup, test_option_comes_first);
  tcase_add_test(lookup, test_environment_comes_second);
  tcase_add_test(lookup, test_named_file_must_be_there);
  tcase_add_test(lookup, test_named_file_must_be_right);
  tcase_add_test(lookup, test_writable_file_is_refused);
  tcase_add_test(lookup, test_foreign_file_is_refused);
  tcase_add_test(lookup, test_large_and_special_files_are_refused);
  tcase_add_test(lookup, test_link_is_followed);
  tcase_add_test(lookup, test_no_file_is_the_built_in);
  suite_add_tcase(suite, lookup);
#endif
  return hp_run_suite(suite);
}
