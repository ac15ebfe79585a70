/* Windows layers, which vmcompute.dll makes a volume of: the read-only ones of an
 * image and a scratch on top. Calls are serialized, since they time out when they
 * run at once. (pool) */
#ifndef HP_HOST_WINDOWS_LAYERS_H
#define HP_HOST_WINDOWS_LAYERS_H

#include <stdint.h>
#include <wchar.h>

#include "base/error.h"
#include "base/memory.h"

struct hp_layers {
  wchar_t *scratch;          /* its directory's full path */
  struct hp_strings parents; /* top layer first */
};

/* FailedPrecondition, with the name of what is missing, on a host without layers. */
int hp_layers_check(struct hp_error *err);

/* Activates and prepares the scratch, which is made first if its directory holds
 * no sandbox.vhdx; size: bytes to expand it to, 0: as it is. *volume:
 * `\\?\Volume{guid}`, owned, without a backslash at the end. */
int hp_layers_mount(const struct hp_layers *layers, uint64_t size, wchar_t **volume, struct hp_error *err);

/* The reverse; what is not mounted is success. */
int hp_layers_unmount(const wchar_t *scratch, struct hp_error *err);

void hp_layers_clear(struct hp_layers *layers);

#endif
