/* Creating processes: the system's own calls, behind the rules of their documentation. */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <userenv.h>

#include "machine.h"
#include "winsim.h"

#define REAL(name) WINSIM_REAL("kernel32.dll", name)

/* "UpdateProcThreadAttribute function": what a list of handles may hold; "if you
 * use this attribute, pass in a value of TRUE for the bInheritHandles parameter". */
static DWORD judge_handles(const HANDLE *handles, SIZE_T size) {
  size_t count = size / sizeof *handles;
  DWORD flags;
  if (count == 0 || size % sizeof *handles != 0)
    return ERROR_BAD_LENGTH;
  for (size_t i = 0; i < count; i++) {
    if (!handles[i] || !GetHandleInformation(handles[i], &flags) || !(flags & HANDLE_FLAG_INHERIT))
      return ERROR_INVALID_PARAMETER;
    for (size_t j = 0; j < i; j++)
      if (handles[i] == handles[j])
        return ERROR_INVALID_PARAMETER;
  }
  return ERROR_SUCCESS;
}

static DWORD judge_attribute(DWORD_PTR attribute, const void *value, SIZE_T size) {
  if (attribute == PROC_THREAD_ATTRIBUTE_HANDLE_LIST)
    return judge_handles(value, size);
  if (attribute == ProcThreadAttributeValue(ProcThreadAttributeJobList, FALSE, TRUE, FALSE))
    return size >= sizeof(HANDLE) && size % sizeof(HANDLE) == 0 && *(const HANDLE *)value
               ? ERROR_SUCCESS
               : ERROR_INVALID_PARAMETER;
  return ERROR_SUCCESS;
}

static BOOL WINAPI update(LPPROC_THREAD_ATTRIBUTE_LIST list, DWORD flags, DWORD_PTR attribute, PVOID value,
                          SIZE_T size, PVOID previous, PSIZE_T length) {
  DWORD os_code = winsim_enter("UpdateProcThreadAttribute", "0x%llx", (unsigned long long)attribute);
  if (os_code == ERROR_SUCCESS && (flags || previous || length)) /* "reserved": zero and NULL */
    os_code = ERROR_INVALID_PARAMETER;
  if (os_code == ERROR_SUCCESS)
    os_code = judge_attribute(attribute, value, size);
  if (os_code)
    return winsim_answer(os_code);
  BOOL done = REAL(UpdateProcThreadAttribute)(list, flags, attribute, value, size, previous, length);
  return winsim_answer(done ? ERROR_SUCCESS : GetLastError());
}

/* "STARTUPINFOEXW structure", "Process Creation Flags". */
static DWORD judge_startup(DWORD flags, const STARTUPINFOW *startup, const wchar_t *environment,
                           BOOL inherits) {
  bool extended = startup->cb == sizeof(STARTUPINFOEXW);
  if (extended != ((flags & EXTENDED_STARTUPINFO_PRESENT) != 0))
    return ERROR_INVALID_PARAMETER;
  if (environment && !(flags & CREATE_UNICODE_ENVIRONMENT)) /* its first character would end it */
    return ERROR_INVALID_PARAMETER;
  /* "If this flag is specified … the process creation must pass TRUE": STARTF_USESTDHANDLES */
  if ((startup->dwFlags & STARTF_USESTDHANDLES) && startup->hStdOutput && !inherits)
    return ERROR_INVALID_PARAMETER;
  return ERROR_SUCCESS;
}

/* "CreateProcessAsUserW function": "a handle to the primary token". */
static bool is_primary(HANDLE token) {
  TOKEN_TYPE type = TokenImpersonation;
  DWORD length;
  return WINSIM_REAL("advapi32.dll", GetTokenInformation)(token, TokenType, &type, sizeof type, &length) &&
         type == TokenPrimary;
}

static BOOL WINAPI create_as(HANDLE token, LPCWSTR program, LPWSTR line,
                             LPSECURITY_ATTRIBUTES process_security, LPSECURITY_ATTRIBUTES thread_security,
                             BOOL inherits, DWORD flags, LPVOID environment, LPCWSTR directory,
                             LPSTARTUPINFOW startup, LPPROCESS_INFORMATION process) {
  DWORD os_code = winsim_enter("CreateProcessAsUserW", "0x%lx", (unsigned long)flags);
  if (os_code == ERROR_SUCCESS)
    os_code =
        !is_primary(token) ? ERROR_BAD_TOKEN_TYPE : judge_startup(flags, startup, environment, inherits);
  if (os_code)
    return winsim_answer(os_code);
  BOOL done = WINSIM_REAL("advapi32.dll", CreateProcessAsUserW)(token, program, line, process_security,
                                                                thread_security, inherits, flags, environment,
                                                                directory, startup, process);
  return winsim_answer(done ? ERROR_SUCCESS : GetLastError());
}

static BOOL WINAPI create(LPCWSTR program, LPWSTR line, LPSECURITY_ATTRIBUTES process_security,
                          LPSECURITY_ATTRIBUTES thread_security, BOOL inherits, DWORD flags,
                          LPVOID environment, LPCWSTR directory, LPSTARTUPINFOW startup,
                          LPPROCESS_INFORMATION process) {
  DWORD os_code = winsim_enter("CreateProcessW", "0x%lx", (unsigned long)flags);
  if (os_code == ERROR_SUCCESS)
    os_code = judge_startup(flags, startup, environment, inherits);
  if (os_code)
    return winsim_answer(os_code);
  BOOL done = REAL(CreateProcessW)(program, line, process_security, thread_security, inherits, flags,
                                   environment, directory, startup, process);
  return winsim_answer(done ? ERROR_SUCCESS : GetLastError());
}

BOOL WINAPI CreateEnvironmentBlock(LPVOID *block, HANDLE token, BOOL inherit) {
  DWORD os_code = winsim_enter("CreateEnvironmentBlock", "%s", inherit ? "inherit" : "");
  if (os_code)
    return winsim_answer(os_code);
  BOOL done = WINSIM_REAL("userenv.dll", CreateEnvironmentBlock)(block, token, inherit);
  return winsim_answer(done ? ERROR_SUCCESS : GetLastError());
}

WINSIM_IMPORT(UpdateProcThreadAttribute, update);
WINSIM_IMPORT(CreateProcessAsUserW, create_as);
WINSIM_IMPORT(CreateProcessW, create);
