/* A client connection for the loop. The connect itself never blocks, so it is
 * done at once; its outcome is told from the loop, since a caller should not be
 * called back from inside its own call. */
#include <stdlib.h>
#include <unistd.h>

#include "host/host.h"
#include "host/linux/address.h"

struct attempt {
  uv_async_t wake;
  int fd;
  struct hp_error err;
  void (*connected)(void *arg, uv_stream_t *stream, const struct hp_error *err);
  void *arg;
};

static void free_attempt(uv_handle_t *handle) {
  struct attempt *attempt = handle->data;
  hp_error_clear(&attempt->err);
  free(attempt);
}

static void fail_after_close(uv_handle_t *pipe) {
  struct attempt *attempt = pipe->data;
  free(pipe);
  attempt->connected(attempt->arg, NULL, &attempt->err);
  uv_close((uv_handle_t *)&attempt->wake, free_attempt);
}

static void deliver(uv_async_t *wake) {
  struct attempt *attempt = wake->data;
  if (attempt->fd < 0) {
    attempt->connected(attempt->arg, NULL, &attempt->err);
    uv_close((uv_handle_t *)wake, free_attempt);
    return;
  }
  uv_pipe_t *pipe = hp_alloc(sizeof *pipe);
  uv_pipe_init(wake->loop, pipe, 0);
  int status = uv_pipe_open(pipe, attempt->fd);
  if (status != 0) {
    close(attempt->fd);
    hp_error_set_os(&attempt->err, -status, "cannot watch a connected socket");
    pipe->data = attempt;
    uv_close((uv_handle_t *)pipe, fail_after_close);
    return;
  }
  attempt->connected(attempt->arg, (uv_stream_t *)pipe, NULL);
  uv_close((uv_handle_t *)wake, free_attempt);
}

void host_connect(uv_loop_t *loop, const char *address,
                  void (*connected)(void *arg, uv_stream_t *stream, const struct hp_error *err), void *arg) {
  struct attempt *attempt = hp_alloc(sizeof *attempt);
  attempt->connected = connected;
  attempt->arg = arg;
  attempt->fd = hp_dial(address, &attempt->err);
  attempt->wake.data = attempt;
  if (uv_async_init(loop, &attempt->wake, deliver) != 0)
    abort(); /* only a loop that was never initialised has no wake-up of its own */
  uv_async_send(&attempt->wake);
}
