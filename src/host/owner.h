/* What a container holds on the host by the ledger's word alone, each part in
 * the file it is named after. Idempotent. (pool) */
#ifndef HP_HOST_OWNER_H
#define HP_HOST_OWNER_H

#include <jansson.h>

#include "base/error.h"

/* Gives back all of owner's claims, and removes what nobody else claims,
 * deepest first; volumes are unmounted before. What somebody filled meanwhile
 * stays. Never recursive. */
int hp_mount_points_release(const json_t *owner, struct hp_error *err);

/* The same, and on Windows links and layers, each in its turn. */
int hp_volume_release_owner(const json_t *owner, struct hp_error *err);

/* Gives back the ids or the accounts that owner claims. */
int hp_identity_release_owner(const json_t *owner, struct hp_error *err);

#endif
