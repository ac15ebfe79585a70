/* Load on a ttrpc server, in C or in Go:
 *
 *   ttrpc_load --address unix:///path [--connections N] [--in-flight M] [--seconds S]
 *              [--requests R] [--size BYTES] [--state ID] [--spin]
 *
 * keeps M calls under way on each of N connections, for S seconds or until R are
 * answered, checks every answer, and prints what it reached and what that cost
 * itself. Fails if any call does. The call is Echo of hostprocess.test.Peer or,
 * on a shim (on Windows its address is a pipe's name), State of a container ID
 * that it does not have. With --spin the client never sleeps, so that what is
 * measured is the server and not how long this machine takes to wake a client. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ttrpc/peer_service.h"
#include "containerd/task/v2/shim.pb-c.h"

struct load {
  uv_loop_t loop;
  const char *path;
  unsigned connections;
  unsigned in_flight;
  uint64_t requests; /* 0: no limit */
  double seconds;
  Ttrpc__KeyValue echo;
  Containerd__Task__V2__StateRequest state; /* in the place of echo if it has an id */
  uint64_t started;                         /* uv_hrtime() */
  uint64_t ends;                            /* the same */
  uint64_t sent;
  uint64_t answered;
  uint64_t failed;
  unsigned running; /* connections in use */
  bool spin;
};

struct connection {
  struct load *load;
  struct ttrpc_client *client;
  uv_pipe_t *stream;
  uv_connect_t connect;
  unsigned waiting; /* calls under way */
};

static bool enough(const struct load *load) {
  return load->failed > 0 || (load->requests ? load->sent >= load->requests : uv_hrtime() >= load->ends);
}

static void on_response(void *arg, enum ttrpc_code code, const char *message,
                        const ProtobufCMessage *response);

static bool asks_state(const struct load *load) {
  return *load->state.id != '\0';
}

enum { TASK_STATE = 0 }; /* containerd.task.v2.Task's first method */

static void call(struct connection *connection) {
  struct load *load = connection->load;
  connection->waiting++;
  load->sent++;
  if (asks_state(load))
    ttrpc_client_call(connection->client, &containerd__task__v2__task__descriptor, TASK_STATE,
                      &load->state.base, 0, on_response, connection);
  else
    ttrpc_client_call(connection->client, &peer_service, PEER_ECHO, &load->echo.base, 0, on_response,
                      connection);
}

static bool answer_is_right(const struct load *load, enum ttrpc_code code, const ProtobufCMessage *response) {
  if (asks_state(load))
    return code == TTRPC_NOT_FOUND;
  return code == TTRPC_OK && strcmp(((const Ttrpc__KeyValue *)response)->value, load->echo.value) == 0;
}

static void on_response(void *arg, enum ttrpc_code code, const char *message,
                        const ProtobufCMessage *response) {
  struct connection *connection = arg;
  struct load *load = connection->load;
  connection->waiting--;
  if (!answer_is_right(load, code, response)) {
    if (load->failed++ == 0)
      fprintf(stderr, "ttrpc_load: a call failed: code %d, %s\n", code, code ? message : "another answer");
  } else {
    load->answered++;
  }
  if (!enough(load)) {
    call(connection);
  } else if (connection->waiting == 0) {
    ttrpc_client_free(connection->client);
    load->running--;
  }
}

static void on_connected(uv_connect_t *connect, int status) {
  struct connection *connection = connect->data;
  struct load *load = connection->load;
  if (status != 0) {
    fprintf(stderr, "ttrpc_load: %s: %s\n", load->path, uv_strerror(status));
    exit(EXIT_FAILURE);
  }
  connection->client = ttrpc_client_new(&load->loop, (uv_stream_t *)connection->stream, NULL, NULL, NULL);
  if (++load->running < load->connections)
    return;
  struct connection *all = load->loop.data;
  load->started = uv_hrtime();
  load->ends = load->started + (uint64_t)(load->seconds * 1e9);
  for (unsigned i = 0; i < load->connections; i++)
    for (unsigned j = 0; j < load->in_flight; j++)
      call(&all[i]);
}

static double own_cpu(void) {
  uv_rusage_t usage;
  if (uv_getrusage(&usage) != 0)
    return 0;
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void usage(void) {
  fprintf(stderr, "usage: ttrpc_load --address unix:///path [--connections N] [--in-flight M] "
                  "[--seconds S] [--requests R] [--size BYTES] [--state ID] [--spin]\n");
  exit(EXIT_FAILURE);
}

static void parse(int argc, char **argv, struct load *load) {
  static const struct option options[] = {{"address", required_argument, NULL, 'a'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"in-flight", required_argument, NULL, 'i'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"requests", required_argument, NULL, 'r'},
                                          {"size", required_argument, NULL, 'z'},
                                          {"state", required_argument, NULL, 't'},
                                          {"spin", no_argument, NULL, 'p'},
                                          {0}};
  size_t size = 16;
  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (option) {
    case 'a':
      load->path = strncmp(optarg, "unix://", 7) == 0 ? optarg + 7 : optarg;
      break;
    case 'c':
      load->connections = (unsigned)strtoul(optarg, NULL, 10);
      break;
    case 'i':
      load->in_flight = (unsigned)strtoul(optarg, NULL, 10);
      break;
    case 's':
      load->seconds = strtod(optarg, NULL);
      break;
    case 'r':
      load->requests = strtoull(optarg, NULL, 10);
      break;
    case 'z':
      size = strtoul(optarg, NULL, 10);
      break;
    case 't':
      load->state.id = optarg;
      break;
    case 'p':
      load->spin = true;
      break;
    default:
      usage();
    }
  }
  if (!load->path || load->connections == 0 || load->in_flight == 0 || size > TTRPC_MESSAGE_MAX)
    usage();
  char *value = malloc(size + 1);
  if (!value)
    abort();
  memset(value, 'v', size);
  value[size] = '\0';
  load->echo.value = value;
}

int main(int argc, char **argv) {
  struct load load = {.connections = 1,
                      .in_flight = 1,
                      .seconds = 1,
                      .echo = TTRPC__KEY_VALUE__INIT,
                      .state = CONTAINERD__TASK__V2__STATE_REQUEST__INIT};
  parse(argc, argv, &load);
#ifndef _WIN32
  signal(SIGPIPE, SIG_IGN);
#endif
  uv_loop_init(&load.loop);
  struct connection *all = calloc(load.connections, sizeof *all);
  if (!all)
    abort();
  load.loop.data = all;
  for (unsigned i = 0; i < load.connections; i++) {
    all[i].load = &load;
    all[i].stream = malloc(sizeof *all[i].stream);
    all[i].connect.data = &all[i];
    uv_pipe_init(&load.loop, all[i].stream, 0);
    uv_pipe_connect(&all[i].connect, all[i].stream, load.path, on_connected);
  }
  while (uv_run(&load.loop, load.spin ? UV_RUN_NOWAIT : UV_RUN_DEFAULT))
    continue;
  double seconds = (double)(uv_hrtime() - load.started) / 1e9;
  printf("connections=%u in_flight=%u answered=%" PRIu64 " failed=%" PRIu64
         " per_second=%.0f own_cpu_us_each=%.2f\n",
         load.connections, load.in_flight, load.answered, load.failed, (double)load.answered / seconds,
         own_cpu() * 1e6 / (double)(load.answered ? load.answered : 1));
  uv_loop_close(&load.loop);
  free(load.echo.value);
  free(all);
  return load.failed == 0 && load.answered > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
