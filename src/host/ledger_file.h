/* Where the ledger lives: a directory that only the administrator can write,
 * /var/lib/hostprocess-shim or %ProgramData%\hostprocess-shim
 * (HOSTPROCESS_STATE_DIR names another). `lock` is held there while the ledger
 * is changed, and `ledger.json` is replaced as a whole. All (pool). */
#ifndef HP_HOST_LEDGER_FILE_H
#define HP_HOST_LEDGER_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define HP_LEDGER_FILE_MAX (16u << 20)
#define HP_LEDGER_LOCK_WAIT_MS 20000
#define HP_LEDGER_BOOT_SIZE 64

struct hp_ledger_file; /* locked from open to close */

int hp_ledger_file_open(struct hp_ledger_file **file, struct hp_error *err);
/* What was last saved, owned; *text is NULL if nothing was. Without a lock
 * (file is NULL) nothing is made either. */
int hp_ledger_file_load(const struct hp_ledger_file *file, char **text, size_t *length, struct hp_error *err);
int hp_ledger_file_save(struct hp_ledger_file *file, const char *text, struct hp_error *err);
void hp_ledger_file_close(struct hp_ledger_file *file); /* NULL is fine */
/* FailedPrecondition: the ledger cannot be read because it `why`; -1. */
int hp_ledger_file_damaged(const char *why, struct hp_error *err);

/* This boot's id: what lived before it is dead. */
int hp_ledger_boot(char boot[HP_LEDGER_BOOT_SIZE], struct hp_error *err);
/* Whether there is certainly nothing at the path any more. */
bool hp_ledger_bundle_gone(const char *bundle);

#endif
