#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "support.h"

struct unit_end {
  int fd; /* non-blocking */
};

/* Check gives a test four seconds unless told otherwise; a loaded machine needs
 * more. It looks when a test case is made: before main. */
__attribute__((constructor)) static void be_patient(void) {
  setenv("CK_DEFAULT_TIMEOUT", "60", 0);
}

int hp_run_suite_or_daemon(Suite *suite, int argc, char **argv, host_daemon_main main_of_daemon) {
  (void)argc;
  (void)argv;
  (void)main_of_daemon; /* a daemon is forked */
  return hp_run_suite(suite);
}

bool unit_replaces_open_files(void) {
  return true;
}

void unit_ignore_broken_pipes(void) {
  signal(SIGPIPE, SIG_IGN);
}

void unit_end_daemon(uint32_t pid) {
  kill((pid_t)pid, SIGKILL);
  waitpid((pid_t)pid, NULL, 0);
}

char *unit_address(const char *directory) {
  return hp_printf("%s/s", directory);
}

char *unit_address_as_url(const char *address) {
  return hp_printf("unix://%s", address);
}

static uv_stream_t *open_stream(uv_loop_t *loop, int fd) {
  uv_pipe_t *pipe = hp_alloc(sizeof *pipe);
  ck_assert_int_eq(uv_pipe_init(loop, pipe, 0), 0);
  ck_assert_int_eq(uv_pipe_open(pipe, fd), 0);
  return (uv_stream_t *)pipe;
}

static void connect_sockets(int fds[2]) {
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}

void unit_stream_pair(uv_loop_t *loop, uv_stream_t *ends[2]) {
  int fds[2];
  connect_sockets(fds);
  for (int i = 0; i < 2; i++)
    ends[i] = open_stream(loop, fds[i]);
}

uv_stream_t *unit_connect(uv_loop_t *loop, struct unit_end **end) {
  int fds[2];
  connect_sockets(fds);
  *end = hp_alloc(sizeof **end);
  (*end)->fd = fds[1];
  return open_stream(loop, fds[0]);
}

ptrdiff_t unit_end_write(struct unit_end *end, const void *data, size_t length) {
  ssize_t written = write(end->fd, data, length);
  return written < 0 && errno == EAGAIN ? 0 : written;
}

ptrdiff_t unit_end_read(struct unit_end *end, void *data, size_t length) {
  ssize_t got = read(end->fd, data, length);
  if (got < 0 && errno == EAGAIN)
    return 0;
  return got > 0 ? got : -1;
}

bool unit_end_flushed(struct unit_end *end) {
  (void)end;
  return true;
}

bool unit_end_closed(struct unit_end *end) {
  char byte;
  ssize_t count = recv(end->fd, &byte, 1, MSG_PEEK);
  return count == 0 || (count < 0 && errno != EAGAIN);
}

void unit_end_free(struct unit_end *end) {
  if (!end)
    return;
  close(end->fd);
  free(end);
}
