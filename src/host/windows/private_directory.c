#include "host/windows/private_directory.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/windows/security.h"
#include "host/windows/text.h"
#include "host/windows/token.h"
#include "host/windows/wide_path.h"

/* Full access, inherited by what is made below. */
#define PRIVATE L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

/* Rights with which one could exchange what is in it. */
#define CHANGES                                                                                              \
  (FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY | FILE_DELETE_CHILD | FILE_WRITE_EA | DELETE | WRITE_DAC |          \
   WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL)

static bool is_trusted(PSID sid) {
  return IsWellKnownSid(sid, WinCreatorOwnerSid) || hp_security_is_ours(sid);
}

/* One with a condition counts as if it were met; what has no plain SID counts as everybody's. */
static bool lets_others_change(ACE_HEADER *header) {
  ACCESS_ALLOWED_ACE *allowed = (ACCESS_ALLOWED_ACE *)header;
  switch (header->AceType) {
  case ACCESS_DENIED_ACE_TYPE:
  case ACCESS_DENIED_OBJECT_ACE_TYPE:
  case ACCESS_DENIED_CALLBACK_ACE_TYPE:
  case ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE:
    return false;
  case ACCESS_ALLOWED_ACE_TYPE:
  case ACCESS_ALLOWED_CALLBACK_ACE_TYPE:
    return (allowed->Mask & CHANGES) && !is_trusted(&allowed->SidStart);
  default:
    return (allowed->Mask & CHANGES) != 0;
  }
}

bool hp_private_directory_is_loose(PACL dacl) {
  ACL_SIZE_INFORMATION size;
  if (!dacl || !GetAclInformation(dacl, &size, sizeof size, AclSizeInformation))
    return true;
  for (DWORD i = 0; i < size.AceCount; i++) {
    void *ace;
    if (!GetAce(dacl, i, &ace))
      return true;
    if (lets_others_change(ace))
      return true;
  }
  return false;
}

/* The directory itself, never where a link leads. Missing: ERROR_FILE_NOT_FOUND in *os_code. */
static HANDLE open_itself(const wchar_t *path, ACCESS_MASK access, DWORD *os_code) {
  wchar_t *whole = hp_path_long(path);
  HANDLE directory =
      CreateFileW(whole, access | READ_CONTROL | FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE,
                  NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  *os_code = directory == INVALID_HANDLE_VALUE ? GetLastError() : 0;
  free(whole);
  return directory == INVALID_HANDLE_VALUE ? NULL : directory;
}

static int tighten(const wchar_t *path, const char *shown, const char *what, struct hp_error *err) {
  PSECURITY_DESCRIPTOR descriptor = NULL;
  BOOL present, defaulted;
  PACL dacl;
  DWORD os_code;
  HANDLE directory = open_itself(path, WRITE_DAC, &os_code);
  int result = -1;
  if (!directory)
    return hp_error_set_os(err, (int)os_code, "CreateFileW of %s \"%s\"", what, shown);
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(PRIVATE, SDDL_REVISION_1, &descriptor, NULL) ||
      !GetSecurityDescriptorDacl(descriptor, &present, &dacl, &defaulted)) {
    hp_error_set_os(err, (int)GetLastError(), "the DACL of %s \"%s\"", what, shown);
    goto done;
  }
  os_code = SetSecurityInfo(directory, SE_FILE_OBJECT,
                            DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, NULL, NULL, dacl,
                            NULL);
  if (os_code != ERROR_SUCCESS) {
    hp_error_set_os(err, (int)os_code, "SetSecurityInfo of %s \"%s\"", what, shown);
    goto done;
  }
  hp_log(HP_LOG_WARNING, NULL,
         "%s \"%s\" could be changed by others than SYSTEM and Administrators; it no longer can", what,
         shown);
  result = 0;

done:
  LocalFree(descriptor);
  CloseHandle(directory);
  return result;
}

/* *loose: others than the owner may change it. */
static int check(HANDLE directory, const char *shown, const char *what, bool *loose, struct hp_error *err) {
  FILE_ATTRIBUTE_TAG_INFO info;
  PSECURITY_DESCRIPTOR descriptor = NULL;
  PSID owner = NULL;
  PACL dacl = NULL;
  if (!GetFileInformationByHandleEx(directory, FileAttributeTagInfo, &info, sizeof info))
    return hp_error_set_os(err, (int)GetLastError(), "GetFileInformationByHandleEx of %s \"%s\"", what,
                           shown);
  if (!(info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY) ||
      (info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT))
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "%s \"%s\" is no real directory (a link or a file is there): remove it", what, shown);
  DWORD os_code =
      GetSecurityInfo(directory, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                      &owner, NULL, &dacl, NULL, &descriptor);
  if (os_code != ERROR_SUCCESS)
    return hp_error_set_os(err, (int)os_code, "GetSecurityInfo of %s \"%s\"", what, shown);
  int result = 0;
  if (!is_trusted(owner)) {
    char *name = hp_sid_name(owner);
    result = hp_error_set(
        err, HP_FAILED_PRECONDITION,
        "%s \"%s\" belongs to %s, who could have prepared it: look at what it holds, then remove "
        "it or make Administrators its owner",
        what, shown, name);
    free(name);
  }
  *loose = result == 0 && hp_private_directory_is_loose(dacl);
  LocalFree(descriptor);
  return result;
}

int hp_private_directory_check(const wchar_t *path, const char *what, struct hp_error *err) {
  DWORD os_code;
  bool loose;
  char *shown = hp_narrow(path);
  HANDLE directory = open_itself(path, 0, &os_code);
  int result = 0;
  if (directory)
    result = check(directory, shown, what, &loose, err);
  else if (os_code != ERROR_FILE_NOT_FOUND && os_code != ERROR_PATH_NOT_FOUND)
    result = hp_error_set_os(err, (int)os_code, "CreateFileW of %s \"%s\"", what, shown);
  if (directory)
    CloseHandle(directory);
  free(shown);
  return result;
}

static int make_private(const wchar_t *path, const char *shown, const char *what, struct hp_error *err) {
  SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, FALSE};
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(PRIVATE, SDDL_REVISION_1,
                                                            &attributes.lpSecurityDescriptor, NULL))
    return hp_error_set_os(err, (int)GetLastError(), "the security descriptor of %s", what);
  wchar_t *whole = hp_path_long(path);
  DWORD os_code = CreateDirectoryW(whole, &attributes) ? ERROR_SUCCESS : GetLastError();
  free(whole);
  LocalFree(attributes.lpSecurityDescriptor);
  if (os_code == ERROR_SUCCESS || os_code == ERROR_ALREADY_EXISTS)
    return 0;
  return hp_error_set_os(err, (int)os_code, "CreateDirectoryW of %s \"%s\"", what, shown);
}

int hp_private_directory_make(const wchar_t *path, const char *what, struct hp_error *err) {
  DWORD os_code;
  bool loose = false;
  char *shown = hp_narrow(path);
  HANDLE directory = NULL;
  int result = make_private(path, shown, what, err);
  if (result == 0 && !(directory = open_itself(path, 0, &os_code)))
    result = hp_error_set_os(err, (int)os_code, "CreateFileW of %s \"%s\"", what, shown);
  if (directory) {
    result = check(directory, shown, what, &loose, err);
    CloseHandle(directory);
  }
  if (result == 0 && loose)
    result = tighten(path, shown, what, err);
  free(shown);
  return result;
}
