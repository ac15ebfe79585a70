/* Pseudo consoles (ConPTY): what `terminal` of struct host_spawned is on this
 * system. host_process_spawn opens one, gives its attribute to the process and
 * hands it to the caller; on failure it frees it. Implements
 * host_terminal_resize too. */
#ifndef HP_HOST_WINDOWS_CONSOLE_H
#define HP_HOST_WINDOWS_CONSOLE_H

#include <windows.h>

#include "base/error.h"

struct hp_console;

/* (pool) columns or rows 0: 80×25. Unimplemented where the system has none. */
int hp_console_open(unsigned columns, unsigned rows, struct hp_console **console, struct hp_error *err);

/* (any) The value, not its address, of PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE
 * (0x20016), of size sizeof(void *). */
void *hp_console_attribute(const struct hp_console *console);

/* (any) Our ends, overlapped, the caller's from now on: what is typed is
 * written to input, what is shown is read from output. The console is gone for
 * its processes once input is closed. */
void hp_console_take(struct hp_console *console, HANDLE *input, HANDLE *output);

/* (any) Ends the console, and what still uses it, on a thread of its own, for
 * that waits until all output has been read: go on reading until it ends. */
void hp_console_finish(struct hp_console *console);

/* (any) Closes our ends, if they were not taken, finishes and frees. NULL is fine. */
void hp_console_free(struct hp_console *console);

#endif
