/* A container is its account, its volume and its job, in this order; each of
 * them plans, makes and releases records of its own. */
#include "host/linux/container.h"

#include <stdlib.h>

#include "base/log.h"
#include "host/linux/identity.h"
#include "host/linux/ledger.h"
#include "host/linux/mount_point.h"

static const char *kind_of(const json_t *record) {
  const char *kind = json_string_value(json_object_get(record, "kind"));
  return kind ? kind : "(none)";
}

int host_container_plan(const struct host_container_request *request, struct host_container **out,
                        json_t **records, struct hp_error *err) {
  struct host_container *container = hp_alloc(sizeof *container);
  container->mount_namespace = -1;
  container->namespace_name = hp_strdup(request->namespace_name);
  container->id = hp_strdup(request->id);
  container->bundle = hp_strdup(request->bundle);
  container->request = request;
  json_t *planned = json_array();
  if (hp_identity_plan(container, request, planned, err) != 0 ||
      hp_volume_plan(container, request, planned, err) != 0 ||
      hp_cgroup_plan(container, request, planned, err) != 0) {
    json_decref(planned);
    host_container_free(container);
    return -1;
  }
  container->unmade = json_array_size(planned);
  *out = container;
  *records = planned;
  return 0;
}

int host_container_make(struct host_container *container, const json_t *record, struct hp_error *err) {
  static int (*const parts[])(struct host_container *, const json_t *, bool *,
                              struct hp_error *) = {hp_identity_make, hp_volume_make, hp_cgroup_make};
  if (container->unmade == 0)
    return hp_error_set(err, HP_INTERNAL, "the container \"%s\" is made already", container->id);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    bool known = false;
    int result = parts[i](container, record, &known, err);
    if (!known)
      continue;
    if (result == 0 && --container->unmade == 0)
      container->request = NULL; /* the caller may let go of it now */
    return result;
  }
  return hp_error_set(err, HP_INTERNAL, "a record of the unknown kind \"%s\" cannot be made",
                      kind_of(record));
}

int host_release(const json_t *record, struct hp_error *err) {
  static int (*const parts[])(const json_t *, bool *, struct hp_error *) = {
      hp_identity_release, hp_volume_release, hp_cgroup_release};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    bool known = false;
    int result = parts[i](record, &known, err);
    if (known)
      return result;
  }
  return hp_error_set(
      err, HP_INTERNAL,
      "a record of the unknown kind \"%s\" cannot be released; it is of another version of this shim",
      kind_of(record));
}

void host_container_free(struct host_container *container) {
  if (!container)
    return;
  hp_cgroup_clear(container);
  hp_volume_clear(container);
  free(container->groups);
  free(container->namespace_name);
  free(container->id);
  free(container->bundle);
  free(container);
}

const char *host_container_volume(const struct host_container *container) {
  return container->volume;
}

/* ---- sweep ------------------------------------------------------------------------------ */

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
  if (hp_mount_points_release(owner, &err) != 0)
    hp_log(HP_LOG_WARNING, NULL, "mount points of container %s: %s", name, err.message);
  hp_error_clear(&err);
  if (hp_identity_release_owner(owner, &err) != 0)
    hp_log(HP_LOG_WARNING, NULL, "the uid of container %s: %s", name, err.message);
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
