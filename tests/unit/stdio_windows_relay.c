/* The relay alone: this program is the process on one side and the reader on
 * the other. */
#include "stdio/windows/relay.h"

#include "host/windows/pipe_pair.h"
#include "stdio/windows/open.h"
#include "stdio_windows.h"

static struct hp_relay *relay;
static HANDLE writer; /* the process's end */
static volatile unsigned endings;
static struct hp_error err;

static void on_ended(void *arg) {
  ck_assert_ptr_eq(arg, (void *)&endings);
  endings++;
}

static void setup(void) {
  open_loop();
  relay = NULL;
  writer = NULL;
  endings = 0;
}

static void teardown(void) {
  hp_relay_close(relay);
  if (writer)
    CloseHandle(writer);
  close_loop();
  hp_error_clear(&err);
}

static void begin(struct hp_relay_ends ends) {
  ck_assert_int_eq(hp_pipe_pair(HP_PIPE_TO_US, &ends.source, &writer, &err), 0);
  relay = hp_relay_start(&loop, HP_RELAY_OUTPUT, &ends, on_ended, (void *)&endings);
  ck_assert_ptr_nonnull(relay);
}

static void begin_to(const char *name) {
  struct hp_relay_ends ends = {.name = name};
  ck_assert_msg(hp_open_pipe("stdout", name, &ends.sink, &err) == 0, "%s", err.message);
  begin(ends);
}

static void say(const char *text) {
  DWORD count;
  ck_assert(WriteFile(writer, text, (DWORD)strlen(text), &count, NULL));
}

static void say_much(size_t length) {
  char *text = hp_alloc(length + 1);
  memset(text, 'x', length);
  say(text);
  free(text);
}

/* More than the pipe takes at once: on a thread, while the loop runs. */
static DWORD WINAPI write_much(void *length) {
  say_much((size_t)(uintptr_t)length);
  return 0;
}

static void stream(size_t length) {
  HANDLE thread = CreateThread(NULL, 0, write_much, (void *)(uintptr_t)length, 0, NULL);
  ck_assert_ptr_nonnull(thread);
  ck_assert_uint_eq(wait_for(thread), WAIT_OBJECT_0);
  CloseHandle(thread);
}

static void end_writing(void) {
  CloseHandle(writer);
  writer = NULL;
}

START_TEST(the_end_of_the_source_ends_it) {
  struct far_end out = {0};
  far_start(&out, far_read);
  begin_to(out.name);
  say("all");
  end_writing();
  run_until(&endings, 1);
  far_finish(&out);
  ck_assert_str_eq(out.text, "all");
}
END_TEST

static void count_turn(uv_prepare_t *prepare) {
  ++*(unsigned *)prepare->data;
}

static bool time_is_up;

static void on_time(uv_timer_t *timer) {
  (void)timer;
  time_is_up = true;
}

START_TEST(an_idle_one_sleeps) {
  struct far_end out = {0};
  unsigned turns = 0;
  uv_prepare_t prepare;
  far_start(&out, far_read);
  begin_to(out.name);
  uv_prepare_init(&loop, &prepare);
  prepare.data = &turns;
  uv_prepare_start(&prepare, count_turn);
  time_is_up = false;
  /* Again and again: a turn that a timer began goes on to wait for what comes next. */
  uv_timer_start(&keep_alive, on_time, 300, 300);
  while (!time_is_up)
    uv_run(&loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&prepare, NULL);
  ck_assert_uint_lt(turns, 20);
  hp_relay_close(relay);
  relay = NULL;
  far_finish(&out);
}
END_TEST

START_TEST(a_drain_with_nothing_left_waits_for_the_grace) {
  struct far_end out = {0};
  far_start(&out, far_read);
  begin_to(out.name);
  say("before");
  uint64_t began = GetTickCount64();
  hp_relay_drain(relay, 400); /* the writer stays, as a grandchild does */
  run_until(&endings, 1);
  ck_assert_uint_ge(GetTickCount64() - began, 380);
  far_finish(&out);
  ck_assert_str_eq(out.text, "before");
}
END_TEST

START_TEST(a_slow_reader_that_moves_is_waited_for) {
  struct far_end out = {.pause = 1500, .piece = 8192};
  far_start(&out, far_read);
  begin_to(out.name);
  stream(65536 + 8192);
  end_writing();
  hp_relay_drain(relay, 100);
  run_until(&endings, 1);
  out.pause = 0;
  far_finish(&out);
  ck_assert_uint_eq(out.length, 65536 + 8192);
}
END_TEST

START_TEST(a_reader_that_goes_ends_a_drain_at_once) {
  struct far_end out = {0};
  far_serve(&out);
  begin_to(out.name);
  say_much(1000);
  hp_relay_drain(relay, 5000);
  run_for(100);
  ck_assert_uint_eq(endings, 0);
  uint64_t began = GetTickCount64();
  CloseHandle(out.pipe);
  run_until(&endings, 1);
  ck_assert_uint_lt(GetTickCount64() - began, 4000); /* of 5 s grace and 10 s of standstill */
}
END_TEST

START_TEST(without_a_reader_bytes_go_nowhere) {
  begin((struct hp_relay_ends){0});
  stream(1000000);
  hp_relay_drain(relay, 5000);
  ck_assert_uint_eq(endings, 1);
}
END_TEST

START_TEST(a_file_takes_it_all) {
  char temp[MAX_PATH - 40], path[MAX_PATH];
  struct hp_relay_ends ends = {.file = true};
  ck_assert_uint_gt(GetTempPathA(sizeof temp, temp), 0);
  snprintf(path, sizeof path, "%shp-relay-%lu.txt", temp, GetCurrentProcessId());
  ck_assert_msg(hp_open_file("stdout", path, false, &ends.sink, &err) == 0, "%s", err.message);
  begin(ends);
  say_much(60000);
  end_writing();
  run_until(&endings, 1);
  hp_relay_close(relay);
  relay = NULL;
  FILE *file = fopen(path, "rb");
  ck_assert_ptr_nonnull(file);
  fseek(file, 0, SEEK_END);
  ck_assert_int_eq(ftell(file), 60000);
  fclose(file);
  ck_assert_int_eq(remove(path), 0);
}
END_TEST

START_TEST(it_may_be_closed_with_a_write_under_way) {
  struct far_end out = {0};
  far_serve(&out);
  begin_to(out.name);
  say_much(1000);
  run_for(50);
  hp_relay_close(relay);
  relay = NULL;
  run_for(50);
  ck_assert_uint_eq(endings, 0);
  CloseHandle(out.pipe);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("stdio_windows_relay");
  TCase *tcase = tcase_create("relay");
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_set_timeout(tcase, 120);
  tcase_add_test(tcase, the_end_of_the_source_ends_it);
  tcase_add_test(tcase, an_idle_one_sleeps);
  tcase_add_test(tcase, a_drain_with_nothing_left_waits_for_the_grace);
  tcase_add_test(tcase, a_slow_reader_that_moves_is_waited_for);
  tcase_add_test(tcase, a_reader_that_goes_ends_a_drain_at_once);
  tcase_add_test(tcase, without_a_reader_bytes_go_nowhere);
  tcase_add_test(tcase, a_file_takes_it_all);
  tcase_add_test(tcase, it_may_be_closed_with_a_write_under_way);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
