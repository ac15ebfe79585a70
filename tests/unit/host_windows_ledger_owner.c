/* Of the ledger's files that somebody else could have put there first. */
#include "host/ledger.h"

#include "foreign_owner_windows.h"
#include "host/windows/text.h"
#include "scratch_windows.h"
#include "support.h"

static struct hp_error err;

static void leave(void) {
  foreign_name = NULL;
  scratch_remove();
  hp_error_clear(&err);
}

static int save_one_claim(void) {
  struct hp_ledger *ledger;
  json_t *owner = NULL;
  if (hp_ledger_owner("ns", "c1", "C:\\b", &owner, &err) != 0)
    return -1;
  int result = hp_ledger_open(&ledger, &err);
  if (result == 0) {
    hp_ledger_add(ledger, "account", owner, json_pack("{s:s}", "name", "hpc-1"));
    result = hp_ledger_save(ledger, &err);
    hp_ledger_close(ledger);
  }
  json_decref(owner);
  return result;
}

static void assert_refused(int result, const char *name) {
  ck_assert_int_eq(result, -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_msg(strstr(err.message, name) && strstr(err.message, "remove it"), "%s", err.message);
  hp_error_clear(&err);
}

START_TEST(a_ledger_of_somebody_else_is_not_believed) {
  json_t *claims = NULL;
  struct hp_ledger *ledger;
  ck_assert_msg(save_one_claim() == 0, "%s", err.message);
  foreign_name = L"ledger.json";
  assert_refused(hp_ledger_read(&claims, &err), "\\ledger.json\"");
  assert_refused(hp_ledger_open(&ledger, &err), "\\ledger.json\"");
  foreign_name = NULL;
  ck_assert_int_eq(hp_ledger_read(&claims, &err), 0);
  json_decref(claims);
}
END_TEST

/* He could hold it for ever. */
START_TEST(a_lock_of_somebody_else_is_no_lock) {
  struct hp_ledger *ledger;
  ck_assert_msg(save_one_claim() == 0, "%s", err.message);
  foreign_name = L"lock";
  assert_refused(hp_ledger_open(&ledger, &err), "\\lock\"");
}
END_TEST

START_TEST(nothing_is_written_into_what_is_there) {
  ck_assert_msg(save_one_claim() == 0, "%s", err.message);
  wchar_t *victim = in_scratch(L"victim"), *draft = in_scratch(L"state\\ledger.json.new");
  make_file_in_scratch(L"victim", "mine");
  ck_assert_msg(CreateHardLinkW(draft, victim, NULL), "CreateHardLinkW: %lu", GetLastError());
  ck_assert_msg(save_one_claim() == 0, "%s", err.message);
  WIN32_FILE_ATTRIBUTE_DATA data;
  ck_assert(GetFileAttributesExW(victim, GetFileExInfoStandard, &data));
  ck_assert_uint_eq(data.nFileSizeLow, strlen("mine"));
  free(victim);
  free(draft);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/ledger_owner");
  TCase *test = tcase_create("ledger_owner");
  tcase_set_timeout(test, 60);
  tcase_add_checked_fixture(test, scratch_make, leave);
  tcase_add_test(test, a_ledger_of_somebody_else_is_not_believed);
  tcase_add_test(test, a_lock_of_somebody_else_is_no_lock);
  tcase_add_test(test, nothing_is_written_into_what_is_there);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
