#include "spec/allow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/location.h"
#include "spec/text.h"

#define CPU_PERIOD_DEFAULT 100000 /* µs, the kernel's */

static bool is_number_entry(const char *text) {
  const char *digits = text[0] == ':' ? text + 1 : text;
  size_t length = strspn(digits, "0123456789");
  return length > 0 && length <= 10 && digits[length] == 0;
}

int hp_allow_check(const char *text, struct hp_error *err) {
  if (is_number_entry(text))
    return 0;
  struct hp_account account;
  int result = hp_account_parse(hp_os_here(), text, &account, err);
  hp_account_clear(&account);
  return result;
}

static const char *local_domain(const char *domain) {
  return hp_text_same(domain, "BUILTIN") ? "." : domain;
}

static bool same_account(const struct hp_account *entry, const struct hp_account *account) {
  if (entry->kind != account->kind)
    return false;
  if (entry->kind != HP_ACCOUNT_NAMED)
    return true;
  if (!hp_text_same(entry->name, account->name))
    return false;
  const char *wanted = account->domain ? local_domain(account->domain) : NULL;
  if (!entry->domain)
    return !wanted || strcmp(wanted, ".") == 0;
  return wanted && hp_text_same(local_domain(entry->domain), wanted);
}

static bool lists_account(const struct hp_policy *policy, const struct hp_account *account) {
  bool found = false;
  for (size_t i = 0; i < policy->accounts.count && !found; i++) {
    struct hp_account entry;
    struct hp_error ignored = HP_ERROR_INIT;
    if (!is_number_entry(policy->accounts.items[i]) &&
        hp_account_parse(hp_os_here(), policy->accounts.items[i], &entry, &ignored) == 0) {
      found = same_account(&entry, account);
      hp_account_clear(&entry);
    }
    hp_error_clear(&ignored);
  }
  return found;
}

static bool lists_kind(const struct hp_policy *policy, enum hp_account_kind kind) {
  return lists_account(policy, &(struct hp_account){.kind = kind});
}

static int refuse(const struct hp_policy *policy, const char *what, const char *entry, struct hp_error *err) {
  char *rule = hp_policy_cite(policy, HP_POLICY_ACCOUNTS);
  hp_error_set(err, HP_INVALID_ARGUMENT,
               "%s is not allowed by %s: use an account listed there, or have \"%s\" added", what, rule,
               entry);
  free(rule);
  return -1;
}

static int allow_group(const struct hp_policy *policy, const char *field, uint32_t gid, uint32_t uid,
                       struct hp_error *err) {
  char entry[16];
  snprintf(entry, sizeof entry, ":%u", gid);
  if (gid == uid || hp_strings_has(&policy->accounts, entry))
    return 0;
  char *what = hp_printf("%s %u", field, gid);
  refuse(policy, what, entry, err);
  free(what);
  return -1;
}

static int allow_numbers(const struct hp_policy *policy, const struct hp_process_spec *process,
                         struct hp_error *err) {
  char entry[16];
  snprintf(entry, sizeof entry, "%u", process->uid);
  if (process->uid == 0 && lists_kind(policy, HP_ACCOUNT_SYSTEM))
    return 0;
  if (!hp_strings_has(&policy->accounts, entry)) {
    char *what = hp_printf("process.user.uid %u", process->uid);
    refuse(policy, what, process->uid == 0 ? "NT AUTHORITY\\SYSTEM" : entry, err);
    free(what);
    return -1;
  }
  if (allow_group(policy, "process.user.gid", process->gid, process->uid, err) != 0)
    return -1;
  for (size_t i = 0; i < process->additional_gid_count; i++)
    if (allow_group(policy, "process.user.additionalGids has", process->additional_gids[i], process->uid,
                    err) != 0)
      return -1;
  return 0;
}

int hp_allow_inherit(const struct hp_policy *policy, const struct hp_account *account, struct hp_error *err) {
  if (account->kind != HP_ACCOUNT_INHERIT || !policy->forbids_inherit)
    return 0;
  char *rule = hp_policy_cite(policy, HP_POLICY_INHERIT_USER);
  hp_error_set(
      err, HP_INVALID_ARGUMENT,
      "annotation " HP_ANNOTATION_INHERIT_USER " is true, which %s forbids: set runAsUserName instead", rule);
  free(rule);
  return -1;
}

int hp_allow_account(const struct hp_policy *policy, const struct hp_account *account,
                     const struct hp_process_spec *process, struct hp_error *err) {
  if (!policy->has_accounts || (account->kind == HP_ACCOUNT_INHERIT && lists_kind(policy, HP_ACCOUNT_SYSTEM)))
    return 0;
  if (account->kind == HP_ACCOUNT_INHERIT)
    return refuse(policy, "the shim's own user (annotation " HP_ANNOTATION_INHERIT_USER ")",
                  "NT AUTHORITY\\SYSTEM", err);
  if (account->kind == HP_ACCOUNT_NUMERIC)
    return allow_numbers(policy, process, err);
  if (lists_account(policy, account))
    return 0;
  char *what = hp_printf("runAsUserName \"%s\"", process->username ? process->username : "");
  refuse(policy, what, process->username ? process->username : "", err);
  free(what);
  return -1;
}

/* ---- places -------------------------------------------------------------------- */

int hp_allow_location(enum hp_os os, const struct hp_policy *policy, const char *location,
                      struct hp_error *err) {
  if (!location || !policy->has_locations)
    return 0;
  for (size_t i = 0; i < policy->locations.count; i++)
    if (hp_location_is_valid(os, policy->locations.items[i]) &&
        hp_location_is_below(os, location, policy->locations.items[i]))
      return 0;
  char *rule = hp_policy_cite(policy, HP_POLICY_ROOTFS_LOCATIONS);
  hp_error_set(err, HP_INVALID_ARGUMENT,
               "annotation " HP_ANNOTATION_ROOTFS_LOCATION
               " \"%s\" is not allowed by %s: use a folder listed "
               "there or one below it, or leave the annotation out",
               location, rule);
  free(rule);
  return -1;
}

/* ---- limits -------------------------------------------------------------------- */

int hp_allow_memory(const struct hp_policy *policy, struct hp_number memory, struct hp_error *err) {
  int64_t most = policy->memory_max.value;
  bool limited = memory.set && memory.value > 0;
  if (!policy->memory_max.set || (limited && memory.value <= most))
    return 0;
  char *rule = hp_policy_cite(policy, HP_POLICY_LIMITS_MEMORY);
  if (!limited)
    hp_error_set(err, HP_INVALID_ARGUMENT,
                 "no memory limit is set: %s asks for one of at most %" PRId64
                 " bytes, set resources.limits.memory",
                 rule, most);
  else
    hp_error_set(err, HP_INVALID_ARGUMENT,
                 "the memory limit of %" PRId64
                 " bytes is more than %s allows: set resources.limits.memory to at most %" PRId64 " bytes",
                 memory.value, rule, most);
  free(rule);
  return -1;
}

/* a * b / c, rounded up; as large as can be where that is too large. */
static int64_t scale(int64_t a, int64_t b, int64_t c) {
  return a > (INT64_MAX - c) / b ? INT64_MAX : (a * b + c - 1) / c;
}

/* The hard cap in thousandths of a processor, 0: none. */
static int64_t asked_cpu(enum hp_os os, const struct hp_policy *policy, const struct hp_limits *limits) {
  if (os == HP_OS_LINUX) {
    bool has_period = limits->cpu_period.set && limits->cpu_period.value > 0;
    int64_t period = has_period ? limits->cpu_period.value : CPU_PERIOD_DEFAULT;
    return limits->cpu_quota.set && limits->cpu_quota.value > 0 ? scale(limits->cpu_quota.value, 1000, period)
                                                                : 0;
  }
  if (limits->cpu_count.set && limits->cpu_count.value > 0)
    return scale(limits->cpu_count.value, 1000, 1);
  if (!limits->cpu_maximum.set || limits->cpu_maximum.value <= 0)
    return 0;
  return policy->processors ? scale(limits->cpu_maximum.value, policy->processors, 10) : 1;
}

int hp_allow_cpu(enum hp_os os, const struct hp_policy *policy, const struct hp_limits *limits,
                 struct hp_error *err) {
  int64_t most = policy->cpu_max.value, asked = asked_cpu(os, policy, limits);
  if (!policy->cpu_max.set || (asked > 0 && asked <= most))
    return 0;
  char *rule = hp_policy_cite(policy, HP_POLICY_LIMITS_CPU);
  if (asked == 0)
    hp_error_set(err, HP_INVALID_ARGUMENT,
                 "no CPU limit is set: %s asks for one of at most %" PRId64 ".%03" PRId64
                 " processors (shares and affinity are none), set resources.limits.cpu",
                 rule, most / 1000, most % 1000);
  else
    hp_error_set(err, HP_INVALID_ARGUMENT,
                 "the CPU limit of %" PRId64 ".%03" PRId64
                 " processors is more than %s allows: set resources.limits.cpu to at most %" PRId64
                 ".%03" PRId64 " processors",
                 asked / 1000, asked % 1000, rule, most / 1000, most % 1000);
  free(rule);
  return -1;
}

int hp_allow_storage(const struct hp_policy *policy, struct hp_number size, struct hp_error *err) {
  int64_t most = policy->storage_max.value;
  if (!policy->storage_max.set || !size.set || size.value <= most)
    return 0;
  char *rule = hp_policy_cite(policy, HP_POLICY_LIMITS_STORAGE);
  hp_error_set(err, HP_INVALID_ARGUMENT,
               "windows.resources.storage.sandboxSize of %" PRId64
               " bytes is more than %s allows: set it to at most %" PRId64 " bytes",
               size.value, rule, most);
  free(rule);
  return -1;
}
