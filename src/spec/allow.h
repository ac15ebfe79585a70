/* What the node policy allows a container; each refusal names the policy's file,
 * the line and the rule.
 *
 * Its list of accounts: An entry is a name as runAsUserName takes
 * it (letter case is no matter; a bare name allows the same local name written
 * with . or BUILTIN too), or, for Linux specs without a username, "UID" or
 * ":GID": uid 1000 may run with the group 1000, any further group needs its own
 * entry. Who may be SYSTEM may have any group, and may inherit. */
#ifndef HP_SPEC_ALLOW_H
#define HP_SPEC_ALLOW_H

#include "spec/account.h"
#include "spec/policy.h"
#include "spec/spec.h"

/* Is text an entry of such a list? InvalidArgument if not. */
int hp_allow_check(const char *text, struct hp_error *err);

/* May it have the shim's own user? Of other accounts: 0. */
int hp_allow_inherit(const struct hp_policy *policy, const struct hp_account *account, struct hp_error *err);
/* 0, or -1 with the missing entry named. */
int hp_allow_account(const struct hp_policy *policy, const struct hp_account *account,
                     const struct hp_process_spec *process, struct hp_error *err);
/* Where the container volume is to appear; NULL: where it does by default, which
 * is allowed. It is a valid location. */
int hp_allow_location(enum hp_os os, const struct hp_policy *policy, const char *location,
                      struct hp_error *err);
/* Of memory and CPU a container may not ask for more than the maximum, or for
 * none; of storage not for more. A CPU limit is Linux' quota, Windows' count or
 * maximum; shares and affinity are none: they bound nothing where others idle. */
int hp_allow_memory(const struct hp_policy *policy, struct hp_number memory, struct hp_error *err);
int hp_allow_cpu(enum hp_os os, const struct hp_policy *policy, const struct hp_limits *limits,
                 struct hp_error *err);
int hp_allow_storage(const struct hp_policy *policy, struct hp_number size, struct hp_error *err);

#endif
