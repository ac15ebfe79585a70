/* A container's line of blocking operations: each runs on libuv's pool, one at
 * a time, in the order of hp_queue_push. A stuck one holds up its own queue and
 * one pool thread, nothing else. All (loop), but for `run`. */
#ifndef HP_RUNTIME_QUEUE_H
#define HP_RUNTIME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"

#define HP_QUEUE_MAX 1024 /* operations waiting or under way */

enum hp_step { HP_STEP_RUN, HP_STEP_SKIP };

/* Embedded as the first member of what an operation needs. */
struct hp_operation {
  /* (loop) Its turn has come: the last look at the state. HP_STEP_SKIP leaves
   * out run, with or without an error. NULL: always run. */
  enum hp_step (*begin)(struct hp_operation *operation);
  void (*run)(struct hp_operation *operation); /* (pool) */
  void (*end)(struct hp_operation *operation); /* (loop) Answers, and frees the operation. */
  struct hp_error err;
  /* Of the log's lines while it is begun, run and ended. exec_id is the
   * maker's; the queue fills in the rest, the trace of whoever pushes it too. */
  struct hp_log_scope scope;

  struct hp_queue *queue;
  struct hp_operation *next;
  uv_work_t work;
};

struct hp_queue {
  uv_loop_t *loop;
  const char *id; /* the container's, for the log; borrowed */
  /* The last operation has ended; may free the queue. */
  void (*idle)(struct hp_queue *queue);
  struct hp_operation *head, *tail;
  size_t count;
  bool busy;
};

void hp_queue_init(struct hp_queue *queue, uv_loop_t *loop, const char *id,
                   void (*idle)(struct hp_queue *queue));
/* Takes the operation; it may begin, even end, before this returns.
 * ResourceExhausted (and the operation stays the caller's) when full. */
int hp_queue_push(struct hp_queue *queue, struct hp_operation *operation, struct hp_error *err);
/* Nothing waits and nothing is under way. */
bool hp_queue_idle(const struct hp_queue *queue);

#endif
