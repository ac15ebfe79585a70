/* stdin of `start`. An Any decodes as BootstrapParams and the other way round,
 * so the identity in the message decides. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "containerd/runtime/bootstrap/v1/bootstrap.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "spec/options.h"

typedef Containerd__Runtime__Bootstrap__V1__BootstrapParams params_message;

static char *text_or_null(const char *text) {
  return *text ? hp_strdup(text) : NULL;
}

static int read_options(const Google__Protobuf__Any *any, struct hp_options *options, struct hp_error *err) {
  char *ignored = NULL;
  int result = hp_options_parse(any->type_url, any->value.data, any->value.len, options, &ignored, err);
  free(ignored);
  return result;
}

static int read_params(const params_message *params, struct hp_bootstrap *bootstrap, struct hp_error *err) {
  bootstrap->v3 = true;
  bootstrap->log_level = (int)params->log_level;
  bootstrap->ttrpc_address = text_or_null(params->containerd_ttrpc_address);
  bootstrap->grpc_address = text_or_null(params->containerd_grpc_address);
  bootstrap->socket_dir = text_or_null(params->socket_dir);
  for (size_t i = 0; i < params->n_extensions; i++) {
    const Google__Protobuf__Any *any = params->extensions[i]->value;
    struct hp_options options = {0};
    if (any && read_options(any, &options, err) != 0)
      return -1;
    if (!options.config_path)
      continue;
    hp_options_clear(&bootstrap->options);
    bootstrap->options = options;
  }
  return 0;
}

static int read_any(const uint8_t *data, size_t length, const params_message *params,
                    struct hp_bootstrap *bootstrap, struct hp_error *err) {
  Google__Protobuf__Any *any = google__protobuf__any__unpack(NULL, length, data);
  int result = -1;
  if (!any)
    hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "stdin holds %zu bytes that are neither BootstrapParams nor a google.protobuf.Any: send one of "
        "them, or nothing",
        length);
  else if (any->base.n_unknown_fields > 0) /* an Any has two fields; more is somebody else's bootstrap */
    hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "stdin holds BootstrapParams of \"%s\" in namespace \"%s\": -id and -namespace must name the "
        "same",
        params ? params->instance_id : "", params ? params->namespace_ : "");
  else
    result = read_options(any, &bootstrap->options, err);
  if (any)
    google__protobuf__any__free_unpacked(any, NULL);
  return result;
}

int hp_bootstrap_parse(const uint8_t *data, size_t length, const char *id, const char *namespace_name,
                       struct hp_bootstrap *bootstrap, struct hp_error *err) {
  *bootstrap = (struct hp_bootstrap){0};
  if (length == 0)
    return 0;
  params_message *params = containerd__runtime__bootstrap__v1__bootstrap_params__unpack(NULL, length, data);
  bool ours =
      params && strcmp(params->instance_id, id) == 0 && strcmp(params->namespace_, namespace_name) == 0;
  int result = ours ? read_params(params, bootstrap, err) : read_any(data, length, params, bootstrap, err);
  if (params)
    containerd__runtime__bootstrap__v1__bootstrap_params__free_unpacked(params, NULL);
  if (result != 0)
    hp_bootstrap_clear(bootstrap);
  return result;
}

void hp_bootstrap_clear(struct hp_bootstrap *bootstrap) {
  free(bootstrap->ttrpc_address);
  free(bootstrap->grpc_address);
  free(bootstrap->socket_dir);
  hp_options_clear(&bootstrap->options);
  *bootstrap = (struct hp_bootstrap){0};
}

void hp_bootstrap_result(const char *address, uint8_t **data, size_t *length) {
  Containerd__Runtime__Bootstrap__V1__BootstrapResult result =
      CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_RESULT__INIT;
  char *address_copy = hp_strdup(address), protocol[] = "ttrpc";
  result.version = 3;
  result.address = address_copy;
  result.protocol = protocol;
  *length = containerd__runtime__bootstrap__v1__bootstrap_result__get_packed_size(&result);
  *data = hp_alloc(*length);
  containerd__runtime__bootstrap__v1__bootstrap_result__pack(&result, *data);
  free(address_copy);
}
