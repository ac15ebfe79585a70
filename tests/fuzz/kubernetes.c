/* Manifests: YAML as far as the judge, for both systems. */
#include <stdint.h>
#include <stdlib.h>

#include "spec/kubernetes.h"
#include "spec/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(enum hp_os os, struct hp_container_spec *sandbox, struct hp_container_spec *spec) {
  struct hp_policy policy;
  struct hp_verdict verdict;
  struct hp_refusals refusals;
  hp_policy_init(&policy);
  if (hp_rules_judge_all(os, &policy, sandbox, spec, &verdict, &refusals) == 0)
    hp_verdict_clear(&verdict);
  else if (refusals.messages.count == 0)
    abort();
  hp_refusals_clear(&refusals);
  hp_policy_clear(&policy);
}

static void read_pods(enum hp_os os, const struct hp_yaml *yaml) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_pods pods = {0};
  for (size_t i = 0; i < json_array_size(yaml->documents); i++)
    if (hp_pods_read(os, json_array_get(yaml->documents, i), yaml, &pods, &err) == 0) {
      if (err.message)
        abort();
    } else if (!err.message) {
      abort();
    } else {
      hp_error_clear(&err);
      hp_pods_clear(&pods);
    }
  for (size_t i = 0; i < pods.count; i++) {
    judge(os, NULL, &pods.items[i].sandbox);
    for (size_t k = 0; k < pods.items[i].container_count; k++)
      judge(os, &pods.items[i].sandbox, &pods.items[i].containers[k].spec);
  }
  hp_pods_clear(&pods);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_yaml yaml;
  if (hp_yaml_load("f", (const char *)data, size, &yaml, &err) == 0) {
    read_pods(HP_OS_WINDOWS, &yaml);
    read_pods(HP_OS_LINUX, &yaml);
    hp_yaml_clear(&yaml);
  }
  hp_error_clear(&err);
  return 0;
}
