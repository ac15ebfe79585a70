/* The reaper's other half, for the files of this folder. */
#ifndef HP_HOST_WINDOWS_REAPER_H
#define HP_HOST_WINDOWS_REAPER_H

#include <stdint.h>
#include <windows.h>

#include "base/error.h"

/* (any) From now on the reaper owns the process handle (SYNCHRONIZE, query, and
 * what signals need). While it is held Windows gives the pid to nobody else; its
 * status is kept until it is watched or forgotten. On failure the handle stays
 * the caller's. */
int hp_reaper_adopt(uint32_t pid, HANDLE process, struct hp_error *err);

/* (any) A handle of the caller's own on an adopted process; NULL: not adopted,
 * or gone. */
HANDLE hp_reaper_handle(uint32_t pid);

#endif
