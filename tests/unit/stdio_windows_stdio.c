/* The streams of a whole process: real processes, real pipes. */
#include "stdio/stdio.h"

#include "host/windows/console.h"
#include "host/windows/winapi.h"
#include "stdio_windows.h"

#define MIB (1u << 20)

static struct hp_stdio *stdio;
static volatile unsigned drains;
static struct hp_error err;
static char directory[MAX_PATH];

static void on_drained(void *arg) {
  ck_assert_ptr_eq(arg, (void *)&drains);
  drains++;
}

static void setup(void) {
  static unsigned turn;
  char temp[MAX_PATH - 40];
  open_loop();
  ck_assert_uint_gt(GetTempPathA(sizeof temp, temp), 0);
  snprintf(directory, sizeof directory, "%shp-stdio-%lu-%u", temp, GetCurrentProcessId(), turn++);
  ck_assert(CreateDirectoryA(directory, NULL));
  stdio = NULL;
  drains = 0;
}

static void teardown(void) {
  char command[MAX_PATH + 32];
  hp_stdio_close(stdio, &loop);
  close_loop();
  hp_error_clear(&err);
  snprintf(command, sizeof command, "rmdir /s /q \"%s\"", directory);
  ck_assert_int_eq(system(command), 0);
}

/* ---- a process from Create to its exit --------------------------------------------- */

struct names {
  const char *in, *out, *err;
  bool terminal, exec;
};

static int open_streams(const struct names *names) {
  const struct hp_stdio_request request = {.namespace_name = "ns",
                                           .container_id = "c",
                                           .in = names->in,
                                           .out = names->out,
                                           .err = names->err,
                                           .terminal = names->terminal,
                                           .exec = names->exec};
  return hp_stdio_open(&request, &stdio, &err);
}

static HANDLE start(const struct names *names, const char *arguments) {
  char command[512];
  host_handle ends[3];
  struct hp_console *console = NULL;
  ck_assert_msg(open_streams(names) == 0, "%s", err.message);
  hp_stdio_ends(stdio, ends);
  if (names->terminal)
    ck_assert_msg(hp_console_open(0, 0, &console, &err) == 0, "%s", err.message);
  snprintf(command, sizeof command, "\"%s\" %s", STREAM_PROGRAM, arguments);
  HANDLE process = run_program(command, ends, console ? hp_console_attribute(console) : NULL);
  hp_stdio_attach(stdio, &loop, console);
  return process;
}

static void drain(void) {
  hp_stdio_drain(stdio, on_drained, (void *)&drains);
}

/* Until the process has ended and its streams are drained. */
static void finish(HANDLE process) {
  ck_assert_uint_eq(wait_for_exit(process), 0);
  drain();
  run_until(&drains, 1);
}

static void close_streams(void) {
  hp_stdio_close(stdio, &loop);
  stdio = NULL;
}

/* ---- output --------------------------------------------------------------------------- */

START_TEST(outputs_reach_their_readers) {
  struct far_end out = {0}, error = {0};
  far_start(&out, far_read);
  far_start(&error, far_read);
  finish(start(&(struct names){.out = out.name, .err = error.name}, "both"));
  far_finish(&out);
  far_finish(&error);
  ck_assert_str_eq(out.text, "to out");
  ck_assert_str_eq(error.text, "to err");
}
END_TEST

START_TEST(one_pipe_serves_both_outputs) {
  struct far_end out = {0};
  far_start(&out, far_read);
  finish(start(&(struct names){.out = out.name, .err = out.name}, "both"));
  far_finish(&out);
  ck_assert_str_eq(out.text, "to outto err");
}
END_TEST

START_TEST(nothing_named_is_the_null_device) {
  host_handle ends[3] = {&stdio, &stdio, &stdio};
  ck_assert_int_eq(open_streams(&(struct names){.out = ""}), 0);
  hp_stdio_ends(stdio, ends);
  for (size_t i = 0; i < 3; i++)
    ck_assert_ptr_null(ends[i]);
  hp_stdio_attach(stdio, &loop, HOST_HANDLE_NONE);
  drain();
  ck_assert_uint_eq(drains, 1);
}
END_TEST

START_TEST(a_burst_arrives_whole) {
  struct far_end out = {0};
  char command[32];
  far_start(&out, far_read);
  snprintf(command, sizeof command, "burst %u", 8 * MIB + 3);
  finish(start(&(struct names){.out = out.name}, command));
  far_finish(&out);
  ck_assert_uint_eq(out.length, 8 * MIB + 3);
  ck_assert(!out.wrong);
}
END_TEST

START_TEST(a_slow_reader_slows_the_program_and_gets_all) {
  struct far_end out = {.pause = 20, .piece = 4096};
  far_start(&out, far_read);
  HANDLE process = start(&(struct names){.out = out.name}, "burst 1048576");
  run_for(300);
  ck_assert_uint_eq(WaitForSingleObject(process, 0), WAIT_TIMEOUT);
  out.pause = 0;
  finish(process);
  far_finish(&out);
  ck_assert_uint_eq(out.length, MIB);
}
END_TEST

START_TEST(a_reader_that_goes_does_not_break_the_program) {
  struct far_end out = {.limit = 1};
  far_start(&out, far_read);
  finish(start(&(struct names){.out = out.name}, "burst 4194304"));
  far_finish(&out);
}
END_TEST

START_TEST(a_reader_that_comes_back_gets_the_rest) {
  struct far_end first = {.limit = 1}, second = {0};
  far_start(&first, far_read);
  HANDLE process = start(&(struct names){.out = first.name}, "lines 40 100");
  far_finish(&first);
  memcpy(second.name, first.name, sizeof second.name);
  far_start(&second, far_read);
  finish(process);
  far_finish(&second);
  ck_assert_msg(strstr(second.text, "line 39\n") != NULL, "got \"%s\"", second.text);
  ck_assert_msg(strstr(second.text, "line 1\n") != NULL, "what was written meanwhile is lost: %s",
                second.text);
}
END_TEST

START_TEST(a_reader_that_reads_nothing_holds_up_exit_for_ten_seconds) {
  struct far_end out = {0};
  far_serve(&out);
  HANDLE process = start(&(struct names){.out = out.name}, "burst 1000");
  ck_assert_uint_eq(wait_for_exit(process), 0);
  uint64_t began = GetTickCount64();
  drain();
  run_until(&drains, 1);
  ck_assert_uint_ge(GetTickCount64() - began, 9000);
  CloseHandle(out.pipe);
}
END_TEST

START_TEST(a_grandchild_holds_the_streams_for_a_bounded_time) {
  struct far_end out = {0};
  far_start(&out, far_read);
  finish(start(&(struct names){.out = out.name, .exec = true}, "leave 15000"));
  far_finish(&out); /* our end is closed: the reader sees the end */
  ck_assert_str_eq(out.text, "left");
}
END_TEST

/* ---- input ------------------------------------------------------------------------------- */

START_TEST(the_end_of_the_input_pipe_is_end_of_input) {
  struct far_end in = {.bytes = "hello"}, out = {0};
  far_start(&in, far_write);
  far_start(&out, far_read);
  finish(start(&(struct names){.in = in.name, .out = out.name}, "echo"));
  far_finish(&in);
  far_finish(&out);
  ck_assert_str_eq(out.text, "hello<end>");
}
END_TEST

START_TEST(close_io_comes_after_what_was_written) {
  struct far_end in = {.bytes = "before", .keep_open = true}, out = {0};
  far_start(&in, far_write);
  far_start(&out, far_read);
  HANDLE process = start(&(struct names){.in = in.name, .out = out.name}, "echo");
  run_until(&in.over, 1);
  hp_stdio_close_stdin(stdio);
  hp_stdio_close_stdin(stdio);
  finish(process);
  far_finish(&in);
  far_finish(&out);
  ck_assert_str_eq(out.text, "before<end>");
}
END_TEST

START_TEST(close_io_before_the_start_is_kept) {
  struct far_end in = {.bytes = "", .keep_open = true}, out = {0};
  char command[512];
  host_handle ends[3];
  far_start(&in, far_write);
  far_start(&out, far_read);
  ck_assert_int_eq(open_streams(&(struct names){.in = in.name, .out = out.name}), 0);
  hp_stdio_close_stdin(stdio);
  hp_stdio_ends(stdio, ends);
  snprintf(command, sizeof command, "\"%s\" echo", STREAM_PROGRAM);
  HANDLE process = run_program(command, ends, NULL);
  hp_stdio_attach(stdio, &loop, HOST_HANDLE_NONE);
  finish(process);
  far_finish(&in);
  far_finish(&out);
  ck_assert_str_eq(out.text, "<end>");
}
END_TEST

/* ---- files ---------------------------------------------------------------------------------- */

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  ck_assert_msg(file != NULL, "%s is not there", path);
  char *text = hp_alloc(4096);
  text[fread(text, 1, 4095, file)] = '\0';
  fclose(file);
  return text;
}

/* Whoever writes the file may need a moment. */
static void wait_for_text(const char *path, const char *text) {
  uint64_t deadline = GetTickCount64() + PATIENCE_MS;
  bool same = false;
  while (!same && GetTickCount64() < deadline) {
    run_for(20);
    char *found = read_file(path);
    same = strcmp(found, text) == 0;
    free(found);
  }
  ck_assert_msg(same, "%s does not hold \"%s\"", path, text);
}

START_TEST(a_file_is_appended_to_and_its_directory_made) {
  char uri[MAX_PATH + 64], path[MAX_PATH + 64];
  snprintf(path, sizeof path, "%s\\a b\\c\\log.txt", directory);
  snprintf(uri, sizeof uri, "file:///%s/a%%20b/c/log.txt", directory);
  for (int i = 0; i < 2; i++) {
    finish(start(&(struct names){.out = uri, .err = uri}, "both"));
    close_streams();
    drains = 0;
  }
  char *text = read_file(path);
  ck_assert_str_eq(text, "to outto errto outto err");
  free(text);
}
END_TEST

START_TEST(a_file_can_be_read_from) {
  char uri[MAX_PATH + 64], path[MAX_PATH + 64];
  struct far_end out = {0};
  snprintf(path, sizeof path, "%s\\in.txt", directory);
  snprintf(uri, sizeof uri, "file:///%s/in.txt", directory);
  FILE *file = fopen(path, "wb");
  fputs("from a file", file);
  fclose(file);
  far_start(&out, far_read);
  finish(start(&(struct names){.in = uri, .out = out.name}, "echo"));
  far_finish(&out);
  ck_assert_str_eq(out.text, "from a file<end>");
}
END_TEST

/* ---- logging programs ---------------------------------------------------------------------------- */

START_TEST(a_logging_program_gets_both_outputs) {
  char program[MAX_PATH], uri[2 * MAX_PATH + 64], path[MAX_PATH + 64];
  ck_assert_uint_gt(GetFullPathNameA(LOGGER_PROGRAM, sizeof program, program, NULL), 0);
  snprintf(uri, sizeof uri, "binary:///%s?file=%s/log", program, directory);
  ck_assert_msg(host_reaper_start(&loop, &err) == 0, "%s", err.message);
  finish(start(&(struct names){.out = uri, .err = uri}, "both"));
  close_streams();
  snprintf(path, sizeof path, "%s\\log.err", directory);
  wait_for_text(path, "to err");
  snprintf(path, sizeof path, "%s\\log.out", directory);
  wait_for_text(path, "to out");
  host_reaper_stop();
}
END_TEST

START_TEST(a_logging_program_that_ends_does_not_break_the_process) {
  char program[MAX_PATH], uri[2 * MAX_PATH + 64];
  ck_assert_uint_gt(GetFullPathNameA(LOGGER_PROGRAM, sizeof program, program, NULL), 0);
  snprintf(uri, sizeof uri, "binary:///%s?file=%s/log&mode=quit", program, directory);
  ck_assert_msg(host_reaper_start(&loop, &err) == 0, "%s", err.message);
  finish(start(&(struct names){.out = uri, .err = uri}, "lines 20 50"));
  close_streams();
  run_for(100); /* its end is told */
  host_reaper_stop();
}
END_TEST

/* ---- consoles ---------------------------------------------------------------------------------- */

START_TEST(a_console_speaks_and_hears_and_ends) {
  struct far_end in = {.bytes = "ping\r"}, out = {0};
  far_start(&in, far_write);
  far_start(&out, far_read);
  finish(start(&(struct names){.in = in.name, .out = out.name, .terminal = true}, "console"));
  far_finish(&in);
  far_finish(&out);
  ck_assert_msg(strstr(out.text, "console 80x25") != NULL, "%s", out.text);
  /* What the console draws in between is its own affair. */
  const char *heard = strstr(out.text, "heard");
  ck_assert_msg(heard && strstr(heard, "ping") && strstr(heard, "ended at"), "%s", out.text);
}
END_TEST

START_TEST(a_console_is_resized) {
  struct far_end in = {.bytes = "", .keep_open = true}, out = {0};
  far_start(&in, far_write);
  far_start(&out, far_read);
  HANDLE process = start(&(struct names){.in = in.name, .out = out.name, .terminal = true}, "console");
  int resized = hp_stdio_resize(stdio, 100, 40, &err);
  ck_assert_int_eq(hp_stdio_resize(stdio, 100, 0, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  run_until(&in.over, 1);
  CloseHandle(in.pipe);
  in.pipe = NULL;
  finish(process);
  far_finish(&in);
  far_finish(&out);
  if (resized != 0 && hp_winapi_is_wine())
    printf("skipped: Wine's ResizePseudoConsole is not implemented\n");
  else
    ck_assert_msg(strstr(out.text, "ended at 100x40") != NULL, "%s", out.text);
}
END_TEST

START_TEST(without_a_console_nothing_is_resized) {
  ck_assert_int_eq(open_streams(&(struct names){.out = ""}), 0);
  ck_assert_int_eq(hp_stdio_resize(stdio, 80, 25, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
}
END_TEST

/* ---- what fails, and what stays -------------------------------------------------------------------- */

START_TEST(a_pipe_nobody_serves_is_named) {
  ck_assert_int_eq(open_streams(&(struct names){.out = "\\\\.\\pipe\\hp-test-nobody"}), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_ptr_nonnull(strstr(err.message, "stdout"));
  ck_assert_ptr_nonnull(strstr(err.message, "hp-test-nobody"));
}
END_TEST

static void one_exec(bool attach) {
  struct far_end in = {.bytes = "x"}, out = {0}, error = {0};
  far_start(&in, far_write);
  far_start(&out, far_read);
  far_start(&error, far_read);
  ck_assert_int_eq(
      open_streams(&(struct names){.in = in.name, .out = out.name, .err = error.name, .exec = true}), 0);
  if (attach) {
    hp_stdio_attach(stdio, &loop, HOST_HANDLE_NONE);
    drains = 0;
    drain();
    run_until(&drains, 1);
  }
  close_streams();
  far_finish(&in);
  far_finish(&out);
  far_finish(&error);
}

START_TEST(handles_do_not_grow) {
  for (int i = 0; i < 10; i++)
    one_exec(i % 2 == 0);
  unsigned before = handle_count();
  for (int i = 0; i < 1000; i++)
    one_exec(i % 2 == 0);
  run_for(50);
  ck_assert_uint_le(handle_count(), before + 5);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("stdio_windows_stdio");
  TCase *tcase = tcase_create("streams");
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_set_timeout(tcase, 120);
  tcase_add_test(tcase, outputs_reach_their_readers);
  tcase_add_test(tcase, one_pipe_serves_both_outputs);
  tcase_add_test(tcase, nothing_named_is_the_null_device);
  tcase_add_test(tcase, a_burst_arrives_whole);
  tcase_add_test(tcase, a_slow_reader_slows_the_program_and_gets_all);
  tcase_add_test(tcase, a_reader_that_goes_does_not_break_the_program);
  tcase_add_test(tcase, a_reader_that_comes_back_gets_the_rest);
  tcase_add_test(tcase, a_reader_that_reads_nothing_holds_up_exit_for_ten_seconds);
  tcase_add_test(tcase, a_grandchild_holds_the_streams_for_a_bounded_time);
  tcase_add_test(tcase, the_end_of_the_input_pipe_is_end_of_input);
  tcase_add_test(tcase, close_io_comes_after_what_was_written);
  tcase_add_test(tcase, close_io_before_the_start_is_kept);
  tcase_add_test(tcase, a_file_is_appended_to_and_its_directory_made);
  tcase_add_test(tcase, a_file_can_be_read_from);
  tcase_add_test(tcase, a_logging_program_gets_both_outputs);
  tcase_add_test(tcase, a_logging_program_that_ends_does_not_break_the_process);
  tcase_add_test(tcase, a_console_speaks_and_hears_and_ends);
  tcase_add_test(tcase, a_console_is_resized);
  tcase_add_test(tcase, without_a_console_nothing_is_resized);
  tcase_add_test(tcase, a_pipe_nobody_serves_is_named);
  tcase_add_test(tcase, handles_do_not_grow);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
