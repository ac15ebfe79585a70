/* A shim of a large pod needs more descriptors than the soft limit it inherits,
 * and a process of a container must not: select() breaks above 1024. */
#include "host/linux/limits.h"

#include "base/log.h"
#include "host/host.h"

static struct {
  bool set;
  struct rlimit nofile;
} kept;

void host_process_keep_limits(void) {
  if (kept.set || getrlimit(RLIMIT_NOFILE, &kept.nofile) != 0)
    return;
  kept.set = true;
  struct rlimit raised = {.rlim_cur = kept.nofile.rlim_max, .rlim_max = kept.nofile.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) != 0)
    hp_log(HP_LOG_WARNING, NULL, "cannot raise the limit of open files from %llu to %llu",
           (unsigned long long)kept.nofile.rlim_cur, (unsigned long long)kept.nofile.rlim_max);
}

bool hp_limits_kept_nofile(struct rlimit *limit) {
  if (kept.set)
    *limit = kept.nofile;
  return kept.set;
}
