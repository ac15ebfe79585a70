/* The readers that the files of this room share: each fills its part of the
 * specification from a cursor. On failure what was filled so far stays, for the
 * caller's _clear. */
#ifndef HP_SPEC_READ_H
#define HP_SPEC_READ_H

#include "spec/json.h"
#include "spec/policy.h"
#include "spec/spec.h"

/* Whom a document with sections "linux" and "windows" speaks to: the one that it has;
 * with both, as kubelet writes them, or none, the system that this is. (oci.c) */
enum hp_os hp_os_of(const struct hp_json *document);

int hp_process_read(const struct hp_json *process, struct hp_process_spec *out, struct hp_error *err);
/* A list of group ids → additional_gids, which has none yet. */
int hp_gids_read(struct hp_json gids, struct hp_process_spec *out, struct hp_error *err);
/* process.* fields that mean nothing for a process of the host. */
void hp_process_list_ignored(const struct hp_json *process, struct hp_strings *ignored);

/* A list of mounts, each an object that read_one takes. */
typedef int hp_mount_reader(const struct hp_json *item, struct hp_mount *mount, struct hp_error *err);
int hp_mounts_read(struct hp_json at, hp_mount_reader *read_one, struct hp_container_spec *spec,
                   struct hp_error *err);

/* resources: linux.resources or windows.resources. */
int hp_limits_read(enum hp_os os, const struct hp_json *resources, struct hp_limits *out,
                   struct hp_error *err);
/* A list of objects with a mask and a group, by the names that they have there. */
int hp_affinities_read(struct hp_json at, const char *mask_key, const char *group_key,
                       struct hp_affinities *out, struct hp_error *err);
void hp_limits_list_ignored(enum hp_os os, const struct hp_json *resources, struct hp_strings *ignored);
/* The io.microsoft.container.* annotations of Windows: they win over
 * windows.resources, processor.* over all three of its cpu fields. */
int hp_limits_annotate(const struct hp_json *annotations, struct hp_container_spec *spec,
                       struct hp_error *err);

/* microsoft.com/hostprocess-* and the CRI's: role, sandbox_id, hostprocess,
 * inherit_user, mount_behavior, rootfs_location. Checks that all are strings. */
int hp_annotations_read(const struct hp_json *annotations, struct hp_container_spec *out,
                        struct hp_error *err);

/* Adds the path of each named member that asks for something to ignored. */
void hp_list_wanted(const struct hp_json *object, const char *const *keys, size_t count,
                    struct hp_strings *ignored);

/* Reads a regular file of at most max bytes whole; *data is malloced and has a
 * NUL behind it. distrust may refuse the open file; NULL: anybody's will do. what
 * names it in messages. A file that is not there is NotFound. */
int hp_file_read(const char *what, const char *path, size_t max, hp_file_distrust distrust, char **data,
                 size_t *length, struct hp_error *err);

#endif
