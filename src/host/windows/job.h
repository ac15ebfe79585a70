/* The job object of a container, for the files of this folder. */
#ifndef HP_HOST_WINDOWS_JOB_H
#define HP_HOST_WINDOWS_JOB_H

#include <windows.h>

#include "host/windows/container.h"

#define HP_JOB_KILL_MS 5000 /* for a job to be empty after it was terminated */
#define HP_EXIT_KILLED 137u /* 128 + SIGKILL: the exit code of what we terminate */

/* (any) FailedPrecondition where there is none yet; returns NULL then. */
HANDLE hp_job_of(const struct host_container *container, struct hp_error *err);

/* (pool) Pids in the job, in the kernel's order; *pids is malloced. */
int hp_job_members(HANDLE job, DWORD **pids, size_t *count, struct hp_error *err);
/* (any) A handle on a process that is in the job: its pid may have been given to
 * another process since it was read. access and PROCESS_QUERY_INFORMATION. NULL:
 * GetLastError() tells who keeps us out from who is gone or not of the job. */
HANDLE hp_job_open_member(HANDLE job, DWORD pid, DWORD access);

/* (any) The job of that container's name is there: something holds it. */
bool hp_job_exists(const char *namespace_name, const char *id);

/* (pool) Terminates what is in the job and waits until it is empty. */
int hp_job_terminate(HANDLE job, struct hp_error *err);

/* (pool) Applies what is set; what is not stays as it is. InvalidArgument or
 * FailedPrecondition, naming the limit. */
int hp_limits_apply(HANDLE job, const struct hp_limits *limits, struct hp_error *err);
/* Whether the host takes them: on a job that nothing is ever in. */
int hp_limits_try(const struct hp_limits *limits, struct hp_error *err);
/* Whether a CPU limit is set, and how Windows calls it. Pure. */
bool hp_limits_cpu(const struct hp_limits *limits, unsigned processors,
                   JOBOBJECT_CPU_RATE_CONTROL_INFORMATION *rate);

/* ---- job_mark.c: which of two jobs of one name ------------------------------- */

/* (pool) A new mark; owned, NULL on failure. */
char *hp_job_mark_new(struct hp_error *err);
/* (pool) For SYSTEM and Administrators alone, with the mark; LocalFree. NULL on failure. */
PSECURITY_DESCRIPTOR hp_job_mark_descriptor(const char *mark, struct hp_error *err);
/* (pool) Has the job (open with READ_CONTROL) another mark? One that cannot be
 * read, or has none, counts as the one that is asked for. */
bool hp_job_mark_differs(HANDLE job, const char *mark);

/* ---- job_port.c: what the kernel says of a job ------------------------------- */

struct hp_job_watch *hp_job_watch_new(void);
/* (pool) From now on the job's messages reach the watch; once for one job. */
int hp_job_watch_attach(struct hp_job_watch *watch, HANDLE job, struct hp_error *err);
/* (any) Sends a message as the kernel would, for tests of what it leads to. */
void hp_job_watch_tell(const struct hp_job_watch *watch, DWORD message);
void hp_job_watch_free(struct hp_job_watch *watch); /* (any) NULL is fine; after host_job_unwatch_oom */

/* ---- signal.c ----------------------------------------------------------------- */

#define HP_SIGNAL_ACCESS                                                                                     \
  (PROCESS_TERMINATE | PROCESS_CREATE_THREAD | PROCESS_VM_OPERATION | PROCESS_VM_WRITE | PROCESS_VM_READ |   \
   PROCESS_QUERY_INFORMATION | SYNCHRONIZE)

/* (any) To one process; the handle has HP_SIGNAL_ACCESS. NotFound: it has ended. */
int hp_signal_send(HANDLE process, uint32_t pid, int signal, struct hp_error *err);

#endif
