/* Where in the cgroup hierarchies a job lies: the grammar of linux.cgroupsPath.
 * Pure; any thread. */
#ifndef HP_HOST_LINUX_CGROUP_PATH_H
#define HP_HOST_LINUX_CGROUP_PATH_H

#include <stddef.h>

#include "base/error.h"

#define HP_CGROUP_OWN "/hostprocess" /* holds the jobs of specs without a path */
#define HP_CGROUP_DEPTH_MAX 32       /* components of a path */

/* The job's directory, relative to a hierarchy's mount point: begins with "/",
 * has no empty, "." or ".." component and is never the root itself.
 *
 * cgroups_path is a path (a missing leading slash is added: the place does not
 * depend on where the shim runs), systemd's "slice:prefix:name", which becomes
 * the directory that systemd itself would make, or NULL or "": then it is
 * /hostprocess/<namespace>/<id>, which no other pair shares, since neither part
 * can hold a slash. Errors: InvalidArgument. */
int hp_cgroup_path(const char *cgroups_path, const char *namespace_name, const char *id, char **path,
                   struct hp_error *err);

/* The same for the CRI's cgroup_parent: a path, or, as kubelet has it with systemd,
 * the name of a slice. */
int hp_cgroup_parent_path(const char *cgroup_parent, char **path, struct hp_error *err);

/* Whether path is one that hp_cgroup_path could have made (a record is read
 * back by another process). */
int hp_cgroup_path_check(const char *path, struct hp_error *err);

#endif
