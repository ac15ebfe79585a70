#include "host/windows/file_trust.h"

#include <aclapi.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/host.h"
#include "host/windows/security.h"
#include "host/windows/text.h"
#include "host/windows/token.h"
#include "host/windows/wide_path.h"

#define PATH_MAX_CHARS 32768u

static SID everyone = {SID_REVISION, 1, {SECURITY_WORLD_SID_AUTHORITY}, {SECURITY_WORLD_RID}};

/* Entries for "whoever owns it" give nobody more than the owner, who is looked at himself. */
static bool is_ours(PSID sid) {
  return IsWellKnownSid(sid, WinCreatorOwnerSid) || IsWellKnownSid(sid, WinCreatorOwnerRightsSid) ||
         hp_security_is_ours(sid);
}

static bool denies(const ACE_HEADER *header) {
  return header->AceType == ACCESS_DENIED_ACE_TYPE || header->AceType == ACCESS_DENIED_OBJECT_ACE_TYPE ||
         header->AceType == ACCESS_DENIED_CALLBACK_ACE_TYPE ||
         header->AceType == ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE;
}

/* What is denied is not counted off: two groups of one user make that hard to say. */
static bool grants(ACE_HEADER *header, ACCESS_MASK rights, PSID *who) {
  ACCESS_ALLOWED_ACE *entry = (ACCESS_ALLOWED_ACE *)header;
  bool plain =
      header->AceType == ACCESS_ALLOWED_ACE_TYPE || header->AceType == ACCESS_ALLOWED_CALLBACK_ACE_TYPE;
  if (denies(header) || (header->AceFlags & INHERIT_ONLY_ACE) || !(entry->Mask & rights))
    return false;
  *who = plain ? (PSID)&entry->SidStart : &everyone; /* no other kind stands on files: distrusted */
  return !plain || !is_ours(*who);
}

enum hp_stranger hp_file_stranger(PSECURITY_DESCRIPTOR descriptor, ACCESS_MASK rights, PSID *who) {
  BOOL present = FALSE, defaulted;
  PACL list = NULL;
  ACL_SIZE_INFORMATION size = {0};
  *who = &everyone;
  PSID owner = NULL;
  if (!GetSecurityDescriptorOwner(descriptor, &owner, &defaulted) || !owner || !is_ours(owner)) {
    *who = owner ? owner : &everyone;
    return HP_STRANGER_OWNS;
  }
  if (!GetSecurityDescriptorDacl(descriptor, &present, &list, &defaulted) || !present || !list ||
      !GetAclInformation(list, &size, sizeof size, AclSizeInformation))
    return HP_STRANGER_MAY; /* without a list everybody may do everything */
  for (DWORD i = 0; i < size.AceCount; i++) {
    void *entry;
    if (!GetAce(list, i, &entry))
      return HP_STRANGER_MAY;
    if (grants(entry, rights, who))
      return HP_STRANGER_MAY;
  }
  return HP_STRANGER_NONE;
}

/* ---- a file, and the directories above it ------------------------------------------- */

static int refuse(const char *path, const char *thing, const char *can, enum hp_stranger stranger, PSID who,
                  struct hp_error *err) {
  char *name = hp_sid_name(who), *sid = hp_sid_text(who);
  if (stranger == HP_STRANGER_OWNS)
    hp_error_set(err, HP_FAILED_PRECONDITION,
                 "\"%s\" is not trusted: %s owns %s: as an administrator run icacls \"%s\" /setowner "
                 "*S-1-5-32-544",
                 path, name, *thing ? thing : "it", *thing ? thing : path);
  else
    hp_error_set(err, HP_FAILED_PRECONDITION,
                 "\"%s\" is not trusted: %s can %s %s: as an administrator run icacls \"%s\" /inheritance:d "
                 "/remove:g *%s",
                 path, name, can, *thing ? thing : "it", *thing ? thing : path, sid);
  free(sid);
  free(name);
  return -1;
}

/* thing: a directory above the file, or "" for the file itself. */
static int check(HANDLE handle, const char *path, const char *thing, struct hp_error *err) {
  PSECURITY_DESCRIPTOR descriptor = NULL;
  DWORD reason =
      GetSecurityInfo(handle, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, NULL,
                      NULL, NULL, NULL, &descriptor);
  if (reason != ERROR_SUCCESS)
    return hp_error_set_os(err, (int)reason, "GetSecurityInfo of \"%s\"", *thing ? thing : path);
  PSID who;
  ACCESS_MASK rights = *thing ? HP_DIRECTORY_CHANGES : HP_FILE_CHANGES;
  enum hp_stranger stranger = hp_file_stranger(descriptor, rights, &who);
  int result = 0;
  if (stranger != HP_STRANGER_NONE)
    result = refuse(path, thing, *thing ? "exchange what is in" : "write", stranger, who, err);
  LocalFree(descriptor);
  return result;
}

static int check_directory(const wchar_t *directory, const char *path, struct hp_error *err) {
  char *shown = hp_narrow(directory + wcslen(L"\\\\?\\"));
  HANDLE handle = CreateFileW(directory, READ_CONTROL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
  int result = -1;
  if (handle == INVALID_HANDLE_VALUE) {
    hp_error_set_os(err, (int)GetLastError(), "cannot examine \"%s\", in which \"%s\" is", shown, path);
  } else {
    result = check(handle, path, shown, err);
    CloseHandle(handle);
  }
  free(shown);
  return result;
}

/* Where the root of a path of the form \\?\C:\… or \\?\UNC\server\share\… ends: at its last backslash. */
static size_t root_end(const wchar_t *path) {
  size_t at = wcslen(L"\\\\?\\");
  int names = wcsncmp(path + at, L"UNC\\", 4) == 0 ? 3 : 1;
  while (path[at]) {
    if (path[at] == L'\\' && --names == 0)
      break;
    at++;
  }
  return at;
}

/* Links have been followed by the time: the directories in which the file itself is. */
static int check_directories(HANDLE file, const char *path, struct hp_error *err) {
  wchar_t *final = hp_alloc(PATH_MAX_CHARS * sizeof *final);
  DWORD length = GetFinalPathNameByHandleW(file, final, PATH_MAX_CHARS, VOLUME_NAME_DOS);
  if (length == 0) /* a volume without a letter */
    length = GetFinalPathNameByHandleW(file, final, PATH_MAX_CHARS, VOLUME_NAME_GUID);
  int result = 0;
  if (length == 0 || length >= PATH_MAX_CHARS)
    result = hp_error_set_os(err, (int)GetLastError(), "GetFinalPathNameByHandleW of \"%s\"", path);
  size_t root = result == 0 ? root_end(final) : 0;
  for (size_t at = length; result == 0 && at-- > root;) {
    if (final[at] != L'\\')
      continue;
    final[at == root ? at + 1 : at] = L'\0';
    result = check_directory(final, path, err);
  }
  free(final);
  return result;
}

int hp_directories_distrust(const wchar_t *place, struct hp_error *err) {
  char *shown = hp_narrow(place);
  wchar_t *at = hp_path_join(place, L"."), *above;
  int result = 0;
  while (result == 0 && (above = hp_path_parent(at)) != NULL) {
    free(at);
    at = above;
    wchar_t *whole = hp_path_long(at);
    if (GetFileAttributesW(whole) != INVALID_FILE_ATTRIBUTES)
      result = check_directory(whole, shown, err);
    free(whole);
  }
  free(at);
  free(shown);
  return result;
}

int host_file_distrust(const char *path, uv_file file, struct hp_error *err) {
  HANDLE handle = (HANDLE)_get_osfhandle(file);
  return check(handle, path, "", err) == 0 ? check_directories(handle, path, err) : -1;
}
