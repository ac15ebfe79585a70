/* One place that waits for children. waitpid(-1) is the only wait in the whole
 * program: a second one elsewhere would steal statuses from this one.
 *
 * A child may be reaped before anybody has told us its pid, since it is started
 * on a pool thread and can end at once. While a spawn is expected, statuses of
 * unknown pids are therefore kept; otherwise they are orphans of a container
 * that were reparented to us, and nobody asks. */
#include "host/linux/reaper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "host/host.h"

/* Orphans that end during a spawn must not cost memory without end. */
#define UNKNOWN_MAX 1024

struct child {
  struct child *next;
  uint32_t pid, status;
  struct hp_time when;
  bool ended, claimed;
  uint64_t end;       /* its place among all ends */
  host_exited exited; /* NULL: not watched */
  void *arg;
};

struct handles { /* live until uv_close has called back, so not part of the static state */
  uv_signal_t signal;
  uv_async_t wake;
  unsigned open;
};

static struct {
  pthread_mutex_t lock;
  struct child *children; /* oldest first */
  int expected;
  size_t unknown; /* neither watched nor claimed */
  uint64_t ends;  /* recorded so far */
  struct handles *handles;
} reaper = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_unknown(const struct child *child) {
  return !child->exited && !child->claimed;
}

/* The link that points to pid's entry, or the list's last link. */
static struct child **find(uint32_t pid) {
  struct child **link = &reaper.children;
  while (*link && (*link)->pid != pid)
    link = &(*link)->next;
  return link;
}

static struct child *find_or_add(uint32_t pid) {
  struct child **link = find(pid);
  if (!*link) {
    *link = hp_alloc(sizeof **link);
    (*link)->pid = pid;
    reaper.unknown++;
  }
  return *link;
}

static void unlink_child(struct child **link) {
  struct child *child = *link;
  *link = child->next;
  if (is_unknown(child))
    reaper.unknown--;
  free(child);
}

/* Drops unknown entries, oldest first, until at most `keep` are left. */
static void drop_unknown(size_t keep) {
  struct child **link = &reaper.children;
  while (*link && reaper.unknown > keep) {
    if (is_unknown(*link))
      unlink_child(link);
    else
      link = &(*link)->next;
  }
}

static void record(uint32_t pid, int wait_status) {
  struct child *child = *find(pid);
  if (!child) {
    if (reaper.expected <= 0)
      return;
    drop_unknown(UNKNOWN_MAX - 1);
    child = find_or_add(pid);
  }
  child->ended = true;
  child->end = ++reaper.ends;
  child->when = hp_time_now();
  child->status =
      WIFSIGNALED(wait_status) ? 128u + (uint32_t)WTERMSIG(wait_status) : (uint32_t)WEXITSTATUS(wait_status);
}

/* One at a time, without the lock: a callback may watch, forget and spawn. */
static void deliver(void) {
  for (;;) {
    pthread_mutex_lock(&reaper.lock);
    struct child **link = &reaper.children;
    while (*link && !((*link)->ended && (*link)->exited))
      link = &(*link)->next;
    struct child found = *link ? **link : (struct child){.pid = 0};
    if (*link)
      unlink_child(link);
    pthread_mutex_unlock(&reaper.lock);
    if (!found.exited)
      return;
    found.exited(found.arg, found.pid, found.status, found.when);
  }
}

static void reap(void) {
  pthread_mutex_lock(&reaper.lock);
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR)
      continue;
    if (pid <= 0)
      break;
    record((uint32_t)pid, status);
  }
  pthread_mutex_unlock(&reaper.lock);
  deliver();
}

static void on_child_signal(uv_signal_t *signal, int number) {
  (void)signal;
  (void)number;
  reap();
}

static void on_wake(uv_async_t *wake) {
  (void)wake;
  reap();
}

static void on_closed(uv_handle_t *handle) {
  struct handles *handles = handle->data;
  if (--handles->open == 0)
    free(handles);
}

int host_reaper_start(uv_loop_t *loop, struct hp_error *err) {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
    return hp_error_set_os(err, errno, "cannot become the subreaper of the containers' processes");
  struct handles *handles = hp_alloc(sizeof *handles);
  int status = uv_async_init(loop, &handles->wake, on_wake);
  if (status != 0) {
    free(handles);
    return hp_error_set_os(err, -status, "cannot set up the reaper");
  }
  uv_signal_init(loop, &handles->signal);
  handles->wake.data = handles->signal.data = handles;
  handles->open = 2;
  reaper.handles = handles;
  status = uv_signal_start(&handles->signal, on_child_signal, SIGCHLD);
  if (status != 0) {
    host_reaper_stop();
    return hp_error_set_os(err, -status, "cannot listen for SIGCHLD");
  }
  /* The reaper alone keeps no loop running. */
  uv_unref((uv_handle_t *)&handles->wake);
  uv_unref((uv_handle_t *)&handles->signal);
  uv_async_send(&handles->wake); /* what ended before we listened */
  return 0;
}

void host_reaper_expect(int change) {
  pthread_mutex_lock(&reaper.lock);
  reaper.expected += change;
  if (reaper.expected <= 0)
    drop_unknown(0);
  pthread_mutex_unlock(&reaper.lock);
}

void host_reaper_watch(uint32_t pid, host_exited exited, void *arg) {
  pthread_mutex_lock(&reaper.lock);
  struct child *child = find_or_add(pid);
  if (is_unknown(child))
    reaper.unknown--;
  child->exited = exited;
  child->arg = arg;
  bool ended = child->ended;
  pthread_mutex_unlock(&reaper.lock);
  if (ended && reaper.handles)
    uv_async_send(&reaper.handles->wake);
}

uint64_t hp_reaper_now(void) {
  pthread_mutex_lock(&reaper.lock);
  uint64_t ends = reaper.ends;
  pthread_mutex_unlock(&reaper.lock);
  return ends;
}

void hp_reaper_born(uint32_t pid, uint64_t before) {
  pthread_mutex_lock(&reaper.lock);
  struct child **link = find(pid);
  if (*link && is_unknown(*link) && (*link)->ended && (*link)->end <= before)
    unlink_child(link);
  pthread_mutex_unlock(&reaper.lock);
}

void hp_reaper_claim(uint32_t pid) {
  pthread_mutex_lock(&reaper.lock);
  struct child *child = find_or_add(pid);
  if (is_unknown(child))
    reaper.unknown--;
  child->claimed = true;
  pthread_mutex_unlock(&reaper.lock);
}

bool host_reaper_peek(uint32_t pid, uint32_t *status) {
  pthread_mutex_lock(&reaper.lock);
  const struct child *child = *find(pid);
  bool ended = child && child->ended;
  if (ended)
    *status = child->status;
  pthread_mutex_unlock(&reaper.lock);
  return ended;
}

void host_reaper_forget(uint32_t pid) {
  pthread_mutex_lock(&reaper.lock);
  struct child **link = find(pid);
  if (*link)
    unlink_child(link);
  pthread_mutex_unlock(&reaper.lock);
}

void host_reaper_stop(void) {
  struct handles *handles = reaper.handles;
  reaper.handles = NULL;
  if (handles) {
    uv_close((uv_handle_t *)&handles->signal, on_closed);
    uv_close((uv_handle_t *)&handles->wake, on_closed);
  }
  pthread_mutex_lock(&reaper.lock);
  while (reaper.children)
    unlink_child(&reaper.children);
  reaper.expected = 0;
  pthread_mutex_unlock(&reaper.lock);
}
