/* The spec's mounts as this host will make them: which are the host's own and
 * skipped, what each source is, and where each destination lies. (pool) */
#ifndef HP_HOST_LINUX_VOLUME_MOUNTS_H
#define HP_HOST_LINUX_VOLUME_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "host/linux/mounts.h"
#include "host/linux/walk.h"
#include "spec/spec.h"

enum hp_mount_place {
  HP_PLACE_HOST,   /* bind behaviour: a mount point of the host's own, where.path */
  HP_PLACE_VOLUME, /* … inside the container volume, where.inner */
  HP_PLACE_MOUNT,  /* … inside the earlier mount `parent`, where.inner */
  HP_PLACE_NONE,   /* symlink behaviour: only below the volume */
};

struct hp_volume_mount {
  size_t index; /* mounts[index] of the spec */
  const struct hp_mount *spec;
  struct hp_mount_options options;
  bool directory;    /* what is mounted is one; else any other file */
  char *destination; /* cleaned */
  enum hp_mount_place place;
  struct hp_host_path where;
  size_t parent;
  int fd; /* the detached, then attached mount; -1 before open */
};

struct hp_volume_mounts {
  struct hp_volume_mount *items;
  size_t count;
};

/* Judges all mounts and makes nothing. volume: the resolved path at which the
 * container volume will be. bind: the behaviour. Errors name mounts[i]. */
int hp_volume_mounts_list(const struct hp_container_spec *spec, bool bind, const char *volume,
                          struct hp_volume_mounts *mounts, struct hp_error *err);
/* Makes them, detached, while the thread is in the host's own namespace: a
 * source is what the host sees there, whatever is mounted over it later, and
 * "rshared" and "rslave" are related to the host's own mount. */
int hp_volume_mounts_open(struct hp_volume_mounts *mounts, struct hp_error *err);
/* Attaches each where it belongs, in order, and below the container volume. */
int hp_volume_mounts_attach(struct hp_volume_mounts *mounts, const char *volume, struct hp_error *err);
void hp_volume_mounts_clear(struct hp_volume_mounts *mounts);

#endif
