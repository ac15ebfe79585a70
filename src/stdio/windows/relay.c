/* How a relay moves bytes: it reads what is there, at most BUFFER_MAX, stops
 * reading, writes it slice by slice, frees it and reads on. So a slow reader
 * slows the program, and a relay that is stuck costs nothing but its buffer.
 *
 * A reader that is gone may come back (containerd restarts and serves the same
 * names): the program waits for it a moment, then its output goes nowhere until
 * the name is served again. */
#include "stdio/windows/relay.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/windows/pipe.h"
#include "stdio/windows/open.h"

#define BUFFER_MAX 65536u
#define SLICE_MAX 8192u /* what is written at once: one slice is the least sign of life of a slow reader */
#define TICK_MS 250
#define STALL_MS 10000
#define RETURN_MS 3000 /* the program waits for a reader that went */
#define REDIAL_MS 1000 /* after that: between two tries, made when there is something to write */

struct hp_relay {
  uv_loop_t *loop;
  enum hp_relay_kind kind;
  uv_stream_t *source; /* NULL: closed */
  uv_stream_t *sink;   /* NULL: a file, closed, or none */
  uv_file file;        /* -1: none */
  char *name;          /* NULL: never dialled again */
  void (*ended)(void *arg);
  void *arg;

  char *buffer; /* read and not yet with the sink; NULL: nothing */
  size_t length, offset, slice;
  union {
    uv_write_t pipe;
    uv_fs_t file;
  } write;
  bool writing; /* the system has the slice and `write` */
  char last;    /* byte that was typed */
  bool finishing;

  uv_timer_t timer;
  bool has_timer;     /* initialised */
  bool timer_closing; /* not yet closed */
  bool over, closed;
  bool returning;               /* the reader went a moment ago */
  uint64_t gone_at, dialled_at; /* uv_now() */

  bool draining, settled; /* settled: what was written before the exit has moved */
  bool to_the_end;
  uint64_t pending; /* bytes written before the exit and not moved yet */
  uint64_t drain_end, moved_at;
};

static void pump(struct hp_relay *relay);

/* ---- ends ------------------------------------------------------------------------ */

static void free_stream(uv_handle_t *handle) {
  free(handle);
}

/* An outstanding write is cancelled, and its callback called. */
static void close_stream(uv_stream_t **stream) {
  if (*stream)
    uv_close((uv_handle_t *)*stream, free_stream);
  *stream = NULL;
}

static void free_if_done(struct hp_relay *relay) {
  if (!relay->closed || relay->writing || relay->timer_closing)
    return;
  free(relay->buffer);
  free(relay->name);
  free(relay);
}

static void on_timer_closed(uv_handle_t *handle) {
  struct hp_relay *relay = handle->data;
  relay->timer_closing = false;
  free_if_done(relay);
}

static void close_file(struct hp_relay *relay) {
  if (relay->file >= 0 && !relay->writing)
    _close(relay->file);
  if (!relay->writing)
    relay->file = -1;
}

static void drop_buffer(struct hp_relay *relay) {
  if (relay->writing)
    return;
  free(relay->buffer);
  relay->buffer = NULL;
}

static void close_ends(struct hp_relay *relay) {
  close_stream(&relay->source);
  close_stream(&relay->sink);
  close_file(relay);
  drop_buffer(relay);
  if (relay->has_timer) {
    relay->has_timer = false;
    relay->timer_closing = true;
    uv_close((uv_handle_t *)&relay->timer, on_timer_closed);
  }
}

static void end(struct hp_relay *relay) {
  relay->over = true;
  close_ends(relay);
  void (*ended)(void *arg) = relay->ended;
  relay->ended = NULL;
  if (ended)
    ended(relay->arg);
}

static uint64_t available(const struct hp_relay *relay) {
  uv_os_fd_t handle;
  DWORD count = 0;
  if (!relay->source || uv_fileno((uv_handle_t *)relay->source, &handle) != 0 ||
      !PeekNamedPipe(handle, NULL, 0, NULL, &count, NULL))
    return 0;
  return count;
}

static void on_tick(uv_timer_t *timer);

static void tick(struct hp_relay *relay, uint64_t first) {
  if (!relay->has_timer) {
    uv_timer_init(relay->loop, &relay->timer);
    relay->timer.data = relay;
    relay->has_timer = true;
  }
  uv_timer_start(&relay->timer, on_tick, first, TICK_MS);
}

/* ---- writing ----------------------------------------------------------------------- */

static void note_moved(struct hp_relay *relay, size_t count) {
  relay->moved_at = uv_now(relay->loop);
  relay->pending -= count < relay->pending ? count : relay->pending;
  if (relay->draining && relay->pending == 0)
    relay->settled = true;
}

static bool has_sink(const struct hp_relay *relay) {
  return relay->sink || relay->file >= 0;
}

/* Not at once again: a server that takes every client and drops it must not
 * keep the loop busy. */
static bool may_dial(const struct hp_relay *relay, uint64_t pause_ms) {
  return relay->name && (relay->dialled_at == 0 || uv_now(relay->loop) - relay->dialled_at >= pause_ms);
}

static bool dial_again(struct hp_relay *relay) {
  relay->dialled_at = uv_now(relay->loop);
  struct hp_error err = HP_ERROR_INIT;
  HANDLE pipe = relay->name ? hp_reopen_pipe(relay->name) : NULL;
  relay->sink = pipe ? hp_pipe_stream(relay->loop, pipe, &err) : NULL;
  hp_error_clear(&err);
  return relay->sink != NULL;
}

/* Nobody takes what the process writes: it must neither block for ever nor
 * break. What is in the buffer is kept for a reader that comes back soon. */
static void sink_is_gone(struct hp_relay *relay) {
  close_stream(&relay->sink);
  close_file(relay);
  if (relay->kind != HP_RELAY_OUTPUT) {
    end(relay);
  } else if (may_dial(relay, TICK_MS) && dial_again(relay)) {
    pump(relay);
  } else if (relay->draining) {
    end(relay);
  } else {
    relay->returning = relay->name != NULL;
    relay->gone_at = uv_now(relay->loop);
    if (relay->returning)
      tick(relay, TICK_MS);
    else
      pump(relay);
  }
}

static void on_slice(struct hp_relay *relay, ssize_t written) {
  relay->writing = false;
  if (relay->over) {
    close_file(relay);
    drop_buffer(relay);
    free_if_done(relay);
    return;
  }
  if (written <= 0) {
    sink_is_gone(relay);
    return;
  }
  relay->offset += (size_t)written;
  relay->last = relay->buffer[relay->offset - 1];
  note_moved(relay, (size_t)written);
  pump(relay);
}

static void on_pipe_written(uv_write_t *write, int status) {
  struct hp_relay *relay = write->data;
  on_slice(relay, status == 0 ? (ssize_t)relay->slice : -1);
}

static void on_file_written(uv_fs_t *write) {
  struct hp_relay *relay = write->data;
  ssize_t written = write->result;
  uv_fs_req_cleanup(write);
  on_slice(relay, written);
}

static void write_slice(struct hp_relay *relay) {
  size_t rest = relay->length - relay->offset;
  relay->slice = rest < SLICE_MAX ? rest : SLICE_MAX;
  uv_buf_t slice = uv_buf_init(relay->buffer + relay->offset, (unsigned)relay->slice);
  relay->writing = true;
  int status;
  if (relay->sink) {
    relay->write.pipe.data = relay;
    status = uv_write(&relay->write.pipe, relay->sink, &slice, 1, on_pipe_written);
  } else {
    relay->write.file.data = relay;
    status = uv_fs_write(relay->loop, &relay->write.file, relay->file, &slice, 1, -1, on_file_written);
  }
  if (status != 0) {
    relay->writing = false;
    sink_is_gone(relay);
  }
}

/* ---- reading ----------------------------------------------------------------------- */

static void take(struct hp_relay *relay, char *bytes, size_t length) {
  relay->buffer = bytes;
  relay->length = length;
  relay->offset = 0;
}

/* A console's end of file is Ctrl+Z at the start of a line, and then Enter; a
 * line that is unfinished is sent first. */
static void type_end(struct hp_relay *relay) {
  bool at_start = relay->last == '\0' || relay->last == '\r' || relay->last == '\n';
  const char *keys = at_start ? "\x1a\r" : "\r\x1a\r";
  take(relay, hp_strdup(keys), strlen(keys));
  pump(relay);
}

static void source_has_ended(struct hp_relay *relay) {
  close_stream(&relay->source);
  if (relay->kind == HP_RELAY_CONSOLE_INPUT)
    type_end(relay);
  else
    end(relay);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)handle;
  size_t size = suggested < BUFFER_MAX ? suggested : BUFFER_MAX;
  *buf = uv_buf_init(hp_alloc(size > 0 ? size : 1), (unsigned)(size > 0 ? size : 1));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
  struct hp_relay *relay = stream->data;
  if (count <= 0)
    free(buf->base);
  if (count == 0)
    return;
  uv_read_stop(stream);
  if (count < 0) {
    source_has_ended(relay);
    return;
  }
  take(relay, buf->base, (size_t)count);
  pump(relay);
}

static void read_on(struct hp_relay *relay) {
  if (relay->finishing && available(relay) == 0) {
    source_has_ended(relay);
    return;
  }
  relay->source->data = relay;
  int status = uv_read_start(relay->source, on_alloc, on_read);
  if (status != 0 && status != UV_EALREADY)
    source_has_ended(relay);
}

/* Does the next thing there is to do. */
static void pump(struct hp_relay *relay) {
  if (relay->buffer && !has_sink(relay) && !(may_dial(relay, REDIAL_MS) && dial_again(relay))) {
    note_moved(relay, relay->length - relay->offset);
    relay->offset = relay->length;
  }
  if (relay->buffer && relay->offset < relay->length) {
    write_slice(relay);
    return;
  }
  drop_buffer(relay);
  if (relay->source)
    read_on(relay);
  else if (relay->kind != HP_RELAY_CONSOLE_INPUT) /* a console lives only while its input is open */
    end(relay);
}

/* ---- time ------------------------------------------------------------------------------ */

static void await_return(struct hp_relay *relay) {
  bool back = dial_again(relay);
  if (!back && uv_now(relay->loop) - relay->gone_at < RETURN_MS)
    return;
  relay->returning = false;
  uv_timer_stop(&relay->timer);
  pump(relay);
}

static bool drain_is_over(const struct hp_relay *relay) {
  uint64_t now = uv_now(relay->loop);
  if (relay->settled && !relay->to_the_end)
    return now >= relay->drain_end;
  return now - relay->moved_at >= STALL_MS;
}

static void on_tick(uv_timer_t *timer) {
  struct hp_relay *relay = timer->data;
  if (relay->returning)
    await_return(relay);
  else if (relay->draining && drain_is_over(relay))
    end(relay);
}

void hp_relay_drain(struct hp_relay *relay, uint64_t grace_ms) {
  if (relay->over || relay->draining)
    return;
  uv_update_time(relay->loop);
  relay->draining = true;
  relay->to_the_end = grace_ms == HP_RELAY_TO_THE_END;
  relay->moved_at = uv_now(relay->loop);
  relay->drain_end = relay->moved_at + grace_ms;
  relay->pending = available(relay) + (relay->buffer ? relay->length - relay->offset : 0);
  relay->settled = relay->pending == 0;
  if (!has_sink(relay) && !dial_again(relay)) {
    end(relay);
    return;
  }
  if (relay->returning) {
    relay->returning = false;
    pump(relay);
  }
  if (!relay->over) /* the reader that came back may have gone again */
    tick(relay, grace_ms < TICK_MS ? grace_ms : TICK_MS);
}

/* ---- life ---------------------------------------------------------------------------------- */

static uv_stream_t *open_stream(uv_loop_t *loop, HANDLE pipe) {
  struct hp_error err = HP_ERROR_INIT;
  uv_stream_t *stream = hp_pipe_stream(loop, pipe, &err);
  hp_error_clear(&err); /* the caller says what it means for the process */
  return stream;
}

struct hp_relay *hp_relay_start(uv_loop_t *loop, enum hp_relay_kind kind, const struct hp_relay_ends *ends,
                                void (*ended)(void *arg), void *arg) {
  struct hp_relay *relay = hp_alloc(sizeof *relay);
  *relay = (struct hp_relay){.loop = loop, .kind = kind, .file = -1, .arg = arg};
  relay->name = hp_strdup(ends->name);
  relay->source = open_stream(loop, ends->source);
  if (ends->file) {
    relay->file = _open_osfhandle((intptr_t)ends->sink, _O_APPEND | _O_BINARY | _O_NOINHERIT);
    if (relay->file < 0)
      CloseHandle(ends->sink);
  } else if (ends->sink) {
    relay->sink = open_stream(loop, ends->sink);
  }
  if (!relay->source || (ends->sink && !has_sink(relay))) {
    hp_relay_close(relay);
    return NULL;
  }
  relay->source->data = relay;
  if (uv_read_start(relay->source, on_alloc, on_read) != 0) {
    hp_relay_close(relay);
    return NULL;
  }
  relay->ended = ended;
  return relay;
}

void hp_relay_finish(struct hp_relay *relay) {
  if (relay->over || relay->finishing)
    return;
  relay->finishing = true;
  if (!relay->buffer && relay->source && available(relay) == 0)
    source_has_ended(relay);
}

void hp_relay_close(struct hp_relay *relay) {
  if (!relay)
    return;
  relay->ended = NULL;
  relay->over = relay->closed = true;
  close_ends(relay);
  free_if_done(relay);
}
