/* The node policy, and each of its accounts as a container's user. */
#include <stdint.h>
#include <stdlib.h>

#include "spec/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge_as(const struct hp_policy *policy, const char *username) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_container_spec spec = {.hostprocess = HP_TRUE, .has_process = true};
  struct hp_verdict verdict;
  spec.process.username = hp_strdup(username);
  hp_strings_add(&spec.process.args, "sh");
  if (hp_rules_judge(HP_OS_WINDOWS, policy, NULL, &spec, &verdict, &err) == 0)
    hp_verdict_clear(&verdict);
  hp_spec_clear(&spec);
  hp_error_clear(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_policy policy;
  if (hp_policy_parse("/p.json", (const char *)data, size, &policy, &err) == 0) {
    for (size_t i = 0; i < policy.accounts.count && i < 8; i++)
      judge_as(&policy, policy.accounts.items[i]);
    hp_policy_clear(&policy);
  } else if (!err.message) {
    abort();
  }
  hp_error_clear(&err);
  return 0;
}
