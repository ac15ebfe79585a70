/* What containers that are gone for good still hold in the ledger: those of a
 * boot before this one, and those whose bundle was removed. */
#include <stdlib.h>

#include "base/log.h"
#include "host/host.h"
#include "host/ledger.h"
#include "host/owner.h"

static bool holds(const json_t *owners, const json_t *owner) {
  size_t index;
  const json_t *other;
  json_array_foreach(owners, index, other) {
    if (json_equal(other, owner))
      return true;
  }
  return false;
}

static json_t *dead_owners(const json_t *claims) {
  json_t *dead = json_array(), *alive = json_array();
  size_t index;
  const json_t *claim;
  json_array_foreach(claims, index, claim) {
    json_t *owner = json_object_get(claim, "owner");
    if (!holds(dead, owner) && !holds(alive, owner))
      json_array_append(hp_ledger_owner_lives(owner) ? alive : dead, owner);
  }
  json_decref(alive);
  return dead;
}

static void sweep_owner(const json_t *owner) {
  struct hp_error err = HP_ERROR_INIT;
  char *name = hp_ledger_owner_name(owner);
  hp_log(HP_LOG_INFO, NULL, "giving back what container %s, which is gone, held on this host", name);
  if (hp_volume_release_owner(owner, &err) != 0)
    hp_log(HP_LOG_WARNING, NULL, "the volume of container %s: %s", name, err.message);
  hp_error_clear(&err);
  if (hp_identity_release_owner(owner, &err) != 0)
    hp_log(HP_LOG_WARNING, NULL, "the account of container %s: %s", name, err.message);
  hp_error_clear(&err);
  free(name);
}

void host_sweep(void) {
  struct hp_error err = HP_ERROR_INIT;
  json_t *claims;
  if (hp_ledger_read(&claims, &err) != 0) {
    hp_log(HP_LOG_WARNING, NULL, "nothing could be swept: %s", err.message);
    hp_error_clear(&err);
    return;
  }
  json_t *dead = dead_owners(claims);
  size_t index;
  const json_t *owner;
  json_array_foreach(dead, index, owner) {
    sweep_owner(owner);
  }
  json_decref(dead);
  json_decref(claims);
}
