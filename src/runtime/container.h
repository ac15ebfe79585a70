/* A container of the pod and what all operations on it share. All (loop), but
 * for what a line marks as (operation): only the operation under way touches
 * it, on either thread. */
#ifndef HP_RUNTIME_CONTAINER_H
#define HP_RUNTIME_CONTAINER_H

#include "runtime/journal.h"
#include "runtime/process.h"
#include "runtime/queue.h"
#include "runtime/sandbox.h"

/* What a client that never calls Delete can have: of one pod, and of one of its
 * containers. */
#define HP_CONTAINERS_MAX 2048
#define HP_EXECS_MAX 2048             /* finished ones included */
#define HP_EXEC_SPECS_MAX (16u << 20) /* bytes of what execs that were not started are to run */

struct hp_container {
  struct hp_pod *pod;
  struct hp_container *next;
  struct hp_queue queue;
  char *id, *bundle, *option_path;
  char *account; /* for the log; NULL: a sandbox, or not made */
  enum hp_role role;
  bool creating;
  bool served; /* the sandbox that the Sandbox service makes */
  bool gone;   /* deleted, or never made: only the queue still knows it */
  bool paused;
  bool oom_watched, out_of_memory;
  unsigned deletes; /* Deletes that are queued or under way */
  struct hp_process *init, *execs;
  size_t exec_count, exec_spec_bytes;
  uv_timer_t *mercy; /* runs from "please stop" to "kill"; NULL: not */

  struct host_container *host;  /* (operation) NULL: a sandbox, or released */
  struct hp_journal *journal;   /* (operation) NULL for a sandbox */
  struct hp_sandbox *sandbox;   /* of a sandbox itself */
  struct hp_limits limits;      /* (operation) as last applied */
  struct hp_limits annotated;   /* never changes: lies over all that is sent */
  struct hp_cpu_forms cpu_sent; /* (operation) */
};

struct hp_pod {
  uv_loop_t *loop;
  char *namespace_name, *option_path;
  hp_observer observer; /* NULL once the pod is freed */
  void *arg;
  void (*empty)(void *arg);
  void *empty_arg;
  struct hp_container *containers;
  size_t alive; /* container structures, gone ones included */
  bool swept;   /* host_sweep was queued */
  bool freed;
};

struct hp_container *hp_container_new(struct hp_pod *pod, const struct hp_create_request *request);
/* Takes it out of the pod; it is freed when its queue is idle. The caller has
 * no business with it afterwards. */
void hp_container_leave(struct hp_container *container);

/* The pod's container, whatever it is doing; NULL: unknown. */
struct hp_container *hp_pod_lookup(const struct hp_pod *pod, const char *id);
/* NotFound; FailedPrecondition while it is being created. */
struct hp_container *hp_pod_container(const struct hp_pod *pod, const char *id, struct hp_error *err);
/* exec_id NULL or "": init. */
struct hp_process *hp_pod_process(const struct hp_pod *pod, const char *id, const char *exec_id,
                                  struct hp_error *err);
/* The pod's sandbox; NULL: none here. */
struct hp_sandbox *hp_pod_sandbox(const struct hp_pod *pod);
/* The container that is the Sandbox service's sandbox; NULL: none here. */
struct hp_container *hp_pod_served(const struct hp_pod *pod);

int hp_container_unknown(const char *id, struct hp_error *err); /* NotFound; -1 */
struct hp_process *hp_container_find_exec(const struct hp_container *container, const char *exec_id);
void hp_container_forget_exec(struct hp_container *container, struct hp_process *process);

void hp_container_publish(const struct hp_container *container, enum hp_event_kind kind);
void hp_process_publish(const struct hp_process *process, enum hp_event_kind kind);
void hp_pod_publish(const struct hp_pod *pod, const struct hp_event *event);

/* remains.c: init has exited. What it left in the job is asked to stop and
 * killed 5 s later; init is settled when the first look is taken. */
void hp_container_stop_remains(struct hp_container *container);
void hp_container_cancel_mercy(struct hp_container *container);

/* (pool) Releases all that the journal names and removes it; *journal is NULL
 * afterwards. On failure the journal stays, open and on disk. */
int hp_container_release(struct hp_journal **journal, struct hp_error *err);

#endif
