/* A shim that is killed, at every call of a container's creation and start, just
 * before it and just after it: `delete` or `gc`, in another process, leaves
 * nothing. */
#include "runtime/garbage.h"
#include "support.h"
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

/* At every fifth point; where the ledger knows everything (a link in an image's directory is the journal's
 * alone, and so are layers) also without the journal. */
START_TEST(gc_finds_what_a_killed_shim_left) {
  char *bundle = narrow_in_scratch(L"bundle"), *journal = hp_printf("%s\\" HP_JOURNAL_NAME, bundle);
  bool ledger_knows = !layouts[_i].layers && !layouts[_i].symlink;
  DWORD status = DEAD;
  for (unsigned point = 2; status == DEAD; point += 5) {
    status = run_victim(_i, "create", point);
    if (ledger_knows && status == DEAD && point % 2) /* or what it started may not be quite gone */
      unit_remove(journal);
    collect(bundle, layouts[_i].name, point);
    expect_nothing_left(layouts[_i].name, point);
    ck_assert(!exists(L"bundle\\" HP_JOURNAL_NAME));
  }
  free(journal);
  free(bundle);
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
  TCase *collected = tcase_create("gc");
  tcase_set_timeout(collected, 300);
  tcase_add_checked_fixture(collected, victim_set_up, victim_tear_down);
  tcase_add_loop_test(collected, gc_finds_what_a_killed_shim_left, 0, LAYOUT_COUNT);
  suite_add_tcase(suite, test);
  suite_add_tcase(suite, collected);
  return hp_run_suite(suite);
}
