/* Silos and the bind filter: files that appear at other paths, for the processes
 * of one job only. (pool) */
#ifndef HP_HOST_WINDOWS_SILO_H
#define HP_HOST_WINDOWS_SILO_H

#include <stdbool.h>
#include <windows.h>

#include "base/error.h"

/* Whether this host can bind, found by trying once a process: an empty silo and
 * one throw-away binding. 0: it can; FailedPrecondition: why not. */
int hp_silo_probe(struct hp_error *err);

/* Makes an empty job, which must have KILL_ON_JOB_CLOSE, a silo. */
int hp_silo_make(HANDLE job, struct hp_error *err);

/* Lets `target` appear at `root` inside the silo. The directory that root lies in
 * must exist on the host. It ends with the silo. */
int hp_silo_bind(HANDLE job, const wchar_t *root, const wchar_t *target, bool read_only,
                 struct hp_error *err);

#endif
