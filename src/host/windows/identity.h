/* Who a container runs as. Its parts of plan, make and release are in
 * container.h; this is what the sweep needs. */
#ifndef HP_HOST_WINDOWS_IDENTITY_H
#define HP_HOST_WINDOWS_IDENTITY_H

/* (pool) Removes the accounts of containers whose bundle is gone or that lived
 * before this boot. Errors are logged. */
void hp_identity_sweep(void);

#endif
