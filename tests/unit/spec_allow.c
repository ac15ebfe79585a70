/* What the node policy forbids, as the user reads it; the list of accounts is in
 * spec_rules. */
#include "spec/allow.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct hp_policy policy_of(const char *text) {
  struct hp_policy policy;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_policy_parse("/p.json", text, strlen(text), &policy, &err) == 0, "%s", err.message);
  return policy;
}

static void is(int result, struct hp_error *err, const char *message) {
  if (!message) {
    ck_assert_msg(result == 0, "%s", err->message);
    return;
  }
  ck_assert_int_eq(result, -1);
  ck_assert_int_eq(err->code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err->message, message);
  hp_error_clear(err);
}

/* ---- limits -------------------------------------------------------------------- */

#define RULE(key) "\"limits." key "\" (line 2 of the node policy /p.json)"
#define NO_CPU(most)                                                                                         \
  "no CPU limit is set: " RULE("cpu") " asks for one of at most " most                                       \
                                      " processors (shares and affinity are none), set "                     \
                                      "resources.limits.cpu"
#define MORE_CPU(asked, most)                                                                                \
  "the CPU limit of " asked " processors is more than " RULE("cpu") " allows: set resources.limits.cpu to "  \
                                                                    "at most " most " processors"

#define NUMBER(n)                                                                                            \
  { true, n }

static const struct {
  enum hp_os os;
  const char *limit; /* the policy's */
  struct hp_limits asked;
  const char *message; /* NULL: allowed */
} limits[] = {
    /* Linux: the quota */
    {HP_OS_LINUX, "\"cpu\":1.5", {.cpu_quota = NUMBER(150000), .cpu_period = NUMBER(100000)}, NULL},
    {HP_OS_LINUX, "\"cpu\":1.5", {.cpu_quota = NUMBER(150000)}, NULL}, /* the kernel's period */
    {HP_OS_LINUX, "\"cpu\":1.5", {.cpu_quota = NUMBER(150001)}, MORE_CPU("1.501", "1.500")},
    {HP_OS_LINUX,
     "\"cpu\":1.5",
     {.cpu_quota = NUMBER(100000), .cpu_period = NUMBER(50000)},
     MORE_CPU("2.000", "1.500")},
    {HP_OS_LINUX, "\"cpu\":2", {.cpu_quota = NUMBER(INT64_MAX)}, MORE_CPU("9223372036854775.807", "2.000")},
    {HP_OS_LINUX, "\"cpu\":2", {.cpu_shares = NUMBER(2), .cpuset_cpus = "0"}, NO_CPU("2.000")},
    {HP_OS_LINUX, "\"cpu\":2", {.cpu_quota = NUMBER(-1)}, NO_CPU("2.000")},
    {HP_OS_LINUX, "\"cpu\":2", {.cpu_period = NUMBER(50000)}, NO_CPU("2.000")},
    /* Windows: count, or maximum of the four processors that this node has */
    {HP_OS_WINDOWS, "\"cpu\":2", {.cpu_count = NUMBER(2)}, NULL},
    {HP_OS_WINDOWS, "\"cpu\":2", {.cpu_count = NUMBER(3)}, MORE_CPU("3.000", "2.000")},
    {HP_OS_WINDOWS, "\"cpu\":2", {.cpu_count = NUMBER(INT64_MAX)}, MORE_CPU("9223372036854775.807", "2.000")},
    {HP_OS_WINDOWS, "\"cpu\":1.5", {.cpu_maximum = NUMBER(3750)}, NULL},
    {HP_OS_WINDOWS, "\"cpu\":1.5", {.cpu_maximum = NUMBER(3751)}, MORE_CPU("1.501", "1.500")},
    {HP_OS_WINDOWS, "\"cpu\":0.001", {.cpu_maximum = NUMBER(1)}, NULL},
    {HP_OS_WINDOWS, "\"cpu\":2", {.cpu_shares = NUMBER(1)}, NO_CPU("2.000")},
    {HP_OS_WINDOWS, "\"cpu\":2", {.affinities = {NULL, 0}}, NO_CPU("2.000")},
    /* memory */
    {HP_OS_WINDOWS, "\"memory\":1000", {.memory = NUMBER(1000)}, NULL},
    {HP_OS_WINDOWS,
     "\"memory\":1000",
     {.memory = NUMBER(1001)},
     "the memory limit of 1001 bytes is more than " RULE("memory") " allows: set resources.limits.memory to "
                                                                   "at most 1000 bytes"},
    {HP_OS_WINDOWS,
     "\"memory\":1000",
     {.cpu_count = NUMBER(1)},
     "no memory limit is set: " RULE("memory") " asks for one of at most 1000 bytes, set "
                                               "resources.limits.memory"},
    /* storage: who asks for none gets the system's default */
    {HP_OS_WINDOWS, "\"storage\":1000", {.storage_size = NUMBER(1000)}, NULL},
    {HP_OS_WINDOWS, "\"storage\":1000", {.storage_bps = NUMBER(1001)}, NULL},
    {HP_OS_WINDOWS,
     "\"storage\":1000",
     {.storage_size = NUMBER(1001)},
     "windows.resources.storage.sandboxSize of 1001 bytes is more than " RULE(
         "storage") " allows: set it to at most 1000 bytes"},
};

static int limit(enum hp_os os, const struct hp_policy *policy, const struct hp_limits *asked,
                 struct hp_error *err) {
  if (hp_allow_memory(policy, asked->memory, err) != 0 || hp_allow_cpu(os, policy, asked, err) != 0)
    return -1;
  return hp_allow_storage(policy, asked->storage_size, err);
}

START_TEST(test_limits) {
  struct hp_error err = HP_ERROR_INIT;
  char *text = hp_printf("{\"limits\":{\n%s}}", limits[_i].limit);
  struct hp_policy policy = policy_of(text);
  policy.processors = 4;
  is(limit(limits[_i].os, &policy, &limits[_i].asked, &err), &err, limits[_i].message);
  hp_policy_clear(&policy);
  free(text);
}
END_TEST

/* Off the node nobody knows what share of how many processors it is. */
START_TEST(test_unknown_processors) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_policy policy = policy_of("{\"limits\":{\"cpu\":0.5}}");
  is(hp_allow_cpu(HP_OS_WINDOWS, &policy, &(struct hp_limits){.cpu_maximum = NUMBER(10000)}, &err), &err,
     NULL);
  hp_policy_clear(&policy);
}
END_TEST

/* ---- accounts and places --------------------------------------------------------- */

static int inherit(const char *text, struct hp_error *err) {
  struct hp_policy policy = policy_of(text);
  struct hp_process_spec process = {0};
  struct hp_account account = {.kind = HP_ACCOUNT_INHERIT};
  int result = hp_allow_inherit(&policy, &account, err);
  if (result == 0)
    result = hp_allow_account(&policy, &account, &process, err);
  hp_policy_clear(&policy);
  return result;
}

START_TEST(test_inherit) {
  struct hp_error err = HP_ERROR_INIT;
  is(inherit("{}", &err), &err, NULL);
  is(inherit("{\"inheritUser\":true}", &err), &err, NULL);
  is(inherit("{\"accounts\":[\"SYSTEM\"]}", &err), &err, NULL);
  is(inherit("{\"accounts\":[\"SYSTEM\"],\n\"inheritUser\":false}", &err), &err,
     "annotation microsoft.com/hostprocess-inherit-user is true, which \"inheritUser\" (line 2 of the node "
     "policy /p.json) forbids: set runAsUserName instead");
  is(inherit("{\"accounts\":[\"hpc\"],\"inheritUser\":true}", &err), &err,
     "the shim's own user (annotation microsoft.com/hostprocess-inherit-user) is not allowed by \"accounts\" "
     "(line 1 of the node policy /p.json): use an account listed there, or have \"NT AUTHORITY\\SYSTEM\" "
     "added");
}
END_TEST

static int locate(enum hp_os os, const char *text, const char *location, struct hp_error *err) {
  struct hp_policy policy = policy_of(text);
  int result = hp_allow_location(os, &policy, location, err);
  hp_policy_clear(&policy);
  return result;
}

#define ELSEWHERE(path)                                                                                      \
  "annotation microsoft.com/hostprocess-rootfs-location \"" path                                             \
  "\" is not allowed by \"rootfsLocations\" (line 2 of the node policy /p.json): use a folder listed there " \
  "or one below it, or leave the annotation out"

START_TEST(test_locations) {
  struct hp_error err = HP_ERROR_INIT;
  static const char both[] = "{\n\"rootfsLocations\":[\"/srv/hpc\",\"D:\\\\hpc\"]}",
                    none[] = "{\n\"rootfsLocations\":[]}";
  is(locate(HP_OS_LINUX, "{}", "/etc", &err), &err, NULL);
  is(locate(HP_OS_LINUX, both, NULL, &err), &err, NULL);
  is(locate(HP_OS_LINUX, none, NULL, &err), &err, NULL);
  is(locate(HP_OS_LINUX, both, "/srv/hpc/a", &err), &err, NULL);
  is(locate(HP_OS_WINDOWS, both, "d:\\HPC", &err), &err, NULL);
  is(locate(HP_OS_LINUX, both, "/srv/hpc2", &err), &err, ELSEWHERE("/srv/hpc2"));
  is(locate(HP_OS_WINDOWS, both, "C:\\Windows", &err), &err, ELSEWHERE("C:\\Windows"));
  is(locate(HP_OS_LINUX, none, "/srv/hpc", &err), &err, ELSEWHERE("/srv/hpc"));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_allow");
  TCase *rules = tcase_create("rules");
  tcase_add_loop_test(rules, test_limits, 0, (int)(sizeof limits / sizeof limits[0]));
  tcase_add_test(rules, test_unknown_processors);
  tcase_add_test(rules, test_inherit);
  tcase_add_test(rules, test_locations);
  suite_add_tcase(suite, rules);
  return hp_run_suite(suite);
}
