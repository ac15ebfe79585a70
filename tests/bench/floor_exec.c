/* The least a shim does for an exec under Windows: make the account's environment,
 * create a process, have the system wait for its end, close its handles. It
 * allocates nothing itself. floor_exec PROGRAM THREADS reads numbers from its
 * standard input and runs "PROGRAM end" as often, on as many threads at a time; it
 * says "ready" at first and after each number. */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include <userenv.h>

static wchar_t line[2 * MAX_PATH];
static HANDLE wanted, finished; /* a semaphore; an event */
static HANDLE account;
static volatile LONG left;

_Noreturn static void fail(const char *call) {
  fprintf(stderr, "floor_exec: %s: error %lu\n", call, GetLastError());
  exit(EXIT_FAILURE);
}

static void CALLBACK on_end(void *ended, BOOLEAN timed_out) {
  (void)timed_out;
  SetEvent(ended);
}

static void run_one(HANDLE ended) {
  wchar_t own_line[2 * MAX_PATH];
  STARTUPINFOW startup = {.cb = sizeof startup};
  PROCESS_INFORMATION process;
  HANDLE wait;
  void *environment;
  wcscpy(own_line, line);
  if (!CreateEnvironmentBlock(&environment, account, FALSE))
    fail("CreateEnvironmentBlock");
  if (!CreateProcessW(NULL, own_line, NULL, NULL, FALSE, CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT,
                      environment, NULL, &startup, &process))
    fail("CreateProcess");
  DestroyEnvironmentBlock(environment);
  if (!RegisterWaitForSingleObject(&wait, process.hProcess, on_end, ended, INFINITE,
                                   WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD))
    fail("RegisterWaitForSingleObject");
  WaitForSingleObject(ended, INFINITE);
  UnregisterWaitEx(wait, INVALID_HANDLE_VALUE);
  CloseHandle(process.hThread);
  CloseHandle(process.hProcess);
}

static DWORD WINAPI run_many(void *unused) {
  HANDLE ended = CreateEventW(NULL, FALSE, FALSE, NULL);
  (void)unused;
  while (WaitForSingleObject(wanted, INFINITE) == WAIT_OBJECT_0) {
    run_one(ended);
    if (InterlockedDecrement(&left) == 0)
      SetEvent(finished);
  }
  return 0;
}

int main(int argc, char **argv) {
  int threads = argc == 3 ? atoi(argv[2]) : 0;
  long count = 0;
  HANDLE standing;
  if (threads < 1 || swprintf(line, sizeof line / sizeof line[0], L"\"%hs\" end", argv[1]) < 0)
    return EXIT_FAILURE;
  wanted = CreateSemaphoreW(NULL, 0, MAXLONG, NULL);
  finished = CreateEventW(NULL, FALSE, FALSE, NULL);
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_DUPLICATE, &account))
    fail("OpenProcessToken");
  /* As a shim waits for clients all the time: without it the system's threads would come and go. */
  if (!RegisterWaitForSingleObject(&standing, CreateEventW(NULL, FALSE, FALSE, NULL), on_end, finished,
                                   INFINITE, WT_EXECUTEINWAITTHREAD))
    fail("RegisterWaitForSingleObject");
  while (threads-- > 0)
    CloseHandle(CreateThread(NULL, 0, run_many, NULL, 0, NULL));
  do {
    if (count > 0) {
      left = count;
      ReleaseSemaphore(wanted, count, NULL);
      WaitForSingleObject(finished, INFINITE);
    }
    puts("ready");
    fflush(stdout);
  } while (scanf("%ld", &count) == 1 && count > 0);
  return EXIT_SUCCESS;
}
