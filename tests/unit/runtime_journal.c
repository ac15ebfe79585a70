#include "runtime/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_bundle.h"

static struct hp_journal *open_new(void) {
  struct hp_journal *journal = NULL;
  ck_assert_msg(hp_journal_open(bundle, &journal, &err) == 0, "%s", err.message);
  return journal;
}

static void append(struct hp_journal *journal, const char *kind) {
  json_t *record = json_pack("{s:s}", "kind", kind);
  ck_assert_msg(hp_journal_append(journal, record, &err) == 0, "%s", err.message);
  json_decref(record);
}

/* "a b c": the kinds that hp_journal_read finds; *damage and *alive as told. */
static char *kinds(bool *alive, char **damage) {
  json_t *records = NULL;
  ck_assert_msg(hp_journal_read(bundle, &records, alive, damage, &err) == 0, "%s", err.message);
  char *text = hp_strdup("");
  for (size_t i = 0; i < json_array_size(records); i++) {
    char *more = hp_printf("%s%s%s", text, i ? " " : "",
                           json_string_value(json_object_get(json_array_get(records, i), "kind")));
    free(text);
    text = more;
  }
  json_decref(records);
  return text;
}

static void expect_kinds(const char *expected, bool expect_alive, const char *expect_damage) {
  bool alive = false;
  char *damage = NULL;
  char *text = kinds(&alive, &damage);
  ck_assert_str_eq(text, expected);
  ck_assert_int_eq(alive, expect_alive);
  if (expect_damage)
    ck_assert_msg(damage && strstr(damage, expect_damage), "damage: %s", damage ? damage : "none");
  else
    ck_assert_msg(!damage, "damage: %s", damage);
  free(text);
  free(damage);
}

START_TEST(keeps_records_in_order) {
  struct hp_journal *journal = open_new();
  append(journal, "uid");
  append(journal, "mount");
  append(journal, "cgroup");
  expect_kinds("uid mount cgroup", true, NULL);
  hp_journal_close(journal);
  expect_kinds("uid mount cgroup", false, NULL);
}
END_TEST

START_TEST(a_record_is_a_line) {
  struct hp_journal *journal = open_new();
  append(journal, "uid");
  ck_assert_uint_eq(unit_size(path), strlen("{\"kind\":\"uid\"}\n"));
  hp_journal_close(journal);
}
END_TEST

START_TEST(living_holder_keeps_others_out) {
  struct hp_journal *journal = open_new(), *second = NULL;
  ck_assert_int_eq(hp_journal_open(bundle, &second, &err), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  ck_assert_int_eq(hp_journal_open_existing(bundle, &second, &err), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  ck_assert_ptr_null(second);
  hp_error_clear(&err);
  hp_journal_close(journal);
  ck_assert_int_eq(hp_journal_open(bundle, &second, &err), 0);
  hp_journal_close(second);
}
END_TEST

START_TEST(replaced_records_are_all_there_is) {
  if (!unit_replaces_open_files())
    return;
  struct hp_journal *journal = open_new(), *second = NULL;
  append(journal, "uid");
  append(journal, "mount");
  append(journal, "cgroup");
  json_t *records = json_pack("[{s:s}]", "kind", "mount");
  ck_assert_int_eq(hp_journal_replace(journal, records, &err), 0);
  json_decref(records);
  ck_assert_uint_eq(hp_journal_size(journal), unit_size(path));
  append(journal, "late");
  expect_kinds("mount late", true, NULL);
  ck_assert_int_eq(hp_journal_open(bundle, &second, &err), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  ck_assert_int_eq(hp_journal_remove(journal, &err), 0);
  expect_kinds("", false, NULL); /* and tear_down finds no other file */
}
END_TEST

START_TEST(records_stay_where_they_cannot_be_replaced) {
  char *in_the_way = hp_printf("%s.new", path);
  struct hp_journal *journal = open_new();
  append(journal, "uid");
  unit_make_directory(in_the_way);
  json_t *records = json_array();
  ck_assert_int_eq(hp_journal_replace(journal, records, &err), -1);
  json_decref(records);
  unit_remove_directory(in_the_way);
  append(journal, "late");
  expect_kinds("uid late", true, NULL);
  hp_journal_close(journal);
  free(in_the_way);
}
END_TEST

START_TEST(remove_leaves_no_file) {
  struct hp_journal *journal = open_new();
  append(journal, "uid");
  ck_assert_int_eq(hp_journal_remove(journal, &err), 0);
  ck_assert(!unit_exists(path));
  expect_kinds("", false, NULL);
}
END_TEST

START_TEST(records_of_a_dead_shim_are_kept) {
  struct hp_journal *journal = open_new();
  append(journal, "old");
  hp_journal_close(journal);
  journal = open_new();
  append(journal, "new");
  hp_journal_close(journal);
  expect_kinds("old new", false, NULL);
}
END_TEST

START_TEST(torn_line_does_not_swallow_the_next) {
  static const char torn[] = "{\"kind\":\"uid\"}\n{\"kind\":\"mou";
  unit_write(path, torn, sizeof torn - 1);
  expect_kinds("uid", false, "1 of 2 lines cannot be read; the first is line 2");
  struct hp_journal *journal = open_new();
  append(journal, "cgroup");
  hp_journal_close(journal);
  expect_kinds("uid cgroup", false, "line 2");
}
END_TEST

START_TEST(every_truncation_gives_what_is_whole) {
  static const char whole[] = "{\"kind\":\"a\"}\n{\"kind\":\"b\"}\n";
  for (size_t length = 0; length < sizeof whole; length++) {
    unit_write(path, whole, length);
    bool alive = false;
    char *damage = NULL;
    char *text = kinds(&alive, &damage);
    ck_assert_str_eq(text, length < 12 ? "" : length < 25 ? "a" : "a b");
    ck_assert_int_eq(damage != NULL, length % 13 != 0 && length % 13 != 12);
    free(text);
    free(damage);
  }
}
END_TEST

START_TEST(garbage_is_passed_over) {
  static const char garbage[] =
      "\0\xff\xfe\n[]\n{\"kind\":7}\n{\"kind\":\"uid\"}\n\n{\"kind\":\"x\",\"kind\":\"y\"}\n"
      "{\"a\":1}\n{\"kind\":\"cgroup\"} trailing\n\"kind\"\n";
  unit_write(path, garbage, sizeof garbage - 1);
  expect_kinds("uid", false, "7 of 9 lines cannot be read; the first is line 1");
}
END_TEST

START_TEST(deep_nesting_is_damage) {
  size_t depth = 200000;
  char *data = hp_alloc(depth + 2);
  memset(data, '[', depth);
  data[depth] = '\n';
  unit_write(path, data, depth + 1);
  expect_kinds("", false, "1 of 1 lines");
  free(data);
}
END_TEST

START_TEST(missing_is_empty) {
  struct hp_journal *journal = (struct hp_journal *)path; /* to see that it is set */
  expect_kinds("", false, NULL);
  ck_assert_int_eq(hp_journal_open_existing(bundle, &journal, &err), 0);
  ck_assert_ptr_null(journal);
  ck_assert(!unit_exists(path));

  json_t *records = NULL;
  bool alive = true;
  char *damage = NULL;
  char *no_bundle = hp_printf("%s/no-such-bundle", bundle);
  ck_assert_int_eq(hp_journal_read(no_bundle, &records, &alive, &damage, &err), 0);
  free(no_bundle);
  ck_assert_uint_eq(json_array_size(records), 0);
  ck_assert(!alive);
  json_decref(records);
}
END_TEST

/* Opening and reading must both refuse; *code of the refusal. */
static void expect_refused(const char *say) {
  struct hp_journal *journal = NULL;
  json_t *records = NULL;
  bool alive = false;
  char *damage = NULL;
  ck_assert_int_eq(hp_journal_open(bundle, &journal, &err), -1);
  ck_assert_ptr_null(journal);
  ck_assert_msg(strstr(err.message, say), "%s", err.message);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_journal_read(bundle, &records, &alive, &damage, &err), -1);
  ck_assert_msg(strstr(err.message, say), "%s", err.message);
  ck_assert_ptr_null(records);
}

START_TEST(link_is_refused) {
  char *target = hp_printf("%s/target", bundle);
  unit_write(target, "", 0);
  if (unit_link(target, path))
    expect_refused("");
  unit_remove(target);
  free(target);
}
END_TEST

START_TEST(too_large_is_refused) {
  unit_set_size(path, (uint64_t)HP_JOURNAL_MAX + 1);
  expect_refused("more than");
}
END_TEST

START_TEST(bundle_that_is_a_link_is_refused) {
  char *link = hp_printf("%s-link", bundle);
  if (unit_link(bundle, link)) {
    struct hp_journal *journal = NULL;
    ck_assert_int_eq(hp_journal_open(link, &journal, &err), -1);
    ck_assert(!unit_exists(path));
    unit_remove(link);
  }
  free(link);
}
END_TEST

START_TEST(record_without_kind_is_refused) {
  struct hp_journal *journal = open_new();
  json_t *record = json_pack("{s:i}", "kind", 3);
  ck_assert_int_eq(hp_journal_append(journal, record, &err), -1);
  json_decref(record);
  hp_journal_close(journal);
  expect_kinds("", false, NULL);
}
END_TEST

START_TEST(full_journal_takes_no_part_of_a_record) {
  struct hp_journal *journal = open_new();
  append(journal, "first");
  char *text = hp_alloc(HP_JOURNAL_MAX);
  memset(text, 'x', HP_JOURNAL_MAX - 1);
  json_t *record = json_pack("{s:s,s:s}", "kind", "large", "text", text);
  ck_assert_int_eq(hp_journal_append(journal, record, &err), -1);
  ck_assert_int_eq(err.code, HP_RESOURCE_EXHAUSTED);
  hp_error_clear(&err);
  append(journal, "last");
  hp_journal_close(journal);
  expect_kinds("first last", false, NULL);
  json_decref(record);
  free(text);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_journal");
  TCase *tests = tcase_create("journal");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, keeps_records_in_order);
  tcase_add_test(tests, a_record_is_a_line);
  tcase_add_test(tests, living_holder_keeps_others_out);
  tcase_add_test(tests, replaced_records_are_all_there_is);
  tcase_add_test(tests, records_stay_where_they_cannot_be_replaced);
  tcase_add_test(tests, remove_leaves_no_file);
  tcase_add_test(tests, records_of_a_dead_shim_are_kept);
  tcase_add_test(tests, torn_line_does_not_swallow_the_next);
  tcase_add_test(tests, every_truncation_gives_what_is_whole);
  tcase_add_test(tests, garbage_is_passed_over);
  tcase_add_test(tests, deep_nesting_is_damage);
  tcase_add_test(tests, missing_is_empty);
  tcase_add_test(tests, link_is_refused);
  tcase_add_test(tests, too_large_is_refused);
  tcase_add_test(tests, bundle_that_is_a_link_is_refused);
  tcase_add_test(tests, record_without_kind_is_refused);
  tcase_add_test(tests, full_journal_takes_no_part_of_a_record);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
