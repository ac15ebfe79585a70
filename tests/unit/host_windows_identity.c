/* Who a container runs as, on winsim's accounts. */
#include "host/owner.h"

#include <windows.h>

#include <lm.h>

#include "host/ledger.h"
#include "host/windows/account.h"
#include "host/windows/container.h"
#include "host/windows/logon.h"
#include "host/windows/principal.h"
#include "scratch_windows.h"
#include "support.h"
#include "winsim/winsim.h"

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
  winsim_reset();
  winsim_add_user(NULL, L"joe");
  winsim_add_user(L"CORP", L"ann");
  winsim_add_alias(L"hpc-localgroup");
  winsim_add_group(L"CORP", L"staff");
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
  scratch_remove();
  hp_error_clear(&err);
}

static int plan(const char *username) {
  hp_account_clear(&verdict.account);
  ck_assert_int_eq(hp_account_parse(HP_OS_WINDOWS, username, &verdict.account, &err), 0);
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

/* Nothing of what was made, here or in the ledger. */
static void expect_nothing_left(void) {
  char *left = winsim_left();
  ck_assert_str_eq(left, "");
  free(left);
  ck_assert_uint_eq(count_claims(), 0);
}

/* The types of logon that were tried: "2 4 5". */
static void expect_logons(const char *wanted) {
  char *types = hp_strdup("");
  for (const char *at = winsim_log(); (at = strstr(at, "LogonUserW ")) != NULL; at++) {
    char *longer = hp_printf("%s%s%.1s", types, *types ? " " : "", at + strlen("LogonUserW "));
    free(types);
    types = longer;
  }
  ck_assert_str_eq(types, wanted);
  free(types);
}

/* ---- service accounts ----------------------------------------------------------------------- */

START_TEST(services_log_on_as_services) {
  static const char *const names[] = {"NT AUTHORITY\\SYSTEM", "local service", "NetworkService", "S-1-5-18"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    expect(plan(names[i]));
    ck_assert_ptr_nonnull(container.token);
    hp_identity_clear(&container);
  }
  ck_assert_uint_eq(json_array_size(records), 0);
  expect_logons("5 5 5 5");
  expect_nothing_left();
}
END_TEST

START_TEST(inherit_needs_no_token) {
  verdict.account.kind = HP_ACCOUNT_INHERIT;
  expect(hp_identity_plan(&container, &request, records, &err));
  ck_assert_ptr_null(container.token);
  ck_assert_uint_eq(winsim_calls(), 0);
}
END_TEST

START_TEST(numbers_name_nobody) {
  verdict.account.kind = HP_ACCOUNT_NUMERIC;
  ck_assert_int_eq(hp_identity_plan(&container, &request, records, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
}
END_TEST

START_TEST(a_refused_logon_says_the_sentence_people_search_for) {
  winsim_deny_logon(LOGON32_LOGON_SERVICE, ERROR_ACCESS_DENIED);
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
  expect_logons("5");
  ck_assert_uint_eq(winsim_count("LoadUserProfileW"), 1);
  ck_assert_uint_eq(json_array_size(records), 0);
}
END_TEST

static void expect_user(const char *username, const char *log) {
  winsim_forget();
  expect(plan(username));
  ck_assert_ptr_nonnull(container.token);
  ck_assert_msg(strstr(winsim_log(), log), "%s", winsim_log());
  ck_assert_uint_eq(winsim_count("LoadUserProfileW"), 1);
  ck_assert_uint_eq(json_array_size(records), 0);
  hp_identity_clear(&container);
  ck_assert_uint_eq(winsim_count("UnloadUserProfile"), 1);
}

/* Without a password; a network logon's token impersonates, and becomes a primary one. */
START_TEST(existing_users_are_logged_on_by_s4u) {
  expect_user("joe", "LsaRegisterLogonProcess\n"
                     "LsaLookupAuthenticationPackage MICROSOFT_AUTHENTICATION_PACKAGE_V1_0\n"
                     "LsaLogonUser 3 4\n"
                     "DuplicateTokenEx primary\n");
  expect_user("CORP\\ann", "TranslateNameW\n"
                           "TranslateNameW\n"
                           "LsaLookupAuthenticationPackage Kerberos\n"
                           "LsaLogonUser 3 5\n"
                           "DuplicateTokenEx primary\n");
}
END_TEST

/* ---- names -------------------------------------------------------------------------------------- */

static enum hp_principal_kind kind_of(const char *username, const wchar_t *name) {
  struct hp_principal principal;
  struct hp_account account;
  expect(hp_account_parse(HP_OS_WINDOWS, username, &account, &err));
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
  winsim_set_controller(true);
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

static const char *account_name(void) {
  return json_string_value(json_object_get(json_array_get(records, 0), "name"));
}

static wchar_t *account_name_wide(void) {
  return hp_wide(account_name());
}

START_TEST(an_account_lives_as_long_as_its_container) {
  expect(plan("hpc-localgroup"));
  ck_assert_uint_eq(count_claims(), 0); /* nothing is made by a plan */
  ck_assert_uint_eq(winsim_count("LogonUserW"), 0);
  winsim_forget();
  expect(make());
  ck_assert_uint_eq(strlen(account_name()), 20);
  ck_assert(hp_account_is_ours(account_name()));
  wchar_t *name = account_name_wide();
  ck_assert(winsim_is_member(L"hpc-localgroup", name));
  free(name);
  ck_assert_str_eq(winsim_log(), "NetUserAdd 0x10201\n"
                                 "LookupAccountNameW\n"
                                 "NetLocalGroupAddMembers hpc-localgroup\n"
                                 "LogonUserW 2\n"
                                 "GetTokenInformation TokenElevationType\n"
                                 "LoadUserProfileW 0x1\n");
  ck_assert_ptr_nonnull(container.token);
  winsim_forget();
  hp_identity_clear(&container);
  expect(release());
  ck_assert_str_eq(winsim_log(), "UnloadUserProfile\n"
                                 "NetUserDel\n"
                                 "RegOpenKeyExW ProfileList\n"
                                 "DeleteProfileW\n");
  expect_nothing_left();
  expect(release()); /* again: not there is success */
  ck_assert_uint_eq(winsim_count("DeleteProfileW"), 1);
}
END_TEST

START_TEST(the_ledger_knows_an_account_before_the_system_does) {
  expect(plan("hpc-localgroup"));
  winsim_fail_call("NetUserAdd", 1, ERROR_ACCESS_DENIED);
  ck_assert_int_eq(make(), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "NetUserAdd"));
  ck_assert_ptr_nonnull(strstr(err.message, "k8s.io/c1"));
  hp_error_clear(&err);
  ck_assert_uint_eq(count_claims(), 1);
  expect(release());
  expect_nothing_left();
}
END_TEST

START_TEST(passwords_meet_every_rule_and_differ) {
  expect(plan("hpc-localgroup"));
  expect(make());
  wchar_t *name = account_name_wide();
  char *first = winsim_password(name);
  ck_assert_uint_ge(strlen(first), 20);
  ck_assert(strpbrk(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && strpbrk(first, "abcdefghijklmnopqrstuvwxyz"));
  ck_assert(strpbrk(first, "0123456789") && strpbrk(first, "!-_"));
  hp_identity_clear(&container);
  expect(release());
  expect(make());
  char *second = winsim_password(name);
  ck_assert_str_ne(first, second);
  free(first);
  free(second);
  free(name);
  hp_identity_clear(&container);
  expect(release());
}
END_TEST

START_TEST(an_administrator_gets_the_whole_token) {
  winsim_set_administrators(L"hpc-localgroup");
  expect(plan("hpc-localgroup"));
  winsim_forget();
  expect(make());
  ck_assert_uint_eq(winsim_count("DuplicateTokenEx"), 1);
  TOKEN_ELEVATION_TYPE type = TokenElevationTypeLimited;
  DWORD length;
  ck_assert(GetTokenInformation(container.token, TokenElevationType, &type, sizeof type, &length));
  ck_assert_int_eq(type, TokenElevationTypeFull);
  TOKEN_TYPE kind = TokenImpersonation;
  ck_assert(GetTokenInformation(container.token, TokenType, &kind, sizeof kind, &length));
  ck_assert_int_eq(kind, TokenPrimary); /* no other starts a process */
  hp_identity_clear(&container);
  expect(release());
  expect_nothing_left(); /* neither the filtered token nor the linked one */
}
END_TEST

START_TEST(ids_that_begin_alike_get_accounts_of_their_own) {
  static const char *const ids[] = {"abcdefghijklmnopqrstuvwxyz0123-one",
                                    "abcdefghijklmnopqrstuvwxyz0123-two"};
  struct host_container both[2] = {0};
  for (size_t i = 0; i < 2; i++) {
    request.id = ids[i];
    expect(plan("hpc-localgroup"));
  }
  const json_t *first = json_array_get(records, 0), *second = json_array_get(records, 1);
  ck_assert_str_ne(json_string_value(json_object_get(first, "name")),
                   json_string_value(json_object_get(second, "name")));
  for (size_t i = 0; i < 2; i++) {
    bool known = false;
    both[i].request = &request;
    expect(hp_identity_make(&both[i], json_array_get(records, i), &known, &err));
  }
  ck_assert_uint_eq(count_claims(), 2);
  for (size_t i = 0; i < 2; i++) {
    bool known = false;
    hp_identity_clear(&both[i]);
    expect(hp_identity_release(json_array_get(records, i), &known, &err));
  }
  expect_nothing_left();
}
END_TEST

START_TEST(a_group_that_goes_between_is_named) {
  expect(plan("hpc-localgroup"));
  json_object_set_new(json_array_get(records, 0), "group", json_string("gone"));
  ck_assert_int_eq(make(), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "NetLocalGroupAddMembers"));
  ck_assert_ptr_nonnull(strstr(err.message, "\"gone\""));
  hp_error_clear(&err);
  expect(release());
  expect_nothing_left();
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
  winsim_deny_logon(LOGON32_LOGON_INTERACTIVE, ERROR_LOGON_TYPE_NOT_GRANTED);
  expect(plan("hpc-localgroup"));
  expect(make());
  expect_logons("2 4");
  hp_identity_clear(&container);
  expect(release());
  winsim_deny_logon(LOGON32_LOGON_BATCH, ERROR_LOGON_TYPE_NOT_GRANTED);
  winsim_forget();
  expect(make());
  expect_logons("2 4 5");
  hp_identity_clear(&container);
  expect(release());
  winsim_deny_logon(LOGON32_LOGON_SERVICE, ERROR_LOGON_TYPE_NOT_GRANTED);
  ck_assert_int_eq(make(), -1);
  ck_assert_int_eq(err.os_code, ERROR_LOGON_TYPE_NOT_GRANTED);
  hp_error_clear(&err);
  expect(release());
  expect_nothing_left();
}
END_TEST

START_TEST(an_account_whose_logon_failed_goes) {
  winsim_deny_logon(LOGON32_LOGON_INTERACTIVE, ERROR_ACCESS_DENIED);
  expect(plan("hpc-localgroup"));
  ck_assert_int_eq(make(), -1);
  expect_logons("2"); /* no other type helps */
  ck_assert_ptr_nonnull(strstr(err.message, "failed to logon user: Access is denied."));
  ck_assert_ptr_null(container.token);
  hp_error_clear(&err);
  expect(release());
  expect_nothing_left();
}
END_TEST

START_TEST(somebody_elses_account_is_never_deleted) {
  expect(plan("hpc-localgroup"));
  wchar_t *name = account_name_wide();
  winsim_add_user(NULL, name);
  free(name);
  ck_assert_int_eq(make(), -1);
  ck_assert_int_eq(err.os_code, NERR_UserExists);
  hp_error_clear(&err);
  expect(release());
  ck_assert_uint_eq(winsim_count("NetUserDel"), 0);
  json_object_set_new(json_array_get(records, 0), "name", json_string("Administrator"));
  ck_assert_int_eq(release(), -1);
  ck_assert_int_eq(err.code, HP_INTERNAL);
  ck_assert_uint_eq(winsim_count("NetUserDel"), 0);
}
END_TEST

START_TEST(a_profile_in_use_is_tried_again) {
  expect(plan("hpc-localgroup"));
  expect(make());
  hp_identity_clear(&container);
  winsim_fail_call("DeleteProfileW", 2, ERROR_SHARING_VIOLATION);
  expect(release());
  ck_assert_uint_eq(winsim_count("DeleteProfileW"), 3);
  expect_nothing_left();
}
END_TEST

START_TEST(a_profile_in_use_for_long_stays_claimed) {
  expect(plan("hpc-localgroup"));
  expect(make());
  hp_identity_clear(&container);
  winsim_fail_call("DeleteProfileW", 1000, ERROR_SHARING_VIOLATION);
  ck_assert_int_eq(release(), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "DeleteProfileW"));
  hp_error_clear(&err);
  ck_assert_uint_eq(winsim_count("NetUserDel"), 1); /* the account itself is gone */
  ck_assert_uint_eq(count_claims(), 1);
  winsim_fail_call("DeleteProfileW", 0, 0);
  expect(release()); /* by the SID in the ledger, since the name is unknown now */
  expect_nothing_left();
}
END_TEST

/* Nobody unloaded it: its shim was killed. */
START_TEST(a_hive_that_stayed_loaded_is_unloaded) {
  expect(plan("hpc-localgroup"));
  expect(make());
  winsim_forget();
  expect(release());
  ck_assert_uint_gt(winsim_count("RegUnLoadKeyW"), 0);
  ck_assert_uint_eq(count_claims(), 0);
  CloseHandle(container.token);
  container.token = container.profile = NULL;
  expect_nothing_left();
}
END_TEST

START_TEST(the_sweep_removes_what_no_bundle_names) {
  expect(plan("hpc-localgroup"));
  expect(make());
  hp_identity_clear(&container);
  host_sweep();
  ck_assert_uint_eq(winsim_count("NetUserDel"), 0); /* its bundle is there */
  wchar_t *path = in_scratch(L"bundle");
  ck_assert(RemoveDirectoryW(path));
  free(path);
  host_sweep();
  expect_nothing_left();
}
END_TEST

/* By its name and its comment; somebody's of such a name without the comment stays. */
START_TEST(an_account_whose_claim_is_lost_is_found) {
  char state[MAX_PATH];
  json_t *made = NULL;
  expect(plan("hpc-localgroup"));
  expect(make());
  hp_identity_clear(&container);
  ck_assert_uint_gt(GetEnvironmentVariableA("HOSTPROCESS_STATE_DIR", state, sizeof state), 0);
  char *ledger = hp_printf("%s\\ledger.json", state);
  unit_remove(ledger);
  free(ledger);
  winsim_add_user(NULL, L"hpc-0123456789abcdef");
  expect(host_find_made(&made, &err));
  ck_assert_uint_eq(json_array_size(made), 1);
  expect(host_release(json_array_get(made, 0), &err));
  json_decref(made);
  ck_assert_uint_eq(winsim_count("NetUserDel"), 1);
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
    winsim_forget();
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
  tcase_add_test(tcase, existing_users_are_logged_on_by_s4u);
  tcase_add_test(tcase, names_are_looked_up_here_first);
  tcase_add_test(tcase, what_a_process_cannot_run_as_is_refused);
  tcase_add_test(tcase, a_domain_controller_has_no_local_groups);
  tcase_add_test(tcase, built_in_groups_are_known_in_english);
  tcase_add_test(tcase, an_account_lives_as_long_as_its_container);
  tcase_add_test(tcase, the_ledger_knows_an_account_before_the_system_does);
  tcase_add_test(tcase, passwords_meet_every_rule_and_differ);
  tcase_add_test(tcase, an_administrator_gets_the_whole_token);
  tcase_add_test(tcase, ids_that_begin_alike_get_accounts_of_their_own);
  tcase_add_test(tcase, a_group_that_goes_between_is_named);
  tcase_add_test(tcase, names_have_salt);
  tcase_add_test(tcase, policy_may_leave_only_batch_or_service);
  tcase_add_test(tcase, an_account_whose_logon_failed_goes);
  tcase_add_test(tcase, somebody_elses_account_is_never_deleted);
  tcase_add_test(tcase, a_profile_in_use_is_tried_again);
  tcase_add_test(tcase, a_profile_in_use_for_long_stays_claimed);
  tcase_add_test(tcase, a_hive_that_stayed_loaded_is_unloaded);
  tcase_add_test(tcase, the_sweep_removes_what_no_bundle_names);
  tcase_add_test(tcase, an_account_whose_claim_is_lost_is_found);
  tcase_add_test(tcase, no_handle_is_left);
  tcase_add_test(tcase, records_of_others_are_left_alone);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
