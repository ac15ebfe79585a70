/* Who a container runs as. Its parts of plan, make and release are in
 * container.h; this is what the sweep needs. (pool) */
#ifndef HP_HOST_LINUX_IDENTITY_H
#define HP_HOST_LINUX_IDENTITY_H

#include <jansson.h>

#include "base/error.h"

/* Gives back the ids that owner claims in the ledger. Idempotent. */
int hp_identity_release_owner(const json_t *owner, struct hp_error *err);

#endif
