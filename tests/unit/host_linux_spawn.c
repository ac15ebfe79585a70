/* What is started, and where: look-up and working directory. What the process
 * then has is host_linux_spawn_child.c's. */
#include "host_linux_spawn.h"

/* ---- look-up ------------------------------------------------------------------ */

START_TEST(arguments_and_status_arrive) {
  command("/bin/sh", "-c", "echo \"$0 $*\"; exit 41");
  hp_strings_add(&process.args, "name");
  hp_strings_add(&process.args, "a  b");
  expect("name a  b\n");
  ck_assert_uint_eq(exit_status, 41);
}
END_TEST

START_TEST(a_name_is_found_on_the_path) {
  command("sh", "-c", "echo found");
  expect("found\n");
  put("bin/own", 0755, "#!/bin/sh\necho own\n");
  command("own", NULL, NULL);
  expect("own\n");
}
END_TEST

START_TEST(an_absolute_path_is_looked_for_in_the_volume) {
  put("agent", 0755, "#!/bin/sh\necho agent $1\n");
  command("/agent", "pause", NULL);
  expect("agent pause\n");
}
END_TEST

START_TEST(a_relative_path_begins_at_the_working_directory) {
  if (emulated())
    return;
  put("app/bin/tool", 0755, "#!/bin/sh\necho tool\n");
  directory("app");
  command("bin/tool", NULL, NULL);
  expect("tool\n");
  command("./bin/tool", NULL, NULL);
  expect("tool\n");
}
END_TEST

START_TEST(the_mount_point_is_expanded) {
  if (emulated())
    return;
  put("deep/tool", 0755, "#!/bin/sh\necho \"$1 $V $(pwd)\"\n");
  hp_strings_add(&process.env, "V=v:$CONTAINER_SANDBOX_MOUNT_POINT/x");
  directory("$CONTAINER_SANDBOX_MOUNT_POINT/deep");
  command("$CONTAINER_SANDBOX_MOUNT_POINT/deep/tool", "$CONTAINER_SANDBOX_MOUNT_POINT/y", NULL);
  char *output = hp_printf("%s/y v:%s/x %s/deep\n", volume, volume, volume);
  expect(output);
  free(output);
}
END_TEST

START_TEST(a_missing_program_is_named) {
  command("no-such-program", NULL, NULL);
  refuse(HP_NOT_FOUND, "exec: \"no-such-program\"", "executable file not found in $PATH");
  command("/no/such/program", NULL, NULL);
  refuse(HP_NOT_FOUND, "exec: \"/no/such/program\"", "no such file or directory");
  command("/etc/passwd/x", NULL, NULL);
  refuse(HP_NOT_FOUND, "exec: \"/etc/passwd/x\"", "no such file or directory");
  hp_strings_clear(&process.args);
  refuse(HP_INVALID_ARGUMENT, "process.args", "no program");
  command("", NULL, NULL);
  refuse(HP_INVALID_ARGUMENT, "process.args", "no program");
}
END_TEST

START_TEST(a_directory_of_that_name_is_passed_over) {
  put("b/tool", 0755, "#!/bin/sh\necho second\n");
  put_directory("a");
  put_directory("a/tool");
  hp_strings_take(&process.env, hp_printf("PATH=%s/a:%s/b", volume, volume));
  command("tool", NULL, NULL);
  expect("second\n");
  put_directory("lonely");
  command("/lonely", NULL, NULL);
  refuse(HP_PERMISSION_DENIED, "exec: \"/lonely\"", "is a directory");
}
END_TEST

START_TEST(what_cannot_be_executed_says_why) {
  if (emulated())
    return;
  put("plain", 0644, "#!/bin/sh\n");
  command("/plain", NULL, NULL);
  refuse(HP_PERMISSION_DENIED, "exec: \"/plain\"", "ermission denied");
  put("noformat", 0755, "echo hello\n");
  command("/noformat", NULL, NULL);
  refuse(HP_INVALID_ARGUMENT, "exec: \"/noformat\"", "neither a program nor a script");
  put("nointerpreter", 0755, "#!/no/such/interpreter\n");
  command("/nointerpreter", NULL, NULL);
  refuse(HP_NOT_FOUND, "exec: \"/nointerpreter\"", "interpreter");
}
END_TEST

START_TEST(a_file_that_may_not_run_hides_none_that_may) {
  put("a/tool", 0644, "");
  put("b/tool", 0755, "#!/bin/sh\necho b\n");
  hp_strings_take(&process.env, hp_printf("PATH=%s/a:%s/b", volume, volume));
  command("tool", NULL, NULL);
  expect("b\n");
}
END_TEST

START_TEST(too_many_bytes_of_arguments_are_refused) {
  if (emulated())
    return;
  char *huge = hp_alloc(4u << 20);
  memset(huge, 'x', (4u << 20) - 1);
  command("/bin/true", huge, NULL);
  free(huge);
  refuse(HP_INVALID_ARGUMENT, "exec: \"/bin/true\"", "too large");
}
END_TEST

/* ---- working directory ------------------------------------------------------------- */

static void expect_directory(const char *cwd, const char *format) {
  directory(cwd);
  command("/bin/pwd", NULL, NULL);
  char *text = run();
  char *output = format[0] == '=' ? hp_printf("%s\n", format + 1) : hp_printf("%s%s\n", volume, format);
  ck_assert_str_eq(text, output);
  free(output);
  free(text);
}

START_TEST(nobody_chose_a_directory) {
  expect_directory(NULL, "");
  expect_directory("", "");
  expect_directory("/", "");
  expect_directory("//", "");
  expect_directory("/hpc", "");
}
END_TEST

START_TEST(an_absolute_directory_with_private_mounts) {
  if (emulated())
    return;
  put("opt-of-image/x", 0644, "");
  expect_directory("/etc", "=/etc");
  expect_directory("/opt-of-image", "/opt-of-image");
  expect_directory("/made/on/demand/", "/made/on/demand");
  expect_directory(volume, "");
}
END_TEST

START_TEST(an_absolute_directory_on_the_host) {
  if (emulated())
    return;
  container.bind = false;
  put("etc/x", 0644, "");
  expect_directory("/etc", "/etc");
  expect_directory("/usr/bin", "=/usr/bin");
  expect_directory("/made/on/demand", "/made/on/demand");
  char *inside = hp_printf("%s/etc", volume);
  expect_directory(inside, "/etc");
  free(inside);
}
END_TEST

START_TEST(a_relative_directory_is_below_the_volume) {
  if (emulated())
    return;
  put("app/x", 0644, "");
  expect_directory("app", "/app");
  expect_directory("./new/../new/one", "/new/one");
  expect_directory("../../../app", "/app");
}
END_TEST

START_TEST(no_link_leads_out_of_the_volume) {
  if (emulated())
    return;
  char outside[64] = "/tmp/hp-outside-XXXXXX", link[128];
  ck_assert_ptr_nonnull(mkdtemp(outside));
  snprintf(link, sizeof link, "%s/link", volume);
  ck_assert_int_eq(symlink(outside, link), 0);
  directory("link/victim");
  command("/bin/pwd", NULL, NULL);
  struct stat status;
  refuse(HP_NOT_FOUND, "process.cwd", "link/victim");
  snprintf(link, sizeof link, "%s/victim", outside);
  ck_assert_int_eq(stat(link, &status), -1);
  ck_assert_int_eq(rmdir(outside), 0);
}
END_TEST

START_TEST(a_file_is_no_directory) {
  if (emulated())
    return;
  put("file", 0644, "");
  directory("file/below");
  command("/bin/pwd", NULL, NULL);
  refuse(HP_NOT_FOUND, "process.cwd", "file/below");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_linux_spawn");
  TCase *lookup = new_case(suite, "look-up");
  tcase_add_test(lookup, arguments_and_status_arrive);
  tcase_add_test(lookup, a_name_is_found_on_the_path);
  tcase_add_test(lookup, an_absolute_path_is_looked_for_in_the_volume);
  tcase_add_test(lookup, a_relative_path_begins_at_the_working_directory);
  tcase_add_test(lookup, the_mount_point_is_expanded);
  tcase_add_test(lookup, a_missing_program_is_named);
  tcase_add_test(lookup, a_directory_of_that_name_is_passed_over);
  tcase_add_test(lookup, what_cannot_be_executed_says_why);
  tcase_add_test(lookup, a_file_that_may_not_run_hides_none_that_may);
  tcase_add_test(lookup, too_many_bytes_of_arguments_are_refused);
  TCase *directories = new_case(suite, "working directory");
  tcase_add_test(directories, nobody_chose_a_directory);
  tcase_add_test(directories, an_absolute_directory_with_private_mounts);
  tcase_add_test(directories, an_absolute_directory_on_the_host);
  tcase_add_test(directories, a_relative_directory_is_below_the_volume);
  tcase_add_test(directories, no_link_leads_out_of_the_volume);
  tcase_add_test(directories, a_file_is_no_directory);
  return hp_run_suite(suite);
}
