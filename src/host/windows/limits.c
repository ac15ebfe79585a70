/* Limits of a job (contract, section 6). */
#include <inttypes.h>
#include <stdlib.h>

#include "host/windows/job.h"
#include "host/windows/winapi.h"

/* ---- memory ------------------------------------------------------------------------ */

/* Written whole, not changed: nobody else sets limits of these jobs. */
static int apply_memory(HANDLE job, struct hp_number memory, struct hp_error *err) {
  if (!memory.set)
    return 0;
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
      .BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
  };
  if (memory.value > 0) {
    limits.BasicLimitInformation.LimitFlags |= JOB_OBJECT_LIMIT_JOB_MEMORY;
    limits.JobMemoryLimit = (SIZE_T)memory.value;
  }
  if (!SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits))
    return hp_error_set_os(err, (int)GetLastError(),
                           "windows.resources.memory.limit: cannot limit the job to %" PRId64
                           " bytes: SetInformationJobObject",
                           memory.value);
  return 0;
}

/* ---- CPU ------------------------------------------------------------------------------ */

/* Windows counts in hundredths of a percent of the whole machine. */
static DWORD rate_of_count(int64_t count, unsigned processors) {
  if (count >= (int64_t)processors)
    return 10000;
  DWORD rate = (DWORD)(count * 10000 / (int64_t)processors);
  return rate > 0 ? rate : 1;
}

bool hp_limits_cpu(const struct hp_limits *limits, unsigned processors,
                   JOBOBJECT_CPU_RATE_CONTROL_INFORMATION *rate) {
  *rate = (JOBOBJECT_CPU_RATE_CONTROL_INFORMATION){
      .ControlFlags = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
  };
  if (limits->cpu_count.set)
    rate->CpuRate = rate_of_count(limits->cpu_count.value, processors);
  else if (limits->cpu_maximum.set)
    rate->CpuRate = (DWORD)limits->cpu_maximum.value;
  else if (limits->cpu_shares.set) {
    rate->ControlFlags = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_WEIGHT_BASED;
    rate->Weight = (DWORD)(1 + 8 * limits->cpu_shares.value / 10000);
  } else
    return false;
  return true;
}

unsigned host_processors(void) {
  DWORD processors = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  return processors > 0 ? processors : 1;
}

static int apply_cpu(HANDLE job, const struct hp_limits *limits, struct hp_error *err) {
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate;
  if (!hp_limits_cpu(limits, host_processors(), &rate))
    return 0;
  if (SetInformationJobObject(job, JobObjectCpuRateControlInformation, &rate, sizeof rate))
    return 0;
  DWORD code = GetLastError();
  bool weight = (rate.ControlFlags & JOB_OBJECT_CPU_RATE_CONTROL_WEIGHT_BASED) != 0;
  hp_error_set_os(
      err, (int)code,
      "windows.resources.cpu: this host does not take the job's CPU %s of %lu: SetInformationJobObject",
      weight ? "weight" : "rate", (unsigned long)(weight ? rate.Weight : rate.CpuRate));
  if (code == ERROR_NOT_SUPPORTED)
    hp_error_wrap(err, "Dynamic Fair Share Scheduling is on, which excludes CPU limits of jobs (turn it off "
                       "or set no CPU limit)");
  return hp_error_recode(err, HP_FAILED_PRECONDITION);
}

static int apply_affinity(HANDLE job, const struct hp_affinities *affinities, struct hp_error *err) {
  if (affinities->count == 0)
    return 0;
  if (affinities->count > UINT16_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "windows.resources.cpu.affinity has %zu entries: a host has one per processor group",
                        affinities->count);
  GROUP_AFFINITY *groups = hp_alloc(affinities->count * sizeof *groups);
  for (size_t i = 0; i < affinities->count; i++)
    groups[i] = (GROUP_AFFINITY){.Mask = (KAFFINITY)affinities->items[i].mask,
                                 .Group = (WORD)affinities->items[i].group};
  bool set = SetInformationJobObject(job, JobObjectGroupInformationEx, groups,
                                     (DWORD)(affinities->count * sizeof *groups));
  DWORD code = GetLastError();
  free(groups);
  if (set)
    return 0;
  hp_error_set_os(err, (int)code,
                  "windows.resources.cpu.affinity: this host does not take mask 0x%" PRIx64
                  " of group %" PRIu32
                  " (a mask names processors that the group has, each group once): SetInformationJobObject",
                  affinities->items[0].mask, affinities->items[0].group);
  return hp_error_recode(err, HP_FAILED_PRECONDITION);
}

/* ---- storage ----------------------------------------------------------------------------- */

/* Supported by Windows 10 1607 alone; later systems may still have the call. */
static int apply_storage(HANDLE job, const struct hp_limits *limits, struct hp_error *err) {
  if (!limits->storage_iops.set && !limits->storage_bps.set)
    return 0;
  const char *field =
      limits->storage_iops.set ? "windows.resources.storage.iops" : "windows.resources.storage.bps";
  const struct hp_winapi *api = hp_winapi();
  if (!api->SetIoRateControlInformationJobObject) {
    hp_winapi_absent("SetIoRateControlInformationJobObject", err);
    return hp_error_wrap(err, "%s: Microsoft ended I/O limits of jobs after Windows 10 1607, set none",
                         field);
  }
  struct hp_job_io_rate rate = {
      .max_iops = limits->storage_iops.value,
      .max_bandwidth = limits->storage_bps.value,
      .control_flags = HP_JOB_IO_RATE_ENABLE,
  };
  if (api->SetIoRateControlInformationJobObject(job, &rate))
    return 0;
  hp_error_set_os(err, (int)GetLastError(),
                  "%s: Microsoft ended I/O limits of jobs after Windows 10 1607, set none: "
                  "SetIoRateControlInformationJobObject",
                  field);
  return hp_error_recode(err, HP_FAILED_PRECONDITION);
}

int hp_limits_apply(HANDLE job, const struct hp_limits *limits, struct hp_error *err) {
  if (apply_memory(job, limits->memory, err) != 0 || apply_cpu(job, limits, err) != 0 ||
      apply_affinity(job, &limits->affinities, err) != 0 || apply_storage(job, limits, err) != 0)
    return -1;
  return 0;
}

int hp_limits_try(const struct hp_limits *limits, struct hp_error *err) {
  HANDLE job = CreateJobObjectW(NULL, NULL);
  if (!job)
    return hp_error_set_os(err, (int)GetLastError(), "CreateJobObjectW, to try the limits");
  int result = hp_limits_apply(job, limits, err);
  CloseHandle(job);
  return result;
}

/* Tried first, for a refusal changes nothing. */
int host_job_update(struct host_container *container, const struct hp_limits *limits, struct hp_error *err) {
  HANDLE job = hp_job_of(container, err);
  if (!job || hp_limits_try(limits, err) != 0)
    return -1;
  if (limits->memory.set && limits->memory.value > 0 && hp_job_watch_attach(container->watch, job, err) != 0)
    return -1;
  return hp_limits_apply(job, limits, err);
}
