/* One connected stream that carries frames, as server and client share it:
 * reading with backpressure, writes batched per loop iteration, one timer, and
 * an end that is seen exactly once. All on the loop's thread. */
#ifndef TTRPC_CONNECTION_H
#define TTRPC_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "ttrpc/frame.h"

struct ttrpc_hangup;

/* owner is what ttrpc_connection_init was given. They are called from
 * the loop, never from inside a function below. */
struct ttrpc_connection_events {
  /* A frame came; its data, NULL if it is oversize, is valid during the call. */
  void (*frame)(void *owner, const struct ttrpc_frame *frame);
  /* False stops reading; asked again after each frame and whenever something
   * was sent or scheduled. paused: reading stands still now. */
  bool (*accepting)(void *owner, bool paused);
  /* The time set by ttrpc_connection_wake_at has come. */
  void (*timer)(void *owner);
  /* The transport is gone; the connection has begun to close. At most once, and
   * not after ttrpc_connection_close. */
  void (*lost)(void *owner);
  /* Every handle is closed: the memory may be freed. The last call. */
  void (*gone)(void *owner);
};

struct ttrpc_connection {
  const struct ttrpc_connection_events *events;
  void *owner;
  uv_stream_t *stream;
  void (*closed)(uv_stream_t *stream);
  struct ttrpc_reader reader;
  uint8_t *out; /* frames not yet handed to libuv */
  size_t out_length;
  size_t out_capacity;
  struct ttrpc_hangup *hangup; /* while reading is paused */
  uv_idle_t later;             /* active: there is work before the loop may block */
  uv_timer_t timer;
  uint64_t timer_at; /* uv_hrtime(); 0: not set */
  unsigned handles;  /* still open */
  bool paused;
  bool stopped; /* never reads again */
  bool writing; /* a uv_write is under way; out waits behind it */
  bool finishing;
  bool broken; /* a write failed */
  bool closing;
};

/* Takes the stream (see ttrpc_server_accept) and begins to read. */
void ttrpc_connection_init(struct ttrpc_connection *connection, uv_loop_t *loop, uv_stream_t *stream,
                           void (*closed)(uv_stream_t *stream), const struct ttrpc_connection_events *events,
                           void *owner);

/* Room for a frame of length bytes, header included, which the caller fills
 * before it returns to the loop. NULL if the connection is closing or has
 * just proved to be lost. */
uint8_t *ttrpc_connection_append(struct ttrpc_connection *connection, size_t length);

/* Bytes appended that the peer's socket has not taken. */
size_t ttrpc_connection_unsent(const struct ttrpc_connection *connection);

/* Has accepting asked again before the loop blocks. */
void ttrpc_connection_schedule(struct ttrpc_connection *connection);

/* Calls events->timer at or soon after this uv_hrtime(), unless an earlier call
 * is set already. */
void ttrpc_connection_wake_at(struct ttrpc_connection *connection, uint64_t when);

/* Reads no more; the loss of the peer is still noticed. */
void ttrpc_connection_stop_reading(struct ttrpc_connection *connection);

/* Closes once everything that was appended is sent. */
void ttrpc_connection_finish(struct ttrpc_connection *connection);

/* Closes now; what the socket takes at once is still sent. Idempotent. */
void ttrpc_connection_close(struct ttrpc_connection *connection);

#endif
