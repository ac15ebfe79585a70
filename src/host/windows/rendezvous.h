/* Where the processes that start, join or clean up one shim meet: the shim's
 * pipe, and a second one beside it whose only instance is a lock. Both go with
 * the last process that holds them. Shared by the files of this folder only. */
#ifndef HP_HOST_WINDOWS_RENDEZVOUS_H
#define HP_HOST_WINDOWS_RENDEZVOUS_H

#include <windows.h>

#include "base/error.h"

/* Waits 30 s for whoever holds it. CloseHandle lets go; it is held until all
 * processes that inherited it have done so. */
int hp_rendezvous_lock(const char *address, HANDLE *lock, struct hp_error *err);

#endif
