/* Bytes from one descriptor to another. */
#include "stdio/linux/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/memory.h"
#include "loop_wait.h"
#include "support.h"

#define MIB (1u << 20)

static uv_loop_t loop;
static unsigned ended;
static struct hp_relay *relay;
static int source[2]; /* [0] the relay's, [1] the process's */
static int sink[2];   /* [1] the relay's, [0] the reader's */

static void on_ended(void *arg) {
  ck_assert_ptr_eq(arg, &ended);
  ended++;
}

/* A relay between two pipes; keeper: with a read end of the sink of its own. */
static void start(bool keeper) {
  struct hp_relay_ends ends = {.keeper = -1};
  ck_assert_int_eq(pipe2(source, O_CLOEXEC), 0);
  ck_assert_int_eq(pipe2(sink, O_CLOEXEC), 0);
  ck_assert_int_eq(fcntl(source[0], F_SETFL, O_NONBLOCK), 0);
  ck_assert_int_eq(fcntl(sink[1], F_SETFL, O_NONBLOCK), 0);
  ends.source = source[0];
  ends.sink = sink[1];
  if (keeper) {
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", sink[0]);
    ends.keeper = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(ends.keeper, 0);
  }
  relay = hp_relay_start(&loop, HP_RELAY_OUTPUT, &ends, on_ended, &ended);
  ck_assert_ptr_nonnull(relay);
}

static void setup(void) {
  signal(SIGPIPE, SIG_IGN);
  ended = 0;
  relay = NULL;
  ck_assert_int_eq(uv_loop_init(&loop), 0);
}

static void teardown(void) {
  hp_relay_close(relay);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Runs the loop until the relay has ended; fails after limit_ms. */
static void run_until_ended(unsigned limit_ms) {
  LOOP_WAIT(&loop, ended, limit_ms);
  ck_assert_uint_eq(ended, 1);
}

static void put(const char *text) {
  ck_assert_int_eq(write(source[1], text, strlen(text)), (ssize_t)strlen(text));
}

static void expect(const char *text) {
  char buffer[256] = "";
  ck_assert_int_eq(read(sink[0], buffer, sizeof buffer - 1), (ssize_t)strlen(text));
  ck_assert_str_eq(buffer, text);
}

struct stream { /* one end of a transfer, on a thread of its own */
  int fd;
  size_t length; /* bytes to write, or bytes seen */
  unsigned rest; /* µs after each piece: a slow peer */
  bool wrong;    /* a byte was not what it should be */
};

static unsigned char pattern(size_t at) {
  return (unsigned char)(at * 7 + at / 251);
}

static void *write_pattern(void *arg) {
  struct stream *stream = arg;
  unsigned char buffer[30000];
  for (size_t at = 0; at < stream->length;) {
    size_t count = stream->length - at < sizeof buffer ? stream->length - at : sizeof buffer;
    for (size_t i = 0; i < count; i++)
      buffer[i] = pattern(at + i);
    ssize_t written = write(stream->fd, buffer, count);
    if (written < 0)
      break;
    at += (size_t)written;
  }
  close(stream->fd);
  return NULL;
}

static void *read_pattern(void *arg) {
  struct stream *stream = arg;
  unsigned char buffer[40000];
  ssize_t got;
  while ((got = read(stream->fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t i = 0; i < got; i++)
      stream->wrong |= buffer[i] != pattern(stream->length + (size_t)i);
    stream->length += (size_t)got;
    if (stream->rest > 0)
      usleep(stream->rest);
  }
  return NULL;
}

static void transfer(size_t length, unsigned rest) {
  start(false);
  pthread_t writer, reader;
  struct stream in = {.fd = source[1], .length = length}, out = {.fd = sink[0], .rest = rest};
  ck_assert_int_eq(pthread_create(&writer, NULL, write_pattern, &in), 0);
  ck_assert_int_eq(pthread_create(&reader, NULL, read_pattern, &out), 0);
  run_until_ended(60000);
  pthread_join(writer, NULL);
  pthread_join(reader, NULL);
  ck_assert_uint_eq(out.length, length);
  ck_assert(!out.wrong);
  close(sink[0]);
}

START_TEST(what_is_written_arrives_and_the_end_too) {
  start(false);
  put("hello ");
  put("world");
  close(source[1]);
  run_until_ended(10000);
  expect("hello world");
  ck_assert_int_eq(read(sink[0], (char[1]){0}, 1), 0);
  close(sink[0]);
}
END_TEST

START_TEST(many_bytes_arrive_unchanged) {
  transfer(64 * MIB, 0);
}
END_TEST

START_TEST(a_slow_reader_gets_all) {
  transfer(3 * MIB, 2000);
}
END_TEST

START_TEST(short_lines_share_the_sinks_room) {
  start(true);
  for (int i = 0; i < 1000; i++) { /* far more lines than a pipe has slots */
    put("a line of text\n");
    uv_run(&loop, UV_RUN_NOWAIT);
  }
  int waiting = 0;
  ck_assert_int_eq(ioctl(sink[0], FIONREAD, &waiting), 0);
  ck_assert_int_eq(waiting, 15000);
  close(source[1]);
  close(sink[0]);
}
END_TEST

START_TEST(draining_is_over_at_the_sources_end) {
  start(true);
  put("last words");
  close(source[1]);
  hp_relay_drain(relay, 100000);
  ck_assert_uint_eq(ended, 1); /* at once */
  expect("last words");
  close(sink[0]);
}
END_TEST

START_TEST(a_source_kept_open_ends_with_the_grace) {
  start(true);
  put("before");
  hp_relay_drain(relay, 300);
  ck_assert_uint_eq(ended, 0);
  put("during");
  run_until_ended(8000); /* less than a stall's 10 s */
  expect("beforeduring");
  ck_assert_int_eq(write(source[1], "x", 1), -1); /* our end is closed */
  ck_assert_int_eq(errno, EPIPE);
  close(source[1]);
  close(sink[0]);
}
END_TEST

/* Fills source and sink until neither takes a byte. */
static size_t fill(void) {
  static const char zeros[4096];
  size_t total = 0;
  ck_assert_int_eq(fcntl(source[1], F_SETFL, O_NONBLOCK), 0);
  for (int idle = 0; idle < 3; idle++) {
    for (ssize_t put_now; (put_now = write(source[1], zeros, sizeof zeros)) > 0; idle = 0)
      total += (size_t)put_now;
    uv_run(&loop, UV_RUN_NOWAIT);
  }
  return total;
}

START_TEST(a_full_sink_without_reader_ends_a_drain_at_once) {
  start(true);
  close(sink[0]);
  ck_assert_uint_ge(fill(), 65536);
  hp_relay_drain(relay, 100000);
  ck_assert_uint_eq(ended, 1);
  close(source[1]);
}
END_TEST

START_TEST(a_full_sink_with_a_reader_is_waited_for) {
  start(true);
  size_t total = fill();
  close(source[1]);
  hp_relay_drain(relay, 0);
  ck_assert_uint_eq(ended, 0);
  pthread_t reader;
  struct stream out = {.fd = sink[0]};
  ck_assert_int_eq(pthread_create(&reader, NULL, read_pattern, &out), 0);
  run_until_ended(20000);
  hp_relay_close(relay);
  relay = NULL;
  pthread_join(reader, NULL);
  ck_assert_uint_eq(out.length, total);
  close(sink[0]);
}
END_TEST

START_TEST(a_reader_that_takes_nothing_is_given_up) {
  start(true);
  fill();
  uint64_t begin = uv_hrtime();
  hp_relay_drain(relay, 0);
  run_until_ended(60000);
  ck_assert_uint_ge(uv_hrtime() - begin, UINT64_C(9000000000));
  close(source[1]);
  close(sink[0]);
}
END_TEST

START_TEST(a_reader_that_goes_and_another_that_comes) {
  char self[40];
  start(true);
  put("one");
  uv_run(&loop, UV_RUN_NOWAIT);
  expect("one");
  snprintf(self, sizeof self, "/proc/self/fd/%d", sink[0]);
  int another = open(self, O_RDONLY | O_CLOEXEC);
  close(sink[0]);
  put("two");
  uv_run(&loop, UV_RUN_NOWAIT);
  sink[0] = another;
  expect("two");
  ck_assert_uint_eq(ended, 0);
  close(source[1]);
  run_until_ended(10000);
  close(sink[0]);
}
END_TEST

START_TEST(without_a_keeper_a_lost_reader_blocks_nobody) {
  start(false);
  close(sink[0]);
  ck_assert_int_eq(fcntl(source[1], F_SETFL, 0), 0);
  pthread_t writer;
  struct stream in = {.fd = source[1], .length = MIB};
  ck_assert_int_eq(pthread_create(&writer, NULL, write_pattern, &in), 0);
  run_until_ended(20000); /* the writer gets to its end */
  pthread_join(writer, NULL);
}
END_TEST

START_TEST(nothing_is_left_of_a_discarded_pipe) {
  ck_assert_int_eq(pipe2(source, O_CLOEXEC), 0);
  struct hp_relay_ends ends = {.source = source[0], .sink = -1, .keeper = -1};
  relay = hp_relay_start(&loop, HP_RELAY_DISCARD, &ends, on_ended, &ended);
  pthread_t writer;
  struct stream in = {.fd = source[1], .length = MIB};
  ck_assert_int_eq(pthread_create(&writer, NULL, write_pattern, &in), 0);
  run_until_ended(20000);
  pthread_join(writer, NULL);
}
END_TEST

/* A terminal; its master is non-blocking, as host_process_spawn gives it. */
static void open_terminal(int *master, int *slave) {
  *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ck_assert_int_eq(grantpt(*master) | unlockpt(*master), 0);
  *slave = open(ptsname(*master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ck_assert_int_ge(*slave, 0);
  ck_assert_int_eq(fcntl(*master, F_SETFL, O_RDWR | O_NONBLOCK), 0);
}

/* Types text at a terminal and closes the input. */
static void type_and_close(const char *text, int *master, int *slave) {
  open_terminal(master, slave);
  ck_assert_int_eq(pipe2(source, O_CLOEXEC), 0);
  struct hp_relay_ends ends = {.source = source[0], .sink = fcntl(*master, F_DUPFD_CLOEXEC, 0), .keeper = -1};
  relay = hp_relay_start(&loop, HP_RELAY_INPUT, &ends, on_ended, &ended);
  put(text);
  close(source[1]);
  run_until_ended(10000);
}

/* The next read of a terminal's process; it does not wait for ever. */
static void expect_typed(int slave, const char *text) {
  char buffer[32] = "";
  struct pollfd event = {.fd = slave, .events = POLLIN};
  ck_assert_int_eq(poll(&event, 1, 10000), 1);
  ck_assert_int_eq(read(slave, buffer, sizeof buffer - 1), (ssize_t)strlen(text));
  ck_assert_str_eq(buffer, text);
}

START_TEST(an_ended_input_types_end_of_file) {
  int master, slave;
  type_and_close("line\nrest", &master, &slave);
  expect_typed(slave, "line\n");
  expect_typed(slave, "rest");
  expect_typed(slave, "");
  close(slave);
  close(master);
}
END_TEST

/* A ^D of the client's own sends an unfinished line, and ends nothing. */
START_TEST(a_line_sent_by_the_client_is_followed_by_the_end) {
  int master, slave;
  type_and_close("rest\004", &master, &slave);
  expect_typed(slave, "rest");
  expect_typed(slave, "");
  close(slave);
  close(master);
}
END_TEST

START_TEST(closing_early_tells_nobody) {
  start(true);
  put("x");
  hp_relay_close(relay);
  relay = NULL;
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_uint_eq(ended, 0);
  hp_relay_close(NULL);
  close(source[1]);
  close(sink[0]);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("stdio_linux_relay");
  TCase *tcase = tcase_create("relay");
  tcase_set_timeout(tcase, 110);
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_test(tcase, what_is_written_arrives_and_the_end_too);
  tcase_add_test(tcase, many_bytes_arrive_unchanged);
  tcase_add_test(tcase, a_slow_reader_gets_all);
  tcase_add_test(tcase, short_lines_share_the_sinks_room);
  tcase_add_test(tcase, draining_is_over_at_the_sources_end);
  tcase_add_test(tcase, a_source_kept_open_ends_with_the_grace);
  tcase_add_test(tcase, a_full_sink_without_reader_ends_a_drain_at_once);
  tcase_add_test(tcase, a_full_sink_with_a_reader_is_waited_for);
  tcase_add_test(tcase, a_reader_that_takes_nothing_is_given_up);
  tcase_add_test(tcase, a_reader_that_goes_and_another_that_comes);
  tcase_add_test(tcase, without_a_keeper_a_lost_reader_blocks_nobody);
  tcase_add_test(tcase, nothing_is_left_of_a_discarded_pipe);
  tcase_add_test(tcase, an_ended_input_types_end_of_file);
  tcase_add_test(tcase, a_line_sent_by_the_client_is_followed_by_the_end);
  tcase_add_test(tcase, closing_early_tells_nobody);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
