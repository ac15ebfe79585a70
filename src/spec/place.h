/* Where in the container something is to appear, as text: the grammar of places,
 * and how two of them lie. Pure: what stands there only the host can say. */
#ifndef HP_SPEC_PLACE_H
#define HP_SPEC_PLACE_H

#include <stdbool.h>

#include "spec/spec.h"

#define HP_MOUNTS_MAX 1024 /* one descriptor each while they are made */

/* What the rules say of a place, and a host of one that only it can tell: why it
 * is refused, to stand behind the field and its value. */
extern const char hp_place_is_root[], hp_place_is_drive[], hp_place_holds_volume[];
/* The same of two that are one, or of which one lies in the other: field has
 * destination's, other is its index in the list. -1, InvalidArgument. */
int hp_place_refuse_pair(bool nested, const char *field, const char *destination, const char *list,
                         size_t other, struct hp_error *err);
/* InvalidArgument: more than HP_MOUNTS_MAX. */
int hp_mounts_count(const char *list, size_t count, struct hp_error *err);

bool hp_place_has_drive(const char *path); /* "X:" is before it */
/* Whatever is in it, the spelling that hp_place has; ".." leads up. */
char *hp_place_spell(enum hp_os os, const char *path);
/* The one spelling of a place, owned: `X:\name\name` or `/name/name`; repeated
 * separators (Windows: slashes of either kind) and "." dropped, none at the end
 * but a root's. What is relative is below the root; without a drive it is on C.
 * NULL, InvalidArgument, the message beginning with `field` and the value: "..",
 * more than 32,000 bytes, and on Windows a device or UNC path, a stream (":"), a
 * name that ends in a dot or a space, a device's name (NUL, COM1), and
 * characters that Windows forbids. field NULL: without a message, err is not used. */
char *hp_place(enum hp_os os, const char *path, const char *field, struct hp_error *err);

/* The same place, or one below the directory, which is no root; letter case from
 * A to Z is no matter on Windows. Both as hp_place wrote them, or without their
 * beginning. */
bool hp_place_lies_in(enum hp_os os, const char *path, const char *directory);

/* Where the annotation microsoft.com/hostprocess-rootfs-location (NULL: none) has
 * the volume, whatever other rules say of it; with symlink it is below, by the
 * container's id. */
char *hp_place_of_volume(enum hp_os os, const char *location);

/* What a source is that Windows has no file for, "a named pipe" or "a device path";
 * NULL: neither. A pipe is one as \\.\pipe\x and as a share of a machine, which may be
 * this one: \\localhost\pipe\x. What is neither on a disk nor on a share is a device, a
 * pipe by another name, for one; ".." leads from a disk to the devices. */
const char *hp_place_device(enum hp_os os, const char *source);

bool hp_mount_is_bind(const struct hp_mount *mount);
/* What a process of the host has anyway, and is passed over. place: hp_place of
 * its destination. */
bool hp_mount_is_hosts_own(enum hp_os os, const struct hp_mount *mount, const char *place);

#endif
