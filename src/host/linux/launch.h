/* From a prepared description to a running process: the narrow stretch between
 * clone and execve. Everything is computed before; the child only makes system
 * calls. spawn.c decides what, this file how. */
#ifndef HP_HOST_LINUX_LAUNCH_H
#define HP_HOST_LINUX_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "host/linux/container.h"

struct hp_launch_directory { /* a place where the working directory may be */
  const char *path;
  bool in_volume; /* below the volume, no link leads out of it; else the system's own path */
  bool create;    /* made if missing; only in the volume */
};

struct hp_launch_limit {
  const char *name;  /* "RLIMIT_…", for messages */
  unsigned resource; /* RLIMIT_… */
  struct rlimit value;
};

struct hp_launch {
  char *const *argv;
  char *const *env;
  char *const *candidates; /* paths of the executable, best first */
  size_t candidate_count;

  const int *handles; /* handles[i] becomes descriptor i; at least three */
  size_t handle_count;
  bool terminal; /* descriptor 0 becomes the controlling terminal */

  const struct hp_cgroup_join *join; /* NULL: the shim's own control groups */
  int mount_namespace;               /* -1: the host's own */
  const char *volume;                /* where in_volume begins */
  const struct hp_launch_directory *directories;
  size_t directory_count;

  const struct hp_launch_limit *limits;
  size_t limit_count;
  const char *oom_score_adj; /* decimal; NULL: as the shim's */
  bool no_new_privileges;

  bool set_ids; /* else the shim's own identity */
  uid_t uid;
  gid_t gid;
  const gid_t *groups;
  size_t group_count;
};

enum hp_launch_step {
  HP_LAUNCH_CLONE,
  HP_LAUNCH_CGROUP,
  HP_LAUNCH_SESSION,
  HP_LAUNCH_OOM_SCORE,
  HP_LAUNCH_NAMESPACE,
  HP_LAUNCH_DIRECTORY,
  HP_LAUNCH_STDIO,
  HP_LAUNCH_TERMINAL,
  HP_LAUNCH_LIMIT,
  HP_LAUNCH_IDS,
  HP_LAUNCH_PRIVILEGES,
  HP_LAUNCH_EXEC,
  HP_LAUNCH_INTERPRETER, /* the file is there, what it names to run it is not */
};

struct hp_launch_failure {
  enum hp_launch_step step;
  int os_code;
  size_t index; /* of the limit, directory or candidate */
};

/* (pool) 0 and the pid once the program runs, or -1 and what failed. A child
 * that failed is left to the reaper. */
int hp_launch(const struct hp_launch *launch, uint32_t *pid, struct hp_launch_failure *failure);

#endif
