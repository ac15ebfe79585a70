/* The grammar of runAsUserName (contract, section 2). Pure: whether a name is a
 * group or a user, only the host can say. */
#ifndef HP_SPEC_ACCOUNT_H
#define HP_SPEC_ACCOUNT_H

#include "base/error.h"
#include "spec/spec.h"

enum hp_account_kind {
  HP_ACCOUNT_NUMERIC, /* Linux, no username: uid, gid and additional gids of the spec */
  HP_ACCOUNT_SYSTEM,
  HP_ACCOUNT_LOCAL_SERVICE,
  HP_ACCOUNT_NETWORK_SERVICE,
  HP_ACCOUNT_INHERIT, /* the shim's own identity */
  HP_ACCOUNT_NAMED,   /* a local group, a user, or DOMAIN\account$ */
};

struct hp_account {
  enum hp_account_kind kind;
  char *domain; /* NULL: none given */
  char *name;   /* of HP_ACCOUNT_NAMED */
};

/* Any letter case, inner spaces, domains "NT AUTHORITY", "BUILTIN", "."; the
 * SIDs S-1-5-18, -19, -20; on Linux "root" is SYSTEM too. Refuses, naming the
 * field runAsUserName: empty, more than one backslash, control characters,
 * too long (domain 255, user 104), characters Windows forbids (" / \ [ ] : ; |
 * = , + * ? < > and a name of only dots or spaces), ContainerUser and
 * ContainerAdministrator. */
int hp_account_parse(enum hp_os os, const char *username, struct hp_account *account, struct hp_error *err);
/* DOMAIN\account$, of a domain: a group managed service account. */
bool hp_account_is_managed(const struct hp_account *account);
void hp_account_clear(struct hp_account *account);

#endif
