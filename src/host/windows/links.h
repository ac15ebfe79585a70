/* Links of the file system made by handle: symbolic links, or junctions where
 * the former cannot be. All (pool). */
#ifndef HP_HOST_WINDOWS_LINKS_H
#define HP_HOST_WINDOWS_LINKS_H

#include <stdbool.h>
#include <windows.h>

#include "base/error.h"

/* Makes `name` in the directory a link to `target`, an absolute path of the
 * host, and looks that it is one. An empty directory or file there becomes the
 * link, one to the same target is left, anything else is FailedPrecondition.
 * directory: what the target is. A host without links (Wine): FailedPrecondition
 * with os_code ERROR_NOT_SUPPORTED. */
int hp_link_make(HANDLE parent, const wchar_t *name, const wchar_t *target, bool directory,
                 struct hp_error *err);

/* Removes the link `name` if it is one to target; whatever else is there stays,
 * and is no failure. */
int hp_link_remove(HANDLE parent, const wchar_t *name, const wchar_t *target, struct hp_error *err);

/* The reparse tag of a path, read without opening what it stands for; 0: none,
 * or no such file. */
DWORD hp_link_tag(const wchar_t *path);

#endif
