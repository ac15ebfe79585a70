/* One process of a container: its init, or an exec. Its phases:
 *
 *   CREATED ──Start──► STARTING ──► RUNNING ──exit──► DRAINING ──► STOPPED
 *      └─────────Kill, or a Start that failed───────────────────────►┘
 *
 * A sandbox's init goes through the same phases with no process behind it.
 * All (loop). */
#ifndef HP_RUNTIME_PROCESS_H
#define HP_RUNTIME_PROCESS_H

#include "runtime/pod.h"
#include "stdio/stdio.h"

struct hp_container;

enum hp_phase {
  HP_PHASE_CREATED,
  HP_PHASE_STARTING, /* Start is queued or under way; spec and stdio are its own */
  HP_PHASE_RUNNING,
  HP_PHASE_DRAINING, /* has exited; its output is not yet where it belongs */
  HP_PHASE_STOPPED,
};

struct hp_process {
  struct hp_container *container;
  struct hp_process *next; /* of the container's execs */
  unsigned refs;           /* the container, and each operation that names it */
  char *exec_id;           /* NULL: init */
  enum hp_phase phase;
  uint32_t pid; /* 0: none was started */
  struct hp_exit exited;
  uint32_t signal; /* what Kill sent last, plus one; 0: nothing */

  char *in, *out, *err; /* never NULL */
  bool terminal;
  struct hp_process_spec *spec; /* NULL once started */
  size_t spec_bytes;            /* of an exec's: counted by its container */
  struct hp_stdio *stdio;       /* an exec's is opened by its Start */

  /* What came while it was not running and is caught up on by Start. */
  bool stdin_closed;
  unsigned columns, rows; /* 0: no Resize */

  bool drained; /* the streams let the exit be reported … */
  bool settled; /* … and so does what the kernel has to say about memory */
  struct hp_waiter *waiters;
};

/* Names that are too long for any stream are refused before they are kept. */
int hp_process_check_io(const struct hp_io_names *io, struct hp_error *err);
/* spec is moved from (NULL: none). exec_id NULL: init. One reference. */
struct hp_process *hp_process_new(struct hp_container *container, const char *exec_id,
                                  const struct hp_io_names *io, struct hp_process_spec *spec);
struct hp_process *hp_process_ref(struct hp_process *process);
void hp_process_unref(struct hp_process *process);

/* The shim's own pid where no process was started. */
uint32_t hp_process_pid(const struct hp_process *process);
struct hp_io_names hp_process_io(const struct hp_process *process);
void hp_process_free_spec(struct hp_process *process);

/* A host_exited; arg is the process. */
void hp_process_exited(void *arg, uint32_t pid, uint32_t status, struct hp_time when);
/* The last word on the job's memory is in: lets a held exit out. */
void hp_process_settle(struct hp_process *process);

/* Ends a process that has none behind it, or whose real end nobody waits for:
 * closes its streams, publishes the exit, answers. */
void hp_process_end(struct hp_process *process, uint32_t status);
/* Start failed: the same with status 255 and without an event. */
void hp_process_fail(struct hp_process *process);

struct hp_waiter *hp_process_wait(struct hp_process *process, hp_exit_done done, void *arg);

#endif
