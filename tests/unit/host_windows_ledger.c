#include "host/ledger.h"

#include "host/windows/boot.h"
#include "scratch_windows.h"
#include "support.h"

static struct hp_error err;

static void leave(void) {
  scratch_remove();
  hp_error_clear(&err);
}

static struct hp_ledger *open_ledger(void) {
  struct hp_error why = HP_ERROR_INIT;
  struct hp_ledger *ledger = NULL;
  if (hp_ledger_open(&ledger, &why) != 0)
    printf("%s\n", why.message);
  hp_error_clear(&why);
  return ledger;
}

static size_t count_claims(void) {
  json_t *claims = NULL;
  ck_assert_msg(hp_ledger_read(&claims, &err) == 0, "%s", err.message ? err.message : "");
  size_t count = json_array_size(claims);
  json_decref(claims);
  return count;
}

START_TEST(claims_are_kept_once_saved) {
  json_t *owner = NULL;
  ck_assert_int_eq(hp_ledger_owner("ns", "c1", "C:\\b", &owner, &err), 0);
  ck_assert_uint_eq(count_claims(), 0);
  ck_assert(!exists(L"state")); /* reading makes nothing */
  struct hp_ledger *ledger = open_ledger();
  ck_assert_ptr_nonnull(ledger);
  hp_ledger_add(ledger, "account", owner, json_pack("{s:s}", "name", "hpc-1"));
  hp_ledger_close(ledger);
  ck_assert_uint_eq(count_claims(), 0);
  ledger = open_ledger();
  hp_ledger_add(ledger, "account", owner, json_pack("{s:s}", "name", "hpc-1"));
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0);
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0); /* over the old one */
  hp_ledger_close(ledger);
  ck_assert_uint_eq(count_claims(), 1);
  ledger = open_ledger();
  const json_t *claim = json_array_get(hp_ledger_claims(ledger), 0);
  ck_assert(hp_ledger_is(claim, "account", owner) && !hp_ledger_is(claim, "mount-point", NULL));
  hp_ledger_close(ledger);
  ck_assert(!exists(L"state\\ledger.json.new"));
  json_decref(owner);
}
END_TEST

START_TEST(a_damaged_ledger_is_refused_and_kept) {
  static const char *const bad[] = {
      "",
      "{",
      "[]",
      "{\"version\":2,\"claims\":[]}",
      "{\"version\":1}",
      "{\"version\":1,\"version\":1,\"claims\":[]}",
      "{\"version\":1,\"claims\":[{\"kind\":\"account\"}]}",
      "{\"version\":1,\"claims\":[{\"kind\":1,\"owner\":{}}]}",
  };
  hp_ledger_close(open_ledger());
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct hp_ledger *ledger = NULL;
    json_t *claims = NULL;
    make_file_in_scratch(L"state\\ledger.json", bad[i]);
    ck_assert_msg(hp_ledger_open(&ledger, &err) == -1, "%s was taken", bad[i]);
    ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
    hp_error_clear(&err);
    ck_assert_int_eq(hp_ledger_read(&claims, &err), -1);
    hp_error_clear(&err);
    ck_assert(exists(L"state\\ledger.json"));
  }
}
END_TEST

#define WRITERS 4
#define ROUNDS 10

static DWORD WINAPI write_claims(void *failed) {
  for (int i = 0; i < ROUNDS; i++) {
    struct hp_error why = HP_ERROR_INIT;
    json_t *owner =
        json_pack("{s:s, s:s, s:s, s:s}", "namespace", "n", "id", "i", "bundle", "b", "boot", "x");
    struct hp_ledger *ledger = open_ledger();
    if (ledger)
      hp_ledger_add(ledger, "account", owner, json_object());
    if (!ledger || hp_ledger_save(ledger, &why) != 0)
      InterlockedIncrement(failed);
    hp_ledger_close(ledger);
    hp_error_clear(&why);
    json_decref(owner);
  }
  return 0;
}

START_TEST(writers_and_readers_do_not_lose_each_other) {
  HANDLE threads[WRITERS];
  LONG failed = 0;
  for (int i = 0; i < WRITERS; i++)
    threads[i] = CreateThread(NULL, 0, write_claims, &failed, 0, NULL);
  for (int i = 0; i < 50; i++)
    count_claims();
  ck_assert_uint_eq(WaitForMultipleObjects(WRITERS, threads, TRUE, 60000), WAIT_OBJECT_0);
  for (int i = 0; i < WRITERS; i++)
    CloseHandle(threads[i]);
  ck_assert_int_eq(failed, 0);
  ck_assert_uint_eq(count_claims(), WRITERS * ROUNDS);
}
END_TEST

START_TEST(the_boots_id_is_the_same_for_all) {
  char first[HP_BOOT_ID_SIZE], second[HP_BOOT_ID_SIZE];
  ck_assert_int_eq(hp_boot_id(first, &err), 0);
  ck_assert_int_eq(hp_boot_id(second, &err), 0);
  ck_assert_str_eq(first, second);
  ck_assert_uint_eq(strspn(first, "0123456789abcdef"), HP_BOOT_ID_SIZE - 1);
}
END_TEST

START_TEST(a_file_in_place_of_the_directory_is_refused) {
  struct hp_ledger *ledger = NULL;
  make_file_in_scratch(L"state", "");
  ck_assert_int_eq(hp_ledger_open(&ledger, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_ledger");
  TCase *tcase = tcase_create("ledger");
  tcase_set_timeout(tcase, 90);
  tcase_add_checked_fixture(tcase, scratch_make, leave);
  tcase_add_test(tcase, claims_are_kept_once_saved);
  tcase_add_test(tcase, a_damaged_ledger_is_refused_and_kept);
  tcase_add_test(tcase, writers_and_readers_do_not_lose_each_other);
  tcase_add_test(tcase, the_boots_id_is_the_same_for_all);
  tcase_add_test(tcase, a_file_in_place_of_the_directory_is_refused);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
