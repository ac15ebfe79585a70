/* Local accounts and groups, a domain's, and how they are looked up. */
#include <stdbool.h>
#include <windows.h>

#include <lm.h>

#include <dsrole.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "machine.h"
#include "winsim.h"

#define FIRST_RID 64000

/* state: "users" {SID: {"name", "domain" (absent: this computer), "use",
 * "password", "made"}}, "members" {alias, lower case: {SID: true}}. */

const wchar_t *winsim_computer(void) {
  static wchar_t name[MAX_COMPUTERNAME_LENGTH + 1];
  DWORD length = MAX_COMPUTERNAME_LENGTH + 1;
  GetComputerNameW(name, &length);
  return name;
}

static char *lower(const wchar_t *name) {
  return winsim_path_key(name);
}

static json_t *find_entry(json_t *state, const wchar_t *domain, const wchar_t *name, const char **sid) {
  char *name_utf8 = winsim_narrow(name), *domain_utf8 = domain ? winsim_narrow(domain) : NULL;
  json_t *user, *found = NULL;
  const char *key;
  json_object_foreach(winsim_part(state, "users"), key, user) {
    const char *theirs = json_string_value(json_object_get(user, "domain"));
    bool same = domain_utf8 ? theirs && _stricmp(theirs, domain_utf8) == 0 : !theirs;
    if (!same || _stricmp(json_string_value(json_object_get(user, "name")), name_utf8) != 0)
      continue;
    found = user;
    *sid = key;
    break;
  }
  free(name_utf8);
  free(domain_utf8);
  return found;
}

static json_t *add_entry(json_t *state, const wchar_t *domain, const wchar_t *name, SID_NAME_USE use) {
  json_int_t last = json_integer_value(json_object_get(state, "lastRid"));
  last = last ? last + 1 : FIRST_RID; /* a RID never comes again */
  json_object_set_new(state, "lastRid", json_integer(last));
  char *sid = hp_printf("S-1-5-21-11-22-33-%lld", (long long)last), *name_utf8 = winsim_narrow(name),
       *domain_utf8 = domain ? winsim_narrow(domain) : NULL;
  json_t *entry = json_pack("{s:s, s:s*, s:i}", "name", name_utf8, "domain", domain_utf8, "use", (int)use);
  json_object_set_new(winsim_part(state, "users"), sid, entry);
  free(sid);
  free(name_utf8);
  free(domain_utf8);
  return entry;
}

static void add(const wchar_t *domain, const wchar_t *name, SID_NAME_USE use) {
  add_entry(winsim_lock(), domain, name, use);
  winsim_unlock();
}

void winsim_add_user(const wchar_t *domain, const wchar_t *name) {
  add(domain, name, SidTypeUser);
}

void winsim_add_alias(const wchar_t *name) {
  add(NULL, name, SidTypeAlias);
}

void winsim_add_group(const wchar_t *domain, const wchar_t *name) {
  add(domain, name, SidTypeGroup);
}

void winsim_set_administrators(const wchar_t *alias) {
  char *name = lower(alias);
  json_object_set_new(winsim_lock(), "administrators", json_string(name));
  winsim_unlock();
  free(name);
}

void winsim_set_controller(bool controller) {
  json_object_set_new(winsim_lock(), "controller", json_boolean(controller));
  winsim_unlock();
}

/* ---- questions ----------------------------------------------------------------------- */

char *winsim_user_sid(const wchar_t *domain, const wchar_t *name) {
  const char *sid = NULL;
  bool here = !domain || !*domain || wcscmp(domain, L".") == 0 || _wcsicmp(domain, winsim_computer()) == 0;
  json_t *state = winsim_lock(), *user = find_entry(state, here ? NULL : domain, name, &sid);
  char *copy =
      user && json_integer_value(json_object_get(user, "use")) == SidTypeUser ? hp_strdup(sid) : NULL;
  winsim_unlock();
  return copy;
}

char *winsim_password(const wchar_t *name) {
  const char *sid;
  json_t *user = find_entry(winsim_lock(), NULL, name, &sid);
  char *password = hp_strdup(json_string_value(json_object_get(user, "password")));
  winsim_unlock();
  return password;
}

bool winsim_password_fits(const wchar_t *name, const wchar_t *password) {
  char *right = winsim_password(name), *given = winsim_narrow(password);
  bool fits = right && strcmp(right, given) == 0;
  free(right);
  free(given);
  return fits;
}

static bool is_member(json_t *state, const char *alias, const char *sid) {
  return json_object_get(json_object_get(json_object_get(state, "members"), alias), sid) != NULL;
}

bool winsim_is_administrator(const char *sid) {
  json_t *state = winsim_lock();
  const char *alias = json_string_value(json_object_get(state, "administrators"));
  bool member = alias && is_member(state, alias, sid);
  winsim_unlock();
  return member;
}

bool winsim_is_member(const wchar_t *alias, const wchar_t *name) {
  char *key = lower(alias), *sid = winsim_user_sid(NULL, name);
  bool member = sid && is_member(winsim_lock(), key, sid);
  if (sid)
    winsim_unlock();
  free(key);
  free(sid);
  return member;
}

/* ---- making and removing ------------------------------------------------------------------ */

/* "Password must meet complexity requirements" (security policy settings): three
 * of four classes of characters. */
static bool is_complex(const wchar_t *password) {
  int classes = (wcspbrk(password, L"ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL) +
                (wcspbrk(password, L"abcdefghijklmnopqrstuvwxyz") != NULL) +
                (wcspbrk(password, L"0123456789") != NULL) +
                (wcspbrk(password, L"!-_.,;#+*$%&/()=?") != NULL);
  return wcslen(password) >= 8 && classes >= 3;
}

/* "NetUserAdd function", "USER_INFO_1 structure" (lmaccess.h). */
static NET_API_STATUS judge_user(const USER_INFO_1 *info, DWORD *field) {
  if (info->usri1_priv != USER_PRIV_USER) { /* "must be USER_PRIV_USER" */
    *field = USER_PRIV_PARMNUM;
    return ERROR_INVALID_PARAMETER;
  }
  if (!(info->usri1_flags & UF_SCRIPT)) { /* UF_SCRIPT: "This value must be set" */
    *field = USER_FLAGS_PARMNUM;
    return ERROR_INVALID_PARAMETER;
  }
  if (!info->usri1_name || !*info->usri1_name || wcslen(info->usri1_name) > LM20_UNLEN) {
    *field = USER_NAME_PARMNUM; /* "User account names are limited to 20 characters" */
    return NERR_BadUsername;
  }
  if (!info->usri1_password || !is_complex(info->usri1_password)) {
    *field = USER_PASSWORD_PARMNUM; /* "or does not meet the password complexity requirements" */
    return NERR_PasswordTooShort;
  }
  if (info->usri1_comment && wcslen(info->usri1_comment) > MAXCOMMENTSZ) { /* lmcons.h */
    *field = USER_COMMENT_PARMNUM;
    return ERROR_INVALID_PARAMETER;
  }
  return NERR_Success;
}

static NET_API_STATUS insert(const USER_INFO_1 *info) {
  const char *sid;
  json_t *state = winsim_lock();
  NET_API_STATUS status = NERR_UserExists;
  if (!find_entry(state, NULL, info->usri1_name, &sid)) {
    char *password = winsim_narrow(info->usri1_password), *comment = winsim_narrow(info->usri1_comment);
    json_t *user = add_entry(state, NULL, info->usri1_name, SidTypeUser);
    json_object_set_new(user, "password", json_string(password));
    json_object_set_new(user, "comment", json_string(comment));
    json_object_set_new(user, "made", json_true());
    free(password);
    free(comment);
    status = NERR_Success;
  }
  winsim_unlock();
  return status;
}

NET_API_STATUS WINAPI NetUserAdd(LPCWSTR server, DWORD level, LPBYTE buffer, LPDWORD field) {
  const USER_INFO_1 *info = (const USER_INFO_1 *)(const void *)buffer;
  DWORD ignored;
  DWORD os_code = winsim_enter("NetUserAdd", "0x%lx%s", info ? (unsigned long)info->usri1_flags : 0,
                               server ? " elsewhere" : "");
  if (os_code)
    return os_code;
  if (level < 1 || level > 4) /* "NetUserAdd function": levels 1 to 4 */
    return ERROR_INVALID_LEVEL;
  if (!info || level != 1)
    return ERROR_INVALID_PARAMETER;
  NET_API_STATUS status = judge_user(info, field ? field : &ignored);
  return winsim_leave(status ? status : insert(info));
}

NET_API_STATUS WINAPI NetUserDel(LPCWSTR server, LPCWSTR name) {
  const char *sid;
  DWORD os_code = winsim_enter("NetUserDel", "%s", server ? "elsewhere" : "");
  if (os_code)
    return os_code;
  json_t *state = winsim_lock(), *user = find_entry(state, NULL, name, &sid), *members;
  const char *alias;
  if (user) { /* a member that is deleted is none any more */
    json_object_foreach(json_object_get(state, "members"), alias, members) {
      json_object_del(members, sid);
    }
    char *key = hp_strdup(sid);
    json_object_del(winsim_part(state, "users"), key);
    free(key);
  }
  winsim_unlock();
  return winsim_leave(user ? NERR_Success : NERR_UserNotFound); /* "NetUserDel function" */
}

/* "NetUserEnum function": level 1 has names, comments and flags; the buffer is the
 * system's, for NetApiBufferFree. All at once here. */
static void fill_user(USER_INFO_1 *info, const json_t *user) {
  const char *comment = json_string_value(json_object_get(user, "comment"));
  *info = (USER_INFO_1){.usri1_name = hp_wide(json_string_value(json_object_get(user, "name"))),
                        .usri1_comment = hp_wide(comment ? comment : ""),
                        .usri1_priv = USER_PRIV_USER,
                        .usri1_flags = UF_SCRIPT | UF_NORMAL_ACCOUNT};
}

NET_API_STATUS WINAPI NetUserEnum(LPCWSTR server, DWORD level, DWORD filter, LPBYTE *buffer, DWORD prefered,
                                  LPDWORD count, LPDWORD total, PDWORD resume) {
  (void)prefered, (void)resume;
  DWORD os_code = winsim_enter("NetUserEnum", "%s", server ? "elsewhere" : "");
  if (os_code)
    return os_code;
  if (level != 1 || filter != FILTER_NORMAL_ACCOUNT || !buffer || !count || !total)
    return ERROR_INVALID_PARAMETER;
  json_t *users = winsim_part(winsim_lock(), "users"), *user;
  USER_INFO_1 *list = hp_realloc_array(NULL, json_object_size(users) + 1, sizeof *list);
  const char *sid;
  *count = 0;
  json_object_foreach(users, sid, user) {
    if (!json_object_get(user, "domain") && json_integer_value(json_object_get(user, "use")) == SidTypeUser)
      fill_user(&list[(*count)++], user);
  }
  winsim_unlock();
  list[*count] = (USER_INFO_1){0}; /* its end, for who frees it */
  *total = *count;
  *buffer = (LPBYTE)list;
  return winsim_leave(NERR_Success);
}

NET_API_STATUS WINAPI NetApiBufferFree(LPVOID buffer) {
  for (USER_INFO_1 *info = buffer; info && info->usri1_name; info++) {
    free(info->usri1_name);
    free(info->usri1_comment);
  }
  free(buffer);
  return NERR_Success;
}

/* "NetLocalGroupAddMembers function" names every one of these codes. */
static NET_API_STATUS join(json_t *state, const wchar_t *group, PSID sid) {
  const char *group_sid;
  wchar_t *text = NULL;
  json_t *alias = find_entry(state, NULL, group, &group_sid);
  if (!alias || json_integer_value(json_object_get(alias, "use")) != SidTypeAlias)
    return NERR_GroupNotFound;
  if (!sid || !IsValidSid(sid) || !ConvertSidToStringSidW(sid, &text))
    return ERROR_INVALID_MEMBER;
  char *key = lower(group), *member = winsim_narrow(text);
  NET_API_STATUS status = !json_object_get(winsim_part(state, "users"), member) ? ERROR_NO_SUCH_MEMBER
                          : is_member(state, key, member)                       ? ERROR_MEMBER_IN_ALIAS
                                                                                : NERR_Success;
  if (status == NERR_Success)
    json_object_set_new(winsim_part(winsim_part(state, "members"), key), member, json_true());
  LocalFree(text);
  free(key);
  free(member);
  return status;
}

NET_API_STATUS WINAPI NetLocalGroupAddMembers(LPCWSTR server, LPCWSTR group, DWORD level, LPBYTE buffer,
                                              DWORD count) {
  const LOCALGROUP_MEMBERS_INFO_0 *member = (const LOCALGROUP_MEMBERS_INFO_0 *)(const void *)buffer;
  char *shown = winsim_narrow(group);
  DWORD os_code = winsim_enter("NetLocalGroupAddMembers", "%s%s", server ? "elsewhere " : "", shown);
  free(shown);
  if (os_code)
    return os_code;
  if (level != 0 && level != 3) /* "NetLocalGroupAddMembers function": levels 0 and 3 */
    return ERROR_INVALID_LEVEL;
  if (level != 0 || count != 1 || !member)
    return ERROR_INVALID_PARAMETER;
  NET_API_STATUS status = join(winsim_lock(), group, member->lgrmi0_sid);
  winsim_unlock();
  return winsim_leave(status);
}

/* ---- looking up ------------------------------------------------------------------------------ */

/* `DOMAIN\name`, or a bare name, which is looked for here and then in the domain
 * of this computer, CORP. */
static json_t *find_name(json_t *state, const wchar_t *name, const char **sid) {
  const wchar_t *slash = wcschr(name, L'\\');
  if (!slash) {
    json_t *found = find_entry(state, NULL, name, sid);
    return found ? found : find_entry(state, L"CORP", name, sid);
  }
  wchar_t domain[256] = L"";
  wcsncpy(domain, name, (size_t)(slash - name) < 255 ? (size_t)(slash - name) : 255);
  return find_entry(state, _wcsicmp(domain, winsim_computer()) == 0 ? NULL : domain, slash + 1, sid);
}

/* Fills a caller's buffer, or says how large it must be. */
static bool put(const wchar_t *text, LPWSTR to, LPDWORD length) {
  DWORD needed = (DWORD)wcslen(text) + 1;
  bool fits = to && *length >= needed;
  if (fits)
    wcscpy(to, text);
  *length = fits ? needed - 1 : needed;
  return fits;
}

static bool put_domain(const json_t *entry, LPWSTR to, LPDWORD length) {
  wchar_t *domain = hp_wide(json_string_value(json_object_get(entry, "domain")));
  bool fits = put(domain ? domain : winsim_computer(), to, length);
  free(domain);
  return fits;
}

static bool put_sid(const char *text, PSID to, LPDWORD length) {
  PSID sid = NULL;
  wchar_t *wide = hp_wide(text);
  bool fits = false;
  if (ConvertStringSidToSidW(wide, &sid)) {
    fits = to && *length >= GetLengthSid(sid) && CopySid(*length, to, sid);
    *length = GetLengthSid(sid);
    LocalFree(sid);
  }
  free(wide);
  return fits;
}

static BOOL WINAPI look_up_name(LPCWSTR system, LPCWSTR name, PSID sid, LPDWORD sid_length, LPWSTR domain,
                                LPDWORD domain_length, PSID_NAME_USE use) {
  const char *text;
  DWORD os_code = winsim_enter("LookupAccountNameW", "%s", "");
  if (os_code)
    return winsim_answer(os_code);
  json_t *entry = find_name(winsim_lock(), name, &text);
  if (entry) { /* "LookupAccountNameW function": too small a buffer says how large it must be */
    bool fits = put_sid(text, sid, sid_length);
    fits = put_domain(entry, domain, domain_length) && fits;
    *use = (SID_NAME_USE)json_integer_value(json_object_get(entry, "use"));
    os_code = fits ? ERROR_SUCCESS : ERROR_INSUFFICIENT_BUFFER;
  }
  winsim_unlock();
  if (entry)
    return winsim_answer(os_code);
  BOOL found = WINSIM_REAL("advapi32.dll", LookupAccountNameW)(system, name, sid, sid_length, domain,
                                                               domain_length, use);
  return winsim_answer(found ? ERROR_SUCCESS : GetLastError());
}

static BOOL WINAPI look_up_sid(LPCWSTR system, PSID sid, LPWSTR name, LPDWORD name_length, LPWSTR domain,
                               LPDWORD domain_length, PSID_NAME_USE use) {
  wchar_t *text = NULL;
  bool fits = false;
  DWORD os_code = winsim_enter("LookupAccountSidW", "%s", "");
  if (os_code)
    return winsim_answer(os_code);
  if (!sid || !ConvertSidToStringSidW(sid, &text))
    return winsim_answer(ERROR_INVALID_PARAMETER);
  char *key = winsim_narrow(text);
  LocalFree(text);
  json_t *entry = json_object_get(winsim_part(winsim_lock(), "users"), key);
  if (entry) {
    wchar_t *spelled = hp_wide(json_string_value(json_object_get(entry, "name")));
    fits = put(spelled, name, name_length);
    fits = put_domain(entry, domain, domain_length) && fits;
    *use = (SID_NAME_USE)json_integer_value(json_object_get(entry, "use"));
    free(spelled);
  }
  winsim_unlock();
  free(key);
  if (entry)
    return winsim_answer(fits ? ERROR_SUCCESS : ERROR_INSUFFICIENT_BUFFER);
  BOOL found = WINSIM_REAL("advapi32.dll", LookupAccountSidW)(system, sid, name, name_length, domain,
                                                              domain_length, use);
  return winsim_answer(found ? ERROR_SUCCESS : GetLastError());
}

WINSIM_IMPORT(LookupAccountNameW, look_up_name);
WINSIM_IMPORT(LookupAccountSidW, look_up_sid);

/* ---- the domain --------------------------------------------------------------------------------- */

DWORD WINAPI DsRoleGetPrimaryDomainInformation(LPCWSTR server, DSROLE_PRIMARY_DOMAIN_INFO_LEVEL level,
                                               PBYTE *buffer) {
  DWORD os_code = winsim_enter("DsRoleGetPrimaryDomainInformation", "%s", server ? "elsewhere" : "");
  if (os_code)
    return os_code;
  /* "DsRoleGetPrimaryDomainInformation function": ERROR_INVALID_PARAMETER */
  if (level != DsRolePrimaryDomainInfoBasic || !buffer)
    return ERROR_INVALID_PARAMETER;
  DSROLE_PRIMARY_DOMAIN_INFO_BASIC *info = hp_alloc(sizeof *info);
  json_t *state = winsim_lock();
  bool controller = json_is_true(json_object_get(state, "controller"));
  winsim_unlock();
  info->MachineRole = controller ? DsRole_RoleBackupDomainController : DsRole_RoleStandaloneServer;
  *buffer = (PBYTE)info;
  return winsim_leave(ERROR_SUCCESS);
}

void WINAPI DsRoleFreeMemory(PVOID buffer) {
  free(buffer);
}
