/* What init leaves behind in its job when it exits: asked to stop, then, after
 * 5 s, terminated (contract, section 7). */
#include <stdlib.h>

#include "base/log.h"
#include "runtime/container.h"

#define MERCY_MS 5000
#define SIGNAL_TERMINATE 15

struct remains {
  struct hp_operation operation;
  struct hp_container *container;
  size_t count;
};

static void kill_rest(struct hp_operation *operation) {
  struct remains *remains = (struct remains *)operation;
  if (remains->container->host)
    host_job_kill(remains->container->host, &operation->err);
}

static void ask_to_stop(struct hp_operation *operation) {
  struct remains *remains = (struct remains *)operation;
  uint32_t *pids = NULL;
  if (!remains->container->host ||
      host_job_pids(remains->container->host, &pids, &remains->count, &operation->err) != 0)
    return;
  free(pids);
  if (remains->count > 0)
    host_job_signal(remains->container->host, SIGNAL_TERMINATE, &operation->err);
}

static void report(const struct remains *remains) {
  if (remains->operation.err.message)
    hp_log(HP_LOG_WARNING, remains->container->id, "what init left behind cannot be stopped: %s",
           remains->operation.err.message);
}

static void killed(struct hp_operation *operation) {
  struct remains *remains = (struct remains *)operation;
  report(remains);
  hp_error_clear(&operation->err);
  free(remains);
}

static int push(struct hp_container *container, void (*run)(struct hp_operation *),
                void (*end)(struct hp_operation *)) {
  struct remains *remains = hp_alloc(sizeof *remains);
  *remains = (struct remains){{.run = run, .end = end}, container, 0};
  struct hp_error err = HP_ERROR_INIT;
  if (hp_queue_push(&container->queue, &remains->operation, &err) == 0)
    return 0;
  /* Delete kills the job all the same. */
  hp_log(HP_LOG_WARNING, container->id, "what init left behind is not stopped: %s", err.message);
  hp_error_clear(&err);
  free(remains);
  return -1;
}

static void free_timer(uv_handle_t *timer) {
  free(timer);
}

void hp_container_cancel_mercy(struct hp_container *container) {
  if (container->mercy)
    uv_close((uv_handle_t *)container->mercy, free_timer);
  container->mercy = NULL;
}

static void mercy_over(uv_timer_t *timer) {
  struct hp_container *container = timer->data;
  hp_container_cancel_mercy(container);
  push(container, kill_rest, killed);
}

static void asked(struct hp_operation *operation) {
  struct remains *remains = (struct remains *)operation;
  struct hp_container *container = remains->container;
  report(remains);
  if (remains->count > 0 && !container->gone && !container->mercy) {
    container->mercy = hp_alloc(sizeof *container->mercy);
    uv_timer_init(container->pod->loop, container->mercy);
    container->mercy->data = container;
    uv_timer_start(container->mercy, mercy_over, MERCY_MS, 0);
  }
  hp_error_clear(&operation->err);
  free(remains);
  hp_process_settle(container->init);
}

void hp_container_stop_remains(struct hp_container *container) {
  if (push(container, ask_to_stop, asked) != 0)
    hp_process_settle(container->init);
}
