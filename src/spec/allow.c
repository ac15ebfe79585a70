#include "spec/allow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/text.h"

static bool is_number_entry(const char *text) {
  const char *digits = text[0] == ':' ? text + 1 : text;
  size_t length = strspn(digits, "0123456789");
  return length > 0 && length <= 10 && digits[length] == 0;
}

int hp_allow_check(const char *text, struct hp_error *err) {
  if (is_number_entry(text))
    return 0;
  struct hp_account account;
  int result = hp_account_parse(text, &account, err);
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
        hp_account_parse(policy->accounts.items[i], &entry, &ignored) == 0) {
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
  return hp_error_set(
      err, HP_INVALID_ARGUMENT,
      "%s is not allowed by \"accounts\" of the node policy %s: use an account listed there, or "
      "have \"%s\" added",
      what, policy->file ? policy->file : "(built-in)", entry);
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

int hp_allow_account(const struct hp_policy *policy, const struct hp_account *account,
                     const struct hp_process_spec *process, struct hp_error *err) {
  if (!policy->has_accounts)
    return 0;
  if (account->kind == HP_ACCOUNT_NUMERIC)
    return allow_numbers(policy, process, err);
  if (account->kind == HP_ACCOUNT_INHERIT) {
    if (lists_kind(policy, HP_ACCOUNT_SYSTEM))
      return 0;
    return refuse(policy, "the shim's own user (annotation microsoft.com/hostprocess-inherit-user)",
                  "NT AUTHORITY\\SYSTEM", err);
  }
  if (lists_account(policy, account))
    return 0;
  char *what = hp_printf("runAsUserName \"%s\"", process->username ? process->username : "");
  refuse(policy, what, process->username ? process->username : "", err);
  free(what);
  return -1;
}
