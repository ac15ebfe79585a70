/* config.json, an Exec's process and Update's resources, and all that the rules
 * and the command look-up make of them. */
#include <stdint.h>
#include <stdlib.h>

#include "spec/command.h"
#include "spec/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(enum hp_os os, bool assume, const char *text, size_t length) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_container_spec spec;
  struct hp_verdict verdict;
  struct hp_policy policy;
  struct hp_strings environment = {0}, candidates = {0};
  hp_policy_init(&policy);
  policy.assume = assume;
  if (hp_spec_parse(text, length, NULL, &spec, &err) == 0) {
    if (hp_rules_judge(os, &policy, NULL, &spec, &verdict, &err) == 0) {
      hp_command_environment(&spec.process.env, "/hpc", &environment);
      if (spec.process.args.count > 0)
        hp_command_candidates(spec.process.args.items[0], spec.process.cwd ? spec.process.cwd : "/",
                              &environment, "/hpc", &candidates);
      hp_verdict_clear(&verdict);
    } else if (!err.message) {
      abort();
    }
    hp_spec_clear(&spec);
  } else if (!err.message) {
    abort();
  }
  hp_strings_clear(&candidates);
  hp_strings_clear(&environment);
  hp_policy_clear(&policy);
  hp_error_clear(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  judge(HP_OS_LINUX, true, text, size);
  judge(HP_OS_WINDOWS, false, text, size);

  struct hp_error err = HP_ERROR_INIT;
  struct hp_process_spec process;
  if (hp_process_spec_parse(text, size, &process, &err) == 0)
    hp_process_spec_clear(&process);
  for (enum hp_os os = HP_OS_LINUX; os <= HP_OS_WINDOWS; os++) {
    struct hp_limits limits, merged = {0};
    if (hp_limits_parse(os, text, size, &limits, &err) != 0)
      continue;
    hp_limits_merge(&merged, &limits);
    hp_limits_clear(&merged);
    hp_limits_clear(&limits);
  }
  hp_error_clear(&err);
  return 0;
}
