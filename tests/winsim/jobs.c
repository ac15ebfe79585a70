/* Jobs are the system's own; what Wine does not know of them (silos, limits, I/O
 * numbers) and the bind filter are kept beside each handle and end with it. */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "base/memory.h"
#include "host/windows/wide_path.h"
#include "host/windows/winapi.h"
#include "machine.h"
#include "winsim.h"

#define JOBS_MAX 64
#define BINDINGS_MAX 32
#define REAL(name) WINSIM_REAL("kernel32.dll", name)

static struct job {
  HANDLE handle;
  bool silo, has_limits, has_rate, has_groups;
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate;
  GROUP_AFFINITY groups[4];
  DWORD groups_length;
  struct hp_job_io_attribution attribution;
  LONG64 iops, bandwidth;
  char *roots[BINDINGS_MAX];
  size_t root_count;
} jobs[JOBS_MAX];
static SRWLOCK lock = SRWLOCK_INIT;
static bool fair_share, no_bind_filter;

static struct job *find(HANDLE handle) {
  for (size_t i = 0; handle && i < JOBS_MAX; i++)
    if (jobs[i].handle == handle)
      return &jobs[i];
  return NULL;
}

static void remember(HANDLE handle) {
  AcquireSRWLockExclusive(&lock);
  for (size_t i = 0; i < JOBS_MAX; i++)
    if (!jobs[i].handle) {
      jobs[i].handle = handle;
      break;
    }
  ReleaseSRWLockExclusive(&lock);
}

void winsim_forget_job(HANDLE handle) {
  AcquireSRWLockExclusive(&lock);
  struct job *job = find(handle);
  if (job) {
    for (size_t i = 0; i < job->root_count; i++)
      free(job->roots[i]);
    *job = (struct job){0};
  }
  ReleaseSRWLockExclusive(&lock);
}

void winsim_left_jobs(json_t *lines) {
  for (size_t i = 0; i < JOBS_MAX; i++)
    if (jobs[i].handle) {
      char *line = hp_printf("job with %zu bindings", jobs[i].root_count);
      json_array_append_new(lines, json_string(line));
      free(line);
    }
}

void winsim_reset_jobs(void) {
  for (size_t i = 0; i < JOBS_MAX; i++)
    if (jobs[i].handle)
      winsim_forget_job(jobs[i].handle);
  fair_share = no_bind_filter = false;
}

void winsim_set_fair_share(bool on) {
  fair_share = on;
}

void winsim_set_bind_filter(bool there) {
  no_bind_filter = !there;
}

bool winsim_has_bind_filter(void) {
  return !no_bind_filter;
}

bool winsim_job_is_silo(HANDLE handle) {
  const struct job *job = find(handle);
  return job && job->silo;
}

void winsim_job_io_rate(HANDLE handle, LONG64 *iops, LONG64 *bandwidth) {
  const struct job *job = find(handle);
  *iops = job ? job->iops : 0;
  *bandwidth = job ? job->bandwidth : 0;
}

/* ---- what is set -------------------------------------------------------------------- */

/* "JOBOBJECT_EXTENDED_LIMIT_INFORMATION structure" */
static DWORD set_limits(struct job *job, const JOBOBJECT_EXTENDED_LIMIT_INFORMATION *limits) {
  DWORD flags = limits->BasicLimitInformation.LimitFlags;
  if (flags & ~0x007fffffu)
    return ERROR_INVALID_PARAMETER;
  if ((flags & JOB_OBJECT_LIMIT_JOB_MEMORY) && limits->JobMemoryLimit == 0)
    return ERROR_INVALID_PARAMETER;
  job->limits = *limits;
  job->has_limits = true;
  return ERROR_SUCCESS;
}

/* "JOBOBJECT_CPU_RATE_CONTROL_INFORMATION structure": the flags that exclude each
 * other, "a number from 1 to 10,000", "a weight from 1 to 9" … or
 * SetInformationJobObject fails with ERROR_INVALID_ARGS; ERROR_NOT_SUPPORTED
 * under Dynamic Fair Share Scheduling ("SetInformationJobObject function"). */
static DWORD set_rate(struct job *job, const JOBOBJECT_CPU_RATE_CONTROL_INFORMATION *rate) {
  DWORD flags = rate->ControlFlags;
  bool weight = (flags & JOB_OBJECT_CPU_RATE_CONTROL_WEIGHT_BASED) != 0,
       cap = (flags & JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP) != 0;
  if (fair_share)
    return ERROR_NOT_SUPPORTED;
  if (flags != 0 && (!(flags & JOB_OBJECT_CPU_RATE_CONTROL_ENABLE) || (weight && cap)))
    return ERROR_INVALID_PARAMETER;
  if (weight ? rate->Weight < 1 || rate->Weight > 9 : rate->CpuRate < 1 || rate->CpuRate > 10000)
    return ERROR_INVALID_PARAMETER;
  job->rate = *rate;
  job->has_rate = true;
  return ERROR_SUCCESS;
}

/* "GROUP_AFFINITY structure": reserved members are zero; each group once, with
 * processors that it has ("SetInformationJobObject function", JobObjectGroupInformationEx). */
static DWORD set_groups(struct job *job, const GROUP_AFFINITY *groups, DWORD length) {
  size_t count = length / sizeof *groups;
  if (count == 0 || count > 4 || length % sizeof *groups != 0)
    return ERROR_BAD_LENGTH;
  for (size_t i = 0; i < count; i++) {
    if (groups[i].Mask == 0 || groups[i].Reserved[0] || groups[i].Reserved[1] || groups[i].Reserved[2] ||
        groups[i].Group >= GetActiveProcessorGroupCount())
      return ERROR_INVALID_PARAMETER;
    for (size_t j = 0; j < i; j++)
      if (groups[j].Group == groups[i].Group)
        return ERROR_INVALID_PARAMETER;
  }
  memcpy(job->groups, groups, length);
  job->groups_length = length;
  job->has_groups = true;
  return ERROR_SUCCESS;
}

static DWORD active_processes(HANDLE handle) {
  JOBOBJECT_BASIC_ACCOUNTING_INFORMATION accounting = {0};
  REAL(QueryInformationJobObject)
  (handle, JobObjectBasicAccountingInformation, &accounting, sizeof accounting, NULL);
  return accounting.ActiveProcesses;
}

/* JobObjectCreateSilo: no data, an empty job that is killed on close (hcsshim,
 * internal/jobobject, PromoteToSilo). */
static DWORD make_silo(struct job *job, const void *data, DWORD length) {
  bool dies = (job->limits.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE) != 0;
  if (data || length || job->silo || !dies || active_processes(job->handle) > 0)
    return ERROR_INVALID_PARAMETER;
  job->silo = true;
  return ERROR_SUCCESS;
}

static DWORD expected_length(JOBOBJECTINFOCLASS kind, DWORD length) {
  return kind == JobObjectExtendedLimitInformation    ? sizeof(JOBOBJECT_EXTENDED_LIMIT_INFORMATION)
         : kind == JobObjectCpuRateControlInformation ? sizeof(JOBOBJECT_CPU_RATE_CONTROL_INFORMATION)
         : kind == HP_JOB_IO_ATTRIBUTION              ? sizeof(struct hp_job_io_attribution)
                                                      : length;
}

static DWORD set(struct job *job, JOBOBJECTINFOCLASS kind, LPVOID data, DWORD length) {
  if (length != expected_length(kind, length)) /* winerror.h: ERROR_BAD_LENGTH, as the kernel answers */
    return ERROR_BAD_LENGTH;
  if (kind == HP_JOB_CREATE_SILO)
    return make_silo(job, data, length);
  if (kind == JobObjectExtendedLimitInformation) {
    DWORD os_code = set_limits(job, data);
    if (os_code)
      return os_code;
  } else if (kind == JobObjectCpuRateControlInformation) {
    return set_rate(job, data);
  } else if (kind == JobObjectGroupInformationEx) {
    return set_groups(job, data, length);
  } else if (kind == HP_JOB_IO_ATTRIBUTION) {
    job->attribution = *(struct hp_job_io_attribution *)data;
    return job->attribution.control_flags == HP_JOB_IO_ATTRIBUTION_ENABLE ? ERROR_SUCCESS
                                                                          : ERROR_INVALID_PARAMETER;
  }
  return REAL(SetInformationJobObject)(job->handle, kind, data, length) ? ERROR_SUCCESS : GetLastError();
}

static BOOL WINAPI set_information(HANDLE handle, JOBOBJECTINFOCLASS kind, LPVOID data, DWORD length) {
  struct job *job = find(handle);
  DWORD os_code = winsim_enter("SetInformationJobObject", "%d", (int)kind);
  if (os_code == ERROR_SUCCESS)
    os_code = job ? set(job, kind, data, length) : ERROR_INVALID_HANDLE;
  return winsim_answer(os_code);
}

bool winsim_job_information(HANDLE handle, JOBOBJECTINFOCLASS kind, void *data, DWORD length) {
  const struct job *job = find(handle);
  const void *from = NULL;
  if (job && kind == JobObjectExtendedLimitInformation && job->has_limits)
    from = &job->limits;
  else if (job && kind == JobObjectCpuRateControlInformation && job->has_rate)
    from = &job->rate;
  else if (job && kind == JobObjectGroupInformationEx && job->has_groups)
    from = job->groups;
  else if (job && kind == HP_JOB_IO_ATTRIBUTION && job->attribution.control_flags)
    from = &job->attribution;
  if (from)
    memcpy(data, from, length);
  return from != NULL;
}

static BOOL WINAPI query_information(HANDLE handle, JOBOBJECTINFOCLASS kind, LPVOID data, DWORD length,
                                     LPDWORD returned) {
  DWORD os_code = winsim_enter("QueryInformationJobObject", "%d", (int)kind);
  if (os_code)
    return winsim_answer(os_code);
  if (kind == HP_JOB_MEMORY_USAGE && length == sizeof(struct hp_job_memory_usage)) {
    *(struct hp_job_memory_usage *)data = (struct hp_job_memory_usage){1 << 20, 2 << 20};
    return winsim_answer(ERROR_SUCCESS);
  }
  if (kind != JobObjectBasicAccountingInformation && kind != JobObjectBasicProcessIdList &&
      winsim_job_information(handle, kind, data, length))
    return winsim_answer(ERROR_SUCCESS);
  BOOL known = REAL(QueryInformationJobObject)(handle, kind, data, length, returned);
  return winsim_answer(known ? ERROR_SUCCESS : GetLastError());
}

/* ---- the job itself --------------------------------------------------------------------- */

static HANDLE WINAPI create(LPSECURITY_ATTRIBUTES security, LPCWSTR name) {
  DWORD os_code = winsim_enter("CreateJobObjectW", "%s", name ? "named" : "");
  if (os_code) {
    winsim_answer(os_code);
    return NULL;
  }
  HANDLE job = REAL(CreateJobObjectW)(security, name);
  os_code = GetLastError(); /* ERROR_ALREADY_EXISTS beside a handle */
  if (job)
    remember(job);
  winsim_answer(os_code);
  return job;
}

static HANDLE WINAPI open(DWORD access, BOOL inherit, LPCWSTR name) {
  DWORD os_code = winsim_enter("OpenJobObjectW", "%s", "");
  HANDLE job = os_code ? NULL : REAL(OpenJobObjectW)(access, inherit, name);
  winsim_answer(os_code ? os_code : GetLastError());
  return job;
}

static BOOL WINAPI terminate(HANDLE job, UINT status) {
  DWORD os_code = winsim_enter("TerminateJobObject", "%u", status);
  if (os_code)
    return winsim_answer(os_code);
  return winsim_answer(REAL(TerminateJobObject)(job, status) ? ERROR_SUCCESS : GetLastError());
}

WINSIM_IMPORT(CreateJobObjectW, create);
WINSIM_IMPORT(OpenJobObjectW, open);
WINSIM_IMPORT(TerminateJobObject, terminate);
WINSIM_IMPORT(SetInformationJobObject, set_information);
WINSIM_IMPORT(QueryInformationJobObject, query_information);

/* "SetIoRateControlInformationJobObject function": nonzero for success, a
 * structure whose ControlFlags enable it. */
static DWORD WINAPI set_io_rate(HANDLE handle, struct hp_job_io_rate *rate) {
  struct job *job = find(handle);
  DWORD os_code = winsim_enter("SetIoRateControlInformationJobObject", "%s", "");
  if (os_code == ERROR_SUCCESS && !job)
    os_code = ERROR_INVALID_HANDLE;
  if (os_code == ERROR_SUCCESS && (rate->control_flags != HP_JOB_IO_RATE_ENABLE || rate->max_iops < 0 ||
                                   rate->max_bandwidth < 0 || rate->reservation_iops != 0))
    os_code = ERROR_INVALID_PARAMETER;
  if (os_code == ERROR_SUCCESS) {
    job->iops = rate->max_iops;
    job->bandwidth = rate->max_bandwidth;
  }
  return winsim_answer(os_code) ? 1 : 0;
}

const struct winsim_function winsim_job_functions[] = {
    {"SetIoRateControlInformationJobObject", (void *)(uintptr_t)set_io_rate},
    {NULL, NULL},
};

/* ---- the bind filter --------------------------------------------------------------------- */

/* bindfltapi.dll is undocumented before Windows 11; the rules are those that
 * hcsshim keeps (internal/jobcontainers, internal/winapi/bindflt.go) and
 * bindlink.h's "CreateBindLink function": the root's parent and the target must
 * exist, a volume as target ends in a backslash. */
static DWORD judge_binding(const struct job *job, ULONG flags, const wchar_t *root, const wchar_t *target) {
  if (!job || !job->silo || !(flags & HP_BIND_CURRENT_SILO))
    return ERROR_INVALID_PARAMETER;
  wchar_t *parent = hp_path_parent(root);
  bool there = parent && GetFileAttributesW(parent) != INVALID_FILE_ATTRIBUTES;
  free(parent);
  if (!there)
    return ERROR_PATH_NOT_FOUND;
  bool volume = winsim_starts(target, L"\\\\?\\Volume{"), slashed = winsim_ends_in_backslash(target);
  if (slashed != (volume || wcslen(target) == 3))
    return ERROR_INVALID_PARAMETER;
  return GetFileAttributesW(target) != INVALID_FILE_ATTRIBUTES ? ERROR_SUCCESS : ERROR_FILE_NOT_FOUND;
}

static DWORD bind(struct job *job, ULONG flags, const wchar_t *root) {
  char *key = winsim_path_key(root);
  for (size_t i = 0; i < job->root_count; i++)
    if (strcmp(job->roots[i], key) == 0 && (flags & HP_BIND_NO_MULTIPLE_TARGETS)) {
      free(key);
      return ERROR_ALREADY_EXISTS;
    }
  if (job->root_count == BINDINGS_MAX) {
    free(key);
    return ERROR_OUTOFMEMORY;
  }
  job->roots[job->root_count++] = key;
  return ERROR_SUCCESS;
}

static HRESULT WINAPI setup_filter(HANDLE handle, ULONG flags, const wchar_t *root, const wchar_t *target,
                                   const wchar_t **exceptions, ULONG exception_count) {
  struct job *job = find(handle);
  char *root_utf8 = winsim_narrow(root), *target_utf8 = winsim_narrow(target);
  DWORD os_code = winsim_enter("BfSetupFilter", "0x%lx %s %s", flags, root_utf8, target_utf8);
  free(root_utf8);
  free(target_utf8);
  if (os_code == ERROR_SUCCESS && (exceptions != NULL) != (exception_count > 0))
    os_code = ERROR_INVALID_PARAMETER;
  if (os_code == ERROR_SUCCESS)
    os_code = judge_binding(job, flags, root, target);
  return winsim_result(os_code ? os_code : bind(job, flags, root));
}

const struct winsim_function winsim_bind_functions[] = {
    {"BfSetupFilter", (void *)(uintptr_t)setup_filter},
    {NULL, NULL},
};
