/* What host_process_keep_limits kept, for spawn. This folder only. */
#ifndef HP_HOST_LINUX_LIMITS_H
#define HP_HOST_LINUX_LIMITS_H

#include <stdbool.h>
#include <sys/resource.h>

/* The descriptor limit from before ours was raised; false: it never was. (any) */
bool hp_limits_kept_nofile(struct rlimit *limit);

#endif
