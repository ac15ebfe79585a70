/* A pipe between this process and one that it starts. (any) thread. */
#ifndef HP_HOST_WINDOWS_PIPE_PAIR_H
#define HP_HOST_WINDOWS_PIPE_PAIR_H

#include <windows.h>

#include "base/error.h"

enum hp_pipe_direction { HP_PIPE_TO_US, HP_PIPE_FROM_US };

/* ours is overlapped, theirs blocks, as programs expect it; neither is
 * inheritable. What was written can be read after the writer has closed. */
int hp_pipe_pair(enum hp_pipe_direction direction, HANDLE *ours, HANDLE *theirs, struct hp_error *err);

/* A name that no other pipe has, and that only administrators can serve; owned.
 * what tells people who look at the system's pipes: "stdio", "log-stdout". */
char *hp_pipe_unique_name(const char *what);

#endif
