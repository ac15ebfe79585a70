#include "runtime/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support.h"

static char *bundle, *living;
static struct hp_error err;
static struct hp_sandbox *sandbox;

static void set_up(void) {
  struct hp_container_spec spec = {0};
  struct hp_journal *journal = NULL;
  bundle = unit_directory("sandbox");
  living = hp_printf("%s/living", bundle);
  unit_make_directory(living);
  err = (struct hp_error)HP_ERROR_INIT;
  ck_assert_int_eq(hp_journal_open(bundle, &journal, &err), 0);
  sandbox = hp_sandbox_new("s1", &spec, journal);
}

static void tear_down(void) {
  ck_assert_int_eq(hp_sandbox_remove(sandbox, &err), 0);
  hp_sandbox_unref(sandbox);
  unit_remove_directory(living);
  unit_remove_directory(bundle);
  free(living);
  free(bundle);
  hp_error_clear(&err);
}

static void add(const char *member) {
  ck_assert_msg(hp_sandbox_add_member(sandbox, member, &err) == 0, "%s", err.message);
}

static size_t times(const json_t *records, const char *member) {
  size_t count = 0;
  for (size_t i = 0; i < json_array_size(records); i++)
    count += strcmp(json_string_value(json_object_get(json_array_get(records, i), "bundle")), member) == 0;
  return count;
}

/* Long names, so that it takes few writes to disk. */
START_TEST(gone_members_do_not_gather) {
  if (!unit_replaces_open_files())
    return;
  char name[4000];
  json_t *records = NULL;
  bool alive = false;
  char *damage = NULL;
  add(living);
  for (int i = 0; i < 100; i++) {
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t slash = 0; slash < sizeof name - 1; slash += 200)
      name[slash] = '/';
    char digits[16];
    snprintf(digits, sizeof digits, "%d", i);
    memcpy(name + 1, digits, strlen(digits));
    add(name);
    add(living); /* the same again: an id may come back */
  }
  ck_assert_int_eq(hp_journal_read(bundle, &records, &alive, &damage, &err), 0);
  ck_assert(alive);
  ck_assert_ptr_null(damage);
  ck_assert_uint_eq(times(records, name), 1); /* the last one is there, whatever was dropped */
  ck_assert_uint_ge(times(records, living), 1);
  ck_assert_uint_lt(json_array_size(records), 60);
  json_decref(records);
}
END_TEST

START_TEST(living_members_stay) {
  if (!unit_replaces_open_files())
    return;
  char *members[40], tail[201], last[3000];
  size_t kept = 0;
  memset(tail, 'x', 200);
  tail[200] = '\0';
  for (size_t i = 0; i < 40; i++) {
    members[i] = hp_printf("%s/%zu%s", bundle, i, tail);
    unit_make_directory(members[i]);
    add(members[i]);
  }
  memset(last, 'y', sizeof last - 1);
  last[0] = '/';
  last[sizeof last - 1] = '\0';
  for (int i = 0; i < 40; i++) /* ENAMETOOLONG: nobody knows whether it is there, so it stays */
    add(last);
  json_t *records = NULL;
  bool alive = false;
  char *damage = NULL;
  ck_assert_int_eq(hp_journal_read(bundle, &records, &alive, &damage, &err), 0);
  for (size_t i = 0; i < 40; i++) {
    kept += times(records, members[i]);
    unit_remove_directory(members[i]);
    free(members[i]);
  }
  ck_assert_uint_eq(kept, 40);
  ck_assert_uint_ge(times(records, last), 1);
  ck_assert_uint_lt(times(records, last), 40); /* it was tidied */
  json_decref(records);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_sandbox");
  TCase *tests = tcase_create("sandbox");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, gone_members_do_not_gather);
  tcase_add_test(tests, living_members_stay);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
