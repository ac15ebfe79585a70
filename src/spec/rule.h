/* One rule: a row of the table in rules.c. What it refuses, it refuses alone, so
 * that a rule can be read, tested and taken out by itself. For the rules_*.c
 * files of this room alone. */
#ifndef HP_SPEC_RULE_H
#define HP_SPEC_RULE_H

#include "spec/rules.h"

enum { /* to whom a rule applies */
       HP_RULE_OF_SANDBOX = 1,
       HP_RULE_OF_CONTAINER = 2,
       HP_RULE_OF_UPDATE = 4, /* new limits for a container that runs: .spec and .account are NULL */
       HP_RULE_OF_BOTH = HP_RULE_OF_SANDBOX | HP_RULE_OF_CONTAINER,
       HP_RULE_OF_LIMITS = HP_RULE_OF_CONTAINER | HP_RULE_OF_UPDATE,
};

enum { /* where */
       HP_RULE_ON_LINUX = 1,
       HP_RULE_ON_WINDOWS = 2,
       HP_RULE_ON_BOTH = HP_RULE_ON_LINUX | HP_RULE_ON_WINDOWS,
};

struct hp_rule_subject {
  enum hp_os os;
  const struct hp_policy *policy;
  const struct hp_container_spec *sandbox; /* of a member; else NULL */
  const struct hp_container_spec *spec;
  const struct hp_limits *limits; /* spec's, or Update's */
  struct hp_account *account;     /* what the rule "runAsUserName" makes of the name */
};

/* 0, or -1 with the refusal: InvalidArgument or FailedPrecondition. */
typedef int (*hp_rule_judge)(const struct hp_rule_subject *subject, struct hp_error *err);

/* rules_kind.c: what it is, and whose network and users it has */
int hp_rule_one_kind(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_host_process(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_network_namespace(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_endpoint_list(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_user_namespace(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_new_network(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_id_mappings(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_own_network(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_own_users(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_pod_os(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_run_as_non_root(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_hyperv(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_credential_spec(const struct hp_rule_subject *subject, struct hp_error *err);

/* rules_process.c: the program and its account */
int hp_rule_process(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_program(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_run_as_user_name(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_policy_inherit(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_policy_accounts(const struct hp_rule_subject *subject, struct hp_error *err);

/* rules_files.c: places and mounts */
int hp_rule_rootfs_location(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_policy_location(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_cgroups_path(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_destination(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_source(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_pipe(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_socket(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_path(const struct hp_rule_subject *subject, struct hp_error *err);
/* What that which was read calls the list, and mounts[i].destination (owned). */
const char *hp_rule_mounts(const struct hp_rule_subject *subject);
char *hp_rule_destination(const struct hp_rule_subject *subject, size_t i);

/* rules_places.c: where in the container */
int hp_rule_mount_count(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_depth(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_place(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_root(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_volume(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_twice(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_mount_nested(const struct hp_rule_subject *subject, struct hp_error *err);

/* rules_limits.c */
int hp_rule_policy_memory(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_policy_cpu(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_policy_storage(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_memory_swap(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_linux_cpu_shares(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_linux_cpu_quota(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_linux_cpu_period(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_linux_block_weight(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_linux_cpus(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_linux_mems(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_windows_one_cpu_limit(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_windows_cpu_maximum(const struct hp_rule_subject *subject, struct hp_error *err);
int hp_rule_windows_cpu_shares(const struct hp_rule_subject *subject, struct hp_error *err);

/* The annotation's, else the policy's. (rules.c) */
enum hp_mount_behavior hp_rule_behavior(const struct hp_rule_subject *subject);

/* One that exists already. Whether it is the host's own only the host can say
 * (host_check_network). (rules_kind.c) */
bool hp_rule_names_network(const struct hp_namespace *entry);

#endif
