#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/memory.h"
#include "support.h"

/* The sink is called under the log's own lock, so the list needs none. */
static void collect(void *arg, const char *line, size_t length) {
  struct hp_strings *lines = arg;
  hp_strings_take(lines, hp_strndup(line, length));
}

static struct hp_strings lines;

static void set_up(void) {
  hp_log_set_sink(collect, &lines);
  hp_log_set_level(HP_LOG_INFO);
  hp_log_set_namespace(NULL);
  hp_log_set_sandbox(NULL);
}

static void tear_down(void) {
  hp_log_set_sink(NULL, NULL);
  hp_log_set_namespace(NULL);
  hp_log_set_sandbox(NULL);
  hp_strings_clear(&lines);
}

/* The line without its time, which is checked for its form. */
static const char *rest(size_t i) {
  static const char form[] = "time=\"dddd-dd-ddTdd:dd:dd.dddddddddZ\" ";
  ck_assert_uint_lt(i, lines.count);
  const char *line = lines.items[i];
  for (size_t at = 0; form[at]; at++)
    ck_assert_msg(form[at] == 'd' ? line[at] >= '0' && line[at] <= '9' : line[at] == form[at], "%s", line);
  return line + strlen(form);
}

START_TEST(test_form) {
  hp_log(HP_LOG_INFO, NULL, "plain %d", 1);
  hp_log_set_namespace("k8s.io");
  hp_log(HP_LOG_WARNING, "c1", "with fields");
  hp_log(HP_LOG_ERROR, NULL, "e");
  ck_assert_str_eq(rest(0), "level=info msg=\"plain 1\"\n");
  ck_assert_str_eq(rest(1), "level=warning msg=\"with fields\" id=c1 namespace=k8s.io\n");
  ck_assert_str_eq(rest(2), "level=error msg=e namespace=k8s.io\n");
  hp_log_set_sandbox("p1");
  hp_log_exec(HP_LOG_INFO, "c1", "e 1", "of an exec");
  hp_log_exec(HP_LOG_INFO, "c1", NULL, "%s", "");
  ck_assert_str_eq(rest(3),
                   "level=info msg=\"of an exec\" id=c1 exec_id=\"e 1\" sandbox_id=p1 namespace=k8s.io\n");
  ck_assert_str_eq(rest(4), "level=info msg=\"\" id=c1 sandbox_id=p1 namespace=k8s.io\n");
}
END_TEST

/* Nothing hostile starts a line or a field of its own. */
START_TEST(test_quoting) {
  hp_log(HP_LOG_INFO, "x\" level=error", "a \"b\" \\ c\nd");
  ck_assert_str_eq(rest(0), "level=info msg=\"a \\\"b\\\" \\\\ c\\x0ad\" id=\"x\\\" level=error\"\n");
  hp_log(HP_LOG_INFO, NULL, "ends with \\");
  ck_assert_str_eq(rest(1), "level=info msg=\"ends with \\\\\"\n");
  hp_log(HP_LOG_INFO, NULL, "C:\\xy and \\x0a"); /* a path, and what is no escape of ours */
  ck_assert_str_eq(rest(2), "level=info msg=\"C:\\\\xy and \\\\x0a\"\n");
}
END_TEST

/* However long a text is that came from outside, the fields behind it are there. */
START_TEST(test_cut) {
  char *text = hp_alloc(100001);
  memset(text, 'x', 100000);
  hp_log_set_namespace("n");
  hp_log(HP_LOG_INFO, text, "%s", text);
  ck_assert_uint_lt(strlen(lines.items[0]), 4000);
  ck_assert_ptr_nonnull(strstr(rest(0), "xxx... id=xxx"));
  ck_assert_ptr_nonnull(strstr(rest(0), "xxx... namespace=n\n"));
  free(text);
}
END_TEST

/* A line that names nobody is about whom the thread is at work for. */
START_TEST(test_scope) {
  struct hp_log_scope outer = {.id = "c1", .exec_id = "e1", .trace_id = "0af7651916cd43dd8448eb211c80319c"};
  struct hp_log_scope inner = {.id = "c2"};
  ck_assert_ptr_null(hp_log_enter(&outer));
  hp_log(HP_LOG_INFO, NULL, "a");
  hp_log(HP_LOG_INFO, "c3", "b");
  ck_assert_ptr_eq(hp_log_enter(&inner), &outer);
  hp_log(HP_LOG_INFO, NULL, "c");
  ck_assert_ptr_eq(hp_log_enter(&outer), &inner);
  ck_assert_ptr_eq(hp_log_current(), &outer);
  hp_log_enter(NULL);
  hp_log(HP_LOG_INFO, NULL, "d");
  ck_assert_str_eq(rest(0), "level=info msg=a id=c1 exec_id=e1 trace_id=0af7651916cd43dd8448eb211c80319c\n");
  ck_assert_str_eq(rest(1), "level=info msg=b id=c3 trace_id=0af7651916cd43dd8448eb211c80319c\n");
  ck_assert_str_eq(rest(2), "level=info msg=c id=c2\n");
  ck_assert_str_eq(rest(3), "level=info msg=d\n");
}
END_TEST

START_TEST(test_level) {
  hp_log(HP_LOG_DEBUG, NULL, "hidden");
  hp_log_set_level(HP_LOG_TRACE);
  hp_log(HP_LOG_TRACE, NULL, "shown");
  hp_log_set_level(HP_LOG_ERROR);
  hp_log(HP_LOG_WARNING, NULL, "hidden");
  ck_assert_uint_eq(lines.count, 1);
  ck_assert_str_eq(rest(0), "level=trace msg=shown\n");
}
END_TEST

START_TEST(test_no_sink_drops) {
  hp_log_set_sink(NULL, NULL);
  hp_log(HP_LOG_ERROR, NULL, "dropped");
  ck_assert_uint_eq(lines.count, 0);
}
END_TEST

static void write_many(void *arg) {
  const char *id = arg;
  for (int i = 0; i < 500; i++)
    hp_log(HP_LOG_INFO, id, "line %d", i);
}

/* Lines of many threads are whole, and each thread's are in order. */
START_TEST(test_threads) {
  uv_thread_t threads[4];
  char ids[4][2] = {"a", "b", "c", "d"};
  int next[4] = {0};
  for (size_t t = 0; t < 4; t++)
    ck_assert_int_eq(uv_thread_create(&threads[t], write_many, ids[t]), 0);
  for (size_t t = 0; t < 4; t++)
    uv_thread_join(&threads[t]);
  ck_assert_uint_eq(lines.count, 2000);
  for (size_t i = 0; i < lines.count; i++) {
    char id = 0;
    int number = -1;
    ck_assert_int_eq(sscanf(rest(i), "level=info msg=\"line %d\" id=%c\n", &number, &id), 2);
    ck_assert_int_eq(number, next[id - 'a']++);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("base_log");
  TCase *tcase = tcase_create("log");
  tcase_add_checked_fixture(tcase, set_up, tear_down);
  tcase_add_test(tcase, test_form);
  tcase_add_test(tcase, test_quoting);
  tcase_add_test(tcase, test_cut);
  tcase_add_test(tcase, test_scope);
  tcase_add_test(tcase, test_level);
  tcase_add_test(tcase, test_no_sink_drops);
  tcase_add_test(tcase, test_threads);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
