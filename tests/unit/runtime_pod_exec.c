/* Execs: their own small life beside init's. */
#include <stdio.h>
#include <string.h>

#include "double_containerd.h"
#include "double_host.h"
#include "runtime/container.h"
#include "stdio/endpoint.h"
#include "support.h"

static void set_up_running(void) {
  set_up();
  ck_assert_int_eq(create("c1"), HP_OK);
  ck_assert_int_eq(start("c1", NULL), HP_OK);
  double_forget_log();
  forget_events();
}

static void tear_down_running(void) {
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert_int_eq(delete ("c1", NULL), HP_OK);
  ck_assert_uint_eq(double_things(), 0);
  tear_down();
}

START_TEST(life_of_an_exec) {
  struct answer wait, deleted;
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK);
  ck_assert_str_eq(double_log(), ""); /* Exec alone asks nothing of the host */
  ck_assert_int_eq(status_of("c1", "e1"), HP_CREATED);
  ck_assert_uint_eq(pid_of("c1", "e1"), (uint32_t)uv_os_getpid());
  ck_assert_int_eq(start("c1", "e1"), HP_OK);
  ck_assert_str_eq(double_log(), "open c1 exec\nspawn c1 /bin/echo\n");
  ck_assert_int_eq(status_of("c1", "e1"), HP_RUNNING);
  send_wait("c1", "e1", &wait);
  double_exit(pid_of("c1", "e1"), 4);
  ck_assert_int_eq(receive(&wait), HP_OK);
  ck_assert_uint_eq(wait.exited.status, 4);
  ck_assert_int_eq(status_of("c1", "e1"), HP_STOPPED);
  ck_assert_int_eq(status_of("c1", NULL), HP_RUNNING);
  send_delete("c1", "e1", &deleted);
  ck_assert(deleted.there); /* without a detour */
  ck_assert_uint_eq(deleted.exited.status, 4);
  ck_assert_int_eq(status_of("c1", "e1"), -1);
  ck_assert_str_eq(events(), "exec-added c1 e1\nexec-started c1 e1\nexit c1 e1 status=4\n"
                             "delete c1 e1 status=4\n");
}
END_TEST

START_TEST(codes) {
  ck_assert_int_eq(start("c1", "none"), HP_NOT_FOUND);
  ck_assert_int_eq(kill_with("c1", "none", 9), HP_NOT_FOUND);
  ck_assert_int_eq(delete ("c1", "none"), HP_NOT_FOUND);
  ck_assert_int_eq(add_exec("c1", "a/b"), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(add_exec("c1", ""), HP_INVALID_ARGUMENT);
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK);
  ck_assert_int_eq(add_exec("c1", "e1"), HP_ALREADY_EXISTS);
  ck_assert_int_eq(start("c1", "e1"), HP_OK);
  ck_assert_int_eq(start("c1", "e1"), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(delete ("c1", "e1"), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(kill_with("c1", "e1", 9), HP_OK);
  ck_assert(double_called("signal 2 9")); /* the exec alone */
  ck_assert(!double_called("job_kill c1"));
  double_exit(pid_of("c1", "e1"), 137);
  run_a_while();
  ck_assert_int_eq(kill_with("c1", "e1", 9), HP_NOT_FOUND);
  ck_assert_int_eq(start("c1", "e1"), HP_FAILED_PRECONDITION);
  ck_assert_int_eq(delete ("c1", "e1"), HP_OK);
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK); /* the id is free again */
}
END_TEST

START_TEST(never_started_exec_can_be_killed_and_deleted) {
  struct answer wait;
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK);
  send_wait("c1", "e1", &wait);
  ck_assert_int_eq(kill_with("c1", "e1", 15), HP_OK);
  ck_assert_int_eq(receive(&wait), HP_OK);
  ck_assert_uint_eq(wait.exited.status, 143);
  ck_assert_int_eq(delete ("c1", "e1"), HP_OK);
  ck_assert_int_eq(add_exec("c1", "e2"), HP_OK);
  ck_assert_int_eq(delete ("c1", "e2"), HP_OK);
  ck_assert_str_eq(double_log(), "");
}
END_TEST

START_TEST(failed_start_closes_the_streams_at_once) {
  struct answer wait;
  size_t before = double_streams();
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK);
  send_wait("c1", "e1", &wait);
  double_fail_always("spawn");
  ck_assert_int_eq(start("c1", "e1"), HP_INTERNAL);
  ck_assert_uint_eq(double_streams(), before);
  ck_assert_int_eq(receive(&wait), HP_OK); /* nobody waits for ever */
  ck_assert_uint_eq(wait.exited.status, 255);
  ck_assert_int_eq(status_of("c1", "e1"), HP_STOPPED);
  ck_assert_str_eq(events(), "exec-added c1 e1\n");
  ck_assert_int_eq(delete ("c1", "e1"), HP_OK);
  ck_assert_int_eq(status_of("c1", NULL), HP_RUNNING);
}
END_TEST

START_TEST(init_exits_while_an_exec_starts) {
  struct answer first, second;
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK);
  ck_assert_int_eq(add_exec("c1", "e2"), HP_OK);
  double_hold("spawn");
  send_start("c1", "e1", &first);
  run_until_held();
  send_start("c1", "e2", &second);
  double_exit(pid_of("c1", NULL), 0);
  run_a_while();
  ck_assert_int_eq(status_of("c1", NULL), HP_STOPPED);
  double_let_go();
  ck_assert_int_eq(receive(&first), HP_OK);                   /* it was in the job by then */
  ck_assert_int_eq(receive(&second), HP_FAILED_PRECONDITION); /* it was not */
  run_until_called("job_signal c1 15");                       /* and the first goes with the rest */
  double_exit(pid_of("c1", "e1"), 143);
}
END_TEST

static void expect_success(void *arg, const struct hp_error *err) {
  (void)arg;
  ck_assert_ptr_null(err);
}

START_TEST(terminal_size_is_kept_until_start) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_process_spec process = {0};
  hp_strings_add(&process.args, "/bin/sh");
  const struct hp_exec_request request = {
      .id = "c1", .exec_id = "e1", .io = {"", "", "", true}, .process = &process};
  hp_pod_exec(pod, &request, expect_success, NULL);
  ck_assert_int_eq(hp_pod_resize(pod, "c1", "e1", 100, 30, &err), 0);
  ck_assert_int_eq(hp_pod_resize(pod, "c1", "e1", 70000, 30, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_pod_close_stdin(pod, "c1", "e1", &err), 0);
  ck_assert_int_eq(start("c1", "e1"), HP_OK);
  ck_assert_str_eq(double_log(), "open c1 exec\nspawn c1 /bin/sh terminal\nclose_stdin\nresize 100x30\n");
  ck_assert_int_eq(hp_pod_resize(pod, "c1", "e1", 120, 40, &err), 0);
  ck_assert(double_called("resize 120x40"));
  double_exit(pid_of("c1", "e1"), 0);
  run_a_while();
  ck_assert_int_eq(hp_pod_resize(pod, "c1", "e1", 120, 40, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
}
END_TEST

START_TEST(pids_name_the_execs) {
  struct answer answer;
  ck_assert_int_eq(add_exec("c1", "e1"), HP_OK);
  ck_assert_int_eq(start("c1", "e1"), HP_OK);
  send_pids("c1", &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_uint_eq(answer.count, 2);
  ck_assert_ptr_null(answer.pids[0].exec_id);
  ck_assert_uint_eq(answer.pids[0].pid, pid_of("c1", NULL));
  ck_assert_uint_eq(answer.pids[1].pid, pid_of("c1", "e1"));
  ck_assert_str_eq(answer.pids[1].exec_id, "e1");
}
END_TEST

START_TEST(flood_is_bounded_and_leaves_nothing) {
  struct answer *answers = hp_realloc_array(NULL, HP_EXECS_MAX, sizeof *answers);
  char id[16];
  for (int i = 0; i < HP_EXECS_MAX; i++) {
    snprintf(id, sizeof id, "e%d", i);
    ck_assert_int_eq(add_exec("c1", id), HP_OK);
  }
  ck_assert_int_eq(add_exec("c1", "one-more"), HP_RESOURCE_EXHAUSTED);
  double_hold("open");
  int refused = 0;
  for (int i = 0; i < HP_EXECS_MAX; i++) {
    snprintf(id, sizeof id, "e%d", i);
    send_start("c1", id, &answers[i]);
    if (answers[i].there) {
      ck_assert_int_eq(answers[i].code, HP_RESOURCE_EXHAUSTED);
      refused++;
    }
  }
  ck_assert_int_eq(refused, HP_EXECS_MAX - HP_QUEUE_MAX);
  double_fail_always("spawn"); /* keeps the double's table of processes small */
  double_let_go();
  for (int i = 0; i < HP_EXECS_MAX; i++)
    receive(&answers[i]);
  for (int i = 0; i < HP_EXECS_MAX; i++) {
    snprintf(id, sizeof id, "e%d", i);
    ck_assert_int_eq(delete ("c1", id), HP_OK);
  }
  free(answers);
  ck_assert_int_eq(add_exec("c1", "one-more"), HP_OK);
}
END_TEST

struct refusal {
  enum hp_code code;
  char message[512];
};

static void take_refusal(void *arg, const struct hp_error *err) {
  struct refusal *refusal = arg;
  refusal->code = err ? err->code : HP_OK;
  snprintf(refusal->message, sizeof refusal->message, "%s", err ? err->message : "");
}

static struct refusal add_with(const char *exec_id, const char *out, size_t bytes) {
  struct hp_process_spec process = {0};
  struct refusal refusal = {0};
  char *text = hp_alloc(bytes + 1);
  memset(text, 'x', bytes);
  hp_strings_add(&process.args, "/bin/echo");
  hp_strings_take(&process.args, text);
  const struct hp_exec_request request = {
      .id = "c1", .exec_id = exec_id, .io = {.out = out}, .process = &process};
  hp_pod_exec(pod, &request, take_refusal, &refusal);
  return refusal;
}

/* What was not started holds its arguments; what was, or is gone, does not. */
START_TEST(what_waits_for_start_is_bounded_in_bytes) {
  const size_t large = HP_EXEC_SPECS_MAX / 4 - 4096;
  ck_assert_int_eq(add_with("huge", NULL, HP_EXEC_SPECS_MAX).code, HP_RESOURCE_EXHAUSTED);
  for (int i = 0; i < 50; i++) {
    ck_assert_int_eq(add_with("e", NULL, large).code, HP_OK);
    ck_assert_int_eq(delete ("c1", "e"), HP_OK);
  }
  ck_assert_int_eq(add_with("a", NULL, large).code, HP_OK);
  ck_assert_int_eq(add_with("b", NULL, large).code, HP_OK);
  ck_assert_int_eq(add_with("c", NULL, large).code, HP_OK);
  ck_assert_int_eq(add_with("d", NULL, large).code, HP_OK);
  struct refusal refusal = add_with("e", NULL, large);
  ck_assert_int_eq(refusal.code, HP_RESOURCE_EXHAUSTED);
  ck_assert_msg(strstr(refusal.message, "start or delete them") != NULL, "%s", refusal.message);
  ck_assert_int_eq(start("c1", "a"), HP_OK);
  ck_assert_int_eq(add_with("e", NULL, large).code, HP_OK);
  ck_assert_int_eq(add_with("f", NULL, large).code, HP_RESOURCE_EXHAUSTED);
  double_exit(pid_of("c1", "a"), 0);
  run_a_while();
}
END_TEST

START_TEST(names_of_streams_are_bounded) {
  char name[HP_ENDPOINT_MAX + 2];
  memset(name, 'a', sizeof name);
  name[HP_ENDPOINT_MAX + 1] = '\0';
  struct refusal refusal = add_with("e1", name, 1);
  ck_assert_int_eq(refusal.code, HP_INVALID_ARGUMENT);
  ck_assert_msg(strncmp(refusal.message, "stdout: the name \"aaa", 21) == 0, "%s", refusal.message);
  ck_assert_int_eq(status_of("c1", "e1"), -1);
  ck_assert_int_eq(add_with("e1", name + 1, 1).code, HP_OK);
}
END_TEST

START_TEST(many_in_turn) {
  for (int i = 0; i < 1000; i++) {
    ck_assert_int_eq(add_exec("c1", "probe"), HP_OK);
    ck_assert_int_eq(start("c1", "probe"), HP_OK);
    double_exit(pid_of("c1", "probe"), 0);
    ck_assert_int_eq(delete ("c1", "probe"), HP_OK);
    double_forget_log();
    forget_events();
    if (i % 100 == 99)
      ck_assert_uint_eq(double_streams(), 1); /* init's */
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_pod_exec");
  TCase *tests = tcase_create("exec");
  tcase_set_timeout(tests, 110);
  tcase_add_checked_fixture(tests, set_up_running, tear_down_running);
  tcase_add_test(tests, life_of_an_exec);
  tcase_add_test(tests, codes);
  tcase_add_test(tests, never_started_exec_can_be_killed_and_deleted);
  tcase_add_test(tests, failed_start_closes_the_streams_at_once);
  tcase_add_test(tests, init_exits_while_an_exec_starts);
  tcase_add_test(tests, terminal_size_is_kept_until_start);
  tcase_add_test(tests, pids_name_the_execs);
  tcase_add_test(tests, flood_is_bounded_and_leaves_nothing);
  tcase_add_test(tests, many_in_turn);
  tcase_add_test(tests, what_waits_for_start_is_bounded_in_bytes);
  tcase_add_test(tests, names_of_streams_are_bounded);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
