/* Kill: a signal to one process, or to everything in the job. What arrives
 * while Start is under way takes its place in the queue behind it. */
#include <stdlib.h>

#include "runtime/container.h"
#include "runtime/state_log.h"

#define SIGNAL_KILL 9

struct kill {
  struct hp_operation operation;
  struct hp_process *process;
  int signal;
  bool all;
  hp_done done;
  void *arg;
};

static int finished(struct hp_error *err) {
  return hp_error_set(err, HP_NOT_FOUND, "process already finished");
}

/* SIGKILL of init ends the job (contract, section 7). */
static bool job_wide(const struct hp_process *process, int signal, bool all) {
  return !process->exec_id && (all || signal == SIGNAL_KILL);
}

/* What needs no pool: a signal to a pid, or the end of what has none. */
static int kill_now(struct hp_process *process, int signal, struct hp_error *err) {
  if (process->phase == HP_PHASE_DRAINING || process->phase == HP_PHASE_STOPPED)
    return finished(err);
  if (!process->pid) {
    hp_process_end(process, 128u + (uint32_t)signal);
    return 0;
  }
  if (host_process_signal(process->pid, signal, err) == 0)
    return 0;
  return err->code == HP_NOT_FOUND ? finished(err) : -1;
}

static enum hp_step begin(struct hp_operation *operation) {
  struct kill *kill = (struct kill *)operation;
  struct hp_process *process = kill->process;
  if (process->phase == HP_PHASE_RUNNING && process->pid && job_wide(process, kill->signal, kill->all))
    return HP_STEP_RUN;
  kill_now(process, kill->signal, &operation->err);
  return HP_STEP_SKIP;
}

static void run(struct hp_operation *operation) {
  const struct kill *kill = (const struct kill *)operation;
  struct host_container *host = kill->process->container->host;
  if (kill->signal == SIGNAL_KILL)
    host_job_kill(host, &operation->err);
  else
    host_job_signal(host, kill->signal, &operation->err);
}

static void end(struct hp_operation *operation) {
  struct kill *kill = (struct kill *)operation;
  bool failed = operation->err.message != NULL;
  if (!failed && kill->signal == SIGNAL_KILL && job_wide(kill->process, kill->signal, kill->all))
    kill->process->container->paused = false; /* killing thaws */
  kill->done(kill->arg, failed ? &operation->err : NULL);
  hp_process_unref(kill->process);
  hp_error_clear(&operation->err);
  free(kill);
}

static int push(struct hp_process *process, int signal, bool all, hp_done done, void *arg,
                struct hp_error *err) {
  struct kill *kill = hp_alloc(sizeof *kill);
  *kill = (struct kill){
      .operation = {.begin = begin, .run = run, .end = end, .scope.exec_id = process->exec_id},
      .process = hp_process_ref(process),
      .signal = signal,
      .all = all,
      .done = done,
      .arg = arg,
  };
  if (hp_queue_push(&process->container->queue, &kill->operation, err) == 0)
    return 0;
  hp_process_unref(process);
  free(kill);
  return -1;
}

static void note(struct hp_process *process, uint32_t signal, bool all) {
  if (process->phase == HP_PHASE_DRAINING || process->phase == HP_PHASE_STOPPED)
    return;
  process->signal = signal + 1;
  hp_log_signal(process, signal, job_wide(process, (int)signal, all));
}

void hp_pod_kill(struct hp_pod *pod, const char *id, const char *exec_id, uint32_t signal, bool all,
                 hp_done done, void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  int result = -1;
  struct hp_process *process = hp_pod_process(pod, id, exec_id, &err);
  if (process && host_signal_check(signal, &err) != 0)
    process = NULL;
  if (process)
    note(process, signal, all);
  if (process && process->phase == HP_PHASE_STARTING) {
    if (push(process, (int)signal, all, done, arg, &err) == 0)
      return;
  } else if (process && process->phase == HP_PHASE_RUNNING && process->pid &&
             job_wide(process, (int)signal, all)) {
    /* Init first and at once, whatever is stuck in the queue before the rest. */
    struct hp_error ignored = HP_ERROR_INIT;
    if (signal == SIGNAL_KILL)
      host_process_signal(process->pid, (int)signal, &ignored);
    hp_error_clear(&ignored);
    if (push(process, (int)signal, all, done, arg, &err) == 0)
      return;
  } else if (process)
    result = kill_now(process, (int)signal, &err);
  done(arg, result == 0 ? NULL : &err);
  hp_error_clear(&err);
}
