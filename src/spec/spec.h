/* What a container is asked to be: config.json of every host as one plain
 * structure. This room is pure: it reads bytes and judges them, it asks the
 * host nothing. Any thread. */
#ifndef HP_SPEC_SPEC_H
#define HP_SPEC_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

#define HP_CONFIG_MAX (16u << 20) /* bytes of config.json; more is refused before parsing */

#define HP_ANNOTATION_HOSTPROCESS "microsoft.com/hostprocess-container"
#define HP_ANNOTATION_INHERIT_USER "microsoft.com/hostprocess-inherit-user"
#define HP_ANNOTATION_ROOTFS_LOCATION "microsoft.com/hostprocess-rootfs-location"
#define HP_ANNOTATION_MOUNT_BEHAVIOR "microsoft.com/hostprocess-mount-behavior"
#define HP_ANNOTATION_CONTAINER_TYPE "io.kubernetes.cri.container-type"
#define HP_ANNOTATION_SANDBOX_ID "io.kubernetes.cri.sandbox-id"

enum hp_os { HP_OS_LINUX, HP_OS_WINDOWS };

/* The system this program was built for. */
enum hp_os hp_os_here(void);

enum hp_role {
  HP_ROLE_SINGLE,  /* no CRI annotation: a container alone in its shim */
  HP_ROLE_SANDBOX, /* a podsandbox pod's pause container: no process */
  HP_ROLE_MEMBER,  /* a container of sandbox_id's pod */
};

/* What was read, whose field names messages have. */
enum hp_source { HP_SOURCE_OCI, HP_SOURCE_CRI, HP_SOURCE_MANIFEST };

enum hp_tristate { HP_UNSET, HP_FALSE, HP_TRUE };
enum hp_mount_behavior { HP_MOUNT_UNSET, HP_MOUNT_BIND, HP_MOUNT_SYMLINK };

/* A number that may be absent. */
struct hp_number {
  bool set;
  int64_t value;
};

struct hp_rlimit {
  char *type; /* RLIMIT_NOFILE … */
  uint64_t soft, hard;
};

struct hp_process_spec {
  struct hp_strings args; /* may be empty where command_line is set */
  char *command_line;     /* Windows: used unescaped; NULL: none */
  struct hp_strings env;  /* NAME=value */
  char *cwd;              /* NULL: none given */
  bool terminal;
  unsigned rows, columns; /* 0: the default 80×25 */
  char *username;         /* process.user.username; NULL: none */
  uint32_t uid, gid;      /* Linux numbers; used when there is no username */
  uint32_t *additional_gids;
  size_t additional_gid_count;
  struct hp_rlimit *rlimits;
  size_t rlimit_count;
  struct hp_number oom_score_adj;
  bool no_new_privileges;
};

struct hp_mount {
  char *source, *destination, *type; /* type NULL: bind */
  struct hp_strings options;
  bool read_only; /* "ro" is among the options */
  bool socket;    /* a manifest says that the source is one; else only the host can tell */
};

struct hp_throttle { /* blockIO: one device, one rate */
  int64_t major, minor;
  uint64_t rate;
};

struct hp_throttles {
  struct hp_throttle *items;
  size_t count;
};

struct hp_affinity { /* processors of one group (Windows) */
  uint64_t mask;
  uint32_t group;
};

struct hp_affinities {
  struct hp_affinity *items;
  size_t count;
};

/* Limits of the whole job. Linux: linux.resources; Windows: windows.resources
 * and the io.microsoft.* annotations (the annotation wins). */
struct hp_limits {
  struct hp_number memory;             /* bytes; -1: unlimited */
  struct hp_number memory_swap;        /* Linux: memory plus swap, bytes */
  struct hp_number memory_reservation; /* Linux */
  struct hp_number cpu_shares;         /* Linux 2..262144, Windows 1..10000 */
  struct hp_number cpu_quota;          /* Linux, µs per period; -1: none */
  struct hp_number cpu_period;         /* Linux, µs */
  char *cpuset_cpus, *cpuset_mems;     /* Linux; NULL: unset */
  struct hp_number pids;               /* Linux; -1 or 0: max */
  struct hp_number blkio_weight;       /* Linux 10..1000 */
  struct hp_throttles read_bps, write_bps, read_iops, write_iops;
  struct hp_number cpu_count, cpu_maximum;                  /* Windows */
  struct hp_affinities affinities;                          /* Windows; empty: unset */
  struct hp_number storage_iops, storage_bps, storage_size; /* Windows */
};

/* The forms of Windows' CPU limit as they were sent, of which one is in force. */
struct hp_cpu_forms {
  struct hp_number count, maximum, shares;
};

struct hp_namespace { /* linux.namespaces[] */
  char *type, *path;  /* path NULL: a new one */
};

struct hp_container_spec {
  enum hp_source source;
  enum hp_role role;
  char *sandbox_id; /* of a member; else NULL */

  enum hp_tristate hostprocess;  /* the annotation's value */
  enum hp_tristate inherit_user; /* annotation */
  enum hp_mount_behavior mount_behavior;
  char *rootfs_location; /* annotation; NULL: default */

  struct hp_process_spec process;
  bool has_process;
  char *root_path; /* NULL: no root */
  bool root_read_only;
  struct hp_mount *mounts;
  size_t mount_count;
  struct hp_limits limits;
  struct hp_limits annotated;   /* those of annotations (Windows), which are in limits, too … */
  struct hp_cpu_forms cpu_sent; /* … and what they may hide */

  /* linux */
  char *cgroups_path;
  struct hp_namespace *namespaces;
  size_t namespace_count;
  bool uid_mappings;

  /* manifests */
  bool run_as_non_root;
  bool image_program; /* there may be no args: the image's ENTRYPOINT comes before them */
  char *os_name;      /* of a pod; NULL: none */

  /* CRI and manifests: what asks for a namespace of the pod's own, "FIELD is VALUE"; NULL: nothing */
  char *own_network, *own_users;
  char *cgroup_parent; /* CRI, Linux: the pod's cgroup, a path or a slice's name; NULL: not told */

  /* windows */
  bool has_windows, hyperv, credential_spec, has_network_namespace, has_endpoints;
  struct hp_strings layer_folders;

  struct hp_strings ignored; /* fields that mean nothing for a process of the host, e.g. "linux.seccomp" */
};

/* Parses config.json's bytes; strict about types and duplicate keys, depth and
 * size bounded. Errors: InvalidArgument, naming the field ("process.args[2]").
 * *os: whose limits are read; NULL: those of the one section that is there, or of the
 * system that this is. */
int hp_spec_parse(const char *data, size_t length, const enum hp_os *os, struct hp_container_spec *spec,
                  struct hp_error *err);
/* Reads DIR/config.json first. A missing file is NotFound. */
int hp_spec_load(const char *bundle, struct hp_container_spec *spec, struct hp_error *err);
void hp_spec_clear(struct hp_container_spec *spec);

/* Parses the process object of an Exec request (OCI runtime-spec Process). */
int hp_process_spec_parse(const char *data, size_t length, struct hp_process_spec *process,
                          struct hp_error *err);
void hp_process_spec_clear(struct hp_process_spec *process);
/* What it takes of memory, about. */
size_t hp_process_spec_bytes(const struct hp_process_spec *process);

/* Parses Update's resources: LinuxResources on Linux, WindowsResources on
 * Windows, which os tells. */
int hp_limits_parse(enum hp_os os, const char *data, size_t length, struct hp_limits *limits,
                    struct hp_error *err);
/* Lays what is set in change over base. A CPU limit of Windows replaces one of another
 * form; memory without a limit has none of memory plus swap. */
void hp_limits_merge(struct hp_limits *base, const struct hp_limits *change);
/* containerd's CRI sends all that it has of windows.resources, an old form of the CPU
 * limit beside the new one: of several, those that are as they were sent before
 * leave change. sent becomes what was sent now. */
void hp_limits_take_new_cpu(struct hp_limits *change, struct hp_cpu_forms *sent);
/* What cannot change while the container is there: InvalidArgument. */
int hp_limits_judge_change(const struct hp_limits *now, const struct hp_limits *change, struct hp_error *err);
void hp_limits_clear(struct hp_limits *limits);

#endif
