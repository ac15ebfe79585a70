/* Command line, environment and working directory (contract, section 5; Linux
 * look-up of linux.md). Pure: the look-up lists candidates, the host tries them. */
#ifndef HP_SPEC_COMMAND_H
#define HP_SPEC_COMMAND_H

#include "base/memory.h"
#include "spec/spec.h"

#define HP_MOUNT_POINT_VARIABLE "CONTAINER_SANDBOX_MOUNT_POINT"

/* Replaces %VAR%, $env:VAR, ${env:VAR} and $VAR (VAR being the mount point
 * variable, any letter case) in text by mount_point. Returns a new string. */
char *hp_command_expand(const char *text, const char *mount_point);

/* The child's environment on Linux: spec's entries expanded, the last of a
 * name wins, PATH set to /usr/local/sbin:…:/bin if missing and extended by
 * MOUNT_POINT/{usr/local/,usr/,}{s,}bin, then the mount point variable. */
void hp_command_environment(const struct hp_strings *env, const char *mount_point, struct hp_strings *out);

/* Candidates for the executable on Linux, best first: see linux.md ("working
 * directory if a slash is in it, PATH, and an absolute path that the host lacks
 * is looked for in the container volume"). */
void hp_command_candidates(const char *arg0, const char *cwd, const struct hp_strings *env,
                           const char *mount_point, struct hp_strings *out);

#endif
