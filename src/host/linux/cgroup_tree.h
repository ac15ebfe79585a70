/* Operations on one cgroup directory and what lies below it, all by an open
 * descriptor of that directory. Blocking: (pool), but for the file helpers. */
#ifndef HP_HOST_LINUX_CGROUP_TREE_H
#define HP_HOST_LINUX_CGROUP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

void hp_close(int descriptor); /* -1 is fine; errno is kept */

/* ---- control files (cgroup_files.c) --------------------------------------- */

/* The whole text of a control file, NUL-terminated, owned; NULL with errno set.
 * More than 32 MiB gives EFBIG. */
char *hp_cgroup_read(int directory, const char *file);
/* One write of the whole value; 0 or -1 with errno. Never creates the file. */
int hp_cgroup_write(int directory, const char *file, const char *value);
/* A file of one number; "max" is UINT64_MAX. False: no such file or no number. */
bool hp_cgroup_read_number(int directory, const char *file, uint64_t *value);
/* The number after `key` in text of "key number" lines; false: not there. */
bool hp_cgroup_find(const char *text, const char *key, uint64_t *value);

/* Calls visit for every cgroup right below the directory, until one of them does
 * not return 0. A cgroup that goes away meanwhile is passed over. */
typedef int (*hp_cgroup_visit)(int directory, const char *name, void *arg, struct hp_error *err);
int hp_cgroup_each_child(int directory, hp_cgroup_visit visit, void *arg, struct hp_error *err);

/* ---- processes ------------------------------------------------------------ */

struct hp_pids { /* zeroed memory is an empty list */
  pid_t *items;
  size_t count, room;
};

void hp_pids_add(struct hp_pids *pids, pid_t pid);
void hp_pids_clear(struct hp_pids *pids);

/* Adds every process of the directory and of all below it. Processes that are
 * out of sight (another pid namespace) count as 0. */
int hp_cgroup_pids(int directory, struct hp_pids *pids, struct hp_error *err);

/* Sends `signal` to every process that is a member while it is sent: a pid that
 * was given to a stranger meanwhile is passed over. Pids in `done` (may be
 * NULL) are left out, those signalled are added to it. */
int hp_cgroup_signal(int directory, int signal, struct hp_pids *done, struct hp_error *err);

/* ---- state ---------------------------------------------------------------- */

/* v2: cgroup.freeze, v1: freezer.state of this directory; waits until it is so,
 * at most timeout_ms. One that cannot be frozen in time is thawed again and is
 * DeadlineExceeded. */
int hp_cgroup_freeze(unsigned version, int directory, bool freeze, unsigned timeout_ms, struct hp_error *err);
/* Thaws the directory and all below it, as far as it goes. */
void hp_cgroup_thaw_all(unsigned version, int directory);

/* Removes the cgroups below the directory, deepest first; waits for those that
 * are still busy, until hp_now_ms() is `end`. */
int hp_cgroup_remove_children(int directory, uint64_t end, struct hp_error *err);
/* Removes the empty cgroup `name` of the directory `parent` in the same way;
 * one that is not there is removed. */
int hp_cgroup_remove(int parent, const char *name, uint64_t end, struct hp_error *err);

/* ---- time (cgroup_files.c) ------------------------------------------------ */

uint64_t hp_now_ms(void); /* monotonic */
void hp_sleep_ms(unsigned ms);

#endif
