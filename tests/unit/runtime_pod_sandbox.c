/* A podsandbox pod: a sandbox without a process, and its members. */
#include <string.h>

#include "double_containerd.h"
#include "double_host.h"
#include "runtime/journal.h"
#include "support.h"

static const char *sandbox_bundle;

static void set_up_sandbox(void) {
  set_up();
  sandbox_bundle = make_bundle("s1", "sandbox", NULL);
  ck_assert_int_eq(create_in("s1", sandbox_bundle), HP_OK);
}

static enum hp_code create_member(const char *id) {
  return create_in(id, make_bundle(id, "container", "s1"));
}

START_TEST(life_of_a_sandbox) {
  struct answer answer, wait, deleted;
  uint32_t own = (uint32_t)uv_os_getpid();
  ck_assert_int_eq(status_of("s1", NULL), HP_CREATED);
  ck_assert_uint_eq(pid_of("s1", NULL), own);
  send_start("s1", NULL, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_uint_eq(answer.pid, own);
  ck_assert_int_eq(status_of("s1", NULL), HP_RUNNING);
  ck_assert_int_eq(start("s1", NULL), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(delete ("s1", NULL), HP_FAILED_PRECONDITION);
  send_pids("s1", &answer);
  ck_assert(answer.there);
  ck_assert_uint_eq(answer.count, 1);
  ck_assert_uint_eq(answer.pids[0].pid, own);
  send_stats("s1", &answer);
  ck_assert(answer.there);
  ck_assert_int_eq(answer.code, HP_OK);
  ck_assert_uint_eq(answer.count, 0);
  ck_assert_int_eq(add_exec("s1", "e1"), HP_FAILED_PRECONDITION);
  send_pause("s1", true, &answer);
  ck_assert_int_eq(receive(&answer), HP_FAILED_PRECONDITION);
  send_update("s1", 1, 0, &answer);
  ck_assert_int_eq(receive(&answer), HP_FAILED_PRECONDITION);

  send_wait("s1", NULL, &wait);
  ck_assert_int_eq(kill_with("s1", NULL, 9), HP_OK);
  ck_assert_int_eq(receive(&wait), HP_OK);
  ck_assert_uint_eq(wait.exited.status, 137);
  ck_assert_int_eq(kill_with("s1", NULL, 9), HP_NOT_FOUND);
  send_delete("s1", NULL, &deleted);
  ck_assert_int_eq(receive(&deleted), HP_OK);
  ck_assert_uint_eq(deleted.exited.pid, own);
  ck_assert_str_eq(events(), "create s1\nstart s1\nexit s1 status=137\ndelete s1 status=137\n");
  ck_assert_str_eq(double_log(), ""); /* the host never heard of it */
  ck_assert(hp_pod_empty(pod));
}
END_TEST

START_TEST(journal_names_the_members) {
  ck_assert_int_eq(create_member("c1"), HP_OK);
  ck_assert_int_eq(create_member("c2"), HP_OK);
  json_t *records = NULL;
  bool alive = false;
  char *damage = NULL;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_journal_read(sandbox_bundle, &records, &alive, &damage, &err), 0);
  ck_assert(alive);
  ck_assert_uint_eq(json_array_size(records), 2);
  const json_t *record = json_array_get(records, 1);
  ck_assert_str_eq(json_string_value(json_object_get(record, "kind")), "member");
  char *bundle = hp_printf("%s/c2", directory);
  ck_assert_str_eq(json_string_value(json_object_get(record, "bundle")), bundle);
  free(bundle);
  json_decref(records);

  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_int_eq(delete ("c2", NULL), HP_OK);
  ck_assert_int_eq(delete ("s1", NULL), HP_OK);
}
END_TEST

START_TEST(members_and_sandbox_end_apart) {
  ck_assert_int_eq(create_member("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  ck_assert_int_eq(kill_with("s1", NULL, 9), HP_OK);
  ck_assert_int_eq(delete ("s1", NULL), HP_OK);
  ck_assert_int_eq(status_of("c1", NULL), HP_RUNNING);
  ck_assert_uint_eq(double_things(), 3);
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(member_under_way_while_the_sandbox_is_deleted) {
  struct answer created, deleted;
  const char *bundle = make_bundle("c1", "container", "s1");
  double_hold("plan c1");
  send_create("c1", bundle, &created);
  run_until_held();
  send_delete("s1", NULL, &deleted);
  ck_assert_int_eq(receive(&deleted), HP_OK);
  double_let_go();
  ck_assert_int_eq(receive(&created), HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(created.message, "sandbox \"s1\" is deleted"));
  ck_assert_uint_eq(double_things(), 0);
  ck_assert(hp_pod_empty(pod));
}
END_TEST

START_TEST(member_whose_sandbox_is_elsewhere) {
  ck_assert_int_eq(create_in("c1", make_bundle("c1", "container", "another")), HP_OK);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_int_eq(delete ("s1", NULL), HP_OK);
}
END_TEST

START_TEST(sandbox_that_nobody_started) {
  struct answer wait;
  send_wait("s1", NULL, &wait);
  ck_assert_int_eq(kill_with("s1", NULL, 15), HP_OK);
  ck_assert_int_eq(receive(&wait), HP_OK);
  ck_assert_uint_eq(wait.exited.status, 143);
  ck_assert_int_eq(delete ("s1", NULL), HP_OK);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_pod_sandbox");
  TCase *tests = tcase_create("sandbox");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up_sandbox, tear_down);
  tcase_add_test(tests, life_of_a_sandbox);
  tcase_add_test(tests, journal_names_the_members);
  tcase_add_test(tests, members_and_sandbox_end_apart);
  tcase_add_test(tests, member_under_way_while_the_sandbox_is_deleted);
  tcase_add_test(tests, member_whose_sandbox_is_elsewhere);
  tcase_add_test(tests, sandbox_that_nobody_started);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
