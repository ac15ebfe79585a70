/* The bounds of the queue, and what is dropped when they are reached. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "service/event_queue.h"

static struct hp_event_queue queue;

static void setup(void) {
  hp_log_set_sink(NULL, NULL);
  queue = (struct hp_event_queue){0};
}

static void teardown(void) {
  hp_event_queue_clear(&queue);
}

static void push(enum hp_event_kind kind, const char *id) {
  hp_event_queue_push(&queue, &(struct hp_event){.kind = kind, .container_id = id, .exec_id = "e"});
}

static void push_many(enum hp_event_kind kind, size_t count) {
  for (size_t i = 0; i < count; i++)
    push(kind, "c1");
}

static size_t count_of(enum hp_event_kind kind) {
  size_t count = 0;
  for (const struct hp_queued_event *event = queue.head; event; event = event->next)
    count += event->kind == kind;
  return count;
}

START_TEST(first_in_first_out) {
  push(HP_EVENT_CREATE, "c1");
  push(HP_EVENT_START, "c1");
  push(HP_EVENT_EXIT, "c1");
  ck_assert_uint_eq(queue.count, 3);
  ck_assert_int_eq(queue.head->kind, HP_EVENT_CREATE);
  ck_assert(queue.head->when.seconds > 0);
  hp_event_queue_pop(&queue);
  ck_assert_int_eq(queue.head->kind, HP_EVENT_START);
  hp_event_queue_pop(&queue);
  hp_event_queue_pop(&queue);
  ck_assert_uint_eq(queue.count, 0);
  ck_assert_uint_eq(queue.bytes, 0);
  push(HP_EVENT_DELETE, "c1");
  ck_assert_int_eq(queue.head->kind, HP_EVENT_DELETE);
}
END_TEST

START_TEST(the_oldest_that_can_be_missed_goes_first) {
  push(HP_EVENT_EXIT, "first");
  push(HP_EVENT_CREATE, "c1");
  push_many(HP_EVENT_EXEC_ADDED, HP_EVENT_QUEUE_MAX - 2);
  ck_assert_uint_eq(queue.dropped, 0);
  push(HP_EVENT_EXEC_STARTED, "c1");
  ck_assert_uint_eq(queue.count, HP_EVENT_QUEUE_MAX);
  ck_assert_uint_eq(queue.dropped, 1);
  ck_assert_int_eq(queue.head->kind, HP_EVENT_EXIT);
  ck_assert_uint_eq(count_of(HP_EVENT_CREATE), 0);
  ck_assert_uint_eq(count_of(HP_EVENT_EXEC_STARTED), 1);
}
END_TEST

START_TEST(exit_oom_and_delete_are_never_dropped) {
  push_many(HP_EVENT_EXEC_STARTED, HP_EVENT_QUEUE_MAX);
  push_many(HP_EVENT_EXIT, HP_EVENT_QUEUE_MAX);
  push_many(HP_EVENT_OOM, 3);
  push_many(HP_EVENT_DELETE, 5);
  ck_assert_uint_eq(count_of(HP_EVENT_EXEC_STARTED), 0);
  ck_assert_uint_eq(count_of(HP_EVENT_EXIT), HP_EVENT_QUEUE_MAX);
  ck_assert_uint_eq(count_of(HP_EVENT_OOM), 3);
  ck_assert_uint_eq(count_of(HP_EVENT_DELETE), 5);
  push(HP_EVENT_START, "c1"); /* no room, and nothing older to drop */
  ck_assert_uint_eq(count_of(HP_EVENT_START), 0);
  ck_assert_int_eq(queue.tail->kind, HP_EVENT_DELETE);
}
END_TEST

START_TEST(what_is_on_its_way_is_not_dropped) {
  push(HP_EVENT_CREATE, "sent");
  queue.head_is_sent = true;
  push_many(HP_EVENT_EXEC_ADDED, HP_EVENT_QUEUE_MAX);
  ck_assert_uint_eq(queue.dropped, 1);
  ck_assert_int_eq(queue.head->kind, HP_EVENT_CREATE);
  hp_event_queue_pop(&queue);
  ck_assert(!queue.head_is_sent);
  ck_assert_uint_eq(queue.count, HP_EVENT_QUEUE_MAX - 1);
}
END_TEST

START_TEST(bytes_are_bounded_too) {
  char *bundle = hp_alloc(HP_EVENT_QUEUE_BYTES_MAX / 4 + 1);
  memset(bundle, 'b', HP_EVENT_QUEUE_BYTES_MAX / 4);
  push(HP_EVENT_EXIT, "c1");
  for (int i = 0; i < 8; i++)
    hp_event_queue_push(&queue,
                        &(struct hp_event){.kind = HP_EVENT_CREATE, .container_id = "c", .bundle = bundle});
  free(bundle);
  ck_assert_uint_eq(count_of(HP_EVENT_CREATE), 3);
  ck_assert_uint_eq(count_of(HP_EVENT_EXIT), 1);
  ck_assert_uint_le(queue.bytes, HP_EVENT_QUEUE_BYTES_MAX);
}
END_TEST

START_TEST(the_count_of_the_dropped_ends_with_the_queue) {
  push_many(HP_EVENT_START, HP_EVENT_QUEUE_MAX + 10);
  ck_assert_uint_eq(queue.dropped, 10);
  while (queue.head)
    hp_event_queue_pop(&queue);
  ck_assert_uint_eq(queue.dropped, 0);
}
END_TEST

START_TEST(full_of_what_cannot_be_dropped) {
  push_many(HP_EVENT_START, HP_EVENT_QUEUE_FULL);
  ck_assert(!hp_event_queue_is_full(&queue)); /* those were dropped */
  push_many(HP_EVENT_EXIT, HP_EVENT_QUEUE_FULL - 1);
  ck_assert(!hp_event_queue_is_full(&queue));
  push(HP_EVENT_DELETE, "c1");
  ck_assert(hp_event_queue_is_full(&queue));
  hp_event_queue_pop(&queue);
  ck_assert(!hp_event_queue_is_full(&queue));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("service/event_queue");
  TCase *tcase = tcase_create("queue");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_test(tcase, first_in_first_out);
  tcase_add_test(tcase, the_oldest_that_can_be_missed_goes_first);
  tcase_add_test(tcase, exit_oom_and_delete_are_never_dropped);
  tcase_add_test(tcase, what_is_on_its_way_is_not_dropped);
  tcase_add_test(tcase, bytes_are_bounded_too);
  tcase_add_test(tcase, the_count_of_the_dropped_ends_with_the_queue);
  tcase_add_test(tcase, full_of_what_cannot_be_dropped);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
