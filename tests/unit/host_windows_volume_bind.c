/* The container volume on a host that can bind. Silo and bind filter are stood
 * in for by functions that write down how they were called. */
#include "host/windows/volume.h"

#include <string.h>

#include "double_windows_container.h"
#include "host/windows/silo.h"
#include "host/windows/winapi.h"
#include "support.h"

#define PLAIN (HP_BIND_CURRENT_SILO | HP_BIND_NO_MULTIPLE_TARGETS)
#define BINDINGS_MAX 16

static struct binding {
  HANDLE job;
  ULONG flags;
  char *root, *target;
} bindings[BINDINGS_MAX];
static size_t binding_count;
static HRESULT bind_error;
static HANDLE silo; /* the last job that became one */

static HRESULT WINAPI setup_filter(HANDLE job, ULONG flags, const wchar_t *root, const wchar_t *target,
                                   const wchar_t **exceptions, ULONG exception_count) {
  ck_assert_ptr_eq(job, silo); /* it must be a silo first */
  ck_assert_ptr_null(exceptions);
  ck_assert_uint_eq(exception_count, 0);
  ck_assert_uint_lt(binding_count, BINDINGS_MAX);
  if (bind_error < 0)
    return bind_error;
  wchar_t *parent = hp_path_parent(root); /* as the filter wants it */
  if (GetFileAttributesW(parent) == INVALID_FILE_ATTRIBUTES) {
    free(parent);
    return HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND);
  }
  free(parent);
  bindings[binding_count++] = (struct binding){job, flags, hp_narrow(root), hp_narrow(target)};
  return S_OK;
}

FARPROC hp_winapi_find(const wchar_t *library, const char *name) {
  void *function = (void *)(uintptr_t)setup_filter;
  FARPROC found = NULL;
  if (wcscmp(library, L"bindfltapi.dll") != 0)
    return GetProcAddress(GetModuleHandleW(library), name);
  memcpy(&found, &function, sizeof found);
  return found;
}

static BOOL WINAPI set_information(HANDLE job, JOBOBJECTINFOCLASS kind, void *data, DWORD length) {
  (void)length;
  if (kind != HP_JOB_CREATE_SILO)
    return TRUE;
  ck_assert_ptr_null(data);
  silo = job;
  return TRUE;
}

extern void *const __imp_SetInformationJobObject;
void *const __imp_SetInformationJobObject = (void *)(uintptr_t)set_information;

static void forget_bindings(void) {
  for (size_t i = 0; i < binding_count; i++) {
    free(bindings[i].root);
    free(bindings[i].target);
  }
  binding_count = 0;
}

static void enter(void) {
  container_enter();
  make_directory_in_scratch(L"data");
  make_file_in_scratch(L"file", "text");
  bind_error = S_OK;
  container.job = CreateJobObjectW(NULL, NULL);
  expect(hp_silo_probe(&err)); /* once a process; its binding is not the test's */
  forget_bindings();
  silo = NULL;
}

static void leave(void) {
  forget_bindings();
  container_leave();
}

static void expect_binding(size_t i, const wchar_t *root, const wchar_t *target, ULONG flags) {
  char *root_utf8 = narrow_in_scratch(root), *target_utf8 = narrow_in_scratch(target);
  ck_assert_uint_lt(i, binding_count);
  ck_assert_str_eq(bindings[i].root, root_utf8);
  ck_assert_str_eq(bindings[i].target, target_utf8);
  ck_assert_uint_eq(bindings[i].flags, flags);
  ck_assert_ptr_eq(bindings[i].job, container.job);
  free(root_utf8);
  free(target_utf8);
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
  ck_assert_ptr_eq(silo, container.job);
  ck_assert_uint_eq(binding_count, 1);
  expect_binding(0, L"place", L"rootfs", PLAIN);
  ck_assert_str_eq(container.volume_utf8, location);
  release_all();
  ck_assert_uint_eq(count_claims(), 0);
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
  ck_assert_uint_eq(binding_count, 3);
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

START_TEST(a_mount_below_the_volumes_place_appears_once) {
  char *destination = narrow_in_scratch(L"place\\conf\\file");
  add_mount(narrow_in_scratch(L"file"), destination, false);
  expect(plan());
  expect(make_all());
  ck_assert_uint_eq(binding_count, 2);
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
  container = (struct host_container){.id = "c2", .bundle = bundle, .request = &request, .job = first.job};
  records = json_array();
  expect(plan());
  expect(make_all());
  release_all();
  ck_assert(exists(L"var\\run")); /* the first one's bindings lie in it */
  hp_volume_clear(&container);
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
  bind_error = HRESULT_FROM_WIN32(ERROR_INVALID_FUNCTION);
  ck_assert_int_eq(make_all(), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_int_eq(err.os_code, ERROR_INVALID_FUNCTION);
  ck_assert_ptr_nonnull(strstr(err.message, "symlink"));
  hp_error_clear(&err);
  bind_error = S_OK;
  release_all();
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(symlink_is_not_bind) {
  verdict.behavior = HP_MOUNT_SYMLINK;
  expect(plan());
  expect_kinds("mount-points volume");
  ck_assert_uint_eq(binding_count, 0);
}
END_TEST

START_TEST(a_volume_is_bound_with_its_backslash) {
  silo = container.job;
  expect(hp_silo_bind(container.job, L"C:\\hpc", L"\\\\?\\Volume{0}", false, &err));
  expect(hp_silo_bind(container.job, L"C:\\hpc", L"C:\\data\\", false, &err));
  expect(hp_silo_bind(container.job, L"C:\\hpc", L"D:\\", false, &err));
  ck_assert_str_eq(bindings[0].target, "\\\\?\\Volume{0}\\");
  ck_assert_str_eq(bindings[1].target, "C:\\data");
  ck_assert_str_eq(bindings[2].target, "D:\\");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_volume_bind");
  TCase *tcase = tcase_create("bind");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, enter, leave);
  tcase_add_test(tcase, the_volume_appears_in_the_silo);
  tcase_add_test(tcase, a_mount_appears_where_it_is_asked_for_and_below_the_volume);
  tcase_add_test(tcase, a_mount_below_the_volumes_place_appears_once);
  tcase_add_test(tcase, files_and_directories_are_told_apart);
  tcase_add_test(tcase, two_containers_share_directories_on_the_host);
  tcase_add_test(tcase, a_refused_binding_names_symlink_as_the_remedy);
  tcase_add_test(tcase, symlink_is_not_bind);
  tcase_add_test(tcase, a_volume_is_bound_with_its_backslash);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
