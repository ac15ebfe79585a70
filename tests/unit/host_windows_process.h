/* What the tests of Windows' jobs and processes share: a container without
 * account and volume of its own, and a child that is this test program again,
 * whose first argument says what it is to do. */
#ifndef HP_TESTS_UNIT_HOST_WINDOWS_PROCESS_H
#define HP_TESTS_UNIT_HOST_WINDOWS_PROCESS_H

#include <check.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/windows/container.h"
#include "host/windows/job.h"
#include "host/windows/launcher.h"
#include "host/windows/text.h"
#include "spec/command.h"
#include "spec/identifier.h"
#include "support.h"

#include <shellapi.h> /* after windows.h */

#define PATIENCE_MS 30000

/* ---- the child ---------------------------------------------------------------- */

static BOOL WINAPI say_event(DWORD event) {
  printf("event %lu\n", (unsigned long)event);
  fflush(stdout);
  ExitProcess(100 + event);
}

static void child_print_arguments(void) {
  int count;
  wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
  for (int i = 2; i < count; i++) {
    char *text = hp_narrow(words[i]);
    fwrite(text, 1, strlen(text) + 1, stdout);
    free(text);
  }
  LocalFree(words);
}

static void child_start_another(char *const *argv) {
  char line[MAX_PATH + 16];
  STARTUPINFOA startup = {.cb = sizeof startup};
  PROCESS_INFORMATION process;
  snprintf(line, sizeof line, "\"%s\" sleep", argv[0]);
  if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
    ExitProcess(99);
  printf("%lu\n", (unsigned long)process.dwProcessId);
}

/* In the launcher's place: answers what the environment says. */
static inline void child_answer(HANDLE pipe, const char *answer) {
  DWORD done, length = (DWORD)strlen(answer);
  char request[4096];
  if (strcmp(answer, "nothing") == 0)
    ExitProcess(42);
  if (strcmp(answer, "too much") == 0)
    length = 0xffffffff;
  WriteFile(pipe, &length, sizeof length, &done, NULL);
  WriteFile(pipe, answer, (DWORD)strlen(answer), &done, NULL);
  while (ReadFile(pipe, request, sizeof request, &done, NULL) && done > 0)
    ;
}

/* Does what argv says; false: this is no child. */
static inline bool run_as_child(int argc, char **argv, int *status) {
  const char *verb = argc > 1 ? argv[1] : "";
  char text[1024];
  *status = 0;
  _setmode(_fileno(stdout), _O_BINARY);
  if (hp_launcher_is_asked(argc, argv) && GetEnvironmentVariableA("HP_HOSTILE", text, sizeof text))
    child_answer((HANDLE)(uintptr_t)strtoull(argv[2], NULL, 10), text);
  else if (hp_launcher_is_asked(argc, argv))
    *status = hp_launcher_main(argv);
  else if (strcmp(verb, "arguments") == 0)
    child_print_arguments();
  else if (strcmp(verb, "exit") == 0)
    ExitProcess((UINT)strtoul(argv[2], NULL, 0));
  else if (strcmp(verb, "sleep") == 0)
    Sleep(INFINITE);
  else if (strcmp(verb, "start") == 0) {
    child_start_another(argv);
    fflush(stdout);
    Sleep(INFINITE);
  } else if (strcmp(verb, "handle") == 0) {
    SetConsoleCtrlHandler(say_event, TRUE);
    printf("ready\n");
    fflush(stdout);
    Sleep(INFINITE);
  } else if (strcmp(verb, "directory") == 0) {
    GetCurrentDirectoryA(sizeof text, text);
    printf("%s", text);
  } else if (strcmp(verb, "variable") == 0) {
    printf("%s", GetEnvironmentVariableA(argv[2], text, sizeof text) ? text : "(none)");
  } else if (strcmp(verb, "echo") == 0) {
    size_t count = fread(text, 1, sizeof text, stdin);
    fwrite(text, 1, count, stdout);
    fprintf(stderr, "to stderr");
  } else
    return false;
  fflush(stdout);
  return true;
}

/* ---- the container ------------------------------------------------------------------ */

static struct hp_error err;
static struct host_container *container;
static char self[MAX_PATH], folder[MAX_PATH];
static uv_loop_t loop;

static unsigned turn; /* counts the containers */

/* No two tests share an id: the name of a job lives on until the last of its
 * processes is quite gone, which nobody waits for. */
static inline char *job_id(const char *name) {
  return hp_printf("%lu.%u-%s", (unsigned long)GetCurrentProcessId(), turn, name);
}

static inline json_t *job_record(const char *name) {
  char *id = job_id(name), *both = hp_printf("test/%s", id), hex[65];
  hp_sha256_hex(both, strlen(both), hex);
  char *full = hp_printf("Global\\hostprocess-test-%s-%.16s", id, hex);
  json_t *record = json_pack("{s:s, s:s}", "kind", "job", "name", full);
  free(full);
  free(both);
  free(id);
  return record;
}

/* Makes the job of `container` with these limits. */
static inline int make_job(const char *name, const struct hp_limits *limits) {
  char *id = job_id(name);
  struct hp_container_spec spec = {.limits = *limits};
  const struct host_container_request request = {.namespace_name = "test", .id = id, .spec = &spec};
  json_t *records = json_array();
  bool known = false;
  container->request = &request;
  int result = hp_job_plan(container, &request, records, &err);
  if (result == 0) {
    result = hp_job_make(container, json_array_get(records, 0), &known, &err);
    ck_assert(known);
  }
  container->request = NULL;
  json_decref(records);
  free(id);
  return result;
}

static inline void new_container(void) {
  char temporary[MAX_PATH];
  err = (struct hp_error)HP_ERROR_INIT;
  GetModuleFileNameA(NULL, self, sizeof self);
  GetTempPathA(sizeof temporary, temporary);
  snprintf(folder, sizeof folder, "%shpc-%lu.%u-%lu", temporary, (unsigned long)GetCurrentProcessId(), ++turn,
           (unsigned long)GetTickCount());
  ck_assert(CreateDirectoryA(folder, NULL));
  container = hp_alloc(sizeof *container);
  container->id = hp_strdup("c1");
  container->volume_utf8 = hp_strdup(folder);
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
}

static inline void drop_container(void) {
  host_job_unwatch_oom(container);
  hp_job_clear(container);
  free(container->id);
  free(container->volume_utf8);
  free(container);
  container = NULL;
  host_reaper_stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  RemoveDirectoryA(folder);
  hp_error_clear(&err);
}

/* ---- a process ----------------------------------------------------------------------- */

struct run {
  uint32_t pid, status;
  unsigned ends; /* how often its end was told */
};

static inline void on_exit_of(void *arg, uint32_t pid, uint32_t status, struct hp_time when) {
  struct run *run = arg;
  ck_assert_uint_eq(pid, run->pid);
  ck_assert_int_gt(when.seconds, 1500000000);
  run->status = status;
  run->ends++;
}

static void tick(uv_timer_t *timer) {
  (void)timer;
}

/* Turns the loop until *flag reaches wanted. */
static inline void wait_for(const unsigned *flag, unsigned wanted) {
  uv_timer_t timer;
  uint64_t end = uv_hrtime() + PATIENCE_MS * 1000000ull;
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, tick, 5, 5);
  while (*flag < wanted && uv_hrtime() < end)
    uv_run(&loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_ge(*flag, wanted);
}

static inline struct hp_strings words(const char *const *items, size_t count) {
  struct hp_strings list = {0};
  for (size_t i = 0; i < count; i++)
    hp_strings_add(&list, items[i]);
  return list;
}
#define WORDS(...)                                                                                           \
  words((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Starts args in the container with these ends. */
static inline int start(const struct hp_strings *args, HANDLE in, HANDLE out, HANDLE error, struct run *run) {
  struct hp_process_spec process = {.args = *args};
  const struct host_spawn spawn = {.process = &process, .stdio = {in, out, error}};
  struct host_spawned spawned;
  *run = (struct run){0};
  if (host_process_spawn(container, &spawn, &spawned, &err) != 0)
    return -1;
  ck_assert_ptr_null(spawned.terminal);
  run->pid = spawned.pid;
  return 0;
}

static inline void watch(struct run *run) {
  host_reaper_watch(run->pid, on_exit_of, run);
}

/* Starts this program again; what it writes can be read from *out. */
static inline void start_self(const char *verb, const char *argument, struct run *run, HANDLE *out) {
  struct hp_strings args = argument ? WORDS(self, verb, argument) : WORDS(self, verb);
  HANDLE writer;
  ck_assert(CreatePipe(out, &writer, NULL, 1 << 16));
  ck_assert_msg(start(&args, NULL, writer, NULL, run) == 0, "%s", err.message);
  CloseHandle(writer);
  hp_strings_clear(&args);
}

/* All of it until the last writer closes; free. */
static inline char *read_all(HANDLE out, size_t *length) {
  size_t room = 1 << 17;
  char *text = hp_alloc(room + 1);
  DWORD got;
  *length = 0;
  while (*length < room && ReadFile(out, text + *length, (DWORD)(room - *length), &got, NULL) && got > 0)
    *length += got;
  CloseHandle(out);
  return text;
}

/* One line, without its end. */
static inline void read_line(HANDLE out, char *line, size_t room) {
  size_t length = 0;
  DWORD got;
  while (length + 1 < room && ReadFile(out, line + length, 1, &got, NULL) && got == 1 && line[length] != '\n')
    length++;
  line[length] = 0;
}

#endif
