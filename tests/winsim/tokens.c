/* Logons, and the tokens that come of them. A token of winsim's is a copy of the
 * process' own, so that processes can be started with it; whose it is meant to
 * be is remembered by its handle. */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <ntsecapi.h>

#define SECURITY_WIN32
#include <security.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/winapi.h"
#include "machine.h"
#include "winsim.h"

#define TOKENS_MAX 64
#define S4U_LOGON 12 /* ntsecapi.h: MsV1_0S4ULogon, KerbS4ULogon */
#define NETWORK_AUTHORITY L"NT AUTHORITY"
#define MSV1_0 4
#define KERBEROS 5
#define STATUS_NO_PACKAGE ((NTSTATUS)0xc00000fe)    /* ntstatus.h: STATUS_NO_SUCH_PACKAGE */
#define STATUS_NOT_LOGGED_ON ((NTSTATUS)0xc000006d) /* STATUS_LOGON_FAILURE */
#define STATUS_BAD_PARAMETER ((NTSTATUS)0xc000000d) /* STATUS_INVALID_PARAMETER */
#define STATUS_UNKNOWN ((NTSTATUS)0xc00000e5) /* STATUS_INTERNAL_ERROR: of a call that is told to fail */

static struct token {
  HANDLE handle;
  char *sid;
  bool limited, full; /* of an administrator: filtered, or the one linked to it */
} tokens[TOKENS_MAX];
static SRWLOCK lock = SRWLOCK_INIT;

static struct token *find(HANDLE handle) {
  for (size_t i = 0; handle && i < TOKENS_MAX; i++)
    if (tokens[i].handle == handle)
      return &tokens[i];
  return NULL;
}

static void remember(HANDLE handle, const char *sid, bool limited, bool full) {
  AcquireSRWLockExclusive(&lock);
  for (size_t i = 0; i < TOKENS_MAX; i++)
    if (!tokens[i].handle) {
      tokens[i] = (struct token){handle, hp_strdup(sid), limited, full};
      break;
    }
  ReleaseSRWLockExclusive(&lock);
}

void winsim_forget_token(HANDLE handle) {
  AcquireSRWLockExclusive(&lock);
  struct token *token = find(handle);
  if (token) {
    free(token->sid);
    *token = (struct token){0};
  }
  ReleaseSRWLockExclusive(&lock);
}

const char *winsim_token_sid(HANDLE handle) {
  const struct token *token = find(handle);
  return token ? token->sid : NULL;
}

void winsim_left_tokens(json_t *lines) {
  for (size_t i = 0; i < TOKENS_MAX; i++)
    if (tokens[i].handle) {
      char *line = hp_printf("token %s", tokens[i].sid);
      json_array_append_new(lines, json_string(line));
      free(line);
    }
}

void winsim_reset_tokens(void) {
  for (size_t i = 0; i < TOKENS_MAX; i++)
    if (tokens[i].handle)
      winsim_forget_token(tokens[i].handle);
}

/* A copy of the process' own token. */
static DWORD new_token(TOKEN_TYPE type, const char *sid, bool limited, bool full, HANDLE *token) {
  HANDLE own;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &own))
    return GetLastError();
  BOOL made = WINSIM_REAL("advapi32.dll", DuplicateTokenEx)(own, MAXIMUM_ALLOWED, NULL, SecurityImpersonation,
                                                            type, token);
  DWORD os_code = made ? ERROR_SUCCESS : GetLastError();
  CloseHandle(own);
  if (made)
    remember(*token, sid, limited, full);
  return os_code;
}

/* ---- LogonUserW -------------------------------------------------------------------- */

void winsim_deny_logon(DWORD type, DWORD os_code) {
  char *key = hp_printf("%lu", (unsigned long)type);
  json_object_set_new(winsim_part(winsim_lock(), "denied"), key, json_integer(os_code));
  winsim_unlock();
  free(key);
}

static DWORD denied(DWORD type) {
  char *key = hp_printf("%lu", (unsigned long)type);
  DWORD os_code = (DWORD)json_integer_value(json_object_get(winsim_part(winsim_lock(), "denied"), key));
  winsim_unlock();
  free(key);
  return os_code;
}

static const char *service_sid(LPCWSTR name) {
  return _wcsicmp(name, L"SYSTEM") == 0           ? "S-1-5-18"
         : _wcsicmp(name, L"LocalService") == 0   ? "S-1-5-19"
         : _wcsicmp(name, L"NetworkService") == 0 ? "S-1-5-20"
                                                  : NULL;
}

/* "LogonUserW function": who may log on how; owned SID, or NULL with the error. */
static char *judge(LPCWSTR user, LPCWSTR domain, LPCWSTR password, DWORD type, DWORD *os_code) {
  size_t length = wcslen(user);
  *os_code = ERROR_LOGON_FAILURE;
  if (domain && _wcsicmp(domain, NETWORK_AUTHORITY) == 0) {
    /* "LocalSystem Account", "LocalService Account": they have no password, and run services. */
    const char *sid = type == LOGON32_LOGON_SERVICE && !password ? service_sid(user) : NULL;
    return hp_strdup(sid);
  }
  if (length > 0 && user[length - 1] == L'$') {
    /* lmaccess.h, SERVICE_ACCOUNT_PASSWORD: what stands for a managed account's password. */
    bool right = password && wcscmp(password, HP_SERVICE_ACCOUNT_PASSWORD) == 0;
    return right && type == LOGON32_LOGON_SERVICE ? hp_strdup("S-1-5-21-11-22-33-60000") : NULL;
  }
  if (!password || !winsim_password_fits(user, password))
    return NULL;
  return winsim_user_sid(domain, user);
}

static BOOL WINAPI logon(LPCWSTR user, LPCWSTR domain, LPCWSTR password, DWORD type, DWORD provider,
                         PHANDLE token) {
  DWORD os_code = winsim_enter("LogonUserW", "%lu", (unsigned long)type);
  if (os_code)
    return winsim_answer(os_code);
  /* "LogonUserW function": the types, and a provider of winbase.h. */
  if (!user || !token || type < LOGON32_LOGON_INTERACTIVE || type > LOGON32_LOGON_NEW_CREDENTIALS ||
      type == 6 || provider > LOGON32_PROVIDER_WINNT50)
    return winsim_answer(ERROR_INVALID_PARAMETER);
  char *sid = judge(user, domain, password, type, &os_code);
  if (sid && denied(type)) /* ERROR_LOGON_TYPE_NOT_GRANTED: "not been granted the requested logon type" */
    os_code = denied(type);
  else if (sid)
    os_code = new_token(TokenPrimary, sid, type == LOGON32_LOGON_INTERACTIVE && winsim_is_administrator(sid),
                        false, token);
  free(sid);
  return winsim_answer(os_code);
}

WINSIM_IMPORT(LogonUserW, logon);

/* ---- S4U ------------------------------------------------------------------------------ */

NTSTATUS NTAPI LsaRegisterLogonProcess(PLSA_STRING name, PHANDLE lsa, PLSA_OPERATIONAL_MODE mode) {
  DWORD os_code = winsim_enter("LsaRegisterLogonProcess", "%s", "");
  if (os_code)
    return STATUS_UNKNOWN;
  /* "LsaRegisterLogonProcess function": "must not exceed 127 bytes" */
  if (!name || name->Length == 0 || name->Length > 127 || !mode)
    return STATUS_BAD_PARAMETER;
  *lsa = (HANDLE)(uintptr_t)0x15a;
  winsim_leave(0);
  return 0;
}

NTSTATUS NTAPI LsaDeregisterLogonProcess(HANDLE lsa) {
  return lsa == (HANDLE)(uintptr_t)0x15a ? 0 : STATUS_BAD_PARAMETER;
}

NTSTATUS NTAPI LsaLookupAuthenticationPackage(HANDLE lsa, PLSA_STRING name, PULONG package) {
  if (winsim_enter("LsaLookupAuthenticationPackage", "%.*s", (int)name->Length, name->Buffer))
    return STATUS_UNKNOWN;
  if (lsa != (HANDLE)(uintptr_t)0x15a)
    return STATUS_BAD_PARAMETER;
  /* "LsaLookupAuthenticationPackage function": the names, and STATUS_NO_SUCH_PACKAGE */
  if (name->Length == 8 && memcmp(name->Buffer, "Kerberos", 8) == 0)
    *package = KERBEROS;
  else if (name->Length == 37 && memcmp(name->Buffer, "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0", 37) == 0)
    *package = MSV1_0;
  else
    return STATUS_NO_PACKAGE;
  winsim_leave(0);
  return 0;
}

/* "LsaLogonUser function": what a string of the request points to must lie in its buffer. */
static wchar_t *take(const UNICODE_STRING *text, const void *buffer, ULONG length) {
  const char *begin = buffer, *at = (const char *)text->Buffer;
  if (text->Length == 0)
    return hp_wide("");
  if (at < begin || at + text->Length > begin + length)
    return NULL;
  wchar_t *copy = hp_alloc(text->Length + sizeof *copy);
  memcpy(copy, at, text->Length);
  return copy;
}

static char *whose(ULONG package, const wchar_t *name, const wchar_t *domain) {
  const wchar_t *at = wcschr(name, L'@');
  if (package == MSV1_0) /* "MSV1_0_S4U_LOGON structure": accounts of this computer */
    return _wcsicmp(domain, winsim_computer()) == 0 ? winsim_user_sid(NULL, name) : NULL;
  if (!at) /* "KERB_S4U_LOGON structure": the user principal name */
    return NULL;
  wchar_t user[256] = L"";
  wcsncpy(user, name, (size_t)(at - name) < 255 ? (size_t)(at - name) : 255);
  return winsim_user_sid(at + 1, user);
}

NTSTATUS NTAPI LsaLogonUser(HANDLE lsa, PLSA_STRING origin, SECURITY_LOGON_TYPE type, ULONG package,
                            PVOID information, ULONG length, PTOKEN_GROUPS groups, PTOKEN_SOURCE source,
                            PVOID *profile, PULONG profile_length, PLUID session, PHANDLE token,
                            PQUOTA_LIMITS quotas, PNTSTATUS substatus) {
  const MSV1_0_S4U_LOGON *request = information;
  if (winsim_enter("LsaLogonUser", "%d %lu", (int)type, (unsigned long)package))
    return STATUS_UNKNOWN;
  if (lsa != (HANDLE)(uintptr_t)0x15a || !origin || groups || !source || !session || !quotas || !substatus ||
      length < sizeof *request || (package != MSV1_0 && package != KERBEROS) ||
      request->MessageType != (MSV1_0_LOGON_SUBMIT_TYPE)S4U_LOGON)
    return STATUS_BAD_PARAMETER;
  if (type != Network && type != Batch) /* "LsaLogonUser function": an S4U logon is one of these */
    return STATUS_BAD_PARAMETER;
  wchar_t *name = take(&request->UserPrincipalName, information, length),
          *domain = take(&request->DomainName, information, length);
  char *sid = name && domain ? whose(package, name, domain) : NULL;
  NTSTATUS status = !name || !domain ? STATUS_BAD_PARAMETER : STATUS_NOT_LOGGED_ON;
  /* A network logon's token is for impersonation: it starts no process. */
  if (sid && new_token(TokenImpersonation, sid, winsim_is_administrator(sid), false, token) == 0) {
    *profile = hp_alloc(*profile_length = 16);
    *session = (LUID){1, 0};
    status = *substatus = 0;
  }
  free(sid);
  free(name);
  free(domain);
  winsim_leave(0);
  return status;
}

NTSTATUS NTAPI LsaFreeReturnBuffer(PVOID buffer) {
  free(buffer);
  return 0;
}

BOOLEAN SEC_ENTRY TranslateNameW(LPCWSTR account, EXTENDED_NAME_FORMAT from, EXTENDED_NAME_FORMAT to,
                                 LPWSTR text, PULONG length) {
  const wchar_t *slash = wcschr(account, L'\\');
  wchar_t name[512];
  DWORD os_code = winsim_enter("TranslateNameW", "%s", "");
  if (os_code)
    return (BOOLEAN)winsim_answer(os_code);
  if (!slash || from != NameSamCompatible || to != NameUserPrincipal)
    return (BOOLEAN)winsim_answer(ERROR_INVALID_PARAMETER);
  swprintf(name, 512, L"%ls@%.*ls", slash + 1, (int)(slash - account), account);
  ULONG room = *length;
  *length = (ULONG)wcslen(name) + 1;
  if (text && room >= *length)
    wcscpy(text, name);
  /* "TranslateNameW function": a NULL buffer asks for the length; too small a one is an error */
  return (BOOLEAN)winsim_answer(!text || room >= *length ? ERROR_SUCCESS : ERROR_INSUFFICIENT_BUFFER);
}

/* ---- tokens ------------------------------------------------------------------------------- */

static BOOL WINAPI get_information(HANDLE handle, TOKEN_INFORMATION_CLASS class, LPVOID to, DWORD room,
                                   PDWORD length) {
  const struct token *token = find(handle);
  if (!token || (class != TokenElevationType && class != TokenLinkedToken))
    return WINSIM_REAL("advapi32.dll", GetTokenInformation)(handle, class, to, room, length);
  DWORD os_code = winsim_enter("GetTokenInformation", "%s",
                               class == TokenElevationType ? "TokenElevationType" : "TokenLinkedToken");
  if (os_code)
    return winsim_answer(os_code);
  if (class == TokenElevationType && room >= sizeof(TOKEN_ELEVATION_TYPE)) {
    *(TOKEN_ELEVATION_TYPE *)to = token->limited ? TokenElevationTypeLimited
                                  : token->full  ? TokenElevationTypeFull
                                                 : TokenElevationTypeDefault;
    *length = sizeof(TOKEN_ELEVATION_TYPE);
    return winsim_answer(ERROR_SUCCESS);
  }
  if (class != TokenLinkedToken || room < sizeof(TOKEN_LINKED_TOKEN))
    return winsim_answer(ERROR_INSUFFICIENT_BUFFER);
  if (!token->limited) /* winnt.h: what has no linked token */
    return winsim_answer(ERROR_NO_SUCH_LOGON_SESSION);
  *length = sizeof(TOKEN_LINKED_TOKEN);
  return winsim_answer(
      new_token(TokenPrimary, token->sid, false, true, &((TOKEN_LINKED_TOKEN *)to)->LinkedToken));
}

WINSIM_IMPORT(GetTokenInformation, get_information);

static BOOL WINAPI duplicate(HANDLE from, DWORD access, LPSECURITY_ATTRIBUTES attributes,
                             SECURITY_IMPERSONATION_LEVEL level, TOKEN_TYPE type, PHANDLE to) {
  const struct token *token = find(from);
  DWORD os_code = winsim_enter("DuplicateTokenEx", "%s", type == TokenPrimary ? "primary" : "impersonation");
  if (os_code)
    return winsim_answer(os_code);
  if (!WINSIM_REAL("advapi32.dll", DuplicateTokenEx)(from, access, attributes, level, type, to))
    return winsim_answer(GetLastError());
  if (token)
    remember(*to, token->sid, token->limited, token->full);
  return winsim_answer(ERROR_SUCCESS);
}

WINSIM_IMPORT(DuplicateTokenEx, duplicate);

static BOOL WINAPI impersonate(HANDLE token) {
  DWORD os_code = winsim_enter("ImpersonateLoggedOnUser", "%s", "");
  if (os_code)
    return winsim_answer(os_code);
  BOOL done = WINSIM_REAL("advapi32.dll", ImpersonateLoggedOnUser)(token);
  return winsim_answer(done ? ERROR_SUCCESS : GetLastError());
}

WINSIM_IMPORT(ImpersonateLoggedOnUser, impersonate);
