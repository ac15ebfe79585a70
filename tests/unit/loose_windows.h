/* Files and directories that others may change. Included by one file a program. */
#ifndef HP_TESTS_UNIT_LOOSE_WINDOWS_H
#define HP_TESTS_UNIT_LOOSE_WINDOWS_H

#include <aclapi.h>
#include <sddl.h>
#include <stdlib.h>
#include <windows.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/token.h"
#include "support.h"

static inline PSECURITY_DESCRIPTOR descriptor_of(const char *sddl) {
  PSECURITY_DESCRIPTOR descriptor = NULL;
  wchar_t *wide = hp_wide(sddl);
  ck_assert_msg(
      ConvertStringSecurityDescriptorToSecurityDescriptorW(wide, SDDL_REVISION_1, &descriptor, NULL),
      "%s: %lu", sddl, GetLastError());
  free(wide);
  return descriptor;
}

/* Everybody gets all rights, beside us. */
static inline void open_to_everyone(const char *path) {
  BOOL present, defaulted;
  PACL list;
  TOKEN_USER *own = hp_token_own_user();
  char *sid = hp_sid_text(own->User.Sid), *sddl = hp_printf("D:P(A;;FA;;;%s)(A;;FA;;;WD)", sid);
  PSECURITY_DESCRIPTOR descriptor = descriptor_of(sddl);
  ck_assert(GetSecurityDescriptorDacl(descriptor, &present, &list, &defaulted));
  wchar_t *wide = hp_wide(path);
  ck_assert_uint_eq(SetNamedSecurityInfoW(wide, SE_FILE_OBJECT,
                                          DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                                          NULL, NULL, list, NULL),
                    ERROR_SUCCESS);
  free(wide);
  LocalFree(descriptor);
  free(sddl);
  free(sid);
  free(own);
}

#endif
