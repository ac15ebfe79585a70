/* Logging programs: how they are started, get ready, end. */
#include "stdio/linux/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "support.h"

static uv_loop_t loop;
static uv_timer_t keep_alive; /* the reaper alone keeps no loop running */
static char directory[64];
static int out[2], errors[2];
static struct hp_logger *logger;
static struct hp_error err;
static unsigned exits;

static void on_nothing(uv_timer_t *timer) {
  (void)timer;
}

static void setup(void) {
  snprintf(directory, sizeof directory, "/tmp/hp-logger-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(directory));
  ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
  ck_assert_int_eq(pipe2(errors, O_CLOEXEC), 0);
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
  uv_timer_init(&loop, &keep_alive);
  uv_timer_start(&keep_alive, on_nothing, 3600000, 0);
  logger = NULL;
  exits = 0;
}

static bool has_children(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void close_pipes(void) {
  int *const ends[] = {&out[0], &out[1], &errors[0], &errors[1]};
  for (size_t i = 0; i < 4; i++) {
    if (*ends[i] >= 0)
      close(*ends[i]);
    *ends[i] = -1;
  }
}

/* Whatever a test did, no program may be left running after it. */
static void teardown(void) {
  char command[128];
  close_pipes();
  hp_logger_stop(logger, &loop);
  for (int i = 0; i < 30000 && has_children(); i++) {
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
  ck_assert(!has_children());
  uv_run(&loop, UV_RUN_NOWAIT);
  uv_close((uv_handle_t *)&keep_alive, NULL);
  host_reaper_stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  snprintf(command, sizeof command, "rm -rf %s", directory);
  ck_assert_int_eq(system(command), 0);
  hp_error_clear(&err);
}

struct start {
  uv_work_t work;
  const struct hp_endpoint *endpoint;
  int result;
  bool done;
};

static void on_pool(uv_work_t *work) {
  struct start *start = work->data;
  const int readers[2] = {out[0], errors[0]};
  start->result = hp_logger_start(start->endpoint, "a-namespace", "a-container", readers, &logger, &err);
}

static void on_started(uv_work_t *work, int status) {
  (void)status;
  ((struct start *)work->data)->done = true;
}

/* As the shim does it: on the pool, while the loop reaps. */
static int start_program(const char *uri) {
  struct hp_endpoint endpoint;
  ck_assert_int_eq(hp_endpoint_parse("stdout", uri, &endpoint, &err), 0);
  struct start start = {.endpoint = &endpoint};
  start.work.data = &start;
  uv_queue_work(&loop, &start.work, on_pool, on_started);
  while (!start.done)
    uv_run(&loop, UV_RUN_ONCE);
  hp_endpoint_clear(&endpoint);
  return start.result;
}

static int start_mode(const char *scheme, const char *mode) {
  char *uri = hp_printf("%s://%s?file=%s/log&mode=%s", scheme, LOGGER_PROGRAM, directory, mode);
  int result = start_program(uri);
  free(uri);
  return result;
}

static char *contents(const char *part) {
  char path[128], *text = hp_alloc(4096);
  snprintf(path, sizeof path, "%s/log.%s", directory, part);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    ck_assert_int_ge(read(fd, text, 4095), 0);
    close(fd);
  }
  return text;
}

static void on_exited(void *arg) {
  (void)arg;
  exits++;
}

static void run_until_no_children(void) {
  for (int i = 0; i < 30000 && has_children(); i++) {
    uv_run(&loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
  ck_assert(!has_children());
  uv_run(&loop, UV_RUN_NOWAIT);
}

static void expect_collected(void) {
  ck_assert_int_eq(write(out[1], "to out", 6), 6);
  ck_assert_int_eq(write(errors[1], "to err", 6), 6);
  close_pipes();
  hp_logger_stop(logger, &loop);
  logger = NULL;
  run_until_no_children();
  char *got_out = contents("out"), *got_err = contents("err");
  ck_assert_str_eq(got_out, "to out");
  ck_assert_str_eq(got_err, "to err");
  free(got_out);
  free(got_err);
}

START_TEST(closing_means_ready) {
  ck_assert_msg(start_mode("binary", "ready") == 0, "%s", err.message);
  expect_collected();
}
END_TEST

START_TEST(a_byte_means_ready) {
  ck_assert_msg(start_mode("binary-v2", "byte") == 0, "%s", err.message);
  expect_collected();
}
END_TEST

START_TEST(closing_without_a_byte_is_failure_in_v2) {
  ck_assert_int_eq(start_mode("binary-v2", "ready"), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "without a byte"));
  run_until_no_children(); /* it is not left running */
}
END_TEST

START_TEST(a_program_that_ends_too_early_tells_its_status) {
  ck_assert_int_eq(start_mode("binary", "fail"), -1);
  ck_assert_msg(strstr(err.message, "ended with status 3 before it was ready") != NULL, "%s", err.message);
  hp_error_clear(&err);
  ck_assert_int_eq(start_mode("binary-v2", "fail"), -1);
  ck_assert_msg(strstr(err.message, "ended with status 3 before it was ready") != NULL, "%s", err.message);
}
END_TEST

START_TEST(a_program_that_never_gets_ready_is_given_up) {
  ck_assert_int_eq(start_mode("binary", "mute"), -1);
  ck_assert_int_eq(err.code, HP_DEADLINE_EXCEEDED);
  ck_assert_ptr_nonnull(strstr(err.message, LOGGER_PROGRAM));
  run_until_no_children();
}
END_TEST

START_TEST(a_missing_program_is_named) {
  ck_assert_int_eq(start_program("binary:///no/such/logger"), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_ptr_nonnull(strstr(err.message, "stdout"));
  ck_assert_ptr_nonnull(strstr(err.message, "/no/such/logger"));
}
END_TEST

START_TEST(it_sees_its_arguments_two_variables_and_no_more) {
  char *uri = hp_printf("binary://%s?file=%s/log&k=a+b&k=c&empty", LOGGER_PROGRAM, directory);
  ck_assert_int_eq(setenv("HP_TEST_SECRET", "x", 1), 0);
  int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */
  ck_assert_int_eq(start_program(uri), 0);
  close(leak);
  expect_collected();
  char *got = contents("args");
  char *expected = hp_printf("[file][%s/log][k][a b][empty][]\n"
                             "CONTAINER_ID=a-container\nCONTAINER_NAMESPACE=a-namespace\n",
                             directory);
  ck_assert_str_eq(got, expected);
  free(expected);
  free(got);
  free(uri);
}
END_TEST

START_TEST(an_early_end_is_told_once) {
  ck_assert_int_eq(start_mode("binary", "quit"), 0);
  hp_logger_watch(logger, on_exited, NULL);
  while (exits == 0)
    uv_run(&loop, UV_RUN_ONCE);
  hp_logger_stop(logger, &loop);
  logger = NULL;
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_eq(exits, 1);
}
END_TEST

START_TEST(a_stopped_program_tells_nobody) {
  ck_assert_int_eq(start_mode("binary", "ready"), 0);
  hp_logger_watch(logger, on_exited, NULL);
  expect_collected();
  ck_assert_uint_eq(exits, 0);
}
END_TEST

START_TEST(a_stubborn_program_is_killed_in_the_end) {
  ck_assert_int_eq(start_mode("binary", "stubborn"), 0);
  expect_collected(); /* 14 s: SIGTERM is ignored */
}
END_TEST

START_TEST(a_held_stream_ends_with_a_signal) {
  ck_assert_int_eq(start_mode("binary", "ready"), 0);
  hp_logger_stop(logger, &loop); /* out[1] is still open, as in a grandchild's hands */
  logger = NULL;
  run_until_no_children();
}
END_TEST

int main(void) {
  Suite *suite = suite_create("stdio_linux_logger");
  TCase *tcase = tcase_create("logger");
  tcase_set_timeout(tcase, 110);
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_test(tcase, closing_means_ready);
  tcase_add_test(tcase, a_byte_means_ready);
  tcase_add_test(tcase, closing_without_a_byte_is_failure_in_v2);
  tcase_add_test(tcase, a_program_that_ends_too_early_tells_its_status);
  tcase_add_test(tcase, a_program_that_never_gets_ready_is_given_up);
  tcase_add_test(tcase, a_missing_program_is_named);
  tcase_add_test(tcase, it_sees_its_arguments_two_variables_and_no_more);
  tcase_add_test(tcase, an_early_end_is_told_once);
  tcase_add_test(tcase, a_stopped_program_tells_nobody);
  tcase_add_test(tcase, a_stubborn_program_is_killed_in_the_end);
  tcase_add_test(tcase, a_held_stream_ends_with_a_signal);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
