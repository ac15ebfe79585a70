/* The set of connections of a server, from accept to a shutdown. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ttrpc/session.h"

#define DEFAULT_OUTSTANDING 4096u
#define DEFAULT_CONNECTIONS 4096u
#define DEFAULT_UNSENT_BYTES (8u << 20)

struct ttrpc_server {
  uv_loop_t *loop;
  struct ttrpc_session_host host;
  struct ttrpc_service *services;
  struct ttrpc_session *sessions;
  size_t connections;
  uv_timer_t grace; /* initialised by shutdown */
  void (*done)(void *arg);
  void *done_arg;
  bool shutting_down;
};

static void on_grace_closed(uv_handle_t *handle) {
  struct ttrpc_server *server = handle->data;
  if (server->done)
    server->done(server->done_arg); /* may free the server */
}

static void finish_shutdown(struct ttrpc_server *server) {
  uv_handle_t *grace = (uv_handle_t *)&server->grace;
  if (server->shutting_down && server->connections == 0 && !uv_is_closing(grace))
    uv_close(grace, on_grace_closed);
}

static void on_session_gone(void *arg, struct ttrpc_session *session) {
  struct ttrpc_server *server = arg;
  if (session->previous)
    session->previous->next = session->next;
  else
    server->sessions = session->next;
  if (session->next)
    session->next->previous = session->previous;
  free(session);
  server->connections--;
  finish_shutdown(server);
}

struct ttrpc_server *ttrpc_server_new(uv_loop_t *loop, const struct ttrpc_service *services, size_t count,
                                      const struct ttrpc_server_limits *limits) {
  struct ttrpc_server *server = hp_alloc(sizeof *server);
  server->loop = loop;
  server->services = hp_realloc_array(NULL, count, sizeof *services);
  if (count > 0)
    memcpy(server->services, services, count * sizeof *services);
  struct ttrpc_server_limits wanted = limits ? *limits : (struct ttrpc_server_limits){0};
  if (wanted.outstanding == 0)
    wanted.outstanding = DEFAULT_OUTSTANDING;
  if (wanted.connections == 0)
    wanted.connections = DEFAULT_CONNECTIONS;
  if (wanted.unsent_bytes == 0)
    wanted.unsent_bytes = DEFAULT_UNSENT_BYTES;
  server->host = (struct ttrpc_session_host){.services = server->services,
                                             .service_count = count,
                                             .limits = wanted,
                                             .gone = on_session_gone,
                                             .server = server};
  return server;
}

void ttrpc_server_accept(struct ttrpc_server *server, uv_stream_t *stream,
                         void (*closed)(uv_stream_t *stream)) {
  struct ttrpc_session *session = ttrpc_session_new(server->loop, &server->host, stream, closed);
  session->next = server->sessions;
  if (server->sessions)
    server->sessions->previous = session;
  server->sessions = session;
  server->connections++;
  if (server->connections > server->host.limits.connections)
    ttrpc_session_close(session); /* leaves the list later, on the loop */
  else if (server->shutting_down)
    ttrpc_session_shutdown(session);
}

size_t ttrpc_server_connections(const struct ttrpc_server *server) {
  return server->connections;
}

static void on_grace(uv_timer_t *timer) {
  struct ttrpc_server *server = timer->data;
  for (struct ttrpc_session *session = server->sessions; session; session = session->next)
    ttrpc_session_close(session); /* leaves the list later, on the loop */
}

void ttrpc_server_shutdown(struct ttrpc_server *server, uint64_t grace_ms, void (*done)(void *arg),
                           void *arg) {
  if (server->shutting_down)
    return;
  server->shutting_down = true;
  server->done = done;
  server->done_arg = arg;
  uv_timer_init(server->loop, &server->grace);
  server->grace.data = server;
  uv_timer_start(&server->grace, on_grace, grace_ms, 0);
  for (struct ttrpc_session *session = server->sessions; session; session = session->next)
    ttrpc_session_shutdown(session);
  finish_shutdown(server);
}

void ttrpc_server_free(struct ttrpc_server *server) {
  if (!server)
    return;
  free(server->services);
  free(server);
}
