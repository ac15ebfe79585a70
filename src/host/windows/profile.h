/* Profiles of accounts that are gone: the directory below C:\Users and its
 * entry in the registry. (pool) */
#ifndef HP_HOST_WINDOWS_PROFILE_H
#define HP_HOST_WINDOWS_PROFILE_H

#include "base/error.h"

/* Deletes the profile of a SID ("S-1-5-21-…"). No such profile is success. One
 * whose hive is in use is tried again for about two seconds, and a hive that a
 * dead process left loaded is unloaded: FailedPrecondition after that. */
int hp_profile_delete(const char *sid, struct hp_error *err);

#endif
