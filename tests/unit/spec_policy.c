#include "spec/policy.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- the look-up -------------------------------------------------------------- */

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
  char *message = hp_printf("the runtime options' config_path: node policy %s: x is not a known key: use "
                            "hostProcess, mountBehavior, accounts, limits, linux",
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
  is_default(&policy);
  ck_assert_ptr_null(policy.file);
  ck_assert_ptr_null(err.message);
  hp_policy_clear(&policy);
}
END_TEST

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
