/* Who a container runs as. Wine pretends to make accounts and has no logons, so
 * the calls that make and use them are stood in for, with the state that a test
 * looks at; what is asserted is which calls are made, and what is left over. */
#include "host/owner.h"

#include <windows.h>

#include <lm.h>

#include <dsrole.h>
#include <userenv.h>

#include "host/windows/account.h"
#include "host/windows/container.h"
#include "host/ledger.h"
#include "host/windows/logon.h"
#include "host/windows/principal.h"
#include "scratch_windows.h"
#include "support.h"

#define PROFILES L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\"
#define NEW_RID 64999 /* of the ephemeral account */
#define NEW_SID L"S-1-5-21-11-22-33-64999"

/* ---- the stand-in for the host -------------------------------------------------------- */

static struct {
  wchar_t user[64], password[64], comment[MAXCOMMENTSZ + 1];
  size_t claims_at_add;  /* of the ledger, at the moment of NetUserAdd */
  wchar_t group[64];     /* joined */
  DWORD logon_errors[8]; /* by logon type; 0: it works */
  DWORD logon_types[8];  /* as they came */
  size_t logons;
  DWORD add_error, delete_error, profile_errors; /* how often DeleteProfileW says "in use" */
  unsigned deleted, profiles_loaded, profiles_unloaded, profiles_deleted;
  bool controller;
} host;

NET_API_STATUS WINAPI NetUserAdd(LPCWSTR server, DWORD level, LPBYTE buffer, LPDWORD field) {
  const USER_INFO_1 *info = (const USER_INFO_1 *)(const void *)buffer;
  struct hp_error ignored = HP_ERROR_INIT;
  json_t *claims = NULL;
  (void)server, (void)field;
  ck_assert_uint_eq(level, 1);
  ck_assert_uint_eq(info->usri1_priv, USER_PRIV_USER);
  ck_assert_uint_eq(info->usri1_flags, UF_SCRIPT | UF_NORMAL_ACCOUNT | UF_DONT_EXPIRE_PASSWD);
  ck_assert_int_eq(hp_ledger_read(&claims, &ignored), 0);
  host.claims_at_add = json_array_size(claims);
  json_decref(claims);
  if (host.add_error)
    return host.add_error;
  wcscpy(host.user, info->usri1_name);
  wcscpy(host.password, info->usri1_password);
  wcscpy(host.comment, info->usri1_comment);
  return NERR_Success;
}

NET_API_STATUS WINAPI NetUserDel(LPCWSTR server, LPCWSTR name) {
  (void)server;
  if (host.delete_error)
    return host.delete_error;
  if (wcscmp(name, host.user) != 0)
    return NERR_UserNotFound;
  host.user[0] = 0;
  host.deleted++;
  return NERR_Success;
}

NET_API_STATUS WINAPI NetLocalGroupAddMembers(LPCWSTR server, LPCWSTR group, DWORD level, LPBYTE buffer,
                                              DWORD count) {
  const LOCALGROUP_MEMBERS_INFO_0 *member = (const LOCALGROUP_MEMBERS_INFO_0 *)(const void *)buffer;
  (void)server;
  ck_assert_uint_eq(level, 0);
  ck_assert_uint_eq(count, 1);
  ck_assert_uint_eq(*GetSidSubAuthority(member->lgrmi0_sid, 4), NEW_RID);
  wcscpy(host.group, group);
  return NERR_Success;
}

DWORD WINAPI DsRoleGetPrimaryDomainInformation(LPCWSTR server, DSROLE_PRIMARY_DOMAIN_INFO_LEVEL level,
                                               PBYTE *buffer) {
  (void)server, (void)level;
  DSROLE_PRIMARY_DOMAIN_INFO_BASIC *info = hp_alloc(sizeof *info);
  info->MachineRole = host.controller ? DsRole_RoleBackupDomainController : DsRole_RoleStandaloneServer;
  *buffer = (PBYTE)info;
  return ERROR_SUCCESS;
}

void WINAPI DsRoleFreeMemory(PVOID buffer) {
  free(buffer);
}

static bool ends_with(const wchar_t *text, const wchar_t *end) {
  size_t length = wcslen(text), end_length = wcslen(end);
  return length >= end_length && _wcsicmp(text + length - end_length, end) == 0;
}

static void fill_sid(PSID sid, DWORD rid) {
  SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
  static const DWORD parts[] = {21, 11, 22, 33};
  InitializeSid(sid, &authority, 5);
  for (DWORD i = 0; i < 4; i++)
    *GetSidSubAuthority(sid, i) = parts[i];
  *GetSidSubAuthority(sid, 4) = rid;
}

/* Accounts beside the system's own: the ephemeral one, a user here, one of a
 * domain, a group here, one of a domain. */
static const struct {
  const wchar_t *domain, *name; /* domain NULL: this computer */
  DWORD rid;
  SID_NAME_USE use;
} accounts[] = {
    {NULL, L"joe", 65001, SidTypeUser},
    {L"CORP", L"ann", 65002, SidTypeUser},
    {NULL, L"hpc-localgroup", 65003, SidTypeAlias},
    {L"CORP", L"staff", 65004, SidTypeGroup},
};

static const wchar_t *computer(void) {
  static wchar_t name[MAX_COMPUTERNAME_LENGTH + 1];
  DWORD length = MAX_COMPUTERNAME_LENGTH + 1;
  GetComputerNameW(name, &length);
  return name;
}

static BOOL WINAPI look_up_name(LPCWSTR system, LPCWSTR name, PSID sid, LPDWORD sid_length, LPWSTR domain,
                                LPDWORD domain_length, PSID_NAME_USE use) {
  static BOOL(WINAPI * real)(LPCWSTR, LPCWSTR, PSID, LPDWORD, LPWSTR, LPDWORD, PSID_NAME_USE);
  if (host.user[0] && ends_with(name, host.user)) {
    fill_sid(sid, NEW_RID);
    *use = SidTypeUser;
    return TRUE;
  }
  for (size_t i = 0; i < sizeof accounts / sizeof accounts[0]; i++) {
    wchar_t *whole = hp_path_join(accounts[i].domain ? accounts[i].domain : computer(), accounts[i].name);
    bool bare = accounts[i].domain && _wcsicmp(name, accounts[i].name) == 0;
    bool found = bare || _wcsicmp(whole, name) == 0;
    free(whole);
    if (!found)
      continue;
    fill_sid(sid, accounts[i].rid);
    *use = accounts[i].use;
    return TRUE;
  }
  if (!real) {
    FARPROC function = GetProcAddress(GetModuleHandleW(L"advapi32.dll"), "LookupAccountNameW");
    memcpy(&real, &function, sizeof real);
  }
  return real(system, name, sid, sid_length, domain, domain_length, use);
}

static BOOL WINAPI look_up_sid(LPCWSTR system, PSID sid, LPWSTR name, LPDWORD name_length, LPWSTR domain,
                               LPDWORD domain_length, PSID_NAME_USE use) {
  static BOOL(WINAPI * real)(LPCWSTR, PSID, LPWSTR, LPDWORD, LPWSTR, LPDWORD, PSID_NAME_USE);
  DWORD rid = *GetSidSubAuthority(sid, (DWORD)*GetSidSubAuthorityCount(sid) - 1);
  for (size_t i = 0; i < sizeof accounts / sizeof accounts[0]; i++) {
    if (accounts[i].rid != rid)
      continue;
    wcscpy(name, accounts[i].name);
    wcscpy(domain, accounts[i].domain ? accounts[i].domain : computer());
    *use = accounts[i].use;
    return TRUE;
  }
  if (!real) {
    FARPROC function = GetProcAddress(GetModuleHandleW(L"advapi32.dll"), "LookupAccountSidW");
    memcpy(&real, &function, sizeof real);
  }
  return real(system, sid, name, name_length, domain, domain_length, use);
}

static BOOL WINAPI logon(LPCWSTR user, LPCWSTR domain, LPCWSTR password, DWORD type, DWORD provider,
                         PHANDLE token) {
  (void)provider;
  host.logon_types[host.logons++ % 8] = type;
  if (host.logon_errors[type % 8]) {
    SetLastError(host.logon_errors[type % 8]);
    return FALSE;
  }
  if (wcscmp(domain, L".") == 0) {
    ck_assert(wcscmp(user, host.user) == 0);
    ck_assert(wcscmp(password, host.password) == 0);
  }
  HANDLE own;
  ck_assert(OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &own));
  BOOL made = DuplicateTokenEx(own, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenPrimary, token);
  CloseHandle(own);
  return made;
}

static HKEY open_profiles(void) {
  HKEY key;
  ck_assert_int_eq(
      RegCreateKeyExW(HKEY_LOCAL_MACHINE, PROFILES, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL), 0);
  return key;
}

static BOOL WINAPI load_profile(HANDLE token, LPPROFILEINFOW info) {
  HKEY profiles = open_profiles(), profile;
  (void)token;
  ck_assert_int_eq(RegCreateKeyExW(profiles, NEW_SID, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &profile, NULL), 0);
  RegCloseKey(profile);
  RegCloseKey(profiles);
  info->hProfile = (HANDLE)(uintptr_t)0x1234;
  host.profiles_loaded++;
  return TRUE;
}

static BOOL WINAPI unload_profile(HANDLE token, HANDLE profile) {
  (void)token;
  ck_assert_ptr_eq(profile, (HANDLE)(uintptr_t)0x1234);
  host.profiles_unloaded++;
  return TRUE;
}

static BOOL WINAPI delete_profile(LPCWSTR sid, LPCWSTR path, LPCWSTR system) {
  (void)path, (void)system;
  ck_assert(wcscmp(sid, NEW_SID) == 0);
  if (host.profile_errors > 0) {
    host.profile_errors--;
    SetLastError(ERROR_SHARING_VIOLATION);
    return FALSE;
  }
  HKEY profiles = open_profiles();
  RegDeleteKeyW(profiles, sid);
  RegCloseKey(profiles);
  host.profiles_deleted++;
  return TRUE;
}

/* In the place of the import table's entries. */
#define IMPORT(name, stand_in)                                                                               \
  extern void *const __imp_##name;                                                                           \
  void *const __imp_##name = (void *)(uintptr_t)stand_in

IMPORT(LookupAccountNameW, look_up_name);
IMPORT(LookupAccountSidW, look_up_sid);
IMPORT(LogonUserW, logon);
IMPORT(LoadUserProfileW, load_profile);
IMPORT(UnloadUserProfile, unload_profile);
IMPORT(DeleteProfileW, delete_profile);

/* ---- fixture ----------------------------------------------------------------------------- */

static struct hp_error err;
static struct hp_verdict verdict;
static struct hp_container_spec spec;
static struct host_container_request request;
static struct host_container container;
static json_t *records;
static char *bundle;

static void enter(void) {
  scratch_make();
  make_directory_in_scratch(L"bundle");
  wchar_t *wide = in_scratch(L"bundle");
  bundle = hp_narrow(wide);
  free(wide);
  memset(&host, 0, sizeof host);
  request = (struct host_container_request){
      .namespace_name = "k8s.io", .id = "c1", .bundle = bundle, .spec = &spec, .verdict = &verdict};
  container = (struct host_container){0};
  records = json_array();
}

static void leave(void) {
  hp_identity_clear(&container);
  hp_account_clear(&verdict.account);
  json_decref(records);
  free(bundle);
  HKEY profiles = open_profiles();
  RegDeleteKeyW(profiles, NEW_SID);
  RegCloseKey(profiles);
  scratch_remove();
  hp_error_clear(&err);
}

static int plan(const char *username) {
  hp_account_clear(&verdict.account);
  ck_assert_int_eq(hp_account_parse(username, &verdict.account, &err), 0);
  return hp_identity_plan(&container, &request, records, &err);
}

static void expect(int result) {
  ck_assert_msg(result == 0, "%s", err.message ? err.message : "");
}

static int make(void) {
  bool known = false;
  ck_assert_uint_eq(json_array_size(records), 1);
  int result = hp_identity_make(&container, json_array_get(records, 0), &known, &err);
  ck_assert(known);
  return result;
}

static int release(void) {
  bool known = false;
  int result = hp_identity_release(json_array_get(records, 0), &known, &err);
  ck_assert(known);
  return result;
}

static size_t count_claims(void) {
  json_t *claims = NULL;
  expect(hp_ledger_read(&claims, &err));
  size_t count = json_array_size(claims);
  json_decref(claims);
  return count;
}

/* ---- service accounts ----------------------------------------------------------------------- */

START_TEST(services_log_on_as_services) {
  static const char *const names[] = {"NT AUTHORITY\\SYSTEM", "local service", "NetworkService", "S-1-5-18"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    expect(plan(names[i]));
    ck_assert_ptr_nonnull(container.token);
    ck_assert_uint_eq(host.logon_types[i], LOGON32_LOGON_SERVICE);
    hp_identity_clear(&container);
  }
  ck_assert_uint_eq(json_array_size(records), 0);
  ck_assert_uint_eq(host.profiles_loaded, 0);
}
END_TEST

START_TEST(inherit_needs_no_token) {
  verdict.account.kind = HP_ACCOUNT_INHERIT;
  expect(hp_identity_plan(&container, &request, records, &err));
  ck_assert_ptr_null(container.token);
  ck_assert_uint_eq(host.logons, 0);
}
END_TEST

START_TEST(numbers_name_nobody) {
  verdict.account.kind = HP_ACCOUNT_NUMERIC;
  ck_assert_int_eq(hp_identity_plan(&container, &request, records, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
}
END_TEST

START_TEST(a_refused_logon_says_the_sentence_people_search_for) {
  host.logon_errors[LOGON32_LOGON_SERVICE] = ERROR_ACCESS_DENIED;
  ck_assert_int_eq(plan("NT AUTHORITY\\SYSTEM"), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_int_eq(err.os_code, ERROR_ACCESS_DENIED);
  static const char sentence[] =
      "failed to create user process token: failed to logon user: Access is denied.";
  ck_assert_msg(strncmp(err.message, sentence, sizeof sentence - 1) == 0, "%s", err.message);
  ck_assert_ptr_nonnull(strstr(err.message, "must run as LocalSystem or LocalService"));
  ck_assert_ptr_nonnull(strstr(err.message, " now"));
}
END_TEST

START_TEST(a_managed_account_is_a_service_of_its_domain) {
  expect(plan("CORP\\gmsa$"));
  ck_assert_ptr_nonnull(container.token);
  ck_assert_uint_eq(host.logon_types[0], LOGON32_LOGON_SERVICE);
  ck_assert_uint_eq(host.profiles_loaded, 1);
  ck_assert_uint_eq(json_array_size(records), 0);
}
END_TEST

/* ---- names -------------------------------------------------------------------------------------- */

static enum hp_principal_kind kind_of(const char *username, const wchar_t *name) {
  struct hp_principal principal;
  struct hp_account account;
  expect(hp_account_parse(username, &account, &err));
  expect(hp_principal_find(&account, &principal, &err));
  ck_assert_msg(_wcsicmp(principal.name, name) == 0, "%ls", principal.name);
  enum hp_principal_kind kind = principal.kind;
  hp_principal_clear(&principal);
  hp_account_clear(&account);
  return kind;
}

START_TEST(names_are_looked_up_here_first) {
  ck_assert_int_eq(kind_of("hpc-localgroup", L"hpc-localgroup"), HP_PRINCIPAL_GROUP);
  ck_assert_int_eq(kind_of(".\\HPC-LOCALGROUP", L"hpc-localgroup"), HP_PRINCIPAL_GROUP);
  ck_assert_int_eq(kind_of("BUILTIN\\Administrators", L"Administrators"), HP_PRINCIPAL_GROUP);
  ck_assert_int_eq(kind_of("Administrators", L"Administrators"), HP_PRINCIPAL_GROUP);
  ck_assert_int_eq(kind_of("joe", L"joe"), HP_PRINCIPAL_LOCAL_USER);
  ck_assert_int_eq(kind_of("ann", L"ann"), HP_PRINCIPAL_DOMAIN_USER);
  ck_assert_int_eq(kind_of("CORP\\ann", L"ann"), HP_PRINCIPAL_DOMAIN_USER);
  ck_assert_int_eq(kind_of("CORP\\gmsa$", L"gmsa$"), HP_PRINCIPAL_MANAGED);
}
END_TEST

START_TEST(what_a_process_cannot_run_as_is_refused) {
  static const char *const bad[] = {"no-such-name", "CORP\\staff", "CORP\\nobody", "Everyone", ".\\ann"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    ck_assert_msg(plan(bad[i]) == -1, "%s was taken", bad[i]);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, bad[i]));
    hp_error_clear(&err);
  }
  ck_assert_uint_eq(json_array_size(records), 0);
}
END_TEST

START_TEST(a_domain_controller_has_no_local_groups) {
  host.controller = true;
  ck_assert_int_eq(plan("hpc-localgroup"), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "domain controller"));
}
END_TEST

START_TEST(built_in_groups_are_known_in_english) {
  ck_assert_uint_eq(hp_principal_builtin(L"administrators"), 544);
  ck_assert_uint_eq(hp_principal_builtin(L"Users"), 545);
  ck_assert_uint_eq(hp_principal_builtin(L"Administrator"), 0);
}
END_TEST

/* ---- ephemeral accounts ---------------------------------------------------------------------------- */

START_TEST(an_account_lives_as_long_as_its_container) {
  expect(plan("hpc-localgroup"));
  ck_assert_uint_eq(count_claims(), 0); /* nothing is made by a plan */
  ck_assert_uint_eq(host.logons, 0);
  expect(make());
  ck_assert_uint_eq(host.claims_at_add, 1); /* in the ledger before it was made */
  char *user = hp_narrow(host.user), *comment = hp_narrow(host.comment);
  ck_assert_uint_eq(strlen(user), 20);
  ck_assert(hp_account_is_ours(user));
  ck_assert_str_eq(user, json_string_value(json_object_get(json_array_get(records, 0), "name")));
  ck_assert_ptr_nonnull(strstr(comment, "k8s.io/c1"));
  ck_assert_ptr_nonnull(strstr(comment, "hostprocess-shim"));
  free(user);
  free(comment);
  ck_assert(wcscmp(host.group, L"hpc-localgroup") == 0);
  ck_assert_uint_eq(host.logon_types[0], LOGON32_LOGON_INTERACTIVE);
  ck_assert_ptr_nonnull(container.token);
  ck_assert_uint_eq(host.profiles_loaded, 1);
  hp_identity_clear(&container);
  ck_assert_uint_eq(host.profiles_unloaded, 1);
  expect(release());
  ck_assert_uint_eq(host.deleted, 1);
  ck_assert_uint_eq(host.profiles_deleted, 1);
  ck_assert_uint_eq(count_claims(), 0);
  expect(release()); /* again: not there is success */
  ck_assert_uint_eq(host.profiles_deleted, 1);
}
END_TEST

START_TEST(passwords_meet_every_rule_and_differ) {
  wchar_t first[64];
  expect(plan("hpc-localgroup"));
  expect(make());
  wcscpy(first, host.password);
  ck_assert_uint_ge(wcslen(first), 20);
  ck_assert(wcspbrk(first, L"ABCDEFGHIJKLMNOPQRSTUVWXYZ") && wcspbrk(first, L"abcdefghijklmnopqrstuvwxyz"));
  ck_assert(wcspbrk(first, L"0123456789") && wcspbrk(first, L"!-_"));
  hp_identity_clear(&container);
  expect(release());
  expect(make());
  ck_assert(wcscmp(first, host.password) != 0);
  hp_identity_clear(&container);
  expect(release());
}
END_TEST

START_TEST(names_have_salt) {
  char first[HP_ACCOUNT_NAME_SIZE], second[HP_ACCOUNT_NAME_SIZE];
  expect(hp_account_name("ns", "c1", first, &err));
  expect(hp_account_name("ns", "c1", second, &err));
  ck_assert_str_ne(first, second);
  ck_assert(hp_account_is_ours(first) && hp_account_is_ours(second));
}
END_TEST

START_TEST(policy_may_leave_only_batch_or_service) {
  host.logon_errors[LOGON32_LOGON_INTERACTIVE] = ERROR_LOGON_TYPE_NOT_GRANTED;
  host.logon_errors[LOGON32_LOGON_BATCH] = ERROR_LOGON_TYPE_NOT_GRANTED;
  expect(plan("hpc-localgroup"));
  expect(make());
  ck_assert_uint_eq(host.logons, 3);
  ck_assert_uint_eq(host.logon_types[2], LOGON32_LOGON_SERVICE);
  hp_identity_clear(&container);
  expect(release());
}
END_TEST

START_TEST(an_account_whose_logon_failed_goes) {
  host.logon_errors[LOGON32_LOGON_INTERACTIVE] = ERROR_ACCESS_DENIED;
  expect(plan("hpc-localgroup"));
  ck_assert_int_eq(make(), -1);
  ck_assert_uint_eq(host.logons, 1); /* no other type helps */
  ck_assert_ptr_nonnull(strstr(err.message, "failed to logon user: Access is denied."));
  ck_assert_ptr_null(container.token);
  hp_error_clear(&err);
  expect(release());
  ck_assert_uint_eq(host.deleted, 1);
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(somebody_elses_account_is_never_deleted) {
  host.add_error = NERR_UserExists;
  expect(plan("hpc-localgroup"));
  ck_assert_int_eq(make(), -1);
  hp_error_clear(&err);
  const char *name = json_string_value(json_object_get(json_array_get(records, 0), "name"));
  wchar_t *wide = hp_wide(name);
  wcscpy(host.user, wide);
  free(wide);
  expect(release());
  ck_assert_uint_eq(host.deleted, 0);
  json_object_set_new(json_array_get(records, 0), "name", json_string("Administrator"));
  ck_assert_int_eq(release(), -1);
  ck_assert_int_eq(err.code, HP_INTERNAL);
  ck_assert_uint_eq(host.deleted, 0);
}
END_TEST

START_TEST(a_profile_in_use_is_tried_again) {
  expect(plan("hpc-localgroup"));
  expect(make());
  hp_identity_clear(&container);
  host.profile_errors = 2;
  expect(release());
  ck_assert_uint_eq(host.profiles_deleted, 1);
}
END_TEST

START_TEST(a_profile_in_use_for_long_stays_claimed) {
  expect(plan("hpc-localgroup"));
  expect(make());
  hp_identity_clear(&container);
  host.profile_errors = 1000;
  ck_assert_int_eq(release(), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_assert_uint_eq(host.deleted, 1); /* the account itself is gone */
  ck_assert_uint_eq(count_claims(), 1);
  host.profile_errors = 0;
  expect(release()); /* by the SID in the ledger, since the name is unknown now */
  ck_assert_uint_eq(host.profiles_deleted, 1);
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(the_sweep_removes_what_no_bundle_names) {
  expect(plan("hpc-localgroup"));
  expect(make());
  hp_identity_clear(&container);
  host_sweep();
  ck_assert_uint_eq(host.deleted, 0); /* its bundle is there */
  wchar_t *path = in_scratch(L"bundle");
  ck_assert(RemoveDirectoryW(path));
  free(path);
  host_sweep();
  ck_assert_uint_eq(host.deleted, 1);
  ck_assert_uint_eq(host.profiles_deleted, 1);
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(no_handle_is_left) {
  DWORD before = 0, after = 0;
  for (int i = 0; i < 22; i++) {
    if (i == 2) /* whatever the first rounds loaded stays */
      GetProcessHandleCount(GetCurrentProcess(), &before);
    expect(plan("hpc-localgroup"));
    expect(make());
    hp_identity_clear(&container);
    expect(release());
    json_array_clear(records);
  }
  GetProcessHandleCount(GetCurrentProcess(), &after);
  ck_assert_uint_le(after, before);
}
END_TEST

START_TEST(records_of_others_are_left_alone) {
  bool known = true;
  json_t *record = json_pack("{s:s}", "kind", "job"), *broken = json_pack("{s:s}", "kind", "account");
  expect(hp_identity_release(record, &known, &err));
  ck_assert(!known);
  expect(hp_identity_make(&container, record, &known, &err));
  ck_assert(!known);
  ck_assert_int_eq(hp_identity_release(broken, &known, &err), -1);
  ck_assert_int_eq(err.code, HP_INTERNAL);
  json_decref(record);
  json_decref(broken);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_identity");
  TCase *tcase = tcase_create("identity");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, enter, leave);
  tcase_add_test(tcase, services_log_on_as_services);
  tcase_add_test(tcase, inherit_needs_no_token);
  tcase_add_test(tcase, numbers_name_nobody);
  tcase_add_test(tcase, a_refused_logon_says_the_sentence_people_search_for);
  tcase_add_test(tcase, a_managed_account_is_a_service_of_its_domain);
  tcase_add_test(tcase, names_are_looked_up_here_first);
  tcase_add_test(tcase, what_a_process_cannot_run_as_is_refused);
  tcase_add_test(tcase, a_domain_controller_has_no_local_groups);
  tcase_add_test(tcase, built_in_groups_are_known_in_english);
  tcase_add_test(tcase, an_account_lives_as_long_as_its_container);
  tcase_add_test(tcase, passwords_meet_every_rule_and_differ);
  tcase_add_test(tcase, names_have_salt);
  tcase_add_test(tcase, policy_may_leave_only_batch_or_service);
  tcase_add_test(tcase, an_account_whose_logon_failed_goes);
  tcase_add_test(tcase, somebody_elses_account_is_never_deleted);
  tcase_add_test(tcase, a_profile_in_use_is_tried_again);
  tcase_add_test(tcase, a_profile_in_use_for_long_stays_claimed);
  tcase_add_test(tcase, the_sweep_removes_what_no_bundle_names);
  tcase_add_test(tcase, no_handle_is_left);
  tcase_add_test(tcase, records_of_others_are_left_alone);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
