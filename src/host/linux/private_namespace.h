/* A mount namespace of a container's own, made by the calling thread without a
 * helper process: it goes in, mounts, keeps the namespace's descriptor and
 * comes back. (pool) */
#ifndef HP_HOST_LINUX_PRIVATE_NAMESPACE_H
#define HP_HOST_LINUX_PRIVATE_NAMESPACE_H

#include "base/error.h"

/* Gives the calling thread a root, working directory and umask (022) of its
 * own. That cannot be undone, and nothing else that runs on a pool thread cares:
 * no path of ours is relative, and every mode that matters is set by itself. */
int hp_thread_own_fs(struct hp_error *err);

/* Into a new mount namespace, a slave of the host's: the host's later mounts
 * appear in it, its own never outside. *saved is the way back. */
int hp_private_namespace_enter(int *saved, struct hp_error *err);
/* A descriptor of the namespace the thread is in; -1 with err filled. */
int hp_private_namespace_keep(struct hp_error *err);
/* Back to the host's; closes saved. A thread that cannot come back would make
 * every later container's mounts in this one: the process aborts instead. */
void hp_private_namespace_leave(int saved);

#endif
