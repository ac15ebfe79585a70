/* A pod's specification, and the template of one. */
#include "spec/kubernetes_pod.h"

#include <stdlib.h>
#include <string.h>

#include "spec/kubernetes_read.h"
#include "spec/read.h"

static const char *const names[] = {"hostNetwork",      "securityContext",
                                    "initContainers",   "volumes",
                                    "nodeSelector",     "ephemeralContainers",
                                    "containers",       "os",
                                    "runtimeClassName", "hostUsers"};
static const char microsoft[] = "io.microsoft.container.";

/* ---- the sandbox ------------------------------------------------------------ */

static int read_annotations(const struct hp_json *metadata, struct hp_pod_spec *pod, struct hp_error *err) {
  struct hp_json annotations = hp_json_at(metadata, "annotations");
  if (hp_json_object(*metadata, err) != 0 || hp_annotations_read(&annotations, &pod->sandbox, err) != 0)
    return -1;
  /* What an annotation of the pod's author says of this is none of its business. */
  pod->sandbox.role = HP_ROLE_SANDBOX;
  free(pod->sandbox.sandbox_id);
  pod->sandbox.sandbox_id = NULL;
  const char *key;
  json_t *value;
  json_object_foreach(annotations.value, key, value) {
    if (strncmp(key, microsoft, sizeof microsoft - 1) == 0)
      hp_strings_take(&pod->open, hp_printf("annotation %.128s has an effect only where the runtime's "
                                            "pod_annotations list it",
                                            key));
  }
  return 0;
}

static char *is_value(const struct hp_json *at, const char *value) {
  char *path = hp_json_path(at), *text = hp_printf("%s is %s", path, value);
  free(path);
  return text;
}

static int read_host(const struct hp_json *spec, struct hp_pod_spec *pod, struct hp_error *err) {
  struct hp_json network = hp_json_at(spec, "hostNetwork"), users = hp_json_at(spec, "hostUsers"),
                 os = hp_json_at(spec, "os"), os_name = hp_json_at(&os, "name");
  bool host_network = false, host_users = true;
  if (hp_json_bool(network, &host_network, err) != 0 || hp_json_bool(users, &host_users, err) != 0 ||
      hp_json_object(os, err) != 0 || hp_json_string(os_name, &pod->sandbox.os_name, err) != 0)
    return -1;
  if (!host_network)
    pod->sandbox.own_network = is_value(&network, network.value ? "false" : "absent");
  if (!host_users)
    pod->sandbox.own_users = is_value(&users, "false");
  return 0;
}

static int hint_node(const struct hp_json *spec, enum hp_os os, struct hp_pod_spec *pod,
                     struct hp_error *err) {
  struct hp_json selector = hp_json_at(spec, "nodeSelector"),
                 chosen = hp_json_at(&selector, "kubernetes.io/os");
  if (hp_json_object(selector, err) != 0)
    return -1;
  const char *want = os == HP_OS_WINDOWS ? "windows" : "linux", *have = json_string_value(chosen.value);
  if (have && strcmp(have, want) != 0)
    hp_strings_take(
        &pod->warnings,
        hp_printf("spec.nodeSelector has kubernetes.io/os: %.64s, but the pod is for %s", have, want));
  else if (!have && !hp_json_at(spec, "nodeName").value && !hp_json_at(spec, "affinity").value)
    hp_strings_take(&pod->warnings, hp_printf("nothing keeps the pod to nodes of its system: set "
                                              "spec.nodeSelector to kubernetes.io/os: %s",
                                              want));
  return 0;
}

/* ---- its containers ------------------------------------------------------------ */

static const struct {
  const char *key;
  enum hp_pod_container_kind kind;
} lists[] = {{"initContainers", HP_CONTAINER_INIT},
             {"containers", HP_CONTAINER_NORMAL},
             {"ephemeralContainers", HP_CONTAINER_EPHEMERAL}};
#define LISTS (sizeof lists / sizeof lists[0])

static int count_containers(const struct hp_json *spec, struct hp_pods *pods, size_t *count,
                            struct hp_error *err) {
  *count = 0;
  for (size_t i = 0; i < LISTS; i++) {
    struct hp_json list = hp_json_at(spec, lists[i].key);
    if (hp_json_array(list, err) != 0)
      return -1;
    *count += hp_json_count(&list);
  }
  pods->containers += *count;
  if (pods->containers <= HP_PODS_CONTAINERS_MAX)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT, "more than %u containers are in one file: split it",
                      HP_PODS_CONTAINERS_MAX);
}

static int read_containers(const struct hp_json *spec, const struct hp_pod_facts *facts,
                           const struct hp_yaml *yaml, struct hp_pods *pods, struct hp_pod_spec *pod,
                           struct hp_error *err) {
  size_t count;
  if (count_containers(spec, pods, &count, err) != 0)
    return -1;
  struct hp_json list = hp_json_at(spec, "containers");
  if (hp_json_count(&list) == 0)
    return hp_json_refuse(&list, err, "a list of at least one container");
  pod->containers = hp_alloc(count * sizeof *pod->containers);
  for (size_t i = 0; i < LISTS; i++) {
    list = hp_json_at(spec, lists[i].key);
    for (size_t k = 0; k < hp_json_count(&list); k++) {
      struct hp_json at = hp_json_element(&list, k);
      struct hp_pod_container *container = &pod->containers[pod->container_count++];
      container->kind = lists[i].kind;
      container->line = yaml ? hp_yaml_line(yaml, at.value) : 0;
      if (hp_pod_container_read(&at, facts, container, err) != 0)
        return -1;
    }
  }
  return 0;
}

/* kubelet asks for a HostProcess sandbox if any of the pod's containers is one. */
static void settle_kind(enum hp_os os, enum hp_tristate host_process, struct hp_pod_spec *pod) {
  pod->sandbox.source = HP_SOURCE_MANIFEST;
  if (os == HP_OS_LINUX) {
    pod->sandbox.source = HP_SOURCE_OCI; /* the annotation speaks */
    for (size_t i = 0; i < pod->container_count; i++) {
      pod->containers[i].spec.hostprocess = pod->sandbox.hostprocess;
      pod->containers[i].spec.source = HP_SOURCE_OCI;
    }
    return;
  }
  pod->sandbox.hostprocess = host_process == HP_TRUE ? HP_TRUE : HP_FALSE;
  for (size_t i = 0; i < pod->container_count && host_process == HP_UNSET; i++)
    if (pod->containers[i].spec.hostprocess == HP_TRUE)
      pod->sandbox.hostprocess = HP_TRUE;
}

/* Each mount looks for its own among them. */
static int check_volumes(const struct hp_json *volumes, struct hp_error *err) {
  return hp_json_count(volumes) <= HP_PODS_VOLUMES_MAX
             ? 0
             : hp_json_refuse(volumes, err, "a list of at most 1024");
}

int hp_pod_read(enum hp_os os, const struct hp_json *template, const struct hp_yaml *yaml,
                struct hp_pods *pods, struct hp_pod_spec *pod, struct hp_error *err) {
  struct hp_json metadata = hp_json_at(template, "metadata"), spec = hp_json_at(template, "spec"),
                 context = hp_json_at(&spec, "securityContext");
  struct hp_security security = {0};
  struct hp_pod_facts facts = {.os = os,
                               .volumes = hp_json_at(&spec, "volumes"),
                               .security = &security,
                               .token = true,
                               .expanded = &pods->expanded};
  if (!json_is_object(spec.value))
    return hp_json_refuse(&spec, err, "an object");
  hp_warn_misspelt(&spec, names, sizeof names / sizeof names[0], &pod->warnings);
  if (read_annotations(&metadata, pod, err) != 0 || read_host(&spec, pod, err) != 0 ||
      hp_json_array(facts.volumes, err) != 0 ||
      hp_json_bool(hp_json_at(&spec, "automountServiceAccountToken"), &facts.token, err) != 0 ||
      check_volumes(&facts.volumes, err) != 0 ||
      hp_security_read(&context, true, &security, &pod->warnings, err) != 0 ||
      read_containers(&spec, &facts, yaml, pods, pod, err) != 0)
    return -1;
  pod->sandbox.has_windows = os == HP_OS_WINDOWS;
  pod->sandbox.run_as_non_root = security.run_as_non_root == HP_TRUE;
  settle_kind(os, security.host_process, pod);
  return hint_node(&spec, os, pod, err);
}
