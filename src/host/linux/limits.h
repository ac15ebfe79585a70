/* Limits of a job: OCI's linux.resources as the writes that set them. */
#ifndef HP_HOST_LINUX_LIMITS_H
#define HP_HOST_LINUX_LIMITS_H

#include "host/linux/cgroup.h"

struct hp_limit_write {
  unsigned controller;
  const char *field; /* "linux.resources.memory.limit" … */
  const char *file;
  char *value;
  const char *other_file; /* tried where `file` does not exist; NULL: none */
  char *other_value;
  char *before;   /* what stood in the file, from when the value is written; else NULL */
  bool optional;  /* a host without the file already behaves as the value says */
  bool may_defer; /* refused as invalid: once more after all others */
};

struct hp_limit_writes {
  struct hp_limit_write *items;
  size_t count, room;
};

/* What is in force: the order of writes and what is left out depend on it. */
struct hp_limits_now {
  int64_t memory;      /* bytes; -1: unlimited */
  int64_t memory_swap; /* v1: bytes of memory plus swap; -1: unlimited (always on v2) */
  int64_t cpu_quota;   /* µs; -1: none */
};
#define HP_LIMITS_NOW_NONE                                                                                   \
  { -1, -1, -1 }

/* Pure: the writes, in order. A limit whose controller is missing is
 * FailedPrecondition; a pair that cannot be is InvalidArgument. Clear the
 * writes after failure too. Numbers that are 0 set nothing, as in runc, except
 * for pids, where 0 is "max". */
int hp_limits_plan(unsigned version, unsigned controllers, const struct hp_limits *limits,
                   const struct hp_limits_now *now, struct hp_limit_writes *writes, struct hp_error *err);
void hp_limit_writes_clear(struct hp_limit_writes *writes);

/* Whether a fresh job could be given these limits, as far as that can be told. */
int hp_limits_check(unsigned version, unsigned controllers, const struct hp_limits *limits,
                    struct hp_error *err);

/* Sets what is set in limits. A refusal names file and value; what was written
 * before it is written back. (pool) */
int hp_limits_apply(const struct hp_cgroup *cgroup, const struct hp_limits *limits, struct hp_error *err);

/* v2's weights 1..10000 from v1's shares 2..262144 and weight 10..1000. */
int64_t hp_cpu_weight(int64_t shares);
int64_t hp_io_weight(int64_t weight);

#endif
