/* The services' inside: one function a method, whatever the version.
 * Private to this room. */
#ifndef HP_SERVICE_TASK_H
#define HP_SERVICE_TASK_H

#include "containerd/task/v2/shim.pb-c.h"
#include "hostprocess/ttrpc.h"
#include "runtime/pod.h"

struct hp_task_wait; /* a Wait that is not answered yet */

/* Waits of which nobody need be there any more: ttrpc does not tell that a
 * caller has given up. Below the calls that the server takes on one connection,
 * which would otherwise read no Kill again. */
#define HP_TASK_WAITS_MAX 3000

struct hp_task_service {
  struct hp_pod *pod;
  const struct hp_publisher *publisher; /* NULL: nobody to ask for room */
  struct hp_task_wait *waits;           /* all of them, to be cancelled with the service */
  unsigned wait_count;
  void (*shutdown)(void *arg);
  void *arg;
  uv_timer_t *patience; /* runs out when no other Shutdown comes */
  bool leaving;         /* a Shutdown came while the pod was not empty, and no Create since */
  bool another;         /* a Delete came after it, behind which another Shutdown may */
  bool farewell;        /* a ShutdownSandbox came: its caller hangs up first */
  bool shut_down;       /* shutdown was called */
};

/* A method answers its call exactly once, now or later. */
typedef void hp_task_method(struct hp_task_service *service, struct ttrpc_call *call,
                            const ProtobufCMessage *message);

/* Calls it with the log's lines being about the request. */
void hp_task_dispatch(hp_task_method *method, struct hp_task_service *service, struct ttrpc_call *call,
                      const ProtobufCMessage *message);

/* task_lifecycle.c */
hp_task_method hp_task_create, hp_task_start, hp_task_delete, hp_task_pause, hp_task_resume,
    hp_task_checkpoint, hp_task_kill, hp_task_exec, hp_task_update;
/* task_query.c */
hp_task_method hp_task_state, hp_task_pids, hp_task_stats, hp_task_resize_pty, hp_task_close_io;
/* task_wait.c */
hp_task_method hp_task_wait;
/* A Wait whose answer is reply's to make. */
void hp_task_wait_for(struct hp_task_service *service, struct ttrpc_call *call, const char *id,
                      const char *exec_id,
                      void (*reply)(struct ttrpc_call *call, const struct hp_exit *exited));
/* Cancels every wait and fails its call. */
void hp_task_wait_cancel_all(struct hp_task_service *service);

/* sandbox.c: the Sandbox service, a ttrpc_service's handle. */
void hp_sandbox_handle(void *service, struct ttrpc_call *call, unsigned method_index,
                       const ProtobufCMessage *request);

/* The shim is to end once the pod is empty, or now. */
void hp_task_leave(struct hp_task_service *service, bool now);
/* … and its caller has hung up, or had the time to. */
void hp_task_leave_after_caller(struct hp_task_service *service);
/* A Create has come: it is not to end. */
void hp_task_stay(struct hp_task_service *service);

/* The error as it is; logged. */
void hp_task_fail(struct ttrpc_call *call, const struct hp_error *err);
/* The same, and clears it. */
void hp_task_fail_clear(struct ttrpc_call *call, struct hp_error *err);
void hp_task_reply_empty(struct ttrpc_call *call);
/* An hp_done whose arg is the call: Empty, or the error. */
void hp_task_done(void *call, const struct hp_error *err);

#endif
