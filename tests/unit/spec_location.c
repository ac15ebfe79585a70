#include "spec/location.h"

#include "support.h"

static const struct {
  enum hp_os os;
  const char *path;
  bool valid;
} paths[] = {
    {HP_OS_LINUX, "/hpc", true},           {HP_OS_LINUX, "/", false},
    {HP_OS_LINUX, "/./.", false},          {HP_OS_LINUX, "hpc", false},
    {HP_OS_LINUX, "/a/../b", false},       {HP_OS_LINUX, "/a\nb", false},
    {HP_OS_LINUX, "C:\\hpc", false},       {HP_OS_WINDOWS, "C:\\hpc", true},
    {HP_OS_WINDOWS, "d:/hpc dir", true},   {HP_OS_WINDOWS, "C:\\", false},
    {HP_OS_WINDOWS, "C:\\ .", false},      {HP_OS_WINDOWS, "C:hpc", false},
    {HP_OS_WINDOWS, "\\\\host\\a", false}, {HP_OS_WINDOWS, "C:\\a\\..\\b", false},
    {HP_OS_WINDOWS, "C:\\a/../b", false},  {HP_OS_WINDOWS, "C:\\a:stream", false},
    {HP_OS_WINDOWS, "/hpc", false},
};

START_TEST(test_valid) {
  ck_assert_msg(hp_location_is_valid(paths[_i].os, paths[_i].path) == paths[_i].valid, "%s", paths[_i].path);
}
END_TEST

static const struct {
  enum hp_os os;
  const char *path, *folder;
  bool below;
} pairs[] = {
    {HP_OS_LINUX, "/hpc", "/hpc", true},
    {HP_OS_LINUX, "/hpc/a/b", "/hpc", true},
    {HP_OS_LINUX, "//hpc/./a/", "/hpc/", true},
    {HP_OS_LINUX, "/hpc/a", "/./hpc//a/.", true},
    {HP_OS_LINUX, "/hpc-other", "/hpc", false},
    {HP_OS_LINUX, "/", "/hpc", false},
    {HP_OS_LINUX, "/HPC", "/hpc", false},
    {HP_OS_LINUX, "/hpc\\a", "/hpc", false}, /* one name there */
    {HP_OS_WINDOWS, "c:/HPC/a", "C:\\hpc", true},
    {HP_OS_WINDOWS, "C:\\hpc\\.\\a", "C:\\hpc\\", true},
    {HP_OS_WINDOWS, "D:\\hpc", "C:\\hpc", false},
    {HP_OS_WINDOWS, "C:\\hpc2", "C:\\hpc", false},
};

START_TEST(test_below) {
  ck_assert_msg(hp_location_is_below(pairs[_i].os, pairs[_i].path, pairs[_i].folder) == pairs[_i].below,
                "%s in %s", pairs[_i].path, pairs[_i].folder);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_location");
  TCase *grammar = tcase_create("grammar");
  tcase_add_loop_test(grammar, test_valid, 0, (int)(sizeof paths / sizeof paths[0]));
  tcase_add_loop_test(grammar, test_below, 0, (int)(sizeof pairs / sizeof pairs[0]));
  suite_add_tcase(suite, grammar);
  return hp_run_suite(suite);
}
