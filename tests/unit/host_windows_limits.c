/* Limits of every kind as the exact structures that a job is given, on winsim:
 * Wine reads them back as zero or does not know them. */
#include "host/windows/winapi.h"

#include "host_windows_process.h"
#include "winsim/winsim.h"

static const struct hp_limits no_limits;

static void set_up(void) {
  winsim_reset();
  new_container();
}

static void tear_down(void) {
  drop_container();
}

static JOBOBJECT_EXTENDED_LIMIT_INFORMATION extended(void) {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
  ck_assert(
      winsim_job_information(container->job, JobObjectExtendedLimitInformation, &limits, sizeof limits));
  return limits;
}

START_TEST(a_job_without_limits_is_killed_on_close_and_counts_io) {
  struct hp_job_io_attribution io = {0};
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate;
  ck_assert_int_eq(make_job("plain", &no_limits), 0);
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION wanted = {.BasicLimitInformation.LimitFlags =
                                                     JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
                                       now = extended();
  ck_assert_mem_eq(&now, &wanted, sizeof wanted);
  ck_assert(winsim_job_information(container->job, HP_JOB_IO_ATTRIBUTION, &io, sizeof io));
  ck_assert_uint_eq(io.control_flags, HP_JOB_IO_ATTRIBUTION_ENABLE);
  ck_assert(!winsim_job_information(container->job, JobObjectCpuRateControlInformation, &rate, sizeof rate));
}
END_TEST

START_TEST(memory) {
  const struct hp_limits limits = {.memory = {true, 64 << 20}}, more = {.memory = {true, 128 << 20}},
                         none = {.memory = {true, -1}};
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION wanted = {
      .BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_JOB_MEMORY,
      .JobMemoryLimit = 64 << 20};
  ck_assert_int_eq(make_job("memory", &limits), 0);
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION now = extended();
  ck_assert_mem_eq(&now, &wanted, sizeof wanted);
  ck_assert_int_eq(host_job_update(container, &more, &err), 0);
  wanted.JobMemoryLimit = 128 << 20;
  now = extended();
  ck_assert_mem_eq(&now, &wanted, sizeof wanted);
  ck_assert_int_eq(host_job_update(container, &none, &err), 0);
  now = extended();
  ck_assert_uint_eq(now.BasicLimitInformation.LimitFlags, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE);
}
END_TEST

static JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate(void) {
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION now = {0};
  ck_assert(winsim_job_information(container->job, JobObjectCpuRateControlInformation, &now, sizeof now));
  return now;
}

/* One mode takes the other's place. */
START_TEST(cpu) {
  const struct hp_limits half = {.cpu_maximum = {true, 5000}}, one = {.cpu_count = {true, 1}},
                         shares = {.cpu_shares = {true, 10000}};
  ck_assert_int_eq(make_job("cpu", &half), 0);
  ck_assert_uint_eq(rate().ControlFlags,
                    JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP);
  ck_assert_uint_eq(rate().CpuRate, 5000);
  ck_assert_int_eq(host_job_update(container, &shares, &err), 0);
  ck_assert_uint_eq(rate().ControlFlags,
                    JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_WEIGHT_BASED);
  ck_assert_uint_eq(rate().Weight, 9);
  ck_assert_int_eq(host_job_update(container, &one, &err), 0);
  ck_assert_uint_eq(rate().ControlFlags,
                    JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP);
  ck_assert_uint_eq(rate().CpuRate, 10000 / GetActiveProcessorCount(ALL_PROCESSOR_GROUPS));
}
END_TEST

START_TEST(fair_share_scheduling_is_said) {
  const struct hp_limits half = {.cpu_maximum = {true, 5000}};
  winsim_set_fair_share(true);
  ck_assert_int_eq(make_job("fair", &half), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "Dynamic Fair Share Scheduling"));
}
END_TEST

START_TEST(affinity) {
  struct hp_affinity first = {1, 0}, twice[] = {{1, 0}, {1, 0}};
  const struct hp_limits good = {.affinities = {&first, 1}}, bad = {.affinities = {twice, 2}};
  GROUP_AFFINITY now;
  const GROUP_AFFINITY wanted = {.Mask = 1};
  ck_assert_int_eq(make_job("affinity", &good), 0);
  ck_assert(winsim_job_information(container->job, JobObjectGroupInformationEx, &now, sizeof now));
  ck_assert_mem_eq(&now, &wanted, sizeof now);
  ck_assert_int_eq(host_job_update(container, &bad, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "windows.resources.cpu.affinity"));
}
END_TEST

START_TEST(storage) {
  const struct hp_limits limits = {.storage_iops = {true, 100}, .storage_bps = {true, 1 << 20}};
  LONG64 iops, bandwidth;
  ck_assert_int_eq(make_job("storage", &limits), 0);
  winsim_job_io_rate(container->job, &iops, &bandwidth);
  ck_assert_int_eq(iops, 100);
  ck_assert_int_eq(bandwidth, 1 << 20);
  winsim_fail_call("SetIoRateControlInformationJobObject", 1, ERROR_NOT_SUPPORTED);
  ck_assert_int_eq(host_job_update(container, &limits, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "windows.resources.storage.iops"));
}
END_TEST

/* Each of them up, down and up again, on one running job; what is not named stays. */
START_TEST(every_limit_up_and_down) {
  static const int64_t bytes[] = {64 << 20, 1ll << 40, 32 << 20, 64 << 20},
                       maximum[] = {5000, 10000, 1, 5000}, iops[] = {100, 100000, 1, 100},
                       bps[] = {1 << 20, 1ll << 40, 1, 1 << 20};
  struct hp_affinity first = {1, 0};
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION now;
  GROUP_AFFINITY group;
  LONG64 iops_now, bps_now;
  for (size_t i = 0; i < 4; i++) {
    const struct hp_limits limits = {.memory = {true, bytes[i]},
                                     .cpu_maximum = {true, maximum[i]},
                                     .affinities = {&first, 1},
                                     .storage_iops = {true, iops[i]},
                                     .storage_bps = {true, bps[i]}};
    int result = i == 0 ? make_job("updown", &limits) : host_job_update(container, &limits, &err);
    ck_assert_msg(result == 0, "%s", err.message);
    now = extended();
    ck_assert_uint_eq(now.JobMemoryLimit, (SIZE_T)bytes[i]);
    ck_assert_uint_eq(now.BasicLimitInformation.LimitFlags,
                      JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_JOB_MEMORY);
    ck_assert_uint_eq(rate().CpuRate, (DWORD)maximum[i]);
    ck_assert(winsim_job_information(container->job, JobObjectGroupInformationEx, &group, sizeof group));
    ck_assert_uint_eq(group.Mask, 1);
    winsim_job_io_rate(container->job, &iops_now, &bps_now);
    ck_assert_int_eq(iops_now, iops[i]);
    ck_assert_int_eq(bps_now, bps[i]);
  }
  static const int64_t counts[] = {1, 64, 1}, shares[] = {1, 10000, 1};
  for (size_t i = 0; i < 3; i++) {
    const struct hp_limits count = {.cpu_count = {true, counts[i]}},
                           weight = {.cpu_shares = {true, shares[i]}};
    DWORD processors = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    ck_assert_int_eq(host_job_update(container, &count, &err), 0);
    ck_assert_uint_eq(rate().CpuRate, counts[i] >= (int64_t)processors ? 10000 : 10000 / processors);
    ck_assert_int_eq(host_job_update(container, &weight, &err), 0);
    ck_assert_uint_eq(rate().Weight, shares[i] == 1 ? 1 : 9);
  }
  ck_assert_uint_eq(extended().JobMemoryLimit, 64 << 20);
}
END_TEST

/* Memory and CPU come before the affinity that no host has. */
START_TEST(a_refused_update_changes_nothing) {
  struct hp_affinity twice[] = {{1, 0}, {1, 0}};
  const struct hp_limits good = {.memory = {true, 64 << 20}, .cpu_maximum = {true, 5000}},
                         bad = {.memory = {true, 32 << 20},
                                .cpu_maximum = {true, 100},
                                .affinities = {twice, 2}};
  ck_assert_int_eq(make_job("kept", &good), 0);
  ck_assert_int_eq(host_job_update(container, &bad, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "windows.resources.cpu.affinity"));
  ck_assert_uint_eq(extended().JobMemoryLimit, 64 << 20);
  ck_assert_uint_eq(rate().CpuRate, 5000);
}
END_TEST

/* Before anything is made, on a job that nothing is ever in. */
START_TEST(a_plan_tries_the_limits) {
  struct hp_container_spec spec = {.limits = {.memory = {true, 64 << 20}}};
  const struct host_container_request request = {.namespace_name = "n", .id = "i", .spec = &spec};
  json_t *records = json_array();
  winsim_fail_call("SetInformationJobObject", 1, ERROR_INVALID_PARAMETER);
  ck_assert_int_eq(hp_job_plan(container, &request, records, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "windows.resources.memory.limit"));
  ck_assert_uint_eq(json_array_size(records), 0);
  json_decref(records);
  char *left = winsim_left();
  ck_assert_str_eq(left, "");
  free(left);
}
END_TEST

int main(int argc, char **argv) {
  int status;
  if (run_as_child(argc, argv, &status))
    return status;
  Suite *suite = suite_create("host_windows_limits");
  TCase *test = tcase_create("limits");
  tcase_set_timeout(test, 60);
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_test(test, a_job_without_limits_is_killed_on_close_and_counts_io);
  tcase_add_test(test, memory);
  tcase_add_test(test, cpu);
  tcase_add_test(test, fair_share_scheduling_is_said);
  tcase_add_test(test, affinity);
  tcase_add_test(test, storage);
  tcase_add_test(test, every_limit_up_and_down);
  tcase_add_test(test, a_refused_update_changes_nothing);
  tcase_add_test(test, a_plan_tries_the_limits);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
