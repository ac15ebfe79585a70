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
  ck_assert(!policy->forbids_inherit);
  ck_assert(!policy->has_locations);
  ck_assert(!policy->memory_max.set);
  ck_assert(!policy->cpu_max.set);
  ck_assert(!policy->storage_max.set);
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

static const char everything[] = "{\"$schema\": \"policy.schema.json\",\n"
                                 " \"hostProcess\": \"assume\",\n"
                                 " \"inheritUser\": false,\n"
                                 " \"accounts\": [\"hpc-localgroup\", \"NT AUTHORITY\\\\SYSTEM\",\n"
                                 "   \"1000\", \":6\"],\n"
                                 " \"mountBehavior\": \"symlink\",\n"
                                 " \"rootfsLocations\": [\"/hpc\", \"D:/hpc\"],\n"
                                 " \"limits\":\n"
                                 " { \"memory\": 1073741824,\n"
                                 "   \"cpu\": 1.5,\n"
                                 "   \"storage\": 5\n"
                                 " },\n"
                                 " \"linux\": {\"localServiceId\": 100, \"networkServiceId\": 101,\n"
                                 "   \"ephemeralIds\": [200, 300]}}";

START_TEST(test_everything) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(parse(everything, &policy, &err) == 0, "%s", err.message);
  ck_assert(policy.assume);
  ck_assert(policy.forbids_inherit);
  ck_assert_int_eq(policy.mount_behavior, HP_MOUNT_SYMLINK);
  ck_assert(policy.has_accounts);
  ck_assert_uint_eq(policy.accounts.count, 4);
  ck_assert(policy.has_locations);
  ck_assert_uint_eq(policy.locations.count, 2);
  ck_assert_int_eq(policy.memory_max.value, 1073741824);
  ck_assert_int_eq(policy.cpu_max.value, 1500);
  ck_assert_int_eq(policy.storage_max.value, 5);
  ck_assert_uint_eq(policy.local_service_uid, 100);
  ck_assert_uint_eq(policy.network_service_uid, 101);
  ck_assert_uint_eq(policy.ephemeral_first, 200);
  ck_assert_uint_eq(policy.ephemeral_last, 300);
  hp_policy_clear(&policy);
}
END_TEST

START_TEST(test_each_rule_knows_its_line) {
  static const unsigned lines[HP_POLICY_KEYS] = {
      [HP_POLICY_SCHEMA] = 1,
      [HP_POLICY_HOST_PROCESS] = 2,
      [HP_POLICY_INHERIT_USER] = 3,
      [HP_POLICY_ACCOUNTS] = 4,
      [HP_POLICY_MOUNT_BEHAVIOR] = 6,
      [HP_POLICY_ROOTFS_LOCATIONS] = 7,
      [HP_POLICY_LIMITS] = 8,
      [HP_POLICY_LIMITS_MEMORY] = 9,
      [HP_POLICY_LIMITS_CPU] = 10,
      [HP_POLICY_LIMITS_STORAGE] = 11,
      [HP_POLICY_LINUX] = 13,
      [HP_POLICY_LINUX_LOCAL_SERVICE] = 13,
      [HP_POLICY_LINUX_NETWORK_SERVICE] = 13,
      [HP_POLICY_LINUX_EPHEMERAL] = 14,
  };
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(parse(everything, &policy, &err), 0);
  for (size_t i = 0; i < HP_POLICY_KEYS; i++)
    ck_assert_msg(policy.lines[i] == lines[i], "key %zu: line %u", i, policy.lines[i]);
  char *rule = hp_policy_cite(&policy, HP_POLICY_LIMITS_CPU);
  ck_assert_str_eq(rule, "\"limits.cpu\" (line 10 of the node policy /p.json)");
  free(rule);
  rule = hp_policy_cite(&policy, HP_POLICY_ACCOUNTS);
  ck_assert_str_eq(rule, "\"accounts\" (line 4 of the node policy /p.json)");
  free(rule);
  hp_policy_clear(&policy);
}
END_TEST

/* Thousandths, to the nearest. */
START_TEST(test_processors) {
  static const struct {
    const char *text;
    int64_t value;
  } cases[] = {{"0.001", 1}, {"0.1", 100}, {"2", 2000}, {"0.3335", 334}, {"1000000", 1000000000}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct hp_policy policy;
    struct hp_error err = HP_ERROR_INIT;
    char *text = hp_printf("{\"limits\":{\"cpu\":%s}}", cases[i].text);
    ck_assert_msg(parse(text, &policy, &err) == 0, "%s", err.message);
    ck_assert_int_eq(policy.cpu_max.value, cases[i].value);
    hp_policy_clear(&policy);
    free(text);
  }
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
    {"[]", "node policy /p.json: line 1: the document is an array: it must be an object"},
    {"null", "node policy /p.json: line 1: the document is null: it must be an object"},
    {"{\"hostprocess\":\"assume\"}",
     "node policy /p.json: line 1: hostprocess is not a known key: use hostProcess, "
     "inheritUser, accounts, mountBehavior, rootfsLocations, limits, linux, $schema"},
    {"{\"limits\":{\"pids\":1}}",
     "node policy /p.json: line 1: limits.pids is not a known key: use memory, cpu, storage"},
    {"{\n\"accounts\":\nnull}",
     "node policy /p.json: line 2: accounts is null: give it a value, or leave the key out"},
    {"{\"limits\":{\n\"memory\":null}}",
     "node policy /p.json: line 2: limits.memory is null: give it a value, or leave the key out"},
    {"{\"inheritUser\":\"no\"}",
     "node policy /p.json: line 1: inheritUser is \"no\": it must be true or false"},
    {"{\n\"rootfsLocations\": [\"/hpc\",\n \"C:\\\\hpc\",\n \"hpc\"]}",
     "node policy /p.json: line 4: rootfsLocations[2] is \"hpc\": it must be an absolute path below the root "
     "such as /hpc or C:\\hpc, without \"..\""},
    {"{\"rootfsLocations\":[\"/hpc/../etc\"]}",
     "node policy /p.json: line 1: rootfsLocations[0] is \"/hpc/../etc\": it must be an absolute path below "
     "the root such as /hpc or C:\\hpc, without \"..\""},
    {"{\"limits\":\n{\n\n\"cpu\":0}}", "node policy /p.json: line 4: limits.cpu is 0: it must be a number of "
                                       "processors such as 1.5, from 0.001 "
                                       "to 1000000"},
    {"{\"limits\":{\"cpu\":\"2\"}}",
     "node policy /p.json: line 1: limits.cpu is \"2\": it must be a number of processors such as 1.5, from "
     "0.001 to 1000000"},
    {"{\"limits\":{\"storage\":-1}}",
     "node policy /p.json: line 1: limits.storage is -1: it must be an integer of at least 1"},
    {"{\"$schema\":7}", "node policy /p.json: line 1: [\"$schema\"] is 7: it must be a string"},
    {"{\"accounts\":[\"a\",\n\"b\",\nnull]}",
     "node policy /p.json: line 3: accounts[2] is null: it must be a string"},
    {"{\"linux\":{\"ephemeralIds\":[1,null]}}", "node policy /p.json: line 1: linux.ephemeralIds[1] is null: "
                                                "it must be an integer from 1 to 4294967294"},
    {"{\"linux\":{\"a b\":1}}",
     "node policy /p.json: line 1: linux[\"a b\"] is not a known key: use localServiceId, "
     "networkServiceId, ephemeralIds"},
    {"{\"hostProcess\":true}",
     "node policy /p.json: line 1: hostProcess is true: it must be \"require\" or \"assume\""},
    {"{\"hostProcess\":\"Assume\"}",
     "node policy /p.json: line 1: hostProcess is \"Assume\": it must be \"require\" or \"assume\""},
    {"{\"mountBehavior\":\"copy\"}",
     "node policy /p.json: line 1: mountBehavior is \"copy\": it must be \"bind\" or \"symlink\""},
    {"{\"accounts\":\"root\"}", "node policy /p.json: line 1: accounts is \"root\": it must be an array"},
    {"{\"accounts\":[1000]}", "node policy /p.json: line 1: accounts[0] is 1000: it must be a string"},
    {"{\"accounts\":[\"a\",\"b\\\\c\\\\d\"]}",
     "node policy /p.json: line 1: accounts[1]: runAsUserName \"b\\c\\d\" has "
     "more than one backslash: write DOMAIN\\name"},
    {"{\"accounts\":[\":x\"]}", "node policy /p.json: line 1: accounts[0]: runAsUserName \":x\" has a "
                                "character that Windows forbids in names: "
                                "remove any of \" / [ ] : ; | = , + * ? < >"},
    {"{\"limits\":[]}", "node policy /p.json: line 1: limits is an array: it must be an object"},
    {"{\"limits\":{\"memory\":0}}",
     "node policy /p.json: line 1: limits.memory is 0: it must be an integer of at least 1"},
    {"{\"limits\":{\"memory\":\"1Gi\"}}",
     "node policy /p.json: line 1: limits.memory is \"1Gi\": it must be an integer of at least 1"},
    {"{\"linux\":{\"localServiceId\":0}}",
     "node policy /p.json: line 1: linux.localServiceId is 0: it must be an integer from 1 to 4294967294"},
    {"{\"linux\":{\"networkServiceId\":4294967295}}",
     "node policy /p.json: line 1: linux.networkServiceId is 4294967295: it must be an integer from 1 to "
     "4294967294"},
    {"{\"linux\":{\"ephemeralIds\":[5]}}", "node policy /p.json: line 1: linux.ephemeralIds is an array: it "
                                           "must be an array of two ids, [first, last]"},
    {"{\"linux\":{\"ephemeralIds\":[0,5]}}",
     "node policy /p.json: line 1: linux.ephemeralIds[0] is 0: it must be an integer from 1 to 4294967294"},
    {"{\"linux\":{\"ephemeralIds\":[9,5]}}",
     "node policy /p.json: line 1: linux.ephemeralIds[0] is 9: it must be at most the last id of the range"},
    {"{\"linux\":{\"ephemeralIds\":[65000,66000]}}",
     "node policy /p.json: line 1: linux.ephemeralIds [65000, 66000] "
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

int main(void) {
  Suite *suite = suite_create("spec_policy");
  TCase *schema = tcase_create("schema");
  tcase_add_test(schema, test_built_in);
  tcase_add_test(schema, test_empty_object_is_the_default);
  tcase_add_test(schema, test_everything);
  tcase_add_test(schema, test_each_rule_knows_its_line);
  tcase_add_test(schema, test_processors);
  tcase_add_test(schema, test_empty_list_allows_nobody);
  tcase_add_loop_test(schema, test_refusals, 0, (int)(sizeof refusals / sizeof refusals[0]));
  tcase_add_test(schema, test_broken_json);
  suite_add_tcase(suite, schema);
  return hp_run_suite(suite);
}
