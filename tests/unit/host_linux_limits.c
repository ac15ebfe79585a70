#include "host/linux/limits.h"
#include "host_linux_job.h"

#include <sched.h>

#define ALL 0xffu

/* ---- the plan (pure) ------------------------------------------------------------ */

static const struct hp_limits_now fresh = HP_LIMITS_NOW_NONE;

static struct hp_number number(int64_t value) {
  return (struct hp_number){true, value};
}

/* Asserts that the plan is exactly `wanted`: "file=value;…" in order. */
static void expect(unsigned version, const struct hp_limits *limits, const struct hp_limits_now *now,
                   const char *wanted) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_limit_writes writes;
  ck_ok(hp_limits_plan(version, ALL, limits, now, &writes, &err), &err);
  char *text = hp_strdup("");
  for (size_t i = 0; i < writes.count; i++) {
    char *longer = hp_printf("%s%s=%s;", text, writes.items[i].file, writes.items[i].value);
    free(text);
    text = longer;
  }
  ck_assert_str_eq(text, wanted);
  free(text);
  hp_limit_writes_clear(&writes);
}

static void refuse(unsigned version, unsigned controllers, const struct hp_limits *limits,
                   const struct hp_limits_now *now, enum hp_code code, const char *field,
                   const char *reason) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_limit_writes writes;
  ck_assert_int_lt(hp_limits_plan(version, controllers, limits, now, &writes, &err), 0);
  ck_assert_int_eq(err.code, code);
  ck_assert_msg(strstr(err.message, field) != NULL && strstr(err.message, reason) != NULL, "%s", err.message);
  hp_error_clear(&err);
  hp_limit_writes_clear(&writes);
}

START_TEST(nothing_set_writes_nothing) {
  struct hp_limits limits = {0};
  expect(1, &limits, &fresh, "");
  expect(2, &limits, &fresh, "");
  limits.memory = limits.memory_swap = limits.cpu_shares = limits.cpu_quota = number(0);
  limits.cpuset_cpus = (char[]){""};
  expect(1, &limits, &fresh, "");
  expect(2, &limits, &fresh, "");
}
END_TEST

/* Memory plus swap is never below memory, whichever way the two move. */
START_TEST(memory_and_swap_v1) {
  struct hp_limits limits = {.memory = number(100), .memory_swap = number(200)};
  const struct hp_limits_now small = {50, 60, -1}, large = {500, 600, -1}, between = {150, 600, -1};
  expect(1, &limits, &fresh, "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=200;");
  expect(1, &limits, &small, "memory.memsw.limit_in_bytes=200;memory.limit_in_bytes=100;");
  expect(1, &limits, &large, "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=200;");
  expect(1, &limits, &between, "memory.memsw.limit_in_bytes=200;memory.limit_in_bytes=100;");
  limits.memory_swap = number(-1);
  expect(1, &limits, &large, "memory.memsw.limit_in_bytes=-1;memory.limit_in_bytes=100;");
  limits.memory = number(-1);
  limits.memory_swap.set = false;
  expect(1, &limits, &large, "memory.memsw.limit_in_bytes=-1;memory.limit_in_bytes=-1;");
}
END_TEST

START_TEST(memory_and_swap_v2) {
  struct hp_limits limits = {.memory = number(100), .memory_swap = number(150)};
  const struct hp_limits_now small = {50, -1, -1}, large = {500, -1, -1};
  expect(2, &limits, &fresh, "memory.swap.max=50;memory.max=100;");
  expect(2, &limits, &large, "memory.swap.max=50;memory.max=100;");
  expect(2, &limits, &small, "memory.max=100;memory.swap.max=50;");
  limits.memory_swap = number(100);
  expect(2, &limits, &small, "memory.max=100;memory.swap.max=0;");
  limits.memory_swap = number(-1);
  expect(2, &limits, &small, "memory.max=100;memory.swap.max=max;");
  limits.memory.set = false;
  limits.memory_swap = number(700);
  expect(2, &limits, &large, "memory.swap.max=200;"); /* the difference to what is in force */
  limits.memory = number(-1);
  limits.memory_swap.set = false;
  limits.memory_reservation = number(30);
  expect(2, &limits, &large, "memory.max=max;memory.swap.max=max;memory.low=30;");
}
END_TEST

START_TEST(impossible_pairs) {
  struct hp_limits limits = {.memory = number(200), .memory_swap = number(100)};
  const struct hp_limits_now tight = {100, 150, -1};
  for (unsigned version = 1; version <= 2; version++)
    refuse(version, ALL, &limits, &fresh, HP_INVALID_ARGUMENT, "linux.resources.memory.swap",
           "cannot be less");
  limits.memory.set = false;
  for (unsigned version = 1; version <= 2; version++)
    refuse(version, ALL, &limits, &fresh, HP_INVALID_ARGUMENT, "linux.resources.memory.swap",
           "needs a linux.resources.memory.limit");
  limits = (struct hp_limits){.memory = number(200)};
  refuse(1, ALL, &limits, &tight, HP_INVALID_ARGUMENT, "linux.resources.memory.limit 200", "150");
}
END_TEST

START_TEST(cpu) {
  struct hp_limits limits = {.cpu_quota = number(50000), .cpu_period = number(100000)};
  const struct hp_limits_now limited = {-1, -1, 30000};
  expect(1, &limits, &fresh, "cpu.cfs_period_us=100000;cpu.cfs_quota_us=50000;");
  expect(2, &limits, &fresh, "cpu.max=50000 100000;");
  limits.cpu_period.set = false;
  expect(2, &limits, &fresh, "cpu.max=50000;");
  limits.cpu_quota = number(-1);
  expect(1, &limits, &limited, "cpu.cfs_quota_us=-1;");
  expect(2, &limits, &limited, "cpu.max=max;");
  limits = (struct hp_limits){.cpu_period = number(20000)};
  expect(2, &limits, &limited, "cpu.max=30000 20000;"); /* the quota in force stays */
  expect(2, &limits, &fresh, "cpu.max=max 20000;");
  limits = (struct hp_limits){.cpu_shares = number(1024), .cpuset_cpus = (char[]){"0-1"}};
  expect(1, &limits, &fresh, "cpuset.cpus=0-1;cpu.shares=1024;");
  expect(2, &limits, &fresh, "cpuset.cpus=0-1;cpu.weight=39;");
}
END_TEST

START_TEST(weights) {
  ck_assert_int_eq(hp_cpu_weight(2), 1);
  ck_assert_int_eq(hp_cpu_weight(1024), 39); /* as runc converts */
  ck_assert_int_eq(hp_cpu_weight(262144), 10000);
  ck_assert_int_eq(hp_cpu_weight(INT64_MAX), 10000);
  ck_assert_int_eq(hp_cpu_weight(1), 1);
  ck_assert_int_eq(hp_io_weight(10), 1);
  ck_assert_int_eq(hp_io_weight(1000), 10000);
}
END_TEST

START_TEST(pids_and_io) {
  struct hp_throttle slow = {8, 16, 1048576}, free_of_it = {8, 0, 0};
  struct hp_limits limits = {.pids = number(7), .read_bps = {&slow, 1}, .write_iops = {&free_of_it, 1}};
  expect(1, &limits, &fresh,
         "pids.max=7;blkio.throttle.read_bps_device=8:16 1048576;blkio.throttle.write_iops_device=8:0 0;");
  expect(2, &limits, &fresh, "pids.max=7;io.max=8:16 rbps=1048576;io.max=8:0 wiops=max;");
  limits = (struct hp_limits){.pids = number(0), .blkio_weight = number(500)};
  expect(1, &limits, &fresh, "pids.max=max;blkio.weight=500;");
  expect(2, &limits, &fresh, "pids.max=max;io.bfq.weight=500;");
}
END_TEST

START_TEST(a_missing_controller_is_named) {
  struct hp_limits limits = {.memory = number(100)};
  refuse(2, ALL & ~(unsigned)HP_CONTROLLER_MEMORY, &limits, &fresh, HP_FAILED_PRECONDITION,
         "linux.resources.memory.limit", "memory controller of cgroup v2");
  struct hp_throttle slow = {8, 16, 1};
  limits = (struct hp_limits){.read_bps = {&slow, 1}};
  refuse(1, ALL & ~(unsigned)HP_CONTROLLER_IO, &limits, &fresh, HP_FAILED_PRECONDITION,
         "linux.resources.blockIO.throttleReadBpsDevice", "blkio controller of cgroup v1");
  limits = (struct hp_limits){.pids = number(10)};
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_lt(hp_limits_check(1, 0, &limits, &err), 0);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
}
END_TEST

/* ---- the kernel ------------------------------------------------------------------- */

static void expect_file(struct job *job, unsigned controller, const char *v1_file, const char *v2_file,
                        const char *v1_text, const char *v2_text) {
  bool v2 = job->container.cgroup->version == 2;
  char *text = job_file(job, controller, v2 ? v2_file : v1_file);
  ck_assert_str_eq(text, v2 ? v2_text : v1_text);
  free(text);
}

START_TEST(limits_are_set_and_updated) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job.spec.limits = (struct hp_limits){.memory = number(64 << 20),
                                       .memory_swap = number(64 << 20),
                                       .cpu_quota = number(50000),
                                       .cpu_period = number(100000),
                                       .cpu_shares = number(512),
                                       .pids = number(33)};
  job_make(&job);
  expect_file(&job, HP_CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "67108864\n", "67108864\n");
  expect_file(&job, HP_CONTROLLER_PIDS, "pids.max", "pids.max", "33\n", "33\n");
  expect_file(&job, HP_CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", "50000\n", "50000 100000\n");
  expect_file(&job, HP_CONTROLLER_CPU, "cpu.shares", "cpu.weight", "512\n", "20\n");

  /* Up, down, and to no limit at all; each move would fail in the wrong order. */
  static const int64_t sizes[][2] = {{256 << 20, 300 << 20}, {32 << 20, 32 << 20}, {-1, -1}, {48 << 20, -1}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct hp_limits change = {.memory = number(sizes[i][0]), .memory_swap = number(sizes[i][1])};
    ck_ok(host_job_update(&job.container, &change, &err), &err);
  }
  expect_file(&job, HP_CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "50331648\n", "50331648\n");

  struct hp_limits change = {.cpu_quota = number(-1), .pids = number(-1)};
  ck_ok(host_job_update(&job.container, &change, &err), &err);
  expect_file(&job, HP_CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", "-1\n", "max 100000\n");
  expect_file(&job, HP_CONTROLLER_PIDS, "pids.max", "pids.max", "max\n", "max\n");
  job_end(&job);
}
END_TEST

/* What every kernel here has, up, down and up again, each by itself: the others stay. */
START_TEST(every_limit_up_and_down) {
  const struct {
    struct hp_limits change;
    unsigned controller;
    const char *v1_file, *v2_file, *v1_text, *v2_text;
  } steps[] = {
      {{.memory = number(128 << 20), .memory_swap = number(128 << 20)},
       HP_CONTROLLER_MEMORY,
       "memory.limit_in_bytes",
       "memory.max",
       "134217728\n",
       "134217728\n"},
      {{.memory = number(32 << 20)},
       HP_CONTROLLER_MEMORY,
       "memory.limit_in_bytes",
       "memory.max",
       "33554432\n",
       "33554432\n"},
      {{.memory = number(64 << 20)},
       HP_CONTROLLER_MEMORY,
       "memory.limit_in_bytes",
       "memory.max",
       "67108864\n",
       "67108864\n"},
      {{.memory_reservation = number(32 << 20)},
       HP_CONTROLLER_MEMORY,
       "memory.soft_limit_in_bytes",
       "memory.low",
       "33554432\n",
       "33554432\n"},
      {{.memory_reservation = number(16 << 20)},
       HP_CONTROLLER_MEMORY,
       "memory.soft_limit_in_bytes",
       "memory.low",
       "16777216\n",
       "16777216\n"},
      {{.cpu_quota = number(200000)},
       HP_CONTROLLER_CPU,
       "cpu.cfs_quota_us",
       "cpu.max",
       "200000\n",
       "200000 100000\n"},
      {{.cpu_quota = number(10000)},
       HP_CONTROLLER_CPU,
       "cpu.cfs_quota_us",
       "cpu.max",
       "10000\n",
       "10000 100000\n"},
      {{.cpu_period = number(50000)},
       HP_CONTROLLER_CPU,
       "cpu.cfs_period_us",
       "cpu.max",
       "50000\n",
       "10000 50000\n"},
      {{.cpu_period = number(200000)},
       HP_CONTROLLER_CPU,
       "cpu.cfs_period_us",
       "cpu.max",
       "200000\n",
       "10000 200000\n"},
      {{.cpu_shares = number(2048)}, HP_CONTROLLER_CPU, "cpu.shares", "cpu.weight", "2048\n", "79\n"},
      {{.cpu_shares = number(2)}, HP_CONTROLLER_CPU, "cpu.shares", "cpu.weight", "2\n", "1\n"},
      {{.pids = number(1000)}, HP_CONTROLLER_PIDS, "pids.max", "pids.max", "1000\n", "1000\n"},
      {{.pids = number(5)}, HP_CONTROLLER_PIDS, "pids.max", "pids.max", "5\n", "5\n"},
      {{.cpuset_cpus = (char[]){"0-1"}},
       HP_CONTROLLER_CPUSET,
       "cpuset.cpus",
       "cpuset.cpus",
       "0-1\n",
       "0-1\n"},
      {{.cpuset_cpus = (char[]){"1"}}, HP_CONTROLLER_CPUSET, "cpuset.cpus", "cpuset.cpus", "1\n", "1\n"},
      {{.cpuset_cpus = (char[]){"0-1"}},
       HP_CONTROLLER_CPUSET,
       "cpuset.cpus",
       "cpuset.cpus",
       "0-1\n",
       "0-1\n"},
  };
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  bool many = sysconf(_SC_NPROCESSORS_ONLN) > 1;
  job_init(&job);
  job.spec.limits = (struct hp_limits){.memory = number(64 << 20),
                                       .memory_swap = number(128 << 20),
                                       .cpu_quota = number(50000),
                                       .cpu_period = number(100000),
                                       .cpu_shares = number(512),
                                       .pids = number(33)};
  job_make(&job);
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    if (steps[i].change.cpuset_cpus && !many)
      continue;
    ck_ok(host_job_update(&job.container, &steps[i].change, &err), &err);
    expect_file(&job, steps[i].controller, steps[i].v1_file, steps[i].v2_file, steps[i].v1_text,
                steps[i].v2_text);
  }
  expect_file(&job, HP_CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "67108864\n", "67108864\n");
  expect_file(&job, HP_CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", "10000\n", "10000 200000\n");
  job_end(&job);
}
END_TEST

START_TEST(refusals_name_file_and_value) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job_make(&job);
  struct hp_limits change = {.cpuset_cpus = (char[]){"4000-5000"}};
  ck_assert_int_lt(host_job_update(&job.container, &change, &err), 0);
  ck_assert_msg(strstr(err.message, "cpuset.cpus") && strstr(err.message, "4000-5000"), "%s", err.message);
  hp_error_clear(&err);
  change = (struct hp_limits){.cpu_quota = number(1)};
  ck_assert_int_lt(host_job_update(&job.container, &change, &err), 0);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "linux.resources.cpu.quota"));
  hp_error_clear(&err);
  struct hp_throttle nowhere = {4095, 1, 1000};
  change = (struct hp_limits){.read_bps = {&nowhere, 1}};
  ck_assert_int_lt(host_job_update(&job.container, &change, &err), 0);
  ck_assert_ptr_nonnull(strstr(err.message, "4095:1"));
  hp_error_clear(&err);
  job_end(&job);
}
END_TEST

/* Memory, CPU and pids come before the device that is not there. */
START_TEST(a_refused_update_changes_nothing) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  struct hp_throttle nowhere = {4095, 1, 1000};
  struct hp_limits change = {.memory = number(32 << 20),
                             .memory_swap = number(32 << 20),
                             .cpu_quota = number(20000),
                             .cpu_period = number(50000),
                             .cpu_shares = number(2048),
                             .pids = number(5),
                             .cpuset_cpus = (char[]){"0"},
                             .read_bps = {&nowhere, 1}};
  job_init(&job);
  job.spec.limits = (struct hp_limits){.memory = number(64 << 20),
                                       .memory_swap = number(64 << 20),
                                       .cpu_quota = number(50000),
                                       .cpu_period = number(100000),
                                       .cpu_shares = number(512)};
  job_make(&job);
  char *cpus = job_file(&job, HP_CONTROLLER_CPUSET, "cpuset.cpus");
  for (int turn = 0; turn < 2; turn++) {
    ck_assert_int_lt(host_job_update(&job.container, &change, &err), 0);
    ck_assert_msg(strstr(err.message, "4095:1"), "%s", err.message);
    hp_error_clear(&err);
    expect_file(&job, HP_CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", "67108864\n",
                "67108864\n");
    expect_file(&job, HP_CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", "50000\n", "50000 100000\n");
    expect_file(&job, HP_CONTROLLER_CPU, "cpu.shares", "cpu.weight", "512\n", "20\n");
    expect_file(&job, HP_CONTROLLER_PIDS, "pids.max", "pids.max", "max\n", "max\n");
    expect_file(&job, HP_CONTROLLER_CPUSET, "cpuset.cpus", "cpuset.cpus", cpus, cpus);
    change.memory = change.memory_swap = number(128 << 20); /* and upward */
  }
  free(cpus);
  job_end(&job);
}
END_TEST

/* A job whose limits the kernel refuses is not made, and what was is removed. */
START_TEST(a_refused_limit_leaves_nothing) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job.spec.limits.cpu_quota = number(1);
  ck_assert_int_lt(job_try(&job, &err), 0);
  ck_assert_ptr_null(job.container.cgroup);
  hp_error_clear(&err);
  job_end(&job);
}
END_TEST

static void fork_until_refused(void *arg) {
  volatile int *made = arg;
  for (int i = 0; i < 100; i++) {
    pid_t pid = plain_fork();
    if (pid == 0)
      sleep_for_ever(NULL);
    if (pid < 0)
      _exit(errno == EAGAIN ? 7 : 8);
    ++*made;
  }
}

START_TEST(pids_limit_holds) {
  struct job job;
  job_init(&job);
  job.spec.limits.pids = number(5);
  job_make(&job);
  volatile int *made = shared_page();
  int status = job_wait(job_start(&job, fork_until_refused, (void *)made));
  ck_assert(WIFEXITED(status));
  ck_assert_int_eq(WEXITSTATUS(status), 7);
  ck_assert_int_eq(*made, 4);
  munmap((void *)made, 4096);
  job_end(&job);
}
END_TEST

static void report_cpus(void *arg) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    *(volatile int *)arg = CPU_COUNT(&set);
}

START_TEST(cpuset_binds) {
  struct job job;
  job_init(&job);
  job.spec.limits.cpuset_cpus = (char[]){"0"};
  job_make(&job);
  volatile int *cpus = shared_page();
  job_wait(job_start(&job, report_cpus, (void *)cpus));
  ck_assert_int_eq(*cpus, 1);
  munmap((void *)cpus, 4096);
  job_end(&job);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/limits");
  TCase *plan = tcase_create("plan");
  tcase_add_test(plan, nothing_set_writes_nothing);
  tcase_add_test(plan, memory_and_swap_v1);
  tcase_add_test(plan, memory_and_swap_v2);
  tcase_add_test(plan, impossible_pairs);
  tcase_add_test(plan, cpu);
  tcase_add_test(plan, weights);
  tcase_add_test(plan, pids_and_io);
  tcase_add_test(plan, a_missing_controller_is_named);
  suite_add_tcase(suite, plan);
  TCase *real = job_case(suite, "kernel");
  tcase_add_test(real, limits_are_set_and_updated);
  tcase_add_test(real, every_limit_up_and_down);
  tcase_add_test(real, refusals_name_file_and_value);
  tcase_add_test(real, a_refused_update_changes_nothing);
  tcase_add_test(real, a_refused_limit_leaves_nothing);
  tcase_add_test(real, pids_limit_holds);
  tcase_add_test(real, cpuset_binds);
  return hp_run_suite(suite);
}
