#include <stdlib.h>
#include <windows.h>

#include <tlhelp32.h>

#include "base/memory.h"
#include "host/host.h"
#include "host/windows/text.h"
#include "host/windows/token.h"

#define PATH_MAX_CHARS 32768u

static void describe(DWORD pid, struct host_containerd *containerd) {
  HANDLE token, process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
  containerd->pid = (uint32_t)pid;
  if (!process)
    return;
  wchar_t *path = hp_alloc(PATH_MAX_CHARS * sizeof *path);
  DWORD length = PATH_MAX_CHARS;
  if (QueryFullProcessImageNameW(process, 0, path, &length))
    containerd->program = hp_narrow(path);
  free(path);
  if (OpenProcessToken(process, TOKEN_QUERY, &token)) {
    TOKEN_USER *user = hp_token_user(token);
    if (user) {
      containerd->account = hp_sid_name(user->User.Sid); /* localized */
      containerd->privileged = IsWellKnownSid(user->User.Sid, WinLocalSystemSid) ||
                               IsWellKnownSid(user->User.Sid, WinLocalServiceSid);
    }
    free(user);
    CloseHandle(token);
  }
  CloseHandle(process);
}

void host_find_containerd(struct host_containerd *containerd) {
  *containerd = (struct host_containerd){0};
  HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
  if (snapshot == INVALID_HANDLE_VALUE)
    return;
  PROCESSENTRY32W entry = {.dwSize = sizeof entry};
  for (BOOL more = Process32FirstW(snapshot, &entry); more && containerd->pid == 0;
       more = Process32NextW(snapshot, &entry))
    if (_wcsicmp(entry.szExeFile, L"containerd.exe") == 0)
      describe(entry.th32ProcessID, containerd);
  CloseHandle(snapshot);
}

void host_containerd_clear(struct host_containerd *containerd) {
  free(containerd->account);
  free(containerd->program);
  *containerd = (struct host_containerd){0};
}
