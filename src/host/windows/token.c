#include "host/windows/token.h"

#include <sddl.h>
#include <stdlib.h>

#include "base/memory.h"
#include "host/windows/text.h"

TOKEN_USER *hp_token_user(HANDLE token) {
  DWORD length = 0;
  if (GetTokenInformation(token, TokenUser, NULL, 0, &length) || GetLastError() != ERROR_INSUFFICIENT_BUFFER)
    return NULL;
  TOKEN_USER *user = hp_alloc(length);
  if (GetTokenInformation(token, TokenUser, user, length, &length))
    return user;
  DWORD os_code = GetLastError();
  free(user);
  SetLastError(os_code);
  return NULL;
}

TOKEN_USER *hp_token_own_user(void) {
  HANDLE token;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
    return NULL;
  TOKEN_USER *user = hp_token_user(token);
  CloseHandle(token);
  return user;
}

char *hp_sid_text(PSID sid) {
  wchar_t *wide = NULL;
  if (!sid || !IsValidSid(sid) || !ConvertSidToStringSidW(sid, &wide))
    return hp_strdup("(no SID)");
  char *text = hp_narrow(wide);
  LocalFree(wide);
  return text;
}

char *hp_sid_name(PSID sid) {
  wchar_t name[256], domain[256];
  DWORD name_length = 256, domain_length = 256;
  SID_NAME_USE use;
  if (!sid || !LookupAccountSidW(NULL, sid, name, &name_length, domain, &domain_length, &use))
    return hp_sid_text(sid);
  char *name_utf8 = hp_narrow(name), *domain_utf8 = hp_narrow(domain);
  char *text = *domain_utf8 ? hp_printf("%s\\%s", domain_utf8, name_utf8) : hp_strdup(name_utf8);
  free(name_utf8);
  free(domain_utf8);
  return text;
}

char *hp_token_own_name(void) {
  TOKEN_USER *user = hp_token_own_user();
  char *name = user ? hp_sid_name(user->User.Sid) : hp_strdup("(unknown)");
  free(user);
  return name;
}

bool hp_privilege_enable(const wchar_t *privilege) {
  HANDLE token;
  TOKEN_PRIVILEGES wanted = {.PrivilegeCount = 1};
  wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
  if (!LookupPrivilegeValueW(NULL, privilege, &wanted.Privileges[0].Luid) ||
      !OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
    return false;
  /* Success with ERROR_NOT_ALL_ASSIGNED means: the token lacks it. */
  bool enabled =
      AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL) && GetLastError() == ERROR_SUCCESS;
  CloseHandle(token);
  return enabled;
}
