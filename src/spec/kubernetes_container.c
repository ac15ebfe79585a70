/* One of a pod's containers: init, normal or ephemeral. */
#include <stdlib.h>

#include "spec/kubernetes_read.h"

static const char *const names[] = {"securityContext", "volumeMounts", "workingDir", "command", "args", "env",
                                    "envFrom",         "resources"};

static int read_security(const struct hp_json *at, const struct hp_pod_facts *facts,
                         struct hp_pod_container *out, struct hp_error *err) {
  struct hp_json context = hp_json_at(at, "securityContext");
  struct hp_security security = *facts->security;
  if (hp_security_read(&context, false, &security, &out->warnings, err) != 0 ||
      hp_security_apply(facts->os, &security, &out->spec, err) != 0)
    return -1;
  if (facts->os == HP_OS_LINUX && !security.uid.set)
    hp_strings_add(&out->open,
                   "securityContext.runAsUser is absent: the user is the image's, here taken as 0");
  return 0;
}

int hp_pod_container_read(const struct hp_json *at, const struct hp_pod_facts *facts,
                          struct hp_pod_container *out, struct hp_error *err) {
  struct hp_json resources = hp_json_at(at, "resources");
  if (!json_is_object(at->value))
    return hp_json_refuse(at, err, "an object");
  out->spec.role = HP_ROLE_MEMBER;
  out->spec.source = HP_SOURCE_MANIFEST;
  out->spec.has_process = true;
  out->spec.has_windows = facts->os == HP_OS_WINDOWS;
  hp_warn_misspelt(at, names, sizeof names / sizeof names[0], &out->warnings);
  if (hp_json_string(hp_json_at(at, "name"), &out->name, err) != 0 ||
      hp_json_string(hp_json_at(at, "workingDir"), &out->spec.process.cwd, err) != 0 ||
      hp_json_bool(hp_json_at(at, "tty"), &out->spec.process.terminal, err) != 0 ||
      read_security(at, facts, out, err) != 0 || hp_pod_command_read(at, facts->expanded, out, err) != 0 ||
      hp_pod_mounts_read(at, facts, out, err) != 0)
    return -1;
  return hp_pod_limits_read(&resources, facts->os, out, err);
}
