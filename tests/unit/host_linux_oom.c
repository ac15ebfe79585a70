#include "host_linux_job.h"
#include "loop_wait.h"

#define LIMIT (32u << 20)

struct watcher {
  int hits;
};

static void on_hit(void *arg) {
  ((struct watcher *)arg)->hits++;
}

static void take_memory(size_t bytes) {
  volatile char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    _exit(98);
  for (size_t i = 0; i < bytes; i += 4096)
    memory[i] = 1;
}

static void take_too_much(void *arg) {
  (void)arg;
  take_memory(4u * LIMIT);
}

static void take_a_little(void *arg) {
  (void)arg;
  take_memory(LIMIT / 4);
}

/* A limited job, and a loop to watch it from. */
static void begin(uv_loop_t *loop, struct job *job) {
  ck_assert_int_eq(uv_loop_init(loop), 0);
  job_init(job);
  job->spec.limits.memory = (struct hp_number){true, LIMIT};
  job->spec.limits.memory_swap = (struct hp_number){true, LIMIT};
  job_make(job);
}

/* Runs the loop until hit or the time is up. */
static void run_until_hit(uv_loop_t *loop, struct watcher *watcher, unsigned ms) {
  int before = watcher->hits;
  LOOP_WAIT(loop, watcher->hits != before, ms);
}

static void finish(uv_loop_t *loop, struct job *job) {
  host_job_unwatch_oom(&job->container);
  ck_assert_ptr_null(job->container.oom);
  uv_run(loop, UV_RUN_DEFAULT); /* returns: no handle is left open */
  ck_assert_int_eq(uv_loop_close(loop), 0);
  job_end(job);
}

START_TEST(going_past_the_limit_is_reported_once) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  struct watcher watcher = {0};
  uv_loop_t loop;
  begin(&loop, &job);
  ck_ok(host_job_watch_oom(&job.container, &loop, on_hit, &watcher, &err), &err);
  int status = job_wait(job_start(&job, take_too_much, NULL));
  ck_assert(WIFSIGNALED(status));
  ck_assert_int_eq(WTERMSIG(status), SIGKILL);
  ck_assert_int_eq(watcher.hits, 0); /* on the loop only */
  run_until_hit(&loop, &watcher, WAIT_MS);
  ck_assert_int_eq(watcher.hits, 1);
  job_wait(job_start(&job, take_too_much, NULL));
  run_until_hit(&loop, &watcher, 200);
  ck_assert_int_eq(watcher.hits, 1);
  finish(&loop, &job);
}
END_TEST

START_TEST(a_kill_before_the_watch_is_reported) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  struct watcher watcher = {0};
  uv_loop_t loop;
  begin(&loop, &job);
  ck_assert(WIFSIGNALED(job_wait(job_start(&job, take_too_much, NULL))));
  ck_ok(host_job_watch_oom(&job.container, &loop, on_hit, &watcher, &err), &err);
  ck_assert_int_eq(watcher.hits, 0);
  run_until_hit(&loop, &watcher, WAIT_MS);
  ck_assert_int_eq(watcher.hits, 1);
  finish(&loop, &job);
}
END_TEST

START_TEST(an_ordinary_end_is_no_oom) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  struct watcher watcher = {0};
  uv_loop_t loop;
  begin(&loop, &job);
  ck_ok(host_job_watch_oom(&job.container, &loop, on_hit, &watcher, &err), &err);
  int status = job_wait(job_start(&job, take_a_little, NULL));
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  pid_t pid = job_start(&job, sleep_for_ever, NULL);
  ck_ok(job_release(&job, &err), &err); /* SIGKILL and the cgroup's removal are none either */
  job_wait(pid);
  run_until_hit(&loop, &watcher, 300);
  ck_assert_int_eq(watcher.hits, 0);
  finish(&loop, &job);
}
END_TEST

START_TEST(watched_once) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  struct watcher watcher = {0};
  uv_loop_t loop;
  begin(&loop, &job);
  ck_ok(host_job_watch_oom(&job.container, &loop, on_hit, &watcher, &err), &err);
  ck_assert_int_lt(host_job_watch_oom(&job.container, &loop, on_hit, &watcher, &err), 0);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  host_job_unwatch_oom(&job.container);
  host_job_unwatch_oom(&job.container);
  ck_ok(host_job_watch_oom(&job.container, &loop, on_hit, &watcher, &err), &err);
  finish(&loop, &job);
}
END_TEST

/* A cgroup that vanished cannot be watched; the failed watch leaves nothing open. */
START_TEST(a_failed_watch_closes_its_handles) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  struct watcher watcher = {0};
  uv_loop_t loop;
  begin(&loop, &job);
  ck_ok(job_release(&job, &err), &err);
  ck_assert_int_lt(host_job_watch_oom(&job.container, &loop, on_hit, &watcher, &err), 0);
  ck_assert_ptr_null(job.container.oom);
  hp_error_clear(&err);
  finish(&loop, &job);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/oom");
  TCase *real = job_case(suite, "watch");
  tcase_add_test(real, going_past_the_limit_is_reported_once);
  tcase_add_test(real, a_kill_before_the_watch_is_reported);
  tcase_add_test(real, an_ordinary_end_is_no_oom);
  tcase_add_test(real, watched_once);
  tcase_add_test(real, a_failed_watch_closes_its_handles);
  return hp_run_suite(suite);
}
