#include "host/windows/security.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>

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

/* Windows' own files are its service's. */
static bool is_trusted_installer(PSID sid) {
  static const DWORD service[] = {80, 956008885, 3418522649, 1831038044, 1853292631, 2271478464};
  static const SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
  const DWORD count = sizeof service / sizeof service[0];
  if (*GetSidSubAuthorityCount(sid) != count ||
      memcmp(GetSidIdentifierAuthority(sid), &authority, sizeof authority) != 0)
    return false;
  for (DWORD i = 0; i < count; i++)
    if (*GetSidSubAuthority(sid, i) != service[i])
      return false;
  return true;
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

bool hp_security_is_ours(PSID sid) {
  return IsWellKnownSid(sid, WinLocalSystemSid) || IsWellKnownSid(sid, WinBuiltinAdministratorsSid) ||
         is_trusted_installer(sid) || is_own(sid);
}

bool hp_security_trusted(HANDLE thing, SE_OBJECT_TYPE type) {
  PSID owner = NULL;
  PSECURITY_DESCRIPTOR descriptor = NULL;
  if (GetSecurityInfo(thing, type, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &descriptor) !=
      ERROR_SUCCESS)
    return false;
  bool trusted = owner && hp_security_is_ours(owner);
  LocalFree(descriptor);
  return trusted;
}
