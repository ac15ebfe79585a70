#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/host.h"
#include "host/linux/address.h"
#include "support.h"

static char directory[] = "/tmp/hp-connect-XXXXXX";
static char path[64];
static int listener;
static uv_loop_t loop;

static struct outcome {
  int calls;
  uv_stream_t *stream;
  enum hp_code code;
  char message[256];
} outcome;

static void listen_at(const char *address) {
  struct hp_error err = HP_ERROR_INIT;
  struct sockaddr_un name;
  socklen_t length;
  ck_assert_int_eq(hp_address_socket(address, &name, &length, &err), 0);
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_ge(listener, 0);
  ck_assert_int_eq(bind(listener, (const struct sockaddr *)&name, length), 0);
  ck_assert_int_eq(listen(listener, 8), 0);
}

static void set_up(void) {
  strcpy(directory, "/tmp/hp-connect-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/s", directory);
  outcome = (struct outcome){0};
  listener = -1;
  ck_assert_int_eq(uv_loop_init(&loop), 0);
}

static void tear_down(void) {
  if (listener >= 0)
    close(listener);
  unlink(path);
  rmdir(directory);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void on_connected(void *arg, uv_stream_t *stream, const struct hp_error *err) {
  ck_assert_ptr_eq(arg, &outcome);
  outcome.calls++;
  outcome.stream = stream;
  if (!stream) {
    outcome.code = err->code;
    snprintf(outcome.message, sizeof outcome.message, "%s", err->message);
  }
}

static void connect_to(const char *address) {
  host_connect(&loop, address, on_connected, &outcome);
  ck_assert_int_eq(outcome.calls, 0); /* never from inside the call */
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(outcome.calls, 1);
}

static void free_stream(uv_handle_t *stream) {
  free(stream);
}

/* The stream really leads to our listener. */
static void talk(void) {
  ck_assert_ptr_nonnull(outcome.stream);
  uv_buf_t hello = uv_buf_init("hello", 5);
  ck_assert_int_eq(uv_try_write(outcome.stream, &hello, 1), 5);
  int peer = accept(listener, NULL, NULL);
  char got[8] = "";
  ck_assert_int_eq(read(peer, got, sizeof got), 5);
  ck_assert_str_eq(got, "hello");
  close(peer);
  uv_close((uv_handle_t *)outcome.stream, free_stream);
  uv_run(&loop, UV_RUN_DEFAULT);
}

START_TEST(a_bare_path) {
  listen_at(path);
  connect_to(path);
  talk();
}
END_TEST

START_TEST(a_scheme) {
  char address[80];
  snprintf(address, sizeof address, "unix://%s", path);
  listen_at(path);
  connect_to(address);
  talk();
}
END_TEST

START_TEST(an_abstract_name) {
  char address[80];
  snprintf(address, sizeof address, "@hp-connect-%ld", (long)getpid());
  listen_at(address);
  connect_to(address);
  talk();
}
END_TEST

START_TEST(nobody_is_there) {
  connect_to(path);
  ck_assert_ptr_null(outcome.stream);
  ck_assert_int_eq(outcome.code, HP_UNAVAILABLE);
  ck_assert_ptr_nonnull(strstr(outcome.message, path));
}
END_TEST

START_TEST(nobody_listens_any_more) {
  listen_at(path);
  close(listener);
  listener = -1;
  connect_to(path);
  ck_assert_ptr_null(outcome.stream);
  ck_assert_int_eq(outcome.code, HP_UNAVAILABLE);
}
END_TEST

START_TEST(a_path_that_no_socket_can_have) {
  char address[300];
  memset(address, 'x', sizeof address - 1);
  address[0] = '/';
  address[sizeof address - 1] = 0;
  connect_to(address);
  ck_assert_ptr_null(outcome.stream);
  ck_assert_int_eq(outcome.code, HP_INVALID_ARGUMENT);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/connect");
  TCase *connected = tcase_create("connect");
  tcase_add_checked_fixture(connected, set_up, tear_down);
  tcase_add_test(connected, a_bare_path);
  tcase_add_test(connected, a_scheme);
  tcase_add_test(connected, an_abstract_name);
  tcase_add_test(connected, nobody_is_there);
  tcase_add_test(connected, nobody_listens_any_more);
  tcase_add_test(connected, a_path_that_no_socket_can_have);
  suite_add_tcase(suite, connected);
  return hp_run_suite(suite);
}
