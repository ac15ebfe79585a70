/* What containerd calls: the Task service, v2 and v3 with one implementation,
 * and the Sandbox service, on top of runtime/; and the publisher of events. All on the loop's thread. */
#ifndef HP_SERVICE_SERVICE_H
#define HP_SERVICE_SERVICE_H

#include <uv.h>

#include "hostprocess/ttrpc.h"
#include "runtime/pod.h"

struct hp_publisher; /* events.c */

/* address: containerd's ttrpc socket ("unix://…" or a bare path); NULL or "":
 * log once, publish nothing. */
struct hp_publisher *hp_publisher_new(uv_loop_t *loop, const char *address, const char *namespace_name);
/* Takes one event of the pod (an hp_observer; arg is the publisher). Queued,
 * bounded, at least once; exit, oom and delete are never dropped. */
void hp_publisher_observe(void *publisher, const struct hp_event *event);
/* ResourceExhausted while more would pile up than is kept; NULL has room. */
int hp_publisher_check_room(const struct hp_publisher *publisher, struct hp_error *err);
/* Sends what is queued (one immediate retry, at most timeout_ms), then `done`. */
void hp_publisher_finish(struct hp_publisher *publisher, uint64_t timeout_ms, void (*done)(void *arg),
                         void *arg);
void hp_publisher_free(struct hp_publisher *publisher);

struct hp_task_service; /* task.c */

/* `shutdown` is called on the loop when the shim is to exit: a Shutdown came
 * and no container is left (or `now`). The answer to it is on its way. The
 * service is the pod's hp_pod_on_empty; free it before the pod. */
struct hp_task_service *hp_task_service_new(uv_loop_t *loop, struct hp_pod *pod, void (*shutdown)(void *arg),
                                            void *arg);
/* Create and Exec ask the publisher, which must outlive the service, for room. */
void hp_task_service_heed(struct hp_task_service *service, const struct hp_publisher *publisher);
void hp_task_service_free(struct hp_task_service *service);
/* A connection of the server has ended. */
void hp_task_service_hung_up(struct hp_task_service *service);
/* The entries for ttrpc_server_new: Task v2 and v3, Sandbox. */
#define HP_TASK_SERVICES 3
void hp_task_service_describe(struct hp_task_service *service,
                              struct ttrpc_service services[HP_TASK_SERVICES]);

#endif
