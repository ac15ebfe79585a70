/* The serving side of a named pipe: instances that wait for clients, and each
 * connected one as a stream of the loop. libuv's own listener would be open to
 * other machines and readable by everyone. Shared by the files of this folder
 * only; all of it on the loop's thread. */
#ifndef HP_HOST_WINDOWS_LISTENER_H
#define HP_HOST_WINDOWS_LISTENER_H

#include <uv.h>

#include "base/error.h"

struct hp_listener;

/* Serves `name`, which nobody may serve yet (AlreadyExists). waiting, 2 or more:
 * how many clients can connect while the loop is busy. `accepted` gets malloced
 * streams, which it owns; from inside it the listener may be closed. */
int hp_listener_open(const char *name, unsigned waiting, uv_loop_t *loop,
                     void (*accepted)(void *arg, uv_stream_t *stream), void *arg,
                     struct hp_listener **listener, struct hp_error *err);

/* It no longer keeps the loop running. */
void hp_listener_unref(struct hp_listener *listener);

/* The name is free when this returns; streams that were accepted live on. */
void hp_listener_close(struct hp_listener *listener);

#endif
