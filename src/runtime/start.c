/* Start of an init or an exec: one hop to the pool, in which an exec's streams
 * are opened too. */
#include <stdlib.h>

#include "base/crash.h"
#include "base/log.h"
#include "runtime/container.h"

struct start {
  struct hp_operation operation;
  struct hp_process *process;
  struct hp_stdio *stdio;
  struct host_spawned spawned;
  bool expected; /* the reaper keeps statuses for us */
  hp_pid_done done;
  void *arg;
};

static struct start *of(struct hp_operation *operation) {
  return (struct start *)operation;
}

static enum hp_step begin(struct hp_operation *operation) {
  struct start *start = of(operation);
  struct hp_process *process = start->process;
  const struct hp_container *container = process->container;
  if (container->gone) {
    hp_container_unknown(container->id, &operation->err);
    return HP_STEP_SKIP;
  }
  if (process != container->init && container->init->phase != HP_PHASE_RUNNING) {
    hp_error_set(&operation->err, HP_FAILED_PRECONDITION,
                 "container \"%s\" is not running: exec \"%s\" cannot start", container->id,
                 process->exec_id);
    return HP_STEP_SKIP;
  }
  /* A child born into a frozen job would keep its maker waiting. */
  if (container->paused) {
    hp_error_set(&operation->err, HP_FAILED_PRECONDITION,
                 "container \"%s\" is paused: resume it before exec \"%s\"", container->id,
                 process->exec_id ? process->exec_id : "");
    return HP_STEP_SKIP;
  }
  if (process->columns || process->rows) {
    process->spec->columns = process->columns;
    process->spec->rows = process->rows;
  }
  start->stdio = process->stdio;
  start->expected = true;
  host_reaper_expect(1);
  return HP_STEP_RUN;
}

static int open_streams(struct start *start, struct hp_error *err) {
  const struct hp_process *process = start->process;
  const struct hp_stdio_request request = {
      .namespace_name = process->container->pod->namespace_name,
      .container_id = process->container->id,
      .in = process->in,
      .out = process->out,
      .err = process->err,
      .terminal = process->terminal,
      .exec = true,
  };
  if (hp_stdio_open(&request, &start->stdio, err) == 0)
    return 0;
  /* NotFound is an exec that does not exist, or its program. */
  return err->code == HP_NOT_FOUND ? hp_error_recode(err, HP_INVALID_ARGUMENT) : -1;
}

static void run(struct hp_operation *operation) {
  struct start *start = of(operation);
  if (!start->stdio && open_streams(start, &operation->err) != 0)
    return;
  struct host_spawn spawn = {.process = start->process->spec};
  hp_stdio_ends(start->stdio, spawn.stdio);
  host_process_spawn(start->process->container->host, &spawn, &start->spawned, &operation->err);
  hp_crash_point();
}

static void oom(void *arg) {
  struct hp_container *container = arg;
  container->out_of_memory = true;
  hp_container_publish(container, HP_EVENT_OOM);
}

static void watch_memory(struct hp_container *container) {
  struct hp_error err = HP_ERROR_INIT;
  container->oom_watched =
      host_job_watch_oom(container->host, container->pod->loop, oom, container, &err) == 0;
  if (!container->oom_watched)
    hp_log(HP_LOG_WARNING, container->id, "running out of memory will not be reported: %s", err.message);
  hp_error_clear(&err);
}

static void catch_up(struct hp_process *process) {
  struct hp_error err = HP_ERROR_INIT;
  if (process->stdin_closed)
    hp_stdio_close_stdin(process->stdio);
  if ((process->columns || process->rows) &&
      hp_stdio_resize(process->stdio, process->columns, process->rows, &err) != 0)
    hp_log_exec(process->exec_id ? HP_LOG_DEBUG : HP_LOG_WARNING, process->container->id, process->exec_id,
                "terminal is not resized: %s", err.message);
  hp_error_clear(&err);
}

static void started(struct start *start) {
  struct hp_process *process = start->process;
  process->pid = start->spawned.pid;
  process->phase = HP_PHASE_RUNNING;
  hp_process_free_spec(process);
  hp_stdio_attach(process->stdio, process->container->pod->loop, start->spawned.terminal);
  catch_up(process);
  host_reaper_watch(process->pid, hp_process_exited, process);
  if (process == process->container->init)
    watch_memory(process->container);
  hp_process_publish(process, process->exec_id ? HP_EVENT_EXEC_STARTED : HP_EVENT_START);
}

static void end(struct hp_operation *operation) {
  struct start *start = of(operation);
  struct hp_process *process = start->process;
  bool failed = operation->err.message != NULL;
  process->stdio = start->stdio ? start->stdio : process->stdio;
  if (failed)
    hp_process_fail(process);
  else
    started(start);
  if (start->expected)
    host_reaper_expect(-1);
  start->done(start->arg, failed ? 0 : process->pid, failed ? &operation->err : NULL);
  hp_process_unref(process);
  hp_error_clear(&operation->err);
  free(start);
}

static int admit(struct hp_process *process, struct hp_error *err) {
  const char *what = process->exec_id ? "exec" : "container";
  const char *name = process->exec_id ? process->exec_id : process->container->id;
  if (process->phase == HP_PHASE_STOPPED || process->phase == HP_PHASE_DRAINING)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "%s \"%s\" has stopped: it cannot start again", what,
                        name);
  if (process->phase != HP_PHASE_CREATED)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "%s \"%s\" was started already", what, name);
  if (process->container->deletes > 0)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "container \"%s\" is being deleted",
                        process->container->id);
  return 0;
}

void hp_pod_start(struct hp_pod *pod, const char *id, const char *exec_id, hp_pid_done done, void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_process *process = hp_pod_process(pod, id, exec_id, &err);
  if (!process || admit(process, &err) != 0)
    goto refused;
  if (process->container->role == HP_ROLE_SANDBOX) {
    process->phase = HP_PHASE_RUNNING;
    hp_process_publish(process, HP_EVENT_START);
    done(arg, hp_process_pid(process), NULL);
    return;
  }
  struct start *start = hp_alloc(sizeof *start);
  *start = (struct start){
      .operation = {.begin = begin, .run = run, .end = end, .scope.exec_id = process->exec_id},
      .process = hp_process_ref(process),
      .spawned = {0, HOST_HANDLE_NONE},
      .done = done,
      .arg = arg,
  };
  process->phase = HP_PHASE_STARTING;
  if (hp_queue_push(&process->container->queue, &start->operation, &err) == 0)
    return;
  process->phase = HP_PHASE_CREATED;
  hp_process_unref(process);
  free(start);

refused:
  done(arg, 0, &err);
  hp_error_clear(&err);
}
