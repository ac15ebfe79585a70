/* What a hostile image plants where mount points are to be made, with winsim's
 * links, which are followed wherever Windows follows them. */
#include "host/windows/volume.h"

#include <string.h>

#include "double_windows_container.h"
#include "host/windows/links.h"
#include "host/windows/silo.h"
#include "host/windows/walk.h"
#include "host/windows/winapi.h"
#include "support.h"
#include "winsim/winsim.h"

/* ---- fixture ----------------------------------------------------------------- */

static void new_job(void) {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                     JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};
  container.job = CreateJobObjectW(NULL, NULL);
  ck_assert(
      SetInformationJobObject(container.job, JobObjectExtendedLimitInformation, &limits, sizeof limits));
}

/* Each trick is tried on both behaviors: _i is 0 for bind, 1 for symlink. */
static void enter(void) {
  container_enter();
  winsim_reset();
  expect(hp_silo_probe(&err));
  make_directory_in_scratch(L"outside");
  make_file_in_scratch(L"outside\\victim", "");
  make_directory_in_scratch(L"data");
  make_file_in_scratch(L"file", "text");
  new_job();
}

static void leave(void) {
  container_leave();
}

/* The image has a link to TARGET of the scratch directory at NAME of its own. */
static void plant(const wchar_t *name, const wchar_t *target, bool directory, DWORD tag) {
  wchar_t *path = in_scratch(L"rootfs"), *to = in_scratch(target);
  HANDLE root = NULL, parent = NULL;
  const wchar_t *leaf;
  expect(hp_walk_open_root(path, &root, &err));
  expect(hp_walk_parent(root, name, true, &parent, &leaf, &err));
  if (tag == IO_REPARSE_TAG_MOUNT_POINT) /* the shim's own way to a junction: a symbolic link is refused */
    winsim_fail_call("FSCTL_SET_REPARSE_POINT", 1, ERROR_PRIVILEGE_NOT_HELD);
  expect(hp_link_make(parent, leaf, to, directory, &err));
  CloseHandle(parent);
  CloseHandle(root);
  wchar_t *planted = hp_path_join(path, name);
  ck_assert_uint_eq(hp_link_tag(planted), tag);
  free(planted);
  free(path);
  free(to);
}

/* Mounts SOURCE of the scratch directory at the destination. */
static int mount_at(int behavior, const wchar_t *source, const char *destination) {
  verdict.behavior = behavior == 0 ? HP_MOUNT_BIND : HP_MOUNT_SYMLINK;
  add_mount(narrow_in_scratch(source), destination, false);
  expect(plan());
  return make_all();
}

/* Below the volume, for the destination's own place is the host's and not the image's. */
static int mount_inside(int behavior, const wchar_t *source, const char *inside) {
  char *destination = behavior == 0 ? hp_printf("%s%s", location, inside) : hp_strdup(inside);
  int result = mount_at(behavior, source, destination);
  free(destination);
  return result;
}

static void expect_outside_untouched(void) {
  WIN32_FIND_DATAW data;
  wchar_t *pattern = in_scratch(L"outside\\*");
  HANDLE search = FindFirstFileW(pattern, &data);
  unsigned count = 0;
  for (BOOL more = search != INVALID_HANDLE_VALUE; more; more = FindNextFileW(search, &data))
    count += wcscmp(data.cFileName, L".") != 0 && wcscmp(data.cFileName, L"..") != 0;
  FindClose(search);
  free(pattern);
  ck_assert_uint_eq(count, 1);
  wchar_t *victim = in_scratch(L"outside\\victim");
  ck_assert_uint_eq(hp_link_tag(victim), 0);
  free(victim);
}

static void expect_trick_refused(int result, const char *part) {
  ck_assert_int_eq(result, -1);
  ck_assert_msg(err.code == HP_FAILED_PRECONDITION, "%s: %s", hp_code_name(err.code), err.message);
  ck_assert_msg(strstr(err.message, part), "%s", err.message);
  hp_error_clear(&err);
  expect_outside_untouched();
  release_all();
  expect_outside_untouched();
  ck_assert_uint_eq(count_claims(), 0);
}

/* ---- the tricks ------------------------------------------------------------------ */

START_TEST(a_link_in_the_middle) {
  plant(L"var\\run", L"outside", true, IO_REPARSE_TAG_SYMLINK);
  expect_trick_refused(mount_inside(_i, L"data", "\\var\\run\\evil"), "\"run\" is a link");
  ck_assert(exists(L"rootfs\\var\\run")); /* the image's own link stays */
}
END_TEST

START_TEST(a_junction_in_the_middle) {
  plant(L"var", L"outside", true, IO_REPARSE_TAG_MOUNT_POINT);
  expect_trick_refused(mount_inside(_i, L"data", "\\var\\evil\\deep"), "\"var\" is a link");
}
END_TEST

START_TEST(a_link_at_the_end) {
  plant(L"etc\\conf", L"outside\\victim", false, IO_REPARSE_TAG_SYMLINK);
  expect_trick_refused(mount_inside(_i, L"file", "\\etc\\conf"), _i == 0 ? "is a link" : "another link");
}
END_TEST

START_TEST(a_link_to_nowhere_at_the_end) {
  plant(L"etc\\conf", L"outside\\missing", false, IO_REPARSE_TAG_SYMLINK);
  expect_trick_refused(mount_inside(_i, L"file", "\\etc\\conf"), _i == 0 ? "is a link" : "another link");
}
END_TEST

START_TEST(a_junction_at_the_end) {
  plant(L"data", L"outside", true, IO_REPARSE_TAG_MOUNT_POINT);
  expect_trick_refused(mount_inside(_i, L"data", "\\data"), _i == 0 ? "is a link" : "another link");
}
END_TEST

START_TEST(a_loop_of_links) {
  plant(L"loop", L"rootfs\\loop", true, IO_REPARSE_TAG_SYMLINK);
  expect_trick_refused(mount_inside(_i, L"data", "\\loop\\x"), "\"loop\" is a link");
}
END_TEST

START_TEST(a_file_where_a_directory_is_needed) {
  make_file_in_scratch(L"rootfs\\var", "");
  expect_trick_refused(mount_inside(_i, L"data", "\\var\\data"), "is a file, and a directory is needed");
}
END_TEST

START_TEST(a_file_where_a_directory_is_mounted) {
  make_file_in_scratch(L"rootfs\\data", "");
  expect_trick_refused(mount_inside(_i, L"data", "\\data"), "is a file, and a directory is needed");
}
END_TEST

START_TEST(a_directory_where_a_file_is_mounted) {
  make_directory_in_scratch(L"rootfs\\file");
  expect_trick_refused(mount_inside(_i, L"file", "\\file"), "is a directory, and a file is needed");
}
END_TEST

/* Its other name is a file of the host's: bound over, it stays; a link would take its place. */
START_TEST(a_hard_link) {
  wchar_t *victim = in_scratch(L"outside\\victim"), *name = in_scratch(L"rootfs\\conf");
  ck_assert_msg(CreateHardLinkW(name, victim, NULL), "%lu", GetLastError());
  free(victim);
  free(name);
  int result = mount_inside(_i, L"file", "\\conf");
  if (_i == 1) {
    expect_trick_refused(result, "with other names");
    return;
  }
  expect(result);
  expect_outside_untouched();
  release_all();
  ck_assert(exists(L"rootfs\\conf"));
}
END_TEST

/* The walk holds the directory that it has reached: what comes to stand under its
 * name afterwards is not looked at. */
START_TEST(what_is_swapped_in_during_the_walk) {
  wchar_t *path = in_scratch(L"rootfs"), *was = in_scratch(L"rootfs\\a\\b"),
          *aside = in_scratch(L"rootfs\\aside");
  HANDLE root = NULL, parent = NULL, made = NULL;
  const wchar_t *leaf;
  expect(hp_walk_open_root(path, &root, &err));
  expect(hp_walk_parent(root, L"a\\b\\evil", true, &parent, &leaf, &err));
  ck_assert_msg(MoveFileW(was, aside), "%lu", GetLastError());
  plant(L"a\\b", L"outside", true, IO_REPARSE_TAG_SYMLINK);
  expect(hp_walk_step(parent, leaf, HP_WALK_DIRECTORY, &made, NULL, &err));
  ck_assert(exists(L"rootfs\\aside\\evil"));
  expect_outside_untouched();
  CloseHandle(made);
  CloseHandle(parent);
  /* Whoever walks now meets the link. */
  ck_assert_int_eq(hp_walk_make(root, L"a\\b\\evil", true, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  expect_outside_untouched();
  CloseHandle(root);
  free(path);
  free(was);
  free(aside);
}
END_TEST

START_TEST(a_path_that_climbs) {
  static const char *const bad[] = {"\\a\\..\\..\\outside\\evil", "/../outside/evil", "C:\\..\\evil",
                                    "/a/.. /x"};
  verdict.behavior = _i == 0 ? HP_MOUNT_BIND : HP_MOUNT_SYMLINK;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    add_mount(narrow_in_scratch(L"data"), bad[i], false);
    expect_refusal(plan(), HP_INVALID_ARGUMENT, "mounts[0].destination");
    spec.mount_count = 0;
    free(mounts[0].source);
    free(mounts[0].destination);
    mounts[0] = (struct hp_mount){0};
  }
  expect_outside_untouched();
}
END_TEST

/* ---- what the host has ---------------------------------------------------------------- */

/* A socket cannot be opened to be looked at, nor mounted. */
START_TEST(a_socket_is_refused_as_a_source) {
  wchar_t *path = in_scratch(L"file");
  winsim_add_socket(path);
  free(path);
  verdict.behavior = _i == 0 ? HP_MOUNT_BIND : HP_MOUNT_SYMLINK;
  add_mount(narrow_in_scratch(L"file"), "/run/socket", false);
  expect_refusal(
      plan(), HP_INVALID_ARGUMENT,
      "is a Unix socket, which cannot be mounted: remove the mount and reach it by its host path instead");
  ck_assert_uint_eq(json_array_size(records), 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_hostile");
  TCase *tcase = tcase_create("hostile");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, enter, leave);
  tcase_add_loop_test(tcase, a_link_in_the_middle, 0, 2);
  tcase_add_loop_test(tcase, a_junction_in_the_middle, 0, 2);
  tcase_add_loop_test(tcase, a_link_at_the_end, 0, 2);
  tcase_add_loop_test(tcase, a_link_to_nowhere_at_the_end, 0, 2);
  tcase_add_loop_test(tcase, a_junction_at_the_end, 0, 2);
  tcase_add_loop_test(tcase, a_loop_of_links, 0, 2);
  tcase_add_loop_test(tcase, a_file_where_a_directory_is_needed, 0, 2);
  tcase_add_loop_test(tcase, a_file_where_a_directory_is_mounted, 0, 2);
  tcase_add_loop_test(tcase, a_directory_where_a_file_is_mounted, 0, 2);
  tcase_add_loop_test(tcase, a_hard_link, 0, 2);
  tcase_add_test(tcase, what_is_swapped_in_during_the_walk);
  tcase_add_loop_test(tcase, a_path_that_climbs, 0, 2);
  tcase_add_loop_test(tcase, a_socket_is_refused_as_a_source, 0, 2);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
