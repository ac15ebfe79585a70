#include "host/owner.h"

#include <grp.h>
#include <signal.h>
#include <sys/wait.h>

#include "host/ledger.h"
#include "host/linux/container.h"
#include "support.h"
#include "throwaway_host.h"

static struct hp_error err;
static struct hp_policy policy;
static struct hp_container_spec spec;
static struct hp_verdict verdict;
static struct host_container container;
static json_t *records;

static void append_file(const char *path, const char *text) {
  FILE *file = fopen(path, "ae");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_ge(fputs(text, file), 0);
  ck_assert_int_eq(fclose(file), 0);
}

static void enter(void) {
  throwaway_host_enter();
  policy = (struct hp_policy){.local_service_uid = 65534,
                              .network_service_uid = 65533,
                              .ephemeral_first = 1900000000,
                              .ephemeral_last = 1900000009};
  append_file("/etc/group", "hpc-group:x:4242:\nhpc-more:x:4243:hpc-user\n");
  append_file("/etc/passwd",
              "hpc-user:x:1900000002:4242::/:/bin/false\nhpc-plain:x:4300:4301::/:/bin/false\n");
  records = json_array();
}

static void clear(void) {
  free(container.groups);
  container = (struct host_container){0};
  json_decref(records);
  records = json_array();
}

static void leave(void) {
  clear();
  json_decref(records);
  hp_error_clear(&err);
}

static int plan_for(const char *id) {
  struct host_container_request request = {.namespace_name = "ns",
                                           .id = id,
                                           .bundle = "/scratch",
                                           .spec = &spec,
                                           .verdict = &verdict,
                                           .policy = &policy};
  return hp_identity_plan(&container, &request, records, &err);
}

static int plan_named(const char *id, const char *domain, const char *name) {
  verdict.account = (struct hp_account){
      .kind = HP_ACCOUNT_NAMED, .domain = (char *)(uintptr_t)domain, .name = (char *)(uintptr_t)name};
  return plan_for(id);
}

static int make(void) {
  bool known = false;
  int result = hp_identity_make(&container, json_array_get(records, 0), &known, &err);
  ck_assert(known);
  return result;
}

static uid_t fresh(const char *id) {
  clear();
  ck_assert_msg(plan_named(id, NULL, "hpc-group") == 0, "%s", err.message ? err.message : "");
  ck_assert_uint_eq(json_array_size(records), 1);
  ck_assert_msg(make() == 0, "%s", err.message ? err.message : "");
  return container.uid;
}

static void release(const char *id) {
  json_t *owner = NULL;
  ck_assert_int_eq(hp_ledger_owner("ns", id, "/scratch", &owner, &err), 0);
  json_t *record = json_pack("{s:s, s:o}", "kind", "uid", "owner", owner);
  bool known = false;
  ck_assert_int_eq(hp_identity_release(record, &known, &err), 0);
  ck_assert(known);
  json_decref(record);
}

START_TEST(fixed_accounts) {
  static const struct {
    enum hp_account_kind kind;
    uid_t uid;
    bool inherit;
  } cases[] = {{HP_ACCOUNT_SYSTEM, 0, false},
               {HP_ACCOUNT_LOCAL_SERVICE, 65534, false},
               {HP_ACCOUNT_NETWORK_SERVICE, 65533, false},
               {HP_ACCOUNT_INHERIT, 0, true}};
  container.uid = 77;
  verdict.account = (struct hp_account){.kind = cases[_i].kind};
  ck_assert_int_eq(plan_for("c"), 0);
  ck_assert_uint_eq(container.uid, cases[_i].uid);
  ck_assert_uint_eq(container.gid, cases[_i].uid);
  ck_assert_uint_eq(container.group_count, 0);
  ck_assert_int_eq(container.inherit, cases[_i].inherit);
  ck_assert_uint_eq(json_array_size(records), 0);
}
END_TEST

START_TEST(numbers_of_the_spec) {
  uint32_t groups[] = {7, 8};
  spec.process = (struct hp_process_spec){
      .uid = 1000, .gid = 1001, .additional_gids = groups, .additional_gid_count = 2};
  verdict.account = (struct hp_account){.kind = HP_ACCOUNT_NUMERIC};
  ck_assert_int_eq(plan_for("c"), 0);
  ck_assert_uint_eq(container.uid, 1000);
  ck_assert_uint_eq(container.gid, 1001);
  ck_assert_uint_eq(container.group_count, 2);
  ck_assert_uint_eq(container.groups[1], 8);
}
END_TEST

START_TEST(a_group_gets_a_fresh_uid) {
  static const char *const domains[] = {NULL, ".", "builtin", ""};
  ck_assert_int_eq(plan_named("c", domains[_i], "hpc-group"), 0);
  ck_assert_uint_eq(json_array_size(records), 1);
  ck_assert(!exists("/scratch/state")); /* planned, not made */
  ck_assert_int_eq(make(), 0);
  ck_assert_uint_ge(container.uid, 1900000000);
  ck_assert_uint_le(container.uid, 1900000009);
  ck_assert_uint_eq(container.gid, 4242);
  ck_assert_uint_eq(container.group_count, 1);
  ck_assert_uint_eq(container.groups[0], 4242);
}
END_TEST

START_TEST(groups_are_looked_up_each_time) {
  ck_assert_int_eq(plan_named("c", NULL, "hpc-late"), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "runAsUserName \"hpc-late\""));
  append_file("/etc/group", "hpc-late:x:4250:\n");
  ck_assert_int_eq(plan_named("c", NULL, "hpc-late"), 0);
  ck_assert_uint_eq(container.gid, 4250);
}
END_TEST

START_TEST(an_existing_user_is_itself) {
  ck_assert_int_eq(plan_named("c", NULL, "hpc-user"), 0);
  ck_assert_uint_eq(json_array_size(records), 0);
  ck_assert_uint_eq(container.uid, 1900000002);
  ck_assert_uint_eq(container.gid, 4242);
  ck_assert_uint_eq(container.group_count, 2);
  gid_t other = container.groups[0] == 4242 ? container.groups[1] : container.groups[0];
  ck_assert_uint_eq(other, 4243);
}
END_TEST

START_TEST(many_groups) {
  for (int i = 0; i < 100; i++) {
    char line[64];
    snprintf(line, sizeof line, "hpc-g%d:x:%d:hpc-plain\n", i, 5000 + i);
    append_file("/etc/group", line);
  }
  ck_assert_int_eq(plan_named("c", NULL, "hpc-plain"), 0);
  ck_assert_uint_eq(container.group_count, 101);
}
END_TEST

START_TEST(big_groups) {
  FILE *file = fopen("/etc/group", "ae");
  fputs("hpc-big:x:4260:", file);
  for (int i = 0; i < 3000; i++)
    fprintf(file, "%smember%d", i ? "," : "", i);
  fputs("\n", file);
  fclose(file);
  ck_assert_int_eq(plan_named("c", NULL, "hpc-big"), 0);
  ck_assert_uint_eq(container.gid, 4260);
}
END_TEST

START_TEST(domains_are_for_windows) {
  ck_assert_int_eq(plan_named("c", "CORP", "hpc-group"), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "CORP\\hpc-group"));
  char host[256] = "";
  ck_assert_int_eq(gethostname(host, sizeof host - 1), 0);
  ck_assert_int_eq(plan_named("c", host, "hpc-group"), 0);
}
END_TEST

START_TEST(uids_are_used_once) {
  uid_t used[9];
  char id[16];
  for (int i = 0; i < 9; i++) { /* ten in the range, one of which is hpc-user's */
    snprintf(id, sizeof id, "c%d", i);
    used[i] = fresh(id);
    ck_assert_uint_ne(used[i], 1900000002);
    for (int j = 0; j < i; j++)
      ck_assert_uint_ne(used[i], used[j]);
  }
  clear();
  ck_assert_int_eq(plan_named("one too many", NULL, "hpc-group"), 0);
  ck_assert_int_eq(make(), -1);
  ck_assert_int_eq(err.code, HP_RESOURCE_EXHAUSTED);
  ck_assert_ptr_nonnull(strstr(err.message, "linux.ephemeralIds"));
  release("c4");
  release("c4");
  ck_assert_uint_eq(fresh("again"), used[4]);
}
END_TEST

START_TEST(one_given_back_is_the_last_to_be_used_again) {
  uid_t first = fresh("a");
  release("a");
  uid_t second = fresh("b");
  ck_assert_uint_ne(first, second);
  release("b");
  ck_assert_uint_ne(fresh("c"), second);
}
END_TEST

START_TEST(running_processes_keep_their_uid) {
  policy.ephemeral_first = 1900000005;
  policy.ephemeral_last = 1900000006;
  int ready[2];
  ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
  pid_t pid = fork();
  if (pid == 0) {
    /* The real uid alone: an owner of /proc/PID would not show it. */
    if (setresuid(1900000005, 0, 0) != 0 || write(ready[1], "x", 1) != 1)
      _exit(1);
    for (;;)
      pause();
  }
  char byte;
  ck_assert_int_eq(read(ready[0], &byte, 1), 1);
  ck_assert_uint_eq(fresh("a"), 1900000006);
  clear();
  ck_assert_int_eq(plan_named("b", NULL, "hpc-group"), 0);
  ck_assert_int_eq(make(), -1);
  ck_assert_int_eq(kill(pid, SIGKILL), 0);
  ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
  ck_assert_uint_eq(fresh("b"), 1900000005);
  close(ready[0]);
  close(ready[1]);
}
END_TEST

START_TEST(concurrent_processes_never_share_one) {
  enum { SHIMS = 8, EACH = 4 };
  policy.ephemeral_last = policy.ephemeral_first + 99;
  pid_t pids[SHIMS];
  for (int i = 0; i < SHIMS; i++) {
    pids[i] = fork();
    ck_assert_int_ge(pids[i], 0);
    if (pids[i] != 0)
      continue;
    int failed = 0;
    for (int j = 0; j < EACH; j++) {
      char id[32];
      bool known;
      snprintf(id, sizeof id, "s%d-%d", i, j);
      clear();
      failed |= plan_named(id, NULL, "hpc-group") != 0 ||
                hp_identity_make(&container, json_array_get(records, 0), &known, &err) != 0;
    }
    _exit(failed);
  }
  for (int i = 0; i < SHIMS; i++) {
    int status = -1;
    ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
    ck_assert_int_eq(status, 0);
  }
  bool seen[100] = {false};
  json_t *claims = NULL, *claim;
  size_t index;
  ck_assert_int_eq(hp_ledger_read(&claims, &err), 0);
  ck_assert_uint_eq(json_array_size(claims), SHIMS * EACH);
  json_array_foreach(claims, index, claim) {
    json_int_t at = json_integer_value(json_object_get(claim, "uid")) - 1900000000;
    ck_assert(at >= 0 && at < 100 && !seen[at]);
    seen[at] = true;
  }
  json_decref(claims);
}
END_TEST

START_TEST(bad_ranges_and_records_are_refused) {
  policy.ephemeral_first = 10;
  policy.ephemeral_last = 9;
  ck_assert_int_eq(plan_named("c", NULL, "hpc-group"), 0);
  ck_assert_int_eq(make(), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  clear();
  policy.ephemeral_first = 0;
  ck_assert_int_eq(plan_named("c", NULL, "hpc-group"), 0);
  ck_assert_int_eq(make(), -1); /* root is never ephemeral */
  json_t *record = json_pack("{s:s}", "kind", "uid");
  bool known = false;
  ck_assert_int_eq(hp_identity_release(record, &known, &err), -1);
  ck_assert(known);
  json_object_set_new(record, "kind", json_string("other"));
  ck_assert_int_eq(hp_identity_release(record, &known, &err), 0);
  ck_assert(!known);
  json_decref(record);
}
END_TEST

int main(void) {
  const char *missing = throwaway_host_missing();
  if (missing) {
    printf("skipped: %s\n", missing);
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create("host/linux/identity");
  TCase *identity = tcase_create("identity");
  tcase_add_checked_fixture(identity, enter, leave);
  tcase_set_timeout(identity, 60);
  tcase_add_loop_test(identity, fixed_accounts, 0, 4);
  tcase_add_test(identity, numbers_of_the_spec);
  tcase_add_loop_test(identity, a_group_gets_a_fresh_uid, 0, 4);
  tcase_add_test(identity, groups_are_looked_up_each_time);
  tcase_add_test(identity, an_existing_user_is_itself);
  tcase_add_test(identity, many_groups);
  tcase_add_test(identity, big_groups);
  tcase_add_test(identity, domains_are_for_windows);
  tcase_add_test(identity, uids_are_used_once);
  tcase_add_test(identity, one_given_back_is_the_last_to_be_used_again);
  tcase_add_test(identity, running_processes_keep_their_uid);
  tcase_add_test(identity, concurrent_processes_never_share_one);
  tcase_add_test(identity, bad_ranges_and_records_are_refused);
  suite_add_tcase(suite, identity);
  return hp_run_suite(suite);
}
