/* One connection being served: the rules of streams, the way from a frame to a
 * handler, deadlines. A session holds the calls that are not yet answered;
 * call.c is their public face. */
#ifndef TTRPC_SESSION_H
#define TTRPC_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostprocess/ttrpc.h"
#include "ttrpc/arena.h"
#include "ttrpc/connection.h"

/* A streaming client goes on sending on a stream that was refused; these many
 * streams are remembered, so that it is told only once. */
#define TTRPC_REFUSED_STREAMS 32

struct ttrpc_session_host; /* what the server lends its sessions */

struct ttrpc_session {
  struct ttrpc_connection connection;
  const struct ttrpc_session_host *host;
  struct ttrpc_session *next; /* the server's list */
  struct ttrpc_session *previous;
  struct ttrpc_call *calls;   /* unanswered; newest first */
  struct ttrpc_call *telling; /* unanswered too, and about to be told that they expired */
  unsigned outstanding;       /* the number of both */
  uint32_t last_stream;
  uint32_t refused[TTRPC_REFUSED_STREAMS]; /* a ring; 0: empty */
  unsigned refused_next;
};

struct ttrpc_session_host {
  const struct ttrpc_service *services;
  size_t service_count;
  struct ttrpc_server_limits limits;
  void (*gone)(void *server, struct ttrpc_session *session); /* frees it */
  void *server;
};

struct ttrpc_call {
  struct ttrpc_session *session; /* NULL: the connection is gone */
  struct ttrpc_call *next;
  struct ttrpc_call **link; /* what points to this call in its list */
  const char *method;
  uint64_t deadline; /* uv_hrtime(); 0: none */
  void (*abandoned)(void *arg);
  void *abandoned_arg;
  struct ttrpc_arena arena; /* the request */
  uint32_t stream;
  bool expired;     /* the peer was told DeadlineExceeded */
  bool dispatching; /* its handler is on the stack */
  bool answered;    /* … and has answered it */
  bool keep_request;
  const char *metadata; /* key\0value\0…, in the arena; NULL: none, or the request is gone */
  size_t metadata_size;
};

struct ttrpc_session *ttrpc_session_new(uv_loop_t *loop, const struct ttrpc_session_host *host,
                                        uv_stream_t *stream, void (*closed)(uv_stream_t *stream));

/* Reads no more; closes when the running calls are answered and sent. */
void ttrpc_session_shutdown(struct ttrpc_session *session);

/* Closes now; running calls become abandoned. */
void ttrpc_session_close(struct ttrpc_session *session);

/* Appends the answer `message`, or ResourceExhausted if it is too large. */
void ttrpc_session_send(struct ttrpc_session *session, uint32_t stream, const ProtobufCMessage *message);

/* Appends an error; what is not clean UTF-8 in the message is escaped. */
void ttrpc_session_send_error(struct ttrpc_session *session, uint32_t stream, enum ttrpc_code code,
                              const char *message);

/* Takes an answered call off the session (if there still is one). */
void ttrpc_session_forget(struct ttrpc_call *call);

#endif
