/* A listener whose loop hangs: those who clean up must still learn who it is. */
#include "host/windows/listener.h"

#include <stdlib.h>
#include <windows.h>

#include "host/host.h"
#include "host/windows/pipe_pair.h"
#include "support.h"

#define WAITING 16
#define LOOKS 5 /* Wine takes two instances for each */

static void on_accepted(void *arg, uv_stream_t *stream) {
  (void)arg, (void)stream;
  ck_abort_msg("the loop was not run");
}

START_TEST(it_is_found_while_its_loop_hangs) {
  struct hp_listener *listener;
  struct hp_error err = HP_ERROR_INIT;
  uv_loop_t loop;
  char *name = hp_pipe_unique_name("test");
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(hp_listener_open(name, WAITING, &loop, on_accepted, NULL, &listener, &err), 0);
  uv_run(&loop, UV_RUN_NOWAIT); /* its first turn; no other follows */
  for (int i = 0; i < LOOKS; i++) {
    uint32_t pid = 0;
    ck_assert_msg(host_daemon_find(name, &pid, &err) == 0, "%d: %s", i, err.message);
    ck_assert_uint_eq(pid, GetCurrentProcessId());
  }
  hp_listener_close(listener);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  free(name);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/listener");
  TCase *test = tcase_create("listener");
  tcase_set_timeout(test, 90);
  tcase_add_test(test, it_is_found_while_its_loop_hangs);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
