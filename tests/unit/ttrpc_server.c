/* A server as a set of connections: accept, shutdown, the end. */
#include "hostprocess/ttrpc.h"

#include "support.h"
#include "ttrpc_peer.h"

static struct peer peer;
static struct ttrpc_server *server;
static struct ttrpc_call *held;
static unsigned abandoned;
static unsigned closed;
static unsigned done;

static void on_abandoned(void *arg) {
  (void)arg;
  abandoned++;
}

static void on_call(void *arg, struct ttrpc_call *call, unsigned index, const ProtobufCMessage *request) {
  (void)arg;
  if (index != PEER_HANG) {
    ttrpc_reply(call, request);
    return;
  }
  held = call;
  ttrpc_call_on_abandoned(call, on_abandoned, NULL);
}

static void on_closed(uv_stream_t *stream) {
  closed++;
  free(stream);
}

static void on_done(void *arg) {
  ck_assert_ptr_eq(arg, &done);
  done++;
}

static void setup(void) {
  static const struct ttrpc_service service = {&peer_service, on_call, NULL};
  peer_setup(&peer);
  held = NULL;
  abandoned = closed = done = 0;
  server = ttrpc_server_new(&peer.loop, &service, 1, NULL);
}

static void teardown(void) {
  ttrpc_server_free(server);
  peer_teardown(&peer);
}

static void hold_a_call(void) {
  ttrpc_server_accept(server, peer_connect(&peer), on_closed);
  peer_call(&peer, 1, "Hang", "", "");
  PEER_WAIT_FOR(&peer, held != NULL);
}

START_TEST(test_free_without_a_connection) {
  ck_assert_uint_eq(ttrpc_server_connections(server), 0);
}
END_TEST

START_TEST(test_shutdown_without_a_connection) {
  ttrpc_server_shutdown(server, 60000, on_done, &done);
  ck_assert_uint_eq(done, 0); /* always from the loop */
  PEER_WAIT_FOR(&peer, done == 1);
}
END_TEST

/* Closed at once, and the others go on. */
START_TEST(test_connections_are_bounded) {
  static const struct ttrpc_service service = {&peer_service, on_call, NULL};
  ttrpc_server_free(server);
  server = ttrpc_server_new(&peer.loop, &service, 1, &(struct ttrpc_server_limits){.connections = 2});
  struct unit_end *ends[2];
  for (int i = 0; i < 2; i++) {
    ttrpc_server_accept(server, peer_connect(&peer), on_closed);
    ends[i] = peer.end;
  }
  ttrpc_server_accept(server, peer_connect(&peer), on_closed);
  PEER_WAIT_FOR(&peer, closed == 1);
  ck_assert(peer_is_closed(&peer));
  peer_hang_up(&peer);
  ck_assert_uint_eq(ttrpc_server_connections(server), 2);
  for (int i = 0; i < 2; i++) {
    peer.end = ends[i];
    peer_call(&peer, 1, "Echo", "k", "v");
    peer_expect_pair(&peer, 1, "k", "v");
    peer_hang_up(&peer);
  }
  PEER_WAIT_FOR(&peer, ttrpc_server_connections(server) == 0);
  ttrpc_server_accept(server, peer_connect(&peer), on_closed); /* there is room again */
  peer_call(&peer, 1, "Echo", "k", "v");
  peer_expect_pair(&peer, 1, "k", "v");
  peer_hang_up(&peer);
  PEER_WAIT_FOR(&peer, ttrpc_server_connections(server) == 0);
}
END_TEST

START_TEST(test_many_connections) {
  enum { count = 64 };
  struct unit_end *ends[count];
  for (int i = 0; i < count; i++) {
    ttrpc_server_accept(server, peer_connect(&peer), on_closed);
    ends[i] = peer.end;
    peer_call(&peer, 1, "Echo", "k", "v");
  }
  ck_assert_uint_eq(ttrpc_server_connections(server), count);
  for (int i = 0; i < count; i++) {
    peer.end = ends[i];
    peer_expect_pair(&peer, 1, "k", "v");
  }
  for (int i = 0; i < count; i += 2)
    unit_end_free(ends[i]);
  PEER_WAIT_FOR(&peer, ttrpc_server_connections(server) == count / 2);
  ttrpc_server_shutdown(server, 60000, on_done, &done);
  PEER_WAIT_FOR(&peer, done == 1);
  ck_assert_uint_eq(closed, count);
  for (int i = 1; i < count; i += 2)
    unit_end_free(ends[i]);
  peer.end = NULL;
}
END_TEST

START_TEST(test_shutdown_waits_for_running_calls) {
  Ttrpc__KeyValue answer = TTRPC__KEY_VALUE__INIT;
  hold_a_call();
  ttrpc_server_shutdown(server, 60000, on_done, &done);
  peer_call(&peer, 3, "Echo", "not", "read");
  for (int i = 0; i < 20; i++)
    peer_turn(&peer);
  ck_assert_uint_eq(done, 0);
  ttrpc_reply(held, &answer.base);
  peer_expect_pair(&peer, 1, "", "");
  PEER_WAIT_FOR(&peer, done == 1);
  ck_assert(peer_is_closed(&peer));
  ck_assert_uint_eq(closed, 1);
  ck_assert_uint_eq(abandoned, 0);
}
END_TEST

/* The answer to Shutdown itself must arrive. */
START_TEST(test_shutdown_right_after_an_answer) {
  Ttrpc__KeyValue answer = TTRPC__KEY_VALUE__INIT;
  hold_a_call();
  ttrpc_reply(held, &answer.base);
  ttrpc_server_shutdown(server, 0, on_done, &done);
  peer_expect_pair(&peer, 1, "", "");
  PEER_WAIT_FOR(&peer, done == 1);
}
END_TEST

START_TEST(test_shutdown_sends_what_the_peer_takes_late) {
  Ttrpc__KeyValue answer = TTRPC__KEY_VALUE__INIT;
  size_t size = 3u << 20; /* more than a socket holds */
  char *value = malloc(size + 1);
  memset(value, 'v', size);
  value[size] = '\0';
  hold_a_call();
  answer.value = value;
  ttrpc_reply(held, &answer.base);
  ttrpc_server_shutdown(server, 60000, on_done, &done);
  for (int i = 0; i < 20; i++)
    peer_turn(&peer);
  ck_assert_uint_eq(done, 0);
  peer_expect_pair(&peer, 1, "", value);
  PEER_WAIT_FOR(&peer, done == 1);
  free(value);
}
END_TEST

START_TEST(test_shutdown_drops_calls_after_the_grace) {
  hold_a_call();
  ttrpc_server_shutdown(server, 10, on_done, &done);
  PEER_WAIT_FOR(&peer, done == 1);
  ck_assert_uint_eq(abandoned, 1);
  ck_assert(peer_is_closed(&peer));
  ck_assert(ttrpc_call_abandoned(held));
  ttrpc_server_free(server); /* the call outlives it */
  server = NULL;
  ttrpc_fail(held, TTRPC_CANCELLED, "too late");
}
END_TEST

START_TEST(test_shutdown_notices_a_peer_that_leaves) {
  if (!peer_loss_is_told(&peer))
    return;
  hold_a_call();
  ttrpc_server_shutdown(server, 600000, on_done, &done);
  for (int i = 0; i < 5; i++)
    peer_turn(&peer);
  peer_hang_up(&peer);
  PEER_WAIT_FOR(&peer, done == 1);
  ck_assert_uint_eq(abandoned, 1);
  ttrpc_fail(held, TTRPC_CANCELLED, "too late");
}
END_TEST

START_TEST(test_accept_after_shutdown_closes) {
  ttrpc_server_accept(server, peer_connect(&peer), on_closed);
  struct unit_end *first = peer.end;
  peer_call(&peer, 1, "Hang", "", "");
  PEER_WAIT_FOR(&peer, held != NULL);
  ttrpc_server_shutdown(server, 60000, on_done, &done);
  ttrpc_server_accept(server, peer_connect(&peer), on_closed);
  PEER_WAIT_FOR(&peer, closed == 1);
  ck_assert(peer_is_closed(&peer));
  ttrpc_fail(held, TTRPC_CANCELLED, "that is all");
  PEER_WAIT_FOR(&peer, done == 1);
  unit_end_free(first);
}
END_TEST

static void free_server(void *arg) {
  ++*(unsigned *)arg;
  ttrpc_server_free(server);
  server = NULL;
}

START_TEST(test_done_may_free_the_server) {
  ttrpc_server_accept(server, peer_connect(&peer), on_closed);
  ttrpc_server_shutdown(server, 0, free_server, &done);
  PEER_WAIT_FOR(&peer, done == 1);
  ck_assert_uint_eq(closed, 1);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("ttrpc/server");
  TCase *life = tcase_create("life");
  tcase_set_timeout(life, 60);
  tcase_add_checked_fixture(life, setup, teardown);
  tcase_add_test(life, test_free_without_a_connection);
  tcase_add_test(life, test_shutdown_without_a_connection);
  tcase_add_test(life, test_connections_are_bounded);
  tcase_add_test(life, test_many_connections);
  tcase_add_test(life, test_shutdown_waits_for_running_calls);
  tcase_add_test(life, test_shutdown_right_after_an_answer);
  tcase_add_test(life, test_shutdown_sends_what_the_peer_takes_late);
  tcase_add_test(life, test_shutdown_drops_calls_after_the_grace);
  tcase_add_test(life, test_shutdown_notices_a_peer_that_leaves);
  tcase_add_test(life, test_accept_after_shutdown_closes);
  tcase_add_test(life, test_done_may_free_the_server);
  suite_add_tcase(suite, life);
  return hp_run_suite(suite);
}
