/* The streams of a whole process: outputs, input, terminals. */
#include "stdio_linux_process.h"

#include <poll.h>
#include <pthread.h>

#define MIB (1u << 20)

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
  TCase *refused = new_case(suite, "refused and released");
  tcase_add_test(refused, wrong_names_are_refused_and_named);
  tcase_add_test(refused, closing_before_the_start_closes_all);
  tcase_add_test(refused, a_finished_process_leaves_nothing);
  return hp_run_suite(suite);
}
