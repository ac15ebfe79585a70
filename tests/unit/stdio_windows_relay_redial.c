/* A relay whose reader comes back and is gone again at once: what dials it again
 * is this file. */
#include "stdio/windows/relay.h"

#include "host/windows/pipe_pair.h"
#include "stdio/windows/open.h"
#include "stdio_windows.h"

static struct hp_error err;
static volatile unsigned dials, endings;
static bool comes_back;

/* A client's end of a pipe whose server has gone. */
HANDLE hp_reopen_pipe(const char *name) {
  HANDLE ours = NULL, theirs = NULL;
  (void)name;
  dials++;
  if (!comes_back)
    return NULL;
  ck_assert_int_eq(hp_pipe_pair(HP_PIPE_FROM_US, &ours, &theirs, &err), 0);
  CloseHandle(theirs);
  return ours;
}

/* The rest of what that file has: nothing here opens by name. */
int hp_open_pipe(const char *stream, const char *name, HANDLE *pipe, struct hp_error *why) {
  (void)pipe;
  return hp_error_set(why, HP_UNIMPLEMENTED, "%s: %s", stream, name);
}

int hp_open_file(const char *stream, const char *path, bool input, HANDLE *file, struct hp_error *why) {
  (void)input, (void)file;
  return hp_error_set(why, HP_UNIMPLEMENTED, "%s: %s", stream, path);
}

static void on_ended(void *arg) {
  (void)arg;
  endings++;
}

START_TEST(a_reader_that_comes_back_to_go_ends_a_drain_once) {
  struct hp_relay_ends ends = {.name = "reader"};
  HANDLE writer = NULL, reader = NULL;
  DWORD count;
  open_loop();
  dials = endings = 0;
  comes_back = false;
  ck_assert_int_eq(hp_pipe_pair(HP_PIPE_TO_US, &ends.source, &writer, &err), 0);
  ck_assert_int_eq(hp_pipe_pair(HP_PIPE_FROM_US, &ends.sink, &reader, &err), 0);
  struct hp_relay *relay = hp_relay_start(&loop, HP_RELAY_OUTPUT, &ends, on_ended, NULL);
  ck_assert_ptr_nonnull(relay);
  CloseHandle(reader);
  ck_assert(WriteFile(writer, "all", 3, &count, NULL));
  run_until(&dials, 1); /* it has gone, and is waited for */
  comes_back = true;
  hp_relay_drain(relay, 1000);
  run_until(&endings, 1);
  ck_assert_uint_eq(endings, 1);
  hp_relay_close(relay);
  CloseHandle(writer);
  close_loop();
  hp_error_clear(&err);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("stdio/windows/relay_redial");
  TCase *test = tcase_create("relay_redial");
  tcase_set_timeout(test, 60);
  tcase_add_test(test, a_reader_that_comes_back_to_go_ends_a_drain_once);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
