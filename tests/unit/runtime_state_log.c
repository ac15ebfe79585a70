/* What the log says of a container's life, and what it does not. */
#include "runtime/state_log.h"

#include "double_containerd.h"
#include "double_host.h"
#include "log_lines.h"
#include "support.h"

static void set_up_logged(void) {
  set_up();
  log_lines_begin(HP_LOG_INFO);
}

static void tear_down_logged(void) {
  log_lines_end();
  tear_down();
}

/* Pids differ from run to run. */
static void told(const char *wanted) {
  for (size_t i = 0; i < log_lines.count; i++) {
    char *line = log_lines.items[i], *pid = strstr(line, "process ");
    if (!pid || pid[8] < '0' || pid[8] > '9')
      continue;
    memcpy(pid + 8, "PID", 3);
    char *rest = pid + 11;
    memmove(rest, rest + strspn(rest, "0123456789"), strlen(rest + strspn(rest, "0123456789")) + 1);
  }
  log_lines_are(wanted);
}

static void begin(const char *id) {
  ck_assert_int_eq(create(id), HP_OK);
  ck_assert_int_eq(start(id, NULL), HP_OK);
}

static void finish(const char *id, uint32_t status) {
  double_exit(pid_of(id, NULL), status);
  run_a_while();
  ck_assert_int_eq(delete (id, NULL), HP_OK);
}

START_TEST(life_of_a_container) {
  struct answer answer;
  begin("c1");
  send_update("c1", 1 << 20, 1024, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  send_pause("c1", true, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  send_pause("c1", false, &answer);
  ck_assert_int_eq(receive(&answer), HP_OK);
  ck_assert_int_eq(kill_with("c1", NULL, 15), HP_OK);
  finish("c1", 3);
  told("level=info msg=created id=c1\n"
       "level=info msg=\"started as process PID, account SYSTEM\" id=c1\n"
       "level=info msg=\"limits updated\" id=c1\n"
       "level=info msg=paused id=c1\n"
       "level=info msg=resumed id=c1\n"
       "level=info msg=\"signal 15 is sent to its process\" id=c1\n"
       "level=info msg=\"exited with status 3, after signal 15\" id=c1\n"
       "level=info msg=deleted id=c1\n");
}
END_TEST

START_TEST(ends_that_nobody_asked_for) {
  begin("c1");
  double_run_out_of_memory("c1");
  run_a_while();
  finish("c1", 137);
  ck_assert_int_eq(create("c2"), HP_OK);
  ck_assert_int_eq(kill_with("c2", NULL, 9), HP_OK);
  ck_assert_int_eq(delete ("c2", NULL), HP_OK);
  told("level=info msg=created id=c1\n"
       "level=info msg=\"started as process PID, account SYSTEM\" id=c1\n"
       "level=info msg=\"out of memory: its limit killed something\" id=c1\n"
       "level=info msg=\"exited with status 137, out of memory\" id=c1\n"
       "level=info msg=deleted id=c1\n"
       "level=info msg=created id=c2\n"
       "level=info msg=\"signal 9 is sent to all its processes\" id=c2\n"
       "level=info msg=\"exited with status 137, no process was started, after signal 9\" id=c2\n"
       "level=info msg=deleted id=c2\n");
}
END_TEST

static void probe(const char *exec_id, uint32_t status) {
  ck_assert_int_eq(add_exec("c1", exec_id), HP_OK);
  ck_assert_int_eq(start("c1", exec_id), HP_OK);
  double_exit(pid_of("c1", exec_id), status);
  run_a_while();
  ck_assert_int_eq(delete ("c1", exec_id), HP_OK);
}

/* Probes that go well say nothing; at debug level each has its story. */
START_TEST(probes) {
  begin("c1");
  hp_strings_clear(&log_lines);
  for (int i = 0; i < 20; i++)
    probe("probe", 0);
  told("");
  probe("bad", 1);
  told("level=info msg=\"exited with status 1\" id=c1 exec_id=bad\n");
  hp_log_set_level(HP_LOG_DEBUG);
  probe("probe", 0);
  told("level=debug msg=\"exec added\" id=c1 exec_id=probe\n"
       "level=debug msg=\"started as process PID, account SYSTEM\" id=c1 exec_id=probe\n"
       "level=debug msg=\"exited with status 0\" id=c1 exec_id=probe\n"
       "level=debug msg=deleted id=c1 exec_id=probe\n");
  hp_log_set_level(HP_LOG_INFO);
  ck_assert_int_eq(add_exec("c1", "slow"), HP_OK);
  ck_assert_int_eq(start("c1", "slow"), HP_OK);
  ck_assert_int_eq(kill_with("c1", "slow", 9), HP_OK); /* its time is over */
  double_exit(pid_of("c1", "slow"), 137);
  run_a_while();
  ck_assert_int_eq(delete ("c1", "slow"), HP_OK);
  told("");
  finish("c1", 0);
}
END_TEST

static void account_is(enum hp_account_kind kind, const char *username, const char *wanted) {
  struct hp_account account = {.kind = kind};
  struct hp_process_spec process = {.username = (char *)(uintptr_t)username, .uid = 1000};
  char *text = hp_log_account(&account, &process);
  ck_assert_str_eq(text, wanted);
  free(text);
}

START_TEST(accounts) {
  account_is(HP_ACCOUNT_NUMERIC, NULL, "uid 1000");
  account_is(HP_ACCOUNT_INHERIT, "ignored", "the shim's own account");
  account_is(HP_ACCOUNT_LOCAL_SERVICE, "NT AUTHORITY\\Local service", "NT AUTHORITY\\Local service");
  account_is(HP_ACCOUNT_NAMED, "hpc-group", "hpc-group");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_state_log");
  TCase *tests = tcase_create("state log");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up_logged, tear_down_logged);
  tcase_add_test(tests, life_of_a_container);
  tcase_add_test(tests, ends_that_nobody_asked_for);
  tcase_add_test(tests, probes);
  tcase_add_test(tests, accounts);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
