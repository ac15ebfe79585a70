/* Directories made on the host: what bindings need to lie in, and the places of
 * container volumes that the whole host sees. They are visible to all, so they
 * are shared: the ledger says who made use of which, and the last user removes
 * it, if it is empty then. Nothing is made through a link, and others than
 * SYSTEM and Administrators cannot change what is made.
 *
 * Paths are places (hp_path_place). All (pool). */
#ifndef HP_HOST_WINDOWS_MOUNT_POINT_H
#define HP_HOST_WINDOWS_MOUNT_POINT_H

#include <jansson.h>
#include <wchar.h>

#include "base/error.h"

enum hp_mount_point_type {
  HP_MOUNT_POINT_DIRECTORY,
  HP_MOUNT_POINT_VOLUME, /* of one owner only: AlreadyExists if it is there */
};

/* {"path", "type"}, a member of a record's "points". */
json_t *hp_mount_point_describe(const wchar_t *path, enum hp_mount_point_type type);

/* FailedPrecondition if a file stands where the directory, or one above it, is or
 * would be, or the drive is not there. */
int hp_mount_point_check(const wchar_t *directory, struct hp_error *err);

/* Claims for owner every directory of the points' paths that is missing, or
 * there only for others; then makes what is missing. */
int hp_mount_points_make(const json_t *owner, const json_t *points, struct hp_error *err);

/* Takes the volume's mount point or link away, if owner claims it; the directory
 * stays until hp_mount_points_release. */
int hp_mount_point_unmount(const json_t *owner, const wchar_t *path, struct hp_error *err);

/* Takes away a volume that no claim names (any more), with its directory; one that
 * somebody claims is left alone. */
int hp_mount_point_reclaim(const wchar_t *path, struct hp_error *err);

#define HP_MOUNT_POINT_CLAIM "mount-point"

#endif
