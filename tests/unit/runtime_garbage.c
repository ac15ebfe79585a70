#include "runtime/garbage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#if defined(__linux__)
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "double_containerd.h"
#include "double_host.h"
#include "host/host.h"
#include "runtime/journal.h"
#include "support.h"

static struct hp_error err;
static struct hp_strings bundles;
static struct hp_garbage garbage;

static void set_up_garbage(void) {
  set_up();
  double_find(json_array());
  err = (struct hp_error)HP_ERROR_INIT;
  bundles = (struct hp_strings){0};
  garbage = (struct hp_garbage){.bundles = &bundles, .deadline = UINT64_MAX};
}

static void forget_answers(void) {
  json_decref(garbage.items);
  json_decref(garbage.living);
  garbage.items = garbage.living = NULL;
}

static void tear_down_garbage(void) {
  forget_answers();
  hp_strings_clear(&bundles);
  hp_error_clear(&err);
  double_reset();
  tear_down();
}

static json_t *owner_in(const char *id, const char *namespace_name, const char *bundle) {
  return json_pack("{s:s,s:s,s:s,s:s}", "namespace", namespace_name, "id", id, "bundle", bundle, "boot", "b");
}

static json_t *uid_of(const char *id, const char *namespace_name, const char *bundle) {
  return json_pack("{s:s,s:s,s:o,s:i}", "kind", "uid", "id", id, "owner",
                   owner_in(id, namespace_name, bundle), "uid", 1000);
}

static json_t *cgroup_of(const char *id, const char *owner, const char *path) {
  return json_pack("{s:s,s:s,s:s,s:s}", "kind", "cgroup", "id", id, "owner", owner, "path", path);
}

/* A container with a uid and a job; the journal is held by the caller. */
static struct hp_journal *container(const char *id, const char **bundle) {
  struct hp_journal *journal = NULL;
  char *mark = hp_printf("n/%s/77", id), *path = hp_printf("/hostprocess/n/%s", id);
  *bundle = make_bundle(id, NULL, NULL);
  hp_strings_add(&bundles, *bundle);
  json_t *records[] = {uid_of(id, "n", *bundle), cgroup_of(id, mark, path)};
  ck_assert_int_eq(hp_journal_open(*bundle, &journal, &err), 0);
  for (size_t i = 0; i < 2; i++) {
    ck_assert_int_eq(hp_journal_append(journal, records[i], &err), 0);
    ck_assert_int_eq(host_container_make(NULL, records[i], &err), 0);
    json_decref(records[i]);
  }
  free(path);
  free(mark);
  double_forget_log();
  return journal;
}

static const char *dead_container(const char *id) {
  const char *bundle;
  hp_journal_close(container(id, &bundle));
  return bundle;
}

/* "kind name owner status", a line an item. */
static const char *items(void) {
  static char text[4096];
  size_t index, used = 0;
  const json_t *item;
  text[0] = 0;
  json_array_foreach(garbage.items, index, item) {
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *owner = json_string_value(json_object_get(item, "owner"));
    if (strncmp(name, directory, strlen(directory)) == 0)
      name += strlen(directory) + 1;
    used += (size_t)snprintf(text + used, sizeof text - used, "%s %s %s %s\n",
                             json_string_value(json_object_get(item, "kind")), name, owner ? owner : "-",
                             json_string_value(json_object_get(item, "status")));
  }
  return text;
}

static bool has_journal(const char *bundle) {
  char *path = hp_printf("%s/%s", bundle, HP_JOURNAL_NAME);
  bool there = unit_exists(path);
  free(path);
  return there;
}

static void collect(void) {
  forget_answers();
  ck_assert_msg(hp_garbage_collect(&garbage, &err) == 0, "%s", err.message);
}

START_TEST(nothing_is_found_where_nothing_is) {
  hp_strings_add(&bundles, "/no/such/bundle");
  hp_strings_add(&bundles, make_bundle("fresh", NULL, NULL));
  collect();
  ck_assert_str_eq(items(), "");
  ck_assert_uint_eq(json_array_size(garbage.living), 0);
}
END_TEST

START_TEST(a_dead_bundle_is_released_once) {
  const char *bundle = dead_container("c1");
  /* The host knows of the same things. */
  double_find(json_pack("[o,o]", uid_of("c1", "n", bundle), cgroup_of("c1", "n/c1/77", "/hostprocess/n/c1")));
  collect();
  ck_assert_str_eq(items(), "bundle c1 n/c1 removed\n");
  ck_assert_str_eq(double_log(), "release c1 cgroup\nrelease c1 uid\n");
  ck_assert(!has_journal(bundle));
  double_find(json_array());
  collect();
  ck_assert_str_eq(items(), "");
}
END_TEST

START_TEST(a_dry_run_changes_nothing) {
  const char *bundle = dead_container("c1");
  double_find(json_pack("[o,o]", cgroup_of("c1", "n/c1/77", "/hostprocess/n/c1"),
                        cgroup_of("c2", "n/c2/78", "/hostprocess/n/c2")));
  garbage.dry_run = true;
  collect();
  ck_assert_str_eq(items(), "bundle c1 n/c1 found\ncgroup /hostprocess/n/c2 n/c2 found\n");
  ck_assert_str_eq(double_log(), "");
  ck_assert(has_journal(bundle));
  garbage.dry_run = false;
  collect();
  ck_assert_str_eq(items(), "bundle c1 n/c1 removed\ncgroup /hostprocess/n/c2 n/c2 removed\n");
}
END_TEST

START_TEST(what_a_living_shim_holds_is_not_touched) {
  const char *bundle;
  struct hp_journal *journal = container("c1", &bundle);
  double_find(
      json_pack("[o,o,o,o]", uid_of("c1", "n", bundle), cgroup_of("c1", "n/c1/77", "/hostprocess/n/c1"),
                /* of the same path, and of the same owner */
                cgroup_of("c1", "n/c1/78", "/hostprocess/n/c1"), cgroup_of("c1", "n/c1/77", "/kubepods/c1")));
  collect();
  ck_assert_str_eq(items(), "");
  ck_assert_str_eq(double_log(), "");
  ck_assert_uint_eq(json_array_size(garbage.living), 1);
  ck_assert_str_eq(json_string_value(json_array_get(garbage.living, 0)), bundle);
  ck_assert_int_eq(hp_journal_remove(journal, &err), 0);
  collect();
  ck_assert_int_eq((int)json_array_size(garbage.items), 4);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

#if defined(__linux__)
START_TEST(nor_where_its_bundle_is_gone) {
  const char *bundle;
  struct hp_journal *journal = container("c1", &bundle);
  char *path = hp_printf("%s/%s", bundle, HP_JOURNAL_NAME);
  unit_remove(path);
  free(path);
  double_find(json_pack("[o,o]", uid_of("c1", "n", bundle), cgroup_of("c2", "n/c2/78", "/hostprocess/n/c2")));
  collect();
  ck_assert_str_eq(items(), "cgroup /hostprocess/n/c2 n/c2 removed\n");
  hp_journal_close(journal);
  collect();
  ck_assert_ptr_nonnull(strstr(items(), "uid 1000 n/c1 removed\n"));
  struct hp_error ignored = HP_ERROR_INIT;
  json_t *job = cgroup_of("c1", "n/c1/77", "/hostprocess/n/c1");
  ck_assert_int_eq(host_release(job, &ignored), 0);
  json_decref(job);
}
END_TEST

/* Without the rights to look into it, a process of our name may hold anything. */
START_TEST(what_cannot_be_seen_may_live) {
  if (geteuid() != 0) {
    printf("skipped: only root has processes that others cannot look into\n");
    return;
  }
  pid_t shim = fork();
  if (shim == 0) {
    prctl(PR_SET_NAME, "containerd-shim");
    for (;;)
      pause();
  }
  char path[32], name[32] = "";
  snprintf(path, sizeof path, "/proc/%d/comm", (int)shim);
  while (strcmp(name, "containerd-shim\n") != 0) {
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    if (!fgets(name, sizeof name, file))
      name[0] = 0;
    fclose(file);
  }
  pid_t stranger = fork();
  if (stranger == 0) {
    struct hp_strings held = {0};
    json_t *records = json_array();
    if (setgid(65534) != 0 || setuid(65534) != 0)
      _exit(2);
    int result = hp_journals_held(&bundles, records, &held, &err);
    _exit(result != 0 && err.code == HP_FAILED_PRECONDITION && strstr(err.message, "run as root") ? 0 : 1);
  }
  int status;
  ck_assert_int_eq(waitpid(stranger, &status, 0), stranger);
  kill(shim, SIGKILL);
  waitpid(shim, NULL, 0);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST
#endif

START_TEST(bundles_that_only_the_host_knows) {
  const char *bundle = dead_container("c1");
  hp_strings_clear(&bundles);
  double_find(json_pack("[o]", uid_of("c1", "n", bundle)));
  collect();
  ck_assert_str_eq(items(), "bundle c1 n/c1 removed\n");
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

#if defined(_WIN32)
/* containerd's spelling, which the ledger has, and that of --state. */
START_TEST(a_bundle_in_two_spellings_is_one) {
  const char *bundle = dead_container("c1");
  hp_strings_clear(&bundles);
  hp_strings_take(&bundles, hp_printf("%s\\C1", directory));
  ck_assert_str_ne(bundles.items[0], bundle);
  double_find(json_pack("[o]", uid_of("c1", "n", bundle)));
  garbage.dry_run = true; /* or the second would find nothing */
  collect();
  ck_assert_str_eq(items(), "bundle C1 n/c1 found\n");
}
END_TEST
#endif

START_TEST(another_namespace_is_left_alone) {
  const char *bundle = dead_container("c1");
  double_find(json_pack("[o,o,o,{s:s,s:s}]", cgroup_of("c2", "n/c2/78", "/hostprocess/n/c2"),
                        cgroup_of("c3", "other/c3/79", "/hostprocess/other/c3"),
                        uid_of("c4", "other", "/nowhere"), "kind", "volume", "path", "/hpc/x"));
  garbage.namespace_name = "other";
  collect();
  ck_assert_str_eq(items(), "uid 1000 other/c4 removed\ncgroup /hostprocess/other/c3 other/c3 removed\n");
  ck_assert(has_journal(bundle));
  garbage.namespace_name = NULL;
  double_find(json_pack("[{s:s,s:s}]", "kind", "volume", "path", "/hpc/x"));
  collect();
  ck_assert_str_eq(items(), "bundle c1 n/c1 removed\nvolume /hpc/x - removed\n");
}
END_TEST

START_TEST(what_fails_is_said_and_the_rest_goes_on) {
  const char *bundle = dead_container("c1");
  double_find(json_pack("[o]", uid_of("c2", "n", "/nowhere")));
  double_fail_always("release");
  collect();
  ck_assert_str_eq(items(), "bundle c1 n/c1 failed\nuid 1000 n/c2 failed\n");
  const char *why = json_string_value(json_object_get(json_array_get(garbage.items, 0), "error"));
  ck_assert_ptr_nonnull(strstr(why, bundle));
  double_fail_always(NULL);
  collect();
  ck_assert_str_eq(items(), "bundle c1 n/c1 removed\nuid 1000 n/c2 removed\n");
}
END_TEST

START_TEST(past_the_deadline_nothing_is_begun) {
  const char *bundle = dead_container("c1");
  double_find(json_pack("[o]", uid_of("c2", "n", "/nowhere")));
  garbage.deadline = uv_hrtime();
  collect();
  ck_assert_str_eq(items(), "bundle c1 n/c1 failed\nuid 1000 n/c2 failed\n");
  ck_assert_str_eq(double_log(), "");
  ck_assert(has_journal(bundle));
  garbage.deadline = UINT64_MAX;
  collect();
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(without_the_hosts_word_nothing_is_done) {
  const char *bundle = dead_container("c1");
  double_find(NULL);
  ck_assert_int_eq(hp_garbage_collect(&garbage, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "the ledger cannot be read"));
  hp_error_clear(&err);
  ck_assert(has_journal(bundle));
  double_find(json_array());
  collect();
}
END_TEST

START_TEST(mount_points_have_a_name) {
  json_t *points =
      json_pack("{s:s,s:s,s:o,s:[{s:s},{s:s},{s:s}]}", "kind", "mount-points", "id", "c1", "owner",
                owner_in("c1", "n", "/nowhere"), "points", "path", "/a", "path", "/a/b", "path", "/c");
  double_find(json_pack("[o]", points));
  collect();
  ck_assert_str_eq(items(), "mount-points /a and 2 more n/c1 removed\n");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_garbage");
  TCase *tests = tcase_create("garbage");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up_garbage, tear_down_garbage);
  tcase_add_test(tests, nothing_is_found_where_nothing_is);
  tcase_add_test(tests, a_dead_bundle_is_released_once);
  tcase_add_test(tests, a_dry_run_changes_nothing);
  tcase_add_test(tests, what_a_living_shim_holds_is_not_touched);
#if defined(__linux__)
  tcase_add_test(tests, nor_where_its_bundle_is_gone);
  tcase_add_test(tests, what_cannot_be_seen_may_live);
#endif
  tcase_add_test(tests, bundles_that_only_the_host_knows);
#if defined(_WIN32)
  tcase_add_test(tests, a_bundle_in_two_spellings_is_one);
#endif
  tcase_add_test(tests, another_namespace_is_left_alone);
  tcase_add_test(tests, what_fails_is_said_and_the_rest_goes_on);
  tcase_add_test(tests, past_the_deadline_nothing_is_begun);
  tcase_add_test(tests, without_the_hosts_word_nothing_is_done);
  tcase_add_test(tests, mount_points_have_a_name);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
