/* Mount options as containerd and the OCI spec write them, and mounts that are
 * made detached (open_tree, fsmount: kernel 5.12 or later) and only then
 * attached: nothing is ever visible half made, and no path is walked twice. */
#ifndef HP_HOST_LINUX_MOUNTS_H
#define HP_HOST_LINUX_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

struct hp_mount_options {
  bool bind, recursive;     /* "bind", "rbind" */
  uint64_t set, clear;      /* MOUNT_ATTR_* */
  uint64_t recursive_set;   /* MOUNT_ATTR_* for submounts too ("rro") */
  unsigned long flags;      /* the same as MS_* for mount(2) */
  uint64_t propagation;     /* MS_PRIVATE, MS_SLAVE …; 0: none named */
  bool propagate_recursive; /* "rslave" and the like */
  char *data;               /* what is the file system's own, comma separated; owned, NULL: none */
};

/* InvalidArgument for "remount" and "loop", which name no mount of their own. */
int hp_mount_options_parse(const struct hp_strings *options, struct hp_mount_options *parsed,
                           struct hp_error *err);
void hp_mount_options_clear(struct hp_mount_options *parsed);

/* A detached copy of what `fd` (O_PATH, of this mount namespace) refers to,
 * with the options' attributes and propagation (default: private). Returns the
 * descriptor, or -1 with err filled. */
int hp_mount_clone(int fd, const struct hp_mount_options *options, struct hp_error *err);
/* A second, equal one of a mount that is attached in this namespace. */
int hp_mount_twin(int fd, struct hp_error *err);
/* A detached new file system (tmpfs …). source may be NULL. */
int hp_mount_new(const char *type, const char *source, const struct hp_mount_options *options,
                 struct hp_error *err);

/* Mounts a detached mount on `target`; the descriptor then is the mount's root. */
int hp_mount_attach(int mount, int target, struct hp_error *err);
/* Makes one attached or detached mount (not those below it) read-only. */
int hp_mount_read_only(int mount, struct hp_error *err);

/* mount(2) of a new file system on `target`, for what fsconfig cannot say
 * (overlay's lowerdir is longer than its strings may be). An overlay whose
 * options do not fit a page is mounted with its lower directories relative to
 * their common parent: the calling thread must own its working directory
 * (hp_thread_own_fs), which is "/" afterwards. */
int hp_mount_classic(const char *type, const char *source, int target, const struct hp_mount_options *options,
                     struct hp_error *err);

#endif
