#include "runtime/container.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/state_log.h"

static void free_container(struct hp_container *container) {
  struct hp_pod *pod = container->pod;
  hp_container_cancel_mercy(container);
  while (container->execs) {
    struct hp_process *process = container->execs;
    container->execs = process->next;
    hp_process_unref(process);
  }
  hp_process_unref(container->init);
  if (container->oom_watched)
    host_job_unwatch_oom(container->host);
  host_container_free(container->host);
  hp_journal_close(container->journal);
  hp_sandbox_unref(container->sandbox);
  hp_limits_clear(&container->limits);
  hp_limits_clear(&container->annotated);
  free(container->id);
  free(container->bundle);
  free(container->option_path);
  free(container->account);
  free(container);

  if (--pod->alive > 0)
    return;
  if (pod->freed) {
    free(pod->namespace_name);
    free(pod->option_path);
    free(pod);
  } else if (pod->empty) {
    pod->empty(pod->empty_arg);
  }
}

static void settle(struct hp_queue *queue) {
  struct hp_container *container =
      (struct hp_container *)(void *)((char *)queue - offsetof(struct hp_container, queue));
  if (container->gone)
    free_container(container);
}

struct hp_container *hp_container_new(struct hp_pod *pod, const struct hp_create_request *request) {
  struct hp_container *container = hp_alloc(sizeof *container);
  container->pod = pod;
  container->id = hp_strdup(request->id);
  container->bundle = hp_strdup(request->bundle);
  container->option_path = hp_strdup(request->option_path ? request->option_path : pod->option_path);
  container->creating = true;
  container->served = request->sandbox != NULL;
  container->init = hp_process_new(container, NULL, &request->io, NULL);
  hp_queue_init(&container->queue, pod->loop, container->id, settle);
  container->next = pod->containers;
  pod->containers = container;
  pod->alive++;
  return container;
}

void hp_container_leave(struct hp_container *container) {
  for (struct hp_container **at = &container->pod->containers; *at; at = &(*at)->next)
    if (*at == container) {
      *at = container->next;
      break;
    }
  container->gone = true;
  if (hp_queue_idle(&container->queue))
    free_container(container);
}

/* ---- looking up ---------------------------------------------------------------- */

struct hp_container *hp_pod_lookup(const struct hp_pod *pod, const char *id) {
  struct hp_container *container = pod->containers;
  while (container && strcmp(container->id, id) != 0)
    container = container->next;
  return container;
}

int hp_container_unknown(const char *id, struct hp_error *err) {
  return hp_error_set(err, HP_NOT_FOUND, "container \"%s\" not found", id);
}

struct hp_container *hp_pod_container(const struct hp_pod *pod, const char *id, struct hp_error *err) {
  struct hp_container *container = hp_pod_lookup(pod, id);
  if (!container) {
    hp_container_unknown(id, err);
    return NULL;
  }
  if (container->creating) {
    hp_error_set(err, HP_FAILED_PRECONDITION, "container \"%s\" is still being created", id);
    return NULL;
  }
  return container;
}

struct hp_process *hp_container_find_exec(const struct hp_container *container, const char *exec_id) {
  struct hp_process *process = container->execs;
  while (process && strcmp(process->exec_id, exec_id) != 0)
    process = process->next;
  return process;
}

struct hp_process *hp_pod_process(const struct hp_pod *pod, const char *id, const char *exec_id,
                                  struct hp_error *err) {
  struct hp_container *container = hp_pod_container(pod, id, err);
  if (!container)
    return NULL;
  if (!exec_id || !exec_id[0])
    return container->init;
  struct hp_process *process = hp_container_find_exec(container, exec_id);
  if (!process)
    hp_error_set(err, HP_NOT_FOUND, "exec \"%s\" of container \"%s\" not found", exec_id, id);
  return process;
}

struct hp_sandbox *hp_pod_sandbox(const struct hp_pod *pod) {
  for (const struct hp_container *container = pod->containers; container; container = container->next)
    if (!container->creating && container->sandbox)
      return container->sandbox;
  return NULL;
}

struct hp_container *hp_pod_served(const struct hp_pod *pod) {
  struct hp_container *container = pod->containers;
  while (container && !container->served)
    container = container->next;
  return container;
}

void hp_container_forget_exec(struct hp_container *container, struct hp_process *process) {
  for (struct hp_process **at = &container->execs; *at; at = &(*at)->next)
    if (*at == process) {
      *at = process->next;
      container->exec_count--;
      hp_process_unref(process);
      return;
    }
}

/* ---- events ---------------------------------------------------------------------- */

void hp_pod_publish(const struct hp_pod *pod, const struct hp_event *event) {
  if (pod->observer)
    pod->observer(pod->arg, event);
}

void hp_process_publish(const struct hp_process *process, enum hp_event_kind kind) {
  bool exit = kind == HP_EVENT_EXIT;
  hp_log_state(process, kind);
  if (process->container->served) /* no task of containerd's */
    return;
  hp_pod_publish(process->container->pod,
                 &(struct hp_event){
                     .kind = kind,
                     .container_id = process->container->id,
                     .exec_id = process->exec_id,
                     .pid = hp_process_pid(process),
                     .status = process->exited.status,
                     .when = exit || kind == HP_EVENT_DELETE ? process->exited.when : hp_time_now(),
                 });
}

void hp_container_publish(const struct hp_container *container, enum hp_event_kind kind) {
  hp_process_publish(container->init, kind);
}
