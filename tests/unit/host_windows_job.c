#include "host_windows_process.h"

#include "containerd/runhcs/stats/v1/stats.pb-c.h"
#include "host/windows/winapi.h"

static const struct hp_limits no_limits;

static void set_up(void) {
  new_container();
}

static void tear_down(void) {
  drop_container();
}

static int release(const char *name) {
  json_t *record = job_record(name);
  bool known = false;
  int result = hp_job_release(record, &known, &err);
  ck_assert(known);
  json_decref(record);
  return result;
}

/* ---- records ------------------------------------------------------------------- */

START_TEST(test_plan_names_never_collide) {
  static const char *const pairs[][2] = {{"a-b", "c"}, {"a", "b-c"}};
  char *names[2];
  for (size_t i = 0; i < 2; i++) {
    struct hp_container_spec spec = {0};
    const struct host_container_request request = {
        .namespace_name = pairs[i][0], .id = pairs[i][1], .spec = &spec};
    json_t *records = json_array();
    ck_assert_int_eq(hp_job_plan(container, &request, records, &err), 0);
    ck_assert_uint_eq(json_array_size(records), 1);
    names[i] = hp_strdup(json_string_value(json_object_get(json_array_get(records, 0), "name")));
    json_decref(records);
    hp_job_clear(container);
  }
  ck_assert_ptr_nonnull(strstr(names[0], "a-b-c"));
  ck_assert_str_ne(names[0], names[1]);
  free(names[0]);
  free(names[1]);
}
END_TEST

/* Another's, a second containerd's say: no record names it, so nothing that is undone
 * kills what runs in it. */
START_TEST(test_plan_leaves_a_job_that_exists_alone) {
  struct run run;
  HANDLE out;
  ck_assert_int_eq(make_job("anothers", &no_limits), 0);
  start_self("sleep", NULL, &run, &out);
  watch(&run);
  char *id = job_id("anothers");
  struct hp_container_spec spec = {0};
  const struct host_container_request request = {.namespace_name = "test", .id = id, .spec = &spec};
  struct host_container second = {.id = id};
  json_t *records = json_array();
  ck_assert_int_eq(hp_job_plan(&second, &request, records, &err), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  ck_assert_uint_eq(json_array_size(records), 0);
  ck_assert_ptr_null(second.job);
  hp_job_clear(&second);
  ck_assert(hp_job_exists("test", id));
  HANDLE process = hp_job_open_member(container->job, run.pid, SYNCHRONIZE);
  ck_assert_ptr_nonnull(process);
  ck_assert_uint_eq(WaitForSingleObject(process, 100), WAIT_TIMEOUT);
  CloseHandle(process);
  CloseHandle(out);
  json_decref(records);
  free(id);
}
END_TEST

static void release_marked(json_t *record, const char *mark) {
  bool known = false;
  json_object_set_new(record, "mark", json_string(mark));
  ck_assert_msg(hp_job_release(record, &known, &err) == 0, "%s", err.message);
  ck_assert(known);
}

/* The journal of a dead shim, whose job's name another's has by now. */
START_TEST(test_release_leaves_anothers_job_of_the_name_alone) {
  struct run run;
  HANDLE out;
  char *id = job_id("marked"), *other = hp_job_mark_new(&err);
  struct hp_container_spec spec = {0};
  const struct host_container_request request = {.namespace_name = "test", .id = id, .spec = &spec};
  json_t *records = json_array(), *record;
  bool known;
  container->request = &request;
  ck_assert_msg(hp_job_plan(container, &request, records, &err) == 0, "%s", err.message);
  record = json_array_get(records, 0);
  ck_assert_msg(hp_job_make(container, record, &known, &err) == 0, "%s", err.message);
  container->request = NULL;
  start_self("sleep", NULL, &run, &out);
  watch(&run);
  char *own = hp_strdup(json_string_value(json_object_get(record, "mark")));
  ck_assert_str_ne(own, other);
  HANDLE process = hp_job_open_member(container->job, run.pid, SYNCHRONIZE);
  release_marked(record, other);
  ck_assert_uint_eq(WaitForSingleObject(process, 100), WAIT_TIMEOUT);
  release_marked(record, own);
  ck_assert_uint_eq(WaitForSingleObject(process, PATIENCE_MS), WAIT_OBJECT_0);
  wait_for(&run.ends, 1);
  CloseHandle(process);
  CloseHandle(out);
  json_decref(records);
  free(own);
  free(other);
  free(id);
}
END_TEST

START_TEST(test_make_needs_the_plans_job) {
  json_t *record = job_record("unplanned");
  struct hp_container_spec spec = {0};
  const struct host_container_request request = {.spec = &spec};
  bool known = false;
  container->request = &request;
  ck_assert_int_eq(hp_job_make(container, record, &known, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  container->request = NULL;
  json_decref(record);
}
END_TEST

START_TEST(test_plan_refuses_a_name_in_use) {
  ck_assert_int_eq(make_job("twice", &no_limits), 0);
  HANDLE first = container->job;
  struct hp_job_watch *watch_of_first = container->watch;
  container->job = NULL;
  ck_assert_int_eq(make_job("twice", &no_limits), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  ck_assert_ptr_nonnull(strstr(err.message, "delete it first"));
  ck_assert_ptr_null(container->job);
  container->job = first;
  ck_assert_ptr_eq(container->watch, watch_of_first);
}
END_TEST

START_TEST(test_release_is_idempotent) {
  ck_assert_int_eq(release("never-made"), 0);
  ck_assert_int_eq(make_job("released", &no_limits), 0);
  struct run run;
  HANDLE out;
  start_self("sleep", NULL, &run, &out);
  watch(&run);
  ck_assert_msg(release("released") == 0, "%s", err.message);
  wait_for(&run.ends, 1);
  ck_assert_uint_eq(run.status, HP_EXIT_KILLED);
  ck_assert_int_eq(release("released"), 0);
  CloseHandle(out);
}
END_TEST

START_TEST(test_release_refuses_foreign_names) {
  static const char *const names[] = {"Global\\other", "Global\\hostprocess-a\\b", "", NULL};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    json_t *record = json_pack("{s:s, s:s*}", "kind", "job", "name", names[i]);
    bool known = false;
    ck_assert_int_eq(hp_job_release(record, &known, &err), -1);
    ck_assert(known);
    ck_assert_ptr_nonnull(strstr(err.message, "no job of this shim"));
    json_decref(record);
  }
  json_t *other = json_pack("{s:s}", "kind", "account");
  bool known = true;
  hp_job_release(other, &known, &err);
  ck_assert(!known);
  json_decref(other);
}
END_TEST

/* ---- members ---------------------------------------------------------------------- */

static bool has_pid(const uint32_t *pids, size_t count, uint32_t pid) {
  for (size_t i = 0; i < count; i++)
    if (pids[i] == pid)
      return true;
  return false;
}

START_TEST(test_pids_and_kill) {
  struct run first, second;
  HANDLE out, other;
  char line[32];
  ck_assert_int_eq(make_job("pids", &no_limits), 0);
  start_self("start", NULL, &first, &out);
  read_line(out, line, sizeof line);
  uint32_t grandchild = (uint32_t)strtoul(line, NULL, 10);
  start_self("sleep", NULL, &second, &other);
  watch(&first);
  watch(&second);

  uint32_t *pids;
  size_t count;
  ck_assert_msg(host_job_pids(container, &pids, &count, &err) == 0, "%s", err.message);
  ck_assert_uint_ge(count, 3);
  ck_assert(has_pid(pids, count, first.pid));
  ck_assert(has_pid(pids, count, grandchild));
  ck_assert(has_pid(pids, count, second.pid));
  ck_assert(!has_pid(pids, count, GetCurrentProcessId()));
  free(pids);

  ck_assert_msg(host_job_kill(container, &err) == 0, "%s", err.message);
  wait_for(&first.ends, 1);
  wait_for(&second.ends, 1);
  ck_assert_uint_eq(first.status, HP_EXIT_KILLED);
  ck_assert_int_eq(host_job_pids(container, &pids, &count, &err), 0);
  ck_assert_uint_eq(count, 0);
  free(pids);
  ck_assert_int_eq(host_job_kill(container, &err), 0); /* empty already */
  CloseHandle(out);
  CloseHandle(other);
}
END_TEST

START_TEST(test_kill_on_close) {
  struct run run;
  HANDLE out;
  ck_assert_int_eq(make_job("close", &no_limits), 0);
  start_self("sleep", NULL, &run, &out);
  watch(&run);
  hp_job_clear(container);
  wait_for(&run.ends, 1);
  CloseHandle(out);
}
END_TEST

START_TEST(test_open_member_refuses_strangers) {
  ck_assert_int_eq(make_job("strangers", &no_limits), 0);
  ck_assert_ptr_null(hp_job_open_member(container->job, GetCurrentProcessId(), 0));
  ck_assert_ptr_null(hp_job_open_member(container->job, 0xfffffff0, 0));
}
END_TEST

START_TEST(test_pause_is_unimplemented) {
  ck_assert_int_eq(make_job("pause", &no_limits), 0);
  ck_assert_int_eq(host_job_pause(container, true, &err), -1);
  ck_assert_int_eq(err.code, HP_UNIMPLEMENTED);
}
END_TEST

START_TEST(test_without_a_job) {
  uint32_t *pids;
  size_t count;
  ck_assert_int_eq(host_job_kill(container, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_int_eq(host_job_pids(container, &pids, &count, &err), -1);
  ck_assert_int_eq(host_job_update(container, &no_limits, &err), -1);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------- */

static struct hp_number number(int64_t value) {
  return (struct hp_number){true, value};
}

START_TEST(test_cpu_rates) {
  static const struct {
    struct hp_limits limits;
    DWORD flags, value;
  } cases[] = {
      {{.cpu_count = {true, 1}}, 5, 2500},          {{.cpu_count = {true, 4}}, 5, 10000},
      {{.cpu_count = {true, 100}}, 5, 10000},       {{.cpu_maximum = {true, 1}}, 5, 1},
      {{.cpu_maximum = {true, 10000}}, 5, 10000},   {{.cpu_shares = {true, 1}}, 3, 1},
      {{.cpu_shares = {true, 5000}}, 3, 5},         {{.cpu_shares = {true, 10000}}, 3, 9},
      {{.cpu_count = {true, INT64_MAX}}, 5, 10000},
  };
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ck_assert(hp_limits_cpu(&cases[i].limits, 4, &rate));
    ck_assert_uint_eq(rate.ControlFlags, cases[i].flags);
    ck_assert_uint_eq(rate.CpuRate, cases[i].value);
  }
  const struct hp_limits one = {.cpu_count = {true, 1}};
  ck_assert(hp_limits_cpu(&one, 20000, &rate));
  ck_assert_uint_eq(rate.CpuRate, 1);
  ck_assert(!hp_limits_cpu(&no_limits, 4, &rate));
}
END_TEST

START_TEST(test_memory_limit_keeps_kill_on_close) {
  const struct hp_limits limits = {.memory = number(256 << 20)};
  struct run run;
  HANDLE out;
  ck_assert_msg(make_job("keeps", &limits) == 0, "%s", err.message);
  ck_assert_int_eq(host_job_update(container, &limits, &err), 0);
  start_self("sleep", NULL, &run, &out);
  watch(&run);
  hp_job_clear(container);
  wait_for(&run.ends, 1);
  CloseHandle(out);
}
END_TEST

START_TEST(test_memory_limit) {
  const struct hp_limits limits = {.memory = number(64 << 20)};
  ck_assert_msg(make_job("memory", &limits) == 0, "%s", err.message);
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION now;
  ck_assert(
      QueryInformationJobObject(container->job, JobObjectExtendedLimitInformation, &now, sizeof now, NULL));
  if (hp_winapi_is_wine()) {
    puts("skipped: Wine reads a job's memory limit back as 0");
    return;
  }
  ck_assert(now.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_JOB_MEMORY);
  ck_assert_uint_eq(now.JobMemoryLimit, 64 << 20);
  const struct hp_limits more = {.memory = number(128 << 20)}, none = {.memory = number(-1)};
  ck_assert_int_eq(host_job_update(container, &more, &err), 0);
  QueryInformationJobObject(container->job, JobObjectExtendedLimitInformation, &now, sizeof now, NULL);
  ck_assert_uint_eq(now.JobMemoryLimit, 128 << 20);
  ck_assert_int_eq(host_job_update(container, &none, &err), 0);
  QueryInformationJobObject(container->job, JobObjectExtendedLimitInformation, &now, sizeof now, NULL);
  ck_assert(!(now.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_JOB_MEMORY));
}
END_TEST

/* A host that cannot says so, and says which field. */
START_TEST(test_limits_that_the_host_lacks) {
  const struct hp_limits storage = {.storage_iops = number(100)}, cpu = {.cpu_maximum = number(5000)};
  ck_assert_int_eq(make_job("lacks", &no_limits), 0);
  if (host_job_update(container, &storage, &err) != 0) {
    ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.message, "windows.resources.storage.iops"));
    ck_assert_ptr_nonnull(strstr(err.message, "1607"));
  }
  if (host_job_update(container, &cpu, &err) != 0) {
    ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.message, "windows.resources.cpu"));
  } else {
    ck_assert(!hp_winapi_is_wine());
  }
}
END_TEST

/* Refused before anything is made: the plan has no record then. */
START_TEST(test_plan_tries_the_limits) {
  struct hp_container_spec spec = {.limits = {.storage_bps = number(100)}};
  const struct host_container_request request = {.namespace_name = "n", .id = "i", .spec = &spec};
  json_t *records = json_array();
  if (hp_winapi()->SetIoRateControlInformationJobObject)
    puts("skipped: this host has I/O limits of jobs");
  else {
    ck_assert_int_eq(hp_job_plan(container, &request, records, &err), -1);
    ck_assert_uint_eq(json_array_size(records), 0);
  }
  json_decref(records);
}
END_TEST

/* ---- out of memory --------------------------------------------------------------------- */

static void count_hit(void *arg) {
  ++*(unsigned *)arg;
}

/* The message is sent by hand, as the kernel would: twice, and before and after
 * somebody watches. */
START_TEST(test_oom_is_told_once) {
  const struct hp_limits limits = {.memory = number(64 << 20)};
  unsigned hits = 0;
  ck_assert_int_eq(make_job("oom", &limits), 0);
  ck_assert_int_eq(host_job_watch_oom(container, &loop, count_hit, &hits, &err), 0);
  hp_job_watch_tell(container->watch, JOB_OBJECT_MSG_NEW_PROCESS);
  hp_job_watch_tell(container->watch, JOB_OBJECT_MSG_JOB_MEMORY_LIMIT);
  hp_job_watch_tell(container->watch, JOB_OBJECT_MSG_JOB_MEMORY_LIMIT);
  wait_for(&hits, 1);
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_uint_eq(hits, 1);
}
END_TEST

START_TEST(test_oom_before_the_watch) {
  const struct hp_limits limits = {.memory = number(64 << 20)};
  unsigned hits = 0;
  ck_assert_int_eq(make_job("early", &limits), 0);
  hp_job_watch_tell(container->watch, JOB_OBJECT_MSG_JOB_MEMORY_LIMIT);
  ck_assert_int_eq(host_job_watch_oom(container, &loop, count_hit, &hits, &err), 0);
  wait_for(&hits, 1);
}
END_TEST

START_TEST(test_oom_after_the_watch) {
  const struct hp_limits limits = {.memory = number(64 << 20)};
  unsigned hits = 0, late = 0;
  ck_assert_int_eq(make_job("late", &limits), 0);
  ck_assert_int_eq(host_job_watch_oom(container, &loop, count_hit, &late, &err), 0);
  host_job_unwatch_oom(container);
  hp_job_watch_tell(container->watch, JOB_OBJECT_MSG_JOB_MEMORY_LIMIT);
  ck_assert_int_eq(host_job_watch_oom(container, &loop, count_hit, &hits, &err), 0);
  wait_for(&hits, 1);
  ck_assert_uint_eq(late, 0);
}
END_TEST

/* ---- numbers ------------------------------------------------------------------------------ */

START_TEST(test_stats) {
  struct run run;
  HANDLE out;
  char line[32];
  ck_assert_int_eq(make_job("stats", &no_limits), 0);
  start_self("handle", NULL, &run, &out);
  read_line(out, line, sizeof line);
  const char *type;
  uint8_t *data;
  size_t length;
  ck_assert_msg(host_job_stats(container, &type, &data, &length, &err) == 0, "%s", err.message);
  ck_assert_str_eq(type, "containerd.runhcs.stats.v1.Statistics");
  Containerd__Runhcs__Stats__V1__Statistics *stats =
      containerd__runhcs__stats__v1__statistics__unpack(NULL, length, data);
  ck_assert_ptr_nonnull(stats);
  ck_assert_ptr_nonnull(stats->windows);
  ck_assert_int_gt(stats->windows->timestamp->seconds, 1500000000);
  ck_assert_int_gt(stats->windows->container_start_time->seconds, 1500000000);
  ck_assert_uint_gt(stats->windows->uptime_ns, 0);
  ck_assert_uint_eq(stats->windows->processor->total_runtime_ns,
                    stats->windows->processor->runtime_user_ns +
                        stats->windows->processor->runtime_kernel_ns);
  ck_assert_ptr_nonnull(stats->windows->memory);
  if (hp_winapi_is_wine())
    puts("skipped: Wine has no private working set");
  else
    ck_assert_uint_gt(stats->windows->memory->memory_usage_private_working_set_bytes, 0);
  containerd__runhcs__stats__v1__statistics__free_unpacked(stats, NULL);
  free(data);
  CloseHandle(out);
}
END_TEST

START_TEST(test_empty_stats) {
  const char *type;
  uint8_t *data;
  size_t length;
  ck_assert_int_eq(host_empty_stats(&type, &data, &length), 0);
  ck_assert_str_eq(type, "containerd.runhcs.stats.v1.Statistics");
  Containerd__Runhcs__Stats__V1__Statistics *stats =
      containerd__runhcs__stats__v1__statistics__unpack(NULL, length, data);
  ck_assert_ptr_null(stats->windows);
  containerd__runhcs__stats__v1__statistics__free_unpacked(stats, NULL);
  free(data);
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host/windows/job");
  TCase *test = tcase_create("job");
  tcase_set_timeout(test, 90);
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_test(test, test_plan_names_never_collide);
  tcase_add_test(test, test_plan_refuses_a_name_in_use);
  tcase_add_test(test, test_plan_leaves_a_job_that_exists_alone);
  tcase_add_test(test, test_release_leaves_anothers_job_of_the_name_alone);
  tcase_add_test(test, test_make_needs_the_plans_job);
  tcase_add_test(test, test_release_is_idempotent);
  tcase_add_test(test, test_release_refuses_foreign_names);
  tcase_add_test(test, test_pids_and_kill);
  tcase_add_test(test, test_kill_on_close);
  tcase_add_test(test, test_open_member_refuses_strangers);
  tcase_add_test(test, test_pause_is_unimplemented);
  tcase_add_test(test, test_without_a_job);
  tcase_add_test(test, test_cpu_rates);
  tcase_add_test(test, test_memory_limit_keeps_kill_on_close);
  tcase_add_test(test, test_memory_limit);
  tcase_add_test(test, test_limits_that_the_host_lacks);
  tcase_add_test(test, test_plan_tries_the_limits);
  tcase_add_test(test, test_oom_is_told_once);
  tcase_add_test(test, test_oom_before_the_watch);
  tcase_add_test(test, test_oom_after_the_watch);
  tcase_add_test(test, test_stats);
  tcase_add_test(test, test_empty_stats);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
