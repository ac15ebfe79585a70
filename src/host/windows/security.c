#include "host/windows/security.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdlib.h>

#include "base/memory.h"

int hp_security_administrators(SECURITY_ATTRIBUTES *security, const char *what, struct hp_error *err) {
  *security = (SECURITY_ATTRIBUTES){.nLength = sizeof *security};
  if (ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;GA;;;SY)(A;;GA;;;BA)", SDDL_REVISION_1,
                                                           &security->lpSecurityDescriptor, NULL))
    return 0;
  return hp_error_set_os(err, (int)GetLastError(), "cannot make the access rights of %s", what);
}

void hp_security_clear(SECURITY_ATTRIBUTES *security) {
  LocalFree(security->lpSecurityDescriptor);
  security->lpSecurityDescriptor = NULL;
}

/* TOKEN_USER and TOKEN_OWNER both begin with the SID. */
static bool token_names(HANDLE token, TOKEN_INFORMATION_CLASS class, PSID sid) {
  DWORD size = 0;
  GetTokenInformation(token, class, NULL, 0, &size);
  PSID *information = hp_alloc(size);
  bool same = GetTokenInformation(token, class, information, size, &size) && EqualSid(sid, *information);
  free(information);
  return same;
}

/* Our user, or who else owns what we make. */
static bool is_own(PSID sid) {
  HANDLE token;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
    return false;
  bool own = token_names(token, TokenUser, sid) || token_names(token, TokenOwner, sid);
  CloseHandle(token);
  return own;
}

bool hp_security_trusted(HANDLE thing, SE_OBJECT_TYPE type) {
  PSID owner = NULL;
  PSECURITY_DESCRIPTOR descriptor = NULL;
  if (GetSecurityInfo(thing, type, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &descriptor) !=
      ERROR_SUCCESS)
    return false;
  bool trusted = owner && (IsWellKnownSid(owner, WinLocalSystemSid) ||
                           IsWellKnownSid(owner, WinBuiltinAdministratorsSid) || is_own(owner));
  LocalFree(descriptor);
  return trusted;
}
