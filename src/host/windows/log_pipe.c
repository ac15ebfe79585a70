/* The log that containerd reads: a pipe that the shim serves and containerd
 * connects to, again after each of its restarts, so the newest connection wins.
 * Lines wait in a bounded queue, since a slow reader or none must never hold up
 * the shim; one line at a time is on its way. */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "base/log.h"
#include "host/host.h"
#include "host/windows/listener.h"

#define QUEUE_MAX (64u << 10) /* bytes waiting */
#define LINE_MAX_BYTES (16u << 10)
#define NAME_WAIT_MS 2000 /* for a shim of the same name that is just ending */
#define NAP_MS 20
#define WAITING_INSTANCES 2

struct line {
  struct line *next;
  size_t length;
  char text[];
};

struct log_pipe;

struct reader { /* one connection; its write may outlast its place in the log */
  uv_write_t write;
  uv_stream_t *stream;
  struct log_pipe *log; /* NULL: another one came, or the log is closed */
  struct line *sent;    /* on its way; owned. NULL: none */
  struct line *rest;    /* of a closed log: what goes after it; owned */
};

static struct log_pipe {
  struct hp_listener *listener;
  uv_async_t wake;
  struct reader *reader; /* NULL: nobody reads */
  char waste[64];        /* what a reader sends; it should not */

  uv_mutex_t lock; /* guards the queue */
  struct line *first, *last;
  size_t bytes;
  unsigned long dropped;
} * sink;

/* ---- the queue --------------------------------------------------------------- */

static struct line *take_first(struct log_pipe *log) {
  struct line *line = log->first;
  if (!line)
    return NULL;
  log->first = line->next;
  if (!log->first)
    log->last = NULL;
  log->bytes -= line->length;
  line->next = NULL;
  return line;
}

static void drop_oldest(struct log_pipe *log) {
  free(take_first(log));
  log->dropped++;
}

/* For a reader that went before it had it all: the next one gets it whole. */
static void put_back(struct log_pipe *log, struct line *line) {
  uv_mutex_lock(&log->lock);
  line->next = log->first;
  log->first = line;
  if (!log->last)
    log->last = line;
  log->bytes += line->length;
  uv_mutex_unlock(&log->lock);
}

static void take_line(void *arg, const char *text, size_t length) {
  struct log_pipe *log = arg;
  bool cut = length > LINE_MAX_BYTES;
  if (cut)
    length = LINE_MAX_BYTES;
  struct line *line = hp_alloc(sizeof *line + length);
  memcpy(line->text, text, length);
  line->length = length;
  if (cut)
    line->text[length - 1] = '\n';

  uv_mutex_lock(&log->lock);
  while (log->first && log->bytes + length > QUEUE_MAX)
    drop_oldest(log);
  if (log->last)
    log->last->next = line;
  else
    log->first = line;
  log->last = line;
  log->bytes += length;
  uv_mutex_unlock(&log->lock);
  uv_async_send(&log->wake);
}

/* ---- the reader ---------------------------------------------------------------- */

static void free_reader(uv_handle_t *stream) {
  struct reader *reader = stream->data;
  free(reader->sent);
  free(reader->rest);
  free(reader);
  free(stream);
}

static void leave(struct reader *reader) {
  struct log_pipe *log = reader->log;
  if (!log)
    return;
  reader->log = NULL;
  log->reader = NULL;
  if (reader->sent) { /* the system may still read it: the next reader gets a copy */
    struct line *copy = hp_alloc(sizeof *copy + reader->sent->length);
    memcpy(copy->text, reader->sent->text, reader->sent->length);
    copy->length = reader->sent->length;
    put_back(log, copy);
  }
  uv_close((uv_handle_t *)reader->stream, free_reader);
}

static void send_next(struct log_pipe *log);
static void send_rest(struct reader *reader);

static void on_written(uv_write_t *write, int status) {
  struct reader *reader = write->data;
  if (status == 0 || !reader->log) {
    free(reader->sent);
    reader->sent = NULL;
  }
  if (!reader->log)
    send_rest(reader);
  else if (status != 0)
    leave(reader);
  else
    send_next(reader->log);
}

static int write_sent(struct reader *reader) {
  uv_buf_t buffer = uv_buf_init(reader->sent->text, (unsigned)reader->sent->length);
  reader->write.data = reader;
  return uv_write(&reader->write, reader->stream, &buffer, 1, on_written);
}

/* Of a log that is closed, or has another reader by now. */
static void send_rest(struct reader *reader) {
  if (uv_is_closing((uv_handle_t *)reader->stream))
    return;
  reader->sent = reader->rest;
  reader->rest = NULL;
  if (!reader->sent || write_sent(reader) != 0)
    uv_close((uv_handle_t *)reader->stream, free_reader);
}

static void send_next(struct log_pipe *log) {
  struct reader *reader = log->reader;
  if (!reader || reader->sent)
    return;
  uv_mutex_lock(&log->lock);
  reader->sent = take_first(log);
  unsigned long dropped = reader->sent ? 0 : log->dropped;
  log->dropped -= dropped;
  uv_mutex_unlock(&log->lock);
  if (dropped > 0)
    hp_log(HP_LOG_WARNING, NULL, "dropped %lu log lines that containerd did not read in time", dropped);
  if (reader->sent && write_sent(reader) != 0)
    leave(reader);
}

static void give_waste(uv_handle_t *stream, size_t suggested, uv_buf_t *buffer) {
  const struct reader *reader = stream->data;
  (void)suggested;
  *buffer = reader->log ? uv_buf_init(reader->log->waste, sizeof reader->log->waste) : uv_buf_init(NULL, 0);
}

/* Reading is how its end is noticed while nothing is written. */
static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
  (void)buffer;
  if (got < 0)
    leave(stream->data);
}

static void on_accepted(void *arg, uv_stream_t *stream) {
  struct log_pipe *log = arg;
  if (log->reader)
    leave(log->reader);
  struct reader *reader = hp_alloc(sizeof *reader);
  *reader = (struct reader){.stream = stream, .log = log};
  stream->data = reader;
  log->reader = reader;
  uv_unref((uv_handle_t *)stream);
  if (uv_read_start(stream, give_waste, on_read) != 0)
    leave(reader);
  else
    send_next(log);
}

static void on_wake(uv_async_t *wake) {
  send_next(wake->data);
}

/* ---- open and close -------------------------------------------------------------- */

static int serve(struct log_pipe *log, const char *name, uv_loop_t *loop, struct hp_error *err) {
  uint64_t give_up = GetTickCount64() + NAME_WAIT_MS;
  while (hp_listener_open(name, WAITING_INSTANCES, loop, on_accepted, log, &log->listener, err) != 0) {
    if (err->code != HP_ALREADY_EXISTS || GetTickCount64() > give_up)
      return hp_error_wrap(err, "the log");
    hp_error_clear(err);
    Sleep(NAP_MS);
  }
  hp_listener_unref(log->listener);
  return 0;
}

int host_log_open(const char *bundle, const char *namespace_name, const char *id, uv_loop_t *loop,
                  struct hp_error *err) {
  (void)bundle; /* Linux has its FIFO there */
  struct log_pipe *log = hp_alloc(sizeof *log);
  char *name = hp_printf("\\\\.\\pipe\\containerd-shim-%s-%s-log", namespace_name, id);
  int status = serve(log, name, loop, err);
  free(name);
  if (status != 0) {
    free(log);
    return -1;
  }
  uv_mutex_init(&log->lock);
  uv_async_init(loop, &log->wake, on_wake);
  log->wake.data = log;
  uv_unref((uv_handle_t *)&log->wake);
  sink = log;
  hp_log_set_sink(take_line, log);
  return 0;
}

static void free_log(uv_handle_t *wake) {
  struct log_pipe *log = wake->data;
  while (log->first)
    free(take_first(log));
  uv_mutex_destroy(&log->lock);
  free(log);
}

/* Everything that waits goes out as one line, after which the connection closes
 * itself; the loop runs until then. */
static void say_last_words(struct log_pipe *log) {
  struct reader *reader = log->reader;
  struct line *rest = hp_alloc(sizeof *rest + log->bytes), *line;
  while ((line = take_first(log)) != NULL) {
    memcpy(rest->text + rest->length, line->text, line->length);
    rest->length += line->length;
    free(line);
  }
  if (rest->length > 0)
    reader->rest = rest;
  else
    free(rest);
  uv_read_stop(reader->stream);
  uv_ref((uv_handle_t *)reader->stream);
  reader->log = NULL;
  log->reader = NULL;
  if (!reader->sent)
    send_rest(reader);
}

void host_log_close(void) {
  struct log_pipe *log = sink;
  sink = NULL;
  hp_log_set_sink(NULL, NULL);
  if (!log)
    return;
  hp_listener_close(log->listener);
  if (log->reader)
    say_last_words(log);
  uv_close((uv_handle_t *)&log->wake, free_log);
}
