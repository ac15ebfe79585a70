/* A pod's figures, from a hierarchy of plain files. */
#include <stdlib.h>
#include <string.h>

#include "cgroups/v2/metrics.pb-c.h"
#include "host/host.h"
#include "host/linux/cgroup_layout.h"
#include "support.h"

static char *directory, *mountinfo;

static void put(const char *path, const char *text) {
  char *whole = hp_printf("%s/%s", directory, path);
  unit_write(whole, text, strlen(text));
  free(whole);
}

static const char *const files[] = {"mountinfo", "cgroup.controllers", "pods.slice/pods-p1.slice/cpu.stat",
                                    "pods.slice/pods-p1.slice/memory.current"};
static const char *const folders[] = {"pods.slice", "pods.slice/pods-p1.slice"};
#define FILES (sizeof files / sizeof files[0])
#define FOLDERS (sizeof folders / sizeof folders[0])

static void set_up(void) {
  directory = unit_directory("pod_stats");
  for (size_t i = 0; i < FOLDERS; i++) {
    char *path = hp_printf("%s/%s", directory, folders[i]);
    unit_make_directory(path);
    free(path);
  }
  char *line = hp_printf("30 23 0:26 / %s rw - cgroup2 cgroup2 rw\n", directory);
  put(files[0], line);
  free(line);
  put(files[1], "cpu memory\n");
  put(files[2], "usage_usec 70\n");
  put(files[3], "4096\n");
  mountinfo = hp_printf("%s/%s", directory, files[0]);
  hp_cgroup_layout_from(mountinfo);
}

static void tear_down(void) {
  hp_cgroup_layout_from(NULL);
  for (size_t i = 0; i < FILES; i++) {
    char *path = hp_printf("%s/%s", directory, files[i]);
    unit_remove(path);
    free(path);
  }
  for (size_t i = FOLDERS; i-- > 0;) {
    char *path = hp_printf("%s/%s", directory, folders[i]);
    unit_remove_directory(path);
    free(path);
  }
  unit_remove_directory(directory);
  free(directory);
  free(mountinfo);
}

/* NULL: the empty message. */
static Io__Containerd__Cgroups__V2__Metrics *stats_of(const char *cgroup_parent) {
  struct hp_container_spec spec = {.cgroup_parent = (char *)cgroup_parent};
  struct hp_error err = HP_ERROR_INIT;
  const char *type;
  uint8_t *data;
  size_t length;
  ck_assert_msg(host_pod_stats(&spec, &type, &data, &length, &err) == 0, "%s", err.message);
  ck_assert_str_eq(type, "io.containerd.cgroups.v2.Metrics");
  ck_assert_ptr_nonnull(data);
  Io__Containerd__Cgroups__V2__Metrics *metrics =
      length > 0 ? io__containerd__cgroups__v2__metrics__unpack(NULL, length, data) : NULL;
  ck_assert(metrics || length == 0);
  free(data);
  return metrics;
}

/* As a path, and as kubelet names it to systemd's driver. */
START_TEST(the_pods_cgroup_is_read) {
  static const char *const names[] = {"/pods.slice/pods-p1.slice", "pods.slice/pods-p1.slice/",
                                      "pods-p1.slice"};
  Io__Containerd__Cgroups__V2__Metrics *metrics = stats_of(names[_i]);
  ck_assert_ptr_nonnull(metrics);
  ck_assert_uint_eq(metrics->cpu->usage_usec, 70);
  ck_assert_uint_eq(metrics->memory->usage, 4096);
  io__containerd__cgroups__v2__metrics__free_unpacked(metrics, NULL);
}
END_TEST

START_TEST(one_that_is_not_there_is_empty) {
  static const char *const names[] = {NULL, "", "/pods.slice/none", "none.slice"};
  ck_assert_ptr_null(stats_of(names[_i]));
}
END_TEST

START_TEST(one_that_leads_elsewhere_is_refused) {
  static const char *const names[] = {"/../etc", "/", "a--b.slice"};
  struct hp_container_spec spec = {.cgroup_parent = (char *)names[_i]};
  struct hp_error err = HP_ERROR_INIT;
  const char *type;
  uint8_t *data = NULL;
  size_t length;
  ck_assert_int_eq(host_pod_stats(&spec, &type, &data, &length, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_msg(strncmp(err.message, "linux.cgroup_parent: ", 21) == 0, "%s", err.message);
  hp_error_clear(&err);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_linux_pod_stats");
  TCase *tests = tcase_create("pod");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_loop_test(tests, the_pods_cgroup_is_read, 0, 3);
  tcase_add_loop_test(tests, one_that_is_not_there_is_empty, 0, 4);
  tcase_add_loop_test(tests, one_that_leads_elsewhere_is_refused, 0, 3);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
