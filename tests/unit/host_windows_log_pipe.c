#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "base/log.h"
#include "host/host.h"
#include "host/windows/pipe.h"
#include "support.h"

#define PATIENCE_NS UINT64_C(20000000000)
#define TEXT_MAX (1u << 20)

static char namespace_name[32], pipe_name[96];
static uv_loop_t loop;
static uv_timer_t tick; /* the log alone does not keep a loop alive */
static char *text;      /* what the reader has read so far */
static size_t text_length;

static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

static void set_up(void) {
  static unsigned turn;
  snprintf(namespace_name, sizeof namespace_name, "test%lu.%u", (unsigned long)GetCurrentProcessId(), turn++);
  snprintf(pipe_name, sizeof pipe_name, "\\\\.\\pipe\\containerd-shim-%s-c-log", namespace_name);
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
  uint64_t began = uv_hrtime();
  while (uv_run(&loop, UV_RUN_NOWAIT) != 0 && uv_hrtime() - began < PATIENCE_NS)
    Sleep(1);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  free(text);
}

static void open_log(void) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(host_log_open("nowhere", namespace_name, "c", &loop, &err) == 0, "%s", err.message);
}

static HANDLE open_reader(void) {
  struct hp_error err = HP_ERROR_INIT;
  HANDLE pipe = NULL;
  uint64_t began = uv_hrtime();
  while (hp_pipe_dial(pipe_name, 0, &pipe, &err) != 0) {
    ck_assert_msg(err.os_code == ERROR_PIPE_BUSY && uv_hrtime() - began < PATIENCE_NS, "%s", err.message);
    hp_error_clear(&err);
    uv_run(&loop, UV_RUN_NOWAIT);
  }
  return pipe;
}

/* Adds what is there to text; false once the other end is gone. */
static bool read_some(HANDLE reader) {
  DWORD there = 0, got = 0;
  if (!PeekNamedPipe(reader, NULL, 0, NULL, &there, NULL))
    return false;
  if (there == 0)
    return true;
  ck_assert_uint_le(text_length + there, TEXT_MAX - 1);
  if (!ReadFile(reader, text + text_length, there, &got, NULL))
    return false;
  text_length += got;
  text[text_length] = 0;
  return true;
}

static void read_until(HANDLE reader, const char *part) {
  uint64_t began = uv_hrtime();
  while (!strstr(text, part)) {
    ck_assert_msg(uv_hrtime() - began < PATIENCE_NS, "no \"%s\" in: %.2000s", part, text);
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_msg(read_some(reader), "the log is closed without \"%s\": %.2000s", part, text);
  }
}

static void run_until_closed(HANDLE reader) {
  uint64_t began = uv_hrtime();
  while (read_some(reader)) {
    ck_assert_msg(uv_hrtime() - began < PATIENCE_NS, "the connection stays open");
    uv_run(&loop, UV_RUN_NOWAIT);
  }
}

static void settle(void) {
  for (int i = 0; i < 20; i++) {
    uv_run(&loop, UV_RUN_NOWAIT);
    Sleep(1);
  }
}

START_TEST(lines_from_before_and_after_the_reader_came) {
  open_log();
  hp_log(HP_LOG_INFO, "c", "first");
  HANDLE reader = open_reader();
  read_until(reader, "msg=first");
  hp_log(HP_LOG_WARNING, "c", "second");
  read_until(reader, "msg=second");
  ck_assert_ptr_nonnull(strstr(text, "level=warning"));
  ck_assert_int_eq(text[text_length - 1], '\n');
  CloseHandle(reader);
}
END_TEST

START_TEST(the_newest_reader_wins) {
  open_log();
  HANDLE old = open_reader();
  hp_log(HP_LOG_INFO, NULL, "to the old one");
  read_until(old, "to the old one");
  HANDLE new = open_reader();
  run_until_closed(old);
  CloseHandle(old);
  hp_log(HP_LOG_INFO, NULL, "to the new one");
  read_until(new, "to the new one"); /* perhaps after the old one's line, if the shim did not know yet that it was read */
  CloseHandle(new);
}
END_TEST

START_TEST(a_reader_comes_back) {
  open_log();
  HANDLE reader = open_reader();
  hp_log(HP_LOG_INFO, NULL, "before");
  read_until(reader, "before");
  CloseHandle(reader);
  settle();
  hp_log(HP_LOG_INFO, NULL, "meanwhile");
  settle();
  reader = open_reader();
  read_until(reader, "meanwhile");
  CloseHandle(reader);
}
END_TEST

/* More than the queue and every buffer on the way hold. */
static void log_much(unsigned lines) {
  for (unsigned i = 0; i < lines; i++) {
    hp_log(HP_LOG_INFO, NULL, "line %06u %0500d", i, 0);
    uv_run(&loop, UV_RUN_NOWAIT);
  }
}

START_TEST(nobody_reads_the_oldest_are_dropped) {
  open_log();
  log_much(1000);
  HANDLE reader = open_reader();
  read_until(reader, "line 000999");
  read_until(reader, "dropped ");
  ck_assert_ptr_null(strstr(text, "line 000000"));
  unsigned long dropped = strtoul(strstr(text, "dropped ") + 8, NULL, 10), whole = 0;
  for (const char *line = text; (line = strstr(line, "line 0")) != NULL; line++)
    whole++;
  ck_assert_uint_eq(whole + dropped, 1000);
  CloseHandle(reader);
}
END_TEST

START_TEST(a_slow_reader_gets_whole_lines) {
  open_log();
  HANDLE reader = open_reader();
  settle();
  log_much(2000);
  read_until(reader, "dropped ");
  unsigned lines = 0;
  for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++)
    ck_assert_msg(strncmp(line, "time=\"", 6) == 0 && end[-1] == '"', "torn: %.80s", line);
  ck_assert_uint_gt(lines, 100);
  CloseHandle(reader);
}
END_TEST

START_TEST(last_words_are_delivered) {
  open_log();
  HANDLE reader = open_reader();
  hp_log(HP_LOG_INFO, NULL, "hello");
  read_until(reader, "hello");
  hp_log(HP_LOG_INFO, NULL, "the shim ends");
  hp_log(HP_LOG_INFO, NULL, "really");
  host_log_close();
  run_until_closed(reader);
  ck_assert_ptr_nonnull(strstr(text, "the shim ends"));
  ck_assert_ptr_nonnull(strstr(text, "really"));
  CloseHandle(reader);
}
END_TEST

START_TEST(a_name_that_is_taken_is_refused) {
  struct hp_error err = HP_ERROR_INIT;
  HANDLE squatter;
  ck_assert_int_eq(hp_pipe_serve(pipe_name, true, 1, &squatter, &err), 0); /* one: Wine asks for no more */
  ck_assert_int_eq(host_log_open("nowhere", namespace_name, "c", &loop, &err), -1);
  ck_assert_msg(err.code == HP_ALREADY_EXISTS && strstr(err.message, pipe_name), "%s", err.message);
  hp_error_clear(&err);
  CloseHandle(squatter);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_log_pipe");
  TCase *cases = tcase_create("log");
  tcase_add_checked_fixture(cases, set_up, tear_down);
  tcase_add_test(cases, lines_from_before_and_after_the_reader_came);
  tcase_add_test(cases, the_newest_reader_wins);
  tcase_add_test(cases, a_reader_comes_back);
  tcase_add_test(cases, nobody_reads_the_oldest_are_dropped);
  tcase_add_test(cases, a_slow_reader_gets_whole_lines);
  tcase_add_test(cases, last_words_are_delivered);
  tcase_add_test(cases, a_name_that_is_taken_is_refused);
  suite_add_tcase(suite, cases);
  return hp_run_suite(suite);
}
