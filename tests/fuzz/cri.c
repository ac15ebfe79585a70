/* A CRI PodSandboxConfig in both of its forms: what protobuf says, the JSON made
 * of it must say in the same words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/v1/api.pb-c.h"
#include "spec/cri_read.h"
#include "spec/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the specification. */
static void judge(struct hp_container_spec *spec, struct hp_error *err) {
  struct hp_policy policy;
  struct hp_verdict verdict;
  hp_policy_init(&policy);
  if (hp_rules_judge(hp_os_here(), &policy, NULL, spec, &verdict, err) == 0)
    hp_verdict_clear(&verdict);
  else if (!err->message)
    abort();
  hp_policy_clear(&policy);
  hp_spec_clear(spec);
}

static void parse(const char *text, size_t length, struct hp_error *err) {
  struct hp_container_spec spec;
  if (hp_cri_pod_parse(text, length, NULL, &spec, err) == 0)
    judge(&spec, err);
  else if (!err->message)
    abort();
}

static void unpack(const uint8_t *data, size_t length, struct hp_error *err) {
  struct hp_container_spec spec;
  if (hp_cri_pod_unpack(data, length, &spec, err) == 0)
    judge(&spec, err);
  else if (!err->message)
    abort();
}

static const char *text_of(const struct hp_error *err) {
  return err->message ? err->message : "accepted";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hp_error err = HP_ERROR_INIT, again = HP_ERROR_INIT;
  parse((const char *)data, size, &err);
  hp_error_clear(&err);

  unpack(data, size, &err);
  struct hp_error ignored = HP_ERROR_INIT;
  json_t *tree = hp_cri_tree(&runtime__v1__pod_sandbox_config__descriptor, data, size, &ignored);
  if (tree) {
    char *text = json_dumps(tree, JSON_COMPACT);
    parse(text, strlen(text), &again);
    if (strcmp(text_of(&err), text_of(&again)) != 0)
      abort();
    free(text);
  }
  json_decref(tree);
  tree = hp_cri_tree(&runtime__v1__container_config__descriptor, data, size, &ignored);
  json_decref(tree);
  hp_error_clear(&ignored);
  hp_error_clear(&again);
  hp_error_clear(&err);
  return 0;
}
