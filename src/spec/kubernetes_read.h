/* What the readers of manifests share; private to this room. */
#ifndef HP_SPEC_KUBERNETES_READ_H
#define HP_SPEC_KUBERNETES_READ_H

#include "spec/kubernetes.h"

/* Of the pod, or of a container, whose fields win. */
struct hp_security {
  enum hp_tristate host_process, run_as_non_root;
  const char *user_name; /* borrowed from the document */
  bool credentials;
  struct hp_number uid, gid, fs_group; /* Linux */
  struct hp_json groups;               /* Linux: supplementalGroups */
};

/* securityContext laid over *security. (kubernetes_security.c) */
int hp_security_read(const struct hp_json *context, bool of_pod, struct hp_security *security,
                     struct hp_strings *warnings, struct hp_error *err);
int hp_security_apply(enum hp_os os, const struct hp_security *security, struct hp_container_spec *spec,
                      struct hp_error *err);

/* What a container takes from its pod. */
struct hp_pod_facts {
  enum hp_os os;
  struct hp_json volumes; /* spec.volumes; may be absent */
  const struct hp_security *security;
  bool token;       /* the service account's token is mounted */
  size_t *expanded; /* bytes that $(NAME) made of the file so far */
};

/* (kubernetes_container.c) */
int hp_pod_container_read(const struct hp_json *at, const struct hp_pod_facts *facts,
                          struct hp_pod_container *out, struct hp_error *err);
/* volumeMounts. (kubernetes_volume.c) */
int hp_pod_mounts_read(const struct hp_json *container, const struct hp_pod_facts *facts,
                       struct hp_pod_container *out, struct hp_error *err);
/* resources.limits. (kubernetes_limits.c) */
int hp_pod_limits_read(const struct hp_json *resources, enum hp_os os, struct hp_pod_container *out,
                       struct hp_error *err);
/* command, args and env, with $(NAME) replaced as kubelet does. (kubernetes_command.c) */
int hp_pod_command_read(const struct hp_json *container, size_t *expanded, struct hp_pod_container *out,
                        struct hp_error *err);

/* A warning for each member of object that is one of names but for its spelling.
 * (kubernetes_misspelt.c) */
void hp_warn_misspelt(const struct hp_json *object, const char *const *names, size_t count,
                      struct hp_strings *warnings);

#endif
