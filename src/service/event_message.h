/* An event of the pod as containerd knows it: topic, type and message. Private
 * to this room. */
#ifndef HP_SERVICE_EVENT_MESSAGE_H
#define HP_SERVICE_EVENT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/pod.h"

/* "/tasks/exit" and so on. */
const char *hp_event_topic(enum hp_event_kind kind);
/* "containerd.events.TaskExit": containerd's own types have bare URLs. */
const char *hp_event_type(enum hp_event_kind kind);

/* The packed message; malloced, *length bytes. */
uint8_t *hp_event_pack(const struct hp_event *event, size_t *length);

#endif
