#include "spec/command.h"

#include <stdlib.h>
#include <string.h>

#include "support.h"

#define VARIABLE HP_MOUNT_POINT_VARIABLE

static const struct {
  const char *text, *expanded;
} expansions[] = {
    {"", ""},
    {"nothing here", "nothing here"},
    {"%" VARIABLE "%\\bin", "/hpc\\bin"},
    {"$env:" VARIABLE "/bin", "/hpc/bin"},
    {"${env:" VARIABLE "}x", "/hpcx"},
    {"$" VARIABLE "/a:$" VARIABLE "/b", "/hpc/a:/hpc/b"},
    {"%container_Sandbox_mount_POINT%", "/hpc"},
    {"$ENV:" VARIABLE, "/hpc"},
    {"$" VARIABLE "S", "$" VARIABLE "S"}, /* another variable */
    {"$env:" VARIABLE "_2", "$env:" VARIABLE "_2"},
    {"%" VARIABLE, "%" VARIABLE},
    {"${env:" VARIABLE, "${env:" VARIABLE},
    {"%%" VARIABLE "%%", "%/hpc%"},
    {"$$" VARIABLE, "$/hpc"},
    {VARIABLE, VARIABLE},
    {"${" VARIABLE "}", "${" VARIABLE "}"},
};

START_TEST(test_expand) {
  char *expanded = hp_command_expand(expansions[_i].text, "/hpc");
  ck_assert_str_eq(expanded, expansions[_i].expanded);
  free(expanded);
}
END_TEST

static struct hp_strings list_of(const char *const *items) {
  struct hp_strings list = {0};
  for (; *items; items++)
    hp_strings_add(&list, *items);
  return list;
}

static void equals(struct hp_strings *list, const char *const *expected) {
  size_t i = 0;
  for (; expected[i]; i++) {
    ck_assert_uint_lt(i, list->count);
    ck_assert_str_eq(list->items[i], expected[i]);
  }
  ck_assert_uint_eq(list->count, i);
  hp_strings_clear(list);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define MP_PATH "/hpc/usr/local/sbin:/hpc/usr/local/bin:/hpc/usr/sbin:/hpc/usr/bin:/hpc/sbin:/hpc/bin"
#define HOST_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void environment(const char *const *env, const char *const *expected) {
  struct hp_strings in = list_of(env), out = {0};
  hp_command_environment(&in, "/hpc", &out);
  hp_strings_clear(&in);
  equals(&out, expected);
}

START_TEST(test_environment) {
  environment(LIST("A=1", "B=2", "A=3"), LIST("B=2", "A=3", "PATH=" HOST_PATH ":" MP_PATH, VARIABLE "=/hpc"));
  environment(LIST("PATH=/x"), LIST("PATH=/x:" MP_PATH, VARIABLE "=/hpc"));
  environment(LIST("PATH="), LIST("PATH=" MP_PATH, VARIABLE "=/hpc")); /* an empty entry would be the cwd */
  environment(LIST("PATH=/x:$" VARIABLE "/y", "T=%" VARIABLE "%/t", "a=1", "A=2"),
              LIST("PATH=/x:/hpc/y:" MP_PATH, "T=/hpc/t", "a=1", "A=2", VARIABLE "=/hpc"));
  environment(LIST(VARIABLE "=/etc", "NAMELESS", "=x", "E="),
              LIST("E=", "PATH=" HOST_PATH ":" MP_PATH, VARIABLE "=/hpc"));
}
END_TEST

START_TEST(test_long_environment) {
  struct hp_strings in = {0}, out = {0};
  for (int i = 0; i < 200000; i++)
    hp_strings_take(&in, hp_printf("V%d=%d", i % 1000, i));
  hp_command_environment(&in, "/hpc", &out);
  ck_assert_uint_eq(out.count, 1002);
  ck_assert_str_eq(out.items[0], "V0=199000");
  ck_assert_str_eq(out.items[999], "V999=199999");
  hp_strings_clear(&in);
  hp_strings_clear(&out);
}
END_TEST

static void candidates(const char *arg0, const char *cwd, const char *path, const char *const *expected) {
  struct hp_strings env = {0}, out = {0};
  hp_strings_take(&env, hp_printf("PATH=%s", path));
  hp_command_candidates(arg0, cwd, &env, "/hpc", &out);
  hp_strings_clear(&env);
  equals(&out, expected);
}

START_TEST(test_candidates) {
  candidates("sh", "/work", "/bin:/usr/bin/", LIST("/bin/sh", "/usr/bin/sh"));
  candidates("sh", "/work", "/bin::rel", LIST("/bin/sh", "/work/sh", "/work/rel/sh"));
  candidates("/agnhost", "/work", "/bin", LIST("/agnhost", "/hpc/agnhost"));
  candidates("/hpc/bin/x", "/work", "/bin", LIST("/hpc/bin/x"));
  candidates("/hpcx", "/work", "/bin", LIST("/hpcx", "/hpc/hpcx"));
  candidates("bin/uname", "/hpc", "/usr:/opt", LIST("/hpc/bin/uname", "/usr/bin/uname", "/opt/bin/uname"));
  candidates("./uname", "/hpc/bin", "/usr", LIST("/hpc/bin/./uname"));
  candidates("../uname", "/hpc/bin/", "/usr", LIST("/hpc/bin/../uname"));
  candidates("x", "/", "", LIST("/x"));
  candidates("", "/work", "/bin", (const char *const[]){NULL});
}
END_TEST

START_TEST(test_candidates_are_bounded) {
  struct hp_strings env = {0}, out = {0};
  char *path = hp_alloc((1 << 20) + 6);
  memcpy(path, "PATH=", 5);
  memset(path + 5, ':', 1 << 20);
  hp_strings_take(&env, path);
  hp_command_candidates("x", "/", &env, "/hpc", &out);
  ck_assert_uint_le(out.count, 1024);
  hp_strings_clear(&out);

  char *name = hp_alloc(5001);
  memset(name, 'n', 5000);
  hp_command_candidates(name, "/", &env, "/hpc", &out);
  ck_assert_uint_eq(out.count, 0);
  free(name);
  hp_strings_clear(&env);
}
END_TEST

START_TEST(test_candidates_without_path) {
  struct hp_strings env = {0}, out = {0};
  hp_command_candidates("sh", "/", &env, "/hpc", &out);
  ck_assert_uint_eq(out.count, 6);
  ck_assert_str_eq(out.items[5], "/bin/sh");
  hp_strings_clear(&out);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_command");
  TCase *tcase = tcase_create("command");
  tcase_add_loop_test(tcase, test_expand, 0, (int)(sizeof expansions / sizeof expansions[0]));
  tcase_add_test(tcase, test_environment);
  tcase_add_test(tcase, test_long_environment);
  tcase_add_test(tcase, test_candidates);
  tcase_add_test(tcase, test_candidates_are_bounded);
  tcase_add_test(tcase, test_candidates_without_path);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
