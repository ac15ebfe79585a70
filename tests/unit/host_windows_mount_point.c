/* Shared directories of the host, and the ledger that counts their users. */
#include "host/windows/mount_point.h"

#include "host/host.h"
#include "host/ledger.h"
#include "host/owner.h"
#include "scratch_windows.h"
#include "support.h"

static struct hp_error err;

static void enter(void) {
  scratch_make();
  make_directory_in_scratch(L"bundle");
}

static void leave(void) {
  scratch_remove();
  hp_error_clear(&err);
}

static json_t *owner_of(const char *id) {
  json_t *owner = NULL;
  wchar_t *wide = in_scratch(L"bundle");
  char *bundle = hp_narrow(wide);
  ck_assert_msg(hp_ledger_owner("ns", id, bundle, &owner, &err) == 0, "%s", err.message ? err.message : "");
  free(bundle);
  free(wide);
  return owner;
}

static void make(const json_t *owner, const wchar_t *name, enum hp_mount_point_type type, int wanted) {
  wchar_t *path = in_scratch(name);
  json_t *points = json_pack("[o]", hp_mount_point_describe(path, type));
  int result = hp_mount_points_make(owner, points, &err);
  ck_assert_msg(result == wanted, "%s", err.message ? err.message : "made");
  json_decref(points);
  free(path);
}

static void release(const json_t *owner) {
  ck_assert_msg(hp_mount_points_release(owner, &err) == 0, "%s", err.message ? err.message : "");
}

static size_t count_claims(void) {
  json_t *claims = NULL;
  ck_assert_msg(hp_ledger_read(&claims, &err) == 0, "%s", err.message ? err.message : "");
  size_t count = json_array_size(claims);
  json_decref(claims);
  return count;
}

START_TEST(the_last_user_removes) {
  json_t *first = owner_of("c1"), *second = owner_of("c2");
  make(first, L"var\\run\\a", HP_MOUNT_POINT_DIRECTORY, 0);
  ck_assert(exists(L"var\\run\\a"));
  make(first, L"var\\run\\a", HP_MOUNT_POINT_DIRECTORY, 0); /* claimed once */
  ck_assert_uint_eq(count_claims(), 3);
  make(second, L"VAR\\run\\b", HP_MOUNT_POINT_DIRECTORY, 0);
  ck_assert_uint_eq(count_claims(), 6);
  release(first);
  ck_assert(!exists(L"var\\run\\a") && exists(L"var\\run\\b"));
  release(second);
  ck_assert(!exists(L"var"));
  ck_assert_uint_eq(count_claims(), 0);
  release(second);
  json_decref(first);
  json_decref(second);
}
END_TEST

START_TEST(the_hosts_own_directories_are_nobodys) {
  json_t *owner = owner_of("c1");
  make_directory_in_scratch(L"data");
  make(owner, L"data", HP_MOUNT_POINT_DIRECTORY, 0);
  ck_assert_uint_eq(count_claims(), 0);
  release(owner);
  ck_assert(exists(L"data"));
  json_decref(owner);
}
END_TEST

START_TEST(what_somebody_filled_stays) {
  json_t *owner = owner_of("c1");
  make(owner, L"var\\run", HP_MOUNT_POINT_DIRECTORY, 0);
  make_file_in_scratch(L"var\\file", "somebody else's");
  release(owner);
  ck_assert(exists(L"var\\file") && !exists(L"var\\run"));
  ck_assert_uint_eq(count_claims(), 0);
  json_decref(owner);
}
END_TEST

/* Anybody may look at one, and keeps it from being removed; nothing else waits for him. */
START_TEST(what_somebody_holds_goes_later) {
  static const enum hp_mount_point_type types[] = {HP_MOUNT_POINT_DIRECTORY, HP_MOUNT_POINT_VOLUME};
  for (size_t i = 0; i < 2; i++) {
    json_t *owner = owner_of("c1"), *other = owner_of("c2");
    make(owner, L"var\\run\\a", types[i], 0);
    wchar_t *path = in_scratch(L"var\\run\\a");
    HANDLE held = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS, NULL);
    ck_assert_ptr_ne(held, INVALID_HANDLE_VALUE);
    release(owner);
    ck_assert(exists(L"var\\run\\a"));
    ck_assert_uint_eq(count_claims(), 3); /* with those above */
    make(other, L"var\\run\\b", HP_MOUNT_POINT_DIRECTORY, 0);
    release(other);
    ck_assert_uint_eq(count_claims(), 3);
    CloseHandle(held);
    release(owner);
    ck_assert(!exists(L"var"));
    ck_assert_uint_eq(count_claims(), 0);
    free(path);
    json_decref(owner);
    json_decref(other);
  }
}
END_TEST

START_TEST(a_volumes_place_has_one_owner) {
  json_t *owner = owner_of("c1"), *other = owner_of("c2");
  make(owner, L"hpc\\c1", HP_MOUNT_POINT_VOLUME, 0);
  make(other, L"hpc\\c1", HP_MOUNT_POINT_VOLUME, -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  ck_assert_ptr_nonnull(strstr(err.message, "ns/c1"));
  hp_error_clear(&err);
  release(other);
  ck_assert(exists(L"hpc\\c1"));
  make_directory_in_scratch(L"there");
  make(other, L"there", HP_MOUNT_POINT_VOLUME, -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  release(owner);
  ck_assert(!exists(L"hpc"));
  json_decref(owner);
  json_decref(other);
}
END_TEST

START_TEST(a_hostile_record_is_refused) {
  static const char *const bad[] = {"", "..\\x", "\\\\server\\share", "C:\\", "C:\\a\\..\\b", "\\\\?\\C:\\x"};
  json_t *owner = owner_of("c1");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    json_t *points = json_pack("[{s:s, s:s}]", "path", bad[i], "type", "directory");
    ck_assert_msg(hp_mount_points_make(owner, points, &err) == -1, "%s was taken", bad[i]);
    ck_assert_int_eq(err.code, HP_INTERNAL);
    hp_error_clear(&err);
    json_decref(points);
  }
  json_decref(owner);
}
END_TEST

START_TEST(the_sweep_takes_only_from_the_dead) {
  json_t *alive = owner_of("c1"), *gone = NULL, *before = owner_of("c3");
  ck_assert_int_eq(hp_ledger_owner("ns", "c2", "C:\\no\\such\\bundle", &gone, &err), 0);
  json_object_set_new(before, "boot", json_string("0123456789abcdef"));
  make(alive, L"a", HP_MOUNT_POINT_DIRECTORY, 0);
  make(gone, L"g", HP_MOUNT_POINT_DIRECTORY, 0);
  make(before, L"b", HP_MOUNT_POINT_DIRECTORY, 0);
  ck_assert(hp_ledger_owner_lives(alive) && !hp_ledger_owner_lives(gone) && !hp_ledger_owner_lives(before));
  host_sweep();
  ck_assert(exists(L"a") && !exists(L"g") && !exists(L"b"));
  ck_assert_uint_eq(count_claims(), 1);
  release(alive);
  json_decref(alive);
  json_decref(gone);
  json_decref(before);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_mount_point");
  TCase *tcase = tcase_create("mount points");
  tcase_add_checked_fixture(tcase, enter, leave);
  tcase_add_test(tcase, the_last_user_removes);
  tcase_add_test(tcase, the_hosts_own_directories_are_nobodys);
  tcase_add_test(tcase, what_somebody_filled_stays);
  tcase_add_test(tcase, what_somebody_holds_goes_later);
  tcase_add_test(tcase, a_volumes_place_has_one_owner);
  tcase_add_test(tcase, a_hostile_record_is_refused);
  tcase_add_test(tcase, the_sweep_takes_only_from_the_dead);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
