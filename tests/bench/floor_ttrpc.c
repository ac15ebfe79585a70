/* The least a ttrpc server does for a request, one connection at a time: wait,
 * read, write. It echoes the payload of whatever it is asked: floor_ttrpc PATH. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ttrpc/envelope.h"
#include "ttrpc/frame.h"

static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || strlen(path) >= sizeof address.sun_path)
    return -1;
  memcpy(address.sun_path, path, strlen(path) + 1);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0)
    return fd;
  close(fd);
  return -1;
}

static int answer(int fd, const struct ttrpc_frame *frame) {
  uint8_t out[4096];
  struct ttrpc_request request;
  if (!frame->data || !ttrpc_request_decode(frame->data, frame->length, &request))
    return -1;
  const struct ttrpc_answer echo = {.payload = request.payload};
  size_t length = ttrpc_answer_size(&echo);
  if (length > sizeof out - TTRPC_HEADER_SIZE)
    return -1;
  ttrpc_frame_write_header(out, (uint32_t)length, frame->stream, TTRPC_RESPONSE, 0);
  uint8_t *payload = ttrpc_answer_write(&echo, out + TTRPC_HEADER_SIZE);
  memcpy(payload, request.payload.data, request.payload.length);
  size_t whole = TTRPC_HEADER_SIZE + length;
  return write(fd, out, whole) == (ssize_t)whole ? 0 : -1;
}

static void serve(int fd) {
  struct ttrpc_reader reader = {0};
  struct ttrpc_frame frame;
  struct epoll_event event = {.events = EPOLLIN};
  int wait = epoll_create1(EPOLL_CLOEXEC);
  bool alive = wait >= 0 && epoll_ctl(wait, EPOLL_CTL_ADD, fd, &event) == 0;
  while (alive && epoll_wait(wait, &event, 1, -1) == 1) {
    size_t length;
    uint8_t *space = ttrpc_reader_space(&reader, &length);
    ssize_t got = read(fd, space, length);
    if (got <= 0)
      break;
    ttrpc_reader_filled(&reader, (size_t)got);
    while (alive && ttrpc_reader_next(&reader, &frame) == TTRPC_NEXT_FRAME)
      alive = answer(fd, &frame) == 0;
    ttrpc_reader_settle(&reader);
  }
  ttrpc_reader_clear(&reader);
  close(wait);
}

int main(int argc, char **argv) {
  int listener = argc == 2 ? listen_at(argv[1]) : -1;
  if (listener < 0) {
    perror("floor_ttrpc");
    return EXIT_FAILURE;
  }
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd))
    serve(fd);
  return EXIT_FAILURE;
}
