/* A shim that is killed, at every call of a container's creation and start, just
 * before it and just after it: `delete`, in another process, leaves nothing. */
#include "victim_windows.h"

static const struct victim_mode modes[] = {{"create", winsim_die, victim_makes}};

START_TEST(delete_finds_what_a_killed_shim_left) {
  unsigned point = 2;
  for (DWORD status = DEAD; status == DEAD; point++) {
    status = run_victim(_i, "create", point);
    expect_deleted(_i, "create", point);
  }
  ck_assert_uint_gt(point, 40);
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (victim_is_asked(argc, argv, modes, &status) || run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host_windows_killed");
  TCase *test = tcase_create("killed");
  tcase_set_timeout(test, 300);
  tcase_add_checked_fixture(test, victim_set_up, victim_tear_down);
  tcase_add_loop_test(test, delete_finds_what_a_killed_shim_left, 0, LAYOUT_COUNT);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
