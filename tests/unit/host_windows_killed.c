/* A shim that is killed, at every call of a container's creation and start, just
 * before it and just after it: `delete`, in another process, leaves nothing. The
 * victim is this program again; winsim's machine is in a file that both see. */
#include "whole_container_windows.h"

#define POINT "HP_DIE_AT"
#define SCRATCH "HP_SCRATCH"
#define DEAD 137u

static void set_file(void) {
  char *file = narrow_in_scratch(L"machine.json"), *variable = hp_printf("WINSIM_STATE=%s", file);
  ck_assert_int_eq(_putenv(variable), 0);
  free(variable);
  free(file);
}

/* ---- the victim --------------------------------------------------------------- */

static const struct layout *victims_layout;

/* A test of its own, since helpers assert. Dies at its point or, past the last
 * one, ends with everything made. */
START_TEST(the_victim) {
  struct run run;
  scratch = hp_wide(getenv(SCRATCH));
  GetModuleFileNameA(NULL, self, sizeof self);
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
  whole_init(victims_layout);
  winsim_die((unsigned)atoi(getenv(POINT)));
  if (whole_create() != 0 || whole_start("sleep", NULL, &run) != 0)
    fprintf(stderr, "the victim failed: %s\n", err.message);
  ck_assert_ptr_null(err.message);
}
END_TEST

/* Silent: one line of results is the program's. */
static int be_a_victim(const struct layout *layout) {
  Suite *suite = suite_create("victim");
  TCase *test = tcase_create("victim");
  victims_layout = layout;
  tcase_add_test(test, the_victim);
  suite_add_tcase(suite, test);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_SILENT);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? 0 : 3;
}

/* ---- its killer ------------------------------------------------------------------ */

static void set_up(void) {
  scratch_make();
  set_file();
  winsim_reset();
  whole_machine();
  GetModuleFileNameA(NULL, self, sizeof self);
  container = NULL;
  char *path = hp_narrow(scratch), *variable = hp_printf(SCRATCH "=%s", path);
  _putenv(variable);
  free(variable);
  free(path);
}

static void tear_down(void) {
  hp_error_clear(&err);
  _putenv("WINSIM_STATE="); /* or the machine would be written down anew */
  scratch_remove();
}

static DWORD run_victim(int layout, unsigned point) {
  char line[MAX_PATH + 32], variable[32];
  STARTUPINFOA startup = {.cb = sizeof startup};
  PROCESS_INFORMATION process;
  DWORD status = 0;
  snprintf(variable, sizeof variable, POINT "=%u", point);
  _putenv(variable);
  snprintf(line, sizeof line, "\"%s\" victim %d", self, layout);
  ck_assert(CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process));
  ck_assert_uint_eq(WaitForSingleObject(process.hProcess, 120000), WAIT_OBJECT_0);
  GetExitCodeProcess(process.hProcess, &status);
  CloseHandle(process.hThread);
  CloseHandle(process.hProcess);
  return status;
}

START_TEST(delete_finds_what_a_killed_shim_left) {
  char *bundle = narrow_in_scratch(L"bundle");
  DWORD status = DEAD;
  unsigned point = 2;
  for (; status == DEAD; point++) {
    bool alive = false;
    status = run_victim(_i, point);
    ck_assert_msg(status == DEAD || status == 0, "point %u: status %lu", point, status);
    ck_assert_msg(hp_release_bundle(bundle, &alive, &err) == 0 && !alive, "point %u: %s", point, err.message);
    expect_nothing_left(layouts[_i].name, point);
    ck_assert(!exists(L"bundle\\" HP_JOURNAL_NAME));
  }
  ck_assert_uint_gt(point, 40);
  free(bundle);
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (argc == 3 && strcmp(argv[1], "victim") == 0)
    return be_a_victim(&layouts[atoi(argv[2])]);
  if (run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host_windows_killed");
  TCase *test = tcase_create("killed");
  tcase_set_timeout(test, 300);
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_loop_test(test, delete_finds_what_a_killed_shim_left, 0, LAYOUT_COUNT);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
