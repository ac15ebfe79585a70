/* The narrow waist: everything the shim asks of the system it runs on. Two
 * hosts stand behind it, host/linux/ and host/windows/; nothing above this file
 * knows which.
 *
 * Whatever is made on the host is a *record*, a small JSON object whose "kind"
 * says who understands it. host_container_plan() says what would be made, the
 * journal writes each record down, host_container_make() makes the thing, and
 * host_release() unmakes it with nothing but the record, idempotently, in this
 * process or another. Task.Delete, `delete` and `gc` share that path.
 *
 * Threads: a function marked (pool) may block for milliseconds or for ever and
 * runs on a pool thread, at most one at a time for one container; (loop)
 * functions run on the loop's thread and never block; (any) ones do neither. */
#ifndef HP_HOST_HOST_H
#define HP_HOST_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/time.h"
#include "spec/rules.h"

#if defined(_WIN32)
typedef void *host_handle; /* HANDLE */
#define HOST_HANDLE_NONE ((host_handle)0)
#else
typedef int host_handle; /* file descriptor */
#define HOST_HANDLE_NONE (-1)
#endif

/* (any) A path that means the same in every working directory. */
bool host_path_is_absolute(const char *path);

/* (any) Two spellings of one path: on Windows slashes of either kind, however many,
 * and letter case do not count. */
bool host_path_same(const char *a, const char *b);

/* (any) Standard output is a terminal that understands ANSI's colours. */
bool host_shows_colours(void);

/* (pool) Refuses a file, open for reading, that others than root and the shim's
 * own user (Windows: SYSTEM, Administrators, TrustedInstaller) own or can write, and
 * one in a directory where they could put another in its place.
 * FailedPrecondition, with who it is and the remedy. */
int host_file_distrust(const char *path, uv_file file, struct hp_error *err);

/* ---- what this host can do ------------------------------------------------ */

enum host_health { HOST_OK, HOST_WARNING, HOST_PROBLEM };

/* One thing that was looked at: check names it for machines, text says what it is
 * like, remedy what to do about it (NULL where all is well). */
typedef void (*host_say)(void *arg, enum host_health health, const char *check, const char *remedy,
                         const char *text);

/* (pool) Looks at everything that containers need of this host, changes nothing
 * that stays. socket_dir: as of host_address. */
void host_examine(const char *socket_dir, host_say say, void *arg);

struct host_containerd { /* of the running containerd; all owned, pid 0: none runs */
  uint32_t pid;
  char *account, *program; /* NULL: cannot be seen */
  bool privileged;         /* the account is one that containerd must run as */
};
void host_find_containerd(struct host_containerd *containerd); /* (pool) */
void host_containerd_clear(struct host_containerd *containerd);

/* ---- container: account, volume and job -------------------------------- */

struct host_container; /* what this process holds of one container */

struct host_rootfs_mount { /* one of the Create request's mounts */
  char *type, *source, *target;
  struct hp_strings options;
};

struct host_container_request {
  const char *namespace_name, *id, *bundle;
  const struct hp_container_spec *spec;
  const struct hp_verdict *verdict;
  const struct hp_policy *policy;
  const struct host_rootfs_mount *rootfs;
  size_t rootfs_count;
};

/* (pool) The rules' question before all others: a network namespace that the
 * spec names by path must be the host's own, else InvalidArgument. Where the node
 * policy assumes hostProcess (no annotation) network is ignored like the other
 * namespaces, and nothing is asked. */
int host_check_network(const struct hp_container_spec *spec, struct hp_error *err);

/* (pool) The questions one by one, for whoever only wants to know; nothing is made
 * that stays. Is the account (HP_ACCOUNT_NAMED) there? Is mounts[index]'s source
 * there, and no socket? Can this host bind? InvalidArgument or FailedPrecondition:
 * no; other codes: it cannot be said. */
int host_account_check(const struct hp_account *account, struct hp_error *err);
int host_mount_check(const struct hp_mount *mount, size_t index, struct hp_error *err);
int host_bind_check(struct hp_error *err);
/* What would host_container_plan refuse of places, mounts and limits? Nothing is
 * asked of the account, nor, without a bundle (NULL), of what the volume is made of. */
int host_container_check(const struct host_container_request *request, struct hp_error *err);

/* (pool) Answers the rules' other open questions (is this a group, is that source a
 * socket, can this host bind), makes nothing, and returns a JSON array of
 * records in the order in which they are to be made, plus the empty container.
 * The request and what it points to must stay until the container is made. */
int host_container_plan(const struct host_container_request *request, struct host_container **container,
                        json_t **records, struct hp_error *err);

/* (pool) Makes the thing of one record; the record is on disk by then. */
int host_container_make(struct host_container *container, const json_t *record, struct hp_error *err);

/* (any) Closes what this process holds; releases nothing on the host. NULL is fine. */
void host_container_free(struct host_container *container);

/* (pool) Unmakes one record: kills what runs in a job, unmounts, gives ids
 * back. "Not there" is success. */
int host_release(const json_t *record, struct hp_error *err);

/* (pool) Gives back what the persistent ledger holds for owners whose bundle is
 * gone or that lived before this boot. Errors are logged, not returned. */
void host_sweep(void);

/* (pool) Everything that shims of this program have made on this host and that is
 * there still, whether its container lives or not, by the host's own word: the
 * ledger, names and marks, no bundle. Records that host_release takes; *records is
 * a new array. Changes nothing. */
int host_find_made(json_t **records, struct hp_error *err);

/* The container volume's path as the container sees it. */
const char *host_container_volume(const struct host_container *container);

/* ---- job (all pool, but for watch) -------------------------------------- */

int host_job_kill(struct host_container *container, struct hp_error *err); /* SIGKILL to all, until empty */
int host_job_signal(struct host_container *container, int signal,
                    struct hp_error *err); /* to every process */
/* Pids in the job, newest last; *pids is malloced. */
int host_job_pids(struct host_container *container, uint32_t **pids, size_t *count, struct hp_error *err);
int host_job_pause(struct host_container *container, bool pause, struct hp_error *err);
int host_job_update(struct host_container *container, const struct hp_limits *limits, struct hp_error *err);
unsigned host_processors(void); /* (any) active ones, of all processor groups */
/* The host's own metrics message, packed: *type_url is static, *data malloced.
 * Linux: io.containerd.cgroups.v1.Metrics or v2. */
int host_job_stats(struct host_container *container, const char **type_url, uint8_t **data, size_t *length,
                   struct hp_error *err);
/* The same message for a pod as a whole, of which sandbox is the specification that
 * the CRI gave. Linux: what the cgroup counts that kubelet made for the pod; one
 * that is not told or not there, and Windows, where the CRI plugin adds up the
 * containers itself, give the empty message. */
int host_pod_stats(const struct hp_container_spec *sandbox, const char **type_url, uint8_t **data,
                   size_t *length, struct hp_error *err);
/* The same message with nothing in it, for a sandbox without a process. (any) */
int host_empty_stats(const char **type_url, uint8_t **data, size_t *length);
/* (loop) `hit` is called on the loop, at most once, when the job's memory limit
 * killed something. A host that cannot tell returns 0 and never calls. */
int host_job_watch_oom(struct host_container *container, uv_loop_t *loop, void (*hit)(void *arg), void *arg,
                       struct hp_error *err);
/* (loop) Before host_container_free, if watched. */
void host_job_unwatch_oom(struct host_container *container);

/* ---- process -------------------------------------------------------------- */

struct host_spawn {
  const struct hp_process_spec *process;
  host_handle stdio[3]; /* the child's ends; HOST_HANDLE_NONE: the null device. Unused with a terminal */
};

struct host_spawned {
  uint32_t pid;
  host_handle terminal; /* our end of the terminal, non-blocking, owned by the caller; else NONE */
};

/* (pool) Starts a process in the container: its account, job, volume, look-up
 * rules. A program that is not found is NotFound and named; one that cannot be
 * executed is the system's own reason. Bracket with host_reaper_expect(+1) on
 * the loop before and host_reaper_expect(-1) after the watch is registered. */
int host_process_spawn(struct host_container *container, const struct host_spawn *spawn,
                       struct host_spawned *spawned, struct hp_error *err);

/* (any) InvalidArgument unless processes of this host can be sent signal, the
 * number that containerd gives: Linux' own, or the contract's table for Windows. */
int host_signal_check(uint32_t signal, struct hp_error *err);
/* (any) NotFound if it is gone. */
int host_process_signal(uint32_t pid, int signal, struct hp_error *err);

/* (any) The size of a terminal that host_process_spawn returned. */
int host_terminal_resize(host_handle terminal, unsigned columns, unsigned rows, struct hp_error *err);

/* (pool) Starts a program beside the containers, as the shim itself (a logging
 * program). argv->items[0] is its absolute path; handles[i], at least three,
 * becomes its descriptor i, and it has no others. The reaper keeps its status
 * until it is watched or forgotten. */
int host_program_spawn(const struct hp_strings *argv, const struct hp_strings *env,
                       const host_handle *handles, size_t handle_count, uint32_t *pid, struct hp_error *err);

/* (loop) Raises the limit on open descriptors as far as it goes, before the
 * first spawn; children start with the limits that were there before. */
void host_limits_raise(void);

/* One reaper sees every exit of this process's children (subreaper). */
typedef void (*host_exited)(void *arg, uint32_t pid, uint32_t status, struct hp_time when);

int host_reaper_start(uv_loop_t *loop, struct hp_error *err); /* (loop) */
void host_reaper_expect(int change); /* (any) spawns under way: statuses are kept meanwhile */
/* (loop) Calls exited once, later, on the loop; also for a pid that was reaped
 * while it was expected. status: exit code, or 128 + signal. */
void host_reaper_watch(uint32_t pid, host_exited exited, void *arg);
/* (any) Whether a program of host_program_spawn has ended, and how; it may still be watched. */
bool host_reaper_peek(uint32_t pid, uint32_t *status);
void host_reaper_forget(uint32_t pid); /* (any) off the loop only where nothing watches it */
void host_reaper_stop(void);           /* (loop) */

/* ---- daemon ---------------------------------------------------------------- */

/* The address of a shim: "unix://…" on Linux, "\\.\pipe\…" on Windows.
 * socket_dir NULL: the default /run/containerd/s. Deterministic; distinct for
 * distinct (namespace, id). */
int host_address(const char *socket_dir, const char *containerd_address, const char *namespace_name,
                 const char *id, char **address, struct hp_error *err);

/* The address that somebody gave by hand (-socket), in the same form. */
int host_address_given(const char *socket, char **address, struct hp_error *err);

/* Where a daemon begins: called in the detached process with the listening end
 * and what host_daemon_start was given to hand on. Returns its exit status. */
struct host_daemon;
typedef int (*host_daemon_main)(struct host_daemon *daemon, const char *state);

/* Makes the daemon of `address`, or finds the living one (*joined). Exactly one
 * of any number of racing callers makes it. Returns when the server accepts;
 * a daemon that failed gives its own reason. Call from a process without
 * threads that has run no loop: on Linux it forks, and the child, in which every
 * inherited descriptor is closed, runs main and never returns here. Windows
 * cannot fork: there it runs this program again, whose main calls
 * host_daemon_continue; so state, UTF-8, must say all that the daemon is to know. */
int host_daemon_start(const char *address, host_daemon_main main, const char *state, bool *joined,
                      uint32_t *pid, struct hp_error *err);
#if defined(_WIN32)
/* The verb that host_daemon_start gives to the program it runs, as its last argument. */
#define HOST_DAEMON_VERB "serve"
/* Runs main with what host_daemon_start said; returns its exit status. */
int host_daemon_continue(host_daemon_main main);
#endif

/* In the daemon. (loop) Every accepted stream is a connected uv_stream_t on the
 * loop, allocated with malloc, peer checked. */
int host_daemon_listen(struct host_daemon *daemon, uv_loop_t *loop,
                       void (*accepted)(void *arg, uv_stream_t *stream), void *arg, struct hp_error *err);
/* start may return now. false: start is gone and told nobody of this shim, so it should end. */
bool host_daemon_ready(struct host_daemon *daemon);
void host_daemon_failed(struct host_daemon *daemon, const struct hp_error *err); /* start reports this */
void host_daemon_close(struct host_daemon *daemon); /* (loop) stops listening, removes the address */

/* From other processes. Blocking, but bounded. */
/* The process that listens at address; NotFound: nobody. */
int host_daemon_find(const char *address, uint32_t *pid, struct hp_error *err);
/* Ends, without its help, the daemon that host_daemon_find or _start told of;
 * returns when it has ended (3 s at most). Nothing listens: success. */
int host_daemon_kill(const char *address, uint32_t pid, struct hp_error *err);
/* Removes what a dead daemon left at its address. FailedPrecondition if it lives. */
int host_daemon_remove(const char *address, struct hp_error *err);

/* Adds the addresses below socket_dir (NULL: the default) that daemons of this
 * program made, living or dead. Where an address goes with its process: none. */
int host_daemon_list(const char *socket_dir, struct hp_strings *addresses, struct hp_error *err);

/* Opens containerd's log of this bundle and makes it the process's log sink:
 * never blocks, drops the oldest lines and counts them. */
int host_log_open(const char *bundle, const char *namespace_name, const char *id, uv_loop_t *loop,
                  struct hp_error *err);
void host_log_close(void);

/* (loop) A connected client stream to a local address ("unix://…" or a bare
 * path): `connected` is called once, with a malloced stream that the callee
 * owns, or with NULL and the error. */
void host_connect(uv_loop_t *loop, const char *address,
                  void (*connected)(void *arg, uv_stream_t *stream, const struct hp_error *err), void *arg);

#endif
