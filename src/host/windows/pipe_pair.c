#include "host/windows/pipe_pair.h"

#include <stdlib.h>

#include "base/memory.h"
#include "host/windows/pipe.h"
#include "host/windows/text.h"

char *hp_pipe_unique_name(const char *what) {
  static volatile LONG count;
  return hp_printf("\\\\.\\pipe\\ProtectedPrefix\\Administrators\\hostprocess-%s-%lu-%ld", what,
                   GetCurrentProcessId(), InterlockedIncrement(&count));
}

/* FILE_READ_ATTRIBUTES and FILE_WRITE_ATTRIBUTES: programs ask what their
 * standard handles are, and set a pipe's mode. */
static HANDLE open_theirs(const char *name, enum hp_pipe_direction direction) {
  wchar_t *wide = hp_wide(name);
  DWORD access = direction == HP_PIPE_TO_US ? GENERIC_WRITE | FILE_READ_ATTRIBUTES
                                            : GENERIC_READ | FILE_WRITE_ATTRIBUTES;
  HANDLE theirs =
      CreateFileW(wide, access, 0, NULL, OPEN_EXISTING, SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, NULL);
  DWORD reason = GetLastError();
  free(wide);
  SetLastError(reason);
  return theirs;
}

int hp_pipe_pair(enum hp_pipe_direction direction, HANDLE *ours, HANDLE *theirs, struct hp_error *err) {
  char *name = hp_pipe_unique_name("stdio");
  HANDLE server = INVALID_HANDLE_VALUE;
  int result = -1;
  if (hp_pipe_serve(name, true, 1, &server, err) != 0)
    goto done;
  HANDLE client = open_theirs(name, direction);
  if (client == INVALID_HANDLE_VALUE) {
    hp_error_set_os(err, (int)GetLastError(), "cannot open the other end of pipe %s", name);
    CloseHandle(server);
    goto done;
  }
  *ours = server;
  *theirs = client;
  result = 0;
done:
  free(name);
  return result;
}
