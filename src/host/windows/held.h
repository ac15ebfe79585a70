/* What a container volume holds outside its bundle beside mount points: mounted
 * layers, and links in a directory that is not the shim's. Each is a record and,
 * from before it is made until it is gone, a claim of the same members, so that
 * it can be given back when bundle and journal are lost:
 *   {"kind": "layers", "owner", "scratch"}
 *   {"kind": "links", "owner", "root", "links": [{"path", "target"}…]}
 * Links without a root are the scratch's and go with it: they are no claim. All (pool). */
#ifndef HP_HOST_WINDOWS_HELD_H
#define HP_HOST_WINDOWS_HELD_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

bool hp_held_is(const json_t *record);

/* Claims what the record names. Layers that a container which is gone still claims
 * are unmounted first. */
int hp_held_claim(const json_t *record, struct hp_error *err);

/* Gives back what the record's owner claims; nothing claimed is success. What
 * another container claims too is left to it. */
int hp_held_release(const json_t *record, struct hp_error *err);

#endif
