#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/windows/launch.h"
#include "support.h"

static struct hp_error err;
static char folder[MAX_PATH];
static struct hp_launch launch;

static char *in_folder(const char *name) {
  return hp_printf("%s\\%s", folder, name);
}

static void make_file(const char *name) {
  char *path = in_folder(name);
  HANDLE file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
  ck_assert_msg(file != INVALID_HANDLE_VALUE, "%s", path);
  CloseHandle(file);
  free(path);
}

static void make_folder(const char *name) {
  char *path = in_folder(name);
  ck_assert(CreateDirectoryA(path, NULL));
  free(path);
}

/* Deepest first; what is not there does not matter. */
static void remove_all(void) {
  static const char *const names[] = {"bin\\tool.exe", "bin\\uname.exe", "agnhost", "a b.exe",     "a.exe",
                                      "plain",         "both.exe",       "both",    "made\\below", "made",
                                      "bin",           "tool.exe",       ""};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char *path = in_folder(names[i]);
    if (!DeleteFileA(path))
      RemoveDirectoryA(path);
    free(path);
  }
}

static void set_up(void) {
  char temporary[MAX_PATH];
  err = (struct hp_error)HP_ERROR_INIT;
  GetTempPathA(sizeof temporary, temporary);
  snprintf(folder, sizeof folder, "%shpc-lookup-%lu", temporary, (unsigned long)GetCurrentProcessId());
  ck_assert(CreateDirectoryA(folder, NULL));
  launch = (struct hp_launch){.volume = hp_strdup(folder), .system_root = hp_strdup("C:\\windows")};
}

static void tear_down(void) {
  hp_launch_clear(&launch);
  hp_error_clear(&err);
  remove_all();
}

static void assert_found(const char *program, const char *name) {
  char *file = NULL, *expected = in_folder(name);
  size_t rest;
  hp_strings_clear(&launch.args);
  hp_strings_add(&launch.args, program);
  ck_assert_msg(hp_lookup_program(&launch, folder, &file, &rest, &err) == 0, "%s", err.message);
  ck_assert_int_eq(_stricmp(file, expected), 0);
  free(file);
  free(expected);
}

START_TEST(test_extensions) {
  make_file("both");
  make_file("both.exe");
  make_file("plain");
  assert_found("both", "both.exe");
  assert_found("both.exe", "both.exe");
  assert_found("plain", "plain");
  assert_found("/plain", "plain");
  assert_found("./plain", ".\\plain");
}
END_TEST

START_TEST(test_a_directory_is_passed_over) {
  make_folder("tool.exe");
  make_folder("bin");
  make_file("bin\\tool.exe");
  hp_strings_take(&launch.env, hp_printf("PATH=C:\\nowhere;%s\\bin", folder));
  assert_found("tool.exe", "bin\\tool.exe");
  assert_found("tool", "bin\\tool.exe");
}
END_TEST

START_TEST(test_words_of_a_command_line) {
  char *file;
  size_t rest;
  make_file("a b.exe");
  launch.command_line = hp_printf("%s\\a b.exe /x", folder);
  ck_assert_msg(hp_lookup_program(&launch, folder, &file, &rest, &err) == 0, "%s", err.message);
  ck_assert_str_eq(strrchr(file, '\\'), "\\a b.exe");
  ck_assert_str_eq(launch.command_line + rest, " /x");
  free(file);
  make_file("a.exe"); /* the shorter word comes first, as CreateProcess has it */
  ck_assert_int_eq(hp_lookup_program(&launch, folder, &file, &rest, &err), 0);
  ck_assert_str_eq(strrchr(file, '\\'), "\\a.exe");
  free(file);
}
END_TEST

START_TEST(test_nothing_is_found) {
  char *file;
  size_t rest;
  hp_strings_add(&launch.args, "no-such");
  ck_assert_int_eq(hp_lookup_program(&launch, folder, &file, &rest, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  launch.command_line = hp_strdup("   ");
  ck_assert_int_eq(hp_lookup_program(&launch, folder, &file, &rest, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
}
END_TEST

static void add_place(char *path, bool create) {
  launch.directories[launch.directory_count++] = (struct hp_command_windows_directory){path, create};
}

START_TEST(test_directories) {
  char *directory;
  add_place(hp_strdup("C:\\no-such-directory"), false);
  add_place(in_folder("made\\below"), true);
  ck_assert_msg(hp_lookup_directory(&launch, &directory, &err) == 0, "%s", err.message);
  ck_assert_str_eq(directory, launch.directories[1].path);
  ck_assert(GetFileAttributesA(directory) & FILE_ATTRIBUTE_DIRECTORY);
  free(directory);
}
END_TEST

START_TEST(test_a_file_is_no_directory) {
  char *directory;
  make_file("plain");
  add_place(in_folder("plain"), true);
  ck_assert_int_eq(hp_lookup_directory(&launch, &directory, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "process.cwd"));
  ck_assert_ptr_nonnull(strstr(err.message, "plain"));
}
END_TEST

/* ---- the contract's table, section 5 ------------------------------------------------------ */

#define MP "CONTAINER_SANDBOX_MOUNT_POINT"
#define CMD "C:\\windows\\System32\\cmd.exe"
#define POWERSHELL "C:\\windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe"

/* expected begins with "C:" or is below the volume; rest is what the program is told. */
static const struct command {
  const char *line, *cwd, *expected, *rest;
} commands[] = {
    {"cmd.exe /c ver", "C:\\hpc", CMD, " /c ver"},
    {"cmd.exe /c ver", NULL, CMD, " /c ver"},
    {"System32\\cmd.exe /c ver", "c:\\Windows", "c:\\Windows\\System32\\cmd.exe", " /c ver"},
    {"System32\\cmd.exe /c ver", "c:\\Windows\\\\", "c:\\Windows\\System32\\cmd.exe", " /c ver"},
    {"%" MP "%\\bin\\uname.exe -o", "C:\\hpc", "bin\\uname.exe", " -o"},
    {"%" MP "%/bin/uname.exe -o", "C:\\hpc", "bin\\uname.exe", " -o"},
    {"%" MP "%\\bin/uname.exe -o", "C:\\hpc", "bin\\uname.exe", " -o"},
    {"$env:" MP "/bin/uname.exe -o", "C:\\hpc", "bin\\uname.exe", " -o"},
    {"${env:" MP "}/bin/uname.exe -o", "C:\\hpc", "bin\\uname.exe", " -o"},
    {"$" MP "\\bin\\uname.exe -o", "C:\\hpc", "bin\\uname.exe", " -o"},
    {"%container_sandbox_mount_point%\\bin\\uname.exe -o", "C:\\hpc", "bin\\uname.exe", " -o"},
    {"bin/uname.exe -o", "C:\\hpc", "bin\\uname.exe", " -o"},
    {"bin/uname.exe -o", "%" MP "%", "bin\\uname.exe", " -o"},
    {"bin\\uname.exe -o", "%" MP "%", "bin\\uname.exe", " -o"},
    {"uname.exe -o", "%" MP "%/bin", "bin\\uname.exe", " -o"},
    {"uname.exe -o", "%" MP "%/bin/", "bin\\uname.exe", " -o"},
    {"uname.exe -o", "%" MP "%\\bin\\\\", "bin\\uname.exe", " -o"},
    {"powershell cmd.exe /ver", "C:\\hpc", POWERSHELL, " cmd.exe /ver"},
    {"powershell c:/Windows/System32/cmd.exe /c ver", "C:\\hpc", POWERSHELL,
     " c:/Windows/System32/cmd.exe /c ver"},
    {"powershell %" MP "%\\bin\\uname.exe -o", "C:\\hpc", POWERSHELL, " VOLUME\\bin\\uname.exe -o"},
    {"powershell $env:" MP "/bin/uname.exe -o", "C:\\hpc", POWERSHELL, " VOLUME/bin/uname.exe -o"},
    {"powershell bin/uname.exe -o", "$env:" MP, POWERSHELL, " bin/uname.exe -o"},
    {"powershell .\\uname.exe -o", "%" MP "%/bin", POWERSHELL, " .\\uname.exe -o"},
    {"powershell .\\uname.exe -o", "$env:" MP "\\bin\\", POWERSHELL, " .\\uname.exe -o"},
    {"cmd.exe /c dir %" MP "%\\bin\\uname.exe", "C:\\hpc", CMD, " /c dir VOLUME\\bin\\uname.exe"},
    {"/agnhost pause", "C:\\hpc", "agnhost", " pause"},
};
#define COMMANDS (int)(sizeof commands / sizeof commands[0])

static char *with_volume(const char *text) {
  const char *at = strstr(text, "VOLUME");
  return at ? hp_printf("%.*s%s%s", (int)(at - text), text, folder, at + 6) : hp_strdup(text);
}

/* As host_process_spawn() has it: replaced, directory, environment, program. */
START_TEST(test_the_commands_of_the_contract) {
  const struct command *command = &commands[_i / 2];
  const struct hp_command_windows_host host = {folder, "C:\\windows"};
  const struct hp_strings nothing = {0};
  char *directory, *file;
  size_t rest;
  make_folder("bin");
  make_file("bin\\uname.exe");
  make_file("agnhost");
  launch.command_line = hp_command_expand(command->line, folder);
  char *cwd = command->cwd ? hp_command_expand(command->cwd, folder) : NULL;
  ck_assert_int_eq(hp_command_windows_directories(cwd, _i % 2 == 0, &host, launch.directories,
                                                  &launch.directory_count, &err),
                   0);
  hp_command_windows_environment(&nothing, &nothing, &host, &launch.env);
  ck_assert_msg(hp_lookup_directory(&launch, &directory, &err) == 0, "%s", err.message);
  ck_assert_msg(hp_lookup_program(&launch, directory, &file, &rest, &err) == 0, "%s in %s: %s", command->line,
                directory, err.message);
  bool on_host = strncmp(command->expected, "C:", 2) == 0 || strncmp(command->expected, "c:", 2) == 0;
  char *expected = on_host ? hp_strdup(command->expected) : in_folder(command->expected),
       *told = with_volume(command->rest);
  ck_assert_msg(_stricmp(file, expected) == 0, "%s in %s is %s", command->line, directory, file);
  ck_assert_str_eq(launch.command_line + rest, told);
  free(told);
  free(expected);
  free(file);
  free(directory);
  free(cwd);
}
END_TEST

START_TEST(test_long_paths) {
  char name[400];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  char *path = hp_printf("C:/x/../%s", name);
  wchar_t *wide = hp_lookup_wide(path);
  ck_assert_int_eq(wcsncmp(wide, L"\\\\?\\C:\\nnn", 10), 0);
  free(wide);
  free(path);
  wide = hp_lookup_wide("C:/x//y/../z.");
  ck_assert_int_eq(wcscmp(wide, L"C:\\x\\z"), 0);
  free(wide);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/lookup");
  TCase *test = tcase_create("lookup");
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_test(test, test_extensions);
  tcase_add_test(test, test_a_directory_is_passed_over);
  tcase_add_test(test, test_words_of_a_command_line);
  tcase_add_test(test, test_nothing_is_found);
  tcase_add_test(test, test_directories);
  tcase_add_test(test, test_a_file_is_no_directory);
  tcase_add_loop_test(test, test_the_commands_of_the_contract, 0, 2 * COMMANDS);
  tcase_add_test(test, test_long_paths);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
