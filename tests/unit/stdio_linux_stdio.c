/* The streams of a whole process: real processes, real FIFOs. */
#include "stdio/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/linux/container.h"
#include "loop_wait.h"
#include "support.h"

#define MIB (1u << 20)

static uv_loop_t loop;
static uv_timer_t keep_alive; /* the reaper alone keeps no loop running */
static char directory[64], in_path[96], out_path[96], err_path[96];
static struct host_container container;
static struct hp_stdio *stdio;
static uint32_t pid;
static unsigned exits, drains;
static uint32_t exit_status;

static void on_nothing(uv_timer_t *timer) {
  (void)timer;
}

static void on_exited(void *arg, uint32_t exited, uint32_t status, struct hp_time when) {
  (void)arg;
  (void)exited;
  (void)when;
  exits++;
  exit_status = status;
}

static void on_drained(void *arg) {
  ck_assert_ptr_eq(arg, &drains);
  drains++;
}

static void setup(void) {
  struct hp_error err = HP_ERROR_INIT;
  signal(SIGPIPE, SIG_IGN);
  snprintf(directory, sizeof directory, "/tmp/hp-stdio-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(directory));
  snprintf(in_path, sizeof in_path, "%s/in", directory);
  snprintf(out_path, sizeof out_path, "%s/out", directory);
  snprintf(err_path, sizeof err_path, "%s/err", directory);
  ck_assert_int_eq(mkfifo(in_path, 0600) | mkfifo(out_path, 0600) | mkfifo(err_path, 0600), 0);
  container = (struct host_container){.inherit = true, .mount_namespace = -1, .volume = directory};
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
  uv_timer_init(&loop, &keep_alive);
  uv_timer_start(&keep_alive, on_nothing, 3600000, 0);
  stdio = NULL;
  exits = drains = 0;
}

static bool has_children(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void run_until_no_children(void) {
  for (int i = 0; i < 30000 && has_children(); i++) {
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
  ck_assert(!has_children());
}

static void teardown(void) {
  char command[128];
  hp_stdio_close(stdio, &loop);
  run_until_no_children();
  uv_close((uv_handle_t *)&keep_alive, NULL);
  host_reaper_stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  snprintf(command, sizeof command, "rm -rf %s", directory);
  ck_assert_int_eq(system(command), 0);
}

/* ---- a process from Create to its exit ----------------------------------------- */

struct names {
  const char *in, *out, *err;
  bool terminal, exec;
};

static int open_streams(const struct names *names, struct hp_error *err) {
  const struct hp_stdio_request request = {.namespace_name = "ns",
                                           .container_id = "c",
                                           .in = names->in,
                                           .out = names->out,
                                           .err = names->err,
                                           .terminal = names->terminal,
                                           .exec = names->exec};
  return hp_stdio_open(&request, &stdio, err);
}

static void start(const struct names *names, const char *script) {
  struct hp_error err = HP_ERROR_INIT;
  struct host_spawned spawned;
  struct host_spawn spawn = {0};
  struct hp_process_spec process = {.terminal = names->terminal};
  ck_assert_msg(open_streams(names, &err) == 0, "%s", err.message);
  hp_strings_add(&process.args, "/bin/sh");
  hp_strings_add(&process.args, "-c");
  hp_strings_add(&process.args, script);
  spawn.process = &process;
  hp_stdio_ends(stdio, spawn.stdio);
  host_reaper_expect(+1);
  ck_assert_msg(host_process_spawn(&container, &spawn, &spawned, &err) == 0, "%s", err.message);
  host_reaper_watch(spawned.pid, on_exited, NULL);
  host_reaper_expect(-1);
  pid = spawned.pid;
  hp_stdio_attach(stdio, &loop, spawned.terminal);
  hp_strings_clear(&process.args);
}

/* Runs the loop until *value is least; fails after 60 s. */
static void run_until(const unsigned *value, unsigned least) {
  LOOP_WAIT(&loop, *value >= least, 60000);
  ck_assert_uint_ge(*value, least);
}

static void finish(void) {
  run_until(&exits, 1);
  hp_stdio_drain(stdio, on_drained, &drains);
  run_until(&drains, 1);
}

/* ---- containerd's side ------------------------------------------------------------ */

static int open_reader(const char *path) {
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  return fd;
}

/* What comes, to the end of file or to where nothing more is and the length is
 * reached: a terminal passes on a line in pieces. The loop relays meanwhile. */
static void expect(int fd, const char *text) {
  char buffer[4096] = "";
  size_t length = 0;
  for (int turn = 0; turn < 4000; turn++) {
    ssize_t got = read(fd, buffer + length, sizeof buffer - 1 - length);
    if (got > 0) {
      length += (size_t)got;
      continue;
    }
    if (got == 0 || length >= strlen(text))
      break;
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(10000);
  }
  ck_assert_str_eq(buffer, text);
}

static bool at_end(int fd) {
  char byte;
  return read(fd, &byte, 1) == 0;
}

struct reader { /* a client that reads to the end of file, on its own thread */
  pthread_t thread;
  int fd;
  size_t length;
  unsigned rest; /* µs between reads */
  bool wrong;    /* something else than "x" */
};

static void *read_all(void *arg) {
  struct reader *reader = arg;
  char buffer[65536];
  for (;;) {
    struct pollfd event = {.fd = reader->fd, .events = POLLIN};
    if (poll(&event, 1, 60000) != 1)
      break;
    ssize_t got = read(reader->fd, buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN)
      continue;
    if (got <= 0)
      break;
    for (ssize_t i = 0; i < got; i++)
      reader->wrong |= buffer[i] != 'x';
    reader->length += (size_t)got;
    if (reader->rest > 0)
      usleep(reader->rest);
  }
  return NULL;
}

static void start_reader(struct reader *reader, const char *path) {
  reader->fd = open_reader(path);
  ck_assert_int_eq(pthread_create(&reader->thread, NULL, read_all, reader), 0);
}

static void finish_reader(struct reader *reader, size_t length) {
  pthread_join(reader->thread, NULL);
  close(reader->fd);
  ck_assert_uint_eq(reader->length, length);
  ck_assert(!reader->wrong);
}

#define BURST "head -c 8388608 /dev/zero | tr '\\0' x"

/* ---- outputs ------------------------------------------------------------------------- */

static void outputs_and_status(bool exec) {
  int out = open_reader(out_path), err = open_reader(err_path);
  start(&(struct names){.out = out_path, .err = err_path, .exec = exec}, "echo out; echo err >&2; exit 5");
  finish();
  ck_assert_uint_eq(exit_status, 5);
  expect(out, "out\n");
  expect(err, "err\n");
  ck_assert(at_end(out) && at_end(err));
  close(out);
  close(err);
}

START_TEST(outputs_of_init) {
  outputs_and_status(false);
}
END_TEST

START_TEST(outputs_of_an_exec) {
  outputs_and_status(true);
}
END_TEST

static void burst(bool exec, unsigned rest) {
  struct reader reader = {.rest = rest};
  start_reader(&reader, out_path);
  start(&(struct names){.out = out_path, .exec = exec}, BURST);
  finish();
  finish_reader(&reader, 8 * MIB);
  ck_assert_uint_eq(drains, 1);
}

START_TEST(a_burst_of_init_is_whole) {
  burst(false, 0);
}
END_TEST

START_TEST(a_burst_of_an_exec_is_whole) {
  burst(true, 0);
}
END_TEST

START_TEST(a_slow_reader_of_an_exec_loses_nothing) {
  burst(true, 3000);
}
END_TEST

static void *open_late(void *arg) {
  usleep(100000);
  int fd = open(out_path, O_RDONLY | O_CLOEXEC); /* waits for a writer */
  *(bool *)arg = fd >= 0;
  if (fd >= 0)
    close(fd);
  return NULL;
}

/* Else a process could come and go before a client's thread has opened its end,
 * and that thread would wait for a writer for ever. */
START_TEST(opening_waits_a_moment_for_the_reader) {
  struct hp_error err = HP_ERROR_INIT;
  pthread_t thread;
  bool opened = false;
  ck_assert_int_eq(pthread_create(&thread, NULL, open_late, &opened), 0);
  ck_assert_int_eq(open_streams(&(struct names){.out = out_path, .exec = true}, &err), 0);
  hp_stdio_close(stdio, &loop);
  stdio = NULL;
  pthread_join(thread, NULL);
  ck_assert(opened);
}
END_TEST

START_TEST(output_waits_in_the_fifo_for_a_late_reader) {
  for (int exec = 0; exec < 2; exec++) {
    exits = drains = 0;
    start(&(struct names){.out = out_path, .exec = exec},
          "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
          "19 20; do echo line $i; done");
    finish();
    int out = open_reader(out_path);
    char first[8] = "";
    ck_assert_int_eq(read(out, first, 7), 7);
    ck_assert_str_eq(first, "line 1\n");
    char rest[512] = "";
    ck_assert_int_gt(read(out, rest, sizeof rest - 1), 0);
    ck_assert_str_eq(rest + strlen(rest) - 8, "line 20\n");
    ck_assert(at_end(out));
    close(out);
    hp_stdio_close(stdio, &loop);
    stdio = NULL;
  }
}
END_TEST

static void reader_goes(bool exec) {
  int out = open_reader(out_path);
  start(&(struct names){.in = in_path, .out = out_path, .exec = exec},
        "echo one; read line; echo two; exit 3");
  struct pollfd event = {.fd = out, .events = POLLIN};
  for (int i = 0; i < 40000 && poll(&event, 1, 1) == 0; i++)
    uv_run(&loop, UV_RUN_NOWAIT);
  expect(out, "one\n");
  close(out);
  int in = open(in_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  ck_assert_int_eq(write(in, "go\n", 3), 3);
  close(in);
  finish();
  ck_assert_uint_eq(exit_status, 3); /* not killed by SIGPIPE */
  out = open_reader(out_path);       /* another one attaches */
  expect(out, "two\n");
  ck_assert(at_end(out));
  close(out);
}

START_TEST(a_reader_of_init_that_goes_kills_nobody) {
  reader_goes(false);
}
END_TEST

START_TEST(a_reader_of_an_exec_that_goes_kills_nobody) {
  reader_goes(true);
}
END_TEST

START_TEST(an_exec_whose_reader_is_gone_is_soon_drained) {
  start(&(struct names){.out = out_path, .exec = true}, "head -c 100000 /dev/zero");
  finish(); /* 64 KiB are in the FIFO, the rest has nowhere to go */
  ck_assert_uint_eq(exit_status, 0);
}
END_TEST

START_TEST(a_grandchild_does_not_hold_up_an_exec) {
  int out = open_reader(out_path);
  start(&(struct names){.out = out_path, .exec = true}, "sleep 1000 & echo $!");
  run_until(&exits, 1);
  hp_stdio_drain(stdio, on_drained, &drains);
  ck_assert_uint_eq(drains, 0);
  run_until(&drains, 1);
  char text[32] = "";
  ck_assert_int_gt(read(out, text, sizeof text - 1), 0);
  ck_assert(at_end(out)); /* although the grandchild has its pipe still */
  ck_assert_int_eq(kill((pid_t)atoi(text), SIGKILL), 0);
  close(out);
}
END_TEST

START_TEST(both_outputs_may_be_one_fifo) {
  for (int exec = 0; exec < 2; exec++) {
    exits = drains = 0;
    int out = open_reader(out_path);
    start(&(struct names){.out = out_path, .err = out_path, .exec = exec}, "echo a; echo b >&2; echo c");
    finish();
    expect(out, "a\nb\nc\n");
    ck_assert(at_end(out));
    close(out);
    hp_stdio_close(stdio, &loop);
    stdio = NULL;
  }
}
END_TEST

START_TEST(one_fifo_for_everything_does_not_crash) {
  start(&(struct names){.in = out_path, .out = out_path, .err = out_path}, "echo hello");
  finish();
  ck_assert_uint_eq(exit_status, 0);
}
END_TEST

START_TEST(nothing_named_is_the_null_device) {
  start(&(struct names){0}, "cat; echo out; readlink /proc/self/fd/0 /proc/self/fd/1 | sort -u; exit 8");
  finish();
  ck_assert_uint_eq(exit_status, 8);
}
END_TEST

START_TEST(files_are_appended_to) {
  char *uri = hp_printf("file://%s/made/on%%20demand/log", directory);
  char *path = hp_printf("%s/made/on demand/log", directory);
  for (int exec = 0; exec < 2; exec++) {
    exits = drains = 0;
    start(&(struct names){.out = uri, .err = uri, .exec = exec}, "echo out; echo err >&2");
    finish();
    hp_stdio_close(stdio, &loop);
    exits = drains = 0;
    start(&(struct names){.out = path, .exec = exec}, "echo plain"); /* a path that is a file */
    finish();
    hp_stdio_close(stdio, &loop);
    stdio = NULL;
  }
  int fd = open_reader(path);
  expect(fd, "out\nerr\nplain\nout\nerr\nplain\n");
  struct stat status;
  ck_assert_int_eq(fstat(fd, &status), 0);
  ck_assert_uint_eq(status.st_mode & 0777, 0640);
  close(fd);
  free(path);
  free(uri);
}
END_TEST

/* ---- input ------------------------------------------------------------------------------ */

START_TEST(a_writer_that_detaches_is_not_end_of_input) {
  int out = open_reader(out_path);
  start(&(struct names){.in = in_path, .out = out_path}, "cat; echo end");
  for (int i = 0; i < 2; i++) {
    int in = open(in_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_eq(write(in, "line\n", 5), 5);
    close(in);
    struct pollfd event = {.fd = out, .events = POLLIN};
    ck_assert_int_eq(poll(&event, 1, 10000), 1);
    expect(out, "line\n");
  }
  ck_assert_uint_eq(exits, 0);
  hp_stdio_close_stdin(stdio);
  hp_stdio_close_stdin(stdio);
  finish();
  expect(out, "end\n");
  close(out);
}
END_TEST

START_TEST(what_was_written_is_read_before_the_end) {
  int out = open_reader(out_path), in = -1;
  start(&(struct names){.in = in_path, .out = out_path, .exec = true}, "sleep 0.1; cat");
  in = open(in_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  ck_assert_int_eq(write(in, "early", 5), 5);
  hp_stdio_close_stdin(stdio); /* CloseIO overtakes the client's own close */
  ck_assert_int_eq(write(in, " late", 5), 5);
  close(in);
  finish();
  expect(out, "early late");
  close(out);
}
END_TEST

START_TEST(input_closed_before_the_start_is_at_its_end) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(open_streams(&(struct names){.in = in_path}, &err), 0);
  host_handle ends[3];
  hp_stdio_ends(stdio, ends);
  hp_stdio_close_stdin(stdio);
  ck_assert(!(fcntl(ends[0], F_GETFL) & O_NONBLOCK)); /* a child expects blocking ends */
  ck_assert(at_end(ends[0]));
}
END_TEST

/* ---- terminals -------------------------------------------------------------------------------- */

START_TEST(a_terminal_is_relayed_both_ways) {
  int out = open_reader(out_path);
  start(&(struct names){.in = in_path, .out = out_path, .terminal = true},
        "stty -echo; test -t 0 && test -t 1 && echo ready; read line; echo got $line; stty size; exit 4");
  struct pollfd event = {.fd = out, .events = POLLIN};
  for (int i = 0; i < 40000 && poll(&event, 1, 1) == 0; i++)
    uv_run(&loop, UV_RUN_NOWAIT);
  expect(out, "ready\r\n");
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_stdio_resize(stdio, 111, 44, &err), 0);
  int in = open(in_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  ck_assert_int_eq(write(in, "typed\n", 6), 6);
  close(in);
  finish();
  ck_assert_uint_eq(exit_status, 4);
  expect(out, "got typed\r\n44 111\r\n");
  ck_assert(at_end(out));
  close(out);
}
END_TEST

START_TEST(closing_a_terminals_input_ends_it) {
  int out = open_reader(out_path);
  start(&(struct names){.in = in_path, .out = out_path, .terminal = true, .exec = true},
        "stty -echo; cat; echo end");
  hp_stdio_close_stdin(stdio);
  finish();
  expect(out, "end\r\n");
  close(out);
}
END_TEST

START_TEST(a_terminals_burst_is_whole) {
  struct reader reader = {.rest = 100};
  start_reader(&reader, out_path);
  start(&(struct names){.out = out_path, .terminal = true}, "head -c 1000000 /dev/zero | tr '\\0' x");
  finish();
  finish_reader(&reader, 1000000);
}
END_TEST

START_TEST(a_terminal_without_streams_blocks_nobody) {
  start(&(struct names){.terminal = true}, "head -c 1000000 /dev/zero | tr '\\0' x; exit 2");
  finish();
  ck_assert_uint_eq(exit_status, 2);
}
END_TEST

START_TEST(a_size_set_before_the_start_holds) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(open_streams(&(struct names){.terminal = true}, &err), 0);
  ck_assert_int_eq(hp_stdio_resize(stdio, 70000, 2, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_error_clear(&err);
  ck_assert_int_eq(hp_stdio_resize(stdio, 99, 11, &err), 0);
  hp_stdio_close(stdio, &loop);
  ck_assert_int_eq(open_streams(&(struct names){0}, &err), 0);
  ck_assert_int_eq(hp_stdio_resize(stdio, 99, 11, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
}
END_TEST

/* ---- logging programs ---------------------------------------------------------------------------- */

static char *logger_uri(const char *scheme, const char *mode) {
  return hp_printf("%s://%s?file=%s/log&mode=%s", scheme, LOGGER_PROGRAM, directory, mode);
}

static void expect_log(const char *part, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/log.%s", directory, part);
  int fd = open_reader(path);
  expect(fd, text);
  close(fd);
}

START_TEST(a_logging_program_gets_both_outputs) {
  char *uri = logger_uri("binary", "ready");
  start(&(struct names){.out = uri, .err = uri}, "echo out; echo err >&2");
  finish();
  hp_stdio_close(stdio, &loop);
  stdio = NULL;
  run_until_no_children();
  expect_log("out", "out\n");
  expect_log("err", "err\n");
  free(uri);
}
END_TEST

START_TEST(a_logging_program_gets_a_terminals_output) {
  char *uri = logger_uri("binary-v2", "byte");
  start(&(struct names){.out = uri, .terminal = true}, "echo hello; echo error >&2");
  finish();
  hp_stdio_close(stdio, &loop);
  stdio = NULL;
  run_until_no_children();
  expect_log("out", "hello\r\nerror\r\n");
  expect_log("err", "");
  free(uri);
}
END_TEST

START_TEST(a_logging_program_that_goes_kills_nobody) {
  for (int terminal = 0; terminal < 2; terminal++) {
    char *uri = logger_uri("binary", "quit");
    exits = drains = 0;
    start(&(struct names){.out = uri, .terminal = terminal},
          "sleep 0.5; head -c 1000000 /dev/zero; sleep 0.2; head -c 1000000 /dev/zero >&2; exit 7");
    finish();
    ck_assert_uint_eq(exit_status, 7);
    hp_stdio_close(stdio, &loop);
    stdio = NULL;
    free(uri);
  }
}
END_TEST

START_TEST(a_logging_program_that_fails_leaves_nothing) {
  struct hp_error err = HP_ERROR_INIT;
  char *uri = logger_uri("binary-v2", "fail");
  ck_assert_int_eq(open_streams(&(struct names){.in = in_path, .out = uri}, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "status 3"));
  ck_assert_int_eq(open(in_path, O_WRONLY | O_NONBLOCK), -1); /* no reading end is left */
  ck_assert_int_eq(errno, ENXIO);
  hp_error_clear(&err);
  free(uri);
}
END_TEST

/* ---- what is refused -------------------------------------------------------------------------------- */

static size_t open_descriptors(void) {
  size_t count = 0;
  for (int fd = 0; fd < 1024; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void refuse(const struct names *names, enum hp_code code, const char *first, const char *second) {
  struct hp_error err = HP_ERROR_INIT;
  size_t before = open_descriptors();
  ck_assert_int_eq(open_streams(names, &err), -1);
  ck_assert_msg(err.code == code, "%s: %s", hp_code_name(err.code), err.message);
  ck_assert_msg(strstr(err.message, first) && strstr(err.message, second), "%s", err.message);
  ck_assert_ptr_null(stdio);
  ck_assert_uint_eq(open_descriptors(), before);
  hp_error_clear(&err);
}

START_TEST(wrong_names_are_refused_and_named) {
  refuse(&(struct names){.in = "/no/such/fifo"}, HP_NOT_FOUND, "stdin", "/no/such/fifo");
  refuse(&(struct names){.in = in_path, .out = "/no/such/fifo"}, HP_NOT_FOUND, "stdout", "/no/such/fifo");
  refuse(&(struct names){.out = out_path, .err = directory}, HP_INVALID_ARGUMENT, "stderr", "a directory");
  refuse(&(struct names){.out = "/dev/null"}, HP_INVALID_ARGUMENT, "stdout", "a device");
  refuse(&(struct names){.in = "binary:///bin/true"}, HP_INVALID_ARGUMENT, "stdin", "logging program");
  refuse(&(struct names){.out = out_path, .err = "binary:///bin/true"}, HP_INVALID_ARGUMENT, "stderr",
         "logging program");
  refuse(&(struct names){.out = "binary:///no/such/logger"}, HP_NOT_FOUND, "stdout", "/no/such/logger");
  refuse(&(struct names){.in = "/etc/passwd", .terminal = true}, HP_INVALID_ARGUMENT, "stdin",
         "a regular file");
  char *uri = hp_printf("file://%s", out_path);
  refuse(&(struct names){.out = uri}, HP_INVALID_ARGUMENT, "stdout", "not a regular file");
  free(uri);
}
END_TEST

START_TEST(closing_before_the_start_closes_all) {
  struct hp_error err = HP_ERROR_INIT;
  size_t before = open_descriptors();
  for (int kind = 0; kind < 4; kind++) {
    struct names names = {
        .in = in_path, .out = out_path, .err = err_path, .exec = kind & 1, .terminal = kind & 2};
    ck_assert_int_eq(open_streams(&names, &err), 0);
    hp_stdio_close(stdio, &loop);
    stdio = NULL;
    ck_assert_uint_eq(open_descriptors(), before);
  }
  hp_stdio_close(NULL, &loop);
}
END_TEST

START_TEST(a_finished_process_leaves_nothing) {
  size_t before = 0;
  for (int round = 0; round < 2; round++) { /* the first round may open what the library keeps */
    before = open_descriptors();
    for (int kind = 0; kind < 4; kind++) {
      exits = drains = 0;
      start(
          &(struct names){
              .in = in_path, .out = out_path, .err = err_path, .exec = kind & 1, .terminal = kind & 2},
          "echo x");
      finish();
      hp_stdio_close(stdio, &loop);
      stdio = NULL;
    }
    uv_run(&loop, UV_RUN_NOWAIT);
  }
  ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name) {
  TCase *tcase = tcase_create(name);
  tcase_set_timeout(tcase, 110);
  tcase_add_checked_fixture(tcase, setup, teardown);
  suite_add_tcase(suite, tcase);
  return tcase;
}

int main(void) {
  Suite *suite = suite_create("stdio_linux_stdio");
  TCase *outputs = new_case(suite, "outputs");
  tcase_add_test(outputs, outputs_of_init);
  tcase_add_test(outputs, outputs_of_an_exec);
  tcase_add_test(outputs, a_burst_of_init_is_whole);
  tcase_add_test(outputs, a_burst_of_an_exec_is_whole);
  tcase_add_test(outputs, a_slow_reader_of_an_exec_loses_nothing);
  tcase_add_test(outputs, output_waits_in_the_fifo_for_a_late_reader);
  tcase_add_test(outputs, opening_waits_a_moment_for_the_reader);
  tcase_add_test(outputs, a_reader_of_init_that_goes_kills_nobody);
  tcase_add_test(outputs, a_reader_of_an_exec_that_goes_kills_nobody);
  tcase_add_test(outputs, an_exec_whose_reader_is_gone_is_soon_drained);
  tcase_add_test(outputs, a_grandchild_does_not_hold_up_an_exec);
  tcase_add_test(outputs, both_outputs_may_be_one_fifo);
  tcase_add_test(outputs, one_fifo_for_everything_does_not_crash);
  tcase_add_test(outputs, nothing_named_is_the_null_device);
  tcase_add_test(outputs, files_are_appended_to);
  TCase *input = new_case(suite, "input");
  tcase_add_test(input, a_writer_that_detaches_is_not_end_of_input);
  tcase_add_test(input, what_was_written_is_read_before_the_end);
  tcase_add_test(input, input_closed_before_the_start_is_at_its_end);
  TCase *terminals = new_case(suite, "terminals");
  tcase_add_test(terminals, a_terminal_is_relayed_both_ways);
  tcase_add_test(terminals, closing_a_terminals_input_ends_it);
  tcase_add_test(terminals, a_terminals_burst_is_whole);
  tcase_add_test(terminals, a_terminal_without_streams_blocks_nobody);
  tcase_add_test(terminals, a_size_set_before_the_start_holds);
  TCase *loggers = new_case(suite, "logging programs");
  tcase_add_test(loggers, a_logging_program_gets_both_outputs);
  tcase_add_test(loggers, a_logging_program_gets_a_terminals_output);
  tcase_add_test(loggers, a_logging_program_that_goes_kills_nobody);
  tcase_add_test(loggers, a_logging_program_that_fails_leaves_nothing);
  TCase *refused = new_case(suite, "refused and released");
  tcase_add_test(refused, wrong_names_are_refused_and_named);
  tcase_add_test(refused, closing_before_the_start_closes_all);
  tcase_add_test(refused, a_finished_process_leaves_nothing);
  return hp_run_suite(suite);
}
