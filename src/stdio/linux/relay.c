/* How a relay moves bytes. Large pieces go from pipe to pipe by splice(2). Small
 * ones are copied: a splice would take one of the FIFO's sixteen slots for each,
 * and sixteen short lines would fill a FIFO that nobody reads yet; write(2) joins
 * them. Terminals are copied always.
 *
 * A relay waits for one side at a time: for the source while it is empty, for
 * the sink while that is full; so one that is stuck costs nothing. */
#include "stdio/linux/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/memory.h"
#include "stdio/linux/fifo.h"

#define COPY_MAX 4096 /* PIPE_BUF: a non-blocking write of it is whole or refused */
#define SPLICE_MIN 16384
#define SPLICE_MAX (1u << 20)
#define TURN_MAX (1u << 20) /* bytes before the loop gets its turn */
#define TICK_MS 250
#define STALL_MS 10000
#define END_OF_TRANSMISSION '\004'

struct hp_relay {
  uv_loop_t *loop;
  enum hp_relay_kind kind;
  struct hp_relay_ends ends;
  void (*ended)(void *arg);
  void *arg;

  uv_poll_t source_poll, sink_poll;
  uv_timer_t timer;
  bool has_source_poll, has_sink_poll, has_timer; /* initialised */
  unsigned open;                                  /* handles not yet closed */
  bool over, closed;

  char *waiting; /* read and not yet taken by the sink; NULL: nothing */
  size_t waiting_length;
  char last; /* byte that went to a terminal */
  bool end_typed;

  bool draining, settled; /* settled: what was written before the exit has moved */
  bool pipe_source;
  uint64_t pending;             /* bytes written before the exit and not moved yet */
  uint64_t drain_end, moved_at; /* uv_now() */
};

static void pump(struct hp_relay *relay);

/* ---- ends ------------------------------------------------------------------ */

static void on_handle_closed(uv_handle_t *handle) {
  struct hp_relay *relay = handle->data;
  if (--relay->open == 0 && relay->closed)
    free(relay);
}

static void close_fd(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

static void close_handle(uv_handle_t *handle, bool *has) {
  if (*has)
    uv_close(handle, on_handle_closed);
  *has = false;
}

static void close_ends(struct hp_relay *relay) {
  close_handle((uv_handle_t *)&relay->source_poll, &relay->has_source_poll);
  close_handle((uv_handle_t *)&relay->sink_poll, &relay->has_sink_poll);
  close_handle((uv_handle_t *)&relay->timer, &relay->has_timer);
  close_fd(&relay->ends.source);
  close_fd(&relay->ends.sink);
  free(relay->waiting);
  relay->waiting = NULL;
}

static void end(struct hp_relay *relay) {
  relay->over = true;
  close_ends(relay);
  void (*ended)(void *arg) = relay->ended;
  relay->ended = NULL;
  if (ended)
    ended(relay->arg);
}

/* ---- waiting ---------------------------------------------------------------- */

static void on_source(uv_poll_t *poll, int status, int events) {
  (void)status; /* the next read says it better */
  (void)events;
  pump(poll->data);
}

static void on_sink(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  pump(poll->data);
}

static void wait_for_source(struct hp_relay *relay) {
  if (relay->has_sink_poll)
    uv_poll_stop(&relay->sink_poll);
  if (uv_poll_start(&relay->source_poll, UV_READABLE, on_source) != 0)
    end(relay);
}

static void wait_for_sink(struct hp_relay *relay) {
  uv_poll_stop(&relay->source_poll);
  if (!relay->has_sink_poll) {
    if (uv_poll_init(relay->loop, &relay->sink_poll, relay->ends.sink) != 0) {
      end(relay);
      return;
    }
    relay->sink_poll.data = relay;
    relay->has_sink_poll = true;
    relay->open++;
  }
  if (uv_poll_start(&relay->sink_poll, UV_WRITABLE, on_sink) != 0)
    end(relay);
}

/* ---- moving ------------------------------------------------------------------- */

enum outcome { MOVED, SOURCE_EMPTY, SINK_FULL, SINK_GONE, SOURCE_ENDED };

static void note_moved(struct hp_relay *relay, size_t count) {
  relay->moved_at = uv_now(relay->loop);
  relay->pending -= count < relay->pending ? count : relay->pending;
  if (relay->draining && relay->pipe_source && relay->pending == 0)
    relay->settled = true;
}

/* Nobody takes what the process writes: it must neither block nor die of it. */
static void sink_is_gone(struct hp_relay *relay) {
  free(relay->waiting);
  relay->waiting = NULL;
  close_handle((uv_handle_t *)&relay->sink_poll, &relay->has_sink_poll);
  close_fd(&relay->ends.sink);
  relay->kind = HP_RELAY_DISCARD;
}

static enum outcome offer(struct hp_relay *relay, const char *data, size_t length) {
  size_t offset = 0;
  while (offset < length) {
    ssize_t written = relay->kind == HP_RELAY_DISCARD
                          ? (ssize_t)(length - offset)
                          : write(relay->ends.sink, data + offset, length - offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0 && errno != EAGAIN)
      return SINK_GONE;
    if (written <= 0)
      break;
    offset += (size_t)written;
    note_moved(relay, (size_t)written);
    relay->last = data[offset - 1];
  }
  if (offset == length) {
    free(relay->waiting);
    relay->waiting = NULL;
    return MOVED;
  }
  char *rest = hp_alloc(length - offset);
  memcpy(rest, data + offset, length - offset);
  free(relay->waiting);
  relay->waiting = rest;
  relay->waiting_length = length - offset;
  return SINK_FULL;
}

/* The input FIFO has ended (CloseIO): a terminal's end of file is typed, twice
 * where a line is unfinished, for the first then only sends the line. */
static enum outcome type_end(struct hp_relay *relay) {
  static const char twice[] = {END_OF_TRANSMISSION, END_OF_TRANSMISSION};
  if (relay->end_typed)
    return SOURCE_ENDED;
  relay->end_typed = true;
  bool line_sent = relay->last == '\n' || relay->last == '\0' || relay->last == END_OF_TRANSMISSION;
  enum outcome outcome = offer(relay, twice, line_sent ? 1 : 2);
  return outcome == MOVED ? SOURCE_ENDED : outcome;
}

static enum outcome copy(struct hp_relay *relay, size_t *count) {
  char buffer[COPY_MAX];
  ssize_t got = read(relay->ends.source, buffer, sizeof buffer);
  if (got < 0 && errno == EINTR)
    return MOVED;
  if (got < 0 && errno == EAGAIN)
    return SOURCE_EMPTY;
  if (got <= 0) /* EIO: the last process left the terminal */
    return got == 0 && relay->kind == HP_RELAY_INPUT ? type_end(relay) : SOURCE_ENDED;
  *count += (size_t)got;
  return offer(relay, buffer, (size_t)got);
}

static enum outcome move(struct hp_relay *relay, size_t *count) {
  int available = 0;
  if (!relay->pipe_source || relay->kind != HP_RELAY_OUTPUT ||
      ioctl(relay->ends.source, FIONREAD, &available) != 0 || available < SPLICE_MIN)
    return copy(relay, count);
  ssize_t moved =
      splice(relay->ends.source, NULL, relay->ends.sink, NULL, SPLICE_MAX, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (moved < 0 && errno == EINTR)
    return MOVED;
  if (moved < 0 && errno == EAGAIN)
    return SINK_FULL; /* the source is not empty, we have just seen */
  if (moved < 0 && errno == EINVAL)
    return copy(relay, count); /* a sink that cannot be spliced to, an appended file for one */
  if (moved < 0)
    return SINK_GONE;
  *count += (size_t)moved;
  note_moved(relay, (size_t)moved);
  return MOVED;
}

static void pump(struct hp_relay *relay) {
  size_t count = 0;
  while (!relay->over && count < TURN_MAX) {
    enum outcome outcome =
        relay->waiting ? offer(relay, relay->waiting, relay->waiting_length) : move(relay, &count);
    switch (outcome) {
    case MOVED:
      break;
    case SOURCE_EMPTY:
      relay->settled = relay->draining;
      wait_for_source(relay);
      return;
    case SINK_FULL:
      wait_for_sink(relay);
      return;
    case SINK_GONE:
      if (relay->draining || relay->kind == HP_RELAY_INPUT)
        end(relay);
      else
        sink_is_gone(relay);
      break;
    case SOURCE_ENDED:
      end(relay);
      break;
    }
  }
  if (!relay->over)
    wait_for_source(relay); /* level-triggered: goes on at once after its turn */
}

/* ---- draining -------------------------------------------------------------------- */

/* What was written stays while the question is asked, as we hold the writing end. */
static bool reader_is_gone(struct hp_relay *relay) {
  bool full = relay->has_sink_poll && uv_is_active((uv_handle_t *)&relay->sink_poll);
  if (relay->ends.keeper < 0 || !full)
    return false;
  struct hp_fifo fifo = {.reader = relay->ends.keeper, .writer = relay->ends.sink};
  bool gone = !hp_fifo_has_reader(&fifo);
  relay->ends.keeper = fifo.reader;
  return gone;
}

static bool drain_is_over(struct hp_relay *relay) {
  uint64_t now = uv_now(relay->loop);
  if (relay->settled)
    return now >= relay->drain_end;
  return now - relay->moved_at >= STALL_MS || reader_is_gone(relay);
}

static void on_tick(uv_timer_t *timer) {
  struct hp_relay *relay = timer->data;
  if (drain_is_over(relay))
    end(relay);
}

void hp_relay_drain(struct hp_relay *relay, uint64_t grace_ms) {
  if (relay->over || relay->draining)
    return;
  uv_update_time(relay->loop);
  relay->draining = true;
  relay->moved_at = uv_now(relay->loop);
  relay->drain_end = relay->moved_at + grace_ms;
  int available = 0;
  if (relay->pipe_source && ioctl(relay->ends.source, FIONREAD, &available) == 0 && available > 0)
    relay->pending = (uint64_t)available;
  relay->pending += relay->waiting ? relay->waiting_length : 0;
  pump(relay);
  if (relay->over)
    return;
  if (drain_is_over(relay)) {
    end(relay);
    return;
  }
  uv_timer_init(relay->loop, &relay->timer);
  relay->timer.data = relay;
  relay->has_timer = true;
  relay->open++;
  uv_timer_start(&relay->timer, on_tick, grace_ms < TICK_MS ? grace_ms : TICK_MS, TICK_MS);
}

/* ---- life ---------------------------------------------------------------------------- */

struct hp_relay *hp_relay_start(uv_loop_t *loop, enum hp_relay_kind kind, const struct hp_relay_ends *ends,
                                void (*ended)(void *arg), void *arg) {
  struct hp_relay *relay = hp_alloc(sizeof *relay);
  relay->loop = loop;
  relay->kind = kind;
  relay->ends = *ends;
  relay->ended = ended;
  relay->arg = arg;
  relay->pipe_source = fcntl(ends->source, F_GETPIPE_SZ) > 0;
  if (uv_poll_init(loop, &relay->source_poll, ends->source) != 0) {
    relay->ended = NULL;
    hp_relay_close(relay);
    return NULL;
  }
  relay->source_poll.data = relay;
  relay->has_source_poll = true;
  relay->open = 1;
  wait_for_source(relay);
  return relay;
}

size_t hp_relay_unread(const struct hp_relay *relay) {
  int unread = 0;
  if (relay->ends.keeper < 0 || ioctl(relay->ends.keeper, FIONREAD, &unread) != 0)
    return 0;
  return (size_t)unread;
}

void hp_relay_close(struct hp_relay *relay) {
  if (!relay)
    return;
  relay->ended = NULL;
  relay->over = relay->closed = true;
  close_ends(relay);
  close_fd(&relay->ends.keeper);
  if (relay->open == 0)
    free(relay);
}
