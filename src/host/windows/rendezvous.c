#include "host/windows/rendezvous.h"

#include <stdlib.h>

#include "host/host.h"
#include "host/windows/pipe.h"

#define LOCK_WAIT_MS 30000
#define BUSY_WAIT_MS 5000
#define NAP_MS 5
#define KILL_WAIT_MS 3000
#define EXIT_KILLED 137

/* An instance that may not be made although nobody has one: it is not that
 * somebody was quicker, we may not make any. Looked at some times, for the
 * holder may let go between the two calls. */
#define ABSENT_MAX 20

/* A mutex in the global namespace would do, had not every user the right to
 * make one of that name first; below ProtectedPrefix only administrators can. */
int hp_rendezvous_lock(const char *address, HANDLE *lock, struct hp_error *err) {
  char *name = hp_printf("%s-lock", address);
  uint64_t give_up = GetTickCount64() + LOCK_WAIT_MS;
  int status = -1;
  unsigned absent = 0;
  for (;;) {
    if (hp_pipe_serve(name, true, 1, lock, err) == 0) {
      status = 0;
      break;
    }
    if (err->os_code != ERROR_ACCESS_DENIED && err->os_code != ERROR_PIPE_BUSY)
      break;
    HANDLE held;
    struct hp_error why = HP_ERROR_INIT;
    if (hp_pipe_dial(name, 0, &held, &why) == 0)
      CloseHandle(held);
    absent += why.os_code == ERROR_FILE_NOT_FOUND;
    hp_error_clear(&why);
    if (absent > ABSENT_MAX) {
      hp_error_recode(err, HP_PERMISSION_DENIED);
      hp_error_wrap(err, "only SYSTEM and Administrators can start a shim");
      break;
    }
    hp_error_clear(err);
    if (GetTickCount64() > give_up) {
      hp_error_set(err, HP_DEADLINE_EXCEEDED,
                   "another process has held pipe %s for %d s: end it and try again", name,
                   LOCK_WAIT_MS / 1000);
      break;
    }
    Sleep(NAP_MS);
  }
  free(name);
  return status;
}

/* A connection to whoever listens; all instances may be taken for a moment. */
static int dial_patiently(const char *name, HANDLE *pipe, struct hp_error *err) {
  uint64_t give_up = GetTickCount64() + BUSY_WAIT_MS;
  while (hp_pipe_dial_trusted(name, 0, pipe, err) != 0) {
    if (err->os_code != ERROR_PIPE_BUSY || GetTickCount64() > give_up)
      return -1;
    hp_error_clear(err);
    Sleep(NAP_MS);
  }
  return 0;
}

int host_daemon_find(const char *address, uint32_t *pid, struct hp_error *err) {
  char *name = hp_pipe_name(address, err);
  HANDLE pipe = NULL;
  ULONG server;
  int status = -1;
  if (!name || dial_patiently(name, &pipe, err) != 0)
    goto done;
  if (!GetNamedPipeServerProcessId(pipe, &server)) {
    hp_error_set_os(err, (int)GetLastError(), "cannot ask who serves pipe %s", name);
    goto done;
  }
  *pid = server;
  status = 0;
done:
  if (pipe && pipe != INVALID_HANDLE_VALUE)
    CloseHandle(pipe);
  free(name);
  return status;
}

/* The number may have a new owner since it was learnt. It has the right one if,
 * now that the handle holds the process, it still listens here. */
static int kill_listener(HANDLE process, const char *address, uint32_t pid, struct hp_error *err) {
  uint32_t listener = 0;
  if (host_daemon_find(address, &listener, err) != 0) {
    if (err->code != HP_NOT_FOUND)
      return -1;
    hp_error_clear(err);
    return 0;
  }
  if (listener != pid)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "process %u listens at %s, not process %u", listener,
                        address, pid);
  /* Refused too if it is ending by itself; then the wait below sees its end. */
  DWORD reason = TerminateProcess(process, EXIT_KILLED) ? ERROR_SUCCESS : GetLastError();
  if (WaitForSingleObject(process, KILL_WAIT_MS) == WAIT_OBJECT_0)
    return 0;
  if (reason != ERROR_SUCCESS)
    return hp_error_set_os(err, (int)reason, "cannot end the shim's process %u", pid);
  return hp_error_set(err, HP_DEADLINE_EXCEEDED, "the shim's process %u has not ended in %d ms", pid,
                      KILL_WAIT_MS);
}

int host_daemon_kill(const char *address, uint32_t pid, struct hp_error *err) {
  HANDLE process = OpenProcess(PROCESS_TERMINATE | SYNCHRONIZE, FALSE, pid);
  if (!process) {
    DWORD reason = GetLastError();
    return reason == ERROR_INVALID_PARAMETER /* no such process */
               ? 0
               : hp_error_set_os(err, (int)reason, "cannot open the shim's process %u", pid);
  }
  int status = kill_listener(process, address, pid, err);
  CloseHandle(process);
  return status;
}

/* A pipe goes with its process: there is nothing to remove. */
int host_daemon_remove(const char *address, struct hp_error *err) {
  uint32_t pid;
  if (host_daemon_find(address, &pid, err) == 0)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "a living shim (pid %u) listens at %s", pid, address);
  if (err->code != HP_NOT_FOUND)
    return -1;
  hp_error_clear(err);
  return 0;
}
