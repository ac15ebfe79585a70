/* The one set of rules that judges a container (contract, sections 1 and 2).
 * Everything is refused here before anything is made on the host. */
#ifndef HP_SPEC_RULES_H
#define HP_SPEC_RULES_H

#include "spec/account.h"
#include "spec/policy.h"
#include "spec/spec.h"

struct hp_verdict {
  struct hp_account account;       /* who it runs as; kind only for a sandbox */
  enum hp_mount_behavior behavior; /* HP_MOUNT_UNSET: nobody chose, the host decides */
  struct hp_strings warnings;      /* one sentence each, for the log */
};

/* sandbox: the spec of the member's sandbox, NULL if it is not a member; its
 * inherit-user, rootfs-location and mount-behavior annotations are handed on
 * where the member has none of its own (written into spec). A sandbox without
 * process (HP_ROLE_SANDBOX) is judged for hostProcess and network only.
 * Errors: InvalidArgument or FailedPrecondition. */
int hp_rules_judge(enum hp_os os, const struct hp_policy *policy, const struct hp_container_spec *sandbox,
                   struct hp_container_spec *spec, struct hp_verdict *verdict, struct hp_error *err);
/* For people: the same walk, which goes on after a refusal; the first is the one
 * that hp_rules_judge answers. */
struct hp_refusals {
  struct hp_strings rules, messages; /* of each rule that refuses its name and what it says */
};
int hp_rules_judge_all(enum hp_os os, const struct hp_policy *policy, const struct hp_container_spec *sandbox,
                       struct hp_container_spec *spec, struct hp_verdict *verdict,
                       struct hp_refusals *refusals);
void hp_refusals_clear(struct hp_refusals *refusals);
/* Update: the same limits rules (policy maximum, ranges). */
int hp_rules_judge_limits(enum hp_os os, const struct hp_policy *policy, const struct hp_limits *limits,
                          struct hp_error *err);
void hp_verdict_clear(struct hp_verdict *verdict);

#endif
