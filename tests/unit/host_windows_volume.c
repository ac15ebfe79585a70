/* The container volume on a host that cannot bind, on winsim's layers, mount
 * points and links. */
#include "host/windows/volume.h"

#include <string.h>

#include "base/log.h"
#include "double_windows_container.h"
#include "host/windows/layers.h"
#include "host/windows/links.h"
#include "host/windows/winapi.h"
#include "support.h"
#include "winsim/winsim.h"

/* ---- fixture --------------------------------------------------------------------------- */

static struct host_rootfs_mount rootfs;

static void enter(void) {
  container_enter();
  make_directory_in_scratch(L"snapshot");
  make_directory_in_scratch(L"upper");
  make_directory_in_scratch(L"base");
  winsim_reset();
  winsim_set_bind_filter(false);
}

/* "ActivateLayer PrepareLayer": the layers' calls since the last time, but for
 * those that only ask. */
static void expect_layer_calls(const char *wanted) {
  char *calls = hp_strdup("");
  for (const char *line = winsim_log(); *line; line = strchr(line, '\n') + 1) {
    size_t length = strcspn(line, "\n");
    bool layers = length > 5 && (strncmp(line + length - 5, "Layer", 5) == 0 ||
                                 strncmp(line, "ExpandSandboxSize ", 18) == 0);
    if (!layers)
      continue;
    char *longer = hp_printf("%s%s%.*s", calls, *calls ? " " : "", (int)length, line);
    free(calls);
    calls = longer;
  }
  ck_assert_str_eq(calls, wanted);
  free(calls);
  winsim_forget();
}

static void expect_nothing_left(void) {
  char *left = winsim_left();
  ck_assert_str_eq(left, "");
  free(left);
  ck_assert_uint_eq(count_claims(), 0);
}

static void add_disk(void) {
  make_file_in_scratch(L"snapshot\\sandbox.vhdx", "");
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
  ck_assert(wcscmp(container.volume, place) == 0);
  ck_assert_uint_eq(hp_link_tag(place), IO_REPARSE_TAG_SYMLINK);
  char *utf8 = hp_narrow(container.volume);
  ck_assert_str_eq(container.volume_utf8, utf8);
  ck_assert(wcscmp(container.source, source) == 0);
  free(utf8);
  free(place);
  free(source);
  release_all();
  ck_assert(!exists(L"place") && exists(L"rootfs"));
  expect_nothing_left();
  release_all();
}
END_TEST

/* Wine as it is: what says that it makes links, and makes none. */
START_TEST(a_host_without_links_has_the_directory_itself) {
  expect(plan());
  winsim_fail_call("FSCTL_SET_REPARSE_POINT", 2, ERROR_NOT_SUPPORTED); /* the symbolic link, the junction */
  expect(make_all());
  wchar_t *source = in_scratch(L"rootfs");
  ck_assert(wcscmp(container.volume, source) == 0);
  free(source);
  release_all();
  expect_nothing_left();
}
END_TEST

START_TEST(a_junction_stands_in_for_a_symbolic_link) {
  expect(plan());
  winsim_fail_call("FSCTL_SET_REPARSE_POINT", 1, ERROR_PRIVILEGE_NOT_HELD);
  expect(make_all());
  wchar_t *place = in_scratch(L"place\\c1");
  ck_assert_uint_eq(hp_link_tag(place), IO_REPARSE_TAG_MOUNT_POINT);
  free(place);
  release_all();
  expect_nothing_left();
}
END_TEST

/* What a snapshotter over plain directories sends. */
static void use_bind_mount(const char *option) {
  rootfs.type = "bind";
  rootfs.source = narrow_in_scratch(L"rootfs");
  hp_strings_add(&rootfs.options, "rbind");
  hp_strings_add(&rootfs.options, option);
  request.rootfs = &rootfs;
  request.rootfs_count = 1;
  spec.root_path = NULL;
}

START_TEST(a_bind_mount_is_a_plain_directory) {
  char *usual = spec.root_path;
  use_bind_mount("rw");
  expect(plan());
  expect_kinds("mount-points volume");
  expect(make_all());
  wchar_t *place = in_scratch(L"place\\c1"), *source = in_scratch(L"rootfs");
  ck_assert(wcscmp(container.volume, place) == 0);
  ck_assert(wcscmp(container.source, source) == 0);
  release_all();
  expect_nothing_left();
  json_array_clear(records);
  winsim_fail_call("FSCTL_SET_REPARSE_POINT", 2, ERROR_NOT_SUPPORTED);
  expect(plan());
  expect(make_all());
  ck_assert(wcscmp(container.volume, source) == 0);
  release_all();
  free(place);
  free(source);
  free(rootfs.source);
  rootfs.source = narrow_in_scratch(L"no-such");
  json_array_clear(records);
  expect_refusal(plan(), HP_INVALID_ARGUMENT, "rootfs[0].source");
  spec.root_path = usual;
}
END_TEST

START_TEST(a_host_that_cannot_bind_refuses_bind) {
  verdict.behavior = spec.mount_behavior = HP_MOUNT_BIND;
  expect_refusal(plan(), HP_FAILED_PRECONDITION, "annotation " HP_ANNOTATION_MOUNT_BEHAVIOR " is \"bind\"");
  ck_assert_uint_eq(json_array_size(records), 0);

  /* Where the policy wants it, its line is named. */
  static const char text[] = "{\n\"mountBehavior\": \"bind\"}";
  struct hp_policy policy;
  expect(hp_policy_parse("C:\\p.json", text, strlen(text), &policy, &err));
  spec.mount_behavior = HP_MOUNT_UNSET;
  request.policy = &policy;
  expect_refusal(plan(), HP_FAILED_PRECONDITION,
                 "\"mountBehavior\" (line 2 of the node policy C:\\p.json) is \"bind\"");
  request.policy = NULL;
  hp_policy_clear(&policy);
}
END_TEST

static void expect_link(const wchar_t *name, DWORD tag) {
  wchar_t *path = in_scratch(name);
  ck_assert_uint_eq(hp_link_tag(path), tag);
  free(path);
}

START_TEST(mounts_become_links) {
  make_directory_in_scratch(L"data");
  make_file_in_scratch(L"file", "text");
  add_mount(narrow_in_scratch(L"data"), "/var/run/data", true);
  add_mount(narrow_in_scratch(L"file"), "/etc/file", false);
  verdict.behavior = HP_MOUNT_SYMLINK;
  expect(plan());
  expect_kinds("mount-points volume links");
  winsim_forget();
  expect(make_all());
  expect_link(L"place\\c1", IO_REPARSE_TAG_SYMLINK);
  expect_link(L"rootfs\\var\\run\\data", IO_REPARSE_TAG_SYMLINK);
  expect_link(L"rootfs\\etc\\file", IO_REPARSE_TAG_SYMLINK);
  ck_assert_uint_eq(winsim_count("FSCTL_SET_REPARSE_POINT"), 3);
  ck_assert_uint_eq(winsim_count("FSCTL_GET_REPARSE_POINT"),
                    4); /* each is looked at, and what was there first */
  expect(make_all());   /* once more: what is there already leads there */
  release_all();
  ck_assert(!exists(L"place") && exists(L"data") && exists(L"file"));
  ck_assert(!exists(L"rootfs\\var\\run\\data") && !exists(L"rootfs\\etc\\file"));
  expect_nothing_left();
}
END_TEST

/* Relative to the volume, and below its variable. */
START_TEST(tokens_are_at_their_two_paths) {
  make_directory_in_scratch(L"data");
  add_mount(narrow_in_scratch(L"data"), "/var/run/secrets/kubernetes.io/serviceaccount", true);
  verdict.behavior = HP_MOUNT_SYMLINK;
  expect(plan());
  expect(make_all());
  expect_link(L"rootfs\\var\\run\\secrets\\kubernetes.io\\serviceaccount", IO_REPARSE_TAG_SYMLINK);
  release_all();
  expect_nothing_left();
}
END_TEST

static int warnings;

static void count_warnings(void *arg, const char *line, size_t length) {
  (void)arg, (void)length;
  warnings += strstr(line, "level=warning") && strstr(line, "read-only") && strstr(line, " id=c1");
}

/* However many there are; bind enforces them. */
START_TEST(read_only_mounts_are_warned_of_once) {
  make_directory_in_scratch(L"data");
  for (int i = 0; i < 3; i++) {
    char *destination = hp_printf("/data%d", i);
    add_mount(narrow_in_scratch(L"data"), destination, i < 2);
    free(destination);
  }
  spec.root_read_only = true;
  verdict.behavior = HP_MOUNT_SYMLINK;
  hp_log_set_sink(count_warnings, NULL);
  expect(plan());
  expect(make_all());
  ck_assert_int_eq(warnings, 1);
  release_all();
  json_array_clear(records);
  spec.root_read_only = false;
  mounts[0].read_only = mounts[1].read_only = false;
  expect(plan());
  ck_assert_int_eq(warnings, 1);
  hp_log_set_sink(NULL, NULL);
}
END_TEST

START_TEST(mounts_without_links_are_refused) {
  make_directory_in_scratch(L"data");
  add_mount(narrow_in_scratch(L"data"), "/var/run/data", true);
  verdict.behavior = HP_MOUNT_SYMLINK;
  expect(plan());
  winsim_fail_call("FSCTL_SET_REPARSE_POINT", 100, ERROR_NOT_SUPPORTED);
  ck_assert_int_eq(make_all(), -1);
  ck_assert_int_eq(err.os_code, ERROR_NOT_SUPPORTED);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "FSCTL_SET_REPARSE_POINT"));
  hp_error_clear(&err);
  release_all();
  expect_nothing_left();
}
END_TEST

START_TEST(mounts_that_overlap_are_refused) {
  static const struct {
    const char *destination, *message; /* of the second; NULL: all is well */
  } overlaps[] = {
      {"/var/run/data/in", "lie one in the other, which links cannot: mount elsewhere, or choose the"},
      {"/var/run", "lie one in the other, which links cannot: mount elsewhere, or choose the"},
      {"C:\\Var/Run\\data", "is that of mounts[0] too: mount one of them elsewhere"},
      {"/var/run/data2", NULL},
  };
  make_directory_in_scratch(L"data");
  add_mount(narrow_in_scratch(L"data"), "/var/run/data", false);
  add_mount(narrow_in_scratch(L"data"), overlaps[_i].destination, false);
  verdict.behavior = HP_MOUNT_SYMLINK;
  if (overlaps[_i].message)
    expect_refusal(plan(), HP_INVALID_ARGUMENT, overlaps[_i].message);
  else
    expect(plan());
  expect_nothing_left();
}
END_TEST

/* What the image has there. */
START_TEST(a_directory_with_content_cannot_become_a_link) {
  make_directory_in_scratch(L"data");
  make_directory_in_scratch(L"rootfs\\data");
  make_file_in_scratch(L"rootfs\\data\\file", "");
  add_mount(narrow_in_scratch(L"data"), "/data", false);
  verdict.behavior = HP_MOUNT_SYMLINK;
  expect(plan());
  ck_assert_int_eq(make_all(), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "the directory \"data\" is not empty and cannot become a link"));
  hp_error_clear(&err);
  release_all();
  expect_nothing_left();
}
END_TEST

/* Somebody else's link is not taken away, and one that cannot be read is an error. */
START_TEST(a_link_is_removed_only_if_it_is_ours) {
  bool known;
  make_directory_in_scratch(L"data");
  add_mount(narrow_in_scratch(L"data"), "/data", false);
  verdict.behavior = HP_MOUNT_SYMLINK;
  expect(plan());
  expect(make_all());
  winsim_fail_call("FSCTL_GET_REPARSE_POINT", 1, ERROR_ACCESS_DENIED);
  ck_assert_int_eq(hp_volume_release(json_array_get(records, 2), &known, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "FSCTL_GET_REPARSE_POINT"));
  hp_error_clear(&err);
  /* As a journal of a version without claims has it. */
  json_t *record = json_deep_copy(json_array_get(records, 2)),
         *link = json_array_get(json_object_get(record, "links"), 0);
  json_object_del(record, "owner");
  json_object_set_new(link, "target", json_string("C:\\other"));
  expect(hp_volume_release(record, &known, &err));
  expect_link(L"rootfs\\data", IO_REPARSE_TAG_SYMLINK);
  json_decref(record);
  record = json_deep_copy(json_array_get(records, 2));
  json_object_del(record, "owner");
  expect(hp_volume_release(record, &known, &err));
  expect_link(L"rootfs\\data", 0);
  json_decref(record);
  release_all();
  expect_nothing_left();
}
END_TEST

START_TEST(a_file_is_no_place) {
  static const wchar_t *const places[] = {L"file", L"file\\x\\y"};
  make_file_in_scratch(L"file", "");
  for (size_t i = 0; i < 2; i++) {
    free(location);
    spec.rootfs_location = location = narrow_in_scratch(places[i]);
    expect_refusal(plan(), HP_FAILED_PRECONDITION, "file\" is not a directory of this host");
  }
  spec.rootfs_location = (char *)(uintptr_t) "Q:\\hpc";
  expect_refusal(plan(), HP_FAILED_PRECONDITION, "\"Q:\\\" is not a directory of this host");
  expect_nothing_left();
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
      {"\\\\localhost\\pipe\\x", "/pipe", "named pipe"},
      {"//?/UNC/localhost/Pipe/x", "/pipe", "named pipe"},
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
  expect_layer_calls("");
  expect(make_all());
  ck_assert(wcsncmp(container.source, L"\\\\?\\Volume{", 11) == 0);
  wchar_t *place = in_scratch(L"place\\c1");
  ck_assert(wcscmp(container.volume, place) == 0);
  ck_assert_uint_eq(hp_link_tag(place), IO_REPARSE_TAG_MOUNT_POINT);
  free(place);
  char *point = narrow_in_scratch(L"place\\c1\\"), *volume = hp_narrow(container.source);
  char *calls = hp_printf("NameToGuid\nNameToGuid\n"
                          "CreateSandboxLayer\nExpandSandboxSize 21474836480\nActivateLayer\nPrepareLayer\n"
                          "GetLayerMountPath\nGetLayerMountPath\n"
                          "SetVolumeMountPointW %s %s\\\n",
                          point, volume);
  ck_assert_str_eq(winsim_log(), calls);
  free(calls);
  winsim_forget();
  release_all();
  calls = hp_printf("GetVolumeNameForVolumeMountPointW\nDeleteVolumeMountPointW %s\n"
                    "UnprepareLayer\nDeactivateLayer\n",
                    point);
  ck_assert_str_eq(winsim_log(), calls);
  free(calls);
  free(point);
  free(volume);
  ck_assert(!exists(L"place"));
  expect_nothing_left();
}
END_TEST

START_TEST(mounts_of_layers_are_links_below_the_volume) {
  use_layers();
  make_directory_in_scratch(L"data");
  add_mount(narrow_in_scratch(L"data"), "/var/data", false);
  expect(plan());
  expect_kinds("layers mount-points volume links");
  expect(make_all());
  expect_link(L"snapshot\\volume\\var\\data", IO_REPARSE_TAG_SYMLINK); /* where winsim keeps it */
  release_all();
  ck_assert(!exists(L"place"));
}
END_TEST

START_TEST(a_disk_that_is_not_ready_four_times_is_then_mounted) {
  use_layers();
  add_disk();
  winsim_fail_call("PrepareLayer", 4, ERROR_NOT_READY);
  expect(plan());
  expect(make_all());
  expect_layer_calls("ActivateLayer PrepareLayer DeactivateLayer ActivateLayer PrepareLayer DeactivateLayer "
                     "ActivateLayer PrepareLayer DeactivateLayer ActivateLayer PrepareLayer DeactivateLayer "
                     "ActivateLayer PrepareLayer");
  release_all();
  expect_nothing_left();
}
END_TEST

START_TEST(a_disk_that_never_gets_ready_is_given_up) {
  use_layers();
  add_disk();
  winsim_fail_call("PrepareLayer", 100, ERROR_DEVICE_NOT_CONNECTED);
  expect(plan());
  ck_assert_int_eq(make_all(), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "PrepareLayer"));
  ck_assert_int_eq(err.os_code, ERROR_DEVICE_NOT_CONNECTED);
  hp_error_clear(&err);
  ck_assert_uint_eq(winsim_count("PrepareLayer"), 5);
  ck_assert_uint_eq(winsim_count("DeactivateLayer"), 5);
  release_all();
  expect_nothing_left();
}
END_TEST

/* A path that cannot be asked for is as bad as a layer that cannot be prepared. */
START_TEST(a_volume_without_a_path_is_unmounted_again) {
  use_layers();
  add_disk();
  winsim_fail_call("GetLayerMountPath", 1, ERROR_ACCESS_DENIED);
  expect(plan());
  ck_assert_int_eq(make_all(), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "GetLayerMountPath"));
  hp_error_clear(&err);
  expect_layer_calls("ActivateLayer PrepareLayer UnprepareLayer DeactivateLayer");
  release_all();
  expect_nothing_left();
}
END_TEST

START_TEST(a_layer_in_use_is_an_error_and_one_that_is_gone_is_none) {
  bool known;
  use_layers();
  add_disk();
  expect(plan());
  expect(make_all());
  winsim_fail_call("DeactivateLayer", 10, ERROR_SHARING_VIOLATION);
  ck_assert_int_eq(hp_volume_release(json_array_get(records, 0), &known, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "DeactivateLayer"));
  hp_error_clear(&err);
  release_all();
  expect(hp_volume_release(json_array_get(records, 0), &known, &err)); /* not mounted any more */
  winsim_forget();
  wchar_t *disk = in_scratch(L"snapshot\\sandbox.vhdx");
  ck_assert(DeleteFileW(disk)); /* the snapshot has been removed */
  free(disk);
  expect(hp_volume_release(json_array_get(records, 0), &known, &err));
  expect_layer_calls("");
  expect_nothing_left();
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
  expect_layer_calls("CreateSandboxLayer ActivateLayer PrepareLayer");
  release_all();
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
    winsim_forget();
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
  tcase_add_test(tcase, a_host_without_links_has_the_directory_itself);
  tcase_add_test(tcase, a_bind_mount_is_a_plain_directory);
  tcase_add_test(tcase, a_junction_stands_in_for_a_symbolic_link);
  tcase_add_test(tcase, mounts_become_links);
  tcase_add_test(tcase, tokens_are_at_their_two_paths);
  tcase_add_test(tcase, read_only_mounts_are_warned_of_once);
  tcase_add_test(tcase, mounts_without_links_are_refused);
  tcase_add_loop_test(tcase, mounts_that_overlap_are_refused, 0, 4);
  tcase_add_test(tcase, a_directory_with_content_cannot_become_a_link);
  tcase_add_test(tcase, a_link_is_removed_only_if_it_is_ours);
  tcase_add_test(tcase, a_file_is_no_place);
  tcase_add_test(tcase, a_place_in_use_is_refused);
  tcase_add_test(tcase, the_default_place_is_private);
  tcase_add_test(tcase, what_cannot_be_mounted_is_refused_before_anything_is_made);
  tcase_add_test(tcase, a_mount_over_the_volume_is_refused);
  tcase_add_test(tcase, a_root_must_be_there);
  tcase_add_test(tcase, layers_are_mounted_and_unmounted_in_order);
  tcase_add_test(tcase, mounts_of_layers_are_links_below_the_volume);
  tcase_add_test(tcase, a_disk_that_is_not_ready_four_times_is_then_mounted);
  tcase_add_test(tcase, a_disk_that_never_gets_ready_is_given_up);
  tcase_add_test(tcase, a_volume_without_a_path_is_unmounted_again);
  tcase_add_test(tcase, a_layer_in_use_is_an_error_and_one_that_is_gone_is_none);
  tcase_add_test(tcase, layer_folders_are_layers_too);
  tcase_add_test(tcase, other_kinds_of_rootfs_are_refused_by_name);
  tcase_add_test(tcase, no_handle_is_left);
  tcase_add_test(tcase, hostile_records_are_refused);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
