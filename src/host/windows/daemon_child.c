/* In the daemon: from `start`'s word to a listening pipe. */
#include "host/windows/daemon_child.h"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "host/host.h"
#include "host/windows/listener.h"
#include "host/windows/pipe.h"

/* Each look at who listens takes one, and nobody gives it back while the loop
 * hangs: enough for containerd and several deletes, one of which ends the shim. */
#define WAITING_INSTANCES 16

struct host_daemon {
  char *address; /* a pipe's name */
  HANDLE report; /* to `start`; NULL: it has heard */
  HANDLE lock;   /* the rendezvous lock, shared with `start` until then */
  struct hp_listener *listener;
};

static void close_once(HANDLE *handle) {
  if (*handle)
    CloseHandle(*handle);
  *handle = NULL;
}

/* ---- listening --------------------------------------------------------------- */

int host_daemon_listen(struct host_daemon *daemon, uv_loop_t *loop,
                       void (*accepted)(void *arg, uv_stream_t *stream), void *arg, struct hp_error *err) {
  return hp_listener_open(daemon->address, WAITING_INSTANCES, loop, accepted, arg, &daemon->listener, err);
}

bool host_daemon_ready(struct host_daemon *daemon) {
  struct hp_daemon_report report = {.ready = 1};
  DWORD written;
  bool heard = WriteFile(daemon->report, &report, sizeof report, &written, NULL) && written == sizeof report;
  close_once(&daemon->report);
  if (heard)
    close_once(&daemon->lock);
  return heard; /* else the lock is now ours alone, and goes with the process */
}

void host_daemon_failed(struct host_daemon *daemon, const struct hp_error *err) {
  if (!daemon->report)
    return;
  struct hp_daemon_report report = {.code = (int32_t)err->code, .os_code = err->os_code};
  const char *reason = err->message ? err->message : "";
  size_t length = strlen(reason);
  DWORD bytes = length < HP_DAEMON_REASON_MAX ? (DWORD)length : HP_DAEMON_REASON_MAX, written;
  if (WriteFile(daemon->report, &report, sizeof report, &written, NULL))
    WriteFile(daemon->report, reason, bytes, &written, NULL);
  close_once(&daemon->report);
}

void host_daemon_close(struct host_daemon *daemon) {
  if (daemon->listener)
    hp_listener_close(daemon->listener);
  daemon->listener = NULL;
}

/* ---- the beginning ----------------------------------------------------------- */

static int read_word(json_t **word, struct hp_error *err) {
  char *text = hp_alloc(HP_DAEMON_STATE_MAX + 1);
  size_t used = 0;
  int got;
  while (used < HP_DAEMON_STATE_MAX &&
         (got = _read(_fileno(stdin), text + used, (unsigned)(HP_DAEMON_STATE_MAX - used))) > 0)
    used += (size_t)got;
  *word = json_loadb(text, used, JSON_REJECT_DUPLICATES, NULL);
  free(text);
  if (*word)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "verb " HOST_DAEMON_VERB " is for this program itself: containerd runs it with start");
}

/* Ours alone: what the shim starts later must not inherit it. */
static HANDLE own_copy(HANDLE inherited) {
  HANDLE copy = NULL, self = GetCurrentProcess();
  if (!DuplicateHandle(self, inherited, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
    return NULL;
  return copy;
}

static int leave_stdio(struct hp_error *err) {
  int null = _open("NUL", _O_RDWR | _O_BINARY | _O_NOINHERIT);
  if (null < 0)
    return hp_error_set(err, HP_INTERNAL, "cannot open NUL: %s", strerror(errno));
  int status = 0;
  for (int fd = 0; fd < 3 && status == 0; fd++)
    if (_dup2(null, fd) != 0)
      status =
          hp_error_set(err, HP_INTERNAL, "cannot put NUL in place of descriptor %d: %s", fd, strerror(errno));
  if (null > 2)
    _close(null);
  return status;
}

static int adopt(struct host_daemon *daemon, const json_t *word, const char **state, struct hp_error *err) {
  const char *address;
  json_int_t lock;
  if (json_unpack((json_t *)(uintptr_t)word, "{s:s, s:I, s:s}", "address", &address, "lock", &lock, "state",
                  state) != 0)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "what start says has not the members that it should");
  daemon->address = hp_strdup(address);
  HANDLE inherited = (HANDLE)(uintptr_t)lock;
  daemon->lock = own_copy(inherited);
  if (!daemon->lock)
    return hp_error_set_os(err, (int)GetLastError(), "cannot keep the lock of %s", address);
  CloseHandle(inherited);
  return leave_stdio(err);
}

int host_daemon_continue(host_daemon_main begin) {
  struct host_daemon daemon = {0};
  struct hp_error err = HP_ERROR_INIT;
  json_t *word = NULL;
  const char *state;
  int status = EXIT_FAILURE;
  if (read_word(&word, &err) != 0) {
    fprintf(stderr, "%s\n", err.message);
    goto done;
  }
  daemon.report = own_copy(GetStdHandle(STD_OUTPUT_HANDLE));
  if (adopt(&daemon, word, &state, &err) != 0)
    host_daemon_failed(&daemon, &err);
  else
    status = begin(&daemon, state);
  if (daemon.report) {
    hp_error_set(&err, HP_INTERNAL, "the daemon ended with status %d before it was ready", status);
    host_daemon_failed(&daemon, &err);
  }
done:
  close_once(&daemon.lock);
  free(daemon.address);
  json_decref(word);
  hp_error_clear(&err);
  return status;
}
