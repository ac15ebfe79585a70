#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "base/memory.h"
#include "host/windows/pipe.h"
#include "host/windows/pipe_pair.h"
#include "host/windows/winapi.h"
#include "support.h"

#define BUFFER_BYTES 65536

struct unit_end {
  HANDLE pipe;
  OVERLAPPED write;
  char *under_way; /* what is being written; NULL: nothing */
};

int hp_run_suite_or_daemon(Suite *suite, int argc, char **argv, host_daemon_main main_of_daemon) {
  if (argc < 2 || strcmp(argv[argc - 1], HOST_DAEMON_VERB) != 0)
    return hp_run_suite(suite);
  srunner_free(srunner_create(suite));
  return host_daemon_continue(main_of_daemon);
}

bool unit_replaces_open_files(void) {
  if (hp_winapi_is_wine())
    printf("skipped: Wine replaces no file that is open\n");
  return !hp_winapi_is_wine();
}

void unit_ignore_broken_pipes(void) { /* there are no signals */
}

void unit_end_daemon(uint32_t pid) {
  HANDLE process = OpenProcess(PROCESS_TERMINATE | SYNCHRONIZE, FALSE, pid);
  if (!process)
    return;
  TerminateProcess(process, EXIT_FAILURE);
  ck_assert_uint_eq(WaitForSingleObject(process, 60000), WAIT_OBJECT_0);
  CloseHandle(process);
}

char *unit_address(const char *directory) {
  (void)directory; /* pipes live in none */
  return hp_pipe_unique_name("unit");
}

char *unit_address_as_url(const char *address) {
  char *url = hp_printf("npipe://%s", address);
  for (char *c = url; *c; c++)
    if (*c == '\\')
      *c = '/';
  return url;
}

/* ---- connections ------------------------------------------------------------------- */

static uv_stream_t *open_stream(uv_loop_t *loop, HANDLE pipe) {
  struct hp_error err = HP_ERROR_INIT;
  uv_stream_t *stream = hp_pipe_stream(loop, pipe, &err);
  ck_assert_msg(stream != NULL, "%s", err.message);
  return stream;
}

/* The client's end and the server's, both overlapped. */
static void connect_pipes(HANDLE ends[2]) {
  struct hp_error err = HP_ERROR_INIT;
  char *name = hp_pipe_unique_name("unit");
  ck_assert_msg(hp_pipe_serve(name, true, 1, &ends[1], &err) == 0, "%s", err.message);
  ck_assert_msg(hp_pipe_dial(name, FILE_FLAG_OVERLAPPED, &ends[0], &err) == 0, "%s", err.message);
  free(name);
}

void unit_stream_pair(uv_loop_t *loop, uv_stream_t *ends[2]) {
  HANDLE pipes[2];
  connect_pipes(pipes);
  for (int i = 0; i < 2; i++)
    ends[i] = open_stream(loop, pipes[i]);
}

uv_stream_t *unit_connect(uv_loop_t *loop, struct unit_end **end) {
  HANDLE pipes[2];
  connect_pipes(pipes);
  *end = hp_alloc(sizeof **end);
  **end = (struct unit_end){.pipe = pipes[1], .write.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
  ck_assert_ptr_nonnull((*end)->write.hEvent);
  return open_stream(loop, pipes[0]);
}

bool unit_end_flushed(struct unit_end *end) {
  if (end->under_way && WaitForSingleObject(end->write.hEvent, 0) == WAIT_OBJECT_0) {
    free(end->under_way);
    end->under_way = NULL;
  }
  return !end->under_way;
}

/* The system takes one write at a time, whole, from memory that must stay. */
ptrdiff_t unit_end_write(struct unit_end *end, const void *data, size_t length) {
  DWORD some = (DWORD)(length < BUFFER_BYTES ? length : BUFFER_BYTES);
  if (!unit_end_flushed(end))
    return 0;
  end->under_way = hp_alloc(some + 1);
  memcpy(end->under_way, data, some);
  if (!WriteFile(end->pipe, end->under_way, some, NULL, &end->write) && GetLastError() != ERROR_IO_PENDING) {
    free(end->under_way);
    end->under_way = NULL;
    return -1;
  }
  return (ptrdiff_t)some;
}

ptrdiff_t unit_end_read(struct unit_end *end, void *data, size_t length) {
  DWORD waiting = 0, got = 0;
  if (!PeekNamedPipe(end->pipe, NULL, 0, NULL, &waiting, NULL))
    return -1;
  if (waiting == 0)
    return 0;
  OVERLAPPED read = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
  DWORD some = length < waiting ? (DWORD)length : waiting;
  bool done = ReadFile(end->pipe, data, some, NULL, &read) || GetLastError() == ERROR_IO_PENDING;
  done = done && GetOverlappedResult(end->pipe, &read, &got, TRUE);
  CloseHandle(read.hEvent);
  return done ? (ptrdiff_t)got : -1;
}

bool unit_end_closed(struct unit_end *end) {
  return !PeekNamedPipe(end->pipe, NULL, 0, NULL, NULL, NULL);
}

void unit_end_free(struct unit_end *end) {
  DWORD written;
  if (!end)
    return;
  if (!unit_end_flushed(end)) {
    CancelIoEx(end->pipe, &end->write);
    GetOverlappedResult(end->pipe, &end->write, &written, TRUE);
    free(end->under_way);
  }
  CloseHandle(end->pipe);
  CloseHandle(end->write.hEvent);
  free(end);
}
