/* One place that sees the end of every process this shim started. Each is held
 * by a handle, so no end is missed and no pid means two processes, and the
 * system's thread pool waits on the handles: no thread of ours. Its wait thread
 * records the end itself, for that takes moments: a worker for each of several
 * ends at once would stay for seconds, with a stack of its own. */
#include "host/windows/reaper.h"

#include <stdlib.h>

#include "base/memory.h"
#include "host/host.h"

#define WINDOWS_EPOCH 11644473600 /* seconds from 1601 to 1970 */

struct child {
  struct child *next;
  ULONG_PTR ticket; /* names it in a wait's callback, which may come after it is gone */
  uint32_t pid, status;
  HANDLE process, wait;
  struct hp_time when;
  bool ended;
  host_exited exited; /* NULL: not watched */
  void *arg;
};

static struct {
  SRWLOCK lock;
  struct child *children; /* oldest first */
  ULONG_PTR last_ticket;
  uv_async_t *wake; /* NULL: not started. Closed under the lock */
} reaper = {.lock = SRWLOCK_INIT};

/* The link that points to pid's entry, or the list's last link. */
static struct child **find(uint32_t pid) {
  struct child **link = &reaper.children;
  while (*link && (*link)->pid != pid)
    link = &(*link)->next;
  return link;
}

static struct child *unlink_child(struct child **link) {
  struct child *child = *link;
  *link = child->next;
  return child;
}

/* Without the lock, which the callback takes: this waits for it. A handle must
 * not be closed while something waits on it. */
static void release(struct child *child) {
  if (child->wait)
    UnregisterWaitEx(child->wait, INVALID_HANDLE_VALUE);
  CloseHandle(child->process);
  free(child);
}

/* ---- ends -------------------------------------------------------------------------- */

static struct hp_time time_of(FILETIME time) {
  int64_t ticks = (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
  return (struct hp_time){.seconds = ticks / 10000000 - WINDOWS_EPOCH,
                          .nanos = (int32_t)(ticks % 10000000) * 100};
}

static void record_end(struct child *child) {
  FILETIME created, exited = {0}, kernel, user;
  DWORD status = 0;
  GetExitCodeProcess(child->process, &status);
  bool timed =
      GetProcessTimes(child->process, &created, &exited, &kernel, &user) && exited.dwHighDateTime > 0;
  child->status = status;
  child->when = timed ? time_of(exited) : hp_time_now();
  child->ended = true;
}

static void wake_up(void) {
  if (reaper.wake)
    uv_async_send(reaper.wake);
}

static void has_ended(struct child *child) {
  if (child->ended)
    return;
  record_end(child);
  wake_up();
}

static void CALLBACK on_end(void *ticket, BOOLEAN timed_out) {
  (void)timed_out;
  AcquireSRWLockExclusive(&reaper.lock);
  for (struct child *child = reaper.children; child; child = child->next)
    if (child->ticket == (ULONG_PTR)ticket) {
      has_ended(child);
      break;
    }
  ReleaseSRWLockExclusive(&reaper.lock);
}

/* One at a time, without the lock: a callback may watch, forget and spawn. */
static void on_wake(uv_async_t *wake) {
  (void)wake;
  for (;;) {
    AcquireSRWLockExclusive(&reaper.lock);
    struct child **link = &reaper.children;
    while (*link && !((*link)->ended && (*link)->exited))
      link = &(*link)->next;
    struct child *child = *link ? unlink_child(link) : NULL;
    ReleaseSRWLockExclusive(&reaper.lock);
    if (!child)
      return;
    child->exited(child->arg, child->pid, child->status, child->when);
    release(child);
  }
}

/* ---- what spawns say ------------------------------------------------------------------ */

static ULONG_PTR next_ticket(void) {
  AcquireSRWLockExclusive(&reaper.lock);
  ULONG_PTR ticket = ++reaper.last_ticket;
  ReleaseSRWLockExclusive(&reaper.lock);
  return ticket;
}

static void append(struct child *child) {
  struct child **link = &reaper.children;
  while (*link)
    link = &(*link)->next;
  *link = child;
}

/* The wait begins without the lock, which its thread may be waiting for. So the
 * end may come before the child is in the list, and is looked for then. */
int hp_reaper_adopt(uint32_t pid, HANDLE process, struct hp_error *err) {
  struct child *child = hp_alloc(sizeof *child);
  child->pid = pid;
  child->process = process;
  child->ticket = next_ticket();
  if (!RegisterWaitForSingleObject(&child->wait, process, on_end, (void *)child->ticket, INFINITE,
                                   WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD)) {
    DWORD code = GetLastError();
    free(child);
    return hp_error_set_os(err, (int)code, "RegisterWaitForSingleObject of process %lu", (unsigned long)pid);
  }
  AcquireSRWLockExclusive(&reaper.lock);
  append(child);
  if (WaitForSingleObject(process, 0) == WAIT_OBJECT_0)
    has_ended(child);
  ReleaseSRWLockExclusive(&reaper.lock);
  return 0;
}

HANDLE hp_reaper_handle(uint32_t pid) {
  HANDLE copy = NULL;
  AcquireSRWLockShared(&reaper.lock);
  const struct child *child = *find(pid);
  if (child && !DuplicateHandle(GetCurrentProcess(), child->process, GetCurrentProcess(), &copy, 0, FALSE,
                                DUPLICATE_SAME_ACCESS))
    copy = NULL;
  ReleaseSRWLockShared(&reaper.lock);
  return copy;
}

/* Every process is adopted by its own spawn, so there is nothing to expect. */
void host_reaper_expect(int change) {
  (void)change;
}

/* ---- watching ---------------------------------------------------------------------------- */

void host_reaper_watch(uint32_t pid, host_exited exited, void *arg) {
  AcquireSRWLockExclusive(&reaper.lock);
  struct child *child = *find(pid);
  if (child) {
    child->exited = exited;
    child->arg = arg;
    if (child->ended)
      wake_up();
  }
  ReleaseSRWLockExclusive(&reaper.lock);
}

bool host_reaper_peek(uint32_t pid, uint32_t *status) {
  AcquireSRWLockShared(&reaper.lock);
  const struct child *child = *find(pid);
  bool ended = child && child->ended;
  if (ended)
    *status = child->status;
  ReleaseSRWLockShared(&reaper.lock);
  return ended;
}

void host_reaper_forget(uint32_t pid) {
  AcquireSRWLockExclusive(&reaper.lock);
  struct child **link = find(pid), *child = *link ? unlink_child(link) : NULL;
  ReleaseSRWLockExclusive(&reaper.lock);
  if (child)
    release(child);
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void free_handle(uv_handle_t *handle) {
  free(handle);
}

int host_reaper_start(uv_loop_t *loop, struct hp_error *err) {
  uv_async_t *wake = hp_alloc(sizeof *wake);
  int status = uv_async_init(loop, wake, on_wake);
  if (status != 0) {
    free(wake);
    return hp_error_set(err, HP_INTERNAL, "cannot set up the reaper: %s", uv_strerror(status));
  }
  uv_unref((uv_handle_t *)wake); /* the reaper alone keeps no loop running */
  AcquireSRWLockExclusive(&reaper.lock);
  reaper.wake = wake;
  wake_up(); /* what ended before */
  ReleaseSRWLockExclusive(&reaper.lock);
  return 0;
}

void host_reaper_stop(void) {
  AcquireSRWLockExclusive(&reaper.lock);
  uv_async_t *wake = reaper.wake;
  struct child *children = reaper.children;
  reaper.wake = NULL;
  reaper.children = NULL;
  ReleaseSRWLockExclusive(&reaper.lock);
  if (wake)
    uv_close((uv_handle_t *)wake, free_handle);
  while (children) {
    struct child *next = children->next;
    release(children);
    children = next;
  }
}
