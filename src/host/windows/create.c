/* CreateProcess with exactly what the child may have: its job from the first
 * instruction on, three handles, a console. */
#include <stdlib.h>

#include "base/memory.h"
#include "host/windows/launch.h"

#define ATTRIBUTES_MAX 3
#define INHERITED_MAX 4

struct attributes {
  LPPROC_THREAD_ATTRIBUTE_LIST list;
  HANDLE inherited[INHERITED_MAX];
  DWORD inherited_count;
};

static DWORD last_error(bool success) {
  return success ? ERROR_SUCCESS : GetLastError();
}

/* ---- handles ----------------------------------------------------------------------- */

/* A copy that can be inherited; the list of what is keeps it from other children. */
static DWORD copy_handle(HANDLE from, HANDLE *to) {
  return last_error(
      DuplicateHandle(GetCurrentProcess(), from, GetCurrentProcess(), to, 0, TRUE, DUPLICATE_SAME_ACCESS));
}

static DWORD open_null(HANDLE *to) {
  SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
  HANDLE file = CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                            &inherit, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE)
    return GetLastError();
  *to = file;
  return ERROR_SUCCESS;
}

static DWORD prepare_stdio(const struct hp_creation *creation, HANDLE stdio[3]) {
  for (size_t i = 0; i < 3; i++) {
    DWORD code = creation->stdio[i] ? copy_handle(creation->stdio[i], &stdio[i]) : open_null(&stdio[i]);
    if (code != ERROR_SUCCESS)
      return code;
  }
  return ERROR_SUCCESS;
}

/* ---- attributes ----------------------------------------------------------------------- */

static DWORD new_list(struct attributes *attributes) {
  SIZE_T size = 0;
  InitializeProcThreadAttributeList(NULL, ATTRIBUTES_MAX, 0, &size);
  LPPROC_THREAD_ATTRIBUTE_LIST list = hp_alloc(size);
  if (!InitializeProcThreadAttributeList(list, ATTRIBUTES_MAX, 0, &size)) {
    DWORD code = GetLastError();
    free(list);
    return code;
  }
  attributes->list = list;
  return ERROR_SUCCESS;
}

static DWORD set_attribute(struct attributes *attributes, DWORD_PTR attribute, void *value, size_t size) {
  return last_error(UpdateProcThreadAttribute(attributes->list, 0, attribute, value, size, NULL, NULL));
}

/* The list keeps pointers: what they point to must stay until the call. */
static DWORD set_attributes(struct attributes *attributes, const struct hp_creation *creation,
                            const HANDLE *stdio, HANDLE *job) {
  DWORD code = new_list(attributes);
  for (size_t i = 0; i < 3; i++)
    if (stdio[i])
      attributes->inherited[attributes->inherited_count++] = stdio[i];
  if (creation->further)
    attributes->inherited[attributes->inherited_count++] = creation->further;
  if (code == ERROR_SUCCESS && attributes->inherited_count > 0)
    code = set_attribute(attributes, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, attributes->inherited,
                         attributes->inherited_count * sizeof(HANDLE));
  if (code == ERROR_SUCCESS && *job)
    code = set_attribute(attributes, ProcThreadAttributeValue(ProcThreadAttributeJobList, FALSE, TRUE, FALSE),
                         job, sizeof *job);
  if (code == ERROR_SUCCESS && creation->console == HP_CONSOLE_PSEUDO) /* its value, not its address */
    code = set_attribute(attributes,
                         ProcThreadAttributeValue(ProcThreadAttributePseudoConsole, FALSE, TRUE, FALSE),
                         creation->pseudo_console, sizeof creation->pseudo_console);
  return code;
}

/* ---- the call ---------------------------------------------------------------------------- */

DWORD hp_create_process(const struct hp_creation *creation, const wchar_t *program, wchar_t *line,
                        const wchar_t *directory, wchar_t *environment, PROCESS_INFORMATION *process,
                        const char **call) {
  HANDLE stdio[3] = {NULL, NULL, NULL}, job = creation->job;
  struct attributes attributes = {0};
  *call = "DuplicateHandle";
  DWORD code = creation->console == HP_CONSOLE_HIDDEN ? prepare_stdio(creation, stdio) : ERROR_SUCCESS;
  if (code == ERROR_SUCCESS) {
    *call = "UpdateProcThreadAttribute";
    code = set_attributes(&attributes, creation, stdio, &job);
  }
  if (code != ERROR_SUCCESS)
    goto done;

  STARTUPINFOEXW startup = {.StartupInfo.cb = sizeof startup, .lpAttributeList = attributes.list};
  /* With a pseudo console the three are empty, or the child would get ours. */
  if (creation->console != HP_CONSOLE_OURS)
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  startup.StartupInfo.hStdInput = stdio[0];
  startup.StartupInfo.hStdOutput = stdio[1];
  startup.StartupInfo.hStdError = stdio[2];
  DWORD flags = CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
  if (creation->console == HP_CONSOLE_HIDDEN)
    flags |= CREATE_NO_WINDOW;
  if (creation->break_away)
    flags |= CREATE_BREAKAWAY_FROM_JOB;
  *call = creation->token ? "CreateProcessAsUserW" : "CreateProcessW";
  BOOL inherits = attributes.inherited_count > 0;
  for (;;) {
    BOOL created = creation->token
                       ? CreateProcessAsUserW(creation->token, program, line, NULL, NULL, inherits, flags,
                                              environment, directory, &startup.StartupInfo, process)
                       : CreateProcessW(program, line, NULL, NULL, inherits, flags, environment, directory,
                                        &startup.StartupInfo, process);
    code = last_error(created);
    /* A job of ours that forbids breaking away looks like a file that may not
     * be executed; the second answer is the true one. */
    if (code != ERROR_ACCESS_DENIED || !(flags & CREATE_BREAKAWAY_FROM_JOB))
      break;
    flags &= ~(DWORD)CREATE_BREAKAWAY_FROM_JOB;
  }

done:
  if (attributes.list) {
    DeleteProcThreadAttributeList(attributes.list);
    free(attributes.list);
  }
  for (size_t i = 0; i < 3; i++)
    if (stdio[i])
      CloseHandle(stdio[i]);
  return code;
}
