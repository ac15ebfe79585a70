/* The container volume's content: layers or a directory, by the Create request's
 * one rootfs mount, layers by windows.layerFolders, or else the directory
 * root.path. (pool) */
#ifndef HP_HOST_WINDOWS_VOLUME_ROOTFS_H
#define HP_HOST_WINDOWS_VOLUME_ROOTFS_H

#include "host/host.h"
#include "host/windows/layers.h"

struct hp_rootfs {
  struct hp_layers layers; /* scratch NULL: no layers */
  wchar_t *directory;      /* NULL: layers */
  bool read_only;          /* says the mount */
};

/* Judges what the request brings; makes nothing. Unimplemented: a type of mount
 * that Windows has and this shim does not (CimFS, BlockCIM). */
int hp_rootfs_judge(const struct host_container_request *request, struct hp_rootfs *rootfs,
                    struct hp_error *err);
void hp_rootfs_clear(struct hp_rootfs *rootfs);

#endif
