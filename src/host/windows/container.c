/* A container is its account, its job and its volume, in this order (bindings
 * belong to the job); each of them plans, makes and releases records of its own. */
#include "host/windows/container.h"

#include <stdlib.h>

#include "base/memory.h"
#include "host/windows/winapi.h"

#define BUILD_MIN 17763 /* Windows Server 2019: HostProcess containers begin with it */

static const char *kind_of(const json_t *record) {
  const char *kind = json_string_value(json_object_get(record, "kind"));
  return kind ? kind : "(none)";
}

static int check_build(struct hp_error *err) {
  unsigned build = hp_winapi_build();
  if (build >= BUILD_MIN)
    return 0;
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      "this host is Windows build %u: HostProcess containers need build %d (Windows Server "
                      "2019) or later, run the pod on such a node",
                      build, BUILD_MIN);
}

int host_container_plan(const struct host_container_request *request, struct host_container **out,
                        json_t **records, struct hp_error *err) {
  struct host_container *container = hp_alloc(sizeof *container);
  container->namespace_name = hp_strdup(request->namespace_name);
  container->id = hp_strdup(request->id);
  container->bundle = hp_strdup(request->bundle);
  container->request = request;
  json_t *planned = json_array(), *behind = json_array();
  /* Last the identity, though its record is the first: a user's logon may make his
   * profile, which is his and stays. */
  int result = check_build(err) == 0 && hp_job_plan(container, request, behind, err) == 0 &&
                       hp_volume_plan(container, request, behind, err) == 0
                   ? hp_identity_plan(container, request, planned, err)
                   : -1;
  json_array_extend(planned, behind);
  json_decref(behind);
  if (result != 0) {
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
  if (check_build(err) != 0 || hp_job_check(request, err) != 0)
    return -1;
  return hp_volume_check(request, err);
}

int host_container_make(struct host_container *container, const json_t *record, struct hp_error *err) {
  static int (*const parts[])(struct host_container *, const json_t *, bool *,
                              struct hp_error *) = {hp_identity_make, hp_job_make, hp_volume_make};
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
  static int (*const parts[])(const json_t *, bool *,
                              struct hp_error *) = {hp_identity_release, hp_job_release, hp_volume_release};
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
  hp_volume_clear(container);
  hp_job_clear(container);
  hp_identity_clear(container);
  free(container->namespace_name);
  free(container->id);
  free(container->bundle);
  free(container);
}

const char *host_container_volume(const struct host_container *container) {
  return container->volume_utf8;
}
