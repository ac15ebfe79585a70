/* A shim that is killed, at every call of a container's creation and start, just
 * before it and just after it: `delete`, in another process, leaves nothing. The
 * victim is this program again; winsim's machine is in a file that both see. */
#include "runtime/garbage.h"
#include "support.h"
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

/* By the journal as long as there is one, else by ledger, names and places. */
static void collect(const char *bundle, const char *layout, unsigned point) {
  struct hp_strings bundles = {0};
  hp_strings_add(&bundles, bundle);
  for (int round = 0; round < 2; round++) { /* the second finds nothing */
    struct hp_garbage garbage = {.bundles = &bundles, .deadline = UINT64_MAX};
    size_t index;
    const json_t *item;
    ck_assert_msg(hp_garbage_collect(&garbage, &err) == 0, "%s %u: %s", layout, point, err.message);
    json_array_foreach(garbage.items, index, item) {
      const char *why = json_string_value(json_object_get(item, "error"));
      ck_assert_msg(!why, "%s %u: %s", layout, point, why);
    }
    ck_assert_msg(round == 0 || json_array_size(garbage.items) == 0, "%s %u: a second gc found something",
                  layout, point);
    json_decref(garbage.items);
    json_decref(garbage.living);
  }
  hp_strings_clear(&bundles);
}

/* At every fifth point. Also where the bundle is gone, or the ledger: each by turns. Layers are known to
 * the journal only, and a place that is not C:\hpc to journal and ledger. */
START_TEST(gc_finds_what_a_killed_shim_left) {
  char *bundle = narrow_in_scratch(L"bundle"), *journal = hp_printf("%s\\" HP_JOURNAL_NAME, bundle);
  char state[MAX_PATH];
  ck_assert_uint_gt(GetEnvironmentVariableA("HOSTPROCESS_STATE_DIR", state, sizeof state), 0);
  char *ledger = hp_printf("%s\\ledger.json", state);
  DWORD status = DEAD;
  for (unsigned point = 2; status == DEAD; point += 5) {
    status = run_victim(_i, point);
    ck_assert_msg(status == DEAD || status == 0, "point %u: status %lu", point, status);
    if (point % 3 == 1 && !layouts[_i].layers)
      unit_remove(journal);
    if (point % 3 == 2 && !layouts[_i].symlink && !layouts[_i].layers)
      unit_remove(ledger);
    collect(bundle, layouts[_i].name, point);
    expect_nothing_left(layouts[_i].name, point);
    ck_assert(!exists(L"bundle\\" HP_JOURNAL_NAME));
  }
  free(ledger);
  free(journal);
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
  TCase *gc = tcase_create("gc");
  tcase_set_timeout(gc, 300);
  tcase_add_checked_fixture(gc, set_up, tear_down);
  tcase_add_loop_test(gc, gc_finds_what_a_killed_shim_left, 0, LAYOUT_COUNT);
  suite_add_tcase(suite, gc);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
