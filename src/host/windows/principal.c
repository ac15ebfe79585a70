#include "host/windows/principal.h"

#include <lm.h>

#include <dsrole.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/wide_path.h"

#define NAME_MAX_CHARACTERS 256

struct found {
  wchar_t domain[NAME_MAX_CHARACTERS], name[NAME_MAX_CHARACTERS];
  SID_NAME_USE use;
  DWORD os_code; /* of a look-up that failed, which says nothing about the name */
  const char *call;
};

/* Success, or a name that means nothing here: anything else must not pass for
 * the latter, or a bare name could come to mean a domain's account. */
static bool judge_answer(BOOL known, const char *call, struct found *found) {
  DWORD os_code = known ? ERROR_SUCCESS : GetLastError();
  if (os_code == ERROR_SUCCESS || os_code == ERROR_NONE_MAPPED || os_code == ERROR_NO_SUCH_DOMAIN)
    return known;
  found->os_code = os_code;
  found->call = call;
  return false;
}

DWORD hp_principal_builtin(const wchar_t *name) {
  static const struct {
    const wchar_t *name;
    DWORD rid;
  } groups[] = {
      {L"Administrators", 544},
      {L"Users", 545},
      {L"Guests", 546},
      {L"Power Users", 547},
      {L"Backup Operators", 551},
      {L"Replicator", 552},
      {L"Remote Desktop Users", 555},
      {L"Network Configuration Operators", 556},
      {L"Performance Monitor Users", 558},
      {L"Performance Log Users", 559},
      {L"Distributed COM Users", 562},
      {L"IIS_IUSRS", 568},
      {L"Cryptographic Operators", 569},
      {L"Event Log Readers", 573},
      {L"Hyper-V Administrators", 578},
      {L"Remote Management Users", 580},
  };
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
    if (_wcsicmp(groups[i].name, name) == 0)
      return groups[i].rid;
  return 0;
}

/* ---- looking up ----------------------------------------------------------------- */

static wchar_t *own_computer(void) {
  wchar_t name[MAX_COMPUTERNAME_LENGTH + 1];
  DWORD length = MAX_COMPUTERNAME_LENGTH + 1;
  wchar_t *copy = hp_alloc(sizeof name);
  if (GetComputerNameW(name, &length))
    wcscpy(copy, name);
  return copy;
}

static bool describe_sid(PSID sid, struct found *found) {
  DWORD name_length = NAME_MAX_CHARACTERS, domain_length = NAME_MAX_CHARACTERS;
  BOOL known =
      LookupAccountSidW(NULL, sid, found->name, &name_length, found->domain, &domain_length, &found->use);
  return judge_answer(known, "LookupAccountSidW", found);
}

/* `domain\name`, or name alone (domain NULL). The name comes back as the host
 * spells it. */
static bool look_up(const wchar_t *domain, const wchar_t *name, struct found *found) {
  unsigned char sid[SECURITY_MAX_SID_SIZE];
  DWORD sid_length = sizeof sid, domain_length = NAME_MAX_CHARACTERS;
  wchar_t *whole = domain ? hp_path_join(domain, name) : NULL;
  BOOL known = LookupAccountNameW(NULL, whole ? whole : name, sid, &sid_length, found->domain, &domain_length,
                                  &found->use);
  bool good = judge_answer(known, "LookupAccountNameW", found);
  free(whole);
  return good && describe_sid(sid, found);
}

static bool look_up_builtin(const wchar_t *name, struct found *found) {
  SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
  DWORD rid = hp_principal_builtin(name);
  PSID sid = NULL;
  if (!rid ||
      !AllocateAndInitializeSid(&authority, 2, SECURITY_BUILTIN_DOMAIN_RID, rid, 0, 0, 0, 0, 0, 0, &sid))
    return false;
  bool known = describe_sid(sid, found);
  FreeSid(sid);
  return known;
}

/* This host's own names first, so that a bare name never means a domain's
 * account while there is one here. */
static bool find(const wchar_t *domain, const wchar_t *name, const wchar_t *computer, struct found *found) {
  bool builtin = domain && _wcsicmp(domain, L"BUILTIN") == 0;
  bool local = !domain || wcscmp(domain, L".") == 0 || _wcsicmp(domain, computer) == 0;
  if (local && *computer && look_up(computer, name, found))
    return true;
  if ((local || builtin) && !found->os_code &&
      (look_up(L"BUILTIN", name, found) || (!found->os_code && look_up_builtin(name, found))))
    return true;
  return (!domain || !(local || builtin)) && !found->os_code && look_up(domain, name, found);
}

/* ---- judging ---------------------------------------------------------------------- */

static int is_domain_controller(bool *controller, struct hp_error *err) {
  PDSROLE_PRIMARY_DOMAIN_INFO_BASIC info = NULL;
  DWORD os_code = DsRoleGetPrimaryDomainInformation(NULL, DsRolePrimaryDomainInfoBasic, (PBYTE *)&info);
  if (os_code != ERROR_SUCCESS)
    return hp_error_set_os(err, (int)os_code, "DsRoleGetPrimaryDomainInformation");
  *controller = info->MachineRole == DsRole_RoleBackupDomainController ||
                info->MachineRole == DsRole_RolePrimaryDomainController;
  DsRoleFreeMemory(info);
  return 0;
}

static char *spelled(const struct hp_account *account) {
  return account->domain ? hp_printf("%s\\%s", account->domain, account->name) : hp_strdup(account->name);
}

static int refuse(const struct hp_account *account, enum hp_code code, const char *why,
                  struct hp_error *err) {
  char *name = spelled(account);
  hp_error_set(err, code, "runAsUserName \"%s\" %s", name, why);
  free(name);
  return -1;
}

static int look_up_failed(const struct hp_account *account, const struct found *found, struct hp_error *err) {
  char *name = spelled(account);
  hp_error_set_os(err, (int)found->os_code, "runAsUserName \"%s\" cannot be looked up: %s", name,
                  found->call);
  free(name);
  return hp_error_recode(err, HP_FAILED_PRECONDITION);
}

static void take(struct hp_principal *principal, enum hp_principal_kind kind, const wchar_t *domain,
                 const wchar_t *name) {
  *principal = (struct hp_principal){kind, hp_alloc((wcslen(domain) + 1) * sizeof *domain),
                                     hp_alloc((wcslen(name) + 1) * sizeof *name)};
  wcscpy(principal->domain, domain);
  wcscpy(principal->name, name);
}

/* A domain has local groups as well, which are its controllers'. The domain of
 * the built-in ones has another name on a node of another language. */
static bool is_group_of_this_host(const struct found *found, const wchar_t *computer) {
  if (_wcsicmp(found->domain, computer) == 0 || _wcsicmp(found->domain, L"BUILTIN") == 0)
    return true;
  struct found *administrators = hp_alloc(sizeof *administrators);
  bool same = look_up_builtin(L"Administrators", administrators) &&
              _wcsicmp(found->domain, administrators->domain) == 0;
  free(administrators);
  return same;
}

static int judge(const struct hp_account *account, const struct found *found, const wchar_t *computer,
                 struct hp_principal *principal, struct hp_error *err) {
  if (found->use == SidTypeAlias) {
    bool controller;
    if (is_domain_controller(&controller, err) != 0)
      return -1;
    if (controller)
      return refuse(
          account, HP_FAILED_PRECONDITION,
          "is a local group, and this host is a domain controller, where a new local user would be a user "
          "of the domain: name a service account or a user",
          err);
    if (!is_group_of_this_host(found, computer))
      return refuse(account, HP_INVALID_ARGUMENT,
                    "is a group of a domain: name a local group (and make the domain's group a member of it)",
                    err);
    take(principal, HP_PRINCIPAL_GROUP, found->domain, found->name);
    return 0;
  }
  if (found->use == SidTypeUser) {
    bool local = _wcsicmp(found->domain, computer) == 0;
    take(principal, local ? HP_PRINCIPAL_LOCAL_USER : HP_PRINCIPAL_DOMAIN_USER, found->domain, found->name);
    return 0;
  }
  return refuse(
      account, HP_INVALID_ARGUMENT,
      found->use == SidTypeGroup
          ? "is a group of a domain: name a local group (and make the domain's group a member of it)"
          : "is neither a local group nor a user: name NT AUTHORITY\\SYSTEM, Local service, "
            "NetworkService, a local group or a user",
      err);
}

int hp_principal_find(const struct hp_account *account, struct hp_principal *principal,
                      struct hp_error *err) {
  struct found *found = hp_alloc(sizeof *found);
  wchar_t *domain = hp_wide(account->domain), *name = hp_wide(account->name), *computer = own_computer();
  size_t length = wcslen(name);
  bool foreign = domain && wcscmp(domain, L".") != 0 && _wcsicmp(domain, computer) != 0;
  int result = 0;
  *principal = (struct hp_principal){0};
  if (foreign && length > 0 && name[length - 1] == L'$')
    take(principal, HP_PRINCIPAL_MANAGED, domain, name);
  else if (find(domain, name, computer, found))
    result = judge(account, found, computer, principal, err);
  else if (found->os_code)
    result = look_up_failed(account, found, err);
  else
    result = refuse(
        account, HP_INVALID_ARGUMENT,
        "is neither a local group nor a user that this host knows: make the group (net localgroup NAME "
        "/add) or name an existing one",
        err);
  free(domain);
  free(name);
  free(computer);
  free(found);
  return result;
}

void hp_principal_clear(struct hp_principal *principal) {
  free(principal->domain);
  free(principal->name);
  *principal = (struct hp_principal){0};
}
