/* Pseudo-terminals, for spawn.c. */
#ifndef HP_HOST_LINUX_TERMINAL_H
#define HP_HOST_LINUX_TERMINAL_H

#include <sys/types.h>

#include "base/error.h"

/* (any) A new terminal whose slave belongs to uid. rows or columns 0: 80×25.
 * Both ends are close-on-exec, the master is non-blocking; the caller owns
 * them. */
int hp_terminal_open(unsigned rows, unsigned columns, uid_t uid, int *master, int *slave,
                     struct hp_error *err);

#endif
