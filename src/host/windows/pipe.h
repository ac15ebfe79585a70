/* Named pipes as this shim makes and opens them: byte mode, overlapped, for this
 * machine only. Shared by the files of this folder only. */
#ifndef HP_HOST_WINDOWS_PIPE_H
#define HP_HOST_WINDOWS_PIPE_H

#include <stdbool.h>
#include <uv.h>
#include <windows.h>

#include "base/error.h"

/* "\\.\pipe\…", also spelled "npipe:////./pipe/…" or with forward slashes, as a
 * pipe's name for the calls below; else NULL and InvalidArgument. Owned. */
char *hp_pipe_name(const char *address, struct hp_error *err);

/* A new instance, for SYSTEM and Administrators alone. first: none may be there
 * yet, else AlreadyExists (os_code is ERROR_ACCESS_DENIED, or ERROR_PIPE_BUSY if
 * that one has all the instances it allows). */
int hp_pipe_serve(const char *name, bool first, DWORD instances, HANDLE *pipe, struct hp_error *err);

/* A client's end, whose server can learn nothing from our token. flags:
 * FILE_FLAG_OVERLAPPED or 0. Never blocks:
 * os_code ERROR_FILE_NOT_FOUND (NotFound) if nobody serves, ERROR_PIPE_BUSY
 * (Unavailable) if no instance is free at the moment. */
int hp_pipe_dial(const char *name, DWORD flags, HANDLE *pipe, struct hp_error *err);

/* The same, but PermissionDenied if it is somebody else than SYSTEM, Administrators
 * or our own user who serves. Others cannot make a pipe below ProtectedPrefix;
 * elsewhere anybody can who comes first. */
int hp_pipe_dial_trusted(const char *name, DWORD flags, HANDLE *pipe, struct hp_error *err);

/* The connected pipe as a stream of the loop, malloced, or NULL. The handle is
 * taken either way. */
uv_stream_t *hp_pipe_stream(uv_loop_t *loop, HANDLE pipe, struct hp_error *err);

#endif
