/* Who gets which end (decision 5). Most streams are direct: the child gets the
 * FIFO, file or pipe itself and there is nothing to do but to keep the other
 * end. What the process must not notice is always the same: a peer that goes. */
#include "stdio/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "stdio/endpoint.h"
#include "stdio/linux/fifo.h"
#include "stdio/linux/logger.h"
#include "stdio/linux/relay.h"

#define INIT_GRACE_MS 5000
#define EXEC_GRACE_MS 1000
#define PATROL_MS 500
#define COURTESY_TICK_MS 2
#define COURTESY_TICKS 50

struct output {
  struct hp_stdio *stdio;
  int child;  /* the child's end, until attach */
  int reader; /* of a stream that is direct: keeps a writer alive whose reader goes */
  struct hp_relay_ends ends;
  struct hp_relay *relay;
  bool relayed; /* and not ended */
};

struct hp_stdio {
  char *container_id;
  bool terminal, exec;
  bool one_output; /* stdout and stderr are the same: outputs[0] serves both */

  int input_child;  /* direct: the child's end, until attach */
  int input_source; /* terminal: what is typed */
  int input_keeper; /* a writing end until CloseIO */
  struct hp_relay *input_relay;
  struct output outputs[2];
  struct hp_logger *logger;
  uv_timer_t *patrol; /* while only a copy of it runs, whose end nobody tells; NULL: not */

  uv_loop_t *loop;
  int terminal_fd;
  unsigned columns, rows; /* of a resize before attach; 0: none */

  void (*drained)(void *arg);
  void *drained_arg;
  uv_timer_t *courtesy;   /* NULL: not running */
  unsigned courtesy_left; /* ticks */
};

static void close_fd(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

static struct hp_stdio *new_stdio(const struct hp_stdio_request *request) {
  struct hp_stdio *stdio = hp_alloc(sizeof *stdio);
  stdio->container_id = hp_strdup(request->container_id);
  stdio->terminal = request->terminal;
  stdio->exec = request->exec;
  stdio->input_child = stdio->input_source = stdio->input_keeper = stdio->terminal_fd = -1;
  for (size_t i = 0; i < 2; i++)
    stdio->outputs[i] = (struct output){
        .stdio = stdio, .child = -1, .reader = -1, .ends = {.source = -1, .sink = -1, .keeper = -1}};
  return stdio;
}

static void close_all(struct hp_stdio *stdio) {
  close_fd(&stdio->input_child);
  close_fd(&stdio->input_source);
  close_fd(&stdio->input_keeper);
  close_fd(&stdio->terminal_fd);
  for (size_t i = 0; i < 2; i++) {
    close_fd(&stdio->outputs[i].child);
    close_fd(&stdio->outputs[i].reader);
    close_fd(&stdio->outputs[i].ends.source);
    close_fd(&stdio->outputs[i].ends.sink);
    close_fd(&stdio->outputs[i].ends.keeper);
  }
}

/* ---- opening (pool) ------------------------------------------------------------ */

static int open_input(struct hp_stdio *stdio, const struct hp_endpoint *endpoint, struct hp_error *err) {
  if (endpoint->kind == HP_ENDPOINT_NULL)
    return 0;
  if (endpoint->kind >= HP_ENDPOINT_BINARY)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "stdin: a logging program (%s) cannot be read from",
                        endpoint->path);
  struct hp_fifo fifo;
  if (hp_fifo_open("stdin", endpoint->path, true, &fifo, err) != 0)
    return -1;
  stdio->input_keeper = fifo.writer;
  if (!stdio->terminal) {
    stdio->input_child = fifo.reader;
    return hp_fifo_set_blocking(fifo.reader, err);
  }
  stdio->input_source = fifo.reader;
  if (fifo.file)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "stdin: %s is a regular file; a terminal needs a FIFO",
                        endpoint->path);
  return 0;
}

/* fd is where the stream goes in the end: the child's own, or a relay's sink. */
static int place_output(struct output *output, int fd, struct hp_error *err) {
  if (output->stdio->terminal) {
    output->ends.sink = fd;
    return 0;
  }
  output->child = fd;
  return hp_fifo_set_blocking(fd, err);
}

/* Between an exec and its FIFO: the child's pipe, whose end we can cut. */
static int place_relay(struct output *output, const struct hp_fifo *fifo, struct hp_error *err) {
  output->ends.sink = fifo->writer;
  output->ends.keeper = fifo->reader;
  if (output->stdio->terminal)
    return 0;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return hp_error_set_os(err, errno, "cannot make a pipe for an exec's output");
  output->ends.source = ends[0];
  output->child = ends[1];
  return 0; /* uv_poll_init makes the reading end non-blocking */
}

static int open_output(struct output *output, const char *stream, const struct hp_endpoint *endpoint,
                       struct hp_error *err) {
  int fd = -1;
  struct hp_fifo fifo;
  switch (endpoint->kind) {
  case HP_ENDPOINT_NULL:
    if (!output->stdio->terminal)
      return 0;
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
      return hp_error_set_os(err, errno, "%s: cannot open /dev/null", stream);
    return place_output(output, fd, err);
  case HP_ENDPOINT_FILE:
    if (hp_file_open(stream, endpoint->path, &fd, err) != 0)
      return -1;
    return place_output(output, fd, err);
  case HP_ENDPOINT_PATH:
    if (hp_fifo_open(stream, endpoint->path, false, &fifo, err) != 0)
      return -1;
    if (fifo.file)
      return place_output(output, fifo.writer, err);
    hp_fifo_await_reader(&fifo);
    if (output->stdio->terminal || output->stdio->exec)
      return place_relay(output, &fifo, err);
    output->reader = fifo.reader;
    return place_output(output, fifo.writer, err);
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
  int readers[2];
  for (size_t i = 0; i < 2; i++) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      return hp_error_set_os(err, errno, "stdout: cannot make a pipe for logging program %s", endpoint->path);
    stdio->outputs[i].reader = readers[i] = ends[0];
    if (stdio->terminal && i == 0)
      stdio->outputs[i].ends.sink = ends[1];
    else
      stdio->outputs[i].child = ends[1];
  }
  if (stdio->terminal) {
    close_fd(&stdio->outputs[1].child); /* a terminal has one output: stderr is at its end */
    if (fcntl(stdio->outputs[0].ends.sink, F_SETFL, O_WRONLY | O_NONBLOCK) != 0)
      return hp_error_set_os(err, errno, "stdout: cannot make a pipe non-blocking");
  }
  return hp_logger_start(endpoint, request->namespace_name, request->container_id, readers, &stdio->logger,
                         err);
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
  struct hp_endpoint ends[3] = {0};
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
  if (made) {
    close_all(made);
    free(made->container_id);
    free(made);
  }
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

/* ---- courtesy: clients delete an exec as soon as it has ended and close their
 * ends with it, read or not; a moment lets their reader have what is there. */

static void free_timer(uv_handle_t *timer) {
  free(timer);
}

static uv_timer_t *start_timer(struct hp_stdio *stdio, uv_timer_cb tick, uint64_t ms) {
  uv_timer_t *timer = hp_alloc(sizeof *timer);
  uv_timer_init(stdio->loop, timer);
  timer->data = stdio;
  uv_timer_start(timer, tick, ms, ms);
  return timer;
}

static void end_timer(uv_timer_t **timer) {
  if (*timer)
    uv_close((uv_handle_t *)*timer, free_timer);
  *timer = NULL;
}

static void end_courtesy(struct hp_stdio *stdio) {
  end_timer(&stdio->courtesy);
  stdio->courtesy_left = 0;
}

static bool is_unread(const struct hp_stdio *stdio) {
  for (size_t i = 0; i < 2; i++)
    if (stdio->outputs[i].relay && hp_relay_unread(stdio->outputs[i].relay) > 0)
      return true;
  return false;
}

static void check_drained(struct hp_stdio *stdio);

static void on_courtesy(uv_timer_t *timer) {
  struct hp_stdio *stdio = timer->data;
  stdio->courtesy_left--;
  check_drained(stdio);
}

static bool is_courteous(struct hp_stdio *stdio) {
  if (!stdio->exec || !is_unread(stdio))
    return false;
  if (!stdio->courtesy) {
    stdio->courtesy = start_timer(stdio, on_courtesy, COURTESY_TICK_MS);
    stdio->courtesy_left = COURTESY_TICKS;
  }
  return stdio->courtesy_left > 0;
}

static void check_drained(struct hp_stdio *stdio) {
  if (!stdio->drained || stdio->outputs[0].relayed || stdio->outputs[1].relayed || is_courteous(stdio))
    return;
  end_courtesy(stdio);
  void (*drained)(void *arg) = stdio->drained;
  stdio->drained = NULL;
  drained(stdio->drained_arg);
}

static void on_output_ended(void *arg) {
  struct output *output = arg;
  output->relayed = false;
  check_drained(output->stdio);
}

static void on_patrol(uv_timer_t *timer);

/* The process must not die of its logging program's death, nor wait for it. A
 * copy that the program left behind is let read on. */
static void on_logger_exited(void *arg) {
  struct hp_stdio *stdio = arg;
  bool held = false;
  for (size_t i = 0; i < 2; i++) {
    struct output *output = &stdio->outputs[i];
    struct hp_relay_ends ends = {.source = output->reader, .sink = -1, .keeper = -1};
    if (ends.source < 0)
      continue;
    if (hp_logger_holds(ends.source)) {
      held = true;
      continue;
    }
    output->reader = -1;
    if (output->relay) /* of a terminal: it finds out by itself that nobody reads */
      close(ends.source);
    else
      output->relay = hp_relay_start(stdio->loop, HP_RELAY_DISCARD, &ends, NULL, NULL);
  }
  if (!held)
    end_timer(&stdio->patrol);
  else if (!stdio->patrol)
    stdio->patrol = start_timer(stdio, on_patrol, PATROL_MS);
}

static void on_patrol(uv_timer_t *timer) {
  on_logger_exited(timer->data);
}

static void start_output(struct output *output) {
  struct hp_stdio *stdio = output->stdio;
  struct hp_relay_ends ends = output->ends;
  output->ends = (struct hp_relay_ends){.source = -1, .sink = -1, .keeper = -1};
  output->relayed = true;
  output->relay = hp_relay_start(stdio->loop, HP_RELAY_OUTPUT, &ends, on_output_ended, output);
  if (!output->relay) {
    output->relayed = false;
    hp_log(HP_LOG_ERROR, stdio->container_id, "cannot watch an output of the process; it is lost");
  }
}

/* Two polls cannot share a descriptor: each direction has its own copy. */
static void start_terminal(struct hp_stdio *stdio) {
  struct output *output = &stdio->outputs[0];
  if (stdio->columns > 0) {
    struct hp_error err = HP_ERROR_INIT;
    host_terminal_resize(stdio->terminal_fd, stdio->columns, stdio->rows, &err);
    hp_error_clear(&err); /* was in range when it was asked for */
  }
  output->ends.source = fcntl(stdio->terminal_fd, F_DUPFD_CLOEXEC, 0);
  if (output->ends.source < 0) {
    hp_log(HP_LOG_ERROR, stdio->container_id, "cannot copy the terminal's descriptor: %s", strerror(errno));
    return;
  }
  start_output(output);
  if (stdio->input_source < 0)
    return;
  struct hp_relay_ends input = {.source = stdio->input_source, .keeper = -1};
  input.sink = fcntl(stdio->terminal_fd, F_DUPFD_CLOEXEC, 0);
  stdio->input_source = -1;
  if (input.sink >= 0)
    stdio->input_relay = hp_relay_start(stdio->loop, HP_RELAY_INPUT, &input, NULL, NULL);
  else
    close(input.source);
}

void hp_stdio_attach(struct hp_stdio *stdio, uv_loop_t *loop, host_handle terminal) {
  stdio->loop = loop;
  stdio->terminal_fd = terminal;
  close_fd(&stdio->input_child);
  for (size_t i = 0; i < 2; i++)
    close_fd(&stdio->outputs[i].child);
  if (terminal >= 0)
    start_terminal(stdio);
  for (size_t i = 0; i < 2; i++)
    if (stdio->outputs[i].ends.source >= 0)
      start_output(&stdio->outputs[i]);
  if (stdio->logger)
    hp_logger_watch(stdio->logger, on_logger_exited, stdio);
}

void hp_stdio_drain(struct hp_stdio *stdio, void (*drained)(void *arg), void *arg) {
  hp_relay_close(stdio->input_relay);
  stdio->input_relay = NULL;
  /* `drained` is set last: it may free the stdio, which the loop still walks. */
  for (size_t i = 0; i < 2; i++)
    if (stdio->outputs[i].relayed)
      hp_relay_drain(stdio->outputs[i].relay, stdio->exec ? EXEC_GRACE_MS : INIT_GRACE_MS);
  stdio->drained = drained;
  stdio->drained_arg = arg;
  check_drained(stdio);
}

void hp_stdio_close_stdin(struct hp_stdio *stdio) {
  close_fd(&stdio->input_keeper);
}

int hp_stdio_resize(struct hp_stdio *stdio, unsigned columns, unsigned rows, struct hp_error *err) {
  if (!stdio->terminal)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "the process has no terminal whose size could be set");
  if (stdio->terminal_fd >= 0)
    return host_terminal_resize(stdio->terminal_fd, columns, rows, err);
  if (columns > 0xffff || rows > 0xffff)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "terminal size %ux%u is out of range", columns, rows);
  stdio->columns = columns;
  stdio->rows = rows;
  return 0;
}

void hp_stdio_close(struct hp_stdio *stdio, uv_loop_t *loop) {
  if (!stdio)
    return;
  end_courtesy(stdio);
  end_timer(&stdio->patrol);
  hp_relay_close(stdio->input_relay);
  for (size_t i = 0; i < 2; i++)
    hp_relay_close(stdio->outputs[i].relay);
  close_all(stdio);
  hp_logger_stop(stdio->logger, loop);
  free(stdio->container_id);
  free(stdio);
}
