/* The container volume's content: the Create request's mounts (overlay, bind,
 * erofs, whatever mount(2) takes), or else the spec's root.path. All of it is
 * mounted nosuid and nodev, whatever the options say. (pool) */
#ifndef HP_HOST_LINUX_VOLUME_ROOTFS_H
#define HP_HOST_LINUX_VOLUME_ROOTFS_H

#include "host/host.h"
#include "host/linux/mounts.h"

struct hp_rootfs_part {
  const char *type, *source, *target; /* target: below the volume, NULL or "": its root */
  struct hp_mount_options options;
  int fd; /* of a bind mount, detached; -1: mounted in place */
};

struct hp_rootfs {
  struct hp_rootfs_part *parts;
  size_t count;
  char *root; /* the absolute root.path, where it is used */
};

/* Judges what the request brings; makes nothing. */
int hp_rootfs_list(const struct host_container_request *request, struct hp_rootfs *rootfs,
                   struct hp_error *err);
/* In the host's own namespace: makes the bind mounts among them, detached. */
int hp_rootfs_open(struct hp_rootfs *rootfs, struct hp_error *err);
/* Mounts them at the directory `volume`, a resolved path. The thread owns its
 * working directory. */
int hp_rootfs_mount(struct hp_rootfs *rootfs, const char *volume, struct hp_error *err);
void hp_rootfs_clear(struct hp_rootfs *rootfs);

#endif
