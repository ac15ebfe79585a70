/* Windows: what the shim holds of one container. Shared by the files of this
 * folder only. */
#ifndef HP_HOST_WINDOWS_CONTAINER_H
#define HP_HOST_WINDOWS_CONTAINER_H

#include <windows.h>

#include "host/host.h"

struct host_container {
  char *namespace_name, *id, *bundle;
  const struct host_container_request *request; /* while it is being made; NULL afterwards */
  size_t unmade;                                /* records of the plan that were not made yet */

  /* job.c, silo.c: NULL until planned */
  HANDLE job;
  struct hp_job_watch *watch; /* of job_port.c: JOB_OBJECT_MSG_* */
  bool silo;                  /* the job is a silo, bindings are seen only inside */
  struct hp_time started;     /* the first process; zero: none yet */

  /* identity.c */
  HANDLE token;   /* primary token for CreateProcessAsUserW; NULL: the shim's own */
  HANDLE profile; /* of LoadUserProfileW; NULL: none loaded */

  /* volume.c */
  wchar_t *volume; /* as the container sees it, no trailing backslash: C:\hpc or C:\hpc\<id> */
  wchar_t *source; /* where the image's files really are (a volume path or a plain directory) */
  char *volume_utf8;
};

/* The parts of host_container_plan: each appends its records. Order: identity,
 * job, volume. */
int hp_identity_plan(struct host_container *container, const struct host_container_request *request,
                     json_t *records, struct hp_error *err);
int hp_job_plan(struct host_container *container, const struct host_container_request *request,
                json_t *records, struct hp_error *err);
int hp_volume_plan(struct host_container *container, const struct host_container_request *request,
                   json_t *records, struct hp_error *err);
/* … and of host_container_check. */
int hp_volume_check(const struct host_container_request *request, struct hp_error *err);
int hp_job_check(const struct host_container_request *request, struct hp_error *err);

/* … and of host_container_make and host_release: *known tells whether the
 * record's kind is one of this part's. */
int hp_identity_make(struct host_container *container, const json_t *record, bool *known,
                     struct hp_error *err);
int hp_job_make(struct host_container *container, const json_t *record, bool *known, struct hp_error *err);
int hp_volume_make(struct host_container *container, const json_t *record, bool *known, struct hp_error *err);
int hp_identity_release(const json_t *record, bool *known, struct hp_error *err);
int hp_job_release(const json_t *record, bool *known, struct hp_error *err);
int hp_volume_release(const json_t *record, bool *known, struct hp_error *err);

void hp_identity_clear(struct host_container *container);
void hp_job_clear(struct host_container *container);
void hp_volume_clear(struct host_container *container);

#endif
