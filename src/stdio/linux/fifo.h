/* Opens what a path of a stream names: a FIFO's two ends, or a regular file.
 * All (pool): opening may touch a slow file system, but never waits for a peer. */
#ifndef HP_STDIO_LINUX_FIFO_H
#define HP_STDIO_LINUX_FIFO_H

#include <stdbool.h>

#include "base/error.h"

struct hp_fifo {
  bool file;  /* a regular file: only the end that was asked for is open */
  int reader; /* non-blocking; -1: none */
  int writer; /* non-blocking; -1: none */
};

/* Opens both ends of the FIFO at path, so that neither waits for the other and
 * neither misses the other; of a regular file the reading (input) or appending
 * end. Anything else is InvalidArgument. stream is "stdin", … for the message. */
int hp_fifo_open(const char *stream, const char *path, bool input, struct hp_fifo *fifo,
                 struct hp_error *err);

/* Whether somebody else reads the FIFO; needs both ends and replaces the reading
 * one. Who else writes meanwhile may meet a FIFO without reader. (any) */
bool hp_fifo_has_reader(struct hp_fifo *fifo);

/* Gives a client time (half a second) to open its end: it asks for the process
 * and opens the FIFO at once, in two threads, and one that opens after the last
 * writer has gone would wait for ever and miss what was written. */
void hp_fifo_await_reader(struct hp_fifo *fifo);

/* file://: appends; the file (0640) and its directories (0755) are made if missing. */
int hp_file_open(const char *stream, const char *path, int *fd, struct hp_error *err);

/* Clears O_NONBLOCK: a child expects blocking ends. */
int hp_fifo_set_blocking(int fd, struct hp_error *err);

#endif
