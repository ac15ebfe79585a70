/* Local groups that are not this host's, and those that are by another name. */
#include "host/windows/principal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* ---- the stand-in for the host's accounts --------------------------------------- */

static const struct {
  const wchar_t *domain, *name;
  DWORD first, last; /* of the SID's authorities */
} groups[] = {
    {L"CORP", L"DnsAdmins", SECURITY_NT_NON_UNIQUE, 1101},
    {L"VORDEFINIERT", L"Administratoren", SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS},
};
#define GROUPS (sizeof groups / sizeof groups[0])

static BOOL WINAPI look_up_name(LPCWSTR system, LPCWSTR name, PSID sid, LPDWORD sid_length, LPWSTR domain,
                                LPDWORD domain_length, PSID_NAME_USE use) {
  SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
  const wchar_t *backslash = wcschr(name, L'\\'), *last = backslash ? backslash + 1 : name;
  (void)system, (void)sid_length, (void)domain_length;
  for (size_t i = 0; i < GROUPS; i++) {
    size_t length = wcslen(groups[i].domain);
    bool of_domain =
        backslash && (size_t)(backslash - name) == length && _wcsnicmp(name, groups[i].domain, length) == 0;
    if (!of_domain || _wcsicmp(last, groups[i].name) != 0)
      continue;
    InitializeSid(sid, &authority, 2);
    *GetSidSubAuthority(sid, 0) = groups[i].first;
    *GetSidSubAuthority(sid, 1) = groups[i].last;
    wcscpy(domain, groups[i].domain);
    *use = SidTypeAlias;
    return TRUE;
  }
  SetLastError(ERROR_NONE_MAPPED);
  return FALSE;
}

static BOOL WINAPI look_up_sid(LPCWSTR system, PSID sid, LPWSTR name, LPDWORD name_length, LPWSTR domain,
                               LPDWORD domain_length, PSID_NAME_USE use) {
  (void)system, (void)name_length, (void)domain_length;
  for (size_t i = 0; i < GROUPS; i++) {
    if (*GetSidSubAuthority(sid, 0) != groups[i].first || *GetSidSubAuthority(sid, 1) != groups[i].last)
      continue;
    wcscpy(name, groups[i].name);
    wcscpy(domain, groups[i].domain);
    *use = SidTypeAlias;
    return TRUE;
  }
  SetLastError(ERROR_NONE_MAPPED);
  return FALSE;
}

#define IMPORT(function, stand_in)                                                                           \
  extern void *const __imp_##function;                                                                       \
  void *const __imp_##function = (void *)(uintptr_t)stand_in

IMPORT(LookupAccountNameW, look_up_name);
IMPORT(LookupAccountSidW, look_up_sid);

/* ---- */

static struct hp_error err;

static int find(const char *username, struct hp_principal *principal) {
  struct hp_account account;
  ck_assert_int_eq(hp_account_parse(HP_OS_WINDOWS, username, &account, &err), 0);
  int result = hp_principal_find(&account, principal, &err);
  hp_account_clear(&account);
  return result;
}

/* A new account cannot join it; and a group of this host that happens to have
 * its name is not the one that was meant. */
START_TEST(a_domains_local_group_is_not_this_hosts) {
  struct hp_principal principal;
  ck_assert_int_eq(find("CORP\\DnsAdmins", &principal), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_msg(strstr(err.message, "CORP\\DnsAdmins") && strstr(err.message, "group of a domain"), "%s",
                err.message);
  hp_error_clear(&err);
}
END_TEST

START_TEST(built_in_groups_are_this_hosts_in_every_language) {
  static const char *const names[] = {"VORDEFINIERT\\Administratoren", "BUILTIN\\Administrators",
                                      "Administrators"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct hp_principal principal;
    ck_assert_msg(find(names[i], &principal) == 0, "%s", err.message ? err.message : "");
    ck_assert_int_eq(principal.kind, HP_PRINCIPAL_GROUP);
    ck_assert(wcscmp(principal.name, L"Administratoren") == 0);
    hp_principal_clear(&principal);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/principal");
  TCase *test = tcase_create("principal");
  tcase_set_timeout(test, 60);
  tcase_add_test(test, a_domains_local_group_is_not_this_hosts);
  tcase_add_test(test, built_in_groups_are_this_hosts_in_every_language);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
