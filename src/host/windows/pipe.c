#include "host/windows/pipe.h"

#include <fcntl.h>
#include <io.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/windows/security.h"
#include "host/windows/text.h"
#include "host/windows/winapi.h"

#define BUFFER_BYTES 65536u
#define WINE_WAIT_MS 500
#define WINE_POLL_MS 5

char *hp_pipe_name(const char *address, struct hp_error *err) {
  static const char prefix[] = "\\\\.\\pipe\\";
  const char *rest = strncmp(address, "npipe://", 8) == 0 ? address + 8 : address;
  char *name = hp_strdup(rest);
  for (char *c = name; *c; c++)
    if (*c == '/')
      *c = '\\';
  if (strncmp(name, prefix, sizeof prefix - 1) == 0 && name[sizeof prefix - 1])
    return name;
  free(name);
  hp_error_set(err, HP_INVALID_ARGUMENT, "address \"%s\" is not a named pipe: use \\\\.\\pipe\\NAME",
               address);
  return NULL;
}

int hp_pipe_serve(const char *name, bool first, DWORD instances, HANDLE *pipe, struct hp_error *err) {
  SECURITY_ATTRIBUTES security = hp_security_administrators();
  wchar_t *wide = hp_wide(name);
  *pipe = CreateNamedPipeW(
      wide, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
      PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, instances, BUFFER_BYTES,
      BUFFER_BYTES, 0, &security);
  DWORD reason = GetLastError();
  free(wide);
  if (*pipe != INVALID_HANDLE_VALUE)
    return 0;
  hp_error_set_os(err, (int)reason, "cannot serve pipe %s", name);
  bool taken = first && (reason == ERROR_ACCESS_DENIED || reason == ERROR_PIPE_BUSY);
  return taken ? hp_error_recode(err, HP_ALREADY_EXISTS) : -1;
}

static HANDLE open_client(const wchar_t *name, DWORD flags) {
  return CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                     flags | SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, NULL);
}

/* Wine only. Go's listeners (go-winio) hold a first instance that they never
 * serve; Windows keeps clients away from it, for it was made without read and
 * write access, but Wine connects the first client there, where nobody listens.
 * So a second connection is made if there is a second instance, and used; a
 * pipe that can have but one is no such listener's. */
static HANDLE second_instance(const wchar_t *name, DWORD flags, HANDLE first) {
  DWORD most = 0;
  if (GetNamedPipeInfo(first, NULL, NULL, NULL, &most) && most == 1)
    return first;
  for (int waited = 0; waited < WINE_WAIT_MS; waited += WINE_POLL_MS) {
    HANDLE second = open_client(name, flags);
    if (second != INVALID_HANDLE_VALUE) {
      CloseHandle(first);
      return second;
    }
    if (GetLastError() != ERROR_PIPE_BUSY)
      break;
    Sleep(WINE_POLL_MS);
  }
  return first;
}

int hp_pipe_dial(const char *name, DWORD flags, HANDLE *pipe, struct hp_error *err) {
  wchar_t *wide = hp_wide(name);
  *pipe = open_client(wide, flags);
  DWORD reason = GetLastError();
  if (*pipe != INVALID_HANDLE_VALUE && hp_winapi_is_wine())
    *pipe = second_instance(wide, flags, *pipe);
  free(wide);
  if (*pipe != INVALID_HANDLE_VALUE)
    return 0;
  hp_error_set_os(err, (int)reason, "cannot connect to pipe %s", name);
  return reason == ERROR_PIPE_BUSY ? hp_error_recode(err, HP_UNAVAILABLE) : -1;
}

int hp_pipe_dial_trusted(const char *name, DWORD flags, HANDLE *pipe, struct hp_error *err) {
  if (hp_pipe_dial(name, flags, pipe, err) != 0)
    return -1;
  /* Wine knows no owners of Go's pipes, but nobody who could be in their place either. */
  if (hp_winapi_is_wine() || hp_security_trusted(*pipe, SE_KERNEL_OBJECT))
    return 0;
  CloseHandle(*pipe);
  *pipe = INVALID_HANDLE_VALUE;
  return hp_error_set(
      err, HP_PERMISSION_DENIED,
      "pipe %s belongs to neither SYSTEM nor Administrators nor our own user: find out who made "
      "it, then end that process",
      name);
}

static void free_handle(uv_handle_t *handle) {
  free(handle);
}

uv_stream_t *hp_pipe_stream(uv_loop_t *loop, HANDLE pipe, struct hp_error *err) {
  int fd = _open_osfhandle((intptr_t)pipe, _O_RDWR | _O_BINARY | _O_NOINHERIT);
  if (fd < 0) {
    CloseHandle(pipe);
    hp_error_set(err, HP_RESOURCE_EXHAUSTED, "cannot watch a connected pipe: too many are open");
    return NULL;
  }
  uv_pipe_t *stream = hp_alloc(sizeof *stream);
  uv_pipe_init(loop, stream, 0);
  int status = uv_pipe_open(stream, fd);
  if (status == 0)
    return (uv_stream_t *)stream;
  _close(fd);
  uv_close((uv_handle_t *)stream, free_handle);
  hp_error_set(err, HP_INTERNAL, "cannot watch a connected pipe: %s", uv_strerror(status));
  return NULL;
}
