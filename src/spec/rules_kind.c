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

/* The field that says hostProcess where it is not the annotation; NULL: it is. */
static const char *host_process_field(const struct hp_container_spec *spec) {
  static const char *const fields[] = {NULL, "windows.security_context.host_process",
                                       "securityContext.windowsOptions.hostProcess"};
  return spec->has_windows && spec->hostprocess != HP_UNSET ? fields[spec->source] : NULL;
}

int hp_rule_one_kind(const struct hp_rule_subject *subject, struct hp_error *err) {
  const struct hp_container_spec *sandbox = subject->sandbox, *spec = subject->spec;
  if (!sandbox || is_hostprocess(subject->policy, sandbox->hostprocess) ==
                      is_hostprocess(subject->policy, spec->hostprocess))
    return 0;
  if (host_process_field(spec))
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "%s is %s for the container and %s for its pod: set it alike for the pod and for each "
        "of its containers, init and ephemeral ones too",
        host_process_field(spec), spec->hostprocess == HP_TRUE ? "true" : "not true",
        sandbox->hostprocess == HP_TRUE ? "true" : "not true");
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "annotation " HP_ANNOTATION_HOSTPROCESS " is %s on the container and %s on its pod's "
                      "sandbox: set hostProcess alike for the pod and for each of its containers (on Linux "
                      "list microsoft.com/* in the runtime's pod_annotations and container_annotations)",
                      annotation_text(spec->hostprocess), annotation_text(sandbox->hostprocess));
}

int hp_rule_host_process(const struct hp_rule_subject *subject, struct hp_error *err) {
  const char *field = host_process_field(subject->spec);
  if (field && subject->spec->hostprocess != HP_TRUE)
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "%s is not true: this shim runs HostProcess containers only, set it to true or choose "
        "another runtime class",
        field);
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

int hp_rule_pod_os(const struct hp_rule_subject *subject, struct hp_error *err) {
  const char *name = subject->spec->os_name, *want = subject->os == HP_OS_WINDOWS ? "windows" : "linux";
  if (!name || strcmp(name, want) == 0)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "spec.os.name is \"%.64s\": the pod is judged for %s, set it to %s or leave it out",
                      name, want, want);
}

int hp_rule_run_as_non_root(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (!subject->spec->run_as_non_root)
    return 0;
  return hp_error_set(
      err, HP_INVALID_ARGUMENT,
      "securityContext.runAsNonRoot is true: a HostProcess container runs as the account that "
      "it names, set it to false or leave it out");
}

int hp_rule_hyperv(const struct hp_rule_subject *subject, struct hp_error *err) {
  if (!subject->spec->hyperv)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "windows.hyperv is present: a HostProcess container cannot be isolated by Hyper-V, "
                      "choose a runtime without it");
}

int hp_rule_credential_spec(const struct hp_rule_subject *subject, struct hp_error *err) {
  static const char *const fields[] = {"windows.credentialSpec", "windows.security_context.credential_spec",
                                       "securityContext.windowsOptions.gmsaCredentialSpec"};
  if (!subject->spec->credential_spec)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "%s is present: a HostProcess container takes none, name the group managed service "
                      "account as runAsUserName (DOMAIN\\account$) instead",
                      fields[subject->spec->source]);
}
