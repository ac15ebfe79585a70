/* Profiles of accounts that are gone: the directory below C:\Users and its
 * entry in the registry. (pool) */
#ifndef HP_HOST_WINDOWS_PROFILE_H
#define HP_HOST_WINDOWS_PROFILE_H

#include <jansson.h>

#include "base/error.h"

/* Deletes the profile of a SID ("S-1-5-21-…"). No such profile is success. One
 * whose hive is in use is tried again for about two seconds, and a hive that a
 * dead process left loaded is unloaded: FailedPrecondition after that. */
int hp_profile_delete(const char *sid, struct hp_error *err);

/* Adds a record {"kind": "profile", "sid", "path", "stray": true} for each profile
 * whose account is gone, whose directory is named as our accounts are, and that
 * no claim names. (profile_stray.c) */
void hp_profile_find_strays(const json_t *claims, json_t *records);
/* Deletes such a profile, if it still is one. */
int hp_profile_remove_stray(const char *sid, struct hp_error *err);

#define HP_PROFILE_CLAIM "profile"
#define HP_PROFILE_LIST L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList"

#endif
