/* The spec's mounts as this host will make them: what each source is, where each
 * destination lies. (pool) */
#ifndef HP_HOST_WINDOWS_VOLUME_MOUNTS_H
#define HP_HOST_WINDOWS_VOLUME_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>
#include <windows.h>

#include "base/error.h"
#include "spec/spec.h"

struct hp_volume_mount {
  size_t index; /* mounts[index] of the spec */
  bool read_only;
  bool directory;        /* what the source is; else a file */
  wchar_t *source;       /* of the host */
  wchar_t *destination;  /* a place; where a binding appears */
  const wchar_t *inside; /* below the container volume; part of destination */
  bool in_volume;        /* destination lies in the container volume's own place */
};

struct hp_volume_mounts {
  struct hp_volume_mount *items;
  size_t count;
};

/* Judges all mounts and makes nothing. volume: where the container volume will
 * appear; bind: the behaviour. Errors (InvalidArgument) name mounts[i]. */
int hp_volume_mounts_list(const struct hp_container_spec *spec, const wchar_t *volume, bool bind,
                          struct hp_volume_mounts *mounts, struct hp_error *err);
void hp_volume_mounts_clear(struct hp_volume_mounts *mounts);

/* bind: lets each appear at its destination and below the volume, in the silo of
 * job. root: the volume's content, opened by hp_walk_open_root. */
int hp_volume_mounts_bind(const struct hp_volume_mounts *mounts, HANDLE job, const wchar_t *volume,
                          HANDLE root, struct hp_error *err);
/* symlink: a link below the volume for each. */
int hp_volume_mounts_link(const struct hp_volume_mounts *mounts, HANDLE root, struct hp_error *err);

#endif
