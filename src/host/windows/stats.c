/* What kubelet reads of a container: containerd.runhcs.stats.v1.Statistics. */
#include <stdlib.h>

#include "containerd/runhcs/stats/v1/stats.pb-c.h"
#include "host/windows/job.h"
#include "host/windows/winapi.h"

#define STATISTICS_TYPE "containerd.runhcs.stats.v1.Statistics"
#define NS_PER_TICK 100 /* Windows counts in 100 ns */

struct numbers { /* one message and its parts */
  Containerd__Runhcs__Stats__V1__Statistics statistics;
  Containerd__Runhcs__Stats__V1__WindowsContainerStatistics windows;
  Containerd__Runhcs__Stats__V1__WindowsContainerProcessorStatistics processor;
  Containerd__Runhcs__Stats__V1__WindowsContainerMemoryStatistics memory;
  Containerd__Runhcs__Stats__V1__WindowsContainerStorageStatistics storage;
  Google__Protobuf__Timestamp now, started;
};

static void init(struct numbers *numbers) {
  containerd__runhcs__stats__v1__statistics__init(&numbers->statistics);
  containerd__runhcs__stats__v1__windows_container_statistics__init(&numbers->windows);
  containerd__runhcs__stats__v1__windows_container_processor_statistics__init(&numbers->processor);
  containerd__runhcs__stats__v1__windows_container_memory_statistics__init(&numbers->memory);
  containerd__runhcs__stats__v1__windows_container_storage_statistics__init(&numbers->storage);
  google__protobuf__timestamp__init(&numbers->now);
  google__protobuf__timestamp__init(&numbers->started);
  numbers->statistics.windows = &numbers->windows;
  numbers->windows.timestamp = &numbers->now;
  numbers->windows.processor = &numbers->processor;
  numbers->windows.memory = &numbers->memory;
}

static void set_times(struct numbers *numbers, struct hp_time started) {
  struct hp_time now = hp_time_now();
  numbers->now.seconds = now.seconds;
  numbers->now.nanos = now.nanos;
  if (started.seconds == 0) /* nothing was started yet */
    return;
  numbers->started.seconds = started.seconds;
  numbers->started.nanos = started.nanos;
  numbers->windows.container_start_time = &numbers->started;
  int64_t uptime = (now.seconds - started.seconds) * 1000000000 + now.nanos - started.nanos;
  numbers->windows.uptime_ns = uptime > 0 ? (uint64_t)uptime : 0;
}

static int set_processor(struct numbers *numbers, HANDLE job, struct hp_error *err) {
  JOBOBJECT_BASIC_ACCOUNTING_INFORMATION accounting;
  if (!QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &accounting, sizeof accounting,
                                 NULL))
    return hp_error_set_os(err, (int)GetLastError(), "QueryInformationJobObject, the job's times");
  numbers->processor.runtime_user_ns = (uint64_t)accounting.TotalUserTime.QuadPart * NS_PER_TICK;
  numbers->processor.runtime_kernel_ns = (uint64_t)accounting.TotalKernelTime.QuadPart * NS_PER_TICK;
  numbers->processor.total_runtime_ns =
      numbers->processor.runtime_user_ns + numbers->processor.runtime_kernel_ns;
  return 0;
}

/* One that ends meanwhile, or that we may not look at, counts nothing. */
static void add_memory_of(HANDLE process, uint64_t *working_set, uint64_t *commit) {
  struct hp_vm_counters counters = {0};
  const struct hp_winapi *api = hp_winapi();
  if (!api->NtQueryInformationProcess ||
      api->NtQueryInformationProcess(process, HP_PROCESS_VM_COUNTERS, &counters, sizeof counters, NULL) < 0)
    return;
  *working_set += counters.private_working_set_size;
  *commit += counters.private_usage;
}

static int set_memory(struct numbers *numbers, HANDLE job, struct hp_error *err) {
  DWORD *pids;
  size_t count;
  uint64_t commit = 0;
  if (hp_job_members(job, &pids, &count, err) != 0)
    return -1;
  for (size_t i = 0; i < count; i++) {
    HANDLE process = hp_job_open_member(job, pids[i], 0);
    if (!process)
      continue;
    add_memory_of(process, &numbers->memory.memory_usage_private_working_set_bytes, &commit);
    CloseHandle(process);
  }
  free(pids);
  struct hp_job_memory_usage usage = {0};
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
  if (QueryInformationJobObject(job, HP_JOB_MEMORY_USAGE, &usage, sizeof usage, NULL)) {
    numbers->memory.memory_usage_commit_bytes = usage.memory;
    numbers->memory.memory_usage_commit_peak_bytes = usage.peak_memory;
  } else { /* a host that has no such sum: the processes' own */
    numbers->memory.memory_usage_commit_bytes = commit;
    QueryInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits, NULL);
    numbers->memory.memory_usage_commit_peak_bytes =
        limits.PeakJobMemoryUsed > commit ? limits.PeakJobMemoryUsed : commit;
  }
  return 0;
}

static void set_storage(struct numbers *numbers, HANDLE job) {
  struct hp_job_io_attribution io = {0};
  if (!QueryInformationJobObject(job, HP_JOB_IO_ATTRIBUTION, &io, sizeof io, NULL))
    return;
  numbers->storage.read_count_normalized = io.read_stats.io_count;
  numbers->storage.read_size_bytes = io.read_stats.total_size;
  numbers->storage.write_count_normalized = io.write_stats.io_count;
  numbers->storage.write_size_bytes = io.write_stats.total_size;
  numbers->windows.storage = &numbers->storage;
}

int host_job_stats(struct host_container *container, const char **type_url, uint8_t **data, size_t *length,
                   struct hp_error *err) {
  struct numbers numbers;
  HANDLE job = hp_job_of(container, err);
  if (!job)
    return -1;
  init(&numbers);
  set_times(&numbers, container->started);
  if (set_processor(&numbers, job, err) != 0 || set_memory(&numbers, job, err) != 0)
    return -1;
  set_storage(&numbers, job);
  *type_url = STATISTICS_TYPE;
  *data = hp_alloc(containerd__runhcs__stats__v1__statistics__get_packed_size(&numbers.statistics));
  *length = containerd__runhcs__stats__v1__statistics__pack(&numbers.statistics, *data);
  return 0;
}

int host_pod_stats(const struct hp_container_spec *sandbox, const char **type_url, uint8_t **data,
                   size_t *length, struct hp_error *err) {
  (void)sandbox;
  (void)err;
  return host_empty_stats(type_url, data, length);
}

int host_empty_stats(const char **type_url, uint8_t **data, size_t *length) {
  *type_url = STATISTICS_TYPE;
  *data = hp_alloc(1);
  *length = 0;
  return 0;
}
