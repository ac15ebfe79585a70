/* Volumes whose claim is lost, and claims as records. (Cgroups that a mark or a
 * place tells are those of tests/e2e/gc_test.go: they are the machine's own.) */
#include "host/strays.h"

#include "base/log.h"
#include "host/host.h"
#include "host/ledger.h"
#include "host/linux/mount_point.h"
#include "support.h"
#include "throwaway_host.h"

static struct hp_error err;
static json_t *records;

static void enter(void) {
  throwaway_host_enter();
  ck_assert_int_eq(hp_mount_point_base(true, &err), 0);
  hp_log_set_level(HP_LOG_ERROR);
}

static void leave(void) {
  json_decref(records);
  records = NULL;
  hp_error_clear(&err);
}

/* The record that names the path, NULL: there is none. */
static const json_t *record_at(const char *path) {
  size_t index;
  const json_t *record;
  json_array_foreach(records, index, record) {
    const char *other = json_string_value(json_object_get(record, "path"));
    if (other && strcmp(other, path) == 0)
      return record;
  }
  return NULL;
}

static void find(void) {
  json_decref(records);
  records = NULL;
  ck_assert_msg(host_find_made(&records, &err) == 0, "%s", err.message);
}

static json_t *owner_of(const char *id) {
  json_t *owner = NULL;
  ck_assert_int_eq(hp_ledger_owner("n", id, "/scratch/gone", &owner, &err), 0);
  return owner;
}

START_TEST(a_volume_without_a_claim_is_found_and_goes) {
  make_directories("/hpc/lost");
  make_directories("/hpc/empty");
  write_file("/hpc/a-file", "is nobody's volume\n");
  ck_assert_int_eq(mount("none", "/hpc/lost", "tmpfs", 0, NULL), 0);
  find();
  ck_assert_ptr_null(record_at("/hpc/a-file"));
  const json_t *lost = record_at("/hpc/lost"), *empty = record_at("/hpc/empty");
  ck_assert_ptr_nonnull(lost);
  ck_assert_ptr_nonnull(empty);
  for (int i = 0; i < 2; i++) /* and again */
    ck_assert_msg(host_release(lost, &err) == 0 && host_release(empty, &err) == 0, "%s", err.message);
  ck_assert_int_ne(access("/hpc/lost", F_OK), 0);
  ck_assert_int_ne(access("/hpc/empty", F_OK), 0);
  ck_assert_int_eq(access("/hpc/a-file", F_OK), 0);
}
END_TEST

START_TEST(what_somebody_filled_stays) {
  make_directories("/hpc/filled/with");
  find();
  ck_assert_int_eq(host_release(record_at("/hpc/filled"), &err), 0);
  ck_assert_int_eq(access("/hpc/filled/with", F_OK), 0);
}
END_TEST

START_TEST(a_claimed_volume_is_its_owners) {
  json_t *owner = owner_of("c1"),
         *points = json_pack("[o,o]", hp_mount_point_describe("/hpc/c1", HP_MOUNT_POINT_VOLUME),
                             hp_mount_point_describe("/scratch/point", HP_MOUNT_POINT_DIRECTORY));
  make_directories("/scratch");
  ck_assert_msg(hp_mount_points_make(owner, points, &err) == 0, "%s", err.message);
  find();
  ck_assert_ptr_null(record_at("/hpc/c1"));
  const json_t *made = NULL, *record;
  size_t index;
  json_array_foreach(records, index, record) {
    if (json_equal(json_object_get(record, "owner"), owner))
      made = record;
  }
  ck_assert_ptr_nonnull(made);
  ck_assert_str_eq(json_string_value(json_object_get(made, "kind")), "mount-points");
  ck_assert_uint_eq(json_array_size(json_object_get(made, "points")), 2);
  /* Claimed since it was found: left alone. */
  json_t *stray = json_pack("{s:s,s:s,s:b}", "kind", "volume", "path", "/hpc/c1", "stray", 1);
  ck_assert_int_eq(host_release(stray, &err), 0);
  ck_assert_int_eq(access("/hpc/c1", F_OK), 0);
  ck_assert_int_eq(host_release(made, &err), 0);
  ck_assert_int_ne(access("/hpc/c1", F_OK), 0);
  ck_assert_int_ne(access("/scratch/point", F_OK), 0);
  json_decref(stray);
  json_decref(points);
  json_decref(owner);
}
END_TEST

/* Its bundle and its journal are lost; the ledger has it wherever it is. */
START_TEST(a_volume_elsewhere_is_known_by_its_claim) {
  json_t *owner = owner_of("c1"),
         *points = json_pack("[o]", hp_mount_point_describe("/scratch/place/c1", HP_MOUNT_POINT_VOLUME));
  make_directories("/scratch");
  ck_assert_msg(hp_mount_points_make(owner, points, &err) == 0, "%s", err.message);
  ck_assert_int_eq(mount("none", "/scratch/place/c1", "tmpfs", 0, NULL), 0);
  write_file("/scratch/place/c1/content", "of the image\n");
  find();
  const json_t *made = NULL, *record;
  size_t index;
  json_array_foreach(records, index, record) {
    if (json_equal(json_object_get(record, "owner"), owner))
      made = record;
  }
  ck_assert_ptr_nonnull(made);
  ck_assert_int_eq(access("/scratch/place/c1/content", F_OK), 0); /* a look takes nothing */
  for (int i = 0; i < 2; i++)
    ck_assert_msg(host_release(made, &err) == 0, "%s", err.message);
  ck_assert_int_ne(access("/scratch/place", F_OK), 0);
  json_decref(points);
  json_decref(owner);
}
END_TEST

START_TEST(no_stray_is_outside_hpc) {
  make_directories("/scratch/other");
  json_t *stray = json_pack("{s:s,s:s,s:b}", "kind", "volume", "path", "/scratch/other", "stray", 1);
  ck_assert_int_eq(host_release(stray, &err), -1);
  ck_assert_int_eq(access("/scratch/other", F_OK), 0);
  json_decref(stray);
}
END_TEST

START_TEST(an_untrusted_hpc_is_not_swept) {
  ck_assert_int_eq(chmod("/hpc", 0777), 0);
  ck_assert_int_eq(host_find_made(&records, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "\"/hpc\" must be a real directory"));
}
END_TEST

int main(void) {
  const char *missing = throwaway_host_missing();
  if (missing) {
    printf("skipped: %s\n", missing);
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create("host_linux_strays");
  TCase *strays = tcase_create("strays");
  tcase_set_timeout(strays, 60);
  tcase_add_checked_fixture(strays, enter, leave);
  tcase_add_test(strays, a_volume_without_a_claim_is_found_and_goes);
  tcase_add_test(strays, what_somebody_filled_stays);
  tcase_add_test(strays, a_claimed_volume_is_its_owners);
  tcase_add_test(strays, a_volume_elsewhere_is_known_by_its_claim);
  tcase_add_test(strays, no_stray_is_outside_hpc);
  tcase_add_test(strays, an_untrusted_hpc_is_not_swept);
  suite_add_tcase(suite, strays);
  return hp_run_suite(suite);
}
