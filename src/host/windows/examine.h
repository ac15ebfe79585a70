/* The verdicts of `doctor` on a Windows host, each about what it is given: examine.c
 * finds that out, and a test makes it up. */
#ifndef HP_HOST_WINDOWS_EXAMINE_H
#define HP_HOST_WINDOWS_EXAMINE_H

#include <windows.h>

#include "host/host.h"

struct hp_examiner {
  host_say say;
  void *arg;
};

void hp_examine_system(const struct hp_examiner *to, unsigned build, bool wine);
void hp_examine_account(const struct hp_examiner *to, PSID sid, const char *name); /* NULL: cannot be seen */
void hp_examine_containerd(const struct hp_examiner *to, const struct host_containerd *containerd);
void hp_examine_privilege(const struct hp_examiner *to, const char *name, const char *lost, bool have);
/* A function that is looked up; to is a struct hp_examiner. */
void hp_examine_function(void *to, const char *name, const char *library, bool there);
/* What is wrong with them, if anything; taken. */
void hp_examine_bindings(const struct hp_examiner *to, struct hp_error *err);
void hp_examine_layers(const struct hp_examiner *to, struct hp_error *err);
void hp_examine_volume_base(const struct hp_examiner *to, struct hp_error *err);
void hp_examine_ledger(const struct hp_examiner *to); /* hp_ledger_read's */

#endif
