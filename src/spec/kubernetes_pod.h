/* Private to this room. */
#ifndef HP_SPEC_KUBERNETES_POD_H
#define HP_SPEC_KUBERNETES_POD_H

#include "spec/kubernetes.h"

/* template: an object with a pod's metadata and spec. Fills pod but for kind,
 * names and line. */
int hp_pod_read(enum hp_os os, const struct hp_json *template, const struct hp_yaml *yaml,
                struct hp_pods *pods, struct hp_pod_spec *pod, struct hp_error *err);

#endif
