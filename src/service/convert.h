/* Between the messages on the wire and the plain structures below this room.
 * Private to it. */
#ifndef HP_SERVICE_CONVERT_H
#define HP_SERVICE_CONVERT_H

#include "base/error.h"
#include "base/time.h"
#include "containerd/types/mount.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "host/host.h"

/* The types of containerd's JSON payloads. */
#define HP_TYPE_PROCESS "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define HP_TYPE_LINUX_RESOURCES "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
#define HP_TYPE_WINDOWS_RESOURCES "types.containerd.io/opencontainers/runtime-spec/1/WindowsResources"

/* More mounts than any snapshotter makes: one a layer, and a few. */
#define HP_ROOTFS_MOUNTS_MAX 1024

/* A string for a message that is only packed: protobuf-c's fields have no const,
 * its packing has. NULL becomes "". */
char *hp_convert_borrow(const char *text);

/* Fills a message and returns it, or NULL for the zero time (it never happened),
 * which is how the wire says so. */
Google__Protobuf__Timestamp *hp_convert_time(struct hp_time time, Google__Protobuf__Timestamp *message);

/* The mounts of a Create request. They borrow the request's strings and own
 * their lists of options. *mounts is NULL for none. InvalidArgument: too many. */
int hp_convert_rootfs(Containerd__Types__Mount *const *messages, size_t count,
                      struct host_rootfs_mount **mounts, struct hp_error *err);
void hp_convert_rootfs_free(struct host_rootfs_mount *mounts, size_t count);

/* InvalidArgument unless `any` is there and of the type. field names it. */
int hp_convert_check_type(const char *field, const Google__Protobuf__Any *any, const char *type_url,
                          struct hp_error *err);

#endif
