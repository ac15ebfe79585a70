/* Where the processes that start, join or clean up one shim meet: the socket's
 * file and a lock file beside it. Shared by the files of this folder only. */
#ifndef HP_HOST_LINUX_RENDEZVOUS_H
#define HP_HOST_LINUX_RENDEZVOUS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Takes PATH.lock, waiting 30 s for whoever holds it; *fd is the lock. It is
 * held by every process that inherits fd and lets go with the last of them. */
int hp_rendezvous_lock(const char *path, int *fd, struct hp_error *err);
/* Removes the lock file and lets go. */
void hp_rendezvous_unlock(const char *path, int fd);

/* Makes the directory of path if it is missing, 0711, and refuses one that
 * other users could put a socket of theirs into. */
int hp_rendezvous_directory(const char *path, struct hp_error *err);

/* Under the lock: removes a socket that nobody listens at. "Not there" is
 * success; whatever is not a socket of root or of ours is refused. */
int hp_rendezvous_clear(const char *path, struct hp_error *err);

/* An extended attribute of our sockets, which stand beside those of other shims. */
#define HP_SOCKET_MARK "trusted.hostprocess"

/* Is this peer, or the owner of this file, root or ourselves? */
bool hp_trusted_uid(uid_t uid);

#endif
