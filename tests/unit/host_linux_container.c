#include "host/linux/container.h"

#include <uv.h>

#include "base/log.h"
#include "host/ledger.h"
#include "support.h"
#include "throwaway_host.h"

static struct hp_error err;
static struct hp_policy policy;
static struct hp_container_spec spec;
static struct hp_verdict verdict;
static struct hp_mount mounts[1];
static struct host_container_request request;
static char id[64];

static void enter(void) {
  throwaway_host_enter();
  make_directories("/scratch/bundle/rootfs/etc");
  make_directories("/scratch/source");
  write_file("/etc/group", "root:x:0:\nhpc-group:x:4242:\n");
  mounts[0] = (struct hp_mount){.source = (char *)(uintptr_t) "/scratch/source",
                                .destination = (char *)(uintptr_t) "/scratch/point"};
  spec = (struct hp_container_spec){
      .root_path = (char *)(uintptr_t) "rootfs", .mounts = mounts, .mount_count = 1};
  verdict =
      (struct hp_verdict){.account = {.kind = HP_ACCOUNT_NAMED, .name = (char *)(uintptr_t) "hpc-group"}};
  policy = (struct hp_policy){.ephemeral_first = 1900000000, .ephemeral_last = 1900000009};
  /* Control groups are the machine's own: a name that no other run has. */
  snprintf(id, sizeof id, "unit-%d-%llx", (int)getpid(), (unsigned long long)uv_hrtime());
  request = (struct host_container_request){.namespace_name = "ns",
                                            .id = id,
                                            .bundle = "/scratch/bundle",
                                            .spec = &spec,
                                            .verdict = &verdict,
                                            .policy = &policy};
  hp_log_set_level(HP_LOG_ERROR);
}

static void leave(void) {
  hp_error_clear(&err);
}

static size_t count_claims(const char *kind) {
  json_t *claims = NULL, *claim;
  size_t index, count = 0;
  ck_assert_int_eq(hp_ledger_read(&claims, &err), 0);
  json_array_foreach(claims, index, claim) {
    count += hp_ledger_is(claim, kind, NULL);
  }
  json_decref(claims);
  return count;
}

static void release_all(const json_t *records) {
  for (size_t i = json_array_size(records); i-- > 0;)
    ck_assert_msg(host_release(json_array_get(records, i), &err) == 0, "%s", err.message ? err.message : "");
}

START_TEST(planned_made_and_released_in_order) {
  struct host_container *container = NULL;
  json_t *records = NULL, *record;
  size_t index;
  ck_assert_msg(host_container_plan(&request, &container, &records, &err) == 0, "%s",
                err.message ? err.message : "");
  static const char *const kinds[] = {"uid", "mount-points", "namespace"};
  ck_assert_uint_ge(json_array_size(records), 3);
  for (size_t i = 0; i < 3; i++)
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(records, i), "kind")), kinds[i]);
  ck_assert(!exists("/scratch/state") && !exists("/scratch/point"));
  ck_assert_ptr_eq(container->request, &request);
  json_array_foreach(records, index, record) {
    ck_assert_msg(host_container_make(container, record, &err) == 0, "%s", err.message ? err.message : "");
  }
  ck_assert_ptr_null(container->request);
  ck_assert_int_eq(host_container_make(container, json_array_get(records, 0), &err), -1);
  ck_assert_str_eq(host_container_volume(container), "/hpc");
  ck_assert_uint_ge(container->uid, 1900000000);
  ck_assert_int_ge(container->mount_namespace, 0);
  ck_assert(exists("/scratch/point"));
  ck_assert_uint_eq(count_claims("uid"), 1);
  ck_assert_uint_eq(count_claims("mount-point"), 1);
  host_container_free(container);
  release_all(records); /* with nothing but the records */
  release_all(records);
  ck_assert(!exists("/scratch/point"));
  ck_assert_uint_eq(count_claims("uid") + count_claims("mount-point"), 0);
  json_decref(records);
}
END_TEST

START_TEST(nothing_is_left_of_a_refused_plan) {
  struct host_container *container = NULL;
  json_t *records = NULL;
  mounts[0].source = (char *)(uintptr_t) "/scratch/none";
  ck_assert_int_eq(host_container_plan(&request, &container, &records, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_null(container);
  ck_assert_ptr_null(records);
  ck_assert(!exists("/scratch/state"));
  host_container_free(NULL);
}
END_TEST

START_TEST(unknown_records_are_named) {
  json_t *record = json_pack("{s:s}", "kind", "windmill"), *empty = json_object();
  ck_assert_int_eq(host_release(record, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "\"windmill\""));
  ck_assert_int_eq(host_release(empty, &err), -1);
  struct host_container container = {.unmade = 1, .mount_namespace = -1};
  ck_assert_int_eq(host_container_make(&container, record, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "\"windmill\""));
  json_decref(record);
  json_decref(empty);
}
END_TEST

/* ---- on libuv's pool: the thread goes into the namespace and comes back ---- */

struct job {
  uv_work_t work;
  int result;
  bool host_seen; /* after it: the thread still sees the host's tree */
};

static void make_on_pool(uv_work_t *work) {
  struct job *job = work->data;
  struct hp_error why = HP_ERROR_INIT;
  struct host_container *container = NULL;
  json_t *records = NULL;
  json_t *points;
  job->result = host_container_plan(&request, &container, &records, &why);
  for (size_t i = 0; job->result == 0 && i < json_array_size(records); i++)
    job->result = host_container_make(container, json_array_get(records, i), &why);
  job->host_seen = !exists("/hpc/etc") && exists("/scratch/bundle/rootfs/etc");
  for (size_t i = json_array_size(records); i-- > 0;) {
    points = json_array_get(records, i);
    job->result |= host_release(points, &why);
  }
  host_container_free(container);
  json_decref(records);
  hp_error_clear(&why);
}

START_TEST(pool_threads_come_back) {
  uv_loop_t loop;
  struct job job = {.result = -1};
  job.work.data = &job;
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  for (int i = 0; i < 5; i++) {
    ck_assert_int_eq(uv_queue_work(&loop, &job.work, make_on_pool, NULL), 0);
    ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ck_assert_int_eq(job.result, 0);
    ck_assert(job.host_seen);
  }
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  ck_assert(!exists("/hpc/etc"));
}
END_TEST

/* ---- sweep ---- */

static void claim_for(const char *who, const char *bundle, const char *boot, const char *path,
                      json_int_t uid) {
  struct hp_ledger *ledger = NULL;
  json_t *owner = NULL;
  ck_assert_int_eq(hp_ledger_owner("ns", who, bundle, &owner, &err), 0);
  if (boot)
    json_object_set_new(owner, "boot", json_string(boot));
  ck_assert_int_eq(hp_ledger_open(&ledger, &err), 0);
  hp_ledger_add(ledger, "uid", owner, json_pack("{s:I}", "uid", uid));
  hp_ledger_add(ledger, "mount-point", owner, json_pack("{s:s, s:s}", "path", path, "type", "directory"));
  ck_assert_int_eq(hp_ledger_save(ledger, &err), 0);
  hp_ledger_close(ledger);
  make_directories(path);
  json_decref(owner);
}

START_TEST(the_dead_are_swept_and_the_living_not) {
  claim_for("living", "/scratch/bundle", NULL, "/scratch/living", 1);
  claim_for("gone", "/scratch/gone", NULL, "/scratch/dead/gone", 2);
  claim_for("before", "/scratch/bundle", "00000000-0000-0000-0000-000000000000", "/scratch/dead/before", 3);
  claim_for("busy", "/scratch/gone", NULL, "/scratch/dead/busy", 4);
  ck_assert_int_eq(mount("tmpfs", "/scratch/dead/busy", "tmpfs", 0, NULL), 0);
  host_sweep();
  ck_assert(exists("/scratch/living") && !exists("/scratch/dead/gone") && !exists("/scratch/dead/before"));
  ck_assert_uint_eq(count_claims("uid"), 1);
  ck_assert_uint_eq(count_claims("mount-point"), 2); /* the living one's, and the one that was busy */
  ck_assert_int_eq(umount2("/scratch/dead/busy", MNT_DETACH), 0);
  host_sweep();
  ck_assert(!exists("/scratch/dead/busy"));
  ck_assert_uint_eq(count_claims("mount-point"), 1);
}
END_TEST

START_TEST(nothing_to_sweep) {
  host_sweep();
  ck_assert(!exists("/scratch/state"));
  ck_assert_int_eq(mkdir("/scratch/state", 0700), 0);
  write_file("/scratch/state/ledger.json", "broken");
  hp_log_set_sink(NULL, NULL);
  host_sweep();
  ck_assert_str_eq(read_text("/scratch/state/ledger.json"), "broken");
}
END_TEST

int main(void) {
  const char *missing = throwaway_host_missing();
  if (missing) {
    printf("skipped: %s\n", missing);
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create("host/linux/container");
  TCase *container = tcase_create("container");
  tcase_add_checked_fixture(container, enter, leave);
  tcase_set_timeout(container, 60);
  tcase_add_test(container, planned_made_and_released_in_order);
  tcase_add_test(container, nothing_is_left_of_a_refused_plan);
  tcase_add_test(container, unknown_records_are_named);
  tcase_add_test(container, pool_threads_come_back);
  tcase_add_test(container, the_dead_are_swept_and_the_living_not);
  tcase_add_test(container, nothing_to_sweep);
  suite_add_tcase(suite, container);
  return hp_run_suite(suite);
}
