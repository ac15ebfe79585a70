/* Opens what a path of a stream names: a FIFO's two ends, or a regular file.
 * All (pool): opening may touch a slow file system, and waits for the reader of
 * an output half a second at most. */
#ifndef HP_STDIO_FIFO_H
#define HP_STDIO_FIFO_H

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

/* file://: appends; the file (0640) and its directories (0755) are made if missing. */
int hp_file_open(const char *stream, const char *path, int *fd, struct hp_error *err);

/* Clears O_NONBLOCK: a child expects blocking ends. */
int hp_fifo_set_blocking(int fd, struct hp_error *err);

#endif
