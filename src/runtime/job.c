/* Operations on a container's whole job: Pause and Resume, Update, Pids, Stats. */
#include <stdlib.h>

#include "base/log.h"
#include "runtime/container.h"

struct job_operation {
  struct hp_operation operation;
  struct hp_container *container;
  void *arg;
  union {
    hp_done done;
    hp_pids_done pids_done;
    hp_stats_done stats_done;
  };
  bool pause;
  struct hp_limits limits;
  uint32_t *pids;
  size_t pid_count;
  const char *type_url;
  uint8_t *data;
  size_t length;
};

static struct job_operation *of(struct hp_operation *operation) {
  return (struct job_operation *)operation;
}

static struct job_operation *new_operation(struct hp_container *container, void *arg) {
  struct job_operation *job = hp_alloc(sizeof *job);
  job->container = container;
  job->arg = arg;
  return job;
}

static void free_operation(struct job_operation *job) {
  hp_limits_clear(&job->limits);
  free(job->pids);
  free(job->data);
  hp_error_clear(&job->operation.err);
  free(job);
}

/* What is queued behind a Delete finds the container gone; behind one that
 * failed, without its job. */
static enum hp_step begin_with_job(struct hp_operation *operation) {
  const struct hp_container *container = of(operation)->container;
  if (container->gone)
    hp_container_unknown(container->id, &operation->err);
  else if (!container->host)
    hp_error_set(&operation->err, HP_FAILED_PRECONDITION,
                 "container \"%s\" is released in part: repeat its Delete", container->id);
  return operation->err.message ? HP_STEP_SKIP : HP_STEP_RUN;
}

static void answer(struct hp_operation *operation) {
  struct job_operation *job = of(operation);
  job->done(job->arg, operation->err.message ? &operation->err : NULL);
  free_operation(job);
}

static void refuse(hp_done done, void *arg, struct hp_error *err) {
  done(arg, err);
  hp_error_clear(err);
}

static int refuse_sandbox(const struct hp_container *container, const char *what, struct hp_error *err) {
  if (container->role != HP_ROLE_SANDBOX)
    return 0;
  return hp_error_set(err, HP_FAILED_PRECONDITION, "sandbox \"%s\" has no process: there is nothing to %s",
                      container->id, what);
}

/* ---- Pause, Resume ------------------------------------------------------------- */

static enum hp_step pause_begin(struct hp_operation *operation) {
  const struct job_operation *job = of(operation);
  const struct hp_container *container = job->container;
  if (begin_with_job(operation) == HP_STEP_SKIP)
    return HP_STEP_SKIP;
  if (container->init->phase != HP_PHASE_RUNNING)
    hp_error_set(&operation->err, HP_FAILED_PRECONDITION, "container \"%s\" is not running", container->id);
  else if (container->paused == job->pause)
    hp_error_set(&operation->err, HP_FAILED_PRECONDITION, "container \"%s\" is %s", container->id,
                 job->pause ? "paused already" : "not paused");
  return operation->err.message ? HP_STEP_SKIP : HP_STEP_RUN;
}

static void pause_run(struct hp_operation *operation) {
  const struct job_operation *job = of(operation);
  host_job_pause(job->container->host, job->pause, &operation->err);
}

static void pause_end(struct hp_operation *operation) {
  const struct job_operation *job = of(operation);
  if (!operation->err.message) {
    job->container->paused = job->pause;
    hp_container_publish(job->container, job->pause ? HP_EVENT_PAUSED : HP_EVENT_RESUMED);
  }
  answer(operation);
}

void hp_pod_pause(struct hp_pod *pod, const char *id, bool pause, hp_done done, void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_container *container = hp_pod_container(pod, id, &err);
  if (!container || refuse_sandbox(container, pause ? "pause" : "resume", &err) != 0) {
    refuse(done, arg, &err);
    return;
  }
  struct job_operation *job = new_operation(container, arg);
  job->operation = (struct hp_operation){.begin = pause_begin, .run = pause_run, .end = pause_end};
  job->done = done;
  job->pause = pause;
  if (hp_queue_push(&container->queue, &job->operation, &err) == 0)
    return;
  free_operation(job);
  refuse(done, arg, &err);
}

/* ---- Update ---------------------------------------------------------------------- */

/* The whole set is judged and applied, the old one with the change over it: a
 * policy's maximum and the host's conversions depend on more than one field. What an
 * annotation says wins, as at Create, for the CRI sends the spec's own again. */
static void update_run(struct hp_operation *operation) {
  struct job_operation *job = of(operation);
  struct hp_container *container = job->container;
  struct hp_policy policy;
  struct hp_limits whole = {0};
  struct hp_cpu_forms sent = container->cpu_sent;
  hp_policy_init(&policy);
  hp_limits_take_new_cpu(&job->limits, &sent);
  hp_limits_merge(&whole, &container->limits);
  hp_limits_merge(&whole, &job->limits);
  hp_limits_merge(&whole, &container->annotated);
  if (hp_limits_judge_change(&container->limits, &job->limits, &operation->err) != 0)
    goto done;
  if (hp_policy_load(container->option_path, host_file_distrust, &policy, &operation->err) != 0)
    goto done;
  policy.processors = host_processors();
  if (hp_rules_judge_limits(hp_os_here(), &policy, &whole, &operation->err) == 0 &&
      host_job_update(container->host, &whole, &operation->err) == 0) {
    struct hp_limits old = container->limits;
    container->limits = whole;
    whole = old;
    container->cpu_sent = sent;
    hp_log(HP_LOG_INFO, container->id, "limits updated");
  }
done:
  hp_limits_clear(&whole);
  hp_policy_clear(&policy);
}

void hp_pod_update(struct hp_pod *pod, const char *id, const struct hp_limits *limits, hp_done done,
                   void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_container *container = hp_pod_container(pod, id, &err);
  if (!container || refuse_sandbox(container, "limit", &err) != 0) {
    refuse(done, arg, &err);
    return;
  }
  struct job_operation *job = new_operation(container, arg);
  job->operation = (struct hp_operation){.begin = begin_with_job, .run = update_run, .end = answer};
  job->done = done;
  hp_limits_merge(&job->limits, limits);
  if (hp_queue_push(&container->queue, &job->operation, &err) == 0)
    return;
  free_operation(job);
  refuse(done, arg, &err);
}

/* ---- Pids ------------------------------------------------------------------------ */

static const char *exec_of(const struct hp_container *container, uint32_t pid) {
  for (const struct hp_process *process = container->execs; process; process = process->next)
    if (process->pid == pid && process->phase == HP_PHASE_RUNNING)
      return process->exec_id;
  return NULL;
}

static void pids_run(struct hp_operation *operation) {
  struct job_operation *job = of(operation);
  host_job_pids(job->container->host, &job->pids, &job->pid_count, &operation->err);
}

static void pids_end(struct hp_operation *operation) {
  struct job_operation *job = of(operation);
  if (operation->err.message) {
    job->pids_done(job->arg, NULL, 0, &operation->err);
    free_operation(job);
    return;
  }
  struct hp_pid *pids = hp_realloc_array(NULL, job->pid_count + 1, sizeof *pids);
  for (size_t i = 0; i < job->pid_count; i++)
    pids[i] = (struct hp_pid){job->pids[i], exec_of(job->container, job->pids[i])};
  size_t count = job->pid_count;
  /* An empty answer makes a containerd that has just come back delete the task,
   * and with it the exit status that nobody has asked for yet. */
  if (count == 0)
    pids[count++] = (struct hp_pid){hp_process_pid(job->container->init), NULL};
  job->pids_done(job->arg, pids, count, NULL);
  free(pids);
  free_operation(job);
}

/* Of what was not started, has stopped or is a sandbox, the one pid is known. */
static bool in_job(const struct hp_process *process) {
  return process->pid && (process->phase == HP_PHASE_RUNNING || process->phase == HP_PHASE_DRAINING);
}

void hp_pod_pids(struct hp_pod *pod, const char *id, hp_pids_done done, void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_container *container = hp_pod_container(pod, id, &err);
  if (container && !in_job(container->init)) {
    struct hp_pid own = {hp_process_pid(container->init), NULL};
    done(arg, &own, 1, NULL);
    return;
  }
  if (container) {
    struct job_operation *job = new_operation(container, arg);
    job->operation = (struct hp_operation){.begin = begin_with_job, .run = pids_run, .end = pids_end};
    job->pids_done = done;
    if (hp_queue_push(&container->queue, &job->operation, &err) == 0)
      return;
    free_operation(job);
  }
  done(arg, NULL, 0, &err);
  hp_error_clear(&err);
}

/* ---- Stats ----------------------------------------------------------------------- */

static enum hp_step stats_begin(struct hp_operation *operation) {
  const struct hp_container *container = of(operation)->container;
  if (!container->served)
    return begin_with_job(operation);
  if (container->gone)
    hp_container_unknown(container->id, &operation->err);
  return container->gone ? HP_STEP_SKIP : HP_STEP_RUN;
}

static void stats_run(struct hp_operation *operation) {
  struct job_operation *job = of(operation);
  const struct hp_container *container = job->container;
  if (container->served)
    host_pod_stats(hp_sandbox_spec(container->sandbox), &job->type_url, &job->data, &job->length,
                   &operation->err);
  else
    host_job_stats(container->host, &job->type_url, &job->data, &job->length, &operation->err);
}

static void stats_end(struct hp_operation *operation) {
  struct job_operation *job = of(operation);
  bool failed = operation->err.message != NULL;
  job->stats_done(job->arg, job->type_url, job->data, job->length, failed ? &operation->err : NULL);
  free_operation(job);
}

void hp_pod_stats(struct hp_pod *pod, const char *id, hp_stats_done done, void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_container *container = hp_pod_container(pod, id, &err);
  if (container && container->role == HP_ROLE_SANDBOX && !container->served) {
    const char *type_url = NULL;
    uint8_t *data = NULL;
    size_t length = 0;
    if (host_empty_stats(&type_url, &data, &length) == 0)
      done(arg, type_url, data, length, NULL);
    else
      hp_error_set(&err, HP_INTERNAL, "statistics of sandbox \"%s\" cannot be packed", id);
    free(data);
    if (!err.message)
      return;
  } else if (container) {
    struct job_operation *job = new_operation(container, arg);
    job->operation = (struct hp_operation){.begin = stats_begin, .run = stats_run, .end = stats_end};
    job->stats_done = done;
    if (hp_queue_push(&container->queue, &job->operation, &err) == 0)
      return;
    free_operation(job);
  }
  done(arg, NULL, NULL, 0, &err);
  hp_error_clear(&err);
}
