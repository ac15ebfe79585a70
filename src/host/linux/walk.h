/* Walks over paths that somebody else chose.
 *
 * Inside a volume nothing is trusted: the image placed every link there, and a
 * process may swap them while we walk. Each step is openat2 with
 * RESOLVE_IN_ROOT, so that links, absolute ones and ".." too, end inside.
 *
 * On the host the links are the host's own and are followed, but only where
 * root alone could have placed them. Any thread; may block (pool). */
#ifndef HP_HOST_LINUX_WALK_H
#define HP_HOST_LINUX_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

/* Opens path below root (the root of a volume) with RESOLVE_IN_ROOT. Returns
 * the descriptor, or -1 with errno set. flags as of open(2). */
int hp_walk_open(int root, const char *path, int flags);

/* The same, but what is missing is made: directories 0755, and at the end an
 * empty file 0644 unless directory. Links to nowhere are followed inside root,
 * as the container itself would see them. Returns an O_PATH descriptor of what
 * is there now, whose kind agrees with directory; -1 with err filled. */
int hp_walk_make(int root, const char *path, bool directory, struct hp_error *err);

/* Opens an absolute path without following any link at all: for paths that
 * hp_walk_host has resolved. -1 with errno set (ELOOP: a link came between). */
int hp_walk_open_resolved(const char *path, int flags);

/* An absolute path without ".", ".." and double slashes; a relative one is
 * taken from "/" (as OCI's old mount destinations are). "/" stays. */
char *hp_walk_clean(const char *path);

/* Where an absolute path of the host lies. */
struct hp_host_path {
  char *path;      /* links resolved; owned */
  size_t existing; /* so many bytes of path exist; all of it if exists */
  bool exists;
  mode_t mode;   /* of what exists at path */
  size_t inside; /* index of the stop it reached, or HP_WALK_NO_STOP */
  char *inner;   /* the rest of the way below that stop; owned; NULL without one */
};
#define HP_WALK_NO_STOP SIZE_MAX

/* Resolves path (cleaned first). stops are resolved paths on which something
 * else will have been mounted: the walk ends at the last given one it meets,
 * since what lies below is not the host's. A link is refused where others than
 * root own it or can write the directory it is in (a sticky one apart, where
 * they cannot touch root's). */
int hp_walk_host(const char *path, const char *const *stops, size_t stop_count, struct hp_host_path *where,
                 struct hp_error *err);
void hp_host_path_clear(struct hp_host_path *where);

/* Whether root alone can change what entries a directory has: owned by root,
 * and not writable by others, or sticky (then root's entries are safe). */
bool hp_walk_trusted(const struct stat *directory);

#endif
