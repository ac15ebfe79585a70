/* A logging program for the tests: appends what it reads at descriptor 3 to
 * FILE.out and at 4 to FILE.err, and its arguments and environment to FILE.args.
 *
 *   logger_program file FILE [mode MODE]
 *
 * MODE: ready (default; closes 5), byte (writes a byte to 5), fail (ends with
 * status 3 before it is ready), mute (never gets ready), quit (gets ready and
 * ends at once), stubborn (ignores SIGTERM and never ends), leave (leaves a copy of
 * itself behind, which is as ready is), desert (the same, and it soon ends). */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int open_part(const char *file, const char *part) {
  char path[4200];
  snprintf(path, sizeof path, "%s.%s", file, part);
  return open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static void write_arguments(int fd, char **argv) {
  for (char **arg = argv + 1; *arg; arg++)
    dprintf(fd, "[%s]", *arg);
  for (char **entry = environ; *entry; entry++)
    dprintf(fd, "\n%s", *entry);
  dprintf(fd, "\n");
}

/* Descriptors that are there although nobody gave them. */
static void write_leaks(int fd) {
  for (int other = 6; other < 256; other++)
    if (other != fd && fcntl(other, F_GETFD) >= 0)
      dprintf(fd, "leak %d\n", other);
}

static void collect(const int to[2]) {
  struct pollfd streams[2] = {{.fd = 3, .events = POLLIN}, {.fd = 4, .events = POLLIN}};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    if (poll(streams, 2, -1) < 0)
      continue;
    for (int i = 0; i < 2; i++) {
      char buffer[4096];
      if (streams[i].fd < 0 || streams[i].revents == 0)
        continue;
      ssize_t got = read(streams[i].fd, buffer, sizeof buffer);
      if (got <= 0)
        streams[i].fd = -1;
      else if (write(to[i], buffer, (size_t)got) != got)
        return;
    }
  }
}

int main(int argc, char **argv) {
  const char *file = "", *mode = "ready";
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "file") == 0)
      file = argv[i + 1];
    if (strcmp(argv[i], "mode") == 0)
      mode = argv[i + 1];
  }
  if (strcmp(mode, "fail") == 0)
    return 3;
  int args = open_part(file, "args");
  write_arguments(args, argv);
  write_leaks(args);
  close(args);
  if (strcmp(mode, "stubborn") == 0)
    signal(SIGTERM, SIG_IGN);
  if (strcmp(mode, "mute") == 0)
    for (;;)
      pause();
  if (strcmp(mode, "byte") == 0 && write(5, "r", 1) != 1)
    return 4;
  bool leaves = strcmp(mode, "leave") == 0, deserts = strcmp(mode, "desert") == 0;
  if ((leaves || deserts) && fork() != 0)
    return 0;
  close(5);
  if (deserts || strcmp(mode, "quit") == 0) {
    usleep(200000);
    return 0;
  }
  const int to[2] = {open_part(file, "out"), open_part(file, "err")};
  collect(to);
  if (strcmp(mode, "stubborn") == 0)
    for (;;)
      pause();
  return 0;
}
