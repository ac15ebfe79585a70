/* A client connection for the loop. Opening a pipe never blocks; a server whose
 * instances are all taken, or that is just coming up, is tried again from the
 * loop, which also tells the outcome: a caller should not be called back from
 * inside its own call. */
#include <stdlib.h>
#include <windows.h>

#include "host/host.h"
#include "host/windows/pipe.h"

#define RETRY_MS 10
#define BUSY_WAIT_MS 5000  /* all instances are taken */
#define ABSENT_WAIT_MS 100 /* nobody serves: a server between two instances, or none */

struct attempt {
  uv_timer_t timer;
  uint64_t began; /* uv_now */
  char *name;
  struct hp_error err;
  uv_stream_t *stream;
  void (*connected)(void *arg, uv_stream_t *stream, const struct hp_error *err);
  void *arg;
};

static void deliver(uv_handle_t *timer) {
  struct attempt *attempt = timer->data;
  attempt->connected(attempt->arg, attempt->stream, attempt->stream ? NULL : &attempt->err);
  hp_error_clear(&attempt->err);
  free(attempt->name);
  free(attempt);
}

static bool worth_another_try(const struct attempt *attempt) {
  uint64_t waited = uv_now(attempt->timer.loop) - attempt->began;
  if (attempt->err.os_code == ERROR_PIPE_BUSY)
    return waited < BUSY_WAIT_MS;
  return attempt->err.os_code == ERROR_FILE_NOT_FOUND && waited < ABSENT_WAIT_MS;
}

static void try_once(uv_timer_t *timer) {
  struct attempt *attempt = timer->data;
  HANDLE pipe;
  hp_error_clear(&attempt->err);
  if (hp_pipe_dial_trusted(attempt->name, FILE_FLAG_OVERLAPPED, &pipe, &attempt->err) == 0) {
    attempt->stream = hp_pipe_stream(timer->loop, pipe, &attempt->err);
  } else if (worth_another_try(attempt)) {
    uv_timer_start(timer, try_once, RETRY_MS, 0);
    return;
  }
  uv_close((uv_handle_t *)timer, deliver);
}

static void give_up(uv_timer_t *timer) {
  uv_close((uv_handle_t *)timer, deliver);
}

void host_connect(uv_loop_t *loop, const char *address,
                  void (*connected)(void *arg, uv_stream_t *stream, const struct hp_error *err), void *arg) {
  struct attempt *attempt = hp_alloc(sizeof *attempt);
  attempt->connected = connected;
  attempt->arg = arg;
  attempt->name = hp_pipe_name(address, &attempt->err);
  attempt->began = uv_now(loop);
  uv_timer_init(loop, &attempt->timer);
  attempt->timer.data = attempt;
  uv_timer_start(&attempt->timer, attempt->name ? try_once : give_up, 0, 0);
}
