/* A container with a volume to be: a scratch directory with a bundle and a
 * rootfs, a request to fill in, and its records made and released in order.
 * Windows only. Included by one file a program. */
#ifndef HP_TESTS_UNIT_DOUBLE_WINDOWS_CONTAINER_H
#define HP_TESTS_UNIT_DOUBLE_WINDOWS_CONTAINER_H

#include "host/windows/container.h"
#include "host/ledger.h"
#include "scratch_windows.h"

static struct hp_error err;
static struct hp_verdict verdict;
static struct hp_container_spec spec;
static struct host_container_request request;
static struct host_container container;
static json_t *records;
static struct hp_mount mounts[4];
static char *bundle, *root_path, *location;

static inline char *narrow_in_scratch(const wchar_t *name) {
  wchar_t *wide = in_scratch(name);
  char *utf8 = hp_narrow(wide);
  free(wide);
  return utf8;
}

static inline void container_enter(void) {
  scratch_make();
  make_directory_in_scratch(L"bundle");
  make_directory_in_scratch(L"rootfs");
  bundle = narrow_in_scratch(L"bundle");
  root_path = narrow_in_scratch(L"rootfs");
  location = narrow_in_scratch(L"place");
  spec = (struct hp_container_spec){.root_path = root_path, .rootfs_location = location, .mounts = mounts};
  verdict = (struct hp_verdict){0};
  request = (struct host_container_request){
      .namespace_name = "k8s.io", .id = "c1", .bundle = bundle, .spec = &spec, .verdict = &verdict};
  container =
      (struct host_container){.namespace_name = "k8s.io", .id = "c1", .bundle = bundle, .request = &request};
  records = json_array();
}

static inline void container_leave(void) {
  hp_volume_clear(&container);
  if (container.job)
    CloseHandle(container.job);
  json_decref(records);
  for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
    free(mounts[i].source);
    free(mounts[i].destination);
    mounts[i] = (struct hp_mount){0};
  }
  free(bundle);
  free(root_path);
  free(location);
  hp_error_clear(&err);
  scratch_remove();
}

static inline void add_mount(char *source, const char *destination, bool read_only) {
  mounts[spec.mount_count++] =
      (struct hp_mount){.source = source, .destination = hp_strdup(destination), .read_only = read_only};
}

static inline void expect(int result) {
  ck_assert_msg(result == 0, "%s", err.message ? err.message : "");
}

static inline void expect_refusal(int result, enum hp_code code, const char *part) {
  ck_assert_int_eq(result, -1);
  ck_assert_msg(err.code == code && strstr(err.message, part), "%s: %s", hp_code_name(err.code), err.message);
  hp_error_clear(&err);
}

static inline int plan(void) {
  return hp_volume_plan(&container, &request, records, &err);
}

static inline int make_all(void) {
  for (size_t i = 0; i < json_array_size(records); i++) {
    bool known = false;
    if (hp_volume_make(&container, json_array_get(records, i), &known, &err) != 0)
      return -1;
    ck_assert(known);
  }
  return 0;
}

/* Backwards, as the journal is; every record, however far making it came. */
static inline void release_all(void) {
  for (size_t i = json_array_size(records); i-- > 0;) {
    bool known = false;
    expect(hp_volume_release(json_array_get(records, i), &known, &err));
    ck_assert(known);
  }
}

/* "mount-points volume" */
static inline char *kinds(void) {
  char *list = hp_strdup("");
  for (size_t i = 0; i < json_array_size(records); i++) {
    char *longer = hp_printf("%s%s%s", list, i ? " " : "",
                             json_string_value(json_object_get(json_array_get(records, i), "kind")));
    free(list);
    list = longer;
  }
  return list;
}

static inline void expect_kinds(const char *wanted) {
  char *list = kinds();
  ck_assert_str_eq(list, wanted);
  free(list);
}

static inline size_t count_claims(void) {
  json_t *claims = NULL;
  expect(hp_ledger_read(&claims, &err));
  size_t count = json_array_size(claims);
  json_decref(claims);
  return count;
}

#endif
