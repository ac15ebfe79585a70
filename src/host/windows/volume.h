/* The container volume. Its parts of plan, make and release are in container.h;
 * this is what the sweep needs. */
#ifndef HP_HOST_WINDOWS_VOLUME_H
#define HP_HOST_WINDOWS_VOLUME_H

#define HP_VOLUME_BASE L"C:\\hpc"

/* (pool) Removes the directories on the host that containers which are gone
 * still claim. Errors are logged. */
void hp_volume_sweep(void);

#endif
