/* The file of a journal: BUNDLE/hostprocess.journal as the system keeps, locks
 * and guards it. journal.c alone uses it; runtime/linux/ and runtime/windows/
 * implement it. All (pool). */
#ifndef HP_RUNTIME_JOURNAL_FILE_H
#define HP_RUNTIME_JOURNAL_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct hp_journal_file;

enum hp_journal_use {
  HP_JOURNAL_MAKE, /* made if it is not there; held */
  HP_JOURNAL_HOLD, /* as it is; held */
  HP_JOURNAL_LOOK, /* to read only, whoever holds it */
};

/* Refuses what others than the shim's own user could have written, links, and
 * files over HP_JOURNAL_MAX. One process holds a file at a time: AlreadyExists.
 * HOLD and LOOK: *file is NULL, and that is success, if the bundle or the file
 * is not there. LOOK: *held tells whether a process holds it. A file that is
 * held ends with a newline. */
int hp_journal_file_open(const char *bundle, enum hp_journal_use use, struct hp_journal_file **file,
                         bool *held, struct hp_error *err);
const char *hp_journal_file_bundle(const struct hp_journal_file *file);
size_t hp_journal_file_size(const struct hp_journal_file *file); /* of a held one: what it holds now */
/* All of it; *data is malloced. */
int hp_journal_file_read(const struct hp_journal_file *file, char **data, size_t *length,
                         struct hp_error *err);
/* On disk when this returns 0, and nothing of it is in the file when it fails. */
int hp_journal_file_append(struct hp_journal_file *file, const char *data, size_t length,
                           struct hp_error *err);
/* Another file, held as well, takes the place of this one, whole or not at all. */
int hp_journal_file_replace(struct hp_journal_file *file, const char *data, size_t length,
                            struct hp_error *err);
/* Removes and closes; on failure it stays open. Another file that took its
 * place is left alone; a bundle that is gone is fine. */
int hp_journal_file_remove(struct hp_journal_file *file, struct hp_error *err);
void hp_journal_file_close(struct hp_journal_file *file); /* NULL is fine */

#endif
