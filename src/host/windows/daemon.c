/* In `start`: the daemon is this program, run again with the verb "serve" and
 * told on its standard input what it is to be. `start` holds the rendezvous lock
 * from before it looks for a living shim until its own accepts, or has failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "host/host.h"
#include "host/windows/daemon_child.h"
#include "host/windows/pipe.h"
#include "host/windows/rendezvous.h"
#include "host/windows/text.h"

#define READY_WAIT_MS 30000
#define PATH_MAX_CHARS 32768u

/* The handles between start and its daemon. */
struct birth {
  HANDLE word_out, word_in;     /* start → daemon's standard input */
  HANDLE report_in, report_out; /* daemon's standard output → start; the in end is overlapped */
  HANDLE null;                  /* the daemon's standard error */
  HANDLE process;
  DWORD pid;
};

static void close_once(HANDLE *handle) {
  if (*handle && *handle != INVALID_HANDLE_VALUE)
    CloseHandle(*handle);
  *handle = NULL;
}

/* ---- the daemon's word -------------------------------------------------------- */

/* Reads up to `length` bytes until end of file or the deadline; *late is the deadline. */
static DWORD read_by(HANDLE pipe, void *data, DWORD length, uint64_t deadline, bool *late) {
  DWORD used = 0;
  HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
  *late = false;
  while (event && used < length) {
    OVERLAPPED read = {.hEvent = event};
    DWORD got = 0;
    if (!ReadFile(pipe, (char *)data + used, length - used, NULL, &read) &&
        GetLastError() != ERROR_IO_PENDING)
      break;
    uint64_t now = GetTickCount64();
    *late = WaitForSingleObject(event, now < deadline ? (DWORD)(deadline - now) : 0) == WAIT_TIMEOUT;
    if (*late)
      CancelIoEx(pipe, &read);
    if (!GetOverlappedResult(pipe, &read, &got, TRUE) || *late)
      break;
    used += got;
  }
  close_once(&event);
  return used;
}

/* A daemon that failed has ended when this returns. */
static int hear_report(const struct birth *birth, struct hp_error *err) {
  uint64_t deadline = GetTickCount64() + READY_WAIT_MS;
  struct hp_daemon_report report = {0};
  char reason[HP_DAEMON_REASON_MAX + 1];
  DWORD length = 0;
  bool late;
  DWORD got = read_by(birth->report_in, &report, sizeof report, deadline, &late);
  if (got == sizeof report && report.ready == 1)
    return 0;
  if (got == sizeof report)
    length = read_by(birth->report_in, reason, HP_DAEMON_REASON_MAX, deadline, &late);
  uint64_t now = GetTickCount64();
  if (late || WaitForSingleObject(birth->process, now < deadline ? (DWORD)(deadline - now) : 0) != 0) {
    TerminateProcess(birth->process, EXIT_FAILURE);
    WaitForSingleObject(birth->process, READY_WAIT_MS);
    return hp_error_set(err, HP_DEADLINE_EXCEEDED, "the daemon was not ready after %d s and was ended",
                        READY_WAIT_MS / 1000);
  }
  if (got != sizeof report) {
    DWORD status = 0;
    GetExitCodeProcess(birth->process, &status);
    return hp_error_set(err, HP_INTERNAL, "the daemon died before it was ready: exit status 0x%lx",
                        (unsigned long)status);
  }
  reason[length] = 0;
  hp_error_set(err, (enum hp_code)report.code, "%s", reason);
  err->os_code = report.os_code;
  return -1;
}

/* ---- making it ------------------------------------------------------------------ */

/* Anonymous pipes cannot be read with a deadline; this one has a name for as
 * long as it takes to open its other end. */
static int make_report_pipe(struct birth *birth, const char *address, struct hp_error *err) {
  char *name = hp_printf("%s-report-%lu", address, (unsigned long)GetCurrentProcessId());
  int status = hp_pipe_serve(name, true, 1, &birth->report_in, err);
  if (status == 0)
    status = hp_pipe_dial(name, 0, &birth->report_out, err);
  free(name);
  return status;
}

static int make_handles(struct birth *birth, const char *address, struct hp_error *err) {
  if (!CreatePipe(&birth->word_in, &birth->word_out, NULL, HP_DAEMON_STATE_MAX))
    return hp_error_set_os(err, (int)GetLastError(), "cannot make a pipe to the daemon");
  if (make_report_pipe(birth, address, err) != 0)
    return -1;
  birth->null = CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                            OPEN_EXISTING, 0, NULL);
  if (birth->null == INVALID_HANDLE_VALUE)
    return hp_error_set_os(err, (int)GetLastError(), "cannot open NUL");
  return 0;
}

static wchar_t *own_path(struct hp_error *err) {
  wchar_t *path = hp_alloc(PATH_MAX_CHARS * sizeof *path);
  DWORD length = GetModuleFileNameW(NULL, path, PATH_MAX_CHARS);
  if (length > 0 && length < PATH_MAX_CHARS)
    return path;
  hp_error_set_os(err, (int)GetLastError(), "cannot find this program's own file");
  free(path);
  return NULL;
}

/* The child gets the listed handles and no other, whatever else start was given. */
static LPPROC_THREAD_ATTRIBUTE_LIST list_handles(HANDLE *handles, size_t count, struct hp_error *err) {
  SIZE_T size = 0;
  InitializeProcThreadAttributeList(NULL, 1, 0, &size);
  LPPROC_THREAD_ATTRIBUTE_LIST list = hp_alloc(size);
  if (!InitializeProcThreadAttributeList(list, 1, 0, &size)) {
    hp_error_set_os(err, (int)GetLastError(), "cannot make the daemon's attributes");
    free(list);
    return NULL;
  }
  bool done = true;
  for (size_t i = 0; i < count; i++)
    done = done && SetHandleInformation(handles[i], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
  if (done && UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                        count * sizeof *handles, NULL, NULL))
    return list;
  hp_error_set_os(err, (int)GetLastError(), "cannot hand the daemon its handles");
  DeleteProcThreadAttributeList(list);
  free(list);
  return NULL;
}

/* Out of whatever job containerd runs in, or the shim would end with it; where
 * that job forbids it the shim is made all the same. No console: it would be one
 * more process, and the containers have their own. */
static int create_process(struct birth *birth, const wchar_t *path, wchar_t *command, STARTUPINFOEXW *startup,
                          struct hp_error *err) {
  wchar_t directory[MAX_PATH];
  UINT length = GetSystemDirectoryW(directory, MAX_PATH); /* the bundle will be removed under us */
  if (length == 0 || length >= MAX_PATH)
    return hp_error_set_os(err, (int)GetLastError(), "cannot find the system's directory");
  const DWORD flags = DETACHED_PROCESS | EXTENDED_STARTUPINFO_PRESENT;
  PROCESS_INFORMATION made;
  bool created = CreateProcessW(path, command, NULL, NULL, TRUE, flags | CREATE_BREAKAWAY_FROM_JOB, NULL,
                                directory, &startup->StartupInfo, &made);
  if (!created && GetLastError() == ERROR_ACCESS_DENIED)
    created =
        CreateProcessW(path, command, NULL, NULL, TRUE, flags, NULL, directory, &startup->StartupInfo, &made);
  if (!created)
    return hp_error_set_os(err, (int)GetLastError(), "cannot start the daemon");
  CloseHandle(made.hThread);
  birth->process = made.hProcess;
  birth->pid = made.dwProcessId;
  return 0;
}

static int spawn(struct birth *birth, const char *address, HANDLE lock, struct hp_error *err) {
  HANDLE handles[] = {birth->word_in, birth->report_out, birth->null, lock};
  wchar_t *path = NULL, *command = NULL;
  char *narrow = NULL, *line = NULL;
  int status = -1;
  LPPROC_THREAD_ATTRIBUTE_LIST list = list_handles(handles, sizeof handles / sizeof handles[0], err);
  if (!list || !(path = own_path(err)))
    goto done;
  /* A pipe's name needs no quoting that CommandLineToArgvW would undo wrongly:
   * it holds no quotes, and does not end in a backslash. The address is for
   * people who look at the list of processes. */
  narrow = hp_narrow(path);
  line = hp_printf("\"%s\" -socket \"%s\" " HOST_DAEMON_VERB, narrow, address);
  command = hp_wide(line);
  STARTUPINFOEXW startup = {
      .StartupInfo = {.cb = sizeof startup,
                      .dwFlags = STARTF_USESTDHANDLES,
                      .hStdInput = birth->word_in,
                      .hStdOutput = birth->report_out,
                      .hStdError = birth->null},
      .lpAttributeList = list,
  };
  status = create_process(birth, path, command, &startup, err);
done:
  if (list)
    DeleteProcThreadAttributeList(list);
  free(list);
  free(command);
  free(line);
  free(narrow);
  free(path);
  SetHandleInformation(lock, HANDLE_FLAG_INHERIT, 0);
  return status;
}

static char *compose_word(const char *address, HANDLE lock, const char *state, struct hp_error *err) {
  json_t *word =
      json_pack("{s:s, s:I, s:s}", "address", address, "lock", (json_int_t)(uintptr_t)lock, "state", state);
  char *text = word ? json_dumps(word, JSON_COMPACT) : NULL;
  json_decref(word);
  if (text && strlen(text) < HP_DAEMON_STATE_MAX)
    return text;
  hp_error_set(err, HP_INVALID_ARGUMENT, "what the daemon is to be told is %s",
               text ? "longer than 64 KiB" : "not UTF-8");
  free(text);
  return NULL;
}

static int make_daemon(const char *address, HANDLE lock, const char *state, uint32_t *pid,
                       struct hp_error *err) {
  struct birth birth = {0};
  int status = -1;
  char *word = compose_word(address, lock, state, err);
  if (!word || make_handles(&birth, address, err) != 0 || spawn(&birth, address, lock, err) != 0)
    goto done;
  close_once(&birth.word_in);
  close_once(&birth.report_out); /* else we would never see the daemon's death */
  DWORD written;
  WriteFile(birth.word_out, word, (DWORD)strlen(word), &written, NULL); /* if it died, the report says so */
  close_once(&birth.word_out);
  if (hear_report(&birth, err) != 0)
    goto done;
  *pid = birth.pid;
  status = 0;
done:
  free(word);
  close_once(&birth.word_in);
  close_once(&birth.word_out);
  close_once(&birth.report_in);
  close_once(&birth.report_out);
  close_once(&birth.null);
  close_once(&birth.process);
  return status;
}

int host_daemon_start(const char *address, host_daemon_main begin, const char *state, bool *joined,
                      uint32_t *pid, struct hp_error *err) {
  (void)begin; /* the new process finds its own */
  HANDLE lock = NULL;
  char *name = hp_pipe_name(address, err);
  int status = -1;
  if (!name || hp_rendezvous_lock(name, &lock, err) != 0)
    goto done;
  *joined = host_daemon_find(name, pid, err) == 0;
  if (*joined) {
    status = 0;
  } else if (err->code == HP_NOT_FOUND) {
    hp_error_clear(err);
    status = make_daemon(name, lock, state, pid, err);
  }
done:
  close_once(&lock);
  free(name);
  return status;
}
