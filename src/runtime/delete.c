/* Delete of an exec, and of a container with everything it has on the host. */
#include <stdlib.h>

#include "base/crash.h"
#include "base/log.h"
#include "runtime/container.h"

#define SIGNAL_KILL 9u
#define STATUS_KILLED (128u + SIGNAL_KILL)

struct delete {
  struct hp_operation operation;
  struct hp_container *container;
  hp_exit_done done;
  void *arg;
};

static int refuse_unless_over(const struct hp_process *process, struct hp_error *err) {
  if (process->phase == HP_PHASE_CREATED || process->phase == HP_PHASE_STOPPED)
    return 0;
  return hp_error_set(err, HP_FAILED_PRECONDITION, "%s \"%s\" has not stopped: kill it before Delete",
                      process->exec_id ? "exec" : "container",
                      process->exec_id ? process->exec_id : process->container->id);
}

/* ---- a container --------------------------------------------------------------- */

static enum hp_step begin(struct hp_operation *operation) {
  struct delete *delete = (struct delete *)operation;
  struct hp_container *container = delete->container;
  if (container->gone) {
    hp_container_unknown(container->id, &operation->err);
    return HP_STEP_SKIP;
  }
  if (refuse_unless_over(container->init, &operation->err) != 0)
    return HP_STEP_SKIP;
  if (container->init->phase == HP_PHASE_CREATED)
    hp_process_end(container->init, STATUS_KILLED);
  hp_container_cancel_mercy(container);
  if (container->oom_watched)
    host_job_unwatch_oom(container->host);
  container->oom_watched = false;
  return HP_STEP_RUN;
}

static void run(struct hp_operation *operation) {
  struct hp_container *container = ((struct delete *)operation)->container;
  if (container->sandbox) {
    hp_sandbox_remove(container->sandbox, &operation->err);
    hp_crash_point();
    return;
  }
  /* Kill what is left while the job is at hand. Whether that worked, the
   * release of the job's record tells, which kills as well. */
  struct hp_error ignored = HP_ERROR_INIT;
  if (container->host && host_job_kill(container->host, &ignored) != 0)
    hp_log(HP_LOG_DEBUG, container->id, "job: %s", ignored.message);
  hp_error_clear(&ignored);
  hp_crash_point();
  /* Before the release: it holds the mount namespace, and so the rootfs. */
  host_container_free(container->host);
  container->host = NULL;
  hp_crash_point();
  /* containerd takes NotFound for a task that is gone. */
  if (hp_container_release(&container->journal, &operation->err) != 0 && operation->err.code == HP_NOT_FOUND)
    hp_error_recode(&operation->err, HP_INTERNAL);
}

/* Execs were in the job that is no more. */
static void end_execs(struct hp_container *container) {
  while (container->execs) {
    struct hp_process *process = container->execs;
    if (process->phase != HP_PHASE_STOPPED) {
      process->signal = SIGNAL_KILL + 1;
      hp_process_end(process, STATUS_KILLED);
    }
    hp_container_forget_exec(container, process);
  }
}

static void end(struct hp_operation *operation) {
  struct delete *delete = (struct delete *)operation;
  struct hp_container *container = delete->container;
  container->deletes--;
  if (operation->err.message) {
    delete->done(delete->arg, NULL, &operation->err);
  } else {
    end_execs(container);
    hp_container_publish(container, HP_EVENT_DELETE);
    struct hp_exit exited = container->init->exited;
    hp_container_leave(container);
    delete->done(delete->arg, &exited, NULL);
  }
  hp_error_clear(&operation->err);
  free(delete);
  hp_memory_trim(); /* of the container */
}

static int push(struct hp_container *container, hp_exit_done done, void *arg, struct hp_error *err) {
  struct delete *delete = hp_alloc(sizeof *delete);
  *delete = (struct delete){{.begin = begin, .run = run, .end = end}, container, done, arg};
  container->deletes++;
  if (hp_queue_push(&container->queue, &delete->operation, err) == 0)
    return 0;
  container->deletes--;
  free(delete);
  return -1;
}

/* ---- both ------------------------------------------------------------------------ */

static void delete_exec(struct hp_process *process, hp_exit_done done, void *arg) {
  if (process->phase == HP_PHASE_CREATED)
    hp_process_end(process, STATUS_KILLED);
  hp_process_publish(process, HP_EVENT_DELETE);
  struct hp_exit exited = process->exited;
  hp_container_forget_exec(process->container, process);
  done(arg, &exited, NULL);
}

void hp_pod_delete(struct hp_pod *pod, const char *id, const char *exec_id, hp_exit_done done, void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  bool init = !exec_id || !exec_id[0];
  /* Of a container that is still being created: it waits for Create's end. */
  struct hp_container *container = hp_pod_lookup(pod, id);
  if (init && container && container->creating) {
    if (push(container, done, arg, &err) == 0)
      return;
    goto refused;
  }
  struct hp_process *process = hp_pod_process(pod, id, exec_id, &err);
  if (!process || refuse_unless_over(process, &err) != 0)
    goto refused;
  if (!init) {
    delete_exec(process, done, arg);
    return;
  }
  if (push(process->container, done, arg, &err) == 0)
    return;

refused:
  done(arg, NULL, &err);
  hp_error_clear(&err);
}
