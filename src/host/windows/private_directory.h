/* Directories that only SYSTEM and Administrators can change: where the shim
 * keeps what it must be able to believe. (pool) */
#ifndef HP_HOST_WINDOWS_PRIVATE_DIRECTORY_H
#define HP_HOST_WINDOWS_PRIVATE_DIRECTORY_H

#include <stdbool.h>
#include <windows.h>

#include "base/error.h"

/* Makes it if it is missing (its parent must exist), else looks at it. A link, a
 * file, or one that somebody else owns is FailedPrecondition; one whose owner is
 * right and that others may write gets the DACL, with a line in the log. `what`
 * is for messages: "the state directory". */
int hp_private_directory_make(const wchar_t *path, const char *what, struct hp_error *err);
/* Looks only, makes and changes nothing; a missing one is fine. */
int hp_private_directory_check(const wchar_t *path, const char *what, struct hp_error *err);

/* Whether such a list lets others than ours change the directory, or what is made in it. Pure. */
bool hp_private_directory_is_loose(PACL dacl);

#endif
