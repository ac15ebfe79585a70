/* The rules for what a container is, and whose network, users and isolation it has. */
#include <string.h>

#include "spec/rule.h"

static const char *annotation_text(enum hp_tristate value) {
  return value == HP_TRUE ? "true" : value == HP_FALSE ? "false" : "absent";
}

static bool is_hostprocess(const struct hp_policy *policy, enum hp_tristate annotation) {
  return annotation == HP_TRUE || (annotation == HP_UNSET && policy->assume);
}

/* Then a network of its own is but a tool's default, and ignored like all that has no meaning here. */
static bool is_assumed(const struct hp_rule_subject *subject) {
  return subject->policy->assume && subject->spec->hostprocess == HP_UNSET;
}

int hp_rule_one_kind(const struct hp_rule_subject *subject, struct hp_error *err) {
  const struct hp_container_spec *sandbox = subject->sandbox, *spec = subject->spec;
  if (!sandbox || is_hostprocess(subject->policy, sandbox->hostprocess) ==
                      is_hostprocess(subject->policy, spec->hostprocess))
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "annotation " HP_ANNOTATION_HOSTPROCESS " is %s on the container and %s on its pod's "
                      "sandbox: set hostProcess alike for the pod and for each of its containers (on Linux "
                      "list microsoft.com/* in the runtime's pod_annotations and container_annotations)",
                      annotation_text(spec->hostprocess), annotation_text(sandbox->hostprocess));
}

int hp_rule_host_process(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (subject->spec->hostprocess == HP_FALSE)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "annotation " HP_ANNOTATION_HOSTPROCESS " is false: this shim runs HostProcess "
                        "containers only, set hostProcess to true or choose another runtime class");
  if (!is_hostprocess(subject->policy, subject->spec->hostprocess))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "annotation " HP_ANNOTATION_HOSTPROCESS " is absent: this shim runs HostProcess "
                        "containers only, set hostProcess to true (on Linux list microsoft.com/* in the "
                        "runtime's pod_annotations and container_annotations) or have the node policy say "
                        "\"hostProcess\": \"assume\"");
  return 0;
}

int hp_rule_network_namespace(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (!subject->spec->has_network_namespace)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "windows.network.networkNamespace is set: a HostProcess container uses the host's "
                      "network, set hostNetwork: true in the pod");
}

int hp_rule_endpoint_list(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (!subject->spec->has_endpoints)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "windows.network.endpointList is not empty: a HostProcess container uses the host's "
                      "network, set hostNetwork: true in the pod");
}

int hp_rule_user_namespace(const struct hp_rule_subject *subject, struct hp_error *err) {
  for (size_t i = 0; i < subject->spec->namespace_count; i++)
    if (strcmp(subject->spec->namespaces[i].type, "user") == 0)
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "linux.namespaces[%zu] asks for a user namespace: a HostProcess container has the "
                          "host's users, set hostUsers to true or leave it out",
                          i);
  return 0;
}

bool hp_rule_names_network(const struct hp_namespace *entry) {
  return strcmp(entry->type, "network") == 0 && entry->path && *entry->path;
}

int hp_rule_new_network(const struct hp_rule_subject *subject, struct hp_error *err) {
  const struct hp_container_spec *spec = subject->spec;
  if (is_assumed(subject))
    return 0;
  for (size_t i = 0; i < spec->namespace_count; i++)
    if (strcmp(spec->namespaces[i].type, "network") == 0 && !hp_rule_names_network(&spec->namespaces[i]))
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "linux.namespaces[%zu] asks for a new network namespace: a HostProcess container "
                          "uses the host's network, set hostNetwork: true in the pod",
                          i);
  return 0;
}

int hp_rule_id_mappings(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (!subject->spec->uid_mappings)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "linux.uidMappings or linux.gidMappings is not empty: a HostProcess container has the "
                      "host's users, set hostUsers to true or leave the mappings out");
}

/* As the CRI has it, where a pod has namespaces and its containers share them. */
int hp_rule_own_network(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (!subject->spec->own_network || is_assumed(subject))
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "%s: a HostProcess container uses the host's network, set hostNetwork: true in the pod",
                      subject->spec->own_network);
}

int hp_rule_own_users(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (!subject->spec->own_users)
    return 0;
  return hp_error_set(
      err, HP_INVALID_ARGUMENT,
      "%s: a HostProcess container has the host's users, set hostUsers to true or leave it out",
      subject->spec->own_users);
}

int hp_rule_hyperv(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (!subject->spec->hyperv)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "windows.hyperv is present: a HostProcess container cannot be isolated by Hyper-V, "
                      "choose a runtime without it");
}

int hp_rule_credential_spec(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (!subject->spec->credential_spec)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "windows.credentialSpec is present: a HostProcess container takes none, name the group "
                      "managed service account as runAsUserName (DOMAIN\\account$) instead");
}
