/* The node policy's list of accounts. An entry is a name as runAsUserName takes
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

/* 0, or -1 with the policy's file and the missing entry named. */
int hp_allow_account(const struct hp_policy *policy, const struct hp_account *account,
                     const struct hp_process_spec *process, struct hp_error *err);

#endif
