/* What a runAsUserName names on this host at this moment: never cached, since
 * an init container may make the group that a later one names. (pool) */
#ifndef HP_HOST_WINDOWS_PRINCIPAL_H
#define HP_HOST_WINDOWS_PRINCIPAL_H

#include <windows.h>

#include "base/error.h"
#include "spec/account.h"

enum hp_principal_kind {
  HP_PRINCIPAL_GROUP,      /* a local group */
  HP_PRINCIPAL_LOCAL_USER, /* of this host's own accounts */
  HP_PRINCIPAL_DOMAIN_USER,
  HP_PRINCIPAL_MANAGED, /* DOMAIN\account$ */
};

struct hp_principal {
  enum hp_principal_kind kind;
  wchar_t *domain, *name; /* as the look-up returned them: localized */
};

/* InvalidArgument: nothing of that name, or something a process cannot run as;
 * FailedPrecondition: a local group on a domain controller. */
int hp_principal_find(const struct hp_account *account, struct hp_principal *principal, struct hp_error *err);
void hp_principal_clear(struct hp_principal *principal);

/* The RID of a built-in group by its English name ("Administrators": 544), which
 * a look-up on a host of another language does not know; 0: none. Pure. */
DWORD hp_principal_builtin(const wchar_t *name);

#endif
