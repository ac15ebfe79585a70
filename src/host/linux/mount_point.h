/* Mount points on the host: directories and files that a container's mounts
 * need and the host lacks. They are visible to all, so they are shared: the
 * ledger says who made use of which, and the last user removes it. That count
 * is not a nicety: rmdir succeeds on a directory that is mounted on in another
 * namespace, and tears that mount away.
 *
 * A missing one is made only in a directory whose entries root alone can
 * change (root's, and not writable by others; or sticky, as /tmp: there nobody
 * else can rename or remove what root made). In any other its owner could
 * remove the mount point under a living container, and what the container
 * writes would land on the host.
 *
 * Paths are resolved ones (hp_walk_host). All (pool). */
#ifndef HP_HOST_LINUX_MOUNT_POINT_H
#define HP_HOST_LINUX_MOUNT_POINT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "host/linux/walk.h"

enum hp_mount_point_type {
  HP_MOUNT_POINT_DIRECTORY,
  HP_MOUNT_POINT_FILE,
  HP_MOUNT_POINT_VOLUME, /* a container volume that the whole host sees: of one owner only */
};

/* Whether the missing part of `where` may be made: looks, makes nothing. */
int hp_mount_point_check(const struct hp_host_path *where, struct hp_error *err);

/* Whether path has to be claimed: it is missing, or there only because some
 * container claims it. claims: of hp_ledger_read. */
bool hp_mount_point_needed(const struct hp_host_path *where, const json_t *claims);

/* {"path", "type"}, a member of a record's "points". */
json_t *hp_mount_point_describe(const char *path, enum hp_mount_point_type type);

/* Claims every one of points for owner, then makes what is missing, parents
 * too. A volume that exists or is claimed by somebody else: AlreadyExists. */
int hp_mount_points_make(const json_t *owner, const json_t *points, struct hp_error *err);

/* Unmounts the volume at path, with everything below it, if owner claims it. */
int hp_mount_point_unmount(const json_t *owner, const char *path, struct hp_error *err);

/* Unmounts and removes a volume that no claim names (any more); one that somebody
 * claims is left alone. */
int hp_mount_point_reclaim(const char *path, struct hp_error *err);

/* "/hpc", the one mount point that stays: makes it, or with make false only
 * looks if there is one. FailedPrecondition unless it is a real directory of
 * root's that others cannot write. */
#define HP_VOLUME_BASE "/hpc"
int hp_mount_point_base(bool make, struct hp_error *err);

#endif
