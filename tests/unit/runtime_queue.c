#include "runtime/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "log_lines.h"
#include "support.h"

struct noted {
  struct hp_operation operation;
  int number;
};

static uv_loop_t loop;
static struct hp_queue queue;
static int ended[HP_QUEUE_MAX + 8], end_count, run_count, under_way, idle_count;
static bool overlapped;

static void idle(struct hp_queue *which) {
  ck_assert_ptr_eq(which, &queue);
  idle_count++;
}

static void run(struct hp_operation *operation) {
  (void)operation;
  overlapped |= ++under_way > 1; /* no lock: the queue promises one at a time */
  run_count++;
  under_way--;
}

static void end(struct hp_operation *operation) {
  struct noted *noted = (struct noted *)operation;
  ended[end_count++] = noted->number;
  hp_error_clear(&operation->err);
  free(noted);
}

static enum hp_step skip(struct hp_operation *operation) {
  (void)operation;
  return HP_STEP_SKIP;
}

static struct noted *new_operation(int number, enum hp_step (*begin)(struct hp_operation *)) {
  struct noted *noted = hp_alloc(sizeof *noted);
  *noted = (struct noted){{.begin = begin, .run = run, .end = end}, number};
  return noted;
}

static void push(int number, enum hp_step (*begin)(struct hp_operation *)) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_queue_push(&queue, &new_operation(number, begin)->operation, &err), 0);
}

static enum hp_step say_begin(struct hp_operation *operation) {
  (void)operation;
  hp_log(HP_LOG_INFO, NULL, "begin");
  return HP_STEP_RUN;
}

static void say_run(struct hp_operation *operation) {
  (void)operation;
  hp_log(HP_LOG_INFO, NULL, "run");
}

static void say_end(struct hp_operation *operation) {
  hp_log(HP_LOG_INFO, NULL, "end");
  free(operation);
}

static void set_up(void) {
  end_count = run_count = under_way = idle_count = 0;
  overlapped = false;
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  hp_queue_init(&queue, &loop, "c1", idle);
}

static void tear_down(void) {
  ck_assert(hp_queue_idle(&queue));
  ck_assert_int_eq(uv_loop_close(&loop), 0);
}

START_TEST(runs_in_order_and_one_at_a_time) {
  for (int i = 0; i < 200; i++)
    push(i, i % 3 == 2 ? skip : NULL);
  ck_assert(!hp_queue_idle(&queue));
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(end_count, 200);
  ck_assert_int_eq(run_count, 134); /* two of three */
  for (int i = 0; i < 200; i++)
    ck_assert_int_eq(ended[i], i);
  ck_assert(!overlapped);
  ck_assert_int_eq(idle_count, 1);
}
END_TEST

START_TEST(skipped_operation_ends_at_once) {
  push(7, skip);
  ck_assert_int_eq(end_count, 1);
  ck_assert_int_eq(idle_count, 1);
  ck_assert_int_eq(run_count, 0);
}
END_TEST

static void end_and_push(struct hp_operation *operation) {
  end(operation);
  push(2, skip);
  ck_assert_int_eq(end_count, 1); /* appended, not begun inside of this one */
  ck_assert_int_eq(idle_count, 0);
}

START_TEST(push_from_an_end_is_appended) {
  struct noted *noted = new_operation(1, skip);
  noted->operation.end = end_and_push;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_queue_push(&queue, &noted->operation, &err), 0);
  ck_assert_int_eq(end_count, 2);
  ck_assert_int_eq(ended[1], 2);
  ck_assert_int_eq(idle_count, 1);
}
END_TEST

START_TEST(is_bounded) {
  for (int i = 0; i < HP_QUEUE_MAX; i++)
    push(i, NULL);
  struct hp_error err = HP_ERROR_INIT;
  struct noted *refused = new_operation(-1, NULL);
  ck_assert_int_eq(hp_queue_push(&queue, &refused->operation, &err), -1);
  ck_assert_int_eq(err.code, HP_RESOURCE_EXHAUSTED);
  hp_error_clear(&err);
  free(refused);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert_int_eq(end_count, HP_QUEUE_MAX);
}
END_TEST

/* The request that pushed it is answered, or its thread at work for another one. */
START_TEST(lines_name_container_exec_and_trace) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_log_scope scope = {.id = "other", .trace_id = "0af7651916cd43dd8448eb211c80319c"};
  struct hp_operation *operation = hp_alloc(sizeof *operation);
  *operation =
      (struct hp_operation){.begin = say_begin, .run = say_run, .end = say_end, .scope.exec_id = "e1"};
  log_lines_begin(HP_LOG_INFO);
  hp_log_enter(&scope);
  ck_assert_int_eq(hp_queue_push(&queue, operation, &err), 0);
  ck_assert_ptr_eq(hp_log_current(), &scope);
  hp_log_enter(NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  const char *const steps[] = {"begin", "run", "end"};
  ck_assert_uint_eq(log_lines.count, 3);
  for (size_t i = 0; i < 3; i++) {
    char *wanted = hp_printf("msg=%s id=c1 exec_id=e1 trace_id=0af7651916cd43dd8448eb211c80319c\n", steps[i]);
    ck_assert_msg(strstr(log_lines.items[i], wanted) != NULL, "%s", log_lines.items[i]);
    free(wanted);
  }
  ck_assert_ptr_null(hp_log_current());
  log_lines_end();
}
END_TEST

int main(void) {
  Suite *suite = suite_create("runtime_queue");
  TCase *tests = tcase_create("queue");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, runs_in_order_and_one_at_a_time);
  tcase_add_test(tests, skipped_operation_ends_at_once);
  tcase_add_test(tests, push_from_an_end_is_appended);
  tcase_add_test(tests, is_bounded);
  tcase_add_test(tests, lines_name_container_exec_and_trace);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
