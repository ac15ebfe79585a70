/* A shim, or a `delete`, that is killed while it writes down what it does: in the
 * midst of a line of the journal, with the ledger half written, before and after
 * the one that is whole takes the other's place. And a `delete` that is killed at
 * every call of its own. `delete`, in another process, leaves nothing. */
#include "victim_windows.h"

#include "winsim/machine.h"

/* ---- death by writing ------------------------------------------------------------ */

static volatile LONG points, dies_at;

static void arm(unsigned point) {
  dies_at = (LONG)point;
}

static bool dies_here(bool record) {
  return record && InterlockedIncrement(&points) == dies_at;
}

static void die(void) {
  TerminateProcess(GetCurrentProcess(), DEAD);
}

static bool ends_in(const wchar_t *path, const wchar_t *name) {
  size_t length = wcslen(path), end = wcslen(name);
  return length > end && wcscmp(path + length - end, name) == 0;
}

static bool keeps_records(const wchar_t *path) {
  return ends_in(path, L"\\hostprocess.journal") || ends_in(path, L"\\ledger.json.new");
}

static bool is_record(HANDLE file) {
  wchar_t path[1024];
  if (dies_at == 0 || GetFileType(file) != FILE_TYPE_DISK)
    return false;
  DWORD length = GetFinalPathNameByHandleW(file, path, 1023, FILE_NAME_NORMALIZED);
  return length > 0 && length < 1023 && keeps_records(path);
}

#define REAL(name) WINSIM_REAL("kernel32.dll", name)

/* Before it, with half of it done, and after it. */
static BOOL WINAPI write_file(HANDLE file, const void *data, DWORD length, DWORD *written, OVERLAPPED *at) {
  bool record = is_record(file);
  if (dies_here(record))
    die();
  if (dies_here(record)) {
    REAL(WriteFile)(file, data, length / 2, written, at);
    die();
  }
  BOOL done = REAL(WriteFile)(file, data, length, written, at);
  if (dies_here(record))
    die();
  return done;
}
WINSIM_IMPORT(WriteFile, write_file);

static BOOL WINAPI move_file(const wchar_t *from, const wchar_t *to, DWORD flags) {
  bool record = dies_at != 0 && keeps_records(from);
  if (dies_here(record))
    die();
  BOOL done = REAL(MoveFileExW)(from, to, flags);
  if (dies_here(record))
    die();
  return done;
}
WINSIM_IMPORT(MoveFileExW, move_file);

/* ---- the victims ------------------------------------------------------------------ */

static void makes_and_deletes(void) {
  victim_makes();
  ck_assert_msg(whole_delete() == 0, "%s", err.message);
  whole_forget_journal();
}

static void deletes(void) {
  bool alive = false;
  ck_assert_msg(hp_release_bundle(whole.bundle, &alive, &err) == 0 && !alive, "%s", err.message);
}

static const struct victim_mode modes[] = {{"make", NULL, victim_makes},
                                           {"live", arm, makes_and_deletes},
                                           {"delete", winsim_die, deletes},
                                           {"delete-records", arm, deletes}};

/* ---- their killer ------------------------------------------------------------------ */

START_TEST(a_shim_dies_while_it_writes) {
  unsigned point = 1;
  for (DWORD status = DEAD; status == DEAD; point++) {
    status = run_victim(_i, "live", point);
    expect_deleted(_i, "live", point);
  }
  ck_assert_uint_gt(point, 20); /* of the journal alone: three points a line */
}
END_TEST

static unsigned kill_deletes(int layout, const char *mode, unsigned point) {
  for (DWORD status = DEAD; status == DEAD; point++) {
    ck_assert_uint_eq(run_victim(layout, "make", 0), 0);
    status = run_victim(layout, mode, point);
    expect_deleted(layout, mode, point);
  }
  return point;
}

START_TEST(a_delete_dies_at_a_call) {
  ck_assert_uint_gt(kill_deletes(_i, "delete", 2), 6);
}
END_TEST

/* A path of its own: each claim that is given back writes the ledger anew. */
START_TEST(a_delete_dies_while_it_writes) {
  ck_assert_uint_gt(kill_deletes(_i, "delete-records", 1), 5);
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (victim_is_asked(argc, argv, modes, &status) || run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host_windows_killed_records");
  TCase *test = tcase_create("killed");
  tcase_set_timeout(test, 300);
  /* The first two layouts have an account, claims, layers and a volume between them. */
  tcase_add_checked_fixture(test, victim_set_up, victim_tear_down);
  tcase_add_loop_test(test, a_shim_dies_while_it_writes, 0, 2);
  tcase_add_loop_test(test, a_delete_dies_at_a_call, 0, 2);
  tcase_add_loop_test(test, a_delete_dies_while_it_writes, 0, 2);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
