/* What the verbs read and write besides their flags: standard input, and the
 * small files of a bundle. All of it blocks; for the short-lived verbs only. */
#ifndef HP_CLI_INPUT_H
#define HP_CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HP_ADDRESS_FILE "address" /* in the bundle: where its shim listens */
#define HP_PID_FILE "shim.pid"

#define HP_INPUT_MAX (4u << 20) /* bytes of standard input; more is refused */

/* Standard input to its end; a terminal is empty unless somebody is to type there.
 * *data is malloced. */
int hp_input_read(bool typed, uint8_t **data, size_t *length, struct hp_error *err);

/* The absolute, resolved path of -bundle, or of the working directory. Owned. */
int hp_bundle_path(const char *flag, char **path, struct hp_error *err);

/* BUNDLE/NAME as one short line (4 KiB) without its newline; follows no link.
 * Missing: NotFound. Owned. */
int hp_bundle_read(const char *bundle, const char *name, char **text, struct hp_error *err);
/* Writes BUNDLE/NAME whole or not at all, mode 0644, whatever is there is replaced. */
int hp_bundle_write(const char *bundle, const char *name, const char *text, struct hp_error *err);
void hp_bundle_remove(const char *bundle, const char *name);

#endif
