/* Linux: what the shim holds of one container. Shared by the files of this
 * folder only. */
#ifndef HP_HOST_LINUX_CONTAINER_H
#define HP_HOST_LINUX_CONTAINER_H

#include <sys/types.h>

#include "host/host.h"

struct hp_cgroup;    /* cgroup.c: an open control group, v1 or v2 */
struct hp_oom_watch; /* oom.c */

struct host_container {
  char *namespace_name, *id, *bundle;
  const struct host_container_request *request; /* while it is being made; NULL afterwards */
  size_t unmade;                                /* records still to be made */

  /* identity.c */
  bool inherit; /* the shim's own identity: no set*id at all */
  uid_t uid;
  gid_t gid;
  gid_t *groups;
  size_t group_count;

  /* volume.c */
  bool bind;           /* private mount namespace; else the host's own */
  int mount_namespace; /* descriptor; -1: the host's own */
  char *volume;        /* "/hpc" or "/hpc/<id>" (or the annotation's place) */

  /* cgroup.c, oom.c */
  struct hp_cgroup *cgroup;
  struct hp_oom_watch *oom;
};

/* The parts of host_container_plan: each appends its records. */
int hp_identity_plan(struct host_container *container, const struct host_container_request *request,
                     json_t *records, struct hp_error *err);
int hp_volume_plan(struct host_container *container, const struct host_container_request *request,
                   json_t *records, struct hp_error *err);
int hp_cgroup_plan(struct host_container *container, const struct host_container_request *request,
                   json_t *records, struct hp_error *err);
/* … and of host_container_check. */
int hp_volume_check(const struct host_container_request *request, struct hp_error *err);
int hp_cgroup_check(const struct host_container_request *request, struct hp_error *err);

/* … and of host_container_make and host_release: *known tells whether the
 * record's kind is one of this part's. */
int hp_identity_make(struct host_container *container, const json_t *record, bool *known,
                     struct hp_error *err);
int hp_volume_make(struct host_container *container, const json_t *record, bool *known, struct hp_error *err);
int hp_cgroup_make(struct host_container *container, const json_t *record, bool *known, struct hp_error *err);
int hp_identity_release(const json_t *record, bool *known, struct hp_error *err);
int hp_volume_release(const json_t *record, bool *known, struct hp_error *err);
int hp_cgroup_release(const json_t *record, bool *known, struct hp_error *err);

void hp_volume_clear(struct host_container *container);
void hp_cgroup_clear(struct host_container *container); /* closes cgroup and OOM watch */

/* For spawn.c: puts the calling child into the container's control group.
 * v2: *directory_fd is for clone3's CLONE_INTO_CGROUP and count is 0.
 * v1: files[0 … count) are open `tasks`/`cgroup.procs` files of each hierarchy,
 * into which the child itself writes "0" before it executes. The descriptors
 * belong to the cgroup and are close-on-exec. */
#define HP_CGROUP_V1_MAX 16
struct hp_cgroup_join {
  int directory_fd; /* v2; -1 on v1 */
  int files[HP_CGROUP_V1_MAX];
  size_t count;
};
void hp_cgroup_join(const struct hp_cgroup *cgroup, struct hp_cgroup_join *join);

#endif
