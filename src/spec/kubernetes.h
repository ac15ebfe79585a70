/* Manifests as Kubernetes has them (Pod, Deployment, DaemonSet, StatefulSet,
 * ReplicaSet, Job, CronJob, lists of them) → what kubelet and containerd would
 * ask of the shim: a sandbox and its containers, in the structure that Create
 * judges. Pure. What only the node, the cluster or the image can say is listed
 * beside it. */
#ifndef HP_SPEC_KUBERNETES_H
#define HP_SPEC_KUBERNETES_H

#include "spec/json.h"
#include "spec/yaml.h"

#define HP_PODS_MAX 4096u /* in one file */
#define HP_PODS_CONTAINERS_MAX 4096u
#define HP_PODS_EXPANDED_MAX (4u << 20) /* bytes that $(NAME) makes of one file */
#define HP_PODS_VOLUMES_MAX 1024u       /* of a pod; and as many variables of a container */

enum hp_pod_container_kind { HP_CONTAINER_NORMAL, HP_CONTAINER_INIT, HP_CONTAINER_EPHEMERAL };

struct hp_pod_container {
  enum hp_pod_container_kind kind;
  char *name;                    /* may be NULL */
  size_t line;                   /* 0: not known */
  struct hp_container_spec spec; /* HP_ROLE_MEMBER */
  struct hp_strings volumes;     /* the type of volume behind each of spec.mounts: "hostPath", "emptyDir" …
                                  * Of any but hostPath the source is no path but says who makes it. */
  struct hp_number cpu_millis;   /* Windows: resources.limits.cpu; the node's CPU count decides what it is */
  struct hp_strings open, warnings; /* sentences */
};

struct hp_pod_spec {
  char *kind, *name, *namespace_name; /* name and namespace_name may be NULL */
  size_t line;
  struct hp_container_spec sandbox; /* HP_ROLE_SANDBOX */
  struct hp_pod_container *containers;
  size_t container_count;
  struct hp_strings open, warnings;
};

struct hp_pods {
  struct hp_pod_spec *items;
  size_t count, containers, expanded; /* expanded: bytes that $(NAME) made so far */
  struct hp_strings others;           /* documents without a pod, by their kind */
};

/* A document with "kind" and "apiVersion". */
bool hp_is_manifest(const json_t *document);
/* Appends the pods of one document; yaml (NULL: none) tells their lines.
 * Errors: InvalidArgument, naming the field ("spec.containers[0].env[1].name");
 * what was read so far stays, for hp_pods_clear. */
int hp_pods_read(enum hp_os os, json_t *document, const struct hp_yaml *yaml, struct hp_pods *pods,
                 struct hp_error *err);
void hp_pods_clear(struct hp_pods *pods);

/* Kubelet's translation of resources.limits.cpu into hundredths of a percent of
 * a Windows node with that many processors. */
int64_t hp_cpu_maximum(int64_t millis, unsigned processors);

#endif
