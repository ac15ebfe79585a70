/* What the kernel says of jobs, through one completion port and one thread for
 * all jobs of this shim; both are made by the first job with a memory limit and
 * stay. Messages are not guaranteed and repeat: the memory limit is told of
 * once, everything else is asked for where it is needed. */
#include <stdlib.h>

#include "host/windows/job.h"

/* A message may come after its watch is gone: it names the watch by number. */
struct hp_job_watch {
  struct hp_job_watch *next;
  ULONG_PTR number;
  bool attached;
  bool hit;                  /* the memory limit was hit */
  struct notifier *notifier; /* NULL: nobody on the loop wants to know */
};

struct notifier { /* lives until uv_close has called back */
  uv_async_t wake;
  void (*hit)(void *arg); /* NULL: has been called, or is no longer wanted. (loop) */
  void *arg;
};

static struct {
  SRWLOCK lock;
  HANDLE port;
  struct hp_job_watch *watches;
  ULONG_PTR last_number;
} ports = {.lock = SRWLOCK_INIT};

/* ---- the thread -------------------------------------------------------------------- */

static void memory_limit_hit(ULONG_PTR number) {
  AcquireSRWLockExclusive(&ports.lock);
  for (struct hp_job_watch *watch = ports.watches; watch; watch = watch->next)
    if (watch->number == number && !watch->hit) {
      watch->hit = true;
      if (watch->notifier)
        uv_async_send(&watch->notifier->wake);
    }
  ReleaseSRWLockExclusive(&ports.lock);
}

_Noreturn static DWORD WINAPI listen_to_jobs(void *port) {
  for (;;) {
    DWORD message;
    ULONG_PTR number;
    OVERLAPPED *pid; /* of the message, not a pointer */
    if (GetQueuedCompletionStatus(port, &message, &number, &pid, INFINITE) &&
        message == JOB_OBJECT_MSG_JOB_MEMORY_LIMIT)
      memory_limit_hit(number);
  }
}

static int open_port(struct hp_error *err) {
  if (ports.port)
    return 0;
  HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
  if (!port)
    return hp_error_set_os(err, (int)GetLastError(), "CreateIoCompletionPort, for the jobs' messages");
  HANDLE thread =
      CreateThread(NULL, 64 * 1024, listen_to_jobs, port, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  if (!thread) {
    hp_error_set_os(err, (int)GetLastError(), "CreateThread, for the jobs' messages");
    CloseHandle(port);
    return -1;
  }
  CloseHandle(thread);
  ports.port = port;
  return 0;
}

/* ---- watches --------------------------------------------------------------------------- */

struct hp_job_watch *hp_job_watch_new(void) {
  struct hp_job_watch *watch = hp_alloc(sizeof *watch);
  AcquireSRWLockExclusive(&ports.lock);
  watch->number = ++ports.last_number;
  watch->next = ports.watches;
  ports.watches = watch;
  ReleaseSRWLockExclusive(&ports.lock);
  return watch;
}

int hp_job_watch_attach(struct hp_job_watch *watch, HANDLE job, struct hp_error *err) {
  if (watch->attached)
    return 0;
  AcquireSRWLockExclusive(&ports.lock);
  int result = open_port(err);
  JOBOBJECT_ASSOCIATE_COMPLETION_PORT association = {(void *)watch->number, ports.port};
  ReleaseSRWLockExclusive(&ports.lock);
  if (result != 0)
    return -1;
  if (!SetInformationJobObject(job, JobObjectAssociateCompletionPortInformation, &association,
                               sizeof association))
    return hp_error_set_os(err, (int)GetLastError(), "SetInformationJobObject, the job's completion port");
  watch->attached = true;
  return 0;
}

void hp_job_watch_tell(const struct hp_job_watch *watch, DWORD message) {
  PostQueuedCompletionStatus(ports.port, message, watch->number, NULL);
}

void hp_job_watch_free(struct hp_job_watch *watch) {
  if (!watch)
    return;
  AcquireSRWLockExclusive(&ports.lock);
  struct hp_job_watch **link = &ports.watches;
  while (*link != watch)
    link = &(*link)->next;
  *link = watch->next;
  ReleaseSRWLockExclusive(&ports.lock);
  free(watch);
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void on_wake(uv_async_t *wake) {
  struct notifier *notifier = wake->data;
  void (*hit)(void *) = notifier->hit;
  notifier->hit = NULL;
  if (hit)
    hit(notifier->arg);
}

static void on_closed(uv_handle_t *wake) {
  free(wake->data);
}

int host_job_watch_oom(struct host_container *container, uv_loop_t *loop, void (*hit)(void *arg), void *arg,
                       struct hp_error *err) {
  if (!hp_job_of(container, err))
    return -1;
  struct notifier *notifier = hp_alloc(sizeof *notifier);
  int status = uv_async_init(loop, &notifier->wake, on_wake);
  if (status != 0) {
    free(notifier);
    return hp_error_set(err, HP_INTERNAL, "cannot watch the job's memory: %s", uv_strerror(status));
  }
  uv_unref((uv_handle_t *)&notifier->wake);
  notifier->wake.data = notifier;
  notifier->hit = hit;
  notifier->arg = arg;
  AcquireSRWLockExclusive(&ports.lock);
  container->watch->notifier = notifier;
  bool hit_already = container->watch->hit;
  ReleaseSRWLockExclusive(&ports.lock);
  if (hit_already)
    uv_async_send(&notifier->wake);
  return 0;
}

void host_job_unwatch_oom(struct host_container *container) {
  if (!container->watch)
    return;
  AcquireSRWLockExclusive(&ports.lock);
  struct notifier *notifier = container->watch->notifier;
  container->watch->notifier = NULL;
  ReleaseSRWLockExclusive(&ports.lock);
  if (!notifier)
    return;
  notifier->hit = NULL;
  uv_close((uv_handle_t *)&notifier->wake, on_closed);
}
