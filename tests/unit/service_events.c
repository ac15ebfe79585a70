/* The publisher against a containerd of ours, in the same loop, that can go away
 * and come back, refuse, and say nothing. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "containerd/events/task.pb-c.h"
#include "containerd/services/events/ttrpc/v1/events.pb-c.h"
#include "loop_wait.h"
#include "service/service.h"

static uv_loop_t loop;
static char *directory, *address;

/* ---- a containerd ------------------------------------------------------ */

static struct {
  uv_pipe_t listener;
  struct ttrpc_server *server;
  struct hp_strings taken;    /* container ids, as they were acknowledged */
  unsigned requests;          /* taken or not */
  enum ttrpc_code answers[8]; /* to the first requests; OK to the rest */
  bool silent;                /* never answers */
  struct ttrpc_call *kept[8]; /* by the silent one */
  size_t kept_count;
} containerd;

static void check_envelope(const Containerd__Types__Envelope *envelope) {
  ck_assert_ptr_nonnull(envelope);
  ck_assert_ptr_nonnull(envelope->timestamp);
  ck_assert(envelope->timestamp->seconds > 1600000000);
  ck_assert_str_eq(envelope->namespace_, "k8s.io");
  ck_assert_str_eq(envelope->topic, "/tasks/exit");
  ck_assert_ptr_nonnull(envelope->event);
  ck_assert_str_eq(envelope->event->type_url, "containerd.events.TaskExit");
}

static void handle(void *arg, struct ttrpc_call *call, unsigned method_index,
                   const ProtobufCMessage *message) {
  (void)arg;
  const Containerd__Services__Events__Ttrpc__V1__ForwardRequest *request = (const void *)message;
  ck_assert_uint_eq(method_index, 0);
  check_envelope(request->envelope);
  unsigned index = containerd.requests++;
  if (containerd.silent) {
    ck_assert_uint_lt(containerd.kept_count, 8);
    containerd.kept[containerd.kept_count++] = call;
    return;
  }
  if (index < 8 && containerd.answers[index] != TTRPC_OK) {
    ttrpc_fail(call, containerd.answers[index], "as the test says");
    return;
  }
  const Google__Protobuf__Any *any = request->envelope->event;
  Containerd__Events__TaskExit *event =
      containerd__events__task_exit__unpack(NULL, any->value.len, any->value.data);
  ck_assert_ptr_nonnull(event);
  hp_strings_add(&containerd.taken, event->container_id);
  containerd__events__task_exit__free_unpacked(event, NULL);
  Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
  ttrpc_reply(call, &empty.base);
}

static void on_connection(uv_stream_t *listener, int status) {
  ck_assert_int_eq(status, 0);
  uv_pipe_t *pipe = hp_alloc(sizeof *pipe);
  uv_pipe_init(&loop, pipe, 0);
  ck_assert_int_eq(uv_accept(listener, (uv_stream_t *)pipe), 0);
  ttrpc_server_accept(containerd.server, (uv_stream_t *)pipe, NULL);
}

static void containerd_start(void) {
  const struct ttrpc_service services[] = {
      {&containerd__services__events__ttrpc__v1__events__descriptor, handle, NULL}};
  containerd.server = ttrpc_server_new(&loop, services, 1, NULL);
  uv_pipe_init(&loop, &containerd.listener, 0);
  ck_assert_int_eq(uv_pipe_bind(&containerd.listener, address), 0);
  ck_assert_int_eq(uv_listen((uv_stream_t *)&containerd.listener, 16, on_connection), 0);
}

static void set_flag(void *flag) {
  *(bool *)flag = true;
}

/* Runs the loop until the condition holds. */
#define RUN_UNTIL(condition)                                                                                 \
  do {                                                                                                       \
    LOOP_WAIT(&loop, condition, 40000);                                                                      \
    ck_assert_msg(condition, "waited in vain for " #condition);                                              \
  } while (0)

static void containerd_stop(void) {
  bool done = false;
  uv_close((uv_handle_t *)&containerd.listener, NULL); /* removes the socket file, too */
  ttrpc_server_shutdown(containerd.server, 0, set_flag, &done);
  RUN_UNTIL(done);
  ttrpc_server_free(containerd.server);
  containerd.server = NULL;
  for (size_t i = 0; i < containerd.kept_count; i++)
    ttrpc_fail(containerd.kept[i], TTRPC_CANCELLED, NULL);
  containerd.kept_count = 0;
}

/* ---- fixture ----------------------------------------------------------- */

static struct hp_publisher *publisher;

static void setup(void) {
  hp_log_set_sink(NULL, NULL);
  unit_ignore_broken_pipes();
  memset(&containerd, 0, sizeof containerd);
  directory = unit_directory("events");
  address = unit_address(directory);
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  publisher = hp_publisher_new(&loop, address, "k8s.io");
}

static void teardown(void) {
  if (containerd.server)
    containerd_stop();
  hp_publisher_free(publisher);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
  hp_strings_clear(&containerd.taken);
  unit_remove(address);
  unit_remove_directory(directory);
  free(address);
  free(directory);
}

static void publish(const char *id) {
  hp_publisher_observe(
      publisher, &(struct hp_event){.kind = HP_EVENT_EXIT, .container_id = id, .when = {1700000000, 0}});
}

/* Ids "0", "1", … */
static void publish_range(unsigned from, unsigned to) {
  for (unsigned i = from; i < to; i++) {
    char *id = hp_printf("%u", i);
    publish(id);
    free(id);
  }
}

static void check_taken_range(unsigned count) {
  ck_assert_uint_eq(containerd.taken.count, count);
  for (unsigned i = 0; i < count; i++)
    ck_assert_uint_eq(strtoul(containerd.taken.items[i], NULL, 10), i);
}

static void finish(uint64_t timeout_ms) {
  bool done = false;
  hp_publisher_finish(publisher, timeout_ms, set_flag, &done);
  ck_assert(!done);
  RUN_UNTIL(done);
}

/* ---- tests ------------------------------------------------------------- */

START_TEST(events_arrive_in_order) {
  containerd_start();
  publish_range(0, 100);
  RUN_UNTIL(containerd.taken.count == 50);
  publish_range(100, 300);
  RUN_UNTIL(containerd.taken.count == 300);
  check_taken_range(300);
  ck_assert_uint_eq(ttrpc_server_connections(containerd.server), 1);
}
END_TEST

START_TEST(the_address_may_be_a_url) {
  char *url = unit_address_as_url(address);
  hp_publisher_free(publisher);
  publisher = hp_publisher_new(&loop, url, "k8s.io");
  free(url);
  containerd_start();
  publish("0");
  RUN_UNTIL(containerd.taken.count == 1);
}
END_TEST

START_TEST(nobody_is_called_before_there_is_an_event) {
  containerd_start();
  for (int i = 0; i < 20; i++)
    uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_eq(ttrpc_server_connections(containerd.server), 0);
}
END_TEST

static bool flag_of_timer;

static void on_timer(uv_timer_t *timer) {
  (void)timer;
  flag_of_timer = true;
}

static void let_pass(uint64_t ms) {
  uv_timer_t timer;
  flag_of_timer = false;
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, on_timer, ms, 0);
  RUN_UNTIL(flag_of_timer);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&loop, UV_RUN_NOWAIT);
}

START_TEST(events_wait_for_containerd_to_come) {
  publish_range(0, 3);
  let_pass(250);
  containerd_start();
  RUN_UNTIL(containerd.taken.count == 3);
  check_taken_range(3);
}
END_TEST

START_TEST(nothing_is_lost_while_containerd_restarts) {
  containerd_start();
  publish_range(0, 2);
  RUN_UNTIL(containerd.taken.count == 2);
  containerd_stop();
  publish_range(2, 5);
  let_pass(150);
  publish_range(5, 6);
  containerd_start();
  RUN_UNTIL(containerd.taken.count == 6);
  check_taken_range(6);
}
END_TEST

START_TEST(what_was_not_answered_is_sent_again) {
  containerd.silent = true;
  containerd_start();
  publish_range(0, 2);
  RUN_UNTIL(containerd.kept_count == 1);
  containerd_stop();
  containerd.silent = false;
  containerd_start();
  RUN_UNTIL(containerd.taken.count == 2);
  check_taken_range(2);
  ck_assert_uint_eq(containerd.requests, 3);
}
END_TEST

/* Five seconds without an answer. */
START_TEST(a_containerd_that_hangs_is_asked_again) {
  containerd.silent = true;
  containerd_start();
  publish_range(0, 2);
  RUN_UNTIL(containerd.kept_count == 1);
  containerd.silent = false;
  RUN_UNTIL(containerd.taken.count == 2);
  check_taken_range(2);
}
END_TEST

START_TEST(a_passing_failure_is_tried_again) {
  containerd.answers[0] = TTRPC_UNAVAILABLE;
  containerd.answers[1] = TTRPC_DEADLINE_EXCEEDED;
  containerd.answers[2] = TTRPC_CANCELLED;
  containerd_start();
  publish_range(0, 2);
  RUN_UNTIL(containerd.taken.count == 2);
  check_taken_range(2);
  ck_assert_uint_eq(containerd.requests, 5);
}
END_TEST

START_TEST(an_event_that_is_refused_holds_up_no_other) {
  containerd.answers[1] = TTRPC_INVALID_ARGUMENT;
  containerd.answers[2] = TTRPC_INTERNAL;
  containerd_start();
  publish_range(0, 4);
  RUN_UNTIL(containerd.taken.count == 2);
  ck_assert_str_eq(containerd.taken.items[0], "0");
  ck_assert_str_eq(containerd.taken.items[1], "3");
  ck_assert_uint_eq(containerd.requests, 4);
}
END_TEST

START_TEST(without_an_address_nothing_is_published) {
  const char *none[] = {NULL, ""};
  for (size_t i = 0; i < 2; i++) {
    hp_publisher_free(publisher);
    publisher = hp_publisher_new(&loop, none[i], "k8s.io");
    publish_range(0, 10);
    finish(60000);
  }
}
END_TEST

START_TEST(finish_sends_what_is_queued) {
  containerd_start();
  publish_range(0, 20);
  finish(20000);
  check_taken_range(20);
}
END_TEST

START_TEST(finish_of_an_empty_queue) {
  containerd_start();
  publish("0");
  RUN_UNTIL(containerd.taken.count == 1);
  finish(60000);
}
END_TEST

/* While the publisher rests between two attempts, too. */
START_TEST(finish_tries_at_once) {
  publish_range(0, 3);
  let_pass(1000);
  containerd_start();
  finish(20000);
  check_taken_range(3);
}
END_TEST

START_TEST(finish_tries_once_more) {
  containerd.answers[0] = TTRPC_UNAVAILABLE;
  containerd_start();
  publish_range(0, 3);
  finish(20000);
  check_taken_range(3);
}
END_TEST

START_TEST(finish_without_containerd_gives_up) {
  publish_range(0, 3);
  finish(60000); /* more than the test may take */
  ck_assert_uint_eq(containerd.requests, 0);
}
END_TEST

START_TEST(finish_with_a_hanging_containerd_ends_in_time) {
  containerd.silent = true;
  containerd_start();
  publish_range(0, 3);
  RUN_UNTIL(containerd.kept_count == 1);
  finish(50);
  publish("late"); /* ignored */
  ck_assert_uint_eq(containerd.taken.count, 0);
}
END_TEST

/* The fixture frees the publisher: with a connection being made, … */
START_TEST(freed_while_connecting) {
  containerd_start();
  publish("0");
}
END_TEST

/* … and with an event under way. */
START_TEST(freed_while_forwarding) {
  containerd.silent = true;
  containerd_start();
  publish("0");
  RUN_UNTIL(containerd.kept_count == 1);
  hp_publisher_free(publisher);
  publisher = NULL;
  for (int i = 0; i < 20; i++)
    uv_run(&loop, UV_RUN_NOWAIT);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      events_arrive_in_order,
      the_address_may_be_a_url,
      nobody_is_called_before_there_is_an_event,
      events_wait_for_containerd_to_come,
      nothing_is_lost_while_containerd_restarts,
      what_was_not_answered_is_sent_again,
      a_containerd_that_hangs_is_asked_again,
      a_passing_failure_is_tried_again,
      an_event_that_is_refused_holds_up_no_other,
      without_an_address_nothing_is_published,
      finish_sends_what_is_queued,
      finish_of_an_empty_queue,
      finish_tries_at_once,
      finish_tries_once_more,
      finish_without_containerd_gives_up,
      finish_with_a_hanging_containerd_ends_in_time,
      freed_while_connecting,
      freed_while_forwarding,
  };
  Suite *suite = suite_create("service/events");
  TCase *tcase = tcase_create("publisher");
  tcase_set_timeout(tcase, 100);
  tcase_add_checked_fixture(tcase, setup, teardown);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
    tcase_add_test(tcase, tests[i]);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
