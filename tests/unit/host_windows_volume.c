/* The container volume on a host that cannot bind. Layers are stood in for by
 * functions that write down how they were called. */
#include "host/windows/volume.h"

#include <string.h>

#include "double_windows_container.h"
#include "host/windows/layers.h"
#include "host/windows/winapi.h"
#include "support.h"

#define VOLUME L"\\\\?\\Volume{01234567-89ab-cdef-0123-456789abcdef}"

/* ---- the stand-in for vmcompute.dll ------------------------------------------------- */

static char calls[512];            /* "activate prepare …" */
static unsigned prepare_not_ready; /* how often PrepareLayer says so */
static HRESULT deactivate_error;
static ULONG parent_count;
static char mounted_at[512], mounted[128];

static void note(const char *call) {
  ck_assert_uint_lt(strlen(calls) + strlen(call) + 2, sizeof calls);
  strcat(strcat(calls, *calls ? " " : ""), call);
}

static void check_id(const struct hp_layer_driver_info *info, const wchar_t *id) {
  ck_assert_int_eq(info->flavour, 1);
  ck_assert(info->home[0] == 0);
  wchar_t *scratch_layer = in_scratch(L"snapshot");
  ck_assert(_wcsicmp(id, scratch_layer) == 0);
  free(scratch_layer);
}

static HRESULT WINAPI activate(const struct hp_layer_driver_info *info, const wchar_t *id) {
  check_id(info, id);
  note("activate");
  return S_OK;
}

static HRESULT WINAPI deactivate(const struct hp_layer_driver_info *info, const wchar_t *id) {
  check_id(info, id);
  note("deactivate");
  return deactivate_error;
}

static HRESULT WINAPI prepare(const struct hp_layer_driver_info *info, const wchar_t *id,
                              const struct hp_layer_descriptor *parents, ULONG count) {
  check_id(info, id);
  note("prepare");
  parent_count = count;
  ck_assert_uint_eq(parents[0].id.Data1, 'u'); /* of "upper", the top layer */
  ck_assert_uint_eq(parents[1].id.Data1, 'b');
  if (prepare_not_ready == 0)
    return S_OK;
  prepare_not_ready--;
  return HRESULT_FROM_WIN32(ERROR_NOT_READY);
}

static HRESULT WINAPI unprepare(const struct hp_layer_driver_info *info, const wchar_t *id) {
  check_id(info, id);
  note("unprepare");
  return S_OK;
}

static HRESULT WINAPI mount_path(const struct hp_layer_driver_info *info, const wchar_t *id,
                                 SIZE_T *characters, wchar_t *path) {
  check_id(info, id);
  if (path)
    wcscpy(path, VOLUME);
  *characters = wcslen(VOLUME) + 1;
  return S_OK;
}

static HRESULT WINAPI create(const struct hp_layer_driver_info *info, const wchar_t *id,
                             const wchar_t *parent, const struct hp_layer_descriptor *parents, ULONG count) {
  check_id(info, id);
  (void)parents;
  ck_assert_ptr_null(parent);
  ck_assert_uint_eq(count, 2);
  note("create");
  make_file_in_scratch(L"snapshot\\sandbox.vhdx", "");
  return S_OK;
}

static HRESULT WINAPI expand(const struct hp_layer_driver_info *info, const wchar_t *id, ULONG64 bytes) {
  check_id(info, id);
  ck_assert_uint_eq(bytes, 20ull << 30);
  note("expand");
  return S_OK;
}

static HRESULT WINAPI name_to_guid(const wchar_t *name, GUID *id) {
  *id = (GUID){.Data1 = name[0]};
  return S_OK;
}

FARPROC hp_winapi_find(const wchar_t *library, const char *name) {
  static const struct {
    const char *name;
    void *function;
  } layers[] = {
      {"ActivateLayer", (void *)(uintptr_t)activate},
      {"DeactivateLayer", (void *)(uintptr_t)deactivate},
      {"PrepareLayer", (void *)(uintptr_t)prepare},
      {"UnprepareLayer", (void *)(uintptr_t)unprepare},
      {"GetLayerMountPath", (void *)(uintptr_t)mount_path},
      {"CreateSandboxLayer", (void *)(uintptr_t)create},
      {"ExpandSandboxSize", (void *)(uintptr_t)expand},
      {"NameToGuid", (void *)(uintptr_t)name_to_guid},
  };
  FARPROC found = NULL;
  if (wcscmp(library, L"bindfltapi.dll") == 0)
    return NULL;
  if (wcscmp(library, L"vmcompute.dll") != 0)
    return GetProcAddress(GetModuleHandleW(library), name);
  for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
    if (strcmp(layers[i].name, name) == 0)
      memcpy(&found, &layers[i].function, sizeof found);
  return found;
}

static BOOL WINAPI set_mount_point(LPCWSTR point, LPCWSTR volume) {
  char *point_utf8 = hp_narrow(point), *volume_utf8 = hp_narrow(volume);
  snprintf(mounted_at, sizeof mounted_at, "%s", point_utf8);
  snprintf(mounted, sizeof mounted, "%s", volume_utf8);
  free(point_utf8);
  free(volume_utf8);
  return TRUE;
}

extern void *const __imp_SetVolumeMountPointW;
void *const __imp_SetVolumeMountPointW = (void *)(uintptr_t)set_mount_point;

/* ---- fixture --------------------------------------------------------------------------- */

static struct host_rootfs_mount rootfs;

static void enter(void) {
  container_enter();
  make_directory_in_scratch(L"snapshot");
  make_directory_in_scratch(L"upper");
  make_directory_in_scratch(L"base");
  calls[0] = mounted_at[0] = mounted[0] = 0;
  prepare_not_ready = 0;
  deactivate_error = S_OK;
  parent_count = 0;
}

static void leave(void) {
  free(rootfs.source);
  hp_strings_clear(&rootfs.options);
  rootfs = (struct host_rootfs_mount){0};
  container_leave();
}

static void use_layers(void) {
  char *upper = narrow_in_scratch(L"upper"), *base = narrow_in_scratch(L"base");
  json_t *parents = json_pack("[s, s]", upper, base);
  char *text = json_dumps(parents, JSON_COMPACT);
  rootfs.type = "windows-layer";
  rootfs.source = narrow_in_scratch(L"snapshot");
  hp_strings_add(&rootfs.options, "rw");
  hp_strings_take(&rootfs.options, hp_printf("parentLayerPaths=%s", text));
  request.rootfs = &rootfs;
  request.rootfs_count = 1;
  free(text);
  json_decref(parents);
  free(upper);
  free(base);
}

/* ---- a plain directory --------------------------------------------------------------------- */

START_TEST(a_plain_directory_without_mounts_is_always_a_volume) {
  expect(plan());
  expect_kinds("mount-points volume");
  ck_assert(!exists(L"place")); /* a plan makes nothing */
  expect(make_all());
  ck_assert(exists(L"place\\c1"));
  wchar_t *place = in_scratch(L"place\\c1"), *source = in_scratch(L"rootfs");
  /* A link, or on a host without links the directory itself. */
  ck_assert(wcscmp(container.volume, place) == 0 || wcscmp(container.volume, source) == 0);
  char *utf8 = hp_narrow(container.volume);
  ck_assert_str_eq(container.volume_utf8, utf8);
  ck_assert(wcscmp(container.source, source) == 0);
  free(utf8);
  free(place);
  free(source);
  release_all();
  ck_assert(!exists(L"place") && exists(L"rootfs"));
  ck_assert_uint_eq(count_claims(), 0);
  release_all();
}
END_TEST

START_TEST(a_host_that_cannot_bind_refuses_bind) {
  verdict.behavior = HP_MOUNT_BIND;
  expect_refusal(plan(), HP_FAILED_PRECONDITION, "symlink");
  ck_assert_uint_eq(json_array_size(records), 0);
}
END_TEST

START_TEST(mounts_become_links_or_nothing) {
  make_directory_in_scratch(L"data");
  add_mount(narrow_in_scratch(L"data"), "/var/run/data", true);
  verdict.behavior = HP_MOUNT_SYMLINK;
  expect(plan());
  expect_kinds("mount-points volume links");
  if (make_all() == 0) {
    ck_assert(exists(L"rootfs\\var\\run\\data"));
  } else {
    ck_assert_int_eq(err.os_code, ERROR_NOT_SUPPORTED);
    ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
    hp_error_clear(&err);
    ck_assert(!exists(L"rootfs\\var"));
  }
  release_all();
  ck_assert(!exists(L"place") && exists(L"data") && !exists(L"rootfs\\var\\run\\data"));
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(a_place_in_use_is_refused) {
  make_directory_in_scratch(L"place");
  make_directory_in_scratch(L"place\\c1");
  expect(plan());
  expect_refusal(make_all(), HP_ALREADY_EXISTS, "place\\c1");
  release_all();
  ck_assert(exists(L"place\\c1"));
}
END_TEST

START_TEST(the_default_place_is_private) {
  bool there = GetFileAttributesW(HP_VOLUME_BASE) != INVALID_FILE_ATTRIBUTES;
  spec.rootfs_location = NULL;
  expect(plan());
  expect(make_all());
  ck_assert_int_ne(GetFileAttributesW(HP_VOLUME_BASE L"\\c1"), INVALID_FILE_ATTRIBUTES);
  release_all();
  ck_assert_int_eq((int)GetFileAttributesW(HP_VOLUME_BASE L"\\c1"), (int)INVALID_FILE_ATTRIBUTES);
  ck_assert_int_ne((int)GetFileAttributesW(HP_VOLUME_BASE), (int)INVALID_FILE_ATTRIBUTES); /* it stays */
  if (!there)
    RemoveDirectoryW(HP_VOLUME_BASE);
}
END_TEST

START_TEST(what_cannot_be_mounted_is_refused_before_anything_is_made) {
  static const struct {
    const char *source, *destination, *part;
  } bad[] = {
      {"\\\\.\\pipe\\docker_engine", "/pipe", "named pipe"},
      {"//./PIPE/x", "/pipe", "named pipe"},
      {"\\\\?\\pipe\\x", "/pipe", "named pipe"},
      {"C:\\no\\such\\file", "/x", "does not exist"},
      {"relative", "/x", "absolute"},
      {"C:\\windows\\*", "/x", "forbids"},
      {"C:\\windows", "/", "root of a drive"},
      {"C:\\windows", "D:\\", "root of a drive"},
      {"C:\\windows", "/a/../b", "\"..\""},
      {"C:\\windows", "\\\\.\\pipe\\x", "device"},
      {"C:\\windows", "/x:stream", "colon"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    spec.mount_count = 0;
    free(mounts[0].source);
    free(mounts[0].destination);
    add_mount(hp_strdup(bad[i].source), bad[i].destination, false);
    expect_refusal(plan(), HP_INVALID_ARGUMENT, bad[i].part);
    ck_assert_uint_eq(json_array_size(records), 0);
  }
}
END_TEST

START_TEST(a_mount_over_the_volume_is_refused) {
  make_directory_in_scratch(L"data");
  add_mount(narrow_in_scratch(L"data"), location, false); /* it holds the volume */
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "container volume");
}
END_TEST

START_TEST(a_root_must_be_there) {
  spec.root_path = NULL;
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "root.path is missing");
  spec.root_path = "C:\\no\\such";
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "root.path");
  spec.root_path = "no-such"; /* below the bundle */
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "bundle");
  spec.rootfs_location = "C:\\";
  expect_refusal(plan(), HP_INVALID_ARGUMENT, HP_ANNOTATION_ROOTFS_LOCATION);
}
END_TEST

/* ---- layers ------------------------------------------------------------------------------------ */

START_TEST(layers_are_mounted_and_unmounted_in_order) {
  use_layers();
  spec.limits.storage_size = (struct hp_number){true, 20ll << 30};
  expect(plan());
  expect_kinds("layers mount-points volume");
  ck_assert_str_eq(calls, "");
  expect(make_all());
  ck_assert_str_eq(calls, "create expand activate prepare");
  ck_assert_uint_eq(parent_count, 2);
  ck_assert(wcscmp(container.source, VOLUME) == 0);
  wchar_t *place = in_scratch(L"place\\c1");
  ck_assert(wcscmp(container.volume, place) == 0);
  char *slashed = narrow_in_scratch(L"place\\c1\\"), *volume = hp_narrow(VOLUME L"\\");
  ck_assert_str_eq(mounted_at, slashed);
  ck_assert_str_eq(mounted, volume);
  free(slashed);
  free(volume);
  free(place);
  calls[0] = 0;
  release_all();
  ck_assert_str_eq(calls, "unprepare deactivate");
  ck_assert(!exists(L"place"));
}
END_TEST

START_TEST(a_disk_that_is_not_ready_is_tried_again) {
  use_layers();
  make_file_in_scratch(L"snapshot\\sandbox.vhdx", "");
  prepare_not_ready = 2;
  expect(plan());
  expect(make_all());
  ck_assert_str_eq(calls, "activate prepare deactivate activate prepare deactivate activate prepare");
  release_all();
}
END_TEST

START_TEST(a_disk_that_never_gets_ready_is_given_up) {
  use_layers();
  make_file_in_scratch(L"snapshot\\sandbox.vhdx", "");
  prepare_not_ready = 100;
  expect(plan());
  ck_assert_int_eq(make_all(), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "PrepareLayer"));
  ck_assert_int_eq(err.os_code, ERROR_NOT_READY);
  hp_error_clear(&err);
  ck_assert_uint_eq(prepare_not_ready, 95); /* five times */
  ck_assert(strlen(calls) > 10 && strcmp(calls + strlen(calls) - 10, "deactivate") == 0);
  release_all();
}
END_TEST

START_TEST(a_layer_in_use_is_an_error_and_one_that_is_gone_is_none) {
  bool known;
  use_layers();
  make_file_in_scratch(L"snapshot\\sandbox.vhdx", "");
  expect(plan());
  deactivate_error = HRESULT_FROM_WIN32(ERROR_SHARING_VIOLATION);
  ck_assert_int_eq(hp_volume_release(json_array_get(records, 0), &known, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "DeactivateLayer"));
  hp_error_clear(&err);
  deactivate_error = HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND);
  expect(hp_volume_release(json_array_get(records, 0), &known, &err));
  calls[0] = 0;
  wchar_t *disk = in_scratch(L"snapshot\\sandbox.vhdx");
  ck_assert(DeleteFileW(disk)); /* the snapshot has been removed */
  free(disk);
  expect(hp_volume_release(json_array_get(records, 0), &known, &err));
  ck_assert_str_eq(calls, "");
}
END_TEST

START_TEST(layer_folders_are_layers_too) {
  spec.layer_folders = (struct hp_strings){0};
  hp_strings_take(&spec.layer_folders, narrow_in_scratch(L"upper"));
  hp_strings_take(&spec.layer_folders, narrow_in_scratch(L"base"));
  hp_strings_take(&spec.layer_folders, narrow_in_scratch(L"snapshot"));
  expect(plan());
  expect_kinds("layers mount-points volume");
  expect(make_all());
  ck_assert_str_eq(calls, "create activate prepare");
  use_layers();
  json_array_clear(records);
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "layerFolders");
  hp_strings_clear(&spec.layer_folders);
  request.rootfs_count = 0;
  hp_strings_take(&spec.layer_folders, narrow_in_scratch(L"upper"));
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "windows.layerFolders");
  hp_strings_clear(&spec.layer_folders);
}
END_TEST

START_TEST(other_kinds_of_rootfs_are_refused_by_name) {
  use_layers();
  rootfs.type = "CimFS";
  expect_refusal(plan(), HP_UNIMPLEMENTED, "CimFS");
  rootfs.type = "BlockCIM";
  expect_refusal(plan(), HP_UNIMPLEMENTED, "BlockCIM");
  rootfs.type = "overlay";
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "overlay");
  rootfs.type = "windows-layer";
  rootfs.target = "C:\\x";
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "rootfs[0].target");
  rootfs.target = NULL;
  request.rootfs_count = 2;
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "exactly one");
  request.rootfs_count = 1;
  static const char *const bad[] = {
      "", "{}", "[]", "[1]", "[\"relative\"]", "[\"C:\\\\no\\\\such\"]", "[\"C:\\\\x\""};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    hp_strings_clear(&rootfs.options);
    hp_strings_take(&rootfs.options, hp_printf("parentLayerPaths=%s", bad[i]));
    expect_refusal(plan(), HP_INVALID_ARGUMENT, "rootfs[0].options");
  }
  hp_strings_clear(&rootfs.options);
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "parentLayerPaths=");
}
END_TEST

START_TEST(no_handle_is_left) {
  DWORD before = 0, after = 0;
  use_layers();
  for (int i = 0; i < 22; i++) {
    if (i == 2) /* whatever the first rounds loaded stays */
      GetProcessHandleCount(GetCurrentProcess(), &before);
    calls[0] = 0;
    expect(plan());
    expect(make_all());
    release_all();
    json_array_clear(records);
  }
  GetProcessHandleCount(GetCurrentProcess(), &after);
  ck_assert_uint_le(after, before);
}
END_TEST

START_TEST(hostile_records_are_refused) {
  static const char *const bad[] = {
      "{\"kind\":\"volume\"}",
      "{\"kind\":\"mount-points\",\"points\":[]}",
      "{\"kind\":\"volume\",\"owner\":{},\"path\":\"..\\\\x\"}",
      "{\"kind\":\"layers\"}",
      "{\"kind\":\"layers\",\"scratch\":\"relative\"}",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    bool known = false;
    json_t *record = json_loads(bad[i], 0, NULL);
    ck_assert_msg(hp_volume_release(record, &known, &err) == -1, "%s was taken", bad[i]);
    ck_assert(known);
    ck_assert_int_eq(err.code, HP_INTERNAL);
    hp_error_clear(&err);
    json_decref(record);
  }
  bool known = true;
  json_t *other = json_pack("{s:s}", "kind", "job");
  expect(hp_volume_release(other, &known, &err));
  ck_assert(!known);
  json_decref(other);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_volume");
  TCase *tcase = tcase_create("volume");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, enter, leave);
  tcase_add_test(tcase, a_plain_directory_without_mounts_is_always_a_volume);
  tcase_add_test(tcase, a_host_that_cannot_bind_refuses_bind);
  tcase_add_test(tcase, mounts_become_links_or_nothing);
  tcase_add_test(tcase, a_place_in_use_is_refused);
  tcase_add_test(tcase, the_default_place_is_private);
  tcase_add_test(tcase, what_cannot_be_mounted_is_refused_before_anything_is_made);
  tcase_add_test(tcase, a_mount_over_the_volume_is_refused);
  tcase_add_test(tcase, a_root_must_be_there);
  tcase_add_test(tcase, layers_are_mounted_and_unmounted_in_order);
  tcase_add_test(tcase, a_disk_that_is_not_ready_is_tried_again);
  tcase_add_test(tcase, a_disk_that_never_gets_ready_is_given_up);
  tcase_add_test(tcase, a_layer_in_use_is_an_error_and_one_that_is_gone_is_none);
  tcase_add_test(tcase, layer_folders_are_layers_too);
  tcase_add_test(tcase, other_kinds_of_rootfs_are_refused_by_name);
  tcase_add_test(tcase, no_handle_is_left);
  tcase_add_test(tcase, hostile_records_are_refused);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
