/* Logging programs as the reader of a process's outputs; stdio_linux_logger.c
 * tests them by themselves. */
#include "stdio_linux_process.h"

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

START_TEST(a_copy_that_it_left_behind_gets_all) {
  char *uri = logger_uri("binary", "leave"), path[128];
  start(&(struct names){.out = uri}, "sleep 0.3; head -c 1000000 /dev/zero");
  finish();
  hp_stdio_close(stdio, &loop);
  stdio = NULL;
  run_until_no_children();
  snprintf(path, sizeof path, "%s/log.out", directory);
  struct stat status;
  ck_assert_int_eq(stat(path, &status), 0);
  ck_assert_int_eq(status.st_size, 1000000);
  free(uri);
}
END_TEST

START_TEST(a_copy_that_ends_too_kills_nobody) {
  char *uri = logger_uri("binary", "desert");
  start(&(struct names){.out = uri}, "sleep 0.5; head -c 1000000 /dev/zero; exit 7");
  finish();
  ck_assert_uint_eq(exit_status, 7);
  free(uri);
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

int main(void) {
  Suite *suite = suite_create("stdio_linux_stdio_logger");
  TCase *loggers = new_case(suite, "logging programs");
  tcase_add_test(loggers, a_logging_program_gets_both_outputs);
  tcase_add_test(loggers, a_logging_program_gets_a_terminals_output);
  tcase_add_test(loggers, a_logging_program_that_goes_kills_nobody);
  tcase_add_test(loggers, a_copy_that_it_left_behind_gets_all);
  tcase_add_test(loggers, a_copy_that_ends_too_kills_nobody);
  tcase_add_test(loggers, a_logging_program_that_fails_leaves_nothing);
  return hp_run_suite(suite);
}
