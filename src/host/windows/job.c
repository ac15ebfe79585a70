/* The job object of a container: made, looked at, emptied, released. */
#include "host/windows/job.h"

#include <stdlib.h>
#include <string.h>

#include "host/windows/text.h"
#include "host/windows/winapi.h"
#include "spec/identifier.h"

#define KIND "job"
/* In every session's view: who cleans up may be logged on elsewhere. */
#define NAME_PREFIX "Global\\hostprocess-"
#define NAME_MAX 259u
#define MEMBERS_MAX 65536u /* pids that are looked at */
#define NAME_FREE_MS 1000
#define POLL_MS 10

/* ---- name and record ------------------------------------------------------------- */

/* Namespace and id for people, the hash so that ("a-b", "c") and ("a", "b-c") differ. */
static char *name_of(const char *namespace_name, const char *id) {
  char hex[65], *both = hp_printf("%s/%s", namespace_name, id);
  hp_sha256_hex(both, strlen(both), hex);
  char *name = hp_printf(NAME_PREFIX "%.76s-%.76s-%.16s", namespace_name, id, hex);
  free(both);
  return name;
}

static bool is_ours(const json_t *record, const char **name) {
  const char *kind = json_string_value(json_object_get(record, "kind"));
  *name = json_string_value(json_object_get(record, "name"));
  return kind && strcmp(kind, KIND) == 0;
}

static int check_name(const char *name, struct hp_error *err) {
  if (name && strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX)) == 0 && strlen(name) <= NAME_MAX &&
      !strchr(name + strlen(NAME_PREFIX), '\\'))
    return 0;
  return hp_error_set(err, HP_INTERNAL, "the job record names \"%.64s\", which is no job of this shim",
                      name ? name : "(nothing)");
}

int hp_job_check(const struct host_container_request *request, struct hp_error *err) {
  return hp_limits_try(&request->spec->limits, err);
}

/* ---- make ---------------------------------------------------------------------------- */

/* A job that has just lost its last process keeps its name for a moment. */
static HANDLE create_when_free(const SECURITY_ATTRIBUTES *security, const wchar_t *name, DWORD *code) {
  ULONGLONG end = GetTickCount64() + NAME_FREE_MS;
  for (;;) {
    HANDLE job = CreateJobObjectW((SECURITY_ATTRIBUTES *)(uintptr_t)security, name);
    *code = GetLastError();
    if (!job || *code != ERROR_ALREADY_EXISTS)
      return job;
    CloseHandle(job);
    if (GetTickCount64() >= end)
      return NULL;
    Sleep(POLL_MS);
  }
}

static HANDLE create_new(const char *name, const char *mark, struct hp_error *err) {
  SECURITY_ATTRIBUTES security = {.nLength = sizeof security,
                                  .lpSecurityDescriptor = hp_job_mark_descriptor(mark, err)};
  if (!security.lpSecurityDescriptor)
    return NULL;
  DWORD code;
  wchar_t *wide = hp_wide(name);
  HANDLE job = create_when_free(&security, wide, &code);
  free(wide);
  LocalFree(security.lpSecurityDescriptor);
  if (!job && code == ERROR_ALREADY_EXISTS)
    hp_error_set(
        err, HP_ALREADY_EXISTS,
        "the job %s exists already: a container of this name runs, or its shim was killed; delete it "
        "first",
        name);
  else if (!job)
    hp_error_set_os(err, (int)code, "CreateJobObjectW of %s", name);
  return job;
}

/* Made before the journal names it: a job of this name that is there already is
 * another's (a second containerd's, say), and a journal that named it would have it
 * killed when this Create is undone. Nothing of it is left if we die: nothing runs in
 * it, and it ends with its handle. */
int hp_job_plan(struct host_container *container, const struct host_container_request *request,
                json_t *records, struct hp_error *err) {
  if (hp_limits_try(&request->spec->limits, err) != 0)
    return -1;
  char *mark = hp_job_mark_new(err);
  if (!mark)
    return -1;
  char *name = name_of(request->namespace_name, request->id);
  container->job = create_new(name, mark, err); /* closed by hp_job_clear, whatever fails from here on */
  if (container->job)
    json_array_append_new(records, json_pack("{s:s, s:s, s:s}", "kind", KIND, "name", name, "mark", mark));
  free(name);
  free(mark);
  return container->job ? 0 : -1;
}

static int set_up(HANDLE job, struct hp_error *err) {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
      .BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
  };
  if (!SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits))
    return hp_error_set_os(err, (int)GetLastError(), "SetInformationJobObject, kill on close");
  /* Counts what goes to disks; a host that does not has no such numbers in Stats. */
  struct hp_job_io_attribution attribution = {.control_flags = HP_JOB_IO_ATTRIBUTION_ENABLE};
  SetInformationJobObject(job, HP_JOB_IO_ATTRIBUTION, &attribution, sizeof attribution);
  return 0;
}

static bool limits_memory(const struct hp_limits *limits) {
  return limits->memory.set && limits->memory.value > 0;
}

int hp_job_make(struct host_container *container, const json_t *record, bool *known, struct hp_error *err) {
  const char *name;
  *known = is_ours(record, &name);
  if (!*known || check_name(name, err) != 0)
    return -1;
  const struct hp_limits *limits = &container->request->spec->limits;
  HANDLE job = hp_job_of(container, err);
  if (!job)
    return -1;
  container->watch = hp_job_watch_new();
  if (set_up(job, err) != 0 ||
      (limits_memory(limits) && hp_job_watch_attach(container->watch, job, err) != 0))
    return -1;
  return hp_limits_apply(job, limits, err);
}

void hp_job_clear(struct host_container *container) {
  hp_job_watch_free(container->watch);
  container->watch = NULL;
  if (container->job)
    CloseHandle(container->job);
  container->job = NULL;
}

HANDLE hp_job_of(const struct host_container *container, struct hp_error *err) {
  if (!container->job)
    hp_error_set(err, HP_FAILED_PRECONDITION, "the container \"%s\" has no job yet", container->id);
  return container->job;
}

/* ---- members --------------------------------------------------------------------------- */

int hp_job_members(HANDLE job, DWORD **pids, size_t *count, struct hp_error *err) {
  JOBOBJECT_BASIC_PROCESS_ID_LIST *list = NULL;
  DWORD code = ERROR_MORE_DATA;
  *pids = NULL;
  *count = 0;
  /* The list may grow between two looks. */
  for (size_t room = 64; code == ERROR_MORE_DATA && room <= MEMBERS_MAX; room *= 4) {
    size_t size = offsetof(JOBOBJECT_BASIC_PROCESS_ID_LIST, ProcessIdList) + room * sizeof(ULONG_PTR);
    list = hp_realloc_array(list, size, 1);
    code = QueryInformationJobObject(job, JobObjectBasicProcessIdList, list, (DWORD)size, NULL)
               ? ERROR_SUCCESS
               : GetLastError();
  }
  if (code != ERROR_SUCCESS && code != ERROR_MORE_DATA) {
    free(list);
    return hp_error_set_os(err, (int)code, "QueryInformationJobObject, the job's processes");
  }
  *pids = hp_alloc(list->NumberOfProcessIdsInList * sizeof **pids);
  for (DWORD i = 0; i < list->NumberOfProcessIdsInList; i++)
    (*pids)[(*count)++] = (DWORD)list->ProcessIdList[i];
  free(list);
  return 0;
}

HANDLE hp_job_open_member(HANDLE job, DWORD pid, DWORD access) {
  BOOL inside = FALSE;
  HANDLE process = OpenProcess(access | PROCESS_QUERY_INFORMATION, FALSE, pid);
  if (process && IsProcessInJob(process, job, &inside) && inside)
    return process;
  if (process) {
    CloseHandle(process);
    SetLastError(ERROR_INVALID_PARAMETER); /* as if the pid were nobody's */
  }
  return NULL;
}

struct member {
  uint32_t pid;
  uint64_t started; /* 100 ns since 1601; 0: we may not look at it */
};

static int by_age(const void *left, const void *right) {
  const struct member *a = left, *b = right;
  if (a->started != b->started)
    return a->started < b->started ? -1 : 1;
  return a->pid < b->pid ? -1 : a->pid > b->pid;
}

/* false: it has ended. One that keeps us out is listed all the same. */
static bool look_at(HANDLE job, DWORD pid, struct member *member) {
  FILETIME created = {0}, exited, kernel, user;
  HANDLE process = hp_job_open_member(job, pid, 0);
  if (!process && GetLastError() != ERROR_ACCESS_DENIED)
    return false;
  if (process) {
    GetProcessTimes(process, &created, &exited, &kernel, &user);
    CloseHandle(process);
  }
  *member = (struct member){pid, (uint64_t)created.dwHighDateTime << 32 | created.dwLowDateTime};
  return true;
}

int host_job_pids(struct host_container *container, uint32_t **pids, size_t *count, struct hp_error *err) {
  DWORD *found;
  size_t found_count, member_count = 0;
  *pids = NULL;
  *count = 0;
  HANDLE job = hp_job_of(container, err);
  if (!job || hp_job_members(job, &found, &found_count, err) != 0)
    return -1;
  struct member *members = hp_alloc(found_count * sizeof *members);
  for (size_t i = 0; i < found_count; i++)
    member_count += look_at(job, found[i], &members[member_count]);
  qsort(members, member_count, sizeof *members, by_age);
  *pids = hp_alloc(member_count * sizeof **pids);
  for (; *count < member_count; ++*count)
    (*pids)[*count] = members[*count].pid;
  free(members);
  free(found);
  return 0;
}

/* ---- the end ------------------------------------------------------------------------------ */

static int active_processes(HANDLE job, DWORD *active, struct hp_error *err) {
  JOBOBJECT_BASIC_ACCOUNTING_INFORMATION accounting;
  if (!QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &accounting, sizeof accounting,
                                 NULL))
    return hp_error_set_os(err, (int)GetLastError(), "QueryInformationJobObject, active processes");
  *active = accounting.ActiveProcesses;
  return 0;
}

int hp_job_terminate(HANDLE job, struct hp_error *err) {
  ULONGLONG end = GetTickCount64() + HP_JOB_KILL_MS;
  for (;;) {
    DWORD active = 0;
    if (active_processes(job, &active, err) != 0)
      return -1;
    if (active == 0)
      return 0;
    if (GetTickCount64() >= end)
      return hp_error_set(err, HP_DEADLINE_EXCEEDED,
                          "the job is not empty %d ms after it was terminated: %lu processes are left (one "
                          "that waits in a driver ends only when that answers)",
                          HP_JOB_KILL_MS, (unsigned long)active);
    /* Again each time: what was being created is not always caught by the first. */
    if (!TerminateJobObject(job, HP_EXIT_KILLED))
      return hp_error_set_os(err, (int)GetLastError(), "TerminateJobObject");
    Sleep(POLL_MS);
  }
}

int host_job_kill(struct host_container *container, struct hp_error *err) {
  HANDLE job = hp_job_of(container, err);
  return job ? hp_job_terminate(job, err) : -1;
}

int hp_job_release(const json_t *record, bool *known, struct hp_error *err) {
  const char *name;
  *known = is_ours(record, &name);
  if (!*known || check_name(name, err) != 0)
    return -1;
  wchar_t *wide = hp_wide(name);
  HANDLE job = OpenJobObjectW(JOB_OBJECT_TERMINATE | JOB_OBJECT_QUERY | READ_CONTROL, FALSE, wide);
  DWORD code = GetLastError();
  free(wide);
  if (!job)
    return code == ERROR_FILE_NOT_FOUND ? 0 : hp_error_set_os(err, (int)code, "OpenJobObjectW of %s", name);
  const char *mark = json_string_value(json_object_get(record, "mark"));
  /* Ours is gone, and another's has its name: it is not to suffer for it. */
  int result = mark && hp_job_mark_differs(job, mark) ? 0 : hp_job_terminate(job, err);
  CloseHandle(job);
  return result == 0 ? 0 : hp_error_wrap(err, "%s", name);
}

/* Whoever is not let in has seen that there is one. */
bool hp_job_exists(const char *namespace_name, const char *id) {
  char *name = name_of(namespace_name, id);
  wchar_t *wide = hp_wide(name);
  HANDLE job = OpenJobObjectW(JOB_OBJECT_QUERY, FALSE, wide);
  bool exists = job || GetLastError() != ERROR_FILE_NOT_FOUND;
  if (job)
    CloseHandle(job);
  free(wide);
  free(name);
  return exists;
}

int host_job_pause(struct host_container *container, bool pause, struct hp_error *err) {
  (void)container;
  return hp_error_set(err, HP_UNIMPLEMENTED, "%s: Windows cannot %s the processes of a job",
                      pause ? "Pause" : "Resume", pause ? "suspend" : "resume");
}
