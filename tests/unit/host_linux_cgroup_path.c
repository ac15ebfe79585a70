#include "host/linux/cgroup_path.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support.h"

static void expect(const char *given, const char *wanted) {
  struct hp_error err = HP_ERROR_INIT;
  char *path = NULL;
  ck_assert_msg(hp_cgroup_path(given, "ns", "id", &path, &err) == 0, "%s: %s", given, err.message);
  ck_assert_str_eq(path, wanted);
  ck_assert_int_eq(hp_cgroup_path_check(path, &err), 0);
  free(path);
}

static void refuse(const char *given, const char *reason) {
  struct hp_error err = HP_ERROR_INIT;
  char *path = NULL;
  ck_assert_msg(hp_cgroup_path(given, "ns", "id", &path, &err) < 0, "\"%s\" became %s", given, path);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "linux.cgroupsPath"));
  ck_assert_msg(strstr(err.message, reason) != NULL, "\"%s\" does not say \"%s\"", err.message, reason);
  hp_error_clear(&err);
}

START_TEST(plain_paths) {
  expect("/default/c1", "/default/c1");
  expect("default/c1", "/default/c1");
  expect("//kubepods///pod1//c1/", "/kubepods/pod1/c1");
  expect("/a/..b/.c", "/a/..b/.c");
  expect("/with:two:colons", "/with:two:colons");
  expect("a:b", "/a:b");
}
END_TEST

START_TEST(no_way_out) {
  refuse("..", "\"..\"");
  refuse("/a/../../b", "\"..\"");
  refuse("/a/./b", "\"..\"");
  refuse("/", "root");
  refuse("///", "root");
  refuse("/a\nb", "control character");
  refuse("/a\x7f", "control character");
}
END_TEST

START_TEST(lengths_are_bounded) {
  char *name = hp_alloc(302);
  memset(name, 'a', 300);
  refuse(name, "300 bytes");
  free(name);
  char *deep = hp_alloc(70), *at = deep;
  for (int i = 0; i < 33; i++)
    at = stpcpy(at, "/d");
  refuse(deep, "deeper than 32");
  deep[64] = '\0';
  expect(deep, deep);
  free(deep);
  size_t huge = 4u << 20;
  char *text = hp_alloc(huge + 1);
  memset(text, '-', huge);
  refuse(text, "bytes long");
  memcpy(text, "a:b:", 4);
  refuse(text, "bytes long");
  free(text);
}
END_TEST

START_TEST(systemd_expansion) {
  expect("kubepods-burstable-podX.slice:cri-containerd:ID",
         "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podX.slice/cri-containerd-ID.scope");
  expect("system.slice:docker:abc", "/system.slice/docker-abc.scope");
  expect(":runc:abc", "/system.slice/runc-abc.scope");
  expect("-.slice:p:n", "/p-n.scope");
  expect("a.slice::n", "/a.slice/n.scope");
  expect("a.slice:p:a-b.slice", "/a.slice/a-b.slice");
}
END_TEST

START_TEST(systemd_nonsense) {
  refuse("kubepods:p:n", "must end with .slice");
  refuse(".slice:p:n", "must end with .slice");
  refuse("a--b.slice:p:n", "between two dashes");
  refuse("-a.slice:p:n", "between two dashes");
  refuse("a-.slice:p:n", "between two dashes");
  refuse("a.slice:p:", "no unit name");
  refuse("a.slice:p\n:n", "control character");
  char *text = hp_alloc(2000);
  memset(text, 0, 2000);
  for (int i = 0; i < 900; i++)
    memcpy(text + 2 * i, "a-", 2);
  strcat(text, "a.slice:p:n");
  refuse(text, "bytes");
  free(text);
}
END_TEST

START_TEST(own_place_never_collides) {
  struct hp_error err = HP_ERROR_INIT;
  char *one = NULL, *two = NULL;
  ck_assert_int_eq(hp_cgroup_path(NULL, "a-b", "c", &one, &err), 0);
  ck_assert_int_eq(hp_cgroup_path("", "a", "b-c", &two, &err), 0);
  ck_assert_str_eq(one, "/hostprocess/a-b/c");
  ck_assert_str_ne(one, two);
  free(one);
  free(two);
  ck_assert_int_lt(hp_cgroup_path(NULL, "a/b", "c", &one, &err), 0);
  ck_assert_int_lt(hp_cgroup_path(NULL, "a", "..", &one, &err), 0);
  ck_assert_int_lt(hp_cgroup_path(NULL, "a", "", &one, &err), 0);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_error_clear(&err);
}
END_TEST

START_TEST(records_hold_clean_paths_only) {
  struct hp_error err = HP_ERROR_INIT;
  static const char *const bad[] = {"", "/", "a", "/a/", "/a//b", "/a/../b", "/a/."};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg(hp_cgroup_path_check(bad[i], &err) < 0, "%s", bad[i]);
  hp_error_clear(&err);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/cgroup_path");
  TCase *tests = tcase_create("grammar");
  tcase_add_test(tests, plain_paths);
  tcase_add_test(tests, no_way_out);
  tcase_add_test(tests, lengths_are_bounded);
  tcase_add_test(tests, systemd_expansion);
  tcase_add_test(tests, systemd_nonsense);
  tcase_add_test(tests, own_place_never_collides);
  tcase_add_test(tests, records_hold_clean_paths_only);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
