/* Who gets which end (decision 5). A file is the child's own. Between the child
 * and a pipe of containerd, a logging program or a console stands a relay: the
 * reader of a pipe may vanish, and the child must not notice. */
#include "stdio/stdio.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/windows/console.h"
#include "host/windows/pipe_pair.h"
#include "stdio/endpoint.h"
#include "stdio/windows/logger.h"
#include "stdio/windows/open.h"
#include "stdio/windows/relay.h"

#define INIT_GRACE_MS 5000
#define EXEC_GRACE_MS 1000

struct output {
  struct hp_stdio *stdio;
  HANDLE child;  /* the child's end, until attach; NULL: the null device */
  HANDLE source; /* our end of its pipe, until attach; NULL: it has none */
  HANDLE sink;   /* where its bytes go, until attach; NULL: nowhere */
  bool file;     /* sink is a file */
  char *name;    /* of containerd's pipe */
  struct hp_relay *relay;
  bool relayed; /* and not ended */
};

struct hp_stdio {
  char *container_id;
  bool terminal, exec;
  bool one_output; /* stdout and stderr are the same: outputs[0] serves both */

  HANDLE input_child;  /* the child's end, until attach; NULL: the null device */
  HANDLE input_source; /* containerd's pipe, until attach */
  HANDLE input_sink;   /* our end of the child's pipe, until attach */
  bool input_closed;
  struct hp_relay *input_relay;
  struct output outputs[2];
  struct hp_logger *logger;

  uv_loop_t *loop;
  struct hp_console *console;
  unsigned columns, rows; /* of a resize before attach; 0: none */

  void (*drained)(void *arg);
  void *drained_arg;
};

static void close_handle(HANDLE *handle) {
  if (*handle)
    CloseHandle(*handle);
  *handle = NULL;
}

static HANDLE moved(HANDLE *handle) {
  HANDLE value = *handle;
  *handle = NULL;
  return value;
}

static struct hp_stdio *new_stdio(const struct hp_stdio_request *request) {
  struct hp_stdio *stdio = hp_alloc(sizeof *stdio);
  stdio->container_id = hp_strdup(request->container_id);
  stdio->terminal = request->terminal;
  stdio->exec = request->exec;
  for (size_t i = 0; i < 2; i++)
    stdio->outputs[i].stdio = stdio;
  return stdio;
}

static void free_stdio(struct hp_stdio *stdio) {
  close_handle(&stdio->input_child);
  close_handle(&stdio->input_source);
  close_handle(&stdio->input_sink);
  for (size_t i = 0; i < 2; i++) {
    close_handle(&stdio->outputs[i].child);
    close_handle(&stdio->outputs[i].source);
    close_handle(&stdio->outputs[i].sink);
    free(stdio->outputs[i].name);
  }
  hp_console_free(stdio->console);
  free(stdio->container_id);
  free(stdio);
}

/* ---- opening (pool) ------------------------------------------------------------ */

static int open_input(struct hp_stdio *stdio, const struct hp_endpoint *endpoint, struct hp_error *err) {
  switch (endpoint->kind) {
  case HP_ENDPOINT_NULL:
    return 0;
  case HP_ENDPOINT_PATH:
    if (hp_open_pipe("stdin", endpoint->path, &stdio->input_source, err) != 0)
      return -1;
    return stdio->terminal ? 0 : hp_pipe_pair(HP_PIPE_FROM_US, &stdio->input_sink, &stdio->input_child, err);
  case HP_ENDPOINT_FILE:
    if (stdio->terminal)
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "stdin: %s is a regular file; a terminal needs a named pipe", endpoint->path);
    return hp_open_file("stdin", endpoint->path, true, &stdio->input_child, err);
  case HP_ENDPOINT_BINARY:
  case HP_ENDPOINT_BINARY_V2:
    break;
  }
  return hp_error_set(err, HP_INVALID_ARGUMENT, "stdin: a logging program (%s) cannot be read from",
                      endpoint->path);
}

/* A terminal brings its own source. */
static int open_source(struct output *output, struct hp_error *err) {
  return output->stdio->terminal ? 0 : hp_pipe_pair(HP_PIPE_TO_US, &output->source, &output->child, err);
}

static int open_output(struct output *output, const char *stream, const struct hp_endpoint *endpoint,
                       struct hp_error *err) {
  switch (endpoint->kind) {
  case HP_ENDPOINT_NULL:
    return 0;
  case HP_ENDPOINT_FILE:
    output->file = output->stdio->terminal;
    return hp_open_file(stream, endpoint->path, false, output->file ? &output->sink : &output->child, err);
  case HP_ENDPOINT_PATH:
    if (hp_open_pipe(stream, endpoint->path, &output->sink, err) != 0)
      return -1;
    output->name = hp_strdup(endpoint->path);
    return open_source(output, err);
  case HP_ENDPOINT_BINARY:
  case HP_ENDPOINT_BINARY_V2:
    break;
  }
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "%s: a logging program (%s) serves both outputs and must be named as stdout", stream,
                      endpoint->path);
}

static int open_logger(struct hp_stdio *stdio, const struct hp_endpoint *endpoint,
                       const struct hp_stdio_request *request, struct hp_error *err) {
  HANDLE streams[2];
  for (size_t i = 0; i < 2; i++)
    if (open_source(&stdio->outputs[i], err) != 0)
      return -1;
  if (hp_logger_start(endpoint, request->namespace_name, request->container_id, streams, &stdio->logger,
                      err) != 0)
    return -1;
  stdio->outputs[0].sink = streams[0];
  stdio->outputs[1].sink = streams[1];
  if (stdio->terminal) /* it has one output: stderr is at its end */
    close_handle(&stdio->outputs[1].sink);
  return 0;
}

static bool is_same(const struct hp_endpoint *a, const struct hp_endpoint *b) {
  return a->kind == b->kind && a->path && strcmp(a->path, b->path) == 0;
}

static int open_outputs(struct hp_stdio *stdio, const struct hp_endpoint *out,
                        const struct hp_endpoint *err_end, const struct hp_stdio_request *request,
                        struct hp_error *err) {
  if (out->kind >= HP_ENDPOINT_BINARY) /* last of all, so that nothing fails once it runs */
    return open_logger(stdio, out, request, err);
  if (open_output(&stdio->outputs[0], "stdout", out, err) != 0)
    return -1;
  stdio->one_output = stdio->terminal || is_same(out, err_end);
  return stdio->one_output ? 0 : open_output(&stdio->outputs[1], "stderr", err_end, err);
}

int hp_stdio_open(const struct hp_stdio_request *request, struct hp_stdio **stdio, struct hp_error *err) {
  struct hp_endpoint ends[3] = {{.kind = HP_ENDPOINT_NULL}};
  struct hp_stdio *made = new_stdio(request);
  int result = -1;
  if (hp_endpoint_parse("stdin", request->in, &ends[0], err) != 0 ||
      hp_endpoint_parse("stdout", request->out, &ends[1], err) != 0 ||
      hp_endpoint_parse("stderr", request->err, &ends[2], err) != 0)
    goto done;
  if (open_input(made, &ends[0], err) != 0 || open_outputs(made, &ends[1], &ends[2], request, err) != 0)
    goto done;
  *stdio = made;
  made = NULL;
  result = 0;
done:
  if (made)
    free_stdio(made);
  for (size_t i = 0; i < 3; i++)
    hp_endpoint_clear(&ends[i]);
  return result;
}

void hp_stdio_ends(const struct hp_stdio *stdio, host_handle ends[3]) {
  ends[0] = stdio->input_child;
  ends[1] = stdio->outputs[0].child;
  ends[2] = stdio->one_output ? ends[1] : stdio->outputs[1].child;
}

/* ---- running (loop) ---------------------------------------------------------------- */

static void check_drained(struct hp_stdio *stdio) {
  if (!stdio->drained || stdio->outputs[0].relayed || stdio->outputs[1].relayed)
    return;
  void (*drained)(void *arg) = stdio->drained;
  stdio->drained = NULL;
  drained(stdio->drained_arg);
}

static void on_output_ended(void *arg) {
  struct output *output = arg;
  output->relayed = false;
  check_drained(output->stdio);
}

static void start_output(struct output *output) {
  struct hp_stdio *stdio = output->stdio;
  const struct hp_relay_ends ends = {.source = moved(&output->source),
                                     .sink = moved(&output->sink),
                                     .file = output->file,
                                     .name = output->name};
  output->relay = hp_relay_start(stdio->loop, HP_RELAY_OUTPUT, &ends, on_output_ended, output);
  output->relayed = output->relay != NULL;
  if (!output->relay)
    hp_log(HP_LOG_ERROR, stdio->container_id, "cannot watch an output of the process; it is lost");
}

static void start_input(struct hp_stdio *stdio) {
  const struct hp_relay_ends ends = {.source = moved(&stdio->input_source),
                                     .sink = moved(&stdio->input_sink)};
  enum hp_relay_kind kind = stdio->terminal ? HP_RELAY_CONSOLE_INPUT : HP_RELAY_INPUT;
  stdio->input_relay = hp_relay_start(stdio->loop, kind, &ends, NULL, NULL);
  if (!stdio->input_relay)
    hp_log(HP_LOG_ERROR, stdio->container_id, "cannot watch the process's input; it is at its end");
  else if (stdio->input_closed)
    hp_relay_finish(stdio->input_relay);
}

/* Without an input of its own the console's stays open all the same: a console
 * ends with it. */
static void take_console(struct hp_stdio *stdio, struct hp_console *console) {
  stdio->console = console;
  hp_console_take(console, &stdio->input_sink, &stdio->outputs[0].source);
  if (stdio->columns == 0)
    return;
  struct hp_error err = HP_ERROR_INIT;
  if (host_terminal_resize(console, stdio->columns, stdio->rows, &err) != 0)
    hp_log(stdio->exec ? HP_LOG_DEBUG : HP_LOG_WARNING, stdio->container_id, "terminal is not resized: %s",
           err.message);
  hp_error_clear(&err);
}

void hp_stdio_attach(struct hp_stdio *stdio, uv_loop_t *loop, host_handle terminal) {
  stdio->loop = loop;
  close_handle(&stdio->input_child);
  for (size_t i = 0; i < 2; i++)
    close_handle(&stdio->outputs[i].child);
  if (terminal)
    take_console(stdio, terminal);
  if (stdio->input_source)
    start_input(stdio);
  for (size_t i = 0; i < 2; i++)
    if (stdio->outputs[i].source)
      start_output(&stdio->outputs[i]);
}

void hp_stdio_drain(struct hp_stdio *stdio, void (*drained)(void *arg), void *arg) {
  uint64_t grace = stdio->exec ? EXEC_GRACE_MS : INIT_GRACE_MS;
  if (stdio->console) { /* its output ends by itself, once it is told to */
    hp_console_finish(stdio->console);
    grace = HP_RELAY_TO_THE_END;
  } else {
    hp_relay_close(stdio->input_relay);
    stdio->input_relay = NULL;
  }
  /* `drained` is set last: it may free the stdio, which the loop still walks. */
  for (size_t i = 0; i < 2; i++)
    if (stdio->outputs[i].relayed)
      hp_relay_drain(stdio->outputs[i].relay, grace);
  stdio->drained = drained;
  stdio->drained_arg = arg;
  check_drained(stdio);
}

void hp_stdio_close_stdin(struct hp_stdio *stdio) {
  stdio->input_closed = true;
  if (stdio->input_relay)
    hp_relay_finish(stdio->input_relay);
}

int hp_stdio_resize(struct hp_stdio *stdio, unsigned columns, unsigned rows, struct hp_error *err) {
  if (!stdio->terminal)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "the process has no terminal whose size could be set");
  if (stdio->console)
    return host_terminal_resize(stdio->console, columns, rows, err);
  if (columns == 0 || rows == 0 || columns > 32767 || rows > 32767)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "terminal size %ux%u is out of range", columns, rows);
  stdio->columns = columns;
  stdio->rows = rows;
  return 0;
}

void hp_stdio_close(struct hp_stdio *stdio, uv_loop_t *loop) {
  if (!stdio)
    return;
  hp_relay_close(stdio->input_relay);
  for (size_t i = 0; i < 2; i++)
    hp_relay_close(stdio->outputs[i].relay);
  hp_logger_stop(stdio->logger, loop);
  free_stdio(stdio);
}
