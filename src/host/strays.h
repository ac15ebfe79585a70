/* What a host itself knows of containers, beside the ledger. (pool) */
#ifndef HP_HOST_STRAYS_H
#define HP_HOST_STRAYS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

/* Adds records of what is there by its name or its mark alone and is no claim of
 * the ledger's. A record that only its name tells has "stray": true. */
int hp_find_strays(const json_t *claims, json_t *records, struct hp_error *err);

/* The host sees that the owner's container runs, whatever became of its bundle. */
bool hp_owner_at_work(const json_t *owner);

#endif
