#include "ttrpc/connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ttrpc/hangup.h"

/* A block that glibc keeps in a thread's cache, and a batch of usual answers. */
#define OUT_FIRST 1024u

/* While frames are handled, more than this is not left to the end of the batch. */
#define OUT_FLUSH (64u << 10)

/* Reading stops long before; only thousands of running calls that all answer
 * megabytes get here, and then the peer counts as gone. */
#define OUT_MAX ((size_t)1 << 30)

struct write {
  uv_write_t request;
  struct ttrpc_connection *connection;
  uint8_t *buffer;
};

static void on_later(uv_idle_t *later);

/* ---- the end --------------------------------------------------------- */

static void on_handle_closed(struct ttrpc_connection *connection) {
  if (--connection->handles > 0)
    return;
  ttrpc_reader_clear(&connection->reader); /* not before: a frame of it may have been in use */
  connection->events->gone(connection->owner);
}

static void on_stream_closed(uv_handle_t *handle) {
  struct ttrpc_connection *connection = handle->data;
  if (connection->closed)
    connection->closed(connection->stream);
  else
    free(connection->stream);
  on_handle_closed(connection);
}

static void on_helper_closed(uv_handle_t *handle) {
  on_handle_closed(handle->data);
}

static void drop_out(struct ttrpc_connection *connection) {
  free(connection->out);
  connection->out = NULL;
  connection->out_length = connection->out_capacity = 0;
}

/* May run inside any call: that a write failed is told later, from the loop. */
static void flush(struct ttrpc_connection *connection);

void ttrpc_connection_close(struct ttrpc_connection *connection) {
  if (connection->closing)
    return;
  flush(connection);
  connection->closing = true;
  drop_out(connection);
  ttrpc_hangup_stop(connection->hangup);
  connection->hangup = NULL;
  uv_close((uv_handle_t *)connection->stream, on_stream_closed);
  uv_close((uv_handle_t *)&connection->later, on_helper_closed);
  uv_close((uv_handle_t *)&connection->timer, on_helper_closed);
}

static void lose(struct ttrpc_connection *connection) {
  if (connection->closing)
    return;
  connection->broken = true;
  ttrpc_connection_close(connection);
  connection->events->lost(connection->owner);
}

static void on_hangup(void *arg) {
  lose(arg);
}

/* ---- writing --------------------------------------------------------- */

static void on_written(uv_write_t *request, int status) {
  struct write *write = (struct write *)request;
  struct ttrpc_connection *connection = write->connection;
  free(write->buffer);
  free(write);
  connection->writing = false;
  if (status < 0)
    connection->broken = true;
  ttrpc_connection_schedule(connection);
}

/* Gives the unsent rest to libuv; what is appended meanwhile gathers in a new
 * buffer and follows when this one is through. */
static void write_rest(struct ttrpc_connection *connection, size_t sent) {
  struct write *write = hp_alloc(sizeof *write);
  write->connection = connection;
  write->buffer = connection->out;
  uv_buf_t buf = uv_buf_init((char *)connection->out + sent, (unsigned)(connection->out_length - sent));
  if (uv_write(&write->request, connection->stream, &buf, 1, on_written) != 0) {
    free(write);
    connection->broken = true;
    return;
  }
  connection->writing = true;
  connection->out = NULL;
  connection->out_length = connection->out_capacity = 0;
}

static void flush(struct ttrpc_connection *connection) {
  if (connection->out_length == 0 || connection->writing || connection->broken || connection->closing)
    return;
  uv_buf_t buf = uv_buf_init((char *)connection->out, (unsigned)connection->out_length);
  int sent = uv_try_write(connection->stream, &buf, 1);
  if (sent == UV_EAGAIN)
    sent = 0;
  if (sent < 0)
    connection->broken = true;
  else if ((size_t)sent < connection->out_length)
    write_rest(connection, (size_t)sent);
  if (!connection->writing)
    drop_out(connection);
  if (connection->broken)
    ttrpc_connection_schedule(connection);
}

uint8_t *ttrpc_connection_append(struct ttrpc_connection *connection, size_t length) {
  if (connection->closing || connection->broken)
    return NULL;
  if (ttrpc_connection_unsent(connection) + length > OUT_MAX) {
    connection->broken = true;
    ttrpc_connection_schedule(connection);
    return NULL;
  }
  size_t needed = connection->out_length + length;
  if (needed > connection->out_capacity) {
    size_t capacity = connection->out_capacity ? 2 * connection->out_capacity : OUT_FIRST;
    connection->out_capacity = capacity < needed ? needed : capacity;
    connection->out = hp_realloc_array(connection->out, connection->out_capacity, 1);
  }
  uint8_t *room = connection->out + connection->out_length;
  connection->out_length = needed;
  ttrpc_connection_schedule(connection);
  return room;
}

size_t ttrpc_connection_unsent(const struct ttrpc_connection *connection) {
  return connection->out_length + uv_stream_get_write_queue_size(connection->stream);
}

/* ---- reading --------------------------------------------------------- */

static void on_space(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)suggested;
  struct ttrpc_connection *connection = handle->data;
  size_t length;
  uint8_t *space = ttrpc_reader_space(&connection->reader, &length);
  *buf = uv_buf_init((char *)space, (unsigned)length);
}

/* Handles the frames that are complete, as many as the owner takes. */
static void dispatch(struct ttrpc_connection *connection) {
  struct ttrpc_frame frame;
  while (!connection->closing && !connection->stopped &&
         connection->events->accepting(connection->owner, connection->paused) &&
         ttrpc_reader_next(&connection->reader, &frame) != TTRPC_NEXT_NONE) {
    connection->events->frame(connection->owner, &frame);
    if (connection->out_length >= OUT_FLUSH)
      flush(connection);
  }
  if (connection->stopped)
    ttrpc_reader_clear(&connection->reader);
  else
    ttrpc_reader_settle(&connection->reader);
  flush(connection);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf);

/* Reads or pauses, as the owner wishes. */
static void steer_reading(struct ttrpc_connection *connection) {
  if (connection->closing)
    return;
  bool pause = connection->stopped || !connection->events->accepting(connection->owner, connection->paused);
  if (pause == connection->paused)
    return;
  connection->paused = pause;
  if (pause) {
    uv_read_stop(connection->stream);
    connection->hangup = ttrpc_hangup_watch(connection->stream, on_hangup, connection);
    return;
  }
  ttrpc_hangup_stop(connection->hangup);
  connection->hangup = NULL;
  if (uv_read_start(connection->stream, on_space, on_read) != 0)
    connection->broken = true;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
  (void)buf;
  struct ttrpc_connection *connection = stream->data;
  if (count < 0) {
    lose(connection);
    return;
  }
  ttrpc_reader_filled(&connection->reader, (size_t)count);
  dispatch(connection);
  steer_reading(connection);
}

/* ---- between the events ---------------------------------------------- */

void ttrpc_connection_schedule(struct ttrpc_connection *connection) {
  if (!connection->closing)
    uv_idle_start(&connection->later, on_later); /* no-op if it is started */
}

/* An idle handle, not a prepare handle: what is scheduled from one while others
 * run still keeps the loop from blocking. */
static void on_later(uv_idle_t *later) {
  struct ttrpc_connection *connection = later->data;
  uv_idle_stop(later);
  flush(connection);
  if (connection->paused && !connection->stopped && !connection->broken)
    dispatch(connection);
  if (connection->broken) {
    lose(connection);
    return;
  }
  steer_reading(connection);
  if (connection->finishing && connection->out_length == 0 && !connection->writing)
    ttrpc_connection_close(connection);
}

static void on_timer(uv_timer_t *timer) {
  struct ttrpc_connection *connection = timer->data;
  connection->timer_at = 0;
  connection->events->timer(connection->owner);
}

void ttrpc_connection_wake_at(struct ttrpc_connection *connection, uint64_t when) {
  if (connection->closing || (connection->timer_at && connection->timer_at <= when))
    return;
  uint64_t now = uv_hrtime();
  uint64_t wait_ms = when > now ? (when - now) / 1000000 + 1 : 0;
  connection->timer_at = when ? when : 1;
  uv_timer_start(&connection->timer, on_timer, wait_ms, 0);
}

void ttrpc_connection_stop_reading(struct ttrpc_connection *connection) {
  connection->stopped = true;
  ttrpc_connection_schedule(connection);
}

void ttrpc_connection_finish(struct ttrpc_connection *connection) {
  connection->finishing = true;
  ttrpc_connection_schedule(connection);
}

void ttrpc_connection_init(struct ttrpc_connection *connection, uv_loop_t *loop, uv_stream_t *stream,
                           void (*closed)(uv_stream_t *stream), const struct ttrpc_connection_events *events,
                           void *owner) {
  *connection =
      (struct ttrpc_connection){.events = events, .owner = owner, .stream = stream, .closed = closed};
  uv_idle_init(loop, &connection->later);
  uv_timer_init(loop, &connection->timer);
  connection->handles = 3;
  stream->data = connection->later.data = connection->timer.data = connection;
  if (uv_read_start(stream, on_space, on_read) != 0)
    connection->broken = true;
  if (connection->broken)
    ttrpc_connection_schedule(connection);
}
