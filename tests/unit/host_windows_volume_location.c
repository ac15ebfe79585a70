/* A place for container volumes that somebody else could exchange. */
#include "host/windows/volume.h"

#include "double_windows_container.h"
#include "foreign_owner_windows.h"
#include "support.h"

START_TEST(a_volume_is_not_made_in_somebody_elses_directory) {
  make_directory_in_scratch(L"place");
  verdict.behavior = HP_MOUNT_SYMLINK;
  foreign_name = L"place";
  expect_refusal(plan(), HP_FAILED_PRECONDITION, "place\" belongs to");
  foreign_name = NULL;
  expect(plan());
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/volume_location");
  TCase *test = tcase_create("volume_location");
  tcase_set_timeout(test, 60);
  tcase_add_checked_fixture(test, container_enter, container_leave);
  tcase_add_test(test, a_volume_is_not_made_in_somebody_elses_directory);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
