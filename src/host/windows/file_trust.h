/* Who could have written a file. Any thread. */
#ifndef HP_HOST_WINDOWS_FILE_TRUST_H
#define HP_HOST_WINDOWS_FILE_TRUST_H

#include <windows.h>

#include "base/error.h"

/* To write a file, or to give oneself the right to. */
#define HP_FILE_CHANGES                                                                                      \
  (FILE_WRITE_DATA | FILE_APPEND_DATA | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL)
/* To take a name away from what is in a directory, or the directory's own. */
#define HP_DIRECTORY_CHANGES (FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_ALL)

enum hp_stranger { HP_STRANGER_NONE, HP_STRANGER_OWNS, HP_STRANGER_MAY };

/* Whether somebody who is not one of ours (hp_security_is_ours) owns the thing, or
 * has one of the rights to it. Only what its own list says counts, not what is
 * inherited by others alone. *who points into the descriptor, or is static. Pure. */
enum hp_stranger hp_file_stranger(PSECURITY_DESCRIPTOR descriptor, ACCESS_MASK rights, PSID *who);

/* Whether somebody else could exchange the directory at a place (hp_path_place), or
 * one above it, as far as they are there: FailedPrecondition, with who and the
 * remedy. (pool) */
int hp_directories_distrust(const wchar_t *place, struct hp_error *err);

#endif
