/* A pod: the containers of one shim, their processes, their state machines.
 * What the service room calls, in plain structures; all of it on the loop's
 * thread. Blocking work is queued on libuv's pool, one operation at a time for
 * a container, in order; State and the like never wait for it.
 *
 * Codes (protocol.md, "Task codes"): second Create of an id AlreadyExists;
 * unknown id or exec NotFound (Connect and Shutdown are the service's own);
 * Start twice, Delete while running, Exec in a container that does not run:
 * FailedPrecondition; Kill of a finished process NotFound.
 *
 * Callbacks: called exactly once, on the loop, perhaps before the function
 * returns; err is NULL on success and valid only during the call. exec_id NULL
 * or "" means init. Strings of a request are copied. */
#ifndef HP_RUNTIME_POD_H
#define HP_RUNTIME_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/time.h"
#include "host/host.h"

struct hp_pod;

enum hp_status { HP_CREATED, HP_RUNNING, HP_PAUSED, HP_STOPPED };

struct hp_io_names {
  const char *in, *out, *err; /* "" or NULL: null device */
  bool terminal;
};

enum hp_event_kind {
  HP_EVENT_CREATE,
  HP_EVENT_START,
  HP_EVENT_EXIT,
  HP_EVENT_DELETE,
  HP_EVENT_EXEC_ADDED,
  HP_EVENT_EXEC_STARTED,
  HP_EVENT_OOM,
  HP_EVENT_PAUSED,
  HP_EVENT_RESUMED,
};

struct hp_event { /* valid during the call */
  enum hp_event_kind kind;
  const char *container_id, *exec_id; /* exec_id NULL: of init */
  uint32_t pid, status;
  struct hp_time when; /* of an exit: when it exited */
  /* HP_EVENT_CREATE only */
  const char *bundle;
  struct hp_io_names io;
  const struct host_rootfs_mount *rootfs;
  size_t rootfs_count;
};

/* The one observer: the events of a container arrive in order, an exit only
 * after its output was drained, and before any wait for it is answered. */
typedef void (*hp_observer)(void *arg, const struct hp_event *event);

/* option_path: the runtime options' config_path that `start` got (NULL: none);
 * a Create may bring its own. host_reaper_start has been called. */
struct hp_pod *hp_pod_new(uv_loop_t *loop, const char *namespace_name, const char *option_path,
                          hp_observer observer, void *arg);
/* Frees a pod that is empty, or at the process's end whatever is left. */
void hp_pod_free(struct hp_pod *pod);
/* No container, no operation under way. */
bool hp_pod_empty(const struct hp_pod *pod);
/* Called on the loop whenever the pod becomes empty; NULL: nobody. */
void hp_pod_on_empty(struct hp_pod *pod, void (*empty)(void *arg), void *arg);

typedef void (*hp_done)(void *arg, const struct hp_error *err);
typedef void (*hp_pid_done)(void *arg, uint32_t pid, const struct hp_error *err);

struct hp_create_request {
  const char *id, *bundle;
  struct hp_io_names io;
  const struct host_rootfs_mount *rootfs;
  size_t rootfs_count;
  const char *option_path; /* runtime options' config_path, NULL: the pod's */
  /* Taken, on success and on failure: the specification of a sandbox that the
   * Sandbox service makes. NULL: the bundle's config.json. */
  struct hp_container_spec *sandbox;
};
void hp_pod_create(struct hp_pod *pod, const struct hp_create_request *request, hp_pid_done done, void *arg);

/* process is taken (moved from) on success and on failure. */
struct hp_exec_request {
  const char *id, *exec_id;
  struct hp_io_names io;
  struct hp_process_spec *process;
};
void hp_pod_exec(struct hp_pod *pod, const struct hp_exec_request *request, hp_done done, void *arg);

void hp_pod_start(struct hp_pod *pod, const char *id, const char *exec_id, hp_pid_done done, void *arg);

struct hp_exit {
  uint32_t pid, status;
  struct hp_time when;
};
typedef void (*hp_exit_done)(void *arg, const struct hp_exit *exited, const struct hp_error *err);
void hp_pod_delete(struct hp_pod *pod, const char *id, const char *exec_id, hp_exit_done done, void *arg);

/* A waiter; cancel it if nobody wants the answer any more (done is not called then). */
struct hp_waiter;
/* Those who wait are told in the order in which they came. Returns NULL if done was
 * called already. */
struct hp_waiter *hp_pod_wait(struct hp_pod *pod, const char *id, const char *exec_id, hp_exit_done done,
                              void *arg);
void hp_pod_wait_cancel(struct hp_pod *pod, struct hp_waiter *waiter);

void hp_pod_kill(struct hp_pod *pod, const char *id, const char *exec_id, uint32_t signal, bool all,
                 hp_done done, void *arg);
void hp_pod_pause(struct hp_pod *pod, const char *id, bool pause, hp_done done, void *arg);
void hp_pod_update(struct hp_pod *pod, const char *id, const struct hp_limits *limits, hp_done done,
                   void *arg);

struct hp_pid {
  uint32_t pid;
  const char *exec_id; /* NULL: init or a descendant */
};
typedef void (*hp_pids_done)(void *arg, const struct hp_pid *pids, size_t count, const struct hp_error *err);
void hp_pod_pids(struct hp_pod *pod, const char *id, hp_pids_done done, void *arg);

typedef void (*hp_stats_done)(void *arg, const char *type_url, const uint8_t *data, size_t length,
                              const struct hp_error *err);
void hp_pod_stats(struct hp_pod *pod, const char *id, hp_stats_done done, void *arg);

/* ---- the pod as the Sandbox service has it (pod_served.c) ------------------------
 *
 * One sandbox, made by hp_pod_create with a specification. Every other container
 * is its member, whatever its config.json says. It is no task: it has no events;
 * yet hp_pod_state, _wait, _pids and _stats answer for its id as for a task's.
 * Another id, or a pod without such a sandbox, is NotFound. */

struct hp_sandbox_state {
  uint32_t pid; /* the shim's own */
  bool ready;   /* started, and not stopped */
  struct hp_time created;
  struct hp_time exited; /* zero: it was not stopped */
};
int hp_pod_sandbox_state(struct hp_pod *pod, const char *id, struct hp_sandbox_state *state,
                         struct hp_error *err);
/* FailedPrecondition: not created yet, started before, or stopped. */
int hp_pod_sandbox_start(struct hp_pod *pod, const char *id, struct hp_error *err);
/* Ends the members, then the sandbox. With a grace each running member first gets
 * SIGTERM and so many seconds; then, or at once, all are killed. Idempotent; of
 * several calls the one whose grace is over first kills. */
void hp_pod_sandbox_stop(struct hp_pod *pod, const char *id, uint32_t grace_seconds, hp_done done, void *arg);
/* Stops it and releases all that the members and the sandbox have on the host:
 * then the pod is empty. On failure what is left can be tried again. A pod that
 * never had a sandbox, nor another container, has nothing to do: success. */
void hp_pod_sandbox_remove(struct hp_pod *pod, const char *id, hp_done done, void *arg);

/* Answered at once. */
int hp_pod_resize(struct hp_pod *pod, const char *id, const char *exec_id, unsigned columns, unsigned rows,
                  struct hp_error *err);
int hp_pod_close_stdin(struct hp_pod *pod, const char *id, const char *exec_id, struct hp_error *err);

struct hp_state { /* pointers are valid until the loop goes on */
  const char *id, *exec_id, *bundle;
  uint32_t pid; /* the shim's own where no process runs yet */
  enum hp_status status;
  struct hp_io_names io;
  struct hp_exit exited; /* of HP_STOPPED */
};
int hp_pod_state(struct hp_pod *pod, const char *id, const char *exec_id, struct hp_state *state,
                 struct hp_error *err);

#endif
