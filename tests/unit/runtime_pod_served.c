/* A pod whose sandbox the Sandbox service makes. */
#include <string.h>

#include "double_containerd.h"
#include "double_host.h"
#include "log_lines.h"
#include "runtime/journal.h"
#include "support.h"

static const char *sandbox_bundle;

static void note_created(void *arg, uint32_t pid, const struct hp_error *err) {
  struct answer *answer = arg;
  answer->there = true;
  answer->times++;
  answer->pid = pid;
  answer->code = err ? err->code : HP_OK;
  snprintf(answer->message, sizeof answer->message, "%s", err ? err->message : "");
}

static void note_done(void *arg, const struct hp_error *err) {
  note_created(arg, 0, err);
}

static void send_create_sandbox(const char *id, const char *bundle, enum hp_tristate kind,
                                struct answer *answer) {
  struct hp_container_spec spec = {.role = HP_ROLE_SANDBOX, .hostprocess = kind};
  spec.rootfs_location = hp_strdup(hp_os_here() == HP_OS_WINDOWS ? "C:\\opt" : "/opt/hpc");
  *answer = (struct answer){0};
  hp_pod_create(pod, &(struct hp_create_request){.id = id, .bundle = bundle, .sandbox = &spec}, note_created,
                answer);
  ck_assert_ptr_null(spec.rootfs_location); /* taken, whatever comes of it */
}

static enum hp_code create_sandbox(const char *id, const char *bundle, enum hp_tristate kind) {
  struct answer answer;
  send_create_sandbox(id, bundle, kind, &answer);
  return receive(&answer);
}

static enum hp_code start_sandbox(const char *id) {
  struct hp_error err = HP_ERROR_INIT;
  hp_pod_sandbox_start(pod, id, &err);
  enum hp_code code = err.code;
  hp_error_clear(&err);
  return code;
}

static enum hp_code stop_sandbox(const char *id) {
  struct answer answer = {0};
  hp_pod_sandbox_stop(pod, id, 0, note_done, &answer);
  return receive(&answer);
}

static enum hp_code remove_sandbox(const char *id) {
  struct answer answer = {0};
  hp_pod_sandbox_remove(pod, id, note_done, &answer);
  return receive(&answer);
}

static struct hp_sandbox_state state_of(const char *id) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_sandbox_state state;
  ck_assert_int_eq(hp_pod_sandbox_state(pod, id, &state, &err), 0);
  return state;
}

static enum hp_code create_member(const char *id) {
  return create_in(id, make_bundle(id, "container", "s1"));
}

/* containerd writes no config.json for such a sandbox. */
static void set_up_pod(void) {
  set_up();
  sandbox_bundle = make_bundle("s1", NULL, NULL);
  char *config = hp_printf("%s/config.json", sandbox_bundle);
  unit_remove(config);
  free(config);
}

static void set_up_sandbox(void) {
  set_up_pod();
  ck_assert_int_eq(create_sandbox("s1", sandbox_bundle, HP_TRUE), HP_OK);
}

START_TEST(life_of_a_sandbox) {
  struct answer wait, answer;
  uint32_t own = (uint32_t)uv_os_getpid();
  struct hp_sandbox_state state = state_of("s1");
  ck_assert(!state.ready);
  ck_assert_uint_eq(state.pid, own);
  ck_assert_int_gt(state.created.seconds, 0);
  ck_assert_int_eq(state.exited.seconds, 0);
  ck_assert_int_eq(start_sandbox("s1"), HP_OK);
  ck_assert(state_of("s1").ready);
  ck_assert_int_eq(start_sandbox("s1"), HP_FAILED_PRECONDITION);

  /* What a containerd that has come back asks, with the sandbox's id. */
  ck_assert_int_eq(status_of("s1", NULL), HP_RUNNING);
  send_pids("s1", &answer);
  ck_assert_uint_eq(answer.count, 1);
  ck_assert_uint_eq(answer.pids[0].pid, own);
  send_stats("s1", &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_uint_eq(answer.count, 2); /* the whole pod's */

  send_wait("s1", NULL, &wait);
  ck_assert(!wait.there);
  ck_assert_int_eq(stop_sandbox("s1"), HP_OK);
  ck_assert(wait.there);
  ck_assert_uint_eq(wait.exited.status, 0);
  ck_assert(!state_of("s1").ready);
  ck_assert_int_gt(state_of("s1").exited.seconds, 0);
  ck_assert_int_eq(stop_sandbox("s1"), HP_OK);
  ck_assert_int_eq(start_sandbox("s1"), HP_FAILED_PRECONDITION);

  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  run_a_while();
  ck_assert(hp_pod_empty(pod));
  ck_assert_str_eq(events(), ""); /* no task */
  ck_assert_str_eq(double_log(), "");
}
END_TEST

START_TEST(what_the_log_says) {
  log_lines_begin(HP_LOG_INFO);
  ck_assert_int_eq(create_sandbox("s1", sandbox_bundle, HP_TRUE), HP_OK);
  ck_assert_int_eq(start_sandbox("s1"), HP_OK);
  ck_assert_int_eq(stop_sandbox("s1"), HP_OK);
  ck_assert_int_eq(stop_sandbox("s1"), HP_OK);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  log_lines_are("level=info msg=created id=s1\n"
                "level=info msg=\"started: a sandbox has no process\" id=s1\n"
                "level=info msg=stopped id=s1\n"
                "level=info msg=deleted id=s1\n");
  log_lines_end();
}
END_TEST

START_TEST(one_sandbox_to_a_shim) {
  ck_assert_int_eq(create_sandbox("s1", sandbox_bundle, HP_TRUE), HP_ALREADY_EXISTS);
  ck_assert_int_eq(create_sandbox("s2", ".", HP_TRUE), HP_ALREADY_EXISTS);
  ck_assert_int_eq(start_sandbox("s2"), HP_NOT_FOUND);
  ck_assert_int_eq(stop_sandbox("s2"), HP_NOT_FOUND);
  ck_assert_int_eq(remove_sandbox("s2"), HP_NOT_FOUND);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
}
END_TEST

START_TEST(nothing_before_create) {
  struct hp_sandbox_state state;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(start_sandbox("s1"), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(stop_sandbox("s1"), HP_NOT_FOUND);
  ck_assert_int_eq(hp_pod_sandbox_state(pod, "s1", &state, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  hp_error_clear(&err);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK); /* containerd's after a Create that failed */
}
END_TEST

START_TEST(a_refused_sandbox_leaves_nothing) {
  struct answer answer;
  send_create_sandbox("s1", sandbox_bundle, HP_FALSE, &answer);
  ck_assert_int_eq(start_sandbox("s1"), HP_FAILED_PRECONDITION); /* of one under way */
  ck_assert_int_eq(receive(&answer), HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(answer.message, "this shim runs HostProcess containers only"));
  ck_assert_int_eq(start_sandbox("s1"), HP_FAILED_PRECONDITION);
  char *journal = hp_printf("%s/" HP_JOURNAL_NAME, sandbox_bundle);
  ck_assert(!unit_exists(journal));
  free(journal);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  run_a_while();
  ck_assert(hp_pod_empty(pod));
}
END_TEST

START_TEST(a_bundle_that_is_not_there) {
  char *bundle = hp_printf("%s/none", directory);
  ck_assert_int_eq(create_sandbox("s1", bundle, HP_TRUE), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(create_sandbox("s1", "relative", HP_TRUE), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(create_sandbox("not an id", sandbox_bundle, HP_TRUE), HP_INVALID_ARGUMENT);
  free(bundle);
}
END_TEST

static void assert_members_in_the_journal(size_t count) {
  json_t *records = NULL;
  bool alive = false;
  char *damage = NULL;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_journal_read(sandbox_bundle, &records, &alive, &damage, &err), 0);
  ck_assert(alive);
  ck_assert_uint_eq(json_array_size(records), count);
  json_decref(records);
}

/* Whatever their config.json says, for this shim has but one pod. */
START_TEST(every_container_is_a_member) {
  ck_assert_int_eq(start_sandbox("s1"), HP_OK);
  ck_assert_int_eq(create_member("c1"), HP_OK);
  ck_assert_int_eq(create("c2"), HP_OK);
  ck_assert_int_eq(create_in("c3", make_bundle("c3", "container", "another")), HP_OK);
  assert_members_in_the_journal(3);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(members_of_another_kind_are_refused) {
  struct answer answer;
  const char *bundle = make_bundle("c1", "container", "s1");
  char *config = hp_printf("%s/config.json", bundle);
  static const char text[] = "{\"process\":{\"args\":[\"x\"]}}";
  unit_write(config, text, sizeof text - 1);
  free(config);
  send_create("c1", bundle, &answer);
  ck_assert_int_eq(receive(&answer), HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(answer.message, "is absent on the container and true on its pod's sandbox"));
}
END_TEST

START_TEST(stop_ends_the_members_first) {
  struct answer sandbox, member;
  ck_assert_int_eq(start_sandbox("s1"), HP_OK);
  ck_assert_int_eq(create_member("c1"), HP_OK);
  ck_assert_int_eq(create_member("c2"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  send_wait("s1", NULL, &sandbox);
  send_wait("c1", NULL, &member);
  uint32_t pid = pid_of("c1", NULL);
  struct answer stopped = {0};
  hp_pod_sandbox_stop(pod, "s1", 0, note_done, &stopped);
  run_until_called("job_kill c1");
  ck_assert(!sandbox.there);
  double_exit(pid, 137);
  ck_assert_int_eq(receive(&stopped), HP_OK);
  ck_assert(sandbox.there);
  ck_assert(member.there);
  ck_assert_uint_lt(member.order, sandbox.order);
  ck_assert_int_eq(status_of("c2", NULL), HP_STOPPED); /* it was never started */
  ck_assert_int_eq(create_member("c3"), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

static uint32_t start_pod_of_one(void) {
  ck_assert_int_eq(start_sandbox("s1"), HP_OK);
  ck_assert_int_eq(create_member("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  return pid_of("c1", NULL);
}

START_TEST(a_stop_with_a_grace_asks_first) {
  uint32_t pid = start_pod_of_one();
  struct answer stopped = {0};
  ck_assert_int_eq(create_member("c2"), HP_OK);
  hp_pod_sandbox_stop(pod, "s1", 1000, note_done, &stopped);
  run_until_called("signal 1 15");
  run_a_while();
  ck_assert(!stopped.there);
  ck_assert(state_of("s1").ready);
  double_exit(pid, 3);
  ck_assert_int_eq(receive(&stopped), HP_OK);
  ck_assert_ptr_null(strstr(double_log(), "job_kill c1"));
  ck_assert_int_eq(status_of("c1", NULL), HP_STOPPED);
  ck_assert_int_eq(status_of("c2", NULL), HP_STOPPED); /* it was never started */
  ck_assert(!state_of("s1").ready);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(whoever_outlives_the_grace_is_killed) {
  uint32_t pid = start_pod_of_one();
  struct answer stopped = {0};
  hp_pod_sandbox_stop(pod, "s1", 1, note_done, &stopped);
  run_until_called("signal 1 15");
  ck_assert(!stopped.there);
  run_until_called("job_kill c1");
  double_exit(pid, 137);
  ck_assert_int_eq(receive(&stopped), HP_OK);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

/* 0: another stop that waits for nothing; 1: the removal. */
START_TEST(a_shorter_stop_wins) {
  uint32_t pid = start_pod_of_one();
  struct answer stopped = {0}, second = {0};
  hp_pod_sandbox_stop(pod, "s1", 1000, note_done, &stopped);
  run_until_called("signal 1 15");
  if (_i == 0)
    hp_pod_sandbox_stop(pod, "s1", 0, note_done, &second);
  else
    hp_pod_sandbox_remove(pod, "s1", note_done, &second);
  run_until_called("job_kill c1");
  double_exit(pid, 137);
  ck_assert_int_eq(receive(&stopped), HP_OK);
  ck_assert_int_eq(receive(&second), HP_OK);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(a_kill_that_fails_after_the_grace_is_told_at_once) {
  uint32_t pid = start_pod_of_one();
  struct answer stopped = {0};
  double_fail_always("job_kill");
  hp_pod_sandbox_stop(pod, "s1", 1, note_done, &stopped);
  ck_assert_int_eq(receive(&stopped), HP_INTERNAL);
  ck_assert(state_of("s1").ready);
  double_fail_always(NULL);
  double_exit(pid, 0);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  run_a_while();
  ck_assert_uint_eq(stopped.times, 1);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(removal_takes_the_members_with_it) {
  struct answer member;
  ck_assert_int_eq(start_sandbox("s1"), HP_OK);
  ck_assert_int_eq(create_member("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  send_wait("c1", NULL, &member);
  uint32_t pid = pid_of("c1", NULL);
  struct answer removed = {0};
  hp_pod_sandbox_remove(pod, "s1", note_done, &removed);
  run_until_called("job_kill c1");
  double_exit(pid, 137);
  ck_assert_int_eq(receive(&removed), HP_OK);
  ck_assert(member.there);
  ck_assert_uint_eq(double_things(), 0);
  run_a_while();
  ck_assert(hp_pod_empty(pod));
  ck_assert_str_eq(events(), "create c1\nstart c1\nexit c1 status=137\ndelete c1 status=137\n");
}
END_TEST

START_TEST(a_member_that_is_not_released_keeps_the_sandbox) {
  ck_assert_int_eq(create_member("c1"), HP_OK);
  double_fail_always("release");
  ck_assert_int_eq(remove_sandbox("s1"), HP_INTERNAL);
  assert_members_in_the_journal(1);
  double_fail_always(NULL);
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(a_member_that_is_not_killed_keeps_the_sandbox) {
  struct answer wait;
  ck_assert_int_eq(start_sandbox("s1"), HP_OK);
  ck_assert_int_eq(create_member("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  send_wait("s1", NULL, &wait);
  double_fail_always("job_kill");
  ck_assert_int_eq(stop_sandbox("s1"), HP_INTERNAL);
  ck_assert(!wait.there);
  ck_assert(state_of("s1").ready);
  double_fail_always(NULL);
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert_int_eq(remove_sandbox("s1"), HP_OK);
  ck_assert(wait.there);
}
END_TEST

/* Its Delete waits for its Create. */
START_TEST(removal_of_a_member_under_way) {
  struct answer created, removed = {0};
  const char *bundle = make_bundle("c1", "container", "s1");
  ck_assert_int_eq(start_sandbox("s1"), HP_OK);
  double_hold("plan c1");
  send_create("c1", bundle, &created);
  run_until_held();
  hp_pod_sandbox_remove(pod, "s1", note_done, &removed);
  run_a_while();
  ck_assert(!removed.there);
  double_let_go();
  ck_assert_int_eq(receive(&removed), HP_OK);
  ck_assert(created.there);
  ck_assert_uint_eq(double_things(), 0);
}
END_TEST

START_TEST(removal_of_a_sandbox_under_way) {
  struct answer created, removed = {0};
  send_create_sandbox("s1", sandbox_bundle, HP_TRUE, &created);
  ck_assert_int_eq(create_member("c1"), HP_FAILED_PRECONDITION);
  hp_pod_sandbox_remove(pod, "s1", note_done, &removed);
  ck_assert_int_eq(receive(&removed), HP_OK);
  ck_assert(created.there);
  run_a_while();
  ck_assert(hp_pod_empty(pod));
}
END_TEST

/* Tasks that came without a sandbox are not the Sandbox service's to end. */
START_TEST(other_shims_containers_are_left_alone) {
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(remove_sandbox("s1"), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(status_of("c1", NULL), HP_CREATED);
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
}
END_TEST

START_TEST(a_pod_that_is_freed_answers) {
  struct answer stopped = {0};
  ck_assert_int_eq(start_sandbox("s1"), HP_OK);
  ck_assert_int_eq(create_member("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  hp_pod_sandbox_remove(pod, "s1", note_done, &stopped);
  run_until_called("job_kill c1");
  run_a_while();
  ck_assert(!stopped.there);
  hp_pod_free(pod);
  pod = NULL;
  ck_assert_int_eq(receive(&stopped), HP_UNAVAILABLE);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_pod_served");
  TCase *without = tcase_create("without a sandbox"), *with = tcase_create("with a sandbox");
  tcase_set_timeout(without, 60);
  tcase_add_checked_fixture(without, set_up_pod, tear_down);
  tcase_add_test(without, nothing_before_create);
  tcase_add_test(without, what_the_log_says);
  tcase_add_test(without, a_refused_sandbox_leaves_nothing);
  tcase_add_test(without, a_bundle_that_is_not_there);
  tcase_add_test(without, removal_of_a_sandbox_under_way);
  tcase_add_test(without, other_shims_containers_are_left_alone);
  suite_add_tcase(suite, without);
  tcase_set_timeout(with, 60);
  tcase_add_checked_fixture(with, set_up_sandbox, tear_down);
  tcase_add_test(with, life_of_a_sandbox);
  tcase_add_test(with, one_sandbox_to_a_shim);
  tcase_add_test(with, every_container_is_a_member);
  tcase_add_test(with, members_of_another_kind_are_refused);
  tcase_add_test(with, stop_ends_the_members_first);
  tcase_add_test(with, a_stop_with_a_grace_asks_first);
  tcase_add_test(with, whoever_outlives_the_grace_is_killed);
  tcase_add_loop_test(with, a_shorter_stop_wins, 0, 2);
  tcase_add_test(with, a_kill_that_fails_after_the_grace_is_told_at_once);
  tcase_add_test(with, removal_takes_the_members_with_it);
  tcase_add_test(with, a_member_that_is_not_released_keeps_the_sandbox);
  tcase_add_test(with, a_member_that_is_not_killed_keeps_the_sandbox);
  tcase_add_test(with, removal_of_a_member_under_way);
  tcase_add_test(with, a_pod_that_is_freed_answers);
  suite_add_tcase(suite, with);
  return hp_run_suite(suite);
}
