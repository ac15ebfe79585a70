/* A job's name says whose it is, but not which of two that had it one after the
 * other: two containerds may both use a namespace and an id. So each job carries a
 * random SID that is nobody's in its access list, which its journal knows too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

#include "base/memory.h"
#include "host/windows/boot.h"
#include "host/windows/job.h"
#include "host/windows/text.h"
#include "host/windows/token.h"

/* The authority of what is no account's: SECURITY_RESOURCE_MANAGER_AUTHORITY. */
#define MARK_BEGIN "S-1-9-"
#define DIGITS 32

char *hp_job_mark_new(struct hp_error *err) {
  char hex[DIGITS + 1];
  unsigned parts[4];
  if (hp_random_hex(hex, DIGITS, err) != 0)
    return NULL;
  sscanf(hex, "%8x%8x%8x%8x", &parts[0], &parts[1], &parts[2], &parts[3]);
  return hp_printf(MARK_BEGIN "%u-%u-%u-%u", parts[0], parts[1], parts[2], parts[3]);
}

PSECURITY_DESCRIPTOR hp_job_mark_descriptor(const char *mark, struct hp_error *err) {
  char *text = hp_printf("D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;RC;;;%s)", mark);
  wchar_t *wide = hp_wide(text);
  PSECURITY_DESCRIPTOR descriptor = NULL;
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(wide, SDDL_REVISION_1, &descriptor, NULL))
    hp_error_set_os(err, (int)GetLastError(), "ConvertStringSecurityDescriptorToSecurityDescriptorW of %s",
                    text);
  free(wide);
  free(text);
  return descriptor;
}

/* The mark in an access list; owned, NULL: there is none. */
static char *find_mark(PACL acl) {
  for (DWORD i = 0; acl && i < acl->AceCount; i++) {
    ACCESS_ALLOWED_ACE *entry;
    if (!GetAce(acl, i, (void **)&entry) || entry->Header.AceType != ACCESS_ALLOWED_ACE_TYPE)
      continue;
    char *sid = hp_sid_text((PSID)&entry->SidStart);
    if (strncmp(sid, MARK_BEGIN, strlen(MARK_BEGIN)) == 0)
      return sid;
    free(sid);
  }
  return NULL;
}

bool hp_job_mark_differs(HANDLE job, const char *mark) {
  PACL acl = NULL;
  PSECURITY_DESCRIPTOR descriptor = NULL;
  if (GetSecurityInfo(job, SE_KERNEL_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, &acl, NULL,
                      &descriptor) != ERROR_SUCCESS)
    return false;
  char *found = find_mark(acl);
  bool differs = found && strcmp(found, mark) != 0;
  free(found);
  LocalFree(descriptor);
  return differs;
}
