/* The reaper's other half, for spawn.c. */
#ifndef HP_HOST_LINUX_REAPER_H
#define HP_HOST_LINUX_REAPER_H

#include <stdint.h>

/* (any) A moment between two exits, to be taken before a process is cloned … */
uint64_t hp_reaper_now(void);
/* (any) … and given when it has been: a status of its pid that was kept before
 * is that of an earlier process, and is dropped. While the spawn is expected. */
void hp_reaper_born(uint32_t pid, uint64_t before);

/* (any) Keeps pid's status until it is watched or forgotten, however long that
 * takes. To be called while the spawn is still expected. */
void hp_reaper_claim(uint32_t pid);

#endif
