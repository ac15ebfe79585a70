#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "host/host.h"
#include "support.h"

#define PATIENCE_NS UINT64_C(40000000000)
#define TEXT_MAX (1u << 20)

static char bundle[] = "/tmp/hp-log-XXXXXX";
static char fifo[64];
static uv_loop_t loop;
static uv_timer_t tick; /* the log alone does not keep a loop alive */
static char *text;      /* what the reader has read so far */
static size_t text_length;

static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

static void set_up(void) {
  signal(SIGPIPE, SIG_IGN);
  strcpy(bundle, "/tmp/hp-log-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(bundle));
  snprintf(fifo, sizeof fifo, "%s/log", bundle);
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  uv_timer_init(&loop, &tick);
  uv_timer_start(&tick, on_tick, 1, 1);
  text = hp_alloc(TEXT_MAX);
  text_length = 0;
  hp_log_set_level(HP_LOG_INFO);
}

static void tear_down(void) {
  host_log_close();
  uv_close((uv_handle_t *)&tick, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  hp_log_set_sink(NULL, NULL);
  free(text);
  unlink(fifo);
  rmdir(bundle);
}

static void open_log(void) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(host_log_open(bundle, "n", "c", &loop, &err) == 0, "%s", err.message);
}

static int open_reader(void) {
  int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  return fd;
}

static void read_more(int reader) {
  for (;;) {
    ssize_t bytes = read(reader, text + text_length, TEXT_MAX - 1 - text_length);
    if (bytes <= 0)
      break;
    text_length += (size_t)bytes;
  }
  text[text_length] = 0;
}

/* Runs the loop until the reader has seen `wanted`. */
static void read_until(int reader, const char *wanted) {
  uint64_t give_up = uv_hrtime() + PATIENCE_NS;
  while (!strstr(text, wanted)) {
    ck_assert_msg(uv_hrtime() < give_up, "\"%s\" never came; read so far: %.2000s", wanted, text);
    uv_run(&loop, UV_RUN_ONCE);
    read_more(reader);
  }
}

START_TEST(lines_reach_the_reader) {
  ck_assert_int_eq(mkfifo(fifo, 0600), 0);
  int reader = open_reader();
  open_log();
  hp_log(HP_LOG_INFO, "c1", "first");
  hp_log(HP_LOG_ERROR, NULL, "second");
  read_until(reader, "second");
  ck_assert_int_eq(strncmp(text, "time=\"", 6), 0);
  ck_assert_ptr_nonnull(strstr(text, "level=info msg=first id=c1"));
  ck_assert_ptr_nonnull(strstr(text, "level=error msg=second"));
  ck_assert(strstr(text, "first") < strstr(text, "second"));
  close(reader);
}
END_TEST

START_TEST(without_a_fifo_nothing_is_logged) {
  open_log();
  hp_log(HP_LOG_ERROR, NULL, "to nobody");
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_int_ne(access(fifo, F_OK), 0);
}
END_TEST

START_TEST(a_file_or_a_link_is_refused) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(symlink("/dev/null", fifo), 0);
  ck_assert_int_eq(host_log_open(bundle, "n", "c", &loop, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  unlink(fifo);
  close(open(fifo, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  ck_assert_int_eq(host_log_open(bundle, "n", "c", &loop, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, fifo));
  hp_error_clear(&err);
}
END_TEST

START_TEST(lines_wait_for_the_first_reader) {
  ck_assert_int_eq(mkfifo(fifo, 0600), 0);
  open_log();
  hp_log(HP_LOG_INFO, NULL, "early");
  uv_run(&loop, UV_RUN_NOWAIT);
  int reader = open_reader();
  read_until(reader, "early");
  close(reader);
}
END_TEST

START_TEST(a_reader_that_went_and_came_back) {
  ck_assert_int_eq(mkfifo(fifo, 0600), 0);
  int reader = open_reader();
  open_log();
  hp_log(HP_LOG_INFO, NULL, "before");
  read_until(reader, "before");
  close(reader);
  hp_log(HP_LOG_INFO, NULL, "meanwhile");
  uv_run(&loop, UV_RUN_NOWAIT);
  reader = open_reader();
  hp_log(HP_LOG_INFO, NULL, "after");
  read_until(reader, "after");
  ck_assert_ptr_nonnull(strstr(text, "meanwhile"));
  ck_assert_ptr_null(strstr(text, "dropped"));
  close(reader);
}
END_TEST

/* Of many lines the newest are kept whole and in order, and the rest counted. */
START_TEST(a_slow_reader_loses_the_oldest_lines) {
  enum { LINES = 600, PADDING = 700 };
  char padding[PADDING + 1];
  memset(padding, '.', PADDING);
  padding[PADDING] = 0;
  ck_assert_int_eq(mkfifo(fifo, 0600), 0);
  int reader = open_reader();
  open_log();
  for (int i = 0; i < LINES; i++) {
    hp_log(HP_LOG_INFO, NULL, "number %d %s", i, padding);
    uv_run(&loop, UV_RUN_NOWAIT);
  }
  read_until(reader, "dropped ");
  read_until(reader, "in time\"");

  int kept = 0, last = -1, number;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    ck_assert_msg(strncmp(line, "time=\"", 6) == 0, "broken line: %s", line);
    const char *found = strstr(line, "msg=\"number ");
    if (!found || sscanf(found, "msg=\"number %d", &number) != 1)
      continue;
    ck_assert_ptr_nonnull(strstr(line, padding));
    ck_assert_int_gt(number, last);
    last = number;
    kept++;
  }
  ck_assert_int_eq(last, LINES - 1);
  ck_assert_int_lt(kept, LINES);
  unsigned long dropped = 0;
  for (size_t i = 0; i < text_length; i++) /* strtok left NULs */
    if (strncmp(text + i, "msg=\"dropped ", 13) == 0)
      dropped += strtoul(text + i + 13, NULL, 10);
  ck_assert_uint_eq(dropped + (unsigned long)kept, LINES);
  close(reader);
}
END_TEST

START_TEST(a_huge_line_is_cut) {
  enum { HUGE_LENGTH = 200000 };
  char *huge = hp_alloc(HUGE_LENGTH + 1);
  memset(huge, 'h', HUGE_LENGTH);
  ck_assert_int_eq(mkfifo(fifo, 0600), 0);
  int reader = open_reader();
  open_log();
  hp_log(HP_LOG_INFO, NULL, "%s", huge);
  hp_log(HP_LOG_INFO, NULL, "next");
  read_until(reader, "next");
  const char *end = strchr(text, '\n');
  ck_assert_ptr_nonnull(end);
  ck_assert_int_lt(end - text, 20000);
  ck_assert_int_eq(strncmp(end + 1, "time=", 5), 0);
  free(huge);
  close(reader);
}
END_TEST

static void chatter(void *arg) {
  for (int i = 0; i < 40; i++)
    hp_log(HP_LOG_INFO, NULL, "thread %d says %d", *(int *)arg, i);
}

START_TEST(any_thread_may_log) {
  enum { THREADS = 4 };
  uv_thread_t threads[THREADS];
  int numbers[THREADS];
  ck_assert_int_eq(mkfifo(fifo, 0600), 0);
  int reader = open_reader();
  open_log();
  for (int i = 0; i < THREADS; i++) {
    numbers[i] = i;
    ck_assert_int_eq(uv_thread_create(&threads[i], chatter, &numbers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    char last[64];
    snprintf(last, sizeof last, "thread %d says 39", i);
    read_until(reader, last);
  }
  for (int i = 0; i < THREADS; i++)
    uv_thread_join(&threads[i]);
  int lines = 0;
  for (const char *at = text; (at = strstr(at, "says ")); at++)
    lines++;
  ck_assert_int_eq(lines, THREADS * 40);
  close(reader);
}
END_TEST

START_TEST(closing_writes_what_waits) {
  ck_assert_int_eq(mkfifo(fifo, 0600), 0);
  int reader = open_reader();
  open_log();
  hp_log(HP_LOG_INFO, NULL, "last words");
  host_log_close();
  read_more(reader);
  ck_assert_ptr_nonnull(strstr(text, "last words"));
  hp_log(HP_LOG_INFO, NULL, "too late");
  read_more(reader);
  ck_assert_ptr_null(strstr(text, "too late"));
  close(reader);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/log_sink");
  TCase *sink = tcase_create("sink");
  tcase_set_timeout(sink, 60);
  tcase_add_checked_fixture(sink, set_up, tear_down);
  tcase_add_test(sink, lines_reach_the_reader);
  tcase_add_test(sink, without_a_fifo_nothing_is_logged);
  tcase_add_test(sink, a_file_or_a_link_is_refused);
  tcase_add_test(sink, lines_wait_for_the_first_reader);
  tcase_add_test(sink, a_reader_that_went_and_came_back);
  tcase_add_test(sink, a_slow_reader_loses_the_oldest_lines);
  tcase_add_test(sink, a_huge_line_is_cut);
  tcase_add_test(sink, any_thread_may_log);
  tcase_add_test(sink, closing_writes_what_waits);
  suite_add_tcase(suite, sink);
  return hp_run_suite(suite);
}
