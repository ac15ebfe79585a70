/* The machine-wide ledger: what containers of any shim hold that outlives a
 * bundle or a boot, or that several of them share: accounts or ids of their
 * own, and the mount points made on the host. ledger_file.h says where it lives.
 *
 * A claim is an object {"kind", "owner": {…}, …}; its other members are its
 * kind's own. An owner is {"namespace", "id", "bundle", "boot"}. All (pool). */
#ifndef HP_HOST_LEDGER_H
#define HP_HOST_LEDGER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

struct hp_ledger; /* locked from open to close */

/* Makes the directory if it is missing. Waits for the lock, at most 20 s:
 * Unavailable. FailedPrecondition: the directory is not the administrator's
 * alone, or the file is damaged. */
int hp_ledger_open(struct hp_ledger **ledger, struct hp_error *err);
/* Replaces the file. Without a save nothing has changed. ResourceExhausted: it would
 * be larger than a ledger may be. */
int hp_ledger_save(struct hp_ledger *ledger, struct hp_error *err);
void hp_ledger_close(struct hp_ledger *ledger); /* NULL is fine */

/* The claims as they were last saved, without the lock and without making
 * anything; an empty array if there is no ledger. New reference. */
int hp_ledger_read(json_t **claims, struct hp_error *err);

/* All claims: borrowed, an array, to be changed in place. */
json_t *hp_ledger_claims(struct hp_ledger *ledger);
/* A number that a host keeps beside the claims; 0 if it was never set. */
json_int_t hp_ledger_number(const struct hp_ledger *ledger, const char *name);
void hp_ledger_set_number(struct hp_ledger *ledger, const char *name, json_int_t number);

/* Whether a claim is of this kind (a string of the ledger's) and, unless NULL, owner. */
bool hp_ledger_is(const json_t *claim, const char *kind, const json_t *owner);
/* Adds {"kind", "owner"} plus what `detail` holds (which is consumed). */
void hp_ledger_add(struct hp_ledger *ledger, const char *kind, const json_t *owner, json_t *detail);

/* The owner that a container is: a new object with this boot's id. */
int hp_ledger_owner(const char *namespace_name, const char *id, const char *bundle, json_t **owner,
                    struct hp_error *err);
/* "namespace/id" of an owner, for messages; owned. */
char *hp_ledger_owner_name(const json_t *owner);
/* False if its bundle is gone or it lived before this boot. */
bool hp_ledger_owner_lives(const json_t *owner);

#endif
