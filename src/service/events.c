/* Delivery of events to containerd: one connection, one Forward at a time.
 * containerd serves the requests of a connection side by side, so that only the
 * answer to one event says that the next will come after it. An event leaves the
 * queue when it is answered: a containerd that restarts meanwhile may see it
 * twice, never not at all. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "containerd/services/events/ttrpc/v1/events.pb-c.h"
#include "host/host.h"
#include "service/convert.h"
#include "service/event_message.h"
#include "service/event_queue.h"
#include "service/service.h"

enum {
  BACKOFF_FIRST_MS = 100,
  BACKOFF_LAST_MS = 5000,
  IDLE_MS = 30000, /* then an unused connection is closed */
  FORWARD_TIMEOUT_S = 5,
};

struct hp_publisher {
  uv_loop_t *loop;
  char *address; /* NULL: nobody to tell */
  char *namespace_name;
  struct hp_event_queue queue;

  struct ttrpc_client *client;
  bool broken; /* client is of no more use; freed outside its callbacks */
  bool connecting, calling;
  bool resting;     /* until timer: the last attempt failed */
  uv_timer_t timer; /* the next attempt, or the end of an idle connection */
  uint64_t backoff; /* ms */

  void (*done)(void *arg); /* of finish; NULL: it was not called, or is done */
  void *arg;
  bool finishing, finished, retried;
  uv_timer_t limit;

  bool freed;
  unsigned holds; /* callbacks that will still come: memory stays until then */
};

static void advance(struct hp_publisher *publisher);

static void release(struct hp_publisher *publisher) {
  if (--publisher->holds > 0)
    return;
  free(publisher->address);
  free(publisher->namespace_name);
  free(publisher);
}

static void on_timer_closed(uv_handle_t *handle) {
  release(handle->data);
}

static void drop_client(struct hp_publisher *publisher) {
  if (publisher->client)
    ttrpc_client_free(publisher->client);
  publisher->client = NULL;
  publisher->broken = false;
}

/* ---- the end ---------------------------------------------------------- */

static void on_limit(uv_timer_t *timer) {
  struct hp_publisher *publisher = timer->data;
  void (*done)(void *arg) = publisher->done;
  if (!done)
    return;
  if (publisher->queue.count > 0)
    hp_log(HP_LOG_WARNING, NULL, "%zu events were not delivered to containerd before the end",
           publisher->queue.count);
  publisher->finished = true;
  publisher->done = NULL;
  done(publisher->arg);
}

static void finish_now(struct hp_publisher *publisher) {
  uv_timer_start(&publisher->limit, on_limit, 0, 0);
}

/* ---- attempts --------------------------------------------------------- */

static void on_rested(uv_timer_t *timer) {
  struct hp_publisher *publisher = timer->data;
  publisher->resting = false;
  advance(publisher);
}

static void attempt_failed(struct hp_publisher *publisher, const char *reason) {
  uint64_t rest = publisher->backoff;
  publisher->broken = publisher->client != NULL;
  publisher->queue.head_is_sent = false;
  if (publisher->finishing) {
    if (publisher->retried) {
      finish_now(publisher);
      return;
    }
    publisher->retried = true;
    rest = 0;
  } else if (publisher->backoff == BACKOFF_FIRST_MS) {
    hp_log(HP_LOG_WARNING, NULL, "containerd does not take events at %s, trying on: %s", publisher->address,
           reason ? reason : "no reason given");
  }
  publisher->backoff *= 2;
  if (publisher->backoff > BACKOFF_LAST_MS)
    publisher->backoff = BACKOFF_LAST_MS;
  publisher->resting = true;
  uv_timer_start(&publisher->timer, on_rested, rest, 0);
}

/* Whether the same event may fare better another time. Any other code means
 * this one event, and must not keep back those behind it. */
static bool is_passing(enum ttrpc_code code) {
  return code == TTRPC_UNAVAILABLE || code == TTRPC_DEADLINE_EXCEEDED || code == TTRPC_CANCELLED;
}

static void on_forwarded(void *arg, enum ttrpc_code code, const char *message,
                         const ProtobufCMessage *response) {
  struct hp_publisher *publisher = arg;
  (void)response;
  publisher->calling = false;
  if (!publisher->freed) {
    if (is_passing(code)) {
      attempt_failed(publisher, message);
    } else {
      if (code != TTRPC_OK)
        hp_log(HP_LOG_ERROR, NULL, "containerd refused an event of topic %s, which is lost: %s: %s",
               hp_event_topic(publisher->queue.head->kind), hp_code_name((enum hp_code)code),
               message ? message : "");
      publisher->backoff = BACKOFF_FIRST_MS;
      hp_event_queue_pop(&publisher->queue);
      advance(publisher);
    }
  }
  release(publisher);
}

static void forward_head(struct hp_publisher *publisher) {
  const struct hp_queued_event *event = publisher->queue.head;
  Containerd__Services__Events__Ttrpc__V1__ForwardRequest request =
      CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
  Containerd__Types__Envelope envelope = CONTAINERD__TYPES__ENVELOPE__INIT;
  Google__Protobuf__Timestamp when;
  Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
  any.type_url = hp_convert_borrow(hp_event_type(event->kind));
  any.value.data = event->data;
  any.value.len = event->length;
  envelope.timestamp = hp_convert_time(event->when, &when);
  envelope.namespace_ = publisher->namespace_name;
  envelope.topic = hp_convert_borrow(hp_event_topic(event->kind));
  envelope.event = &any;
  request.envelope = &envelope;
  publisher->queue.head_is_sent = true;
  publisher->calling = true;
  publisher->holds++;
  ttrpc_client_call(publisher->client, &containerd__services__events__ttrpc__v1__events__descriptor, 0,
                    &request.base, FORWARD_TIMEOUT_S * INT64_C(1000000000), on_forwarded, publisher);
}

/* A call under way has failed by now, and arranged the next attempt. */
static void on_lost(void *arg) {
  struct hp_publisher *publisher = arg;
  publisher->broken = true;
}

static void on_stream_closed(uv_handle_t *handle) {
  free(handle);
}

static void on_connected(void *arg, uv_stream_t *stream, const struct hp_error *err) {
  struct hp_publisher *publisher = arg;
  publisher->connecting = false;
  if (publisher->freed || publisher->finished) {
    if (stream)
      uv_close((uv_handle_t *)stream, on_stream_closed);
  } else if (!stream) {
    attempt_failed(publisher, err->message);
  } else {
    publisher->client = ttrpc_client_new(publisher->loop, stream, NULL, on_lost, publisher);
    advance(publisher);
  }
  release(publisher);
}

static void on_idle(uv_timer_t *timer) {
  drop_client(timer->data);
}

/* Does what is next, if nothing is under way. */
static void advance(struct hp_publisher *publisher) {
  if (publisher->finished || publisher->connecting || publisher->calling || publisher->resting)
    return;
  if (publisher->queue.count == 0) {
    if (publisher->finishing)
      finish_now(publisher);
    else if (publisher->client)
      uv_timer_start(&publisher->timer, on_idle, IDLE_MS, 0);
    return;
  }
  uv_timer_stop(&publisher->timer);
  if (publisher->broken)
    drop_client(publisher);
  if (publisher->client) {
    forward_head(publisher);
    return;
  }
  publisher->connecting = true;
  publisher->holds++;
  host_connect(publisher->loop, publisher->address, on_connected, publisher);
}

/* ---- the room's face -------------------------------------------------- */

static void init_timer(struct hp_publisher *publisher, uv_timer_t *timer) {
  uv_timer_init(publisher->loop, timer);
  timer->data = publisher;
  publisher->holds++;
}

struct hp_publisher *hp_publisher_new(uv_loop_t *loop, const char *address, const char *namespace_name) {
  struct hp_publisher *publisher = hp_alloc(sizeof *publisher);
  publisher->loop = loop;
  publisher->namespace_name = hp_strdup(namespace_name);
  publisher->backoff = BACKOFF_FIRST_MS;
  if (address && address[0])
    publisher->address = hp_strdup(address);
  else
    hp_log(HP_LOG_WARNING, NULL, "containerd gave no address for events (TTRPC_ADDRESS): none are published");
  init_timer(publisher, &publisher->timer);
  init_timer(publisher, &publisher->limit);
  return publisher;
}

void hp_publisher_observe(void *arg, const struct hp_event *event) {
  struct hp_publisher *publisher = arg;
  if (!publisher->address || publisher->finished)
    return;
  hp_event_queue_push(&publisher->queue, event);
  advance(publisher);
}

int hp_publisher_check_room(const struct hp_publisher *publisher, struct hp_error *err) {
  if (!publisher || !hp_event_queue_is_full(&publisher->queue))
    return 0;
  return hp_error_set(
      err, HP_RESOURCE_EXHAUSTED,
      "%zu events wait for containerd, which does not take them at %s: nothing new is started until "
      "it does; see its log",
      publisher->queue.count, publisher->address);
}

void hp_publisher_finish(struct hp_publisher *publisher, uint64_t timeout_ms, void (*done)(void *arg),
                         void *arg) {
  publisher->finishing = true;
  publisher->done = done;
  publisher->arg = arg;
  publisher->resting = false;
  uv_timer_stop(&publisher->timer);
  uv_timer_start(&publisher->limit, on_limit, timeout_ms, 0);
  advance(publisher);
}

void hp_publisher_free(struct hp_publisher *publisher) {
  if (!publisher)
    return;
  publisher->freed = publisher->finished = true;
  drop_client(publisher);
  hp_event_queue_clear(&publisher->queue);
  uv_close((uv_handle_t *)&publisher->timer, on_timer_closed);
  uv_close((uv_handle_t *)&publisher->limit, on_timer_closed);
}
