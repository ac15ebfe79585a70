/* More than one instance always waits, so that a client that comes while one is
 * being handed over finds another. The system's wait thread sees their events and
 * wakes the loop; nothing else happens outside the loop. */
#include "host/windows/listener.h"

#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/windows/pipe.h"

#define RETRY_MS 100 /* the system would not give an instance */
#define AT_ONCE 2    /* instances; `start` waits for these, the loop's first turn makes the others */

struct instance {
  HANDLE pipe; /* NULL: none waits here at the moment */
  HANDLE event, wait;
  OVERLAPPED connect;
  bool connected; /* at once: connect says nothing of it */
};

struct hp_listener {
  char *name;
  uv_async_t wake;
  uv_timer_t retry;
  unsigned open_handles;
  bool closed;
  void (*accepted)(void *arg, uv_stream_t *stream);
  void *arg;
  unsigned count;
  struct instance instances[];
};

static void CALLBACK on_event(void *arg, BOOLEAN timed_out) {
  (void)timed_out;
  uv_async_send(arg);
}

/* Puts a new instance to wait for a client. */
static int arm(struct hp_listener *listener, struct instance *instance, bool first, struct hp_error *err) {
  for (;;) {
    HANDLE pipe;
    if (hp_pipe_serve(listener->name, first, PIPE_UNLIMITED_INSTANCES, &pipe, err) != 0)
      return -1;
    instance->connect = (OVERLAPPED){.hEvent = instance->event};
    DWORD reason = ConnectNamedPipe(pipe, &instance->connect) ? ERROR_PIPE_CONNECTED : GetLastError();
    if (reason == ERROR_IO_PENDING || reason == ERROR_PIPE_CONNECTED) {
      instance->pipe = pipe;
      instance->connected = reason == ERROR_PIPE_CONNECTED;
      if (instance->connected)
        SetEvent(instance->event);
      return 0;
    }
    CloseHandle(pipe);
    if (reason != ERROR_NO_DATA) /* that is a client that has gone again */
      return hp_error_set_os(err, (int)reason, "cannot wait for clients of pipe %s", listener->name);
  }
}

/* An instance that waits has an event, which stays, and a pipe, which each client takes along. */
static int prepare(struct hp_listener *listener, struct instance *instance, bool first,
                   struct hp_error *err) {
  if (!instance->event && !(instance->event = CreateEventW(NULL, FALSE, FALSE, NULL)))
    return hp_error_set_os(err, (int)GetLastError(), "cannot make an event for pipe %s", listener->name);
  if (!instance->wait && !RegisterWaitForSingleObject(&instance->wait, instance->event, on_event,
                                                      &listener->wake, INFINITE, WT_EXECUTEINWAITTHREAD)) {
    instance->wait = NULL;
    return hp_error_set_os(err, (int)GetLastError(), "cannot wait for pipe %s", listener->name);
  }
  return arm(listener, instance, first, err);
}

static void on_retry(uv_timer_t *timer);

static void arm_again(struct hp_listener *listener, struct instance *instance) {
  struct hp_error err = HP_ERROR_INIT;
  if (prepare(listener, instance, false, &err) == 0)
    return;
  hp_log(HP_LOG_ERROR, NULL, "%s", err.message);
  hp_error_clear(&err);
  uv_timer_start(&listener->retry, on_retry, RETRY_MS, 0);
}

static void on_retry(uv_timer_t *timer) {
  struct hp_listener *listener = timer->data;
  for (size_t i = 0; i < listener->count; i++)
    if (!listener->instances[i].pipe)
      arm_again(listener, &listener->instances[i]);
}

static void hand_over(struct hp_listener *listener, HANDLE pipe) {
  struct hp_error err = HP_ERROR_INIT;
  uv_stream_t *stream = hp_pipe_stream(listener->wake.loop, pipe, &err);
  if (stream)
    listener->accepted(listener->arg, stream);
  else
    hp_log(HP_LOG_ERROR, NULL, "refused a connection at %s: %s", listener->name, err.message);
  hp_error_clear(&err);
}

static void on_wake(uv_async_t *wake) {
  struct hp_listener *listener = wake->data;
  for (size_t i = 0; i < listener->count && !listener->closed; i++) {
    struct instance *instance = &listener->instances[i];
    if (!instance->pipe || !(instance->connected || HasOverlappedIoCompleted(&instance->connect)))
      continue;
    HANDLE pipe = instance->pipe;
    DWORD none;
    bool connected = instance->connected || GetOverlappedResult(pipe, &instance->connect, &none, FALSE);
    instance->pipe = NULL;
    arm_again(listener, instance); /* first, or the name might be gone for a moment */
    if (connected)
      hand_over(listener, pipe);
    else
      CloseHandle(pipe);
  }
}

static void release_instances(struct hp_listener *listener) {
  for (size_t i = 0; i < listener->count; i++) {
    struct instance *instance = &listener->instances[i];
    if (instance->wait)
      UnregisterWaitEx(instance->wait, INVALID_HANDLE_VALUE); /* returns when no callback runs */
    if (instance->pipe) {
      DWORD none;
      if (CancelIoEx(instance->pipe, &instance->connect)) /* the system writes into it until then */
        GetOverlappedResult(instance->pipe, &instance->connect, &none, TRUE);
      CloseHandle(instance->pipe);
    }
    if (instance->event)
      CloseHandle(instance->event);
    *instance = (struct instance){0};
  }
}

int hp_listener_open(const char *name, unsigned waiting, uv_loop_t *loop,
                     void (*accepted)(void *arg, uv_stream_t *stream), void *arg, struct hp_listener **opened,
                     struct hp_error *err) {
  struct hp_listener *listener = hp_alloc(sizeof *listener + waiting * sizeof listener->instances[0]);
  *listener =
      (struct hp_listener){.name = hp_strdup(name), .accepted = accepted, .arg = arg, .count = waiting};
  int status = uv_async_init(loop, &listener->wake, on_wake);
  if (status != 0) {
    free(listener->name);
    free(listener);
    return hp_error_set(err, HP_INTERNAL, "cannot watch pipe %s: %s", name, uv_strerror(status));
  }
  uv_timer_init(loop, &listener->retry);
  listener->wake.data = listener->retry.data = listener;
  listener->open_handles = 2;
  for (size_t i = 0; i < listener->count && i < AT_ONCE; i++) {
    if (prepare(listener, &listener->instances[i], i == 0, err) != 0) {
      hp_listener_close(listener);
      return -1;
    }
  }
  uv_timer_start(&listener->retry, on_retry, 0, 0);
  *opened = listener;
  return 0;
}

void hp_listener_unref(struct hp_listener *listener) {
  uv_unref((uv_handle_t *)&listener->wake);
  uv_unref((uv_handle_t *)&listener->retry);
}

static void free_when_closed(uv_handle_t *handle) {
  struct hp_listener *listener = handle->data;
  if (--listener->open_handles > 0)
    return;
  free(listener->name);
  free(listener);
}

void hp_listener_close(struct hp_listener *listener) {
  listener->closed = true;
  release_instances(listener);
  uv_close((uv_handle_t *)&listener->wake, free_when_closed);
  uv_close((uv_handle_t *)&listener->retry, free_when_closed);
}
