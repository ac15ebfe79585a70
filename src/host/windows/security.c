#include "host/windows/security.h"

#include <aclapi.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* D:P(A;;GA;;;SY)(A;;GA;;;BA), laid out as the system reads it: every pipe and
 * journal has it, and asking for it by its text loads advapi32 into `start`. */
static struct {
  ACL acl;
  struct {
    ACE_HEADER header;
    ACCESS_MASK mask;
    BYTE revision, count;
    SID_IDENTIFIER_AUTHORITY authority;
    DWORD rids[1];
  } system;
  struct {
    ACE_HEADER header;
    ACCESS_MASK mask;
    BYTE revision, count;
    SID_IDENTIFIER_AUTHORITY authority;
    DWORD rids[2];
  } administrators;
} administrators_only = {
    .acl = {.AclRevision = ACL_REVISION, .AclSize = sizeof administrators_only, .AceCount = 2},
    .system = {.header = {.AceType = ACCESS_ALLOWED_ACE_TYPE, .AceSize = sizeof administrators_only.system},
               .mask = GENERIC_ALL,
               .revision = SID_REVISION,
               .count = 1,
               .authority = {SECURITY_NT_AUTHORITY},
               .rids = {SECURITY_LOCAL_SYSTEM_RID}},
    .administrators = {.header = {.AceType = ACCESS_ALLOWED_ACE_TYPE,
                                  .AceSize = sizeof administrators_only.administrators},
                       .mask = GENERIC_ALL,
                       .revision = SID_REVISION,
                       .count = 2,
                       .authority = {SECURITY_NT_AUTHORITY},
                       .rids = {SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS}},
};

static SECURITY_DESCRIPTOR descriptor = {
    .Revision = SECURITY_DESCRIPTOR_REVISION,
    .Control = SE_DACL_PRESENT | SE_DACL_PROTECTED,
    .Dacl = &administrators_only.acl,
};

SECURITY_ATTRIBUTES hp_security_administrators(void) {
  return (SECURITY_ATTRIBUTES){.nLength = sizeof(SECURITY_ATTRIBUTES), .lpSecurityDescriptor = &descriptor};
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
  PSECURITY_DESCRIPTOR found = NULL;
  if (GetSecurityInfo(thing, type, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &found) !=
      ERROR_SUCCESS)
    return false;
  bool trusted = owner && hp_security_is_ours(owner);
  LocalFree(found);
  return trusted;
}
