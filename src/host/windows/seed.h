/* Numbers that nobody can guess, for what asks before main: the canary of the stack,
 * the tables' seed. They are no keys: passwords come from the system (account.c). */
#ifndef HP_HOST_WINDOWS_SEED_H
#define HP_HOST_WINDOWS_SEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool hp_seed(uint64_t *seed);

/* The system's generator, out of System32. */
bool hp_seed_of_system(void *bytes, size_t length);

#endif
