/* The daemon is this test program itself, run again: main tells what it is to
 * do by its last argument, and a daemon behaves as its state says. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "host/host.h"
#include "host/windows/pipe.h"
#include "support.h"

#define RACERS 50
#define PATIENCE_MS 60000
#define RACE_VERB "race"
#define ORPHAN_VERB "orphan"
#define STATUS_MADE 10
#define STATUS_JOINED 11

static char address[200];
static struct hp_error err;

static void set_up(void) {
  static unsigned turn;
  snprintf(address, sizeof address, "\\\\.\\pipe\\ProtectedPrefix\\Administrators\\hp-test-%lu-%u",
           (unsigned long)GetCurrentProcessId(), turn++);
  err = (struct hp_error)HP_ERROR_INIT;
}

static void tear_down(void) {
  hp_error_clear(&err);
}

/* ---- what daemons do --------------------------------------------------------- */

static struct host_daemon *running;

static void free_stream(uv_handle_t *stream) {
  free(stream);
}

static void give_buffer(uv_handle_t *stream, size_t suggested, uv_buf_t *buffer) {
  static char byte;
  (void)stream;
  (void)suggested;
  *buffer = uv_buf_init(&byte, 1);
}

static void on_byte(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
  if (got > 0 && buffer->base[0] == 'q')
    host_daemon_close(running);
  if (got != 0)
    uv_close((uv_handle_t *)stream, free_stream);
}

static void on_greeted(uv_write_t *write, int status) {
  (void)status;
  free(write);
}

static void on_accepted(void *arg, uv_stream_t *stream) {
  (void)arg;
  uv_buf_t greeting = uv_buf_init((char *)(uintptr_t) "h", 1);
  uv_write(hp_alloc(sizeof(uv_write_t)), stream, &greeting, 1, on_greeted);
  uv_read_start(stream, give_buffer, on_byte);
}

/* Greets with 'h' and ends when it is told 'q'. */
static int greet(struct host_daemon *daemon) {
  uv_loop_t loop;
  struct hp_error failure = HP_ERROR_INIT;
  running = daemon;
  uv_loop_init(&loop);
  if (host_daemon_listen(daemon, &loop, on_accepted, NULL, &failure) != 0 || !host_daemon_ready(daemon))
    return EXIT_FAILURE;
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int give_reason(struct host_daemon *daemon, enum hp_code code, const char *reason) {
  struct hp_error failure = HP_ERROR_INIT;
  hp_error_set(&failure, code, "%s", reason);
  host_daemon_failed(daemon, &failure);
  hp_error_clear(&failure);
  return EXIT_FAILURE;
}

static int fail_at_length(struct host_daemon *daemon) {
  char *reason = hp_printf("begin %0100000d", 0);
  int status = give_reason(daemon, HP_INTERNAL, reason);
  free(reason);
  return status;
}

/* Ends the start that made it, as containerd does when its time is up, and only
 * then is ready. */
static int outlive_start(struct host_daemon *daemon, DWORD starter) {
  HANDLE process = OpenProcess(PROCESS_TERMINATE | SYNCHRONIZE, FALSE, starter);
  TerminateProcess(process, EXIT_FAILURE);
  WaitForSingleObject(process, INFINITE);
  CloseHandle(process);
  return host_daemon_ready(daemon) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int behave(struct host_daemon *daemon, const char *state) {
  if (strcmp(state, "greet") == 0)
    return greet(daemon);
  if (strcmp(state, "reason") == 0)
    return give_reason(daemon, HP_RESOURCE_EXHAUSTED, "no widgets: buy some");
  if (strcmp(state, "length") == 0)
    return fail_at_length(daemon);
  if (strcmp(state, "die") == 0)
    TerminateProcess(GetCurrentProcess(), 0xc0000005);
  if (strncmp(state, "outlive ", 8) == 0)
    return outlive_start(daemon, strtoul(state + 8, NULL, 10));
  return 3; /* "silence" */
}

/* ---- helpers ------------------------------------------------------------------- */

static uint32_t start(const char *state, bool expect_joined) {
  bool joined;
  uint32_t pid = 0;
  ck_assert_msg(host_daemon_start(address, behave, state, &joined, &pid, &err) == 0, "%s", err.message);
  ck_assert_int_eq(joined, expect_joined);
  ck_assert_uint_ne(pid, 0);
  return pid;
}

static void refused(const char *state, enum hp_code code, const char *reason) {
  bool joined;
  uint32_t pid;
  ck_assert_int_eq(host_daemon_start(address, behave, state, &joined, &pid, &err), -1);
  ck_assert_msg(err.code == code, "%s: %s", hp_code_name(err.code), err.message);
  ck_assert_msg(strstr(err.message, reason) != NULL, "%s", err.message);
  hp_error_clear(&err);
}

static HANDLE dial(void) {
  HANDLE pipe = NULL;
  for (unsigned waited = 0; hp_pipe_dial(address, 0, &pipe, &err) != 0; waited += 5) {
    ck_assert_msg(err.os_code == ERROR_PIPE_BUSY && waited < PATIENCE_MS, "%s", err.message);
    hp_error_clear(&err);
    Sleep(5);
  }
  return pipe;
}

/* Ends the daemon and waits until its process has ended well. */
static void quit(uint32_t pid) {
  HANDLE process = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
  ck_assert_ptr_nonnull(process);
  HANDLE pipe = dial();
  char byte = 0;
  DWORD moved, status = 1;
  ck_assert(ReadFile(pipe, &byte, 1, &moved, NULL) && moved == 1);
  ck_assert_int_eq(byte, 'h');
  ck_assert(WriteFile(pipe, "q", 1, &moved, NULL));
  ck_assert_uint_eq(WaitForSingleObject(process, PATIENCE_MS), WAIT_OBJECT_0);
  ck_assert(GetExitCodeProcess(process, &status));
  ck_assert_uint_eq(status, 0);
  CloseHandle(pipe);
  CloseHandle(process);
}

static void nobody_listens(void) {
  uint32_t found;
  ck_assert_int_eq(host_daemon_find(address, &found, &err), -1);
  ck_assert_msg(err.code == HP_NOT_FOUND, "%s", err.message);
  hp_error_clear(&err);
}

/* This program again, suspended, with a verb of the test's own. */
static PROCESS_INFORMATION run_again(const char *verb) {
  wchar_t path[MAX_PATH], command[1024];
  ck_assert_uint_lt(GetModuleFileNameW(NULL, path, MAX_PATH), MAX_PATH);
  _snwprintf(command, 1024, L"\"%ls\" %hs %hs", path, address, verb);
  STARTUPINFOW startup = {.cb = sizeof startup};
  PROCESS_INFORMATION made;
  ck_assert(CreateProcessW(path, command, NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &startup, &made));
  return made;
}

static DWORD status_of(PROCESS_INFORMATION *made) {
  DWORD status = 0;
  ck_assert_uint_eq(WaitForSingleObject(made->hProcess, PATIENCE_MS), WAIT_OBJECT_0);
  ck_assert(GetExitCodeProcess(made->hProcess, &status));
  CloseHandle(made->hThread);
  CloseHandle(made->hProcess);
  return status;
}

static int run_verb(const char *verb) {
  bool joined;
  uint32_t pid;
  char state[64] = "greet";
  if (strcmp(verb, ORPHAN_VERB) == 0)
    snprintf(state, sizeof state, "outlive %lu", (unsigned long)GetCurrentProcessId());
  if (host_daemon_start(address, behave, state, &joined, &pid, &err) == 0)
    return joined ? STATUS_JOINED : STATUS_MADE;
  fprintf(stderr, "%s\n", err.message);
  return EXIT_FAILURE;
}

/* ---- tests ----------------------------------------------------------------------- */

START_TEST(made_then_joined) {
  uint32_t pid = start("greet", false), found = 0;
  ck_assert_uint_eq(start("greet", true), pid);
  ck_assert_int_eq(host_daemon_find(address, &found, &err), 0);
  ck_assert_uint_eq(found, pid);
  ck_assert_int_eq(host_daemon_remove(address, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  quit(pid);
  nobody_listens();
  ck_assert_int_eq(host_daemon_remove(address, &err), 0);
}
END_TEST

START_TEST(of_racing_starts_one_makes_it) {
  PROCESS_INFORMATION racers[RACERS];
  for (int i = 0; i < RACERS; i++)
    racers[i] = run_again(RACE_VERB);
  for (int i = 0; i < RACERS; i++)
    ResumeThread(racers[i].hThread);
  int made = 0, joined = 0;
  for (int i = 0; i < RACERS; i++) {
    DWORD status = status_of(&racers[i]);
    made += status == STATUS_MADE;
    joined += status == STATUS_JOINED;
  }
  ck_assert_int_eq(made, 1);
  ck_assert_int_eq(joined, RACERS - 1);
  quit(start("greet", true));
}
END_TEST

START_TEST(many_clients_are_served_at_once) {
  enum { CLIENTS = 20 };
  uint32_t pid = start("greet", false);
  HANDLE clients[CLIENTS];
  for (int i = 0; i < CLIENTS; i++)
    clients[i] = dial();
  for (int i = CLIENTS - 1; i >= 0; i--) {
    char byte = 0;
    DWORD moved;
    ck_assert(ReadFile(clients[i], &byte, 1, &moved, NULL) && byte == 'h');
    CloseHandle(clients[i]);
  }
  for (int i = 0; i < 200; i++) /* come and gone before they are accepted */
    CloseHandle(dial());
  quit(pid);
}
END_TEST

START_TEST(start_tells_the_daemons_reason) {
  refused("reason", HP_RESOURCE_EXHAUSTED, "no widgets: buy some");
  refused("length", HP_INTERNAL, "begin 0000");
  refused("silence", HP_INTERNAL, "status 3");
  refused("die", HP_INTERNAL, "0xc0000005");
  nobody_listens();
}
END_TEST

START_TEST(a_daemon_whose_start_was_killed_ends) {
  PROCESS_INFORMATION starter = run_again(ORPHAN_VERB);
  ResumeThread(starter.hThread);
  ck_assert_uint_eq(status_of(&starter), EXIT_FAILURE);
  quit(start("greet", false)); /* waits for the lock, which the orphan gives up at its end */
}
END_TEST

START_TEST(killed_it_is_gone) {
  uint32_t pid = start("greet", false);
  ck_assert_int_eq(host_daemon_kill(address, pid + 4, &err), err.code == HP_OK ? 0 : -1);
  hp_error_clear(&err);
  uint32_t found = 0;
  ck_assert_int_eq(host_daemon_find(address, &found, &err), 0);
  ck_assert_uint_eq(found, pid); /* another number ends nobody */
  ck_assert_msg(host_daemon_kill(address, pid, &err) == 0, "%s", err.message);
  nobody_listens();
  ck_assert_msg(host_daemon_kill(address, pid, &err) == 0, "%s", err.message);
}
END_TEST

START_TEST(what_is_no_pipe_is_refused) {
  snprintf(address, sizeof address, "unix:///run/x");
  refused("greet", HP_INVALID_ARGUMENT, "is not a named pipe");
  snprintf(address, sizeof address, "\\\\.\\pipe\\");
  refused("greet", HP_INVALID_ARGUMENT, "is not a named pipe");
}
END_TEST

START_TEST(no_handles_are_left) {
  quit(start("greet", false)); /* what is loaded once, is */
  DWORD before = 0, after = 0;
  ck_assert(GetProcessHandleCount(GetCurrentProcess(), &before));
  for (int i = 0; i < 5; i++) {
    quit(start("greet", false));
    refused("reason", HP_RESOURCE_EXHAUSTED, "widgets");
  }
  ck_assert(GetProcessHandleCount(GetCurrentProcess(), &after));
  ck_assert_uint_eq(after, before);
}
END_TEST

int main(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[argc - 1] : "";
  if (strcmp(verb, HOST_DAEMON_VERB) == 0)
    return host_daemon_continue(behave);
  if (argc > 2) {
    snprintf(address, sizeof address, "%s", argv[1]);
    return run_verb(verb);
  }
  Suite *suite = suite_create("host_windows_daemon");
  TCase *cases = tcase_create("daemon");
  tcase_add_checked_fixture(cases, set_up, tear_down);
  tcase_add_test(cases, made_then_joined);
  tcase_add_test(cases, of_racing_starts_one_makes_it);
  tcase_add_test(cases, many_clients_are_served_at_once);
  tcase_add_test(cases, start_tells_the_daemons_reason);
  tcase_add_test(cases, a_daemon_whose_start_was_killed_ends);
  tcase_add_test(cases, killed_it_is_gone);
  tcase_add_test(cases, what_is_no_pipe_is_refused);
  tcase_add_test(cases, no_handles_are_left);
  suite_add_tcase(suite, cases);
  return hp_run_suite(suite);
}
