/* The table of rules, and the one driver that walks it. */
#include "spec/rules.h"

#include <stdlib.h>
#include <string.h>

#include "spec/rule.h"

#define SANDBOX HP_RULE_OF_SANDBOX
#define CONTAINER HP_RULE_OF_CONTAINER
#define BOTH HP_RULE_OF_BOTH
#define LIMITS HP_RULE_OF_LIMITS
#define LINUX HP_RULE_ON_LINUX
#define WINDOWS HP_RULE_ON_WINDOWS
#define ANY HP_RULE_ON_BOTH

struct rule {
  const char *name;
  unsigned of, on;
  hp_rule_judge judge;
};

/* One row, one rule; the first that refuses is what Create answers. */
static const struct rule rules[] = {
    {"oneKindPerPod", BOTH, ANY, hp_rule_one_kind},
    {"hostProcess", BOTH, ANY, hp_rule_host_process},
    {"networkNamespace", BOTH, ANY, hp_rule_network_namespace},
    {"endpointList", BOTH, ANY, hp_rule_endpoint_list},
    {"userNamespace", BOTH, ANY, hp_rule_user_namespace},
    {"newNetwork", BOTH, ANY, hp_rule_new_network},
    {"idMappings", BOTH, ANY, hp_rule_id_mappings},
    {"ownNetwork", BOTH, ANY, hp_rule_own_network},
    {"ownUsers", BOTH, ANY, hp_rule_own_users},
    {"podOs", SANDBOX, ANY, hp_rule_pod_os},
    {"runAsNonRoot", BOTH, ANY, hp_rule_run_as_non_root},
    {"hyperv", CONTAINER, ANY, hp_rule_hyperv},
    {"credentialSpec", CONTAINER, ANY, hp_rule_credential_spec},
    {"process", CONTAINER, ANY, hp_rule_process},
    {"program", CONTAINER, ANY, hp_rule_program},
    {"runAsUserName", CONTAINER, ANY, hp_rule_run_as_user_name},
    {"policyInherit", CONTAINER, ANY, hp_rule_policy_inherit},
    {"policyAccounts", CONTAINER, ANY, hp_rule_policy_accounts},
    {"rootfsLocation", CONTAINER, ANY, hp_rule_rootfs_location},
    {"policyLocation", CONTAINER, ANY, hp_rule_policy_location},
    {"cgroupsPath", CONTAINER, ANY, hp_rule_cgroups_path},
    {"mountDestination", CONTAINER, ANY, hp_rule_mount_destination},
    {"mountSource", CONTAINER, ANY, hp_rule_mount_source},
    {"mountPipe", CONTAINER, ANY, hp_rule_mount_pipe},
    {"mountSocket", CONTAINER, ANY, hp_rule_mount_socket},
    {"mountPath", CONTAINER, LINUX, hp_rule_mount_path},
    {"mountCount", CONTAINER, ANY, hp_rule_mount_count},
    {"mountDepth", CONTAINER, ANY, hp_rule_mount_depth},
    {"mountPlace", CONTAINER, WINDOWS, hp_rule_mount_place},
    {"mountRoot", CONTAINER, ANY, hp_rule_mount_root},
    {"mountVolume", CONTAINER, ANY, hp_rule_mount_volume},
    {"mountTwice", CONTAINER, WINDOWS, hp_rule_mount_twice},
    {"mountNested", CONTAINER, WINDOWS, hp_rule_mount_nested},
    {"policyMemory", LIMITS, ANY, hp_rule_policy_memory},
    {"policyCpu", LIMITS, ANY, hp_rule_policy_cpu},
    {"policyStorage", LIMITS, ANY, hp_rule_policy_storage},
    {"memorySwap", LIMITS, LINUX, hp_rule_memory_swap},
    {"cpuShares", LIMITS, LINUX, hp_rule_linux_cpu_shares},
    {"cpuQuota", LIMITS, LINUX, hp_rule_linux_cpu_quota},
    {"cpuPeriod", LIMITS, LINUX, hp_rule_linux_cpu_period},
    {"blockWeight", LIMITS, LINUX, hp_rule_linux_block_weight},
    {"cpusetCpus", LIMITS, LINUX, hp_rule_linux_cpus},
    {"cpusetMems", LIMITS, LINUX, hp_rule_linux_mems},
    {"oneCpuLimit", LIMITS, WINDOWS, hp_rule_windows_one_cpu_limit},
    {"windowsCpuMaximum", LIMITS, WINDOWS, hp_rule_windows_cpu_maximum},
    {"windowsCpuShares", LIMITS, WINDOWS, hp_rule_windows_cpu_shares},
};
#define RULES (sizeof rules / sizeof rules[0])

/* ---- warnings -------------------------------------------------------------------- */

static void append(char **list, const char *item) {
  char *longer = *list ? hp_printf("%s, %s", *list, item) : hp_strdup(item);
  free(*list);
  *list = longer;
}

/* One sentence names everything. */
static void warn_ignored(const struct hp_container_spec *spec, struct hp_strings *warnings) {
  char *list = NULL;
  for (size_t i = 0; i < spec->namespace_count; i++) {
    char *item = hp_printf("linux.namespaces[%zu] (%s)", i, spec->namespaces[i].type);
    if (spec->hostprocess != HP_TRUE ||
        !hp_rule_names_network(&spec->namespaces[i])) /* else it is the host's own */
      append(&list, item);
    free(item);
  }
  for (size_t i = 0; i < spec->ignored.count; i++)
    append(&list, spec->ignored.items[i]);
  if (list)
    hp_strings_take(warnings,
                    hp_printf("ignored, for it has no meaning for a process of the host: %s", list));
  free(list);
}

/* ---- the judge --------------------------------------------------------------------- */

static void hand_on(const struct hp_container_spec *sandbox, struct hp_container_spec *spec) {
  if (spec->inherit_user == HP_UNSET)
    spec->inherit_user = sandbox->inherit_user;
  if (spec->mount_behavior == HP_MOUNT_UNSET)
    spec->mount_behavior = sandbox->mount_behavior;
  if (!spec->rootfs_location)
    spec->rootfs_location = hp_strdup(sandbox->rootfs_location);
}

enum hp_mount_behavior hp_rule_behavior(const struct hp_rule_subject *subject) {
  return subject->spec->mount_behavior != HP_MOUNT_UNSET ? subject->spec->mount_behavior
                                                         : subject->policy->mount_behavior;
}

/* Index of the first rule from `at` on that refuses, or RULES. */
static size_t first_refusal(size_t at, unsigned of, const struct hp_rule_subject *subject,
                            struct hp_error *err) {
  unsigned on = subject->os == HP_OS_WINDOWS ? HP_RULE_ON_WINDOWS : HP_RULE_ON_LINUX;
  for (; at < RULES; at++)
    if ((rules[at].of & of) && (rules[at].on & on) && rules[at].judge(subject, err) != 0)
      break;
  return at;
}

/* refusals NULL: the first is enough. */
static int judge(enum hp_os os, const struct hp_policy *policy, const struct hp_container_spec *sandbox,
                 struct hp_container_spec *spec, struct hp_verdict *verdict, struct hp_refusals *refusals,
                 struct hp_error *err) {
  *verdict = (struct hp_verdict){0};
  bool is_sandbox = spec->role == HP_ROLE_SANDBOX;
  if (sandbox && !is_sandbox)
    hand_on(sandbox, spec);
  const struct hp_rule_subject subject = {os, policy, sandbox, spec, &spec->limits, &verdict->account};
  unsigned of = is_sandbox ? HP_RULE_OF_SANDBOX : HP_RULE_OF_CONTAINER;
  struct hp_error next = HP_ERROR_INIT;
  size_t at = first_refusal(0, of, &subject, err);
  bool accepted = at == RULES;
  for (; refusals && at < RULES; at = first_refusal(at + 1, of, &subject, &next)) {
    hp_strings_add(&refusals->rules, rules[at].name);
    hp_strings_add(&refusals->messages, next.message ? next.message : err->message);
  }
  hp_error_clear(&next);
  if (!accepted) {
    hp_verdict_clear(verdict);
    return -1;
  }
  if (is_sandbox) { /* nothing of it is started, so nothing else of it matters */
    verdict->account.kind = HP_ACCOUNT_INHERIT;
    if (spec->own_network)
      hp_strings_take(&verdict->warnings,
                      hp_printf("ignored, for the node policy assumes hostProcess: %s", spec->own_network));
    return 0;
  }
  verdict->behavior = hp_rule_behavior(&subject);
  warn_ignored(spec, &verdict->warnings);
  return 0;
}

int hp_rules_judge(enum hp_os os, const struct hp_policy *policy, const struct hp_container_spec *sandbox,
                   struct hp_container_spec *spec, struct hp_verdict *verdict, struct hp_error *err) {
  return judge(os, policy, sandbox, spec, verdict, NULL, err);
}

int hp_rules_judge_all(enum hp_os os, const struct hp_policy *policy, const struct hp_container_spec *sandbox,
                       struct hp_container_spec *spec, struct hp_verdict *verdict,
                       struct hp_refusals *refusals) {
  struct hp_error err = HP_ERROR_INIT;
  *refusals = (struct hp_refusals){0};
  int result = judge(os, policy, sandbox, spec, verdict, refusals, &err);
  hp_error_clear(&err);
  return result;
}

int hp_rules_judge_limits(enum hp_os os, const struct hp_policy *policy, const struct hp_limits *limits,
                          struct hp_error *err) {
  const struct hp_rule_subject subject = {.os = os, .policy = policy, .limits = limits};
  return first_refusal(0, HP_RULE_OF_UPDATE, &subject, err) == RULES ? 0 : -1;
}

void hp_refusals_clear(struct hp_refusals *refusals) {
  hp_strings_clear(&refusals->rules);
  hp_strings_clear(&refusals->messages);
}

void hp_verdict_clear(struct hp_verdict *verdict) {
  hp_account_clear(&verdict->account);
  hp_strings_clear(&verdict->warnings);
  *verdict = (struct hp_verdict){0};
}
