/* Our client against any server of hostprocess.test.Peer:
 *
 *   ttrpc_caller PATH
 *
 * makes every call of a table at once, on one connection, and says which did
 * not end as it should. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_service.h"

#define BIG (3u << 20)

struct check {
  const ProtobufCServiceDescriptor *service;
  enum peer_method method;
  const char *key;
  const char *value;
  int64_t timeout_ns;
  enum ttrpc_code code; /* expected */
  const char *expected; /* the value, or a part of the error; NULL: any */
};

static ProtobufCServiceDescriptor unknown_service;
static char big[BIG + 1];

static const struct check checks[] = {
    {&peer_service, PEER_SLEEP, "300", "slow", 0, TTRPC_OK, "slow"},
    {&peer_service, PEER_ECHO, "k", "\xc3\xa4\xe2\x9c\x93", 0, TTRPC_OK, "\xc3\xa4\xe2\x9c\x93"},
    {&peer_service, PEER_ECHO, "", "", 0, TTRPC_OK, ""},
    {&peer_service, PEER_ECHO, "", big, 60000000000, TTRPC_OK, big},
    {&peer_service, PEER_GROW, "3", "", 0, TTRPC_OK, "xxx"},
    {&peer_service, PEER_FAIL, "5", "no such task", 0, TTRPC_NOT_FOUND, "no such task"},
    {&peer_service, PEER_FAIL, "14", "try again", 0, TTRPC_UNAVAILABLE, "try again"},
    {&peer_service, PEER_SLEEP, "60000", "", 50000000, TTRPC_DEADLINE_EXCEEDED, NULL},
    {&peer_service, PEER_HANG, "", "", 50000000, TTRPC_DEADLINE_EXCEEDED, NULL},
    {&unknown_service, PEER_ECHO, "", "", 0, TTRPC_UNIMPLEMENTED, "no.such.Service"},
};
#define CHECKS (sizeof checks / sizeof checks[0])

struct caller {
  uv_loop_t loop;
  uv_connect_t connect;
  struct ttrpc_client *client;
  size_t done;
  int failed;
};

struct call {
  struct caller *caller;
  const struct check *check;
};

static bool as_expected(const struct check *check, enum ttrpc_code code, const char *message,
                        const Ttrpc__KeyValue *response) {
  if (code != check->code)
    return false;
  if (!check->expected)
    return true;
  return code == TTRPC_OK ? strcmp(response->value, check->expected) == 0
                          : strstr(message, check->expected) != NULL;
}

static void on_response(void *arg, enum ttrpc_code code, const char *message,
                        const ProtobufCMessage *response) {
  const struct call *call = arg;
  const struct check *check = call->check;
  struct caller *caller = call->caller;
  if (!as_expected(check, code, message, (const Ttrpc__KeyValue *)response)) {
    printf("%s(%s, %.20s): code %d, expected %d: %s\n", peer_methods[check->method].name, check->key,
           check->value, code, check->code, message);
    caller->failed++;
  }
  if (++caller->done == CHECKS)
    ttrpc_client_free(caller->client);
}

static void on_connected(uv_connect_t *connect, int status) {
  static struct call calls[CHECKS];
  struct caller *caller = connect->data;
  if (status != 0) {
    printf("cannot connect: %s\n", uv_strerror(status));
    exit(EXIT_FAILURE);
  }
  caller->client = ttrpc_client_new(&caller->loop, connect->handle, NULL, NULL, NULL);
  for (size_t i = 0; i < CHECKS; i++) {
    Ttrpc__KeyValue request = TTRPC__KEY_VALUE__INIT;
    request.key = (char *)(uintptr_t)checks[i].key;
    request.value = (char *)(uintptr_t)checks[i].value;
    calls[i] = (struct call){caller, &checks[i]};
    ttrpc_client_call(caller->client, checks[i].service, checks[i].method, &request.base,
                      checks[i].timeout_ns, on_response, &calls[i]);
  }
}

int main(int argc, char **argv) {
  static struct caller caller;
  if (argc != 2) {
    fprintf(stderr, "usage: ttrpc_caller PATH\n");
    return EXIT_FAILURE;
  }
  signal(SIGPIPE, SIG_IGN);
  memset(big, 'b', BIG);
  unknown_service = peer_service;
  unknown_service.name = "no.such.Service";
  uv_loop_init(&caller.loop);
  uv_pipe_t *stream = malloc(sizeof *stream);
  if (!stream)
    abort();
  uv_pipe_init(&caller.loop, stream, 0);
  caller.connect.data = &caller;
  uv_pipe_connect(&caller.connect, stream, argv[1], on_connected);
  uv_run(&caller.loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&caller.loop) != 0) {
    printf("a handle was left open\n");
    caller.failed++;
  }
  return caller.failed || caller.done != CHECKS ? EXIT_FAILURE : EXIT_SUCCESS;
}
