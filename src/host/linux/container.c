/* A container is its account, its volume and its job, in this order; each of
 * them plans, makes and releases records of its own. */
#include "host/linux/container.h"

#include <stdlib.h>

#include "base/memory.h"

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

int host_container_check(const struct host_container_request *request, struct hp_error *err) {
  return hp_volume_check(request, err) == 0 ? hp_cgroup_check(request, err) : -1;
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
