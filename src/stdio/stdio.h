/* The streams of one process: what containerd named in Create or Exec on one
 * side, the child's three ends on the other, and the rules between them
 * (protocol.md, "Stdio"; docs/architecture.md, decision 5).
 *
 * Direct: a FIFO or file is handed to the child itself; nothing is copied. We
 * keep a read end of an output FIFO until hp_stdio_close (no SIGPIPE when the
 * reader goes, what was written stays readable) and a write end of the input
 * FIFO until CloseIO (a writer that detaches is not end of input).
 * Relayed: terminals, and the outputs of an exec that go to a FIFO (a
 * grandchild may outlive its exec and must not hold up its end of file).
 *
 * On Windows only a file is handed out: writes to a pipe whose reader has gone
 * fail, so all else is relayed, and the end of the input pipe is end of input. */
#ifndef HP_STDIO_STDIO_H
#define HP_STDIO_STDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/error.h"
#include "host/host.h"

struct hp_stdio;

struct hp_stdio_request {
  const char *namespace_name, *container_id; /* a logging program's environment */
  const char *in, *out, *err;                /* path, URI, or NULL/"": the null device */
  bool terminal;
  bool exec; /* of an exec, not of init */
};

/* (pool) Opens everything, starts the logging program and waits until it is
 * ready. On failure nothing stays open or running. */
int hp_stdio_open(const struct hp_stdio_request *request, struct hp_stdio **stdio, struct hp_error *err);

/* (any) What host_spawn wants; not inheritable on Windows, stdout and stderr may be one handle. */
void hp_stdio_ends(const struct hp_stdio *stdio, host_handle ends[3]);

/* (loop) The process runs: the child's ends are closed here, relays start.
 * terminal is owned from now on. */
void hp_stdio_attach(struct hp_stdio *stdio, uv_loop_t *loop, host_handle terminal);

/* (loop) The process has exited. `drained` is called once, perhaps at once:
 * everything it wrote is with the reader or in its FIFO, or no reader took a
 * byte for 10 s, or the reader is gone; or a grandchild kept the stream for
 * another 5 s (init) or 1 s (exec). Our writing ends are closed by then. */
void hp_stdio_drain(struct hp_stdio *stdio, void (*drained)(void *arg), void *arg);

/* (loop) CloseIO: the process reads end of file once it has read what is there. Idempotent. */
void hp_stdio_close_stdin(struct hp_stdio *stdio);

/* (loop) FailedPrecondition without a terminal. Before attach the size is kept. */
int hp_stdio_resize(struct hp_stdio *stdio, unsigned columns, unsigned rows, struct hp_error *err);

/* (loop) Closes every end, stops the logging program (end of file; 2 s; SIGTERM;
 * 12 s; SIGKILL) without waiting for it, and frees. Before attach too, and NULL
 * is fine. */
void hp_stdio_close(struct hp_stdio *stdio, uv_loop_t *loop);

#endif
