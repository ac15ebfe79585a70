/* Signals are console control events: CtrlRoutine of kernel32, in a thread of
 * the target, calls its handlers as the console itself would. */
#include <stdlib.h>

#include "host/windows/job.h"
#include "host/windows/reaper.h"
#include "host/windows/winapi.h"

#define SIGNAL_KILL 9
#define SIGNAL_TERM 15
#define SIGNAL_ROUNDS 4 /* a child born while its parent was being told is told in the next one */

static bool event_of(uint32_t signal, DWORD *event) {
  switch (signal) {
  case CTRL_C_EVENT:
  case CTRL_BREAK_EVENT:
  case CTRL_CLOSE_EVENT:
  case CTRL_LOGOFF_EVENT:
  case CTRL_SHUTDOWN_EVENT:
    *event = signal;
    return true;
  case SIGNAL_TERM:
    *event = CTRL_SHUTDOWN_EVENT;
    return true;
  default:
    return false;
  }
}

/* The contract's table: 15 and the console events, 9 terminates. */
int host_signal_check(uint32_t signal, struct hp_error *err) {
  DWORD event;
  if (signal == SIGNAL_KILL || event_of(signal, &event))
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "signal %u means nothing to a Windows process: send 15 (SIGTERM, CTRL_SHUTDOWN), 9 "
                      "(SIGKILL, terminate), or 0, 1, 2, 5, 6 (CTRL_C, CTRL_BREAK, CTRL_CLOSE, CTRL_LOGOFF, "
                      "CTRL_SHUTDOWN)",
                      signal);
}

/* kernel32 is at one address in all processes of an architecture. */
static bool is_same_architecture(HANDLE process) {
  const struct hp_winapi *api = hp_winapi();
  USHORT theirs, ours, native;
  return api->IsWow64Process2 && api->IsWow64Process2(process, &theirs, &native) &&
         api->IsWow64Process2(GetCurrentProcess(), &ours, &native) && theirs == ours;
}

static int ended(uint32_t pid, struct hp_error *err) {
  return hp_error_set(err, HP_NOT_FOUND, "process %lu has ended", (unsigned long)pid);
}

static int terminate(HANDLE process, uint32_t pid, unsigned status, struct hp_error *err) {
  if (TerminateProcess(process, status))
    return 0;
  DWORD code = GetLastError();
  if (WaitForSingleObject(process, 0) == WAIT_OBJECT_0)
    return ended(pid, err);
  return hp_error_set_os(err, (int)code, "TerminateProcess of %lu", (unsigned long)pid);
}

static int raise_event(HANDLE process, uint32_t pid, DWORD event, struct hp_error *err) {
  const struct hp_winapi *api = hp_winapi();
  if (!api->CtrlRoutine || !is_same_architecture(process))
    return terminate(process, pid, 128u + SIGNAL_TERM, err);
  HANDLE thread = CreateRemoteThread(process, NULL, 0, (LPTHREAD_START_ROUTINE)api->CtrlRoutine,
                                     (void *)(ULONG_PTR)event, 0, NULL);
  if (thread) {
    CloseHandle(thread);
    return 0;
  }
  DWORD code = GetLastError();
  if (WaitForSingleObject(process, 0) == WAIT_OBJECT_0)
    return ended(pid, err);
  return hp_error_set_os(err, (int)code, "CreateRemoteThread in process %lu, for control event %lu",
                         (unsigned long)pid, (unsigned long)event);
}

int hp_signal_send(HANDLE process, uint32_t pid, int signal, struct hp_error *err) {
  DWORD event;
  if (WaitForSingleObject(process, 0) == WAIT_OBJECT_0)
    return ended(pid, err);
  if (signal == SIGNAL_KILL)
    return terminate(process, pid, HP_EXIT_KILLED, err);
  if (!event_of((uint32_t)signal, &event))
    return host_signal_check((uint32_t)signal, err);
  return raise_event(process, pid, event, err);
}

int host_process_signal(uint32_t pid, int signal, struct hp_error *err) {
  if (host_signal_check((uint32_t)signal, err) != 0)
    return -1;
  HANDLE process = hp_reaper_handle(pid);
  if (!process)
    return ended(pid, err);
  int result = hp_signal_send(process, pid, signal, err);
  CloseHandle(process);
  return result;
}

/* ---- the whole job ------------------------------------------------------------------- */

static bool has(const DWORD *pids, size_t count, DWORD pid) {
  for (size_t i = 0; i < count; i++)
    if (pids[i] == pid)
      return true;
  return false;
}

/* The console of the job's processes is one of them, and ends with the last of the
 * others. Told to end before, it would take their console from them. */
static bool is_console_host(HANDLE process) {
  static const wchar_t name[] = L"\\conhost.exe";
  wchar_t image[MAX_PATH], host[MAX_PATH + sizeof name / sizeof name[0]];
  DWORD length = MAX_PATH;
  UINT end = GetSystemDirectoryW(host, MAX_PATH);
  if (end == 0 || end >= MAX_PATH || !QueryFullProcessImageNameW(process, 0, image, &length))
    return false;
  wcscpy(host + end, name);
  return _wcsicmp(image, host) == 0;
}

/* Tells everybody who was not told yet. One that cannot be told does not keep
 * the others from it. */
static int signal_round(HANDLE job, int signal, DWORD **told, size_t *told_count, size_t *failed,
                        struct hp_error *err) {
  DWORD *pids;
  size_t count;
  if (hp_job_members(job, &pids, &count, err) != 0)
    return -1;
  for (size_t i = 0; i < count; i++) {
    if (has(*told, *told_count, pids[i]))
      continue;
    *told = hp_realloc_array(*told, *told_count + 1, sizeof **told);
    (*told)[(*told_count)++] = pids[i];
    HANDLE process = hp_job_open_member(job, pids[i], HP_SIGNAL_ACCESS);
    if (!process)
      continue;
    struct hp_error failure = HP_ERROR_INIT;
    bool spared = signal != SIGNAL_KILL && is_console_host(process);
    if (!spared && hp_signal_send(process, pids[i], signal, &failure) != 0 && failure.code != HP_NOT_FOUND) {
      ++*failed;
      hp_error_move(err, &failure);
    }
    hp_error_clear(&failure);
    CloseHandle(process);
  }
  free(pids);
  return 0;
}

int host_job_signal(struct host_container *container, int signal, struct hp_error *err) {
  HANDLE job = hp_job_of(container, err);
  if (!job || host_signal_check((uint32_t)signal, err) != 0)
    return -1;
  DWORD *told = NULL;
  size_t count = 0, failed = 0;
  int result = 0;
  for (int round = 0; round < SIGNAL_ROUNDS && result == 0; round++) {
    size_t before = count;
    result = signal_round(job, signal, &told, &count, &failed, err);
    if (count == before)
      break;
  }
  free(told);
  return result == 0 && failed == 0 ? 0 : -1;
}
