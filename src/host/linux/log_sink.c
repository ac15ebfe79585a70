/* containerd's log FIFO. Lines wait in a bounded queue, since a full pipe or a
 * reader that is away must never hold up the shim, and are written from the
 * loop; while they cannot be, a timer tries again. Nothing runs when all is
 * written. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "host/host.h"

#define QUEUE_MAX (64u << 10) /* bytes waiting */
#define LINE_MAX_BYTES (16u << 10)
#define FULL_RETRY_MS 20  /* the pipe is full: the reader is slow */
#define AWAY_RETRY_MS 500 /* nobody reads: containerd restarts */

struct line {
  struct line *next;
  size_t length;
  char text[];
};

static struct log_sink {
  char *path;
  int fd; /* -1: no reader */
  uv_async_t wake;
  uv_timer_t retry;
  unsigned open_handles;

  uv_mutex_t lock; /* guards the queue */
  struct line *first, *last;
  size_t bytes;
  size_t written; /* of the first line: so much is in the pipe already */
  unsigned long dropped;
} * sink;

/* ---- the queue ------------------------------------------------------------- */

static void drop_oldest(struct log_sink *log) {
  /* A line that is partly in the pipe stays, or the reader would see two in one. */
  struct line **link = log->written > 0 ? &log->first->next : &log->first;
  struct line *victim = *link;
  *link = victim->next;
  if (log->last == victim)
    log->last = log->first;
  log->bytes -= victim->length;
  log->dropped++;
  free(victim);
}

static void take_line(void *arg, const char *text, size_t length) {
  struct log_sink *log = arg;
  bool cut = length > LINE_MAX_BYTES;
  if (cut)
    length = LINE_MAX_BYTES;
  struct line *line = hp_alloc(sizeof *line + length);
  memcpy(line->text, text, length);
  line->length = length;
  if (cut)
    line->text[length - 1] = '\n';

  uv_mutex_lock(&log->lock);
  while (log->bytes + length > QUEUE_MAX)
    drop_oldest(log);
  if (log->first)
    log->last->next = line;
  else
    log->first = line;
  log->last = line;
  log->bytes += length;
  uv_mutex_unlock(&log->lock);
  uv_async_send(&log->wake);
}

static void remove_first(struct log_sink *log) {
  struct line *line = log->first;
  log->first = line->next;
  if (!log->first)
    log->last = NULL;
  log->bytes -= line->length;
  log->written = 0;
  free(line);
}

/* ---- the pipe -------------------------------------------------------------- */

static int open_fifo(const char *path) {
  return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
}

static void lose_reader(struct log_sink *log) {
  if (log->fd >= 0)
    close(log->fd);
  log->fd = -1;
  log->written = 0; /* the next reader gets the line whole */
}

/* Writes what the pipe takes. 0: all is written; else when to try again, ms. */
static uint64_t write_lines(struct log_sink *log) {
  while (log->first) {
    if (log->fd < 0 && (log->fd = open_fifo(log->path)) < 0)
      return AWAY_RETRY_MS;
    const struct line *line = log->first;
    ssize_t bytes = write(log->fd, line->text + log->written, line->length - log->written);
    if (bytes < 0 && errno == EINTR)
      continue;
    if (bytes < 0 && errno == EAGAIN)
      return FULL_RETRY_MS;
    if (bytes < 0) {
      lose_reader(log);
      return AWAY_RETRY_MS;
    }
    log->written += (size_t)bytes;
    if (log->written == line->length)
      remove_first(log);
  }
  return 0;
}

static void on_wake(uv_async_t *wake);

static void on_retry(uv_timer_t *timer) {
  on_wake(&((struct log_sink *)timer->data)->wake);
}

static void on_wake(uv_async_t *wake) {
  struct log_sink *log = wake->data;
  uv_mutex_lock(&log->lock);
  uint64_t again = write_lines(log);
  unsigned long dropped = again == 0 ? log->dropped : 0;
  log->dropped -= dropped;
  uv_mutex_unlock(&log->lock);
  if (again > 0)
    uv_timer_start(&log->retry, on_retry, again, 0);
  if (dropped > 0)
    hp_log(HP_LOG_WARNING, NULL, "dropped %lu log lines that containerd did not read in time", dropped);
}

/* ---- open and close -------------------------------------------------------- */

int host_log_open(const char *bundle, const char *namespace_name, const char *id, uv_loop_t *loop,
                  struct hp_error *err) {
  (void)namespace_name; /* Windows names its pipe by them */
  (void)id;
  char *path = hp_printf("%s/log", bundle);
  struct stat found;
  if (lstat(path, &found) != 0) {
    int reason = errno;
    if (reason == ENOENT)
      hp_log_set_sink(NULL, NULL); /* started by hand: nobody made one to read */
    else
      hp_error_set_os(err, reason, "cannot look at the log FIFO %s", path);
    free(path);
    return reason == ENOENT ? 0 : -1;
  }
  if (!S_ISFIFO(found.st_mode)) {
    hp_error_set(err, HP_FAILED_PRECONDITION,
                 "%s is not a FIFO: containerd makes one there before it starts the shim; remove it", path);
    free(path);
    return -1;
  }

  struct log_sink *log = hp_alloc(sizeof *log);
  log->path = path;
  log->fd = -1;
  int status = uv_mutex_init(&log->lock);
  if (status == 0 && (status = uv_async_init(loop, &log->wake, on_wake)) != 0)
    uv_mutex_destroy(&log->lock);
  if (status != 0) {
    free(path);
    free(log);
    return hp_error_set_os(err, -status, "cannot prepare the log");
  }
  uv_timer_init(loop, &log->retry);
  log->open_handles = 2;
  log->wake.data = log->retry.data = log;
  uv_unref((uv_handle_t *)&log->wake);
  uv_unref((uv_handle_t *)&log->retry);
  sink = log;
  hp_log_set_sink(take_line, log);
  return 0;
}

static void free_when_closed(uv_handle_t *handle) {
  struct log_sink *log = handle->data;
  if (--log->open_handles > 0)
    return;
  while (log->first)
    remove_first(log);
  uv_mutex_destroy(&log->lock);
  free(log->path);
  free(log);
}

void host_log_close(void) {
  struct log_sink *log = sink;
  sink = NULL;
  hp_log_set_sink(NULL, NULL);
  if (!log)
    return;
  write_lines(log); /* what the pipe takes; nobody waits for a reader any more */
  lose_reader(log);
  uv_close((uv_handle_t *)&log->wake, free_when_closed);
  uv_close((uv_handle_t *)&log->retry, free_when_closed);
}
