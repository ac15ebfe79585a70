/* Logging programs on Windows. The host's side (start, reap, signal) is the
 * test's own. */
#include "stdio/windows/logger.h"

#include "host/host.h"
#include "stdio_windows.h"

static struct hp_logger *logger;
static struct hp_error err;
static char directory[MAX_PATH], program[MAX_PATH];

/* ---- the host --------------------------------------------------------------------- */

static struct {
  HANDLE process;
  uint32_t pid;
  unsigned kills;
  int last_signal;
  host_exited exited;
  void *arg;
} child;

int host_program_spawn(const struct hp_strings *argv, const struct hp_strings *env,
                       const host_handle *handles, size_t handle_count, uint32_t *pid,
                       struct hp_error *error) {
  char command[2048] = "", block[4096];
  size_t length = 0;
  STARTUPINFOA startup = {.cb = sizeof startup};
  PROCESS_INFORMATION started;
  ck_assert_uint_eq(handle_count, 3);
  for (size_t i = 0; i < 3; i++)
    ck_assert_ptr_nonnull(handles[i]);
  for (size_t i = 0; i < argv->count; i++)
    snprintf(command + strlen(command), sizeof command - strlen(command), "\"%s\" ", argv->items[i]);
  for (size_t i = 0; i < env->count; i++)
    length += (size_t)snprintf(block + length, sizeof block - length, "%s", env->items[i]) + 1;
  block[length] = '\0';
  if (!CreateProcessA(argv->items[0], command, NULL, NULL, FALSE, CREATE_NO_WINDOW, block, NULL, &startup,
                      &started))
    return hp_error_set_os(error, (int)GetLastError(), "CreateProcess of %s", argv->items[0]);
  CloseHandle(started.hThread);
  child.process = started.hProcess;
  child.pid = *pid = started.dwProcessId;
  return 0;
}

bool host_reaper_peek(uint32_t pid, uint32_t *status) {
  DWORD code;
  ck_assert_uint_eq(pid, child.pid);
  if (WaitForSingleObject(child.process, 0) != WAIT_OBJECT_0)
    return false;
  GetExitCodeProcess(child.process, &code);
  *status = code;
  return true;
}

void host_reaper_forget(uint32_t pid) {
  ck_assert_uint_eq(pid, child.pid);
}

void host_reaper_watch(uint32_t pid, host_exited exited, void *arg) {
  ck_assert_uint_eq(pid, child.pid);
  child.exited = exited;
  child.arg = arg;
}

int host_process_signal(uint32_t pid, int signal, struct hp_error *error) {
  (void)error;
  ck_assert_uint_eq(pid, child.pid);
  child.kills++;
  child.last_signal = signal;
  if (signal == 9)
    TerminateProcess(child.process, 137);
  return 0;
}

/* ---- fixture ------------------------------------------------------------------------ */

static void setup(void) {
  static unsigned turn;
  char temp[MAX_PATH - 40];
  open_loop();
  ck_assert_uint_gt(GetTempPathA(sizeof temp, temp), 0);
  snprintf(directory, sizeof directory, "%shp-log-%lu-%u", temp, GetCurrentProcessId(), turn++);
  ck_assert(CreateDirectoryA(directory, NULL));
  ck_assert_uint_gt(GetFullPathNameA(LOGGER_PROGRAM, sizeof program, program, NULL), 0);
  memset(&child, 0, sizeof child);
  logger = NULL;
}

static void teardown(void) {
  char command[MAX_PATH + 32];
  if (child.process) {
    TerminateProcess(child.process, 1);
    WaitForSingleObject(child.process, INFINITE);
    CloseHandle(child.process);
  }
  if (child.exited)
    child.exited(child.arg, child.pid, 0, (struct hp_time){0, 0});
  close_loop();
  hp_error_clear(&err);
  snprintf(command, sizeof command, "rmdir /s /q \"%s\"", directory);
  ck_assert_int_eq(system(command), 0);
}

static int start(enum hp_endpoint_kind kind, const char *mode, HANDLE streams[2]) {
  struct hp_endpoint endpoint = {.kind = kind, .path = hp_strdup(program)};
  hp_strings_add(&endpoint.args, "file");
  hp_strings_take(&endpoint.args, hp_printf("%s\\log", directory));
  hp_strings_add(&endpoint.args, "mode");
  hp_strings_add(&endpoint.args, mode);
  int status = hp_logger_start(&endpoint, "name space", "c1", streams, &logger, &err);
  hp_endpoint_clear(&endpoint);
  return status;
}

static bool ended(void) {
  return WaitForSingleObject(child.process, PATIENCE_MS) == WAIT_OBJECT_0;
}

static void say(HANDLE pipe, const char *text) {
  OVERLAPPED write = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
  DWORD count = 0;
  ck_assert(WriteFile(pipe, text, (DWORD)strlen(text), NULL, &write) || GetLastError() == ERROR_IO_PENDING);
  ck_assert(GetOverlappedResult(pipe, &write, &count, TRUE));
  ck_assert_uint_eq(count, strlen(text));
  CloseHandle(write.hEvent);
}

static void expect_file(const char *part, const char *text, bool whole) {
  char path[MAX_PATH + 16], content[8192] = "";
  snprintf(path, sizeof path, "%s\\log.%s", directory, part);
  FILE *file = fopen(path, "rb");
  ck_assert_msg(file != NULL, "%s is not there", path);
  content[fread(content, 1, sizeof content - 1, file)] = '\0';
  fclose(file);
  if (whole)
    ck_assert_str_eq(content, text);
  else
    ck_assert_msg(strstr(content, text) != NULL, "\"%s\" lacks \"%s\"", content, text);
}

static void log_something(enum hp_endpoint_kind kind, const char *mode) {
  HANDLE streams[2];
  ck_assert_msg(start(kind, mode, streams) == 0, "%s", err.message);
  say(streams[0], "to out");
  say(streams[1], "to err");
  CloseHandle(streams[0]);
  CloseHandle(streams[1]);
  hp_logger_stop(logger, &loop);
  ck_assert(ended());
  ck_assert_uint_eq(child.kills, 0);
  expect_file("out", "to out", true);
  expect_file("err", "to err", true);
}

/* ---- tests ----------------------------------------------------------------------------- */

START_TEST(closing_is_ready_for_binary) {
  log_something(HP_ENDPOINT_BINARY, "ready");
}
END_TEST

START_TEST(a_byte_is_ready_for_both) {
  log_something(HP_ENDPOINT_BINARY_V2, "byte");
}
END_TEST

START_TEST(arguments_and_environment_are_as_promised) {
  log_something(HP_ENDPOINT_BINARY, "byte");
  expect_file("args", "[file]", false);
  expect_file("args", "[mode][byte]", false);
  expect_file("args", "\nCONTAINER_ID=c1\n", false);
  expect_file("args", "\nCONTAINER_NAMESPACE=name space\n", false);
  expect_file("args", "\nSystemRoot=", false);
  expect_file("args", "\nCONTAINER_WAIT=\\\\.\\pipe\\ProtectedPrefix\\Administrators\\", false);
}
END_TEST

START_TEST(closing_without_a_byte_is_failure_for_v2) {
  HANDLE streams[2];
  ck_assert_int_eq(start(HP_ENDPOINT_BINARY_V2, "ready", streams), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "without a byte"));
  ck_assert(ended()); /* nothing stays running */
}
END_TEST

START_TEST(an_early_end_is_told_with_its_status) {
  HANDLE streams[2];
  ck_assert_int_eq(start(HP_ENDPOINT_BINARY, "fail", streams), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "ended with status 3"));
}
END_TEST

START_TEST(one_that_never_gets_ready_is_given_up) {
  HANDLE streams[2];
  ck_assert_int_eq(start(HP_ENDPOINT_BINARY, "mute", streams), -1);
  ck_assert_int_eq(err.code, HP_DEADLINE_EXCEEDED);
  ck_assert_ptr_nonnull(strstr(err.message, "within 10 s"));
  ck_assert(ended());
}
END_TEST

START_TEST(a_program_that_is_not_there_is_named) {
  HANDLE streams[2];
  snprintf(program, sizeof program, "C:\\no\\such\\logger.exe");
  ck_assert_int_eq(start(HP_ENDPOINT_BINARY, "ready", streams), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "C:\\no\\such\\logger.exe"));
}
END_TEST

START_TEST(a_stubborn_one_is_terminated_then_killed) {
  HANDLE streams[2];
  ck_assert_msg(start(HP_ENDPOINT_BINARY, "stubborn", streams) == 0, "%s", err.message);
  CloseHandle(streams[0]);
  CloseHandle(streams[1]);
  hp_logger_stop(logger, &loop);
  run_until(&child.kills, 1);
  ck_assert_int_eq(child.last_signal, 15);
  ck_assert_uint_eq(WaitForSingleObject(child.process, 0), WAIT_TIMEOUT);
  run_until(&child.kills, 2);
  ck_assert_int_eq(child.last_signal, 9);
  ck_assert(ended());
}
END_TEST

START_TEST(failures_leave_no_handle_behind) {
  HANDLE streams[2];
  unsigned before = 0;
  for (int i = 0; i < 12; i++) {
    ck_assert_int_eq(start(HP_ENDPOINT_BINARY, "fail", streams), -1);
    hp_error_clear(&err);
    CloseHandle(child.process);
    child.process = NULL;
    if (i == 2)
      before = handle_count();
  }
  ck_assert_uint_le(handle_count(), before);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("stdio_windows_logger");
  TCase *tcase = tcase_create("logger");
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_set_timeout(tcase, 120);
  tcase_add_test(tcase, closing_is_ready_for_binary);
  tcase_add_test(tcase, a_byte_is_ready_for_both);
  tcase_add_test(tcase, arguments_and_environment_are_as_promised);
  tcase_add_test(tcase, closing_without_a_byte_is_failure_for_v2);
  tcase_add_test(tcase, an_early_end_is_told_with_its_status);
  tcase_add_test(tcase, one_that_never_gets_ready_is_given_up);
  tcase_add_test(tcase, a_program_that_is_not_there_is_named);
  tcase_add_test(tcase, a_stubborn_one_is_terminated_then_killed);
  tcase_add_test(tcase, failures_leave_no_handle_behind);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
