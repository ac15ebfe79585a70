/* PodSandboxConfig → struct hp_container_spec. Unknown fields are passed over. */
#include <stdlib.h>
#include <string.h>

#include "runtime/v1/api.pb-c.h"
#include "spec/cri_read.h"
#include "spec/read.h"

/* ---- namespaces ---------------------------------------------------------------- */

static const char *const modes[] = {"POD", "CONTAINER", "NODE", "TARGET"};
#define MODES (sizeof modes / sizeof modes[0])

/* A number or a name; absent is the first. */
static int read_mode(struct hp_json at, const char **mode, struct hp_error *err) {
  const char *name = json_string_value(at.value);
  json_int_t number = json_integer_value(at.value);
  *mode = modes[0];
  if (!at.value)
    return 0;
  for (size_t i = 0; i < MODES; i++)
    if (name ? strcmp(name, modes[i]) == 0 : json_is_integer(at.value) && number == (json_int_t)i) {
      *mode = modes[i];
      return 0;
    }
  return hp_json_refuse(&at, err, "0 (POD), 1 (CONTAINER), 2 (NODE) or 3 (TARGET)");
}

/* *asks: what the field says, unless that is the host's own. */
static int read_asked(const struct hp_json *at, char **asks, struct hp_error *err) {
  const char *mode;
  if (read_mode(*at, &mode, err) != 0)
    return -1;
  if (strcmp(mode, "NODE") == 0)
    return 0;
  char *path = hp_json_path(at);
  free(*asks);
  *asks = hp_printf("%s is %s", path, mode);
  free(path);
  return 0;
}

int hp_cri_read_namespaces(const struct hp_json *options, struct hp_container_spec *spec,
                           struct hp_error *err) {
  struct hp_json network = hp_json_at(options, "network"), users = hp_json_at(options, "userns_options");
  struct hp_json mode = hp_json_at(&users, "mode");
  if (hp_json_object(*options, err) != 0 || hp_json_object(users, err) != 0)
    return -1;
  if (options->value && read_asked(&network, &spec->own_network, err) != 0)
    return -1;
  return users.value ? read_asked(&mode, &spec->own_users, err) : 0;
}

/* ---- Windows' security context ----------------------------------------------------- */

int hp_cri_read_windows_security(const struct hp_json *security, struct hp_container_spec *spec,
                                 struct hp_error *err) {
  bool host_process = false;
  if (hp_json_object(*security, err) != 0 ||
      hp_json_bool(hp_json_at(security, "host_process"), &host_process, err) != 0 ||
      hp_json_string(hp_json_at(security, "run_as_username"), &spec->process.username, err) != 0)
    return -1;
  char *credentials = NULL;
  int result = hp_json_string(hp_json_at(security, "credential_spec"), &credentials, err);
  spec->credential_spec = credentials && credentials[0];
  free(credentials);
  /* kubelet writes one for each pod, so what it does not say is false. */
  if (security->value)
    spec->hostprocess = host_process && spec->hostprocess != HP_FALSE ? HP_TRUE : HP_FALSE;
  return result;
}

/* ---- a pod ----------------------------------------------------------------------------- */

static int read_pod(const struct hp_json *config, const enum hp_os *os, struct hp_container_spec *spec,
                    struct hp_error *err) {
  bool windows = (os ? *os : hp_os_of(config)) == HP_OS_WINDOWS;
  struct hp_json annotations = hp_json_at(config, "annotations"),
                 section = hp_json_at(config, windows ? "windows" : "linux"),
                 security = hp_json_at(&section, "security_context"),
                 namespaces = hp_json_at(&security, "namespace_options");
  if (!json_is_object(config->value))
    return hp_json_refuse(config, err, "an object");
  if (hp_annotations_read(&annotations, spec, err) != 0 || hp_json_object(section, err) != 0 ||
      hp_json_object(security, err) != 0 || hp_cri_read_namespaces(&namespaces, spec, err) != 0)
    return -1;
  if (!windows && hp_json_string(hp_json_at(&section, "cgroup_parent"), &spec->cgroup_parent, err) != 0)
    return -1;
  if (windows && hp_cri_read_windows_security(&security, spec, err) != 0)
    return -1;
  spec->has_windows = windows;
  spec->source = HP_SOURCE_CRI;
  /* What an annotation of the pod's author says of this is none of its business. */
  spec->role = HP_ROLE_SANDBOX;
  free(spec->sandbox_id);
  spec->sandbox_id = NULL;
  return 0;
}

/* Takes the tree; NULL: err is set. */
static int read_tree(json_t *tree, const enum hp_os *os, struct hp_container_spec *spec,
                     struct hp_error *err) {
  if (!tree)
    return -1;
  struct hp_json root = hp_json_root("", tree);
  int result = hp_cri_take_names(&root, &runtime__v1__pod_sandbox_config__descriptor, err);
  if (result == 0)
    result = read_pod(&root, os, spec, err);
  json_decref(tree);
  if (result != 0) {
    hp_spec_clear(spec);
    hp_error_wrap(err, "PodSandboxConfig");
  }
  return result;
}

int hp_cri_pod_parse(const char *data, size_t length, const enum hp_os *os, struct hp_container_spec *spec,
                     struct hp_error *err) {
  *spec = (struct hp_container_spec){0};
  return read_tree(hp_json_load("PodSandboxConfig", data, length, HP_CRI_MAX, err), os, spec, err);
}

int hp_cri_pod_unpack(const uint8_t *data, size_t length, struct hp_container_spec *spec,
                      struct hp_error *err) {
  *spec = (struct hp_container_spec){0};
  return read_tree(hp_cri_tree(&runtime__v1__pod_sandbox_config__descriptor, data, length, err), NULL, spec,
                   err);
}
