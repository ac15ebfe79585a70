/* Which cgroup hierarchies this host has and where they are mounted. */
#ifndef HP_HOST_LINUX_CGROUP_LAYOUT_H
#define HP_HOST_LINUX_CGROUP_LAYOUT_H

#include <stddef.h>

#include "base/error.h"
#include "host/linux/container.h"

/* Bits of a set of controllers; only those that the shim uses. */
enum hp_controller {
  HP_CONTROLLER_CPU = 1 << 0,
  HP_CONTROLLER_CPUACCT = 1 << 1, /* v1 */
  HP_CONTROLLER_CPUSET = 1 << 2,
  HP_CONTROLLER_MEMORY = 1 << 3,
  HP_CONTROLLER_IO = 1 << 4, /* v1 calls it blkio */
  HP_CONTROLLER_PIDS = 1 << 5,
  HP_CONTROLLER_FREEZER = 1 << 6, /* v1 */
  HP_CONTROLLER_SYSTEMD = 1 << 7, /* v1: systemd's own hierarchy, "name=systemd" */
};

/* "cpu", "io" (v2) or "blkio" (v1), … of one bit. */
const char *hp_controller_name(unsigned version, unsigned controller);
/* Bits of a list of names; others are passed over. */
unsigned hp_controllers_parse(unsigned version, const char *list, const char *separators);
/* The list of names of the bits, separated by commas. */
char *hp_controllers_format(unsigned version, unsigned controllers);

struct hp_hierarchy {
  char *mount; /* mount point */
  unsigned controllers;
};

struct hp_cgroup_layout {
  unsigned version; /* 1 or 2 */
  struct hp_hierarchy items[HP_CGROUP_V1_MAX];
  size_t count; /* 1 with version 2 */
};

/* Reads the hierarchies from a mountinfo (proc(5)). Version 2 where the unified
 * hierarchy has memory and cpu, or where nothing else is mounted; else 1.
 * Errors: FailedPrecondition when there is no hierarchy at all. (pool) */
int hp_cgroup_layout_read(struct hp_cgroup_layout *layout, struct hp_error *err);
void hp_cgroup_layout_clear(struct hp_cgroup_layout *layout);

/* 1 or 2, found once for the life of the process; 2 if there is none. (any) */
unsigned hp_cgroup_version(void);

/* Tests only: another mountinfo; NULL is the system's own. */
void hp_cgroup_layout_from(const char *mountinfo);

#endif
