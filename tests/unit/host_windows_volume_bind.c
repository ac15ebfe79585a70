/* The container volume on a host that can bind, on winsim's silos and bind filter. */
#include "host/windows/volume.h"

#include <string.h>

#include "double_windows_container.h"
#include "host/windows/silo.h"
#include "host/windows/winapi.h"
#include "support.h"
#include "winsim/winsim.h"

#define PLAIN (HP_BIND_CURRENT_SILO | HP_BIND_NO_MULTIPLE_TARGETS)

static void new_job(void) {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                     JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};
  container.job = CreateJobObjectW(NULL, NULL);
  ck_assert(
      SetInformationJobObject(container.job, JobObjectExtendedLimitInformation, &limits, sizeof limits));
}

static void enter(void) {
  container_enter();
  make_directory_in_scratch(L"data");
  make_file_in_scratch(L"file", "text");
  winsim_reset();
  expect(hp_silo_probe(&err)); /* once a process; its binding is not the test's */
  new_job();
  winsim_forget();
}

static void leave(void) {
  container_leave();
}

/* The ith binding of the log, as "0xFLAGS ROOT TARGET". */
static void expect_binding(size_t i, const wchar_t *root, const wchar_t *target, ULONG flags) {
  char *root_utf8 = narrow_in_scratch(root), *target_utf8 = narrow_in_scratch(target);
  char *wanted = hp_printf("BfSetupFilter 0x%lx %s %s\n", (unsigned long)flags, root_utf8, target_utf8);
  const char *line = winsim_log();
  for (size_t at = 0; (line = strstr(line, "BfSetupFilter")) != NULL && at < i; at++)
    line++;
  ck_assert_msg(line && strncmp(line, wanted, strlen(wanted)) == 0, "%zu: %s, and not\n%s", i, wanted,
                winsim_log());
  free(wanted);
  free(root_utf8);
  free(target_utf8);
}

static unsigned binding_count(void) {
  return winsim_count("BfSetupFilter");
}

/* The scratch directory's NAME as the container's own path below the volume. */
static wchar_t *below_volume(const wchar_t *name) {
  wchar_t *path = in_scratch(name), *below = hp_path_join(L"place", hp_path_below_drive(path));
  free(path);
  return below;
}

START_TEST(the_volume_appears_in_the_silo) {
  expect(plan());
  expect_kinds("mount-points bindings");
  expect(make_all());
  ck_assert(container.silo);
  ck_assert(winsim_job_is_silo(container.job));
  ck_assert_uint_eq(binding_count(), 1);
  ck_assert_uint_eq(winsim_calls(), 2); /* it and the silo */
  ck_assert_uint_eq(winsim_count("SetInformationJobObject 35"), 1);
  expect_binding(0, L"place", L"rootfs", PLAIN);
  ck_assert_str_eq(container.volume_utf8, location);
  release_all();
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(a_read_only_bind_mount_is_a_read_only_rootfs) {
  struct host_rootfs_mount rootfs = {.type = "bind", .source = narrow_in_scratch(L"rootfs")};
  hp_strings_add(&rootfs.options, "ro");
  request.rootfs = &rootfs;
  request.rootfs_count = 1;
  expect(plan());
  expect(make_all());
  expect_binding(0, L"place", L"rootfs", PLAIN | HP_BIND_READ_ONLY);
  release_all();
  request.rootfs_count = 0;
  hp_strings_clear(&rootfs.options);
  free(rootfs.source);
}
END_TEST

START_TEST(a_mount_appears_where_it_is_asked_for_and_below_the_volume) {
  char *destination = narrow_in_scratch(L"var\\run\\data");
  add_mount(narrow_in_scratch(L"data"), destination, true);
  spec.root_read_only = true;
  expect(plan());
  ck_assert(!exists(L"var"));
  expect(make_all());
  wchar_t *below = below_volume(L"var\\run\\data");
  ck_assert_uint_eq(binding_count(), 3);
  expect_binding(0, L"place", L"rootfs", PLAIN | HP_BIND_READ_ONLY);
  expect_binding(1, below, L"data", PLAIN | HP_BIND_READ_ONLY);
  expect_binding(2, L"var\\run\\data", L"data", PLAIN | HP_BIND_READ_ONLY);
  ck_assert(exists(L"var\\run") && !exists(L"var\\run\\data"));
  ck_assert_uint_gt(count_claims(), 0);
  release_all();
  ck_assert(!exists(L"var") && !exists(L"place"));
  ck_assert_uint_eq(count_claims(), 0);
  free(below);
  free(destination);
}
END_TEST

/* Absolute, with and without the drive: the second binding; relative to the volume and
 * below its variable: the first. */
START_TEST(tokens_are_at_their_four_paths) {
  static const char token[] = "/var/run/secrets/kubernetes.io/serviceaccount";
  char *data = narrow_in_scratch(L"data");
  add_mount(hp_strdup(data), token, true);
  expect(plan());
  expect(make_all());
  char *wanted = hp_printf("BfSetupFilter 0x45 %s\\var\\run\\secrets\\kubernetes.io\\serviceaccount %s\n"
                           "BfSetupFilter 0x45 C:\\var\\run\\secrets\\kubernetes.io\\serviceaccount %s\n",
                           location, data, data);
  ck_assert_msg(strstr(winsim_log(), wanted), "%s", winsim_log());
  ck_assert(exists(L"rootfs\\var\\run\\secrets\\kubernetes.io\\serviceaccount"));
  free(wanted);
  release_all();
  ck_assert_uint_eq(count_claims(), 0);
  free(data);
}
END_TEST

START_TEST(a_mount_below_the_volumes_place_appears_once) {
  char *destination = narrow_in_scratch(L"place\\conf\\file");
  add_mount(narrow_in_scratch(L"file"), destination, false);
  expect(plan());
  expect(make_all());
  ck_assert_uint_eq(binding_count(), 2);
  expect_binding(1, L"place\\conf\\file", L"file", PLAIN);
  ck_assert(exists(L"rootfs\\conf\\file")); /* there for whoever lists the volume */
  release_all();
  free(destination);
}
END_TEST

START_TEST(files_and_directories_are_told_apart) {
  char *destination = narrow_in_scratch(L"data");
  add_mount(narrow_in_scratch(L"file"), destination, false);
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "mounts[0].destination");
  free(destination);
}
END_TEST

START_TEST(two_containers_share_directories_on_the_host) {
  char *destination = narrow_in_scratch(L"var\\run\\data");
  add_mount(narrow_in_scratch(L"data"), destination, false);
  expect(plan());
  expect(make_all());
  struct host_container first = container;
  json_t *first_records = records;
  request.id = "c2";
  container = (struct host_container){.id = "c2", .bundle = bundle, .request = &request};
  new_job();
  records = json_array();
  expect(plan());
  expect(make_all());
  release_all();
  ck_assert(exists(L"var\\run")); /* the first one's bindings lie in it */
  hp_volume_clear(&container);
  CloseHandle(container.job);
  json_decref(records);
  container = first;
  records = first_records;
  release_all();
  ck_assert(!exists(L"var"));
  ck_assert_uint_eq(count_claims(), 0);
  free(destination);
}
END_TEST

START_TEST(a_refused_binding_names_symlink_as_the_remedy) {
  expect(plan());
  winsim_fail_call("BfSetupFilter", 1, ERROR_INVALID_FUNCTION);
  ck_assert_int_eq(make_all(), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_int_eq(err.os_code, ERROR_INVALID_FUNCTION);
  ck_assert_ptr_nonnull(strstr(err.message, "symlink"));
  hp_error_clear(&err);
  release_all();
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(symlink_is_not_bind) {
  verdict.behavior = HP_MOUNT_SYMLINK;
  expect(plan());
  expect_kinds("mount-points volume");
  ck_assert_uint_eq(binding_count(), 0);
}
END_TEST

START_TEST(a_volume_is_bound_with_its_backslash) {
  struct host_rootfs_mount rootfs = {.type = "windows-layer", .source = narrow_in_scratch(L"data")};
  char *parent = narrow_in_scratch(L"rootfs");
  json_t *parents = json_pack("[s]", parent);
  char *text = json_dumps(parents, JSON_COMPACT);
  hp_strings_take(&rootfs.options, hp_printf("parentLayerPaths=%s", text));
  request.rootfs = &rootfs;
  request.rootfs_count = 1;
  expect(plan());
  expect_kinds("layers mount-points bindings");
  expect(make_all());
  char *volume = hp_narrow(container.source);
  char *wanted = hp_printf("BfSetupFilter 0x44 %s %s\\\n", location, volume);
  ck_assert_msg(strstr(winsim_log(), wanted), "%s", winsim_log());
  free(wanted);
  free(volume);
  expect(hp_silo_bind(container.job, L"C:\\windows", L"C:\\windows\\", false, &err));
  ck_assert_ptr_nonnull(strstr(winsim_log(), "0x44 C:\\windows C:\\windows\n"));
  expect(hp_silo_bind(container.job, L"C:\\drive", L"C:\\", true, &err));
  ck_assert_ptr_nonnull(strstr(winsim_log(), "0x45 C:\\drive C:\\\n"));
  release_all();
  free(text);
  json_decref(parents);
  free(parent);
  free(rootfs.source);
  hp_strings_clear(&rootfs.options);
}
END_TEST

START_TEST(mounts_that_overlap) {
  static const struct {
    const wchar_t *source;
    const char *destination, *message; /* of the second; NULL: all is well */
  } overlaps[] = {
      {L"data", "/hp-none/run/data/in", NULL},
      {L"data", "/hp-none/run", NULL},
      {L"data", "/hp-none/run/data", "is that of mounts[0] too: mount one of them elsewhere"},
      {L"file", "/hp-none/run", "lie one in the other, and the outer one is a file: mount elsewhere"},
  };
  add_mount(narrow_in_scratch(L"data"), "/hp-none/run/data", false);
  add_mount(narrow_in_scratch(overlaps[_i].source), overlaps[_i].destination, false);
  if (overlaps[_i].message)
    expect_refusal(plan(), HP_INVALID_ARGUMENT, overlaps[_i].message);
  else
    expect(plan());
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_volume_bind");
  TCase *tcase = tcase_create("bind");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, enter, leave);
  tcase_add_test(tcase, the_volume_appears_in_the_silo);
  tcase_add_test(tcase, a_read_only_bind_mount_is_a_read_only_rootfs);
  tcase_add_test(tcase, a_mount_appears_where_it_is_asked_for_and_below_the_volume);
  tcase_add_test(tcase, tokens_are_at_their_four_paths);
  tcase_add_test(tcase, a_mount_below_the_volumes_place_appears_once);
  tcase_add_test(tcase, files_and_directories_are_told_apart);
  tcase_add_test(tcase, two_containers_share_directories_on_the_host);
  tcase_add_test(tcase, a_refused_binding_names_symlink_as_the_remedy);
  tcase_add_test(tcase, symlink_is_not_bind);
  tcase_add_test(tcase, a_volume_is_bound_with_its_backslash);
  tcase_add_loop_test(tcase, mounts_that_overlap, 0, 4);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
