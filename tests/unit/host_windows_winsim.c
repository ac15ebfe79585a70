/* winsim's own rules: a wrong argument fails with the documented error, and
 * nothing has changed. Each case is the recipe's call with one argument wrong. */
#include <windows.h>

#include <lm.h>
#include <sddl.h>
#include <userenv.h>
#include <winioctl.h>

#include "host/windows/layers.h"
#include "host/windows/winapi.h"
#include "scratch_windows.h"
#include "support.h"
#include "winsim/winsim.h"

static const struct hp_layer_driver_info driver = {1, L""};

static void set_up(void) {
  scratch_make();
  winsim_reset();
  winsim_add_alias(L"staff");
  winsim_add_user(NULL, L"joe");
}

static void tear_down(void) {
  scratch_remove();
}

static DWORD error_of(BOOL done) {
  return done ? ERROR_SUCCESS : GetLastError();
}

static DWORD code_of(HRESULT result) {
  return (DWORD)HRESULT_CODE(result);
}

/* ---- accounts ------------------------------------------------------------------ */

static wchar_t user_name[] = L"hpc-0123456789abcdef", password[] = L"GoodPassword-1!";

static USER_INFO_1 user(void) {
  return (USER_INFO_1){.usri1_name = user_name,
                       .usri1_password = password,
                       .usri1_priv = USER_PRIV_USER,
                       .usri1_flags = UF_SCRIPT | UF_NORMAL_ACCOUNT | UF_DONT_EXPIRE_PASSWD};
}

static void expect_user(USER_INFO_1 info, DWORD level, NET_API_STATUS wanted, DWORD wanted_field) {
  DWORD field = 0;
  ck_assert_uint_eq(NetUserAdd(NULL, level, (BYTE *)&info, &field), wanted);
  ck_assert_uint_eq(field, wanted_field);
}

START_TEST(users) {
  USER_INFO_1 wrong = user();
  wchar_t long_name[] = L"hpc-0123456789abcdef0", weak[] = L"password";
  expect_user(user(), 0, ERROR_INVALID_LEVEL, 0);
  wrong.usri1_priv = USER_PRIV_ADMIN;
  expect_user(wrong, 1, ERROR_INVALID_PARAMETER, USER_PRIV_PARMNUM);
  wrong = user();
  wrong.usri1_flags = UF_NORMAL_ACCOUNT;
  expect_user(wrong, 1, ERROR_INVALID_PARAMETER, USER_FLAGS_PARMNUM);
  wrong = user();
  wrong.usri1_name = long_name;
  expect_user(wrong, 1, NERR_BadUsername, USER_NAME_PARMNUM);
  wrong = user();
  wrong.usri1_password = weak;
  expect_user(wrong, 1, NERR_PasswordTooShort, USER_PASSWORD_PARMNUM);
  char *left = winsim_left();
  ck_assert_str_eq(left, "");
  free(left);
  expect_user(user(), 1, NERR_Success, 0);
  expect_user(user(), 1, NERR_UserExists, 0);
  ck_assert_uint_eq(NetUserDel(NULL, user_name), NERR_Success);
  ck_assert_uint_eq(NetUserDel(NULL, user_name), NERR_UserNotFound);
}
END_TEST

START_TEST(members) {
  unsigned char sid[SECURITY_MAX_SID_SIZE];
  wchar_t domain[256];
  DWORD length = 4, domain_length = 256;
  SID_NAME_USE use;
  ck_assert_uint_eq(error_of(LookupAccountNameW(NULL, L"joe", sid, &length, domain, &domain_length, &use)),
                    ERROR_INSUFFICIENT_BUFFER);
  ck_assert_uint_le(length, sizeof sid);
  domain_length = 256;
  ck_assert(LookupAccountNameW(NULL, L"joe", sid, &length, domain, &domain_length, &use));
  LOCALGROUP_MEMBERS_INFO_0 member = {sid};
  ck_assert_uint_eq(NetLocalGroupAddMembers(NULL, L"staff", 1, (BYTE *)&member, 1), ERROR_INVALID_LEVEL);
  ck_assert_uint_eq(NetLocalGroupAddMembers(NULL, L"none", 0, (BYTE *)&member, 1), NERR_GroupNotFound);
  ck_assert(!winsim_is_member(L"staff", L"joe"));
  ck_assert_uint_eq(NetLocalGroupAddMembers(NULL, L"staff", 0, (BYTE *)&member, 1), NERR_Success);
  ck_assert(winsim_is_member(L"staff", L"joe"));
  ck_assert_uint_eq(NetLocalGroupAddMembers(NULL, L"staff", 0, (BYTE *)&member, 1), ERROR_MEMBER_IN_ALIAS);
}
END_TEST

START_TEST(logons) {
  HANDLE token;
  expect_user(user(), 1, NERR_Success, 0);
  ck_assert_uint_eq(error_of(LogonUserW(user_name, L".", L"wrong", LOGON32_LOGON_INTERACTIVE, 0, &token)),
                    ERROR_LOGON_FAILURE);
  ck_assert_uint_eq(error_of(LogonUserW(user_name, L".", password, 6, 0, &token)), ERROR_INVALID_PARAMETER);
  ck_assert_uint_eq(
      error_of(LogonUserW(L"SYSTEM", L"NT AUTHORITY", NULL, LOGON32_LOGON_INTERACTIVE, 0, &token)),
      ERROR_LOGON_FAILURE);
  ck_assert_uint_eq(error_of(LogonUserW(L"gmsa$", L"CORP", L"guess", LOGON32_LOGON_SERVICE, 0, &token)),
                    ERROR_LOGON_FAILURE);
  ck_assert(LogonUserW(user_name, L".", password, LOGON32_LOGON_BATCH, 0, &token));
  PROFILEINFOW profile = {.dwSize = sizeof profile};
  ck_assert_uint_eq(error_of(LoadUserProfileW(token, &profile)), ERROR_INVALID_PARAMETER); /* no name */
  profile.lpUserName = user_name;
  ck_assert(LoadUserProfileW(token, &profile));
  ck_assert(UnloadUserProfile(token, profile.hProfile));
  ck_assert_uint_eq(error_of(UnloadUserProfile(token, profile.hProfile)), ERROR_INVALID_HANDLE);
  CloseHandle(token);
}
END_TEST

/* ---- jobs ----------------------------------------------------------------------- */

static DWORD set_job(HANDLE job, JOBOBJECTINFOCLASS kind, void *data, DWORD length) {
  return error_of(SetInformationJobObject(job, kind, data, length));
}

START_TEST(limits) {
  HANDLE job = CreateJobObjectW(NULL, NULL);
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION extended = {.BasicLimitInformation.LimitFlags =
                                                       JOB_OBJECT_LIMIT_JOB_MEMORY};
  ck_assert_uint_eq(set_job(job, JobObjectExtendedLimitInformation, &extended, sizeof extended - 1),
                    ERROR_BAD_LENGTH);
  ck_assert_uint_eq(set_job(job, JobObjectExtendedLimitInformation, &extended, sizeof extended),
                    ERROR_INVALID_PARAMETER);
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate = {.ControlFlags = 5, .CpuRate = 10001};
  ck_assert_uint_eq(set_job(job, JobObjectCpuRateControlInformation, &rate, sizeof rate),
                    ERROR_INVALID_PARAMETER);
  rate = (JOBOBJECT_CPU_RATE_CONTROL_INFORMATION){.ControlFlags = 3, .Weight = 10};
  ck_assert_uint_eq(set_job(job, JobObjectCpuRateControlInformation, &rate, sizeof rate),
                    ERROR_INVALID_PARAMETER);
  rate = (JOBOBJECT_CPU_RATE_CONTROL_INFORMATION){.ControlFlags = 7, .CpuRate = 5};
  ck_assert_uint_eq(set_job(job, JobObjectCpuRateControlInformation, &rate, sizeof rate),
                    ERROR_INVALID_PARAMETER);
  GROUP_AFFINITY groups[2] = {{.Mask = 1}, {.Mask = 1}};
  ck_assert_uint_eq(set_job(job, JobObjectGroupInformationEx, groups, sizeof groups),
                    ERROR_INVALID_PARAMETER);
  CloseHandle(job);
}
END_TEST

START_TEST(silos_and_bindings) {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION closes = {.BasicLimitInformation.LimitFlags =
                                                     JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};
  const struct hp_bindflt *api = hp_winapi_bindflt();
  HANDLE job = CreateJobObjectW(NULL, NULL);
  wchar_t *root = in_scratch(L"root"), *deep = in_scratch(L"no\\root"), *slashed = in_scratch(L"");
  ULONG flags = HP_BIND_CURRENT_SILO | HP_BIND_NO_MULTIPLE_TARGETS;
  ck_assert_uint_eq(set_job(job, HP_JOB_CREATE_SILO, NULL, 0), ERROR_INVALID_PARAMETER); /* not on close */
  ck_assert_uint_eq(set_job(job, JobObjectExtendedLimitInformation, &closes, sizeof closes), 0);
  ck_assert_uint_eq(code_of(api->BfSetupFilter(job, flags, root, scratch, NULL, 0)),
                    ERROR_INVALID_PARAMETER); /* no silo yet */
  ck_assert_uint_eq(set_job(job, HP_JOB_CREATE_SILO, &flags, sizeof flags), ERROR_INVALID_PARAMETER);
  ck_assert_uint_eq(set_job(job, HP_JOB_CREATE_SILO, NULL, 0), ERROR_SUCCESS);
  ck_assert_uint_eq(code_of(api->BfSetupFilter(job, 0, root, scratch, NULL, 0)), ERROR_INVALID_PARAMETER);
  ck_assert_uint_eq(code_of(api->BfSetupFilter(job, flags, deep, scratch, NULL, 0)), ERROR_PATH_NOT_FOUND);
  ck_assert_uint_eq(code_of(api->BfSetupFilter(job, flags, root, slashed, NULL, 0)), ERROR_INVALID_PARAMETER);
  ck_assert_uint_eq(code_of(api->BfSetupFilter(job, flags, root, scratch, NULL, 1)), ERROR_INVALID_PARAMETER);
  ck_assert_int_eq(api->BfSetupFilter(job, flags, root, scratch, NULL, 0), S_OK);
  ck_assert_uint_eq(code_of(api->BfSetupFilter(job, flags, root, scratch, NULL, 0)), ERROR_ALREADY_EXISTS);
  CloseHandle(job);
  free(root);
  free(deep);
  free(slashed);
}
END_TEST

/* ---- layers and mount points --------------------------------------------------------- */

START_TEST(layers) {
  const struct hp_vmcompute *api = hp_winapi_vmcompute();
  const struct hp_layer_driver_info other = {0, L""};
  make_directory_in_scratch(L"layer");
  make_directory_in_scratch(L"base");
  wchar_t *id = in_scratch(L"layer"), *parent = in_scratch(L"base"), path[64];
  struct hp_layer_descriptor descriptor = {.path = parent};
  SIZE_T length = 0;
  ck_assert_uint_eq(code_of(api->ActivateLayer(&other, id)), ERROR_INVALID_PARAMETER);
  ck_assert_uint_eq(code_of(api->ActivateLayer(&driver, L"layer")), ERROR_INVALID_PARAMETER);
  ck_assert_uint_eq(code_of(api->ActivateLayer(&driver, id)), ERROR_FILE_NOT_FOUND); /* no disk */
  ck_assert_uint_eq(code_of(api->CreateSandboxLayer(&driver, id, NULL, &descriptor, 1)),
                    ERROR_INVALID_PARAMETER); /* no GUID */
  ck_assert_uint_eq(code_of(api->NameToGuid(parent, &descriptor.id)), ERROR_INVALID_PARAMETER);
  ck_assert_int_eq(api->NameToGuid(L"base", &descriptor.id), S_OK);
  ck_assert_uint_eq(code_of(api->CreateSandboxLayer(&driver, id, NULL, &descriptor, 0)),
                    ERROR_INVALID_PARAMETER);
  ck_assert_int_eq(api->CreateSandboxLayer(&driver, id, NULL, &descriptor, 1), S_OK);
  ck_assert_uint_eq(code_of(api->PrepareLayer(&driver, id, &descriptor, 1)), ERROR_NOT_FOUND);
  ck_assert_int_eq(api->ActivateLayer(&driver, id), S_OK);
  ck_assert_uint_eq(code_of(api->ExpandSandboxSize(&driver, id, 1)), ERROR_SHARING_VIOLATION);
  ck_assert_uint_eq(code_of(api->GetLayerMountPath(&driver, id, &length, NULL)), ERROR_NOT_READY);
  ck_assert_int_eq(api->PrepareLayer(&driver, id, &descriptor, 1), S_OK);
  ck_assert_int_eq(api->GetLayerMountPath(&driver, id, &length, NULL), S_OK);
  SIZE_T less = length - 1;
  ck_assert_uint_eq(code_of(api->GetLayerMountPath(&driver, id, &less, path)), ERROR_INSUFFICIENT_BUFFER);
  ck_assert_int_eq(api->GetLayerMountPath(&driver, id, &length, path), S_OK);

  make_directory_in_scratch(L"point");
  wchar_t *point = in_scratch(L"point"), *slashed = in_scratch(L"point\\");
  wchar_t *volume = hp_path_join(path, L"");
  ck_assert_uint_eq(error_of(SetVolumeMountPointW(point, volume)), ERROR_INVALID_NAME);
  ck_assert_uint_eq(error_of(SetVolumeMountPointW(slashed, path)), ERROR_INVALID_NAME);
  ck_assert(SetVolumeMountPointW(slashed, volume));
  ck_assert_uint_eq(error_of(SetVolumeMountPointW(slashed, volume)), ERROR_DIR_NOT_EMPTY);
  ck_assert_uint_eq(error_of(GetVolumeNameForVolumeMountPointW(slashed, path, 10)),
                    ERROR_FILENAME_EXCED_RANGE);
  ck_assert_uint_eq(error_of(DeleteVolumeMountPointW(point)), ERROR_INVALID_NAME);
  ck_assert(DeleteVolumeMountPointW(slashed));
  ck_assert_uint_eq(error_of(DeleteVolumeMountPointW(slashed)), ERROR_NOT_A_REPARSE_POINT);
  ck_assert_int_eq(api->UnprepareLayer(&driver, id), S_OK);
  ck_assert_uint_eq(code_of(api->UnprepareLayer(&driver, id)), ERROR_INVALID_STATE);
  ck_assert_int_eq(api->DeactivateLayer(&driver, id), S_OK);
  ck_assert_uint_eq(code_of(api->DeactivateLayer(&driver, id)), ERROR_NOT_FOUND);
  free(volume);
  free(point);
  free(slashed);
  free(id);
  free(parent);
}
END_TEST

/* ---- processes ------------------------------------------------------------------------- */

START_TEST(processes) {
  SIZE_T size = 0;
  InitializeProcThreadAttributeList(NULL, 1, 0, &size);
  LPPROC_THREAD_ATTRIBUTE_LIST list = hp_alloc(size);
  ck_assert(InitializeProcThreadAttributeList(list, 1, 0, &size));
  HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL), twice[2] = {event, event}, none = NULL, token;
  ck_assert_uint_eq(error_of(UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &event,
                                                       sizeof event, NULL, NULL)),
                    ERROR_INVALID_PARAMETER); /* not inheritable */
  SetHandleInformation(event, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
  ck_assert_uint_eq(error_of(UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, twice,
                                                       sizeof twice, NULL, NULL)),
                    ERROR_INVALID_PARAMETER);
  ck_assert_uint_eq(error_of(UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &none,
                                                       sizeof none, NULL, NULL)),
                    ERROR_INVALID_PARAMETER);
  STARTUPINFOEXW startup = {.StartupInfo.cb = sizeof startup, .lpAttributeList = list};
  PROCESS_INFORMATION process;
  ck_assert_uint_eq(error_of(CreateProcessW(L"C:\\x.exe", NULL, NULL, NULL, FALSE, 0, NULL, NULL,
                                            &startup.StartupInfo, &process)),
                    ERROR_INVALID_PARAMETER); /* EXTENDED_STARTUPINFO_PRESENT is missing */
  HANDLE own;
  ck_assert(OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &own));
  ck_assert(DuplicateTokenEx(own, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenImpersonation, &token));
  ck_assert_uint_eq(error_of(CreateProcessAsUserW(token, L"C:\\x.exe", NULL, NULL, NULL, FALSE,
                                                  EXTENDED_STARTUPINFO_PRESENT, NULL, NULL,
                                                  &startup.StartupInfo, &process)),
                    ERROR_BAD_TOKEN_TYPE);
  CloseHandle(own);
  CloseHandle(token);
  CloseHandle(event);
  DeleteProcThreadAttributeList(list);
  free(list);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_winsim");
  TCase *test = tcase_create("rules");
  tcase_set_timeout(test, 60);
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_test(test, users);
  tcase_add_test(test, members);
  tcase_add_test(test, logons);
  tcase_add_test(test, limits);
  tcase_add_test(test, silos_and_bindings);
  tcase_add_test(test, layers);
  tcase_add_test(test, processes);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
