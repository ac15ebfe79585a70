#include "ttrpc/hangup.h"

#if defined(_WIN32)

struct ttrpc_hangup *ttrpc_hangup_watch(uv_stream_t *stream, void (*gone)(void *arg), void *arg) {
  (void)stream;
  (void)gone;
  (void)arg;
  return NULL;
}

void ttrpc_hangup_stop(struct ttrpc_hangup *hangup) {
  (void)hangup;
}

#else

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

struct ttrpc_hangup {
  uv_poll_t poll;
  int fd; /* a duplicate: libuv allows one watcher a descriptor, and that is the stream's */
  void (*gone)(void *arg);
  void *arg;
};

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct ttrpc_hangup *hangup = poll->data;
  if (status == 0 && !(events & UV_DISCONNECT))
    return;
  uv_poll_stop(poll);
  hangup->gone(hangup->arg);
}

static void on_closed(uv_handle_t *handle) {
  struct ttrpc_hangup *hangup = handle->data;
  close(hangup->fd);
  free(hangup);
}

struct ttrpc_hangup *ttrpc_hangup_watch(uv_stream_t *stream, void (*gone)(void *arg), void *arg) {
  uv_os_fd_t original;
  if (uv_fileno((const uv_handle_t *)stream, &original) != 0)
    return NULL;
  int fd = fcntl(original, F_DUPFD_CLOEXEC, 0);
  if (fd < 0)
    return NULL;
  struct ttrpc_hangup *hangup = hp_alloc(sizeof *hangup);
  *hangup = (struct ttrpc_hangup){.fd = fd, .gone = gone, .arg = arg};
  if (uv_poll_init(stream->loop, &hangup->poll, fd) != 0) {
    close(fd);
    free(hangup);
    return NULL;
  }
  hangup->poll.data = hangup;
  uv_poll_start(&hangup->poll, UV_DISCONNECT, on_poll);
  return hangup;
}

void ttrpc_hangup_stop(struct ttrpc_hangup *hangup) {
  if (hangup)
    uv_close((uv_handle_t *)&hangup->poll, on_closed);
}

#endif
