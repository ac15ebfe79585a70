/* Addresses, the listener and the client, against each other. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "host/host.h"
#include "host/windows/listener.h"
#include "host/windows/pipe.h"
#include "support.h"

#define PATIENCE_NS UINT64_C(20000000000)

static uv_loop_t loop;
static char name[128];
static struct hp_error err;

static void set_up(void) {
  static unsigned turn;
  snprintf(name, sizeof name, "\\\\.\\pipe\\hp-test-%lu-%u", (unsigned long)GetCurrentProcessId(), turn++);
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  err = (struct hp_error)HP_ERROR_INIT;
}

static void tear_down(void) {
  hp_error_clear(&err);
  uint64_t began = uv_hrtime();
  while (uv_run(&loop, UV_RUN_NOWAIT) != 0 && uv_hrtime() - began < PATIENCE_NS)
    Sleep(1);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void free_stream(uv_handle_t *stream) {
  free(stream);
}

struct outcome {
  unsigned calls;
  uv_stream_t *stream;
  enum hp_code code;
};

static void on_connected(void *arg, uv_stream_t *stream, const struct hp_error *failure) {
  struct outcome *outcome = arg;
  outcome->calls++;
  outcome->stream = stream;
  outcome->code = failure ? failure->code : HP_OK;
}

static unsigned accepted;
static uv_stream_t *server_end;

static void on_accepted(void *arg, uv_stream_t *stream) {
  (void)arg;
  accepted++;
  if (server_end)
    uv_close((uv_handle_t *)server_end, free_stream);
  server_end = stream;
}

static void close_server_end(void) {
  uv_close((uv_handle_t *)server_end, free_stream);
  server_end = NULL;
}

static void run_until(const unsigned *count, unsigned wanted) {
  uint64_t began = uv_hrtime();
  while (*count < wanted) {
    ck_assert(uv_hrtime() - began < PATIENCE_NS);
    uv_run(&loop, UV_RUN_NOWAIT);
  }
}

START_TEST(connects_and_is_called_back_later) {
  struct hp_listener *listener;
  struct outcome outcome = {0};
  accepted = 0;
  ck_assert_int_eq(hp_listener_open(name, 2, &loop, on_accepted, NULL, &listener, &err), 0);
  host_connect(&loop, name, on_connected, &outcome);
  ck_assert_uint_eq(outcome.calls, 0);
  run_until(&outcome.calls, 1);
  run_until(&accepted, 1);
  ck_assert_ptr_nonnull(outcome.stream);
  uv_close((uv_handle_t *)outcome.stream, free_stream);
  close_server_end();
  hp_listener_close(listener);
}
END_TEST

START_TEST(nobody_there) {
  struct outcome outcome = {0};
  host_connect(&loop, name, on_connected, &outcome);
  run_until(&outcome.calls, 1);
  ck_assert_ptr_null(outcome.stream);
  ck_assert_int_eq(outcome.code, HP_NOT_FOUND);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_uint_eq(outcome.calls, 1);
}
END_TEST

START_TEST(not_a_pipe) {
  struct outcome outcome = {0};
  host_connect(&loop, "unix:///run/x", on_connected, &outcome);
  run_until(&outcome.calls, 1);
  ck_assert_int_eq(outcome.code, HP_INVALID_ARGUMENT);
}
END_TEST

/* One instance, which is taken; freed and served again while the client waits. */
START_TEST(busy_is_waited_for) {
  HANDLE server, client, again;
  struct outcome outcome = {0};
  ck_assert_int_eq(hp_pipe_serve(name, true, 2, &server, &err), 0);
  ck_assert_int_eq(hp_pipe_dial(name, 0, &client, &err), 0);
  host_connect(&loop, name, on_connected, &outcome);
  for (int i = 0; i < 20; i++) {
    uv_run(&loop, UV_RUN_NOWAIT);
    Sleep(1);
  }
  ck_assert_uint_eq(outcome.calls, 0);
  ck_assert_int_eq(hp_pipe_serve(name, false, 2, &again, &err), 0);
  run_until(&outcome.calls, 1);
  ck_assert_ptr_nonnull(outcome.stream);
  uv_close((uv_handle_t *)outcome.stream, free_stream);
  CloseHandle(client);
  CloseHandle(server);
  CloseHandle(again);
}
END_TEST

/* Wine 10 takes FILE_FLAG_FIRST_PIPE_INSTANCE and ignores it. */
static bool first_means_first(void) {
  HANDLE one, two = NULL;
  ck_assert_int_eq(hp_pipe_serve(name, true, 2, &one, &err), 0);
  bool refused = hp_pipe_serve(name, true, 2, &two, &err) != 0;
  if (!refused)
    CloseHandle(two);
  CloseHandle(one);
  hp_error_clear(&err);
  return refused;
}

START_TEST(a_second_listener_is_refused) {
  if (!first_means_first()) {
    puts("skipped: this system lets a second process serve a pipe as its first (Wine does)");
    return;
  }
  struct hp_listener *first, *second;
  ck_assert_int_eq(hp_listener_open(name, 2, &loop, on_accepted, NULL, &first, &err), 0);
  ck_assert_int_eq(hp_listener_open(name, 2, &loop, on_accepted, NULL, &second, &err), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  hp_error_clear(&err);
  hp_listener_close(first);
  ck_assert_msg(hp_listener_open(name, 2, &loop, on_accepted, NULL, &second, &err) == 0, "%s", err.message);
  hp_listener_close(second);
}
END_TEST

/* The loop sleeps while clients come: each is there when it looks again. */
START_TEST(clients_that_went_again_do_not_stop_it) {
  struct hp_listener *listener;
  accepted = 0;
  ck_assert_int_eq(hp_listener_open(name, 2, &loop, on_accepted, NULL, &listener, &err), 0);
  for (unsigned i = 0; i < 50; i++) {
    HANDLE client = NULL;
    while (hp_pipe_dial(name, 0, &client, &err) != 0) {
      ck_assert_int_eq(err.os_code, ERROR_PIPE_BUSY);
      hp_error_clear(&err);
      uv_run(&loop, UV_RUN_NOWAIT);
    }
    CloseHandle(client);
  }
  unsigned before = accepted;
  struct outcome outcome = {0};
  host_connect(&loop, name, on_connected, &outcome);
  run_until(&outcome.calls, 1);
  ck_assert_ptr_nonnull(outcome.stream);
  run_until(&accepted, before + 1);
  uv_close((uv_handle_t *)outcome.stream, free_stream);
  close_server_end();
  hp_listener_close(listener);
}
END_TEST

static char *address_of(const char *containerd, const char *namespace_name, const char *id) {
  char *address = NULL;
  ck_assert_int_eq(host_address(NULL, containerd, namespace_name, id, &address, &err), 0);
  return address;
}

START_TEST(addresses_differ_where_they_should) {
  char *one = address_of("\\\\.\\pipe\\containerd", "a-b", "c"),
       *same = address_of("\\\\.\\pipe\\containerd", "a-b", "c"),
       *other = address_of("\\\\.\\pipe\\containerd", "a", "b-c"), *elsewhere = address_of("x", "a-b", "c");
  ck_assert_str_eq(one, same);
  ck_assert_str_ne(one, other);
  ck_assert_str_ne(one, elsewhere);
  const char prefix[] = "\\\\.\\pipe\\ProtectedPrefix\\Administrators\\containerd-shim-a-b-c-";
  ck_assert_int_eq(strncmp(one, prefix, sizeof prefix - 1), 0);
  ck_assert_str_eq(one + strlen(one) - 5, "-pipe");
  free(one);
  free(same);
  free(other);
  free(elsewhere);
}
END_TEST

START_TEST(the_longest_address_is_a_pipes_name) {
  char longest[77];
  memset(longest, 'x', 76);
  longest[76] = 0;
  char *address = address_of(NULL, longest, longest);
  ck_assert_uint_le(strlen(address) + strlen("-report-4294967295"), 256);
  free(address);
}
END_TEST

START_TEST(spellings_of_a_name) {
  static const char *const spellings[] = {"\\\\.\\pipe\\a\\b", "//./pipe/a/b", "npipe:////./pipe/a/b"};
  for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
    char *address = NULL;
    ck_assert_int_eq(host_address_given(spellings[i], &address, &err), 0);
    ck_assert_str_eq(address, "\\\\.\\pipe\\a\\b");
    free(address);
  }
  char *none = NULL;
  ck_assert_int_eq(host_address_given("\\\\server\\pipe\\a", &none, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
}
END_TEST

START_TEST(absolute_paths) {
  ck_assert(host_path_is_absolute("C:\\x") && host_path_is_absolute("c:/"));
  ck_assert(host_path_is_absolute("\\\\server\\share\\x") && host_path_is_absolute("\\\\?\\C:\\x"));
  ck_assert(!host_path_is_absolute("\\x") && !host_path_is_absolute("C:x") && !host_path_is_absolute("x"));
  ck_assert(!host_path_is_absolute("") && !host_path_is_absolute("/"));
  ck_assert(host_path_same("C:\\x\\Y", "c:/X//y") && host_path_same("", ""));
  ck_assert(!host_path_same("C:\\x", "C:\\x\\y") && !host_path_same("C:\\xy", "C:\\x\\y"));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_connect");
  TCase *cases = tcase_create("connect");
  tcase_add_checked_fixture(cases, set_up, tear_down);
  tcase_add_test(cases, connects_and_is_called_back_later);
  tcase_add_test(cases, nobody_there);
  tcase_add_test(cases, not_a_pipe);
  tcase_add_test(cases, busy_is_waited_for);
  tcase_add_test(cases, a_second_listener_is_refused);
  tcase_add_test(cases, clients_that_went_again_do_not_stop_it);
  tcase_add_test(cases, addresses_differ_where_they_should);
  tcase_add_test(cases, the_longest_address_is_a_pipes_name);
  tcase_add_test(cases, spellings_of_a_name);
  tcase_add_test(cases, absolute_paths);
  suite_add_tcase(suite, cases);
  return hp_run_suite(suite);
}
