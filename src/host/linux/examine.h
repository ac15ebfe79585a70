/* The verdicts of `doctor` on a Linux host, each about what it is given: examine.c
 * finds that out, and a test makes it up. */
#ifndef HP_HOST_LINUX_EXAMINE_H
#define HP_HOST_LINUX_EXAMINE_H

#include <stdint.h>
#include <sys/types.h>

#include "host/host.h"

struct hp_examiner {
  host_say say;
  void *arg;
};

void hp_examine_kernel(const struct hp_examiner *to, const char *release); /* uname's; "": unknown */
void hp_examine_account(const struct hp_examiner *to, uid_t uid);
void hp_examine_containerd(const struct hp_examiner *to, const struct host_containerd *containerd);
void hp_examine_capabilities(const struct hp_examiner *to, uint64_t effective); /* CapEff of proc(5) */
void hp_examine_cgroups(const struct hp_examiner *to);                          /* hp_cgroup_layout_read's */
void hp_examine_ledger(const struct hp_examiner *to);                           /* hp_ledger_read's */
void hp_examine_volume_base(const struct hp_examiner *to,
                            struct hp_error *err); /* taken; what is wrong with /hpc */
void hp_examine_sockets(const struct hp_examiner *to, const char *directory);

#endif
