/* The pod itself, and what it answers at once from what it knows. Each
 * operation that takes its time has a file of its own. */
#include "runtime/pod.h"

#include <stdlib.h>

#include "runtime/container.h"
#include "spec/identifier.h"

struct hp_pod *hp_pod_new(uv_loop_t *loop, const char *namespace_name, const char *option_path,
                          hp_observer observer, void *arg) {
  struct hp_pod *pod = hp_alloc(sizeof *pod);
  pod->loop = loop;
  pod->namespace_name = hp_strdup(namespace_name);
  pod->option_path = hp_strdup(option_path);
  pod->observer = observer;
  pod->arg = arg;
  return pod;
}

void hp_pod_free(struct hp_pod *pod) {
  if (!pod)
    return;
  pod->observer = NULL;
  pod->empty = NULL;
  pod->alive++; /* held, until it is freed here or with its last container */
  while (pod->containers)
    hp_container_leave(pod->containers);
  pod->freed = true;
  if (--pod->alive > 0)
    return;
  free(pod->namespace_name);
  free(pod->option_path);
  free(pod);
}

bool hp_pod_empty(const struct hp_pod *pod) {
  return pod->alive == 0;
}

void hp_pod_on_empty(struct hp_pod *pod, void (*empty)(void *arg), void *arg) {
  pod->empty = empty;
  pod->empty_arg = arg;
}

/* ---- exec ------------------------------------------------------------------------ */

static int check_room(const struct hp_container *container, const struct hp_process_spec *process,
                      struct hp_error *err) {
  if (container->exec_count >= HP_EXECS_MAX)
    return hp_error_set(err, HP_RESOURCE_EXHAUSTED,
                        "container \"%s\" has %d execs, which is the limit: delete those that have ended",
                        container->id, HP_EXECS_MAX);
  if (hp_process_spec_bytes(process) > HP_EXEC_SPECS_MAX - container->exec_spec_bytes)
    return hp_error_set(
        err, HP_RESOURCE_EXHAUSTED,
        "container \"%s\" has execs that wait for their Start with %zu bytes of arguments and "
        "environment, and %u is the limit: start or delete them",
        container->id, container->exec_spec_bytes, HP_EXEC_SPECS_MAX);
  return 0;
}

static int add_exec(struct hp_pod *pod, const struct hp_exec_request *request, struct hp_error *err) {
  struct hp_container *container = hp_pod_container(pod, request->id, err);
  if (!container || hp_identifier_check("exec id", request->exec_id, err) != 0)
    return -1;
  if (hp_container_find_exec(container, request->exec_id))
    return hp_error_set(err, HP_ALREADY_EXISTS, "exec \"%s\" of container \"%s\" exists already",
                        request->exec_id, request->id);
  if (container->role == HP_ROLE_SANDBOX)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "sandbox \"%s\" has no process to exec beside",
                        request->id);
  if (container->init->phase != HP_PHASE_RUNNING || container->deletes > 0)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "container \"%s\" is not running: exec needs it to be",
                        request->id);
  if (check_room(container, request->process, err) != 0 || hp_process_check_io(&request->io, err) != 0)
    return -1;

  struct hp_process *process = hp_process_new(container, request->exec_id, &request->io, request->process);
  process->next = container->execs;
  container->execs = process;
  container->exec_count++;
  hp_process_publish(process, HP_EVENT_EXEC_ADDED);
  return 0;
}

void hp_pod_exec(struct hp_pod *pod, const struct hp_exec_request *request, hp_done done, void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  int result = add_exec(pod, request, &err);
  hp_process_spec_clear(request->process); /* empty if it was taken */
  *request->process = (struct hp_process_spec){0};
  done(arg, result == 0 ? NULL : &err);
  hp_error_clear(&err);
}

/* ---- at once --------------------------------------------------------------------- */

struct hp_waiter *hp_pod_wait(struct hp_pod *pod, const char *id, const char *exec_id, hp_exit_done done,
                              void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_process *process = hp_pod_process(pod, id, exec_id, &err);
  if (process)
    return hp_process_wait(process, done, arg);
  done(arg, NULL, &err);
  hp_error_clear(&err);
  return NULL;
}

static enum hp_status status_of(const struct hp_process *process) {
  switch (process->phase) {
  case HP_PHASE_CREATED:
  case HP_PHASE_STARTING:
    return HP_CREATED;
  case HP_PHASE_RUNNING:
  case HP_PHASE_DRAINING:
    return process->container->paused ? HP_PAUSED : HP_RUNNING;
  case HP_PHASE_STOPPED:
    break;
  }
  return HP_STOPPED;
}

int hp_pod_state(struct hp_pod *pod, const char *id, const char *exec_id, struct hp_state *state,
                 struct hp_error *err) {
  const struct hp_process *process = hp_pod_process(pod, id, exec_id, err);
  if (!process)
    return -1;
  *state = (struct hp_state){
      .id = process->container->id,
      .exec_id = process->exec_id,
      .bundle = process->container->bundle,
      .pid = hp_process_pid(process),
      .status = status_of(process),
      .io = hp_process_io(process),
  };
  if (process->phase == HP_PHASE_STOPPED)
    state->exited = process->exited;
  return 0;
}

int hp_pod_resize(struct hp_pod *pod, const char *id, const char *exec_id, unsigned columns, unsigned rows,
                  struct hp_error *err) {
  struct hp_process *process = hp_pod_process(pod, id, exec_id, err);
  if (!process)
    return -1;
  if (!process->terminal)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "%s \"%s\" has no terminal to resize",
                        process->exec_id ? "exec" : "container", process->exec_id ? exec_id : id);
  if (columns > UINT16_MAX || rows > UINT16_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "terminal size %u×%u is larger than %d×%d", columns, rows,
                        UINT16_MAX, UINT16_MAX);
  switch (process->phase) {
  case HP_PHASE_CREATED:
  case HP_PHASE_STARTING:
    process->columns = columns;
    process->rows = rows;
    return 0;
  case HP_PHASE_RUNNING:
    /* A sandbox that was created with a terminal has no streams at all. */
    return process->stdio ? hp_stdio_resize(process->stdio, columns, rows, err) : 0;
  case HP_PHASE_DRAINING:
  case HP_PHASE_STOPPED:
    break;
  }
  return hp_error_set(err, HP_FAILED_PRECONDITION, "process has exited: its terminal cannot be resized");
}

int hp_pod_close_stdin(struct hp_pod *pod, const char *id, const char *exec_id, struct hp_error *err) {
  struct hp_process *process = hp_pod_process(pod, id, exec_id, err);
  if (!process)
    return -1;
  if (process->phase == HP_PHASE_RUNNING && process->stdio)
    hp_stdio_close_stdin(process->stdio);
  else
    process->stdin_closed = true;
  return 0;
}
