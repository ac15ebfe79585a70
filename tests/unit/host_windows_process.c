#include "host_windows_process.h"

#include "host/windows/console.h"
#include "host/windows/launch.h"
#include "host/windows/pipe_pair.h"
#include "host/windows/reaper.h"
#include "host/windows/winapi.h"

static void set_up(void) {
  static const struct hp_limits no_limits;
  new_container();
  ck_assert_msg(make_job("process", &no_limits) == 0, "%s", err.message);
}

static void tear_down(void) {
  drop_container();
}

static DWORD handle_count(void) {
  DWORD count = 0;
  GetProcessHandleCount(GetCurrentProcess(), &count);
  return count;
}

/* ---- arguments --------------------------------------------------------------------- */

static void assert_arguments_arrive(const struct hp_strings *args) {
  HANDLE out, writer;
  struct run run;
  size_t length;
  ck_assert(CreatePipe(&out, &writer, NULL, 1 << 17));
  ck_assert_msg(start(args, NULL, writer, NULL, &run) == 0, "%s", err.message);
  CloseHandle(writer);
  char *text = read_all(out, &length), *at = text;
  for (size_t i = 2; i < args->count; i++) {
    ck_assert_msg(at < text + length, "argument %u is missing", (unsigned)i);
    ck_assert_str_eq(at, args->items[i]);
    at += strlen(at) + 1;
  }
  ck_assert_ptr_eq(at, text + length);
  free(text);
  watch(&run);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, 0);
}

START_TEST(test_hostile_arguments_arrive) {
  struct hp_strings args =
      WORDS(self, "arguments", "", " ", "a b", "\"", "\\", "\\\"", "a\\", "a b\\", "\\\\\"x\\\\", "%PATH%",
            "$x", "^&|<>()!'`", "a\tb", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "*.*", "-x", "/y",
            "{\"json\": [1, \"2\"]}");
  assert_arguments_arrive(&args);
  hp_strings_clear(&args);
}
END_TEST

START_TEST(test_the_longest_command_line) {
  size_t count = HP_COMMAND_LINE_MAX - strlen(self) - strlen(" arguments ");
  char *word = hp_alloc(count + 2);
  memset(word, 'x', count);
  struct hp_strings args = WORDS(self, "arguments", word);
  struct run run;
  assert_arguments_arrive(&args);
  hp_strings_clear(&args);
  word[count] = 'x';
  args = WORDS(self, "arguments", word);
  ck_assert_int_eq(start(&args, NULL, NULL, NULL, &run), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_strings_clear(&args);
  free(word);
}
END_TEST

START_TEST(test_an_unescaped_command_line) {
  struct hp_process_spec process = {.command_line = hp_printf("\"%s\" exit 77", self)};
  const struct host_spawn spawn = {.process = &process};
  struct host_spawned spawned;
  ck_assert_msg(host_process_spawn(container, &spawn, &spawned, &err) == 0, "%s", err.message);
  struct run run = {.pid = spawned.pid};
  watch(&run);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, 77);
  free(process.command_line);
}
END_TEST

START_TEST(test_the_mount_point_is_replaced) {
  struct hp_strings args =
      WORDS(self, "arguments", "%CONTAINER_SANDBOX_MOUNT_POINT%\\x", "$env:container_sandbox_mount_point/y");
  HANDLE out, writer;
  struct run run;
  size_t length;
  ck_assert(CreatePipe(&out, &writer, NULL, 1 << 16));
  ck_assert_msg(start(&args, NULL, writer, NULL, &run) == 0, "%s", err.message);
  CloseHandle(writer);
  char *text = read_all(out, &length), *first = hp_printf("%s\\x", folder),
       *second = hp_printf("%s/y", folder);
  ck_assert_str_eq(text, first);
  ck_assert_str_eq(text + strlen(text) + 1, second);
  free(text);
  free(first);
  free(second);
  hp_strings_clear(&args);
  watch(&run);
  wait_for(&run.ends, 1);
}
END_TEST

/* ---- directory, environment, streams ------------------------------------------------------ */

static char *output_of(const char *verb, const char *argument) {
  struct run run;
  HANDLE out;
  size_t length;
  start_self(verb, argument, &run, &out);
  char *text = read_all(out, &length);
  watch(&run);
  wait_for(&run.ends, 1);
  return text;
}

START_TEST(test_the_default_directory_is_the_volume) {
  char *text = output_of("directory", NULL);
  ck_assert_msg(_stricmp(text, folder) == 0, "%s", text);
  free(text);
}
END_TEST

START_TEST(test_a_missing_directory_is_made) {
  struct hp_strings args = WORDS(self, "directory");
  struct hp_process_spec process = {.args = args, .cwd = (char *)(uintptr_t) "one/two"};
  HANDLE out, writer;
  ck_assert(CreatePipe(&out, &writer, NULL, 1 << 16));
  const struct host_spawn spawn = {.process = &process, .stdio = {NULL, writer, NULL}};
  struct host_spawned spawned;
  size_t length;
  ck_assert_msg(host_process_spawn(container, &spawn, &spawned, &err) == 0, "%s", err.message);
  CloseHandle(writer);
  char *text = read_all(out, &length), *expected = hp_printf("%s\\one\\two", folder);
  ck_assert_msg(_stricmp(text, expected) == 0, "%s", text);
  struct run run = {.pid = spawned.pid};
  watch(&run);
  wait_for(&run.ends, 1);
  RemoveDirectoryA(expected);
  *strrchr(expected, '\\') = 0;
  RemoveDirectoryA(expected);
  free(expected);
  free(text);
  hp_strings_clear(&args);
}
END_TEST

START_TEST(test_environment) {
  char *mount = output_of("variable", HP_MOUNT_POINT_VARIABLE), *root = output_of("variable", "systemroot"),
       *path = output_of("variable", "PATH");
  ck_assert_str_eq(mount, folder);
  ck_assert_int_eq(_stricmp(root, "C:\\windows"), 0);
  ck_assert_ptr_nonnull(strstr(path, folder));
  free(mount);
  free(root);
  free(path);
}
END_TEST

START_TEST(test_streams) {
  struct hp_strings args = WORDS(self, "echo");
  struct run run;
  HANDLE in, feed, out, out_end, error, error_end;
  DWORD written;
  size_t length;
  ck_assert(CreatePipe(&in, &feed, NULL, 0) && CreatePipe(&out, &out_end, NULL, 0) &&
            CreatePipe(&error, &error_end, NULL, 0));
  ck_assert_msg(start(&args, in, out_end, error_end, &run) == 0, "%s", err.message);
  CloseHandle(in);
  CloseHandle(out_end);
  CloseHandle(error_end);
  ck_assert(WriteFile(feed, "hello", 5, &written, NULL));
  CloseHandle(feed);
  char *text = read_all(out, &length), *complaint = read_all(error, &length);
  ck_assert_str_eq(text, "hello");
  ck_assert_str_eq(complaint, "to stderr");
  free(text);
  free(complaint);
  hp_strings_clear(&args);
  watch(&run);
  wait_for(&run.ends, 1);
}
END_TEST

/* A child has its three ends and nothing else of ours: while it lives, a pipe
 * whose last writer we close is at its end. */
START_TEST(test_nothing_else_is_inherited) {
  SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
  HANDLE reader, writer, out;
  struct run run;
  size_t length;
  ck_assert(CreatePipe(&reader, &writer, &inherit, 0));
  start_self("sleep", NULL, &run, &out);
  CloseHandle(writer);
  char *text = read_all(reader, &length);
  ck_assert_uint_eq(length, 0);
  free(text);
  CloseHandle(out);
  watch(&run);
  ck_assert_int_eq(host_process_signal(run.pid, 9, &err), 0);
  wait_for(&run.ends, 1);
}
END_TEST

/* ---- ends ---------------------------------------------------------------------------- */

START_TEST(test_exit_codes_have_32_bits) {
  static const struct {
    const char *text;
    uint32_t status;
  } cases[] = {{"0", 0}, {"1", 1}, {"259", 259}, {"0xC000013A", 0xC000013A}, {"0xFFFFFFFF", 0xFFFFFFFF}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct run run;
    HANDLE out;
    start_self("exit", cases[i].text, &run, &out);
    watch(&run);
    wait_for(&run.ends, 1);
    ck_assert_uint_eq(run.status, cases[i].status);
    CloseHandle(out);
  }
}
END_TEST

START_TEST(test_handles_do_not_grow) {
  DWORD before = 0;
  for (unsigned i = 0; i < 220; i++) {
    struct run run;
    HANDLE out;
    start_self("exit", "3", &run, &out);
    CloseHandle(out);
    watch(&run);
    wait_for(&run.ends, 1);
    ck_assert_uint_eq(run.status, 3);
    if (i == 20) /* the thread pool is there by now */
      before = handle_count();
  }
  DWORD after = handle_count();
  ck_assert_msg(after <= before + 8, "%lu handles grew to %lu over 200 processes", (unsigned long)before,
                (unsigned long)after);
}
END_TEST

/* ---- failures --------------------------------------------------------------------------- */

START_TEST(test_not_found_names_the_program) {
  struct hp_strings args = WORDS("no-such-program", "x");
  struct run run;
  ck_assert_int_eq(start(&args, NULL, NULL, NULL, &run), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_int_eq(err.os_code, ERROR_FILE_NOT_FOUND);
  ck_assert_ptr_nonnull(strstr(err.message, "\"no-such-program\""));
  hp_strings_clear(&args);
}
END_TEST

START_TEST(test_no_program) {
  struct hp_strings none = {0}, empty = WORDS("");
  struct run run;
  ck_assert_int_eq(start(&none, NULL, NULL, NULL, &run), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_int_eq(start(&empty, NULL, NULL, NULL, &run), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_strings_clear(&empty);
}
END_TEST

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
}

START_TEST(test_not_a_program) {
  char *path = hp_printf("%s\\text.exe", folder);
  write_file(path, "this is no program");
  struct hp_strings args = WORDS("text.exe");
  struct run run;
  DWORD before = handle_count();
  ck_assert_int_eq(start(&args, NULL, NULL, NULL, &run), -1);
  ck_assert_ptr_nonnull(strstr(err.message, path));
  ck_assert_uint_le(handle_count(), before + 2);
  DeleteFileA(path);
  free(path);
  hp_strings_clear(&args);
}
END_TEST

START_TEST(test_batch_files) {
  char *path = hp_printf("%s\\say it.bat", folder);
  write_file(path, "@echo off\r\necho [%~1][%~2]\r\nexit 5\r\n");
  struct hp_strings args = WORDS("say it", "a b", "%PATH%");
  struct run run;
  HANDLE out, writer;
  size_t length;
  ck_assert(CreatePipe(&out, &writer, NULL, 0));
  ck_assert_msg(start(&args, NULL, writer, NULL, &run) == 0, "%s", err.message);
  CloseHandle(writer);
  char *text = read_all(out, &length);
  watch(&run);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, 5);
  if (hp_winapi_is_wine())
    puts("skipped: what a batch file is given, for Wine's cmd.exe knows no %cd:~,%");
  else
    ck_assert_str_eq(text, "[a b][%PATH%]\r\n");
  free(text);
  DeleteFileA(path);
  free(path);
  hp_strings_clear(&args);
}
END_TEST

/* ---- programs beside containers ------------------------------------------------------------ */

START_TEST(test_program) {
  struct hp_strings args = WORDS(self, "variable", "HP_TEST"), env = WORDS("HP_TEST=logged");
  HANDLE out, writer;
  size_t length;
  ck_assert(CreatePipe(&out, &writer, NULL, 0));
  const host_handle handles[3] = {NULL, writer, NULL};
  uint32_t pid, status;
  ck_assert_msg(host_program_spawn(&args, &env, handles, 3, &pid, &err) == 0, "%s", err.message);
  CloseHandle(writer);
  char *text = read_all(out, &length);
  ck_assert_str_eq(text, "logged");
  free(text);
  ULONGLONG end = GetTickCount64() + PATIENCE_MS;
  while (!host_reaper_peek(pid, &status) && GetTickCount64() < end)
    Sleep(5);
  ck_assert(host_reaper_peek(pid, &status));
  ck_assert_uint_eq(status, 0);
  ck_assert_ptr_null(hp_job_open_member(container->job, pid, 0));
  host_reaper_forget(pid);
  ck_assert(!host_reaper_peek(pid, &status));
  hp_strings_clear(&args);
  hp_strings_clear(&env);
}
END_TEST

/* ---- the launcher ---------------------------------------------------------------------------- */

/* Without a silo the path is the same, only the volume is seen from everywhere. */
START_TEST(test_launched_from_inside) {
  container->silo = true;
  struct hp_strings args = WORDS(self, "arguments", "a b", "\"", "\xc3\xa4", "");
  assert_arguments_arrive(&args);
  hp_strings_clear(&args);
  char *text = output_of("directory", NULL);
  ck_assert_msg(_stricmp(text, folder) == 0, "%s", text);
  free(text);
}
END_TEST

START_TEST(test_the_launcher_leaves) {
  struct run run;
  HANDLE out;
  char line[32];
  uint32_t *pids;
  size_t count;
  container->silo = true;
  start_self("handle", NULL, &run, &out);
  read_line(out, line, sizeof line);
  ck_assert_str_eq(line, "ready");
  ck_assert_int_eq(host_job_pids(container, &pids, &count, &err), 0);
  bool found = false;
  for (size_t i = 0; i < count; i++) {
    found = found || pids[i] == run.pid;
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pids[i]);
    char image[MAX_PATH] = "";
    DWORD length = sizeof image;
    QueryFullProcessImageNameA(process, 0, image, &length);
    CloseHandle(process);
    ck_assert_msg(pids[i] == run.pid || _stricmp(image, self) != 0, "the launcher is left");
  }
  ck_assert(found);
  free(pids);
  watch(&run);
  ck_assert_int_eq(host_process_signal(run.pid, 9, &err), 0);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, HP_EXIT_KILLED);
  CloseHandle(out);
}
END_TEST

START_TEST(test_the_launcher_tells_the_true_error) {
  struct hp_strings args = WORDS("no-such-program");
  struct run run;
  container->silo = true;
  ck_assert_int_eq(start(&args, NULL, NULL, NULL, &run), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_int_eq(err.os_code, ERROR_FILE_NOT_FOUND);
  ck_assert_ptr_nonnull(strstr(err.message, "\"no-such-program\""));
  hp_strings_clear(&args);
}
END_TEST

static void assert_answer_refused(const char *answer, const char *wanted) {
  struct hp_strings args = WORDS(self, "exit", "0"), env = {0};
  hp_strings_take(&env, hp_printf("HP_HOSTILE=%s", answer));
  struct hp_process_spec process = {.args = args, .env = env};
  const struct host_spawn spawn = {.process = &process};
  struct host_spawned spawned;
  ck_assert_int_eq(host_process_spawn(container, &spawn, &spawned, &err), -1);
  ck_assert_msg(strstr(err.message, wanted) != NULL, "%s", err.message);
  hp_strings_clear(&args);
  hp_strings_clear(&env);
}

START_TEST(test_hostile_answers) {
  struct run run;
  HANDLE out;
  char answer[64];
  start_self("sleep", NULL, &run, &out); /* an exec of this container, known already */
  watch(&run);
  container->silo = true;
  snprintf(answer, sizeof answer, "{\"pid\":%lu}", (unsigned long)GetCurrentProcessId());
  assert_answer_refused(answer, "no new process of its job");
  snprintf(answer, sizeof answer, "{\"pid\":%u}", run.pid);
  assert_answer_refused(answer, "no new process of its job");
  assert_answer_refused("{\"pid\":4294967296}", "does not say why");
  assert_answer_refused("{\"pid\":\"1\"}", "does not say why");
  assert_answer_refused("{\"code\":99,\"message\":\"a\\nb\"}", "a\\x0ab");
  ck_assert_int_eq(err.code, HP_UNKNOWN);
  assert_answer_refused("[1]", "does not answer in JSON");
  assert_answer_refused("too much", "more than 65536");
  assert_answer_refused("nothing", "status 0x2a");
  ck_assert_int_eq(host_job_kill(container, &err), 0);
  wait_for(&run.ends, 1);
  CloseHandle(out);
}
END_TEST

/* In the shim's place: a launcher that is told to start this program, asleep. */
static HANDLE ask_launcher(HANDLE *pipe) {
  SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
  STARTUPINFOA startup = {.cb = sizeof startup};
  PROCESS_INFORMATION launcher;
  DWORD done;
  char line[MAX_PATH + 64], *name = hp_pipe_unique_name("test");
  *pipe = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 4096, 4096, 0, NULL);
  HANDLE client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, &inherit, OPEN_EXISTING, 0, NULL);
  ck_assert(*pipe != INVALID_HANDLE_VALUE && client != INVALID_HANDLE_VALUE);
  snprintf(line, sizeof line, "\"%s\" " HP_LAUNCHER_VERB " %llu", self,
           (unsigned long long)(uintptr_t)client);
  ck_assert(CreateProcessA(self, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &launcher));
  CloseHandle(client);
  CloseHandle(launcher.hThread);
  ck_assert(AssignProcessToJobObject(container->job, launcher.hProcess));
  json_t *request = json_pack("{s:[s, s], s:[], s:[{s:s, s:b}], s:s, s:s, s:b}", "args", self, "sleep", "env",
                              "directories", "path", folder, "create", 0, "volume", folder, "systemRoot",
                              "C:\\windows", "terminal", 0);
  char *text = json_dumps(request, JSON_COMPACT);
  uint32_t length = (uint32_t)strlen(text);
  ck_assert(WriteFile(*pipe, &length, sizeof length, &done, NULL) &&
            WriteFile(*pipe, text, length, &done, NULL));
  free(text);
  json_decref(request);
  free(name);
  return launcher.hProcess;
}

/* The process that its answer names. */
static HANDLE answered(HANDLE pipe) {
  char text[256];
  uint32_t length;
  DWORD done;
  ck_assert(ReadFile(pipe, &length, sizeof length, &done, NULL) && done == sizeof length);
  ck_assert(length < sizeof text && ReadFile(pipe, text, length, &done, NULL) && done == length);
  json_t *answer = json_loadb(text, length, 0, NULL);
  DWORD pid = (DWORD)json_integer_value(json_object_get(answer, "pid"));
  json_decref(answer);
  HANDLE process = hp_job_open_member(container->job, pid, SYNCHRONIZE | PROCESS_TERMINATE);
  ck_assert_msg(process != NULL, "%.*s: %lu", (int)length, text, GetLastError());
  return process;
}

static void expect_left(HANDLE launcher) {
  ck_assert_uint_eq(WaitForSingleObject(launcher, PATIENCE_MS), WAIT_OBJECT_0);
  CloseHandle(launcher);
}

START_TEST(test_a_workload_that_is_not_taken_ends) {
  HANDLE pipe, launcher = ask_launcher(&pipe), workload = answered(pipe);
  DWORD status = 0;
  CloseHandle(pipe);
  expect_left(launcher);
  ck_assert_uint_eq(WaitForSingleObject(workload, PATIENCE_MS), WAIT_OBJECT_0);
  ck_assert(GetExitCodeProcess(workload, &status));
  ck_assert_uint_eq(status, HP_EXIT_KILLED);
  CloseHandle(workload);
}
END_TEST

/* The shim has stopped waiting for the answer: nobody was told of the workload. */
START_TEST(test_a_workload_that_nobody_asks_after_ends) {
  HANDLE pipe, launcher = ask_launcher(&pipe);
  DWORD *pids;
  size_t count;
  CloseHandle(pipe);
  expect_left(launcher);
  for (ULONGLONG end = GetTickCount64() + PATIENCE_MS;; Sleep(5)) {
    bool left = false;
    ck_assert_int_eq(hp_job_members(container->job, &pids, &count, &err), 0);
    for (size_t i = 0; i < count; i++) {
      char image[MAX_PATH] = "";
      DWORD length = sizeof image;
      HANDLE process = hp_job_open_member(container->job, pids[i], 0);
      left = left || (process && QueryFullProcessImageNameA(process, 0, image, &length) &&
                      _stricmp(image, self) == 0);
      CloseHandle(process);
    }
    free(pids);
    if (!left)
      break;
    ck_assert_msg(GetTickCount64() < end, "the workload is left");
  }
}
END_TEST

START_TEST(test_a_workload_that_is_taken_runs_on) {
  HANDLE pipe, launcher = ask_launcher(&pipe), workload = answered(pipe);
  DWORD done;
  ck_assert(WriteFile(pipe, "x", 1, &done, NULL));
  CloseHandle(pipe);
  expect_left(launcher);
  ck_assert_uint_eq(WaitForSingleObject(workload, 100), WAIT_TIMEOUT);
  ck_assert(TerminateProcess(workload, 0));
  CloseHandle(workload);
}
END_TEST

/* ---- terminals ------------------------------------------------------------------------------- */

START_TEST(test_terminal) {
  struct hp_strings args = WORDS(self, "exit", "6");
  struct hp_process_spec process = {.args = args, .terminal = true};
  const struct host_spawn spawn = {.process = &process};
  struct host_spawned spawned;
  container->silo = _i == 1; /* from inside, too */
  ck_assert_msg(host_process_spawn(container, &spawn, &spawned, &err) == 0, "%s", err.message);
  ck_assert_ptr_nonnull(spawned.terminal);
  struct run run = {.pid = spawned.pid};
  watch(&run);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, 6);
  hp_console_free(spawned.terminal);
  hp_strings_clear(&args);
}
END_TEST

START_TEST(test_launching_does_not_leak) {
  DWORD before = 0;
  container->silo = true;
  for (unsigned i = 0; i < 25; i++) {
    struct run run;
    HANDLE out;
    start_self("exit", "4", &run, &out);
    CloseHandle(out);
    watch(&run);
    wait_for(&run.ends, 1);
    ck_assert_uint_eq(run.status, 4);
    if (i == 5)
      before = handle_count();
  }
  ck_assert_uint_le(handle_count(), before + 4);
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host/windows/process");
  TCase *test = tcase_create("process");
  tcase_set_timeout(test, 110);
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_test(test, test_hostile_arguments_arrive);
  tcase_add_test(test, test_the_longest_command_line);
  tcase_add_test(test, test_an_unescaped_command_line);
  tcase_add_test(test, test_the_mount_point_is_replaced);
  tcase_add_test(test, test_the_default_directory_is_the_volume);
  tcase_add_test(test, test_a_missing_directory_is_made);
  tcase_add_test(test, test_environment);
  tcase_add_test(test, test_streams);
  tcase_add_test(test, test_nothing_else_is_inherited);
  tcase_add_test(test, test_exit_codes_have_32_bits);
  tcase_add_test(test, test_handles_do_not_grow);
  tcase_add_test(test, test_not_found_names_the_program);
  tcase_add_test(test, test_no_program);
  tcase_add_test(test, test_not_a_program);
  tcase_add_test(test, test_batch_files);
  tcase_add_test(test, test_program);
  tcase_add_test(test, test_launched_from_inside);
  tcase_add_test(test, test_the_launcher_leaves);
  tcase_add_test(test, test_a_workload_that_is_not_taken_ends);
  tcase_add_test(test, test_a_workload_that_nobody_asks_after_ends);
  tcase_add_test(test, test_a_workload_that_is_taken_runs_on);
  tcase_add_test(test, test_the_launcher_tells_the_true_error);
  tcase_add_test(test, test_hostile_answers);
  tcase_add_loop_test(test, test_terminal, 0, 2);
  tcase_add_test(test, test_launching_does_not_leak);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
