#include "stdio/windows/logger.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "host/host.h"
#include "host/windows/pipe.h"
#include "host/windows/pipe_pair.h"
#include "host/windows/text.h"

#define READY_MS 10000
#define POLL_MS 20   /* between two looks whether the program still runs */
#define ENDING_MS 60 /* a program that ends closes its pipes a moment before */
#define FINISH_MS 2000
#define TERM_MS 12000
#define SIGNAL_TERM 15
#define SIGNAL_KILL 9

enum { SERVED_OUT, SERVED_ERR, SERVED_READY, SERVED_COUNT };

struct hp_logger {
  char *path;
  uint32_t pid;
  uv_timer_t timer; /* while it is being stopped */
  bool terminated;
};

/* One pipe that we serve, and the one thing that is awaited on it. */
struct served {
  HANDLE pipe;
  OVERLAPPED pending; /* hEvent: set when it is done */
  bool waiting;       /* the system has `pending` */
};

static const struct {
  const char *variable, *label;
} pipes[SERVED_COUNT] = {
    {"CONTAINER_STDOUT", "log-stdout"}, {"CONTAINER_STDERR", "log-stderr"}, {"CONTAINER_WAIT", "log-wait"}};

/* ---- the pipes (pool) ------------------------------------------------------------ */

static int serve(struct served *served, const char *name, struct hp_error *err) {
  served->pending.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
  if (!served->pending.hEvent)
    return hp_error_set_os(err, (int)GetLastError(), "CreateEvent for pipe %s", name);
  if (hp_pipe_serve(name, true, 1, &served->pipe, err) != 0) {
    served->pipe = NULL;
    return -1;
  }
  DWORD reason = ConnectNamedPipe(served->pipe, &served->pending) ? ERROR_PIPE_CONNECTED : GetLastError();
  served->waiting = reason == ERROR_IO_PENDING;
  if (reason == ERROR_PIPE_CONNECTED)
    SetEvent(served->pending.hEvent);
  else if (reason != ERROR_IO_PENDING)
    return hp_error_set_os(err, (int)reason, "ConnectNamedPipe of %s", name);
  return 0;
}

/* The system writes into `pending` until this returns. */
static void cancel(struct served *served) {
  DWORD count;
  if (served->waiting) {
    CancelIoEx(served->pipe, &served->pending);
    GetOverlappedResult(served->pipe, &served->pending, &count, TRUE);
  }
  served->waiting = false;
}

static void close_served(struct served *served) {
  cancel(served);
  if (served->pipe)
    CloseHandle(served->pipe);
  if (served->pending.hEvent)
    CloseHandle(served->pending.hEvent);
  *served = (struct served){0};
}

/* 0: done; ERROR_PROCESS_ABORTED: the program has ended; WAIT_TIMEOUT; or what
 * the system says. */
static DWORD wait_for(struct served *served, uint32_t pid, uint64_t deadline, DWORD *count) {
  uint32_t status;
  while (WaitForSingleObject(served->pending.hEvent, POLL_MS) == WAIT_TIMEOUT) {
    if (host_reaper_peek(pid, &status))
      return ERROR_PROCESS_ABORTED;
    if (GetTickCount64() >= deadline)
      return WAIT_TIMEOUT;
  }
  *count = 0;
  if (!served->waiting)
    return ERROR_SUCCESS;
  served->waiting = false;
  return GetOverlappedResult(served->pipe, &served->pending, count, FALSE) ? ERROR_SUCCESS : GetLastError();
}

/* ---- starting (pool) --------------------------------------------------------------- */

static int failed(const struct hp_logger *logger, DWORD reason, const char *what, struct hp_error *err) {
  uint32_t status;
  if (reason == ERROR_PROCESS_ABORTED && host_reaper_peek(logger->pid, &status))
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "logging program %s ended with status %u before it was ready", logger->path, status);
  if (reason == WAIT_TIMEOUT)
    return hp_error_set(err, HP_DEADLINE_EXCEEDED,
                        "logging program %s did not get ready within %d s; it must %s", logger->path,
                        READY_MS / 1000, what);
  return hp_error_set_os(err, (int)reason, "logging program %s was to %s", logger->path, what);
}

static bool has_ended(uint32_t pid, uint32_t *status) {
  ULONGLONG end = GetTickCount64() + ENDING_MS;
  while (!host_reaper_peek(pid, status)) {
    if (GetTickCount64() >= end)
      return false;
    Sleep(POLL_MS);
  }
  return true;
}

/* The wait pipe's client has either written a byte or closed it. */
static int hear_ready(const struct hp_logger *logger, enum hp_endpoint_kind kind, struct served *served,
                      uint64_t deadline, struct hp_error *err) {
  const char *what = kind == HP_ENDPOINT_BINARY ? "open and close the pipe that CONTAINER_WAIT names"
                                                : "write a byte to the pipe that CONTAINER_WAIT names";
  char byte;
  DWORD count = 0, reason = ERROR_SUCCESS;
  HANDLE event = served->pending.hEvent;
  ResetEvent(event);
  served->pending = (OVERLAPPED){.hEvent = event};
  if (ReadFile(served->pipe, &byte, 1, NULL, &served->pending) || GetLastError() == ERROR_IO_PENDING) {
    served->waiting = true;
    reason = wait_for(served, logger->pid, deadline, &count);
    cancel(served); /* `byte` must not be written to any more */
  } else {
    reason = GetLastError();
  }
  if (reason == ERROR_SUCCESS && count == 1)
    return 0;
  if (reason == ERROR_PROCESS_ABORTED || reason == ERROR_BROKEN_PIPE || reason == ERROR_SUCCESS) {
    uint32_t status = 0;
    bool ended = has_ended(logger->pid, &status);
    /* One that left a copy of itself behind and ended well is at work. */
    if (kind == HP_ENDPOINT_BINARY && (!ended || status == 0))
      return 0;
    if (ended)
      return failed(logger, ERROR_PROCESS_ABORTED, what, err);
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "logging program %s closed CONTAINER_WAIT without a byte, which means it failed",
                        logger->path);
  }
  return failed(logger, reason, what, err);
}

static int wait_until_ready(const struct hp_logger *logger, enum hp_endpoint_kind kind,
                            struct served served[SERVED_COUNT], struct hp_error *err) {
  uint64_t deadline = GetTickCount64() + READY_MS;
  DWORD count;
  for (size_t i = 0; i < SERVED_COUNT; i++) {
    DWORD reason = wait_for(&served[i], logger->pid, deadline, &count);
    if (reason != ERROR_SUCCESS) {
      char *what = hp_printf("open the pipe that %s names", pipes[i].variable);
      failed(logger, reason, what, err);
      free(what);
      return -1;
    }
  }
  return hear_ready(logger, kind, &served[SERVED_READY], deadline, err);
}

static void add_variable(struct hp_strings *env, const char *name, const char *value) {
  hp_strings_take(env, hp_printf("%s=%s", name, value));
}

/* Windows' own libraries do not work without SystemRoot. */
static void add_system_root(struct hp_strings *env) {
  wchar_t wide[MAX_PATH];
  UINT length = GetSystemWindowsDirectoryW(wide, MAX_PATH);
  if (length == 0 || length >= MAX_PATH)
    return;
  char *root = hp_narrow(wide);
  add_variable(env, "SystemRoot", root);
  free(root);
}

static void free_logger(struct hp_logger *logger) {
  free(logger->path);
  free(logger);
}

static void kill_logger(const struct hp_logger *logger) {
  struct hp_error err = HP_ERROR_INIT;
  host_process_signal(logger->pid, SIGNAL_KILL, &err);
  hp_error_clear(&err); /* gone meanwhile */
  host_reaper_forget(logger->pid);
}

static int serve_all(struct served served[SERVED_COUNT], struct hp_strings *env, struct hp_error *err) {
  for (size_t i = 0; i < SERVED_COUNT; i++) {
    char *name = hp_pipe_unique_name(pipes[i].label);
    int status = serve(&served[i], name, err);
    add_variable(env, pipes[i].variable, name);
    free(name);
    if (status != 0)
      return -1;
  }
  return 0;
}

int hp_logger_start(const struct hp_endpoint *endpoint, const char *namespace_name, const char *container_id,
                    HANDLE streams[2], struct hp_logger **logger, struct hp_error *err) {
  struct served served[SERVED_COUNT] = {{0}};
  struct hp_strings argv = {0}, env = {0};
  struct hp_logger *made = hp_alloc(sizeof *made);
  int result = -1;
  made->path = hp_strdup(endpoint->path);
  HANDLE null = CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                            OPEN_EXISTING, 0, NULL);
  if (null == INVALID_HANDLE_VALUE) {
    hp_error_set_os(err, (int)GetLastError(), "CreateFile of NUL for logging program %s", made->path);
    goto done;
  }
  add_variable(&env, "CONTAINER_ID", container_id);
  add_variable(&env, "CONTAINER_NAMESPACE", namespace_name);
  add_system_root(&env);
  if (serve_all(served, &env, err) != 0)
    goto done;
  hp_strings_add(&argv, endpoint->path);
  for (size_t i = 0; i < endpoint->args.count; i++)
    hp_strings_add(&argv, endpoint->args.items[i]);
  const host_handle handles[3] = {null, null, null};
  if (host_program_spawn(&argv, &env, handles, 3, &made->pid, err) != 0) {
    hp_error_wrap(err, "stdout: logging program");
    goto done;
  }
  if (wait_until_ready(made, endpoint->kind, served, err) != 0) {
    kill_logger(made);
    hp_error_wrap(err, "stdout");
    goto done;
  }
  for (size_t i = 0; i < 2; i++) {
    streams[i] = served[i].pipe;
    served[i].pipe = NULL;
  }
  *logger = made;
  made = NULL;
  result = 0;
done:
  for (size_t i = 0; i < SERVED_COUNT; i++)
    close_served(&served[i]);
  if (null != INVALID_HANDLE_VALUE)
    CloseHandle(null);
  if (made)
    free_logger(made);
  hp_strings_clear(&argv);
  hp_strings_clear(&env);
  return result;
}

/* ---- ending (loop) ------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *timer) {
  free_logger(timer->data);
}

static void on_exit_status(void *arg, uint32_t pid, uint32_t status, struct hp_time when) {
  struct hp_logger *logger = arg;
  (void)pid, (void)status, (void)when;
  uv_close((uv_handle_t *)&logger->timer, on_timer_closed);
}

static void on_patience_over(uv_timer_t *timer) {
  struct hp_logger *logger = timer->data;
  struct hp_error err = HP_ERROR_INIT;
  host_process_signal(logger->pid, logger->terminated ? SIGNAL_KILL : SIGNAL_TERM, &err);
  hp_error_clear(&err); /* gone meanwhile: the reaper tells */
  if (!logger->terminated)
    uv_timer_start(timer, on_patience_over, TERM_MS, 0);
  logger->terminated = true;
}

void hp_logger_stop(struct hp_logger *logger, uv_loop_t *loop) {
  if (!logger)
    return;
  uv_timer_init(loop, &logger->timer);
  logger->timer.data = logger;
  /* The shim's own end does not wait for it. */
  uv_unref((uv_handle_t *)&logger->timer);
  uv_timer_start(&logger->timer, on_patience_over, FINISH_MS, 0);
  host_reaper_watch(logger->pid, on_exit_status, logger);
}
