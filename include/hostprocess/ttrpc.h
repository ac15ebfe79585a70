/* ttrpc (github.com/containerd/ttrpc, protocol of v1.2) for libuv and
 * protobuf-c: a server and a client for unary calls, usable by any C program.
 * It takes connected streams; it never listens and never connects.
 *
 * Threads: everything here belongs to the thread that runs the loop, except
 * where a line says otherwise. A program on a Unix system must ignore SIGPIPE.
 *
 * The wire: a frame is a 10-byte header, big-endian (data length u32, stream id
 * u32, type u8, flags u8), and at most 4 MiB of data. */
#ifndef HOSTPROCESS_TTRPC_H
#define HOSTPROCESS_TTRPC_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define TTRPC_MESSAGE_MAX (4u << 20)

/* gRPC codes as they travel; the numbers are google.rpc.Code's. */
enum ttrpc_code {
  TTRPC_OK = 0,
  TTRPC_CANCELLED = 1,
  TTRPC_UNKNOWN = 2,
  TTRPC_INVALID_ARGUMENT = 3,
  TTRPC_DEADLINE_EXCEEDED = 4,
  TTRPC_NOT_FOUND = 5,
  TTRPC_ALREADY_EXISTS = 6,
  TTRPC_PERMISSION_DENIED = 7,
  TTRPC_RESOURCE_EXHAUSTED = 8,
  TTRPC_FAILED_PRECONDITION = 9,
  TTRPC_ABORTED = 10,
  TTRPC_OUT_OF_RANGE = 11,
  TTRPC_UNIMPLEMENTED = 12,
  TTRPC_INTERNAL = 13,
  TTRPC_UNAVAILABLE = 14,
};

/* ---- server ---------------------------------------------------------- */

struct ttrpc_server;
struct ttrpc_call; /* one request being served; lives until it is answered */

/* Called on the loop for each request, `request` being the unpacked input
 * message of method `index` in the service's descriptor. The call must be
 * answered exactly once, now or later, by ttrpc_reply or ttrpc_fail. `request`
 * is freed when the handler returns, unless ttrpc_call_keep_request was called. */
typedef void (*ttrpc_handler)(void *arg, struct ttrpc_call *call, unsigned method_index,
                              const ProtobufCMessage *request);

struct ttrpc_service {
  const ProtobufCServiceDescriptor *descriptor; /* its full name is matched, e.g. containerd.task.v2.Task */
  ttrpc_handler handler;
  void *arg;
};

struct ttrpc_server_limits { /* 0: the default */
  unsigned outstanding;      /* requests in work per connection; default 4096: then reading stops */
  unsigned connections;      /* default 4096: a further one is closed at once */
  size_t unsent_bytes;       /* answers not yet taken by the peer; default 8 MiB: then reading stops */
};

/* The services array is copied; descriptors and args must outlive the server. */
struct ttrpc_server *ttrpc_server_new(uv_loop_t *loop, const struct ttrpc_service *services, size_t count,
                                      const struct ttrpc_server_limits *limits);

/* Serves a connected stream (uv_pipe_t or uv_tcp_t, heap-allocated, on the
 * server's loop). The server owns it from now on: it closes it and calls
 * `closed(stream)` (may be NULL: then it is free()d) when all is done. */
void ttrpc_server_accept(struct ttrpc_server *server, uv_stream_t *stream,
                         void (*closed)(uv_stream_t *stream));

size_t ttrpc_server_connections(const struct ttrpc_server *server);

/* Stops reading new requests, lets running calls be answered and answers be
 * sent, then closes all connections and calls `done`. A call still unanswered
 * after grace_ms is dropped (its later answer is ignored). */
void ttrpc_server_shutdown(struct ttrpc_server *server, uint64_t grace_ms, void (*done)(void *arg),
                           void *arg);

/* Frees a server whose shutdown is done (and one that never had a connection).
 * Calls that are still unanswered stay valid and ignore their answer. */
void ttrpc_server_free(struct ttrpc_server *server);

const char *ttrpc_call_method(const struct ttrpc_call *call);
/* NULL: absent. It is there, and valid, as long as the request. */
const char *ttrpc_call_metadata(const struct ttrpc_call *call, const char *key);
/* uv_hrtime() of the deadline, 0: none. When it passes the peer is told
 * DeadlineExceeded by the library itself and a later answer is ignored. */
uint64_t ttrpc_call_deadline(const struct ttrpc_call *call);
/* True once nobody waits for the answer: the connection is gone or the
 * deadline has passed. The call must be answered all the same. */
bool ttrpc_call_abandoned(const struct ttrpc_call *call);
/* Called at most once, on the loop, when the call becomes abandoned; it may
 * answer the call. Not called for one that is abandoned already. */
void ttrpc_call_on_abandoned(struct ttrpc_call *call, void (*abandoned)(void *arg), void *arg);
/* Keeps the request message until the call is answered. */
void ttrpc_call_keep_request(struct ttrpc_call *call);

/* Packs and sends message; over TTRPC_MESSAGE_MAX the peer gets
 * ResourceExhausted instead. The call is gone afterwards. */
void ttrpc_reply(struct ttrpc_call *call, const ProtobufCMessage *message);
/* message may be NULL. The call is gone afterwards. */
void ttrpc_fail(struct ttrpc_call *call, enum ttrpc_code code, const char *message);

/* ---- client ---------------------------------------------------------- */

struct ttrpc_client;

/* code TTRPC_OK: response is the unpacked message (freed after the callback);
 * else response is NULL and message says why. A lost connection or a closed
 * client gives TTRPC_UNAVAILABLE. */
typedef void (*ttrpc_response)(void *arg, enum ttrpc_code code, const char *message,
                               const ProtobufCMessage *response);

/* Owns the connected stream as ttrpc_server_accept does. `lost` (may be NULL)
 * is called once when the peer has gone or broke the protocol; all waiting
 * calls have failed by then. The client must still be freed. */
struct ttrpc_client *ttrpc_client_new(uv_loop_t *loop, uv_stream_t *stream,
                                      void (*closed)(uv_stream_t *stream), void (*lost)(void *arg),
                                      void *arg);

/* timeout_ns 0: none. The response callback is never called from inside
 * ttrpc_client_call. */
void ttrpc_client_call(struct ttrpc_client *client, const ProtobufCServiceDescriptor *service,
                       unsigned method_index, const ProtobufCMessage *request, int64_t timeout_ns,
                       ttrpc_response response, void *arg);

/* Fails what waits (later, on the loop), closes the stream, frees the client. */
void ttrpc_client_free(struct ttrpc_client *client);

#endif
