#include "runtime/queue.h"

#include <string.h>

void hp_queue_init(struct hp_queue *queue, uv_loop_t *loop, const char *id,
                   void (*idle)(struct hp_queue *queue)) {
  *queue = (struct hp_queue){.loop = loop, .id = id, .idle = idle};
}

bool hp_queue_idle(const struct hp_queue *queue) {
  return !queue->busy && !queue->head;
}

static void end_head(struct hp_queue *queue) {
  struct hp_operation *operation = queue->head;
  queue->head = operation->next;
  if (!queue->head)
    queue->tail = NULL;
  queue->count--;
  struct hp_log_scope scope = operation->scope; /* end frees the operation */
  const struct hp_log_scope *previous = hp_log_enter(&scope);
  operation->end(operation);
  hp_log_enter(previous);
}

static void run_on_pool(uv_work_t *work) {
  struct hp_operation *operation = work->data;
  const struct hp_log_scope *previous = hp_log_enter(&operation->scope);
  operation->run(operation);
  hp_log_enter(previous);
}

static enum hp_step begin(struct hp_operation *operation) {
  if (!operation->begin)
    return HP_STEP_RUN;
  const struct hp_log_scope *previous = hp_log_enter(&operation->scope);
  enum hp_step step = operation->begin(operation);
  hp_log_enter(previous);
  return step;
}

static void advance(struct hp_queue *queue);

static void back_on_loop(uv_work_t *work, int status) {
  (void)status; /* nobody cancels */
  struct hp_operation *operation = work->data;
  struct hp_queue *queue = operation->queue;
  end_head(queue);
  advance(queue);
}

/* The queue is busy all through this loop, so that a callback which pushes
 * again only appends, and nobody frees the queue below our feet. */
static void advance(struct hp_queue *queue) {
  queue->busy = true;
  while (queue->head) {
    struct hp_operation *operation = queue->head;
    if (begin(operation) == HP_STEP_RUN) {
      operation->work.data = operation;
      uv_queue_work(queue->loop, &operation->work, run_on_pool, back_on_loop);
      return;
    }
    end_head(queue);
  }
  queue->busy = false;
  queue->idle(queue);
}

int hp_queue_push(struct hp_queue *queue, struct hp_operation *operation, struct hp_error *err) {
  if (queue->count >= HP_QUEUE_MAX)
    return hp_error_set(err, HP_RESOURCE_EXHAUSTED,
                        "%d operations wait for this container already: try again later", HP_QUEUE_MAX);
  const struct hp_log_scope *pusher = hp_log_current();
  operation->queue = queue;
  operation->scope.id = queue->id;
  if (pusher)
    memcpy(operation->scope.trace_id, pusher->trace_id, sizeof operation->scope.trace_id);
  operation->next = NULL;
  if (queue->tail)
    queue->tail->next = operation;
  else
    queue->head = operation;
  queue->tail = operation;
  queue->count++;
  if (!queue->busy)
    advance(queue);
  return 0;
}
