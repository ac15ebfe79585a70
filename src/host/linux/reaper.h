/* The reaper's other half, for spawn.c. */
#ifndef HP_HOST_LINUX_REAPER_H
#define HP_HOST_LINUX_REAPER_H

#include <stdint.h>

/* (any) Keeps pid's status until it is watched or forgotten, however long that
 * takes. To be called while the spawn is still expected. */
void hp_reaper_claim(uint32_t pid);

#endif
