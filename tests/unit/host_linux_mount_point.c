#include "host/linux/mount_point.h"

#include "base/log.h"
#include "host/ledger.h"
#include "host/owner.h"
#include "support.h"
#include "throwaway_host.h"

static struct hp_error err;
static json_t *first, *second;

static void enter(void) {
  throwaway_host_enter();
  hp_log_set_level(HP_LOG_ERROR);
  ck_assert_int_eq(hp_ledger_owner("ns", "first", "/scratch", &first, &err), 0);
  ck_assert_int_eq(hp_ledger_owner("ns", "second", "/scratch", &second, &err), 0);
}

static void leave(void) {
  json_decref(first);
  json_decref(second);
  hp_error_clear(&err);
}

static int make(const json_t *owner, const char *path, enum hp_mount_point_type type) {
  json_t *points = json_pack("[o]", hp_mount_point_describe(path, type));
  int result = hp_mount_points_make(owner, points, &err);
  json_decref(points);
  return result;
}

static void expect_made(const json_t *owner, const char *path, enum hp_mount_point_type type) {
  ck_assert_msg(make(owner, path, type) == 0, "%s: %s", path, err.message ? err.message : "");
}

static void release(const json_t *owner) {
  ck_assert_msg(hp_mount_points_release(owner, &err) == 0, "%s", err.message ? err.message : "");
}

static size_t count_claims(void) {
  json_t *claims = NULL;
  ck_assert_int_eq(hp_ledger_read(&claims, &err), 0);
  size_t count = json_array_size(claims);
  json_decref(claims);
  return count;
}

START_TEST(made_and_removed) {
  make_directories("/scratch/there");
  expect_made(first, "/scratch/there/a/b", HP_MOUNT_POINT_DIRECTORY);
  expect_made(first, "/scratch/there/a/f", HP_MOUNT_POINT_FILE);
  struct stat st;
  ck_assert_int_eq(stat("/scratch/there/a/b", &st), 0);
  ck_assert_int_eq(st.st_mode, S_IFDIR | 0755);
  ck_assert_int_eq(stat("/scratch/there/a/f", &st), 0);
  ck_assert_int_eq(st.st_mode, S_IFREG | 0644);
  ck_assert_uint_eq(count_claims(), 3);
  release(first);
  ck_assert(!exists("/scratch/there/a"));
  ck_assert(exists("/scratch/there")); /* not ours */
  ck_assert_uint_eq(count_claims(), 0);
  release(first); /* idempotent */
}
END_TEST

START_TEST(whatever_the_umask) {
  mode_t before = umask(0777);
  expect_made(first, "/scratch/a/b", HP_MOUNT_POINT_DIRECTORY);
  umask(before);
  struct stat st;
  ck_assert_int_eq(stat("/scratch/a", &st), 0);
  ck_assert_int_eq(st.st_mode, S_IFDIR | 0755);
}
END_TEST

START_TEST(the_last_user_removes) {
  expect_made(first, "/scratch/shared/one", HP_MOUNT_POINT_DIRECTORY);
  expect_made(second, "/scratch/shared/two", HP_MOUNT_POINT_DIRECTORY);
  expect_made(second, "/scratch/shared/one", HP_MOUNT_POINT_DIRECTORY);
  expect_made(second, "/scratch/shared/one", HP_MOUNT_POINT_DIRECTORY); /* claimed once all the same */
  release(first);
  ck_assert(exists("/scratch/shared/one") && exists("/scratch/shared/two"));
  release(second);
  ck_assert(!exists("/scratch/shared"));
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(what_was_there_is_nobodys) {
  make_directories("/scratch/old");
  write_file("/scratch/file", "");
  expect_made(first, "/scratch/old", HP_MOUNT_POINT_DIRECTORY);
  expect_made(first, "/scratch/file", HP_MOUNT_POINT_FILE);
  ck_assert_uint_eq(count_claims(), 0);
  release(first);
  ck_assert(exists("/scratch/old") && exists("/scratch/file"));
}
END_TEST

START_TEST(what_was_filled_stays) {
  expect_made(first, "/scratch/a", HP_MOUNT_POINT_DIRECTORY);
  expect_made(first, "/scratch/f", HP_MOUNT_POINT_FILE);
  write_file("/scratch/a/precious", "data");
  write_file("/scratch/f", "data");
  release(first);
  ck_assert_str_eq(read_text("/scratch/a/precious"), "data");
  ck_assert_str_eq(read_text("/scratch/f"), "data");
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(a_link_in_its_place_is_not_followed) {
  make_directories("/scratch/target/b");
  expect_made(first, "/scratch/a/b", HP_MOUNT_POINT_DIRECTORY);
  ck_assert_int_eq(rmdir("/scratch/a/b"), 0);
  ck_assert_int_eq(rmdir("/scratch/a"), 0);
  ck_assert_int_eq(symlink("/scratch/target", "/scratch/a"), 0);
  release(first);
  ck_assert(exists("/scratch/target/b") && exists("/scratch/a"));
}
END_TEST

START_TEST(busy_claims_are_tried_again) {
  expect_made(first, "/scratch/a/b", HP_MOUNT_POINT_DIRECTORY);
  ck_assert_int_eq(mount("tmpfs", "/scratch/a/b", "tmpfs", 0, NULL), 0);
  ck_assert_int_eq(hp_mount_points_release(first, &err), -1);
  ck_assert_int_eq(err.os_code, EBUSY);
  ck_assert(exists("/scratch/a/b"));
  ck_assert_uint_ge(count_claims(), 1);
  ck_assert_int_eq(umount2("/scratch/a/b", MNT_DETACH), 0);
  release(first);
  ck_assert(!exists("/scratch/a")); /* what stood above it was tried again, too */
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(only_where_root_alone_writes) {
  static const struct {
    uid_t uid;
    mode_t mode;
    bool made;
  } cases[] = {{0, 0755, true}, {0, 01777, true}, {0, 0777, false}, {1000, 0755, false}};
  make_directories("/scratch/parent");
  ck_assert_int_eq(chown("/scratch/parent", cases[_i].uid, 0), 0);
  ck_assert_int_eq(chmod("/scratch/parent", cases[_i].mode), 0);
  struct hp_host_path where;
  ck_assert_int_eq(hp_walk_host("/scratch/parent/x/y", NULL, 0, &where, &err), 0);
  ck_assert_int_eq(hp_mount_point_check(&where, &err), cases[_i].made ? 0 : -1);
  hp_host_path_clear(&where);
  ck_assert_int_eq(make(first, "/scratch/parent/x/y", HP_MOUNT_POINT_DIRECTORY), cases[_i].made ? 0 : -1);
  ck_assert_int_eq(exists("/scratch/parent/x/y"), cases[_i].made);
  if (!cases[_i].made)
    ck_assert_ptr_nonnull(strstr(err.message, "others than root can write"));
  release(first);
  ck_assert(!exists("/scratch/parent/x"));
}
END_TEST

START_TEST(kinds_must_agree) {
  write_file("/scratch/file", "");
  make_directories("/scratch/directory");
  ck_assert_int_eq(symlink("/etc", "/scratch/link"), 0);
  ck_assert_int_eq(make(first, "/scratch/file", HP_MOUNT_POINT_DIRECTORY), -1);
  ck_assert_int_eq(make(first, "/scratch/directory", HP_MOUNT_POINT_FILE), -1);
  ck_assert_int_eq(make(first, "/scratch/link", HP_MOUNT_POINT_DIRECTORY), -1);
  ck_assert_int_eq(make(first, "/scratch/link/x", HP_MOUNT_POINT_DIRECTORY), -1);
  ck_assert(!exists("/etc/x"));
}
END_TEST

START_TEST(volumes_have_one_owner) {
  expect_made(first, "/scratch/v", HP_MOUNT_POINT_VOLUME);
  expect_made(first, "/scratch/v", HP_MOUNT_POINT_VOLUME);
  ck_assert_int_eq(make(second, "/scratch/v", HP_MOUNT_POINT_VOLUME), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  ck_assert_ptr_nonnull(strstr(err.message, "ns/first"));
  make_directories("/scratch/stranger");
  ck_assert_int_eq(make(second, "/scratch/stranger", HP_MOUNT_POINT_VOLUME), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  /* Only its owner unmounts it; removing it unmounts too. */
  ck_assert_int_eq(mount("tmpfs", "/scratch/v", "tmpfs", 0, NULL), 0);
  write_file("/scratch/v/marker", "");
  ck_assert_int_eq(hp_mount_point_unmount(second, "/scratch/v", &err), 0);
  ck_assert(exists("/scratch/v/marker"));
  ck_assert_int_eq(hp_mount_point_unmount(first, "/scratch/v", &err), 0);
  ck_assert(!exists("/scratch/v/marker"));
  ck_assert_int_eq(hp_mount_point_unmount(first, "/scratch/v", &err), 0);
  ck_assert_int_eq(mount("tmpfs", "/scratch/v", "tmpfs", 0, NULL), 0);
  release(second);
  ck_assert(exists("/scratch/v"));
  release(first);
  ck_assert(!exists("/scratch/v"));
}
END_TEST

START_TEST(needed_only_where_missing_or_claimed) {
  make_directories("/scratch/old");
  expect_made(first, "/scratch/new/sub", HP_MOUNT_POINT_DIRECTORY);
  make_directories("/scratch/new/sub/inner");
  static const struct {
    const char *path;
    bool needed;
  } cases[] = {
      {"/scratch/old", false}, {"/scratch/none", true}, {"/scratch/new/sub/inner", true}, {"/", false}};
  json_t *claims = NULL;
  ck_assert_int_eq(hp_ledger_read(&claims, &err), 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct hp_host_path where;
    ck_assert_int_eq(hp_walk_host(cases[i].path, NULL, 0, &where, &err), 0);
    ck_assert_msg(hp_mount_point_needed(&where, claims) == cases[i].needed, "%s", cases[i].path);
    hp_host_path_clear(&where);
  }
  json_decref(claims);
}
END_TEST

START_TEST(records_are_checked) {
  json_t *points = json_pack("[{s:s}]", "path", "/scratch/x");
  ck_assert_int_eq(hp_mount_points_make(first, points, &err), -1);
  json_decref(points);
  points = json_pack("[{s:s, s:s}]", "path", "relative", "type", "directory");
  ck_assert_int_eq(hp_mount_points_make(first, points, &err), -1);
  json_decref(points);
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(the_base_is_roots_alone) {
  rmdir("/hpc");
  ck_assert_int_eq(hp_mount_point_base(false, &err), 0);
  ck_assert(!exists("/hpc"));
  ck_assert_int_eq(hp_mount_point_base(true, &err), 0);
  ck_assert(exists("/hpc"));
  ck_assert_int_eq(hp_mount_point_base(true, &err), 0);
  ck_assert_int_eq(chmod("/hpc", 01777), 0);
  ck_assert_int_eq(hp_mount_point_base(true, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_int_eq(chmod("/hpc", 0755), 0);
  ck_assert_int_eq(chown("/hpc", 1000, 0), 0);
  ck_assert_int_eq(hp_mount_point_base(false, &err), -1);
  ck_assert_int_eq(rmdir("/hpc"), 0);
  ck_assert_int_eq(symlink("/scratch", "/hpc"), 0);
  ck_assert_int_eq(hp_mount_point_base(true, &err), -1);
}
END_TEST

int main(void) {
  const char *missing = throwaway_host_missing();
  if (missing) {
    printf("skipped: %s\n", missing);
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create("host/linux/mount_point");
  TCase *points = tcase_create("mount points");
  tcase_add_checked_fixture(points, enter, leave);
  tcase_set_timeout(points, 60);
  tcase_add_test(points, made_and_removed);
  tcase_add_test(points, whatever_the_umask);
  tcase_add_test(points, the_last_user_removes);
  tcase_add_test(points, what_was_there_is_nobodys);
  tcase_add_test(points, what_was_filled_stays);
  tcase_add_test(points, a_link_in_its_place_is_not_followed);
  tcase_add_test(points, busy_claims_are_tried_again);
  tcase_add_loop_test(points, only_where_root_alone_writes, 0, 4);
  tcase_add_test(points, kinds_must_agree);
  tcase_add_test(points, volumes_have_one_owner);
  tcase_add_test(points, needed_only_where_missing_or_claimed);
  tcase_add_test(points, records_are_checked);
  tcase_add_test(points, the_base_is_roots_alone);
  suite_add_tcase(suite, points);
  return hp_run_suite(suite);
}
