#include "service/event_queue.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "service/event_message.h"

static bool can_be_missed(enum hp_event_kind kind) {
  return kind != HP_EVENT_EXIT && kind != HP_EVENT_OOM && kind != HP_EVENT_DELETE;
}

/* previous NULL: the head. */
static void unlink_after(struct hp_event_queue *queue, struct hp_queued_event *previous) {
  struct hp_queued_event **link = previous ? &previous->next : &queue->head;
  struct hp_queued_event *event = *link;
  *link = event->next;
  if (queue->tail == event)
    queue->tail = previous;
  queue->count--;
  queue->bytes -= event->length;
  free(event->data);
  free(event);
}

static bool drop_oldest(struct hp_event_queue *queue) {
  struct hp_queued_event *previous = queue->head_is_sent ? queue->head : NULL;
  struct hp_queued_event *event = previous ? previous->next : queue->head;
  for (; event; previous = event, event = event->next) {
    if (!can_be_missed(event->kind))
      continue;
    unlink_after(queue, previous);
    if (queue->dropped++ == 0)
      hp_log(HP_LOG_WARNING, NULL,
             "too many events wait for containerd: the oldest that can be missed are dropped");
    return true;
  }
  return false;
}

void hp_event_queue_push(struct hp_event_queue *queue, const struct hp_event *event) {
  struct hp_queued_event *queued = hp_alloc(sizeof *queued);
  queued->kind = event->kind;
  queued->when = hp_time_now();
  queued->data = hp_event_pack(event, &queued->length);
  if (queue->tail)
    queue->tail->next = queued;
  else
    queue->head = queued;
  queue->tail = queued;
  queue->count++;
  queue->bytes += queued->length;
  while ((queue->count > HP_EVENT_QUEUE_MAX || queue->bytes > HP_EVENT_QUEUE_BYTES_MAX) && drop_oldest(queue))
    ;
}

bool hp_event_queue_is_full(const struct hp_event_queue *queue) {
  return queue->count >= HP_EVENT_QUEUE_FULL;
}

void hp_event_queue_pop(struct hp_event_queue *queue) {
  queue->head_is_sent = false;
  unlink_after(queue, NULL);
  if (queue->head || queue->dropped == 0)
    return;
  hp_log(HP_LOG_WARNING, NULL, "containerd takes events again; %llu were dropped meanwhile",
         (unsigned long long)queue->dropped);
  queue->dropped = 0;
}

void hp_event_queue_clear(struct hp_event_queue *queue) {
  while (queue->head)
    unlink_after(queue, NULL);
  *queue = (struct hp_event_queue){0};
}
