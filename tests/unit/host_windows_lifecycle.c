/* A container's whole life on winsim: what its layouts and accounts call, and
 * every call failing in turn. */
#include "whole_container_windows.h"

/* An error that means nothing to anybody. */
#define STRANGE ERROR_NO_SYSTEM_RESOURCES

static void set_up(void) {
  static char program[MAX_PATH];
  scratch_make();
  winsim_reset();
  whole_machine();
  GetModuleFileNameA(NULL, program, sizeof program);
  memcpy(self, program, sizeof self);
  err = (struct hp_error)HP_ERROR_INIT;
  container = NULL;
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
  /* Whether this host can bind is asked once a process, whatever fails later. */
  whole_init(&layouts[3]);
  ck_assert_int_eq(whole_create(), 0);
  ck_assert_int_eq(whole_delete(), 0);
  whole_forget_journal();
  whole_clear();
  winsim_forget();
}

static void tear_down(void) {
  host_reaper_stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  hp_error_clear(&err);
  scratch_remove();
}

/* Calls whose failure the product gets over, as the log has them, and how. */
static bool is_overcome(const char *call) {
  static const char *const calls[] = {
      "SetInformationJobObject 42",        /* JobObjectIoAttribution: no I/O numbers then */
      "FSCTL_SET_REPARSE_POINT",           /* of a symbolic link: a junction */
      "UnloadUserProfile",                 /* the release unloads the hive */
      "GetVolumeNameForVolumeMountPointW", /* the directory goes with its mount point */
      "UnprepareLayer",                    /* it goes with the volume */
      "DeactivateLayer",                   /* tried again */
      "RegOpenKeyExW ProfileList",         /* then there may be a profile */
      "DeleteProfileW",                    /* tried again */
  };
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if (strncmp(call, calls[i], strlen(calls[i])) == 0 && call[strlen(calls[i])] == '\n')
      return true;
  return false;
}

static const char *nth_call(unsigned n) {
  const char *line = winsim_log();
  while (--n > 0)
    line = strchr(line, '\n') + 1;
  return line;
}

static void expect_named(const char *when, unsigned n, int result) {
  const char *call = winsim_failed();
  if (result == 0)
    ck_assert_msg(is_overcome(nth_call(n)), "%s %u: %s failed and nobody said so", when, n, call);
  else
    ck_assert_msg(strstr(err.message, call), "%s %u: %s failed, and the error is: %s", when, n, call,
                  err.message);
  hp_error_clear(&err);
}

static int run_once(void) {
  struct run run;
  if (whole_create() != 0 || whole_start("exit", "7", &run) != 0)
    return -1;
  watch(&run);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, 7);
  return 0;
}

START_TEST(every_failing_call_of_create_and_start_leaves_nothing) {
  const struct layout *layout = &layouts[_i];
  unsigned n = 0;
  for (bool more = true; more;) {
    n++;
    whole_init(layout);
    winsim_forget();
    winsim_fail(n, STRANGE);
    int result = run_once();
    more = winsim_failed() != NULL;
    if (more)
      expect_named(layout->name, n, result);
    else
      ck_assert_msg(result == 0, "%s: %s", layout->name, err.message);
    winsim_fail(0, 0);
    ck_assert_msg(whole_delete() == 0, "%s, call %u: %s", layout->name, n, err.message);
    whole_forget_journal();
    expect_nothing_left(layout->name, n);
    whole_clear();
  }
  ck_assert_uint_gt(n, 20); /* it makes that many calls at least */
}
END_TEST

START_TEST(every_failing_call_of_delete_leaves_nothing) {
  const struct layout *layout = &layouts[_i];
  unsigned n = 0;
  for (bool more = true; more;) {
    n++;
    whole_init(layout);
    ck_assert_msg(run_once() == 0, "%s: %s", layout->name, err.message);
    winsim_forget();
    winsim_fail(n, STRANGE);
    int result = whole_delete();
    more = winsim_failed() != NULL;
    if (more)
      expect_named(layout->name, n, result);
    winsim_fail(0, 0);
    ck_assert_msg(whole_delete() == 0, "%s, call %u: %s", layout->name, n, err.message);
    whole_forget_journal();
    expect_nothing_left(layout->name, n);
    whole_clear();
  }
  ck_assert_uint_gt(n, 1);
}
END_TEST

START_TEST(a_container_can_be_killed_and_deleted) {
  struct run run;
  whole_init(&layouts[_i]);
  ck_assert_msg(whole_create() == 0 && whole_start("sleep", NULL, &run) == 0, "%s", err.message);
  watch(&run);
  ck_assert_int_eq(container->silo, !layouts[_i].symlink);
  ck_assert_msg(whole_delete() == 0, "%s", err.message);
  wait_for(&run.ends, 1);
  ck_assert_msg(whole_delete() == 0, "%s", err.message); /* and once more */
  whole_forget_journal();
  expect_nothing_left(layouts[_i].name, 0);
  whole_clear();
}
END_TEST

/* Before anything is made or anybody logged on. */
START_TEST(an_older_windows_is_refused) {
  whole_init(&layouts[0]);
  winsim_set_build(17134);
  winsim_forget();
  ck_assert_int_eq(whole_create(), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_str_eq(err.message,
                   "this host is Windows build 17134: HostProcess containers need build 17763 (Windows "
                   "Server 2019) or later, run the pod on such a node");
  ck_assert_uint_eq(winsim_calls(), 0);
  hp_error_clear(&err);
  winsim_set_build(17763);
  ck_assert_msg(whole_create() == 0, "%s", err.message);
  ck_assert_msg(whole_delete() == 0, "%s", err.message);
  whole_forget_journal();
  expect_nothing_left("after an older Windows", 0);
  whole_clear();
}
END_TEST

/* His logon may make his profile, which nobody would remove. */
START_TEST(a_user_is_logged_on_when_all_else_is_judged) {
  whole_init(&layouts[2]);
  free(whole.mount.source);
  whole.mount.source = hp_strdup("C:\\no\\such\\source");
  winsim_forget();
  ck_assert_int_eq(whole_create(), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "does not exist on this host"));
  ck_assert_uint_eq(winsim_count("LsaLogonUser"), 0);
  ck_assert_uint_eq(winsim_count("LoadUserProfileW"), 0);
  hp_error_clear(&err);
  expect_nothing_left("a refused mount", 0);
  whole_clear();
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host_windows_lifecycle");
  TCase *test = tcase_create("lifecycle");
  tcase_set_timeout(test, 300);
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_test(test, an_older_windows_is_refused);
  tcase_add_test(test, a_user_is_logged_on_when_all_else_is_judged);
  tcase_add_loop_test(test, a_container_can_be_killed_and_deleted, 0, LAYOUT_COUNT);
  tcase_add_loop_test(test, every_failing_call_of_create_and_start_leaves_nothing, 0, LAYOUT_COUNT);
  tcase_add_loop_test(test, every_failing_call_of_delete_leaves_nothing, 0, LAYOUT_COUNT);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
