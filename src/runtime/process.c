#include "runtime/process.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/container.h"
#include "stdio/endpoint.h"

#define STATUS_KILLED (128u + 9u)
#define STATUS_UNKNOWN 255u

struct hp_waiter {
  struct hp_process *process;
  struct hp_waiter *next;
  hp_exit_done done;
  void *arg;
};

static int check_name(const char *stream, const char *name, struct hp_error *err) {
  if (!name || strnlen(name, HP_ENDPOINT_MAX + 1) <= HP_ENDPOINT_MAX)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT, "%s: the name \"%.64s…\" is longer than %d bytes", stream,
                      name, HP_ENDPOINT_MAX);
}

int hp_process_check_io(const struct hp_io_names *io, struct hp_error *err) {
  if (check_name("stdin", io->in, err) != 0 || check_name("stdout", io->out, err) != 0)
    return -1;
  return check_name("stderr", io->err, err);
}

static char *copy(const char *text) {
  return hp_strdup(text ? text : "");
}

struct hp_process *hp_process_new(struct hp_container *container, const char *exec_id,
                                  const struct hp_io_names *io, struct hp_process_spec *spec) {
  struct hp_process *process = hp_alloc(sizeof *process);
  process->container = container;
  process->refs = 1;
  process->exec_id = hp_strdup(exec_id);
  process->in = copy(io->in);
  process->out = copy(io->out);
  process->err = copy(io->err);
  process->terminal = io->terminal;
  if (spec) {
    process->spec = hp_alloc(sizeof *process->spec);
    *process->spec = *spec;
    *spec = (struct hp_process_spec){0};
    process->spec->terminal = io->terminal;
    if (exec_id)
      process->spec_bytes = hp_process_spec_bytes(process->spec);
    container->exec_spec_bytes += process->spec_bytes;
  }
  return process;
}

struct hp_process *hp_process_ref(struct hp_process *process) {
  process->refs++;
  return process;
}

void hp_process_free_spec(struct hp_process *process) {
  if (!process->spec)
    return;
  hp_process_spec_clear(process->spec);
  free(process->spec);
  process->spec = NULL;
  process->container->exec_spec_bytes -= process->spec_bytes;
  process->spec_bytes = 0;
}

static void close_streams(struct hp_process *process) {
  hp_stdio_close(process->stdio, process->container->pod->loop);
  process->stdio = NULL;
}

/* Only a pod that is freed with its containers has waiters left. */
static void abandon_waiters(struct hp_process *process) {
  struct hp_error err = HP_ERROR_INIT;
  hp_error_set(&err, HP_UNAVAILABLE, "the shim ends; the container does not");
  while (process->waiters) {
    struct hp_waiter waiter = *process->waiters;
    free(process->waiters);
    process->waiters = waiter.next;
    waiter.done(waiter.arg, NULL, &err);
  }
  hp_error_clear(&err);
}

void hp_process_unref(struct hp_process *process) {
  if (--process->refs > 0)
    return;
  if (process->phase == HP_PHASE_RUNNING && process->pid)
    host_reaper_forget(process->pid);
  close_streams(process);
  hp_process_free_spec(process);
  abandon_waiters(process);
  free(process->exec_id);
  free(process->in);
  free(process->out);
  free(process->err);
  free(process);
}

uint32_t hp_process_pid(const struct hp_process *process) {
  return process->pid ? process->pid : (uint32_t)uv_os_getpid();
}

struct hp_io_names hp_process_io(const struct hp_process *process) {
  return (struct hp_io_names){process->in, process->out, process->err, process->terminal};
}

/* ---- waiting ------------------------------------------------------------------- */

struct hp_waiter *hp_process_wait(struct hp_process *process, hp_exit_done done, void *arg) {
  if (process->phase == HP_PHASE_STOPPED) {
    done(arg, &process->exited, NULL);
    return NULL;
  }
  struct hp_waiter *waiter = hp_alloc(sizeof *waiter), **at = &process->waiters;
  *waiter = (struct hp_waiter){.process = process, .done = done, .arg = arg};
  while (*at)
    at = &(*at)->next;
  *at = waiter;
  return waiter;
}

void hp_pod_wait_cancel(struct hp_pod *pod, struct hp_waiter *waiter) {
  (void)pod;
  for (struct hp_waiter **at = &waiter->process->waiters; *at; at = &(*at)->next)
    if (*at == waiter) {
      *at = waiter->next;
      free(waiter);
      return;
    }
}

/* The exit is told first, then those who wait for it: a client that is woken
 * must find the event queued. */
static void stop(struct hp_process *process, bool publish) {
  hp_process_ref(process); /* an answer may delete the process */
  process->phase = HP_PHASE_STOPPED;
  hp_process_free_spec(process);
  if (publish)
    hp_process_publish(process, HP_EVENT_EXIT);
  while (process->waiters) {
    struct hp_waiter waiter = *process->waiters;
    free(process->waiters);
    process->waiters = waiter.next;
    waiter.done(waiter.arg, &process->exited, NULL);
  }
  hp_process_unref(process);
}

static void end(struct hp_process *process, uint32_t status, bool publish) {
  if (process->phase == HP_PHASE_RUNNING && process->pid)
    host_reaper_forget(process->pid);
  close_streams(process);
  /* What exited already has its own status and time. */
  if (process->phase != HP_PHASE_DRAINING)
    process->exited = (struct hp_exit){hp_process_pid(process), status, hp_time_now()};
  stop(process, publish);
}

void hp_process_end(struct hp_process *process, uint32_t status) {
  end(process, status, true);
}

void hp_process_fail(struct hp_process *process) {
  end(process, STATUS_UNKNOWN, false);
}

/* ---- exit ------------------------------------------------------------------------ */

static void stop_when_told(struct hp_process *process) {
  if (process->phase == HP_PHASE_DRAINING && process->drained && process->settled)
    stop(process, true);
}

static void drained(void *arg) {
  struct hp_process *process = arg;
  process->drained = true;
  stop_when_told(process);
}

void hp_process_settle(struct hp_process *process) {
  process->settled = true;
  stop_when_told(process);
}

void hp_process_exited(void *arg, uint32_t pid, uint32_t status, struct hp_time when) {
  struct hp_process *process = arg;
  struct hp_container *container = process->container;
  process->phase = HP_PHASE_DRAINING;
  process->exited = (struct hp_exit){pid, status, when};
  /* A kill may be the kernel's for want of memory, which it tells on another
   * path: that is to be known before the exit. Where something else is under
   * way the exit does not wait for it. */
  bool init = process == container->init;
  process->settled = !(init && status == STATUS_KILLED && hp_queue_idle(&container->queue));
  hp_process_ref(process);
  if (init)
    hp_container_stop_remains(container);
  if (process->stdio)
    hp_stdio_drain(process->stdio, drained, process);
  else
    drained(process);
  hp_process_unref(process); // NOLINT(clang-analyzer-unix.Malloc): the reference taken above
}
