/* Opens what a stream's name names: a named pipe that containerd serves, or a
 * file. None is inheritable; nothing is set on failure. */
#ifndef HP_STDIO_WINDOWS_OPEN_H
#define HP_STDIO_WINDOWS_OPEN_H

#include <stdbool.h>
#include <windows.h>

#include "base/error.h"

/* (pool) A client's end of the pipe, overlapped. Waits for a server that is not
 * there yet, or whose instances are all taken, for a bounded time. stream is
 * "stdin", … for the message. */
int hp_open_pipe(const char *stream, const char *name, HANDLE *pipe, struct hp_error *err);

/* (any) The same for a server that came back: one try, and it must belong to
 * SYSTEM, administrators or ourselves, for the name was free meanwhile. NULL: not there. */
HANDLE hp_reopen_pipe(const char *name);

/* (pool) input: reads a file that is there; else appends, and the file and its
 * directories are made if missing. */
int hp_open_file(const char *stream, const char *path, bool input, HANDLE *file, struct hp_error *err);

#endif
