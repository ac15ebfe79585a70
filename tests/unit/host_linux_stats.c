#include "cgroups/v1/metrics.pb-c.h"
#include "cgroups/v2/metrics.pb-c.h"
#include "host_linux_job.h"

#include <sys/stat.h>
#include <time.h>

typedef Io__Containerd__Cgroups__V1__Metrics MetricsV1;
typedef Io__Containerd__Cgroups__V2__Metrics MetricsV2;

/* What the tests read, the same from both versions. */
struct numbers {
  uint64_t pids, pids_limit, memory, memory_limit, cpu_us, throttled, oom_kills;
};

static void read_numbers(struct job *job, struct numbers *numbers) {
  struct hp_error err = HP_ERROR_INIT;
  const char *type;
  uint8_t *data;
  size_t length;
  ck_ok(host_job_stats(&job->container, &type, &data, &length, &err), &err);
  if (job->container.cgroup->version == 2) {
    ck_assert_str_eq(type, "io.containerd.cgroups.v2.Metrics");
    MetricsV2 *m = io__containerd__cgroups__v2__metrics__unpack(NULL, length, data);
    ck_assert_ptr_nonnull(m);
    *numbers = (struct numbers){m->pids->current,          m->pids->limit,     m->memory->usage,
                                m->memory->usage_limit,    m->cpu->usage_usec, m->cpu->nr_throttled,
                                m->memory_events->oom_kill};
    io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
  } else {
    ck_assert_str_eq(type, "io.containerd.cgroups.v1.Metrics");
    MetricsV1 *m = io__containerd__cgroups__v1__metrics__unpack(NULL, length, data);
    ck_assert_ptr_nonnull(m);
    ck_assert_uint_gt(m->cpu->usage->n_per_cpu, 0);
    *numbers = (struct numbers){m->pids->current,
                                m->pids->limit,
                                m->memory->usage->usage,
                                m->memory->usage->limit,
                                m->cpu->usage->total / 1000,
                                m->cpu->throttling->throttled_periods,
                                m->memory_oom_control->oom_kill};
    io__containerd__cgroups__v1__metrics__free_unpacked(m, NULL);
  }
  free(data);
}

static void hold_memory(void *arg) {
  size_t bytes = 16u << 20;
  volatile char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < bytes; i += 4096)
    memory[i] = 1;
  *(volatile int *)arg = 1;
  sleep_for_ever(NULL);
}

START_TEST(memory_and_pids_are_told) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  struct numbers numbers;
  job_init(&job);
  job.spec.limits.memory = (struct hp_number){true, 64 << 20};
  job.spec.limits.pids = (struct hp_number){true, 12};
  job_make(&job);
  read_numbers(&job, &numbers);
  ck_assert_uint_eq(numbers.pids, 0);
  volatile int *ready = shared_page();
  pid_t pid = job_start(&job, hold_memory, (void *)ready);
  for (uint64_t end = hp_now_ms() + WAIT_MS; *ready == 0; hp_sleep_ms(5))
    ck_assert(hp_now_ms() < end);
  read_numbers(&job, &numbers);
  ck_assert_uint_eq(numbers.pids, 1);
  ck_assert_uint_eq(numbers.pids_limit, 12);
  ck_assert_uint_ge(numbers.memory, 15u << 20);
  ck_assert_uint_eq(numbers.memory_limit, 64 << 20);
  ck_assert_uint_eq(numbers.oom_kills, 0);
  ck_ok(host_job_kill(&job.container, &err), &err);
  job_wait(pid);
  munmap((void *)ready, 4096);
  job_end(&job);
}
END_TEST

static void burn(void *arg) {
  (void)arg;
  for (volatile uint64_t i = 0;; i++)
    ;
}

/* A tenth of a processor is asked for; a half would show that nothing holds it. */
START_TEST(cpu_quota_shows_in_usage) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  struct numbers numbers;
  job_init(&job);
  job.spec.limits.cpu_quota = (struct hp_number){true, 10000};
  job.spec.limits.cpu_period = (struct hp_number){true, 100000};
  job_make(&job);
  uint64_t start = hp_now_ms();
  pid_t pid = job_start(&job, burn, NULL);
  do {
    hp_sleep_ms(50);
    read_numbers(&job, &numbers);
    ck_assert_msg(hp_now_ms() - start < WAIT_MS, "never throttled");
  } while (numbers.throttled < 5 || numbers.cpu_us == 0);
  uint64_t elapsed_us = (hp_now_ms() - start) * 1000;
  ck_assert_uint_lt(numbers.cpu_us, elapsed_us / 2);
  ck_ok(host_job_kill(&job.container, &err), &err);
  job_wait(pid);
  job_end(&job);
}
END_TEST

START_TEST(stats_need_a_job) {
  struct host_container container = {0};
  struct hp_error err = HP_ERROR_INIT;
  const char *type;
  uint8_t *data;
  size_t length;
  ck_assert_int_lt(host_job_stats(&container, &type, &data, &length, &err), 0);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
}
END_TEST

START_TEST(empty_stats_are_a_message) {
  const char *type;
  uint8_t *data;
  size_t length = 1;
  ck_assert_int_eq(host_empty_stats(&type, &data, &length), 0);
  ck_assert_uint_eq(length, 0);
  ck_assert_ptr_nonnull(data);
  ck_assert_str_eq(type, hp_cgroup_version() == 2 ? "io.containerd.cgroups.v2.Metrics"
                                                  : "io.containerd.cgroups.v1.Metrics");
  free(data);
}
END_TEST

/* ---- every file the messages are filled from, as plain files ------------------- */

struct tree {
  char path[32];
  struct host_container container;
};

static void tree_init(struct tree *tree, unsigned version) {
  *tree = (struct tree){.path = "/tmp/hp-unit-XXXXXX"};
  ck_assert_ptr_nonnull(mkdtemp(tree->path));
  struct hp_cgroup *cgroup = hp_alloc(sizeof *cgroup + sizeof cgroup->parts[0]);
  cgroup->version = version;
  cgroup->count = 1;
  cgroup->parts[0] =
      (struct hp_cgroup_part){.controllers = 0xff, .directory = hp_strdup(tree->path), .descriptor = -1};
  tree->container.cgroup = cgroup;
}

static void tree_file(struct tree *tree, const char *name, const char *text) {
  char *path = hp_printf("%s/%s", tree->path, name);
  FILE *file = fopen(path, "we");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
  free(path);
}

static void tree_end(struct tree *tree, const char *const *names) {
  for (; *names != NULL; names++) {
    char *path = hp_printf("%s/%s", tree->path, *names);
    ck_assert_int_eq(unlink(path), 0);
    free(path);
  }
  ck_assert_int_eq(rmdir(tree->path), 0);
  hp_cgroup_clear(&tree->container);
}

START_TEST(v2_files) {
  static const char *const names[] = {"memory.stat", "memory.current", "memory.max",    "pids.max",
                                      "cpu.stat",    "io.stat",        "memory.events", NULL};
  struct tree tree;
  tree_init(&tree, 2);
  tree_file(&tree, names[0], "anon 11\nfile 22\nfile_mapped 33\nnonsense\nthp_collapse_alloc 44");
  tree_file(&tree, names[1], "12345\n");
  tree_file(&tree, names[2], "max\n");
  tree_file(&tree, names[3], "max\n");
  tree_file(&tree, names[4], "usage_usec 7\nuser_usec 5\nsystem_usec 2\nthrottled_usec 9\n");
  tree_file(&tree, names[5], "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5\nbroken\n259:3 rbytes=9 x\n");
  tree_file(&tree, names[6], "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n");
  struct hp_error err = HP_ERROR_INIT;
  const char *type;
  uint8_t *data;
  size_t length;
  ck_ok(host_job_stats(&tree.container, &type, &data, &length, &err), &err);
  MetricsV2 *m = io__containerd__cgroups__v2__metrics__unpack(NULL, length, data);
  ck_assert_ptr_nonnull(m);
  ck_assert_uint_eq(m->memory->anon, 11);
  ck_assert_uint_eq(m->memory->file, 22);
  ck_assert_uint_eq(m->memory->file_mapped, 33);
  ck_assert_uint_eq(m->memory->thp_collapse_alloc, 44);
  ck_assert_uint_eq(m->memory->usage, 12345);
  ck_assert_uint_eq(m->memory->usage_limit, UINT64_MAX);
  ck_assert_uint_eq(m->pids->limit, UINT64_MAX);
  ck_assert_uint_eq(m->cpu->usage_usec, 7);
  ck_assert_uint_eq(m->cpu->throttled_usec, 9);
  ck_assert_uint_eq(m->io->n_usage, 2);
  ck_assert_uint_eq(m->io->usage[0]->wios, 4);
  ck_assert_uint_eq(m->io->usage[1]->major, 259);
  ck_assert_uint_eq(m->io->usage[1]->rbytes, 9);
  ck_assert_uint_eq(m->memory_events->oom, 4);
  ck_assert_uint_eq(m->memory_events->oom_kill, 5);
  io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
  free(data);
  tree_end(&tree, names);
}
END_TEST

START_TEST(v1_files) {
  static const char *const names[] = {"memory.stat",
                                      "memory.usage_in_bytes",
                                      "memory.memsw.usage_in_bytes",
                                      "pids.current",
                                      "pids.max",
                                      "cpuacct.usage",
                                      "cpuacct.stat",
                                      "cpuacct.usage_percpu",
                                      "cpu.stat",
                                      "blkio.throttle.io_service_bytes_recursive",
                                      "memory.oom_control",
                                      NULL};
  struct tree tree;
  tree_init(&tree, 1);
  tree_file(&tree, names[0], "cache 1\ntotal_inactive_file 2\nhierarchical_memsw_limit 3\n");
  tree_file(&tree, names[1], "100\n");
  tree_file(&tree, names[2], "200\n");
  tree_file(&tree, names[3], "6\n");
  tree_file(&tree, names[4], "max\n");
  tree_file(&tree, names[5], "5000\n");
  tree_file(&tree, names[6], "user 3\nsystem 2\n");
  tree_file(&tree, names[7], "10 20 30 \n");
  tree_file(&tree, names[8], "nr_periods 4\nnr_throttled 3\nthrottled_time 2\n");
  tree_file(&tree, names[9], "4095:7 Read 11\n4095:7 Total 12\nTotal 12\n");
  tree_file(&tree, names[10], "oom_kill_disable 0\nunder_oom 1\noom_kill 8\n");
  struct hp_error err = HP_ERROR_INIT;
  const char *type;
  uint8_t *data;
  size_t length;
  ck_ok(host_job_stats(&tree.container, &type, &data, &length, &err), &err);
  MetricsV1 *m = io__containerd__cgroups__v1__metrics__unpack(NULL, length, data);
  ck_assert_ptr_nonnull(m);
  ck_assert_uint_eq(m->memory->cache, 1);
  ck_assert_uint_eq(m->memory->total_inactive_file, 2);
  ck_assert_uint_eq(m->memory->hierarchical_swap_limit, 3);
  ck_assert_uint_eq(m->memory->usage->usage, 100);
  ck_assert_uint_eq(m->memory->swap->usage, 200);
  ck_assert_ptr_null(m->memory->kernel);
  ck_assert_uint_eq(m->pids->current, 6);
  ck_assert_uint_eq(m->pids->limit, 0);
  ck_assert_uint_eq(m->cpu->usage->total, 5000);
  ck_assert_uint_eq(m->cpu->usage->user, 3 * 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
  ck_assert_uint_eq(m->cpu->usage->n_per_cpu, 3);
  ck_assert_uint_eq(m->cpu->usage->per_cpu[2], 30);
  ck_assert_uint_eq(m->cpu->throttling->throttled_periods, 3);
  ck_assert_uint_eq(m->blkio->n_io_service_bytes_recursive, 2);
  ck_assert_str_eq(m->blkio->io_service_bytes_recursive[1]->op, "Total");
  ck_assert_uint_eq(m->blkio->io_service_bytes_recursive[0]->value, 11);
  ck_assert_uint_eq(m->blkio->io_service_bytes_recursive[0]->minor, 7);
  ck_assert_uint_eq(m->memory_oom_control->oom_kill, 8);
  io__containerd__cgroups__v1__metrics__free_unpacked(m, NULL);
  free(data);
  tree_end(&tree, names);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/stats");
  TCase *files = tcase_create("files");
  tcase_add_test(files, v2_files);
  tcase_add_test(files, v1_files);
  tcase_add_test(files, stats_need_a_job);
  tcase_add_test(files, empty_stats_are_a_message);
  suite_add_tcase(suite, files);
  TCase *real = job_case(suite, "job");
  tcase_add_test(real, memory_and_pids_are_told);
  tcase_add_test(real, cpu_quota_shows_in_usage);
  return hp_run_suite(suite);
}
