#include "host/windows/logon.h"

#include <stdlib.h>
#include <string.h>

#include <ntsecapi.h>
#include <userenv.h>

#define SECURITY_WIN32
#include <security.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/token.h"
#include "host/windows/wide_path.h"
#include "host/windows/winapi.h"

#define LOGON_FAILED "failed to create user process token: failed to logon user"

int hp_logon_failed(const char *call, DWORD os_code, struct hp_error *err) {
  char *own = hp_token_own_name();
  /* People search for this sentence, so it does not depend on the node's language. */
  if (os_code == ERROR_ACCESS_DENIED)
    hp_error_set(err, HP_FAILED_PRECONDITION, LOGON_FAILED ": Access is denied.");
  else
    hp_error_set_os(err, (int)os_code, LOGON_FAILED);
  char *message = hp_strdup(err->message);
  if (os_code == ERROR_ACCESS_DENIED || os_code == ERROR_PRIVILEGE_NOT_HELD)
    hp_error_set(err, HP_FAILED_PRECONDITION,
                 "%s containerd must run as LocalSystem or LocalService, and it runs as %s now (%s)", message,
                 own, call);
  else
    hp_error_set(err, HP_FAILED_PRECONDITION, "%s (%s, Windows error %lu; the shim runs as %s)", message,
                 call, (unsigned long)os_code, own);
  err->os_code = (int)os_code;
  free(message);
  free(own);
  return -1;
}

static void enable_privileges(void) {
  hp_privilege_enable(SE_TCB_NAME);
  hp_privilege_enable(SE_ASSIGNPRIMARYTOKEN_NAME);
  hp_privilege_enable(SE_INCREASE_QUOTA_NAME);
  hp_privilege_enable(SE_BACKUP_NAME); /* both for LoadUserProfileW */
  hp_privilege_enable(SE_RESTORE_NAME);
}

/* ---- elevation --------------------------------------------------------------------- */

/* An administrator who logs on gets a filtered token; the full one is linked to it. */
static int elevate(HANDLE *token, struct hp_error *err) {
  TOKEN_ELEVATION_TYPE type = TokenElevationTypeDefault;
  TOKEN_LINKED_TOKEN linked = {NULL};
  HANDLE primary = NULL;
  DWORD length;
  if (!GetTokenInformation(*token, TokenElevationType, &type, sizeof type, &length))
    return hp_error_set_os(err, (int)GetLastError(), "GetTokenInformation, whether the token is filtered");
  if (type != TokenElevationTypeLimited)
    return 0;
  if (!GetTokenInformation(*token, TokenLinkedToken, &linked, sizeof linked, &length))
    return hp_error_set_os(err, (int)GetLastError(), "GetTokenInformation of the elevated token");
  /* Without SeTcbPrivilege it is one for identification, which becomes no primary token. */
  BOOL made = DuplicateTokenEx(linked.LinkedToken, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenPrimary,
                               &primary);
  DWORD os_code = GetLastError();
  CloseHandle(linked.LinkedToken);
  if (!made)
    return hp_error_set_os(
        err, (int)os_code,
        "DuplicateTokenEx of the elevated token (containerd must run as LocalSystem for it)");
  CloseHandle(*token);
  *token = primary;
  return 0;
}

/* ---- with a password, or with none that counts ----------------------------------------- */

static bool is_token(HANDLE token) {
  TOKEN_USER *user = hp_token_user(token);
  bool real = user != NULL;
  free(user);
  return real;
}

static int fake_logon(const char *account, HANDLE *token, struct hp_error *err) {
  *token = NULL;
  if (!hp_winapi_is_wine())
    return hp_logon_failed("LogonUserW", ERROR_INVALID_HANDLE, err);
  char *own = hp_token_own_name();
  hp_log(
      HP_LOG_WARNING, NULL,
      "this system is Wine, which has no logons: the container runs as the shim's own account %s, not as %s",
      own, account);
  free(own);
  return 0;
}

int hp_logon_service(enum hp_account_kind kind, HANDLE *token, struct hp_error *err) {
  const wchar_t *name = kind == HP_ACCOUNT_SYSTEM          ? L"SYSTEM"
                        : kind == HP_ACCOUNT_LOCAL_SERVICE ? L"LocalService"
                                                           : L"NetworkService";
  enable_privileges();
  *token = NULL;
  if (!LogonUserW(name, L"NT AUTHORITY", NULL, LOGON32_LOGON_SERVICE, LOGON32_PROVIDER_DEFAULT, token))
    return hp_logon_failed("LogonUserW", GetLastError(), err);
  if (is_token(*token))
    return 0;
  char *account = hp_narrow(name);
  int result = fake_logon(account, token, err);
  free(account);
  return result;
}

int hp_logon_managed(const struct hp_principal *principal, HANDLE *token, struct hp_error *err) {
  enable_privileges();
  *token = NULL;
  if (!LogonUserW(principal->name, principal->domain, HP_SERVICE_ACCOUNT_PASSWORD, LOGON32_LOGON_SERVICE,
                  LOGON32_PROVIDER_DEFAULT, token)) {
    hp_logon_failed("LogonUserW", GetLastError(), err);
    return hp_error_wrap(err, "the group managed service account must be installed on this node "
                              "(Install-ADServiceAccount) and allowed to log on as a service");
  }
  if (is_token(*token))
    return 0;
  *token = NULL;
  return hp_logon_failed("LogonUserW", ERROR_INVALID_HANDLE, err);
}

int hp_logon_password(const wchar_t *name, const wchar_t *password, HANDLE *token, struct hp_error *err) {
  static const DWORD types[] = {LOGON32_LOGON_INTERACTIVE, LOGON32_LOGON_BATCH, LOGON32_LOGON_SERVICE};
  DWORD os_code = ERROR_LOGON_TYPE_NOT_GRANTED;
  enable_privileges();
  *token = NULL;
  for (size_t i = 0; i < sizeof types / sizeof types[0] && os_code == ERROR_LOGON_TYPE_NOT_GRANTED; i++)
    os_code = LogonUserW(name, L".", password, types[i], LOGON32_PROVIDER_DEFAULT, token) ? ERROR_SUCCESS
                                                                                          : GetLastError();
  if (os_code != ERROR_SUCCESS)
    return hp_logon_failed("LogonUserW", os_code, err);
  if (!is_token(*token)) {
    *token = NULL;
    return hp_logon_failed("LogonUserW", ERROR_INVALID_HANDLE, err);
  }
  if (elevate(token, err) == 0)
    return 0;
  CloseHandle(*token);
  *token = NULL;
  return -1;
}

/* ---- S4U ---------------------------------------------------------------------------------- */

static LSA_STRING lsa_string(const char *text) {
  USHORT length = (USHORT)strlen(text);
  return (LSA_STRING){length, length, (char *)(uintptr_t)text};
}

/* Appends text to the buffer that LsaLogonUser wants in one piece. */
static UNICODE_STRING append(unsigned char **to, const wchar_t *text) {
  USHORT bytes = (USHORT)(wcslen(text) * sizeof *text);
  UNICODE_STRING string = {bytes, bytes, (wchar_t *)(void *)*to};
  memcpy(*to, text, bytes);
  *to += bytes;
  return string;
}

/* Both packages take the same shape: type, flags, name, domain. */
struct s4u {
  ULONG type, flags;
  UNICODE_STRING name, domain;
};
_Static_assert(sizeof(struct s4u) == sizeof(MSV1_0_S4U_LOGON) && sizeof(struct s4u) == sizeof(KERB_S4U_LOGON),
               "MSV1_0_S4U_LOGON and KERB_S4U_LOGON have one shape");

/* `user@domain`, as the directory spells it if it can be asked. */
static wchar_t *principal_name(const struct hp_principal *principal) {
  wchar_t *account = hp_path_join(principal->domain, principal->name), *name = NULL;
  ULONG length = 0;
  if (TranslateNameW(account, NameSamCompatible, NameUserPrincipal, NULL, &length) && length > 0 &&
      length < 4096) {
    name = hp_alloc((length + 1) * sizeof *name);
    if (!TranslateNameW(account, NameSamCompatible, NameUserPrincipal, name, &length)) {
      free(name);
      name = NULL;
    }
  }
  free(account);
  if (name)
    return name;
  size_t size = wcslen(principal->name) + wcslen(principal->domain) + 2;
  name = hp_alloc(size * sizeof *name);
  wcscpy(name, principal->name);
  wcscat(name, L"@");
  return wcscat(name, principal->domain);
}

/* *call: what failed, if something did. */
static DWORD s4u_logon(HANDLE lsa, const char *package_name, const wchar_t *name, const wchar_t *domain,
                       HANDLE *token, const char **call) {
  size_t size = sizeof(struct s4u) + (wcslen(name) + wcslen(domain)) * sizeof *name;
  struct s4u *request = hp_alloc(size);
  unsigned char *text = (unsigned char *)(request + 1);
  LSA_STRING origin = lsa_string("hostprocess"), package_text = lsa_string(package_name);
  TOKEN_SOURCE source = {.SourceName = {'h', 'p', 's', 'h', 'i', 'm', 0, 0}};
  ULONG package = 0, profile_length = 0;
  void *profile = NULL;
  LUID session;
  QUOTA_LIMITS quotas;
  NTSTATUS substatus = 0;
  request->type = 12; /* MsV1_0S4ULogon and KerbS4ULogon alike */
  request->name = append(&text, name);
  request->domain = append(&text, domain);
  AllocateLocallyUniqueId(&source.SourceIdentifier);
  *call = "LsaLookupAuthenticationPackage";
  NTSTATUS status = LsaLookupAuthenticationPackage(lsa, &package_text, &package);
  if (status >= 0) {
    *call = "LsaLogonUser";
    status = LsaLogonUser(lsa, &origin, Network, package, request, (ULONG)size, NULL, &source, &profile,
                          &profile_length, &session, token, &quotas, &substatus);
  }
  if (profile)
    LsaFreeReturnBuffer(profile);
  free(request);
  return status >= 0 ? ERROR_SUCCESS : LsaNtStatusToWinError(status);
}

/* What a network logon gives is made to impersonate, not to start processes with. */
static DWORD make_primary(HANDLE *token) {
  HANDLE primary = NULL;
  BOOL made = DuplicateTokenEx(*token, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenPrimary, &primary);
  DWORD os_code = made ? ERROR_SUCCESS : GetLastError();
  CloseHandle(*token);
  *token = primary;
  return os_code;
}

int hp_logon_user(const struct hp_principal *principal, HANDLE *token, struct hp_error *err) {
  LSA_STRING process = lsa_string("hostprocess-shim");
  LSA_OPERATIONAL_MODE mode;
  HANDLE lsa = NULL;
  enable_privileges();
  *token = NULL;
  NTSTATUS status = LsaRegisterLogonProcess(&process, &lsa, &mode);
  if (status < 0)
    return hp_logon_failed("LsaRegisterLogonProcess", LsaNtStatusToWinError(status), err);
  const char *call;
  DWORD os_code;
  if (principal->kind == HP_PRINCIPAL_DOMAIN_USER) {
    wchar_t *name = principal_name(principal);
    os_code = s4u_logon(lsa, "Kerberos", name, L"", token, &call);
    free(name);
  } else {
    os_code = s4u_logon(lsa, "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0", principal->name, principal->domain,
                        token, &call);
  }
  LsaDeregisterLogonProcess(lsa);
  if (os_code == ERROR_SUCCESS) {
    call = "DuplicateTokenEx";
    os_code = make_primary(token);
  }
  if (os_code != ERROR_SUCCESS)
    return hp_logon_failed(call, os_code, err);
  char *domain = hp_narrow(principal->domain), *name = hp_narrow(principal->name);
  hp_log(HP_LOG_INFO, NULL,
         "%s\\%s was logged on without a password: its processes have no network credentials", domain, name);
  free(domain);
  free(name);
  if (elevate(token, err) == 0)
    return 0;
  CloseHandle(*token);
  *token = NULL;
  return -1;
}

/* ---- profile -------------------------------------------------------------------------------- */

int hp_logon_profile(HANDLE token, const wchar_t *name, HANDLE *profile, struct hp_error *err) {
  wchar_t *writable = hp_path_join(name, L""); /* the structure's member is not const */
  writable[wcslen(writable) - 1] = 0;
  PROFILEINFOW info = {.dwSize = sizeof info, .dwFlags = PI_NOUI, .lpUserName = writable};
  BOOL loaded = LoadUserProfileW(token, &info);
  DWORD os_code = GetLastError();
  free(writable);
  *profile = loaded ? info.hProfile : NULL;
  return loaded ? 0 : hp_error_set_os(err, (int)os_code, "LoadUserProfileW");
}
