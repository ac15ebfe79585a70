/* Windows paths as text: pure, nothing is looked at on the disk. Any thread;
 * results are owned by the caller (free). */
#ifndef HP_HOST_WINDOWS_WIDE_PATH_H
#define HP_HOST_WINDOWS_WIDE_PATH_H

#include <stdbool.h>
#include <wchar.h>

#include "base/error.h"

/* hp_place (spec/place.h) in UTF-16: where in the container or on the host
 * something is to appear; without a drive it is below `drive` (L'C'). */
wchar_t *hp_path_place(const char *path, wchar_t drive, const char *field, struct hp_error *err);

/* What is on the host already, named by the spec: a path of a drive, of a share
 * or of a volume (`\\?\Volume{…}`), absolute, with backslashes only; `\x` is on
 * `drive`. InvalidArgument: relative, wildcards, too long. */
wchar_t *hp_path_source(const char *path, wchar_t drive, const char *field, struct hp_error *err);

/* Of a place: what follows `X:\`, borrowed; empty for the drive's root. */
const wchar_t *hp_path_below_drive(const wchar_t *place);

/* `directory` and `name` with one backslash between them. */
wchar_t *hp_path_join(const wchar_t *directory, const wchar_t *name);

/* Of a place: the directory it lies in, `X:\` for a name at the root; NULL for
 * the root itself. */
wchar_t *hp_path_parent(const wchar_t *place);

/* The same file, or one below the directory; letter case of no account. */
bool hp_path_lies_in(const wchar_t *path, const wchar_t *directory);

/* With the prefix `\\?\`, which lifts the limit of 260 characters; paths that
 * have one are copied. */
wchar_t *hp_path_long(const wchar_t *path);

#endif
