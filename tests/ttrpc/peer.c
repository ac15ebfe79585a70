/* Serves hostprocess.test.Peer (peer_service.h) on a unix socket, for a peer in
 * Go or a load generator:
 *
 *   ttrpc_peer PATH
 *
 * Prints "ready" when it listens. SIGTERM shuts it down gracefully; it then
 * prints what it cost. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "peer_service.h"

struct peer {
  uv_loop_t loop;
  uv_pipe_t listener;
  uv_signal_t terminate;
  struct ttrpc_server *server;
  unsigned abandoned; /* Hangs that nobody waits for any more */
  uint64_t requests;
};

static void answer(struct ttrpc_call *call, const char *key, const char *value) {
  Ttrpc__KeyValue pair = TTRPC__KEY_VALUE__INIT;
  pair.key = (char *)(uintptr_t)key;
  pair.value = (char *)(uintptr_t)value;
  ttrpc_reply(call, &pair.base);
}

struct sleeper {
  uv_timer_t timer;
  struct ttrpc_call *call;
  const ProtobufCMessage *request;
};

static void on_sleeper_closed(uv_handle_t *handle) {
  free(handle);
}

static void on_slept(uv_timer_t *timer) {
  struct sleeper *sleeper = (struct sleeper *)timer;
  ttrpc_reply(sleeper->call, sleeper->request);
  uv_close((uv_handle_t *)timer, on_sleeper_closed);
}

static void wake_up(void *arg) {
  struct sleeper *sleeper = arg;
  uv_timer_start(&sleeper->timer, on_slept, 0, 0);
}

static void sleep_then_answer(struct peer *peer, struct ttrpc_call *call, const Ttrpc__KeyValue *request) {
  struct sleeper *sleeper = calloc(1, sizeof *sleeper);
  if (!sleeper)
    abort();
  ttrpc_call_keep_request(call);
  sleeper->call = call;
  sleeper->request = &request->base;
  uv_timer_init(&peer->loop, &sleeper->timer);
  uv_timer_start(&sleeper->timer, on_slept, strtoull(request->key, NULL, 10), 0);
  ttrpc_call_on_abandoned(call, wake_up, sleeper);
}

static void grow(struct ttrpc_call *call, const char *size_text) {
  size_t size = strtoull(size_text, NULL, 10);
  char *value = size < (64u << 20) ? malloc(size + 1) : NULL;
  if (!value) {
    ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "key is no reasonable size");
    return;
  }
  memset(value, 'x', size);
  value[size] = '\0';
  answer(call, size_text, value);
  free(value);
}

struct hanging {
  struct peer *peer;
  struct ttrpc_call *call;
};

static void on_abandoned(void *arg) {
  struct hanging *hanging = arg;
  hanging->peer->abandoned++;
  ttrpc_fail(hanging->call, TTRPC_CANCELLED, "nobody waits");
  free(hanging);
}

static void hang(struct peer *peer, struct ttrpc_call *call) {
  struct hanging *hanging = calloc(1, sizeof *hanging);
  if (!hanging)
    abort();
  *hanging = (struct hanging){peer, call};
  ttrpc_call_on_abandoned(call, on_abandoned, hanging);
}

static void on_call(void *arg, struct ttrpc_call *call, unsigned index, const ProtobufCMessage *message) {
  struct peer *peer = arg;
  const Ttrpc__KeyValue *request = (const Ttrpc__KeyValue *)message;
  const char *found;
  char number[16];
  peer->requests++;
  switch ((enum peer_method)index) {
  case PEER_SLEEP:
    sleep_then_answer(peer, call, request);
    return;
  case PEER_GROW:
    grow(call, request->key);
    return;
  case PEER_FAIL:
    ttrpc_fail(call, (enum ttrpc_code)atoi(request->key), request->value);
    return;
  case PEER_METADATA:
    found = ttrpc_call_metadata(call, request->key);
    answer(call, request->key, found ? found : "");
    return;
  case PEER_HANG:
    hang(peer, call);
    return;
  case PEER_ABANDONED:
    snprintf(number, sizeof number, "%u", peer->abandoned);
    answer(call, "", number);
    return;
  default:
    ttrpc_reply(call, message);
  }
}

static void on_connection(uv_stream_t *listener, int status) {
  struct peer *peer = listener->data;
  if (status < 0)
    return;
  uv_pipe_t *stream = malloc(sizeof *stream);
  if (!stream || uv_pipe_init(&peer->loop, stream, 0) != 0 || uv_accept(listener, (uv_stream_t *)stream) != 0)
    abort();
  ttrpc_server_accept(peer->server, (uv_stream_t *)stream, NULL);
}

static void on_terminate(uv_signal_t *handle, int signal_number) {
  (void)signal_number;
  struct peer *peer = handle->data;
  uv_close((uv_handle_t *)&peer->terminate, NULL);
  uv_close((uv_handle_t *)&peer->listener, NULL);
  ttrpc_server_shutdown(peer->server, 1000, NULL, NULL);
}

static void print_cost(const struct peer *peer) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0)
    return;
  double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("%" PRIu64 " requests, %.2f us CPU each, %ld KiB peak RSS\n", peer->requests,
         peer->requests ? seconds * 1e6 / (double)peer->requests : 0, usage.ru_maxrss);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: ttrpc_peer PATH\n");
    return EXIT_FAILURE;
  }
  static struct peer peer;
  signal(SIGPIPE, SIG_IGN);
  uv_loop_init(&peer.loop);
  struct ttrpc_service service = {&peer_service, on_call, &peer};
  peer.server = ttrpc_server_new(&peer.loop, &service, 1, NULL);
  uv_pipe_init(&peer.loop, &peer.listener, 0);
  uv_signal_init(&peer.loop, &peer.terminate);
  peer.listener.data = peer.terminate.data = &peer;
  int error = uv_pipe_bind(&peer.listener, argv[1]);
  if (error == 0)
    error = uv_listen((uv_stream_t *)&peer.listener, 128, on_connection);
  if (error != 0) {
    fprintf(stderr, "ttrpc_peer: %s: %s\n", argv[1], uv_strerror(error));
    return EXIT_FAILURE;
  }
  uv_signal_start(&peer.terminate, on_terminate, SIGTERM);
  puts("ready");
  fflush(stdout);
  uv_run(&peer.loop, UV_RUN_DEFAULT);
  ttrpc_server_free(peer.server);
  error = uv_loop_close(&peer.loop);
  if (error != 0)
    fprintf(stderr, "ttrpc_peer: a handle was left open: %s\n", uv_strerror(error));
  print_cost(&peer);
  return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
