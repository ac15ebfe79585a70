/* The other side of the streams, for the tests on Windows: containerd's pipes,
 * and programs to run. Every function asserts. */
#ifndef HP_TESTS_UNIT_STDIO_WINDOWS_H
#define HP_TESTS_UNIT_STDIO_WINDOWS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "support.h"

#define PATIENCE_MS 60000

static uv_loop_t loop;
static uv_timer_t keep_alive; /* an unreferenced timer alone keeps no loop running */

static inline void on_nothing(uv_timer_t *timer) {
  (void)timer;
}

static inline void open_loop(void) {
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  uv_timer_init(&loop, &keep_alive);
  uv_timer_start(&keep_alive, on_nothing, 3600000, 0);
}

static inline void close_loop(void) {
  uv_close((uv_handle_t *)&keep_alive, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Runs the loop until *value is least. */
static inline void run_until(const volatile unsigned *value, unsigned least) {
  uint64_t deadline = GetTickCount64() + PATIENCE_MS;
  while (*value < least && GetTickCount64() < deadline) {
    uv_run(&loop, UV_RUN_NOWAIT);
    Sleep(1);
  }
  ck_assert_uint_ge(*value, least);
}

/* Gives the loop so many milliseconds, in which nothing is to happen. */
static inline void run_for(unsigned milliseconds) {
  uint64_t end = GetTickCount64() + milliseconds;
  while (GetTickCount64() < end) {
    uv_run(&loop, UV_RUN_NOWAIT);
    Sleep(1);
  }
}

/* Runs the loop until a process or thread has ended. */
static inline DWORD wait_for(HANDLE thing) {
  uint64_t deadline = GetTickCount64() + PATIENCE_MS;
  DWORD result;
  while ((result = WaitForSingleObject(thing, 1)) == WAIT_TIMEOUT && GetTickCount64() < deadline)
    uv_run(&loop, UV_RUN_NOWAIT);
  return result;
}

/* ---- containerd's end of a pipe ----------------------------------------------- */

struct far_end {
  char name[96];
  HANDLE pipe;
  HANDLE thread;
  /* of a reader */
  DWORD pause;  /* ms between two reads */
  size_t limit; /* reads no more than that, then closes; 0: to the end */
  size_t piece; /* bytes of one read; 0: 64 KiB */
  volatile size_t length;
  volatile unsigned over; /* the thread has ended */
  char text[512];         /* how it begins */
  volatile bool wrong;    /* something else than 'x' */
  /* of a writer */
  const char *bytes;
  bool keep_open; /* after them */
};

/* As containerd's are: duplex, without a buffer. */
static inline void far_serve(struct far_end *end) {
  if (!end->name[0]) {
    static unsigned count;
    snprintf(end->name, sizeof end->name, "\\\\.\\pipe\\hp-test-%lu-%u", GetCurrentProcessId(), count++);
  }
  end->pipe = CreateNamedPipeA(end->name, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, PIPE_TYPE_BYTE,
                               1, 0, 0, 0, NULL);
  ck_assert_ptr_ne(end->pipe, INVALID_HANDLE_VALUE);
  end->length = 0;
  end->over = 0;
  end->wrong = false;
  memset(end->text, 0, sizeof end->text);
}

static inline DWORD WINAPI far_read(void *arg) {
  struct far_end *end = arg;
  static const size_t whole = 65536;
  char *buffer = malloc(whole);
  DWORD got = 0, size = (DWORD)(end->piece ? end->piece : whole);
  ConnectNamedPipe(end->pipe, NULL);
  while ((end->limit == 0 || end->length < end->limit) && ReadFile(end->pipe, buffer, size, &got, NULL)) {
    for (DWORD i = 0; i < got; i++) {
      end->wrong |= buffer[i] != 'x';
      if (end->length + i < sizeof end->text - 1)
        end->text[end->length + i] = buffer[i];
    }
    end->length += got;
    if (end->pause)
      Sleep(end->pause);
  }
  free(buffer);
  CloseHandle(end->pipe);
  end->pipe = NULL;
  end->over = 1;
  return 0;
}

static inline DWORD WINAPI far_write(void *arg) {
  struct far_end *end = arg;
  DWORD count;
  ConnectNamedPipe(end->pipe, NULL);
  WriteFile(end->pipe, end->bytes, (DWORD)strlen(end->bytes), &count, NULL);
  if (!end->keep_open) {
    CloseHandle(end->pipe);
    end->pipe = NULL;
  }
  end->over = 1;
  return 0;
}

static inline void far_start(struct far_end *end, LPTHREAD_START_ROUTINE routine) {
  far_serve(end);
  end->thread = CreateThread(NULL, 0, routine, end, 0, NULL);
  ck_assert_ptr_nonnull(end->thread);
}

/* The thread has seen the end. */
static inline void far_finish(struct far_end *end) {
  run_until(&end->over, 1);
  WaitForSingleObject(end->thread, INFINITE);
  CloseHandle(end->thread);
  if (end->pipe)
    CloseHandle(end->pipe);
  end->thread = end->pipe = NULL;
}

/* ---- programs ------------------------------------------------------------------- */

static inline unsigned handle_count(void) {
  DWORD count = 0;
  ck_assert(GetProcessHandleCount(GetCurrentProcess(), &count));
  return count;
}

/* Starts a command line with three standard handles (NULL: none) or on a pseudo console. */
static inline HANDLE run_program(const char *command, HANDLE const ends[3], void *console) {
  STARTUPINFOEXW startup = {.StartupInfo = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES}};
  PROCESS_INFORMATION started = {0};
  HANDLE list[3];
  DWORD count = 0;
  SIZE_T size = 0;
  for (int i = 0; !console && i < 3; i++) {
    if (!ends[i])
      continue;
    SetHandleInformation(ends[i], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    bool known = false;
    for (DWORD j = 0; j < count; j++)
      known |= list[j] == ends[i];
    if (!known)
      list[count++] = ends[i];
  }
  if (!console) {
    startup.StartupInfo.hStdInput = ends[0];
    startup.StartupInfo.hStdOutput = ends[1];
    startup.StartupInfo.hStdError = ends[2];
  }
  InitializeProcThreadAttributeList(NULL, 1, 0, &size);
  startup.lpAttributeList = hp_alloc(size);
  ck_assert(InitializeProcThreadAttributeList(startup.lpAttributeList, 1, 0, &size));
  if (console)
    ck_assert(
        UpdateProcThreadAttribute(startup.lpAttributeList, 0, 0x20016, console, sizeof console, NULL, NULL));
  else if (count > 0)
    ck_assert(UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, list,
                                        count * sizeof list[0], NULL, NULL));
  wchar_t *wide = hp_wide(command);
  ck_assert_msg(CreateProcessW(NULL, wide, NULL, NULL, count > 0,
                               EXTENDED_STARTUPINFO_PRESENT | (console ? 0 : (DWORD)CREATE_NO_WINDOW), NULL,
                               NULL, &startup.StartupInfo, &started),
                "%s: error %lu", command, GetLastError());
  free(wide);
  DeleteProcThreadAttributeList(startup.lpAttributeList);
  free(startup.lpAttributeList);
  CloseHandle(started.hThread);
  return started.hProcess;
}

/* Runs the loop until the process has ended; its exit status. */
static inline DWORD wait_for_exit(HANDLE process) {
  DWORD status = 0;
  ck_assert_uint_eq(wait_for(process), WAIT_OBJECT_0);
  ck_assert(GetExitCodeProcess(process, &status));
  CloseHandle(process);
  return status;
}

#endif
