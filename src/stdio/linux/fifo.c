#include "stdio/linux/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

#define READER_WAIT_MS 500

/* Opens again what a descriptor refers to, whatever the path names by now. */
static int reopen(int fd, int flags) {
  char self[40];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  return open(self, flags | O_CLOEXEC);
}

int hp_fifo_open(const char *stream, const char *path, bool input, struct hp_fifo *fifo,
                 struct hp_error *err) {
  *fifo = (struct hp_fifo){.reader = -1, .writer = -1};
  /* Looked at before it is opened: opening a device can do things. */
  int at = open(path, O_PATH | O_CLOEXEC);
  if (at < 0)
    return hp_error_set_os(err, errno, "%s: cannot open %s", stream, path);
  int result = -1;
  struct stat status;
  if (fstat(at, &status) != 0) {
    hp_error_set_os(err, errno, "%s: cannot look at %s", stream, path);
    goto done;
  }
  fifo->file = S_ISREG(status.st_mode);
  if (!fifo->file && !S_ISFIFO(status.st_mode)) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s: %s is %s; a FIFO or a regular file is expected", stream, path,
                 S_ISDIR(status.st_mode) ? "a directory" : "a device or a socket");
    goto done;
  }
  /* The reader first: a writer that does not wait needs one. */
  if (!fifo->file || input)
    fifo->reader = reopen(at, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fifo->file || !input)
    fifo->writer = reopen(at, O_WRONLY | O_NONBLOCK | O_NOCTTY | (fifo->file ? O_APPEND : 0));
  bool failed = fifo->file ? fifo->reader < 0 && fifo->writer < 0 : fifo->reader < 0 || fifo->writer < 0;
  if (failed) {
    hp_error_set_os(err, errno, "%s: cannot open %s", stream, path);
    if (fifo->reader >= 0)
      close(fifo->reader);
    if (fifo->writer >= 0)
      close(fifo->writer);
    *fifo = (struct hp_fifo){.reader = -1, .writer = -1};
    goto done;
  }
  result = 0;
done:
  close(at);
  return result;
}

/* Our own reading end would hide the answer: it is put down for the moment of the
 * question. */
bool hp_fifo_has_reader(struct hp_fifo *fifo) {
  struct pollfd writer = {.fd = fifo->writer, .events = POLLOUT};
  close(fifo->reader);
  bool none = poll(&writer, 1, 0) == 1 && (writer.revents & POLLERR);
  fifo->reader = reopen(fifo->writer, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  return !none;
}

void hp_fifo_await_reader(struct hp_fifo *fifo) {
  for (int waited = 0; waited < READER_WAIT_MS && !hp_fifo_has_reader(fifo); waited++)
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static int make_parents(const char *path) {
  char *prefix = hp_strdup(path);
  int status = 0;
  for (char *slash = strchr(prefix + 1, '/'); slash && status == 0; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(prefix, 0755) != 0 && errno != EEXIST)
      status = -1;
    *slash = '/';
  }
  int saved = errno;
  free(prefix);
  errno = saved;
  return status;
}

int hp_file_open(const char *stream, const char *path, int *fd, struct hp_error *err) {
  if (make_parents(path) != 0)
    return hp_error_set_os(err, errno, "%s: cannot make the directories of %s", stream, path);
  /* O_NONBLOCK: should it be a FIFO after all, this must not wait. */
  int opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
  if (opened < 0 && errno != ENXIO) /* a FIFO without reader, a socket, a device that is away */
    return hp_error_set_os(err, errno, "%s: cannot open %s", stream, path);
  struct stat status;
  if (opened < 0 || fstat(opened, &status) != 0 || !S_ISREG(status.st_mode)) {
    if (opened >= 0)
      close(opened);
    return hp_error_set(err, HP_INVALID_ARGUMENT, "%s: %s is not a regular file", stream, path);
  }
  *fd = opened;
  return 0;
}

int hp_fifo_set_blocking(int fd, struct hp_error *err) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
    return hp_error_set_os(err, errno, "cannot make a stream's end blocking");
  return 0;
}
