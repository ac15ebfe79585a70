/* A place for container volumes that somebody else could exchange. */
#include "host/windows/volume.h"

#include "double_windows_container.h"
#include "foreign_owner_windows.h"
#include "loose_windows.h"
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

/* Whoever can take a directory's name away can put his own in its place. */
START_TEST(a_volume_is_not_made_where_others_can_exchange_it) {
  static const wchar_t *const loose[] = {L"above", L"place"};
  make_directory_in_scratch(L"above");
  make_directory_in_scratch(L"place");
  for (size_t i = 0; i < 2; i++) {
    char *path = narrow_in_scratch(loose[i]), *below = hp_printf("%s\\not\\yet", path);
    spec.rootfs_location = i == 0 ? below : path;
    verdict.behavior = HP_MOUNT_SYMLINK;
    expect(hp_volume_check(&request, &err));
    open_to_everyone(path);
    expect_refusal(hp_volume_check(&request, &err), HP_FAILED_PRECONDITION, " can exchange what is in ");
    free(below);
    free(path);
  }
  spec.rootfs_location = location;
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/volume_location");
  TCase *test = tcase_create("volume_location");
  tcase_set_timeout(test, 60);
  tcase_add_checked_fixture(test, container_enter, container_leave);
  tcase_add_test(test, a_volume_is_not_made_in_somebody_elses_directory);
  tcase_add_test(test, a_volume_is_not_made_where_others_can_exchange_it);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
