/* A shim that is killed: this program again, as a victim that does what its mode
 * says and dies at its point, and the test that killed it. winsim's machine is in
 * a file that both see. Windows only. Included by one file a program. */
#ifndef HP_TESTS_UNIT_VICTIM_WINDOWS_H
#define HP_TESTS_UNIT_VICTIM_WINDOWS_H

#include "whole_container_windows.h"

#define VICTIM_POINT "HP_DIE_AT"
#define VICTIM_SCRATCH "HP_SCRATCH"
#define DEAD 137u

struct victim_mode {
  const char *name;
  void (*arm)(unsigned point); /* NULL: it does not die */
  void (*live)(void);          /* asserts that all goes well, if it comes to its end */
};

/* ---- the victim --------------------------------------------------------------- */

static const struct layout *victims_layout;
static const struct victim_mode *victims_mode;

static inline void victim_set_file(void) {
  char *file = narrow_in_scratch(L"machine.json"), *variable = hp_printf("WINSIM_STATE=%s", file);
  ck_assert_int_eq(_putenv(variable), 0);
  free(variable);
  free(file);
}

/* A container that runs; it is left to whoever comes after the victim. */
static inline void victim_makes(void) {
  struct run run;
  if (whole_create() != 0 || whole_start("sleep", NULL, &run) != 0)
    fprintf(stderr, "the victim failed: %s\n", err.message);
  ck_assert_ptr_null(err.message);
}

/* A test of its own, since helpers assert. */
START_TEST(the_victim) {
  scratch = hp_wide(getenv(VICTIM_SCRATCH));
  GetModuleFileNameA(NULL, self, sizeof self);
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
  whole_init(victims_layout);
  if (victims_mode->arm)
    victims_mode->arm((unsigned)atoi(getenv(VICTIM_POINT)));
  victims_mode->live();
}
END_TEST

/* victim LAYOUT MODE; false: this is none. Silent: one line of results is the program's. */
static inline bool victim_is_asked(int argc, char **argv, const struct victim_mode *modes, int *status) {
  if (argc != 4 || strcmp(argv[1], "victim") != 0)
    return false;
  victims_layout = &layouts[atoi(argv[2])];
  for (victims_mode = modes; strcmp(victims_mode->name, argv[3]) != 0;)
    victims_mode++;
  _putenv("CK_LOG_FILE_NAME="); /* that log is its killer's */
  Suite *suite = suite_create("victim");
  TCase *test = tcase_create("victim");
  tcase_add_test(test, the_victim);
  suite_add_tcase(suite, test);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_SILENT);
  *status = srunner_ntests_failed(runner) == 0 ? 0 : 3;
  srunner_free(runner);
  return true;
}

/* ---- its killer ------------------------------------------------------------------ */

static inline void victim_set_up(void) {
  scratch_make();
  victim_set_file();
  winsim_reset();
  whole_machine();
  GetModuleFileNameA(NULL, self, sizeof self);
  container = NULL;
  char *path = hp_narrow(scratch), *variable = hp_printf(VICTIM_SCRATCH "=%s", path);
  _putenv(variable);
  free(variable);
  free(path);
}

static inline void victim_tear_down(void) {
  hp_error_clear(&err);
  _putenv("WINSIM_STATE="); /* or the machine would be written down anew */
  scratch_remove();
}

/* DEAD: it died at this point; 0: it came to its end before. */
static inline DWORD run_victim(int layout, const char *mode, unsigned point) {
  char line[MAX_PATH + 64], variable[32];
  STARTUPINFOA startup = {.cb = sizeof startup};
  PROCESS_INFORMATION process;
  DWORD status = 0;
  snprintf(variable, sizeof variable, VICTIM_POINT "=%u", point);
  _putenv(variable);
  snprintf(line, sizeof line, "\"%s\" victim %d %s", self, layout, mode);
  ck_assert(CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process));
  ck_assert_uint_eq(WaitForSingleObject(process.hProcess, 120000), WAIT_OBJECT_0);
  GetExitCodeProcess(process.hProcess, &status);
  CloseHandle(process.hThread);
  CloseHandle(process.hProcess);
  ck_assert_msg(status == DEAD || status == 0, "%s, point %u: status %lu", mode, point, status);
  return status;
}

/* As the verb `delete` does it; nothing is left then. */
static inline void expect_deleted(int layout, const char *mode, unsigned point) {
  bool alive = false;
  char *bundle = narrow_in_scratch(L"bundle");
  ck_assert_msg(hp_release_bundle(bundle, &alive, &err) == 0 && !alive, "%s, point %u: %s", mode, point,
                err.message);
  expect_nothing_left(layouts[layout].name, point);
  ck_assert_msg(!exists(L"bundle\\" HP_JOURNAL_NAME), "%s, point %u: the journal is left", mode, point);
  free(bundle);
}

#endif
