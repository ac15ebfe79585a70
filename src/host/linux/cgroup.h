/* The job of a container: one directory in the unified hierarchy (v2), or one
 * in each hierarchy (v1). Its record says where it lies and which of its
 * ancestors were missing, so that another process can remove just what was made.
 *
 * Every directory is marked with its owner (the extended attribute
 * HP_CGROUP_MARK): release never touches a cgroup that carries another mark,
 * and no container is put into one that belongs to another. */
#ifndef HP_HOST_LINUX_CGROUP_H
#define HP_HOST_LINUX_CGROUP_H

#include "host/linux/cgroup_layout.h"
#include "host/linux/container.h"

#define HP_CGROUP_MARK "trusted.hostprocess"
#define HP_CGROUP_KILL_MS 5000 /* how long one call kills and removes */

/* ---- the open job (cgroup.c) ------------------------------------------------ */

struct hp_cgroup_part {
  unsigned controllers; /* those that act on this directory */
  char *directory;      /* absolute */
  int descriptor;       /* v2: the directory; v1: its file `tasks`, for hp_cgroup_join */
};

struct hp_cgroup {
  unsigned version;
  uint64_t oom_kills; /* counted when the job was made: a directory may be older than its job */
  size_t count;
  struct hp_cgroup_part parts[];
};

/* The part on which the controller acts; NULL: none. */
const struct hp_cgroup_part *hp_cgroup_part(const struct hp_cgroup *cgroup, unsigned controller);
/* The part that says who is in the job: v1's freezer, where there is one. */
const struct hp_cgroup_part *hp_cgroup_primary(const struct hp_cgroup *cgroup);
/* Opens the part's directory; the caller closes it. -1: err is filled. */
int hp_cgroup_open(const struct hp_cgroup_part *part, struct hp_error *err);
/* The container's job; NULL and FailedPrecondition if it has none (yet). */
struct hp_cgroup *hp_cgroup_of(const struct host_container *container, struct hp_error *err);

/* What its directories count, as host_job_stats answers it. (stats.c; pool) */
int hp_cgroup_stats(const struct hp_cgroup *cgroup, const char **type_url, uint8_t **data, size_t *length,
                    struct hp_error *err);

/* ---- the record (cgroup_plan.c) --------------------------------------------- */

struct hp_cgroup_place {
  char *mount;
  unsigned controllers;
  unsigned existing; /* components of the path that were there at plan */
};

struct hp_cgroup_record {
  unsigned version;
  char *path;  /* as hp_cgroup_path makes it */
  char *owner; /* "<namespace>/<id>/<16 random hex digits>" */
  struct hp_cgroup_place places[HP_CGROUP_V1_MAX];
  size_t count;
};

#define HP_CGROUP_RECORD_KIND "cgroup"

/* Strict: the record lies in the bundle. Clear it after failure too. */
int hp_cgroup_record_parse(const json_t *json, struct hp_cgroup_record *record, struct hp_error *err);
json_t *hp_cgroup_record_format(const struct hp_cgroup_record *record);
void hp_cgroup_record_clear(struct hp_cgroup_record *record);

/* The mark of an open directory: NULL if it has none (*failed 0) or it cannot
 * be read (*failed: errno). Owned. */
char *hp_cgroup_read_mark(int directory, int *failed);
/* FailedPrecondition naming a pid if anything runs in it or below. */
int hp_cgroup_refuse_occupied(int directory, const char *path, struct hp_error *err);

/* ---- its processes (cgroup_job.c) --------------------------------------------- */

struct hp_cgroup_target { /* an open directory of the job */
  int directory;
  unsigned controllers;
};

/* SIGKILL to everything in the directories and below, until they are empty; at
 * most HP_CGROUP_KILL_MS, then DeadlineExceeded naming who survived. (pool) */
int hp_cgroup_kill(unsigned version, const struct hp_cgroup_target *targets, size_t count,
                   struct hp_error *err);

/* How often the kernel killed something of the directory for want of memory, 0
 * where it does not count. (oom.c; any) */
uint64_t hp_cgroup_oom_kills(unsigned version, const char *directory);

#endif
