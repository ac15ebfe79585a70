/* Events that containerd has not taken yet, oldest first, already packed.
 * Bounded: beyond the limits the oldest event that can be missed is dropped
 * (create, start, exec-added, exec-started, paused, resumed). Exit, oom and
 * delete are kept whatever happens; when they pile up, the service has nothing
 * new started. Private to this room. */
#ifndef HP_SERVICE_EVENT_QUEUE_H
#define HP_SERVICE_EVENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "runtime/pod.h"

#define HP_EVENT_QUEUE_MAX 8192             /* events */
#define HP_EVENT_QUEUE_BYTES_MAX (4u << 20) /* of their messages */
/* Of those that are kept whatever happens: then nothing new may be started. */
#define HP_EVENT_QUEUE_FULL 32768

struct hp_queued_event {
  struct hp_queued_event *next;
  enum hp_event_kind kind;
  struct hp_time when; /* it was queued */
  size_t length;
  uint8_t *data;
};

struct hp_event_queue { /* zeroed memory is an empty queue */
  struct hp_queued_event *head, *tail;
  size_t count, bytes;
  uint64_t dropped;  /* since the queue was last empty */
  bool head_is_sent; /* the head is on its way: it is not dropped */
};

bool hp_event_queue_is_full(const struct hp_event_queue *queue);
void hp_event_queue_push(struct hp_event_queue *queue, const struct hp_event *event);
/* Removes and frees the head. */
void hp_event_queue_pop(struct hp_event_queue *queue);
void hp_event_queue_clear(struct hp_event_queue *queue);

#endif
