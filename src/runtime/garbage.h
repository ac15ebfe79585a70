/* Finding and removing what dead shims left on this host: what the journals name
 * that nobody holds, and what the host itself knows of that no living shim's
 * journal names. Blocks; for a process of its own. */
#ifndef HP_RUNTIME_GARBAGE_H
#define HP_RUNTIME_GARBAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

struct hp_garbage {
  const struct hp_strings *bundles; /* those that may hold a journal */
  const char *namespace_name;       /* only what is known to be of this one; NULL: of all */
  bool dry_run;                     /* only look */
  uint64_t deadline;                /* uv_hrtime() after which nothing more is begun */
  /* Answers: objects {"kind", "name", "owner"?, "status": "found" (dry run),
   * "removed" or "failed", "error"?}, and the bundles that living shims hold. */
  json_t *items, *living;
};

/* Fails, having changed nothing, if it cannot be told what lives. What could not
 * be removed is an item, and no failure. items and living are new either way. */
int hp_garbage_collect(struct hp_garbage *garbage, struct hp_error *err);

/* Adds an item. failure: NULL if it was removed, or found. */
void hp_garbage_add(struct hp_garbage *garbage, const char *kind, const char *name, const char *owner,
                    const struct hp_error *failure);
/* FailedPrecondition once the deadline has passed. */
int hp_garbage_in_time(const struct hp_garbage *garbage, struct hp_error *err);

#endif
