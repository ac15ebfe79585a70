#include "runtime/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "double_containerd.h"
#include "double_host.h"
#include "support.h"

static struct hp_error err;

static void set_up_release(void) {
  set_up();
  err = (struct hp_error)HP_ERROR_INIT;
}

static void tear_down_release(void) {
  hp_error_clear(&err);
  tear_down();
}

/* What a shim leaves that dies after Create. */
static const char *dead_container(const char *id) {
  const char *bundle = make_bundle(id, NULL, NULL);
  static const char *const kinds[] = {"uid", "mount", "cgroup"};
  struct hp_journal *journal = NULL;
  ck_assert_int_eq(hp_journal_open(bundle, &journal, &err), 0);
  for (size_t i = 0; i < 3; i++) {
    json_t *record = json_pack("{s:s,s:s}", "kind", kinds[i], "id", id);
    ck_assert_int_eq(hp_journal_append(journal, record, &err), 0);
    ck_assert_int_eq(host_container_make(NULL, record, &err), 0);
    json_decref(record);
  }
  hp_journal_close(journal);
  return bundle;
}

static void add_member(const char *sandbox_bundle, const char *bundle) {
  struct hp_journal *journal = NULL;
  ck_assert_int_eq(hp_journal_open(sandbox_bundle, &journal, &err), 0);
  json_t *record = json_pack("{s:s,s:s}", "kind", "member", "bundle", bundle);
  ck_assert_int_eq(hp_journal_append(journal, record, &err), 0);
  json_decref(record);
  hp_journal_close(journal);
}

static bool has_journal(const char *bundle) {
  char *path = hp_printf("%s/%s", bundle, HP_JOURNAL_NAME);
  bool there = unit_exists(path);
  free(path);
  return there;
}

START_TEST(releases_in_reverse_and_removes_the_journal) {
  const char *bundle = dead_container("c1");
  bool alive = true;
  double_forget_log();
  ck_assert_int_eq(hp_release_bundle(bundle, &alive, &err), 0);
  ck_assert(!alive);
  ck_assert_str_eq(double_log(), "release c1 cgroup\nrelease c1 mount\nrelease c1 uid\n");
  ck_assert_uint_eq(double_things(), 0);
  ck_assert(!has_journal(bundle));
  ck_assert_int_eq(hp_release_bundle(bundle, &alive, &err), 0); /* and again: nothing to do */
}
END_TEST

START_TEST(goes_on_past_an_error_and_can_be_repeated) {
  const char *bundle = dead_container("c1");
  bool alive = false;
  double_fail_always("release c1 mount");
  double_forget_log();
  ck_assert_int_eq(hp_release_bundle(bundle, &alive, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "mount of the container cannot be released"));
  ck_assert_ptr_nonnull(strstr(err.message, bundle));
  hp_error_clear(&err);
  ck_assert(double_called("release c1 uid"));
  ck_assert(has_journal(bundle));
  ck_assert_uint_eq(double_things(), 1);

  double_fail_always(NULL);
  ck_assert_int_eq(hp_release_bundle(bundle, &alive, &err), 0);
  ck_assert_uint_eq(double_things(), 0);
  ck_assert(!has_journal(bundle));
}
END_TEST

START_TEST(first_error_is_the_one_returned) {
  json_t *records =
      json_pack("[{s:s,s:s},{s:s,s:s}]", "kind", "uid", "id", "c1", "kind", "mount", "id", "c1");
  double_fail_always("release");
  ck_assert_int_eq(hp_release_records(records, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "release c1 mount"));
  json_decref(records);
}
END_TEST

START_TEST(bundle_of_a_living_shim_is_left_alone) {
  const char *bundle = dead_container("c1");
  struct hp_journal *held = NULL;
  ck_assert_int_eq(hp_journal_open(bundle, &held, &err), 0);
  bool alive = false;
  double_forget_log();
  ck_assert_int_eq(hp_release_bundle(bundle, &alive, &err), 0);
  ck_assert(alive);
  ck_assert_str_eq(double_log(), "");
  hp_journal_close(held);
  ck_assert_int_eq(hp_release_bundle(bundle, &alive, &err), 0);
  ck_assert(!alive);
}
END_TEST

START_TEST(sandbox_cleans_up_its_members) {
  const char *sandbox = make_bundle("s1", "sandbox", NULL);
  const char *first = dead_container("c1"), *second = dead_container("c2");
  add_member(sandbox, first);
  add_member(sandbox, second);
  add_member(sandbox, second); /* created twice */
  char *missing = hp_printf("%s/no-such-bundle", directory);
  add_member(sandbox, missing);
  free(missing);
  add_member(sandbox, "relative");
  bool alive = false;
  ck_assert_int_eq(hp_release_bundle(sandbox, &alive, &err), 0);
  ck_assert_uint_eq(double_things(), 0);
  ck_assert(!has_journal(first));
  ck_assert(!has_journal(second));
  ck_assert(!has_journal(sandbox));
}
END_TEST

START_TEST(what_an_absolute_path_is_the_host_says) {
  static const char elsewhere[] = "C:\\c1"; /* here the name of a directory */
  const char *sandbox = make_bundle("s1", "sandbox", NULL), *member = dead_container("c1");
  ck_assert_int_eq(chdir(directory), 0);
  ck_assert_int_eq(rename(member, elsewhere), 0);
  add_member(sandbox, elsewhere);
  bool alive = false;
  ck_assert_int_eq(hp_release_bundle(sandbox, &alive, &err), 0);
  ck_assert_uint_eq(double_things(), 0);
  ck_assert(!has_journal(elsewhere));
  ck_assert_int_eq(rename(elsewhere, member), 0);
  ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(member_never_touches_its_sandbox_or_siblings) {
  const char *sandbox = make_bundle("s1", "sandbox", NULL);
  const char *first = dead_container("c1"), *second = dead_container("c2");
  add_member(sandbox, first);
  add_member(sandbox, second);
  bool alive = false;
  ck_assert_int_eq(hp_release_bundle(first, &alive, &err), 0);
  ck_assert_uint_eq(double_things(), 3);
  ck_assert(has_journal(second));
  ck_assert(has_journal(sandbox));
  ck_assert_int_eq(hp_release_bundle(sandbox, &alive, &err), 0);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(failing_member_does_not_keep_others_from_it) {
  const char *sandbox = make_bundle("s1", "sandbox", NULL);
  add_member(sandbox, dead_container("c1"));
  add_member(sandbox, dead_container("c2"));
  bool alive = false;
  double_fail_always("release c1 cgroup");
  ck_assert_int_eq(hp_release_bundle(sandbox, &alive, &err), -1);
  ck_assert_uint_eq(double_things(), 1);
  ck_assert(has_journal(sandbox));
  hp_error_clear(&err);
  double_fail_always(NULL);
  ck_assert_int_eq(hp_release_bundle(sandbox, &alive, &err), 0);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(two_sandboxes_that_name_each_other_end) {
  const char *first = make_bundle("s1", "sandbox", NULL), *second = make_bundle("s2", "sandbox", NULL);
  add_member(first, second);
  add_member(second, first);
  add_member(first, first);
  bool alive = false;
  ck_assert_int_eq(hp_release_bundle(first, &alive, &err), 0);
  ck_assert(!has_journal(first));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_release");
  TCase *tests = tcase_create("release");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up_release, tear_down_release);
  tcase_add_test(tests, releases_in_reverse_and_removes_the_journal);
  tcase_add_test(tests, goes_on_past_an_error_and_can_be_repeated);
  tcase_add_test(tests, first_error_is_the_one_returned);
  tcase_add_test(tests, bundle_of_a_living_shim_is_left_alone);
  tcase_add_test(tests, sandbox_cleans_up_its_members);
  tcase_add_test(tests, what_an_absolute_path_is_the_host_says);
  tcase_add_test(tests, member_never_touches_its_sandbox_or_siblings);
  tcase_add_test(tests, failing_member_does_not_keep_others_from_it);
  tcase_add_test(tests, two_sandboxes_that_name_each_other_end);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
