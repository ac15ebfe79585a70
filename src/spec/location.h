/* Places on the host that a pod or the node policy names (the annotation
 * microsoft.com/hostprocess-rootfs-location). Pure: whether a link stands on the
 * way only the host can say. */
#ifndef HP_SPEC_LOCATION_H
#define HP_SPEC_LOCATION_H

#include <stdbool.h>

#include "spec/spec.h"

#define HP_LOCATION_MAX 255 /* bytes; the container's id is appended to it */

/* An absolute path below the root, without "..", which the shim may make as
 * SYSTEM or root. */
bool hp_location_is_valid(enum hp_os os, const char *path);
/* path is folder or stands below it. Windows: either slash, and letter case from
 * A to Z is no matter. Both are valid. */
bool hp_location_is_below(enum hp_os os, const char *path, const char *folder);

#endif
