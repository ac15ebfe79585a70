/* The journal of one bundle: what was made on the host for its container, one
 * JSON record a line, on disk (fsync) before the thing is made. File:
 * BUNDLE/hostprocess.journal, locked (flock) by the living shim. All (pool). */
#ifndef HP_RUNTIME_JOURNAL_H
#define HP_RUNTIME_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"

struct hp_journal;

#define HP_JOURNAL_NAME "hostprocess.journal"
#define HP_JOURNAL_MAX (16u << 20) /* bytes of the file */

/* Makes and locks the journal; records that an earlier, dead shim left in it
 * are kept. AlreadyExists if a living shim holds it. */
int hp_journal_open(const char *bundle, struct hp_journal **journal, struct hp_error *err);
/* The same for one that is there; *journal is NULL if there is none. */
int hp_journal_open_existing(const char *bundle, struct hp_journal **journal, struct hp_error *err);
/* record is an object with a string "kind". It is on disk when this returns 0,
 * and nothing of it is in the file when it fails. */
int hp_journal_append(struct hp_journal *journal, const json_t *record, struct hp_error *err);
/* Puts other records in the place of all that stands in it: at any moment the
 * file holds either the old ones or the new, locked. On failure the old ones. */
int hp_journal_replace(struct hp_journal *journal, const json_t *records, struct hp_error *err);
size_t hp_journal_size(const struct hp_journal *journal); /* bytes */
/* What stands in it, in order; damage as in hp_journal_read. */
int hp_journal_records(const struct hp_journal *journal, json_t **records, char **damage,
                       struct hp_error *err);
/* Removes the file (everything is released) and closes; on failure the journal
 * stays open. */
int hp_journal_remove(struct hp_journal *journal, struct hp_error *err);
/* Closes and unlocks, the file stays. NULL is fine. */
void hp_journal_close(struct hp_journal *journal);

/* For `delete`: every record that can still be read, in order. A missing
 * journal is an empty array. *damage (owned, NULL: none) says what of it could
 * not be read. *alive: a living shim holds it. */
int hp_journal_read(const char *bundle, json_t **records, bool *alive, char **damage, struct hp_error *err);

/* Adds to records those of every journal that a process of this host holds, and
 * to held those of the bundles whose journal is one of them. Linux asks the
 * processes, so that the journal of a bundle that was removed under a living shim
 * is seen, too; Windows asks the bundles. Takes no lock that a shim might want.
 * FailedPrecondition where it cannot be seen who holds what. (journal_held.c) */
int hp_journals_held(const struct hp_strings *bundles, json_t *records, struct hp_strings *held,
                     struct hp_error *err);
/* Adds the records that stand in the text of a journal, as far as they can be read. */
void hp_journal_parse(const char *data, size_t length, json_t *records);

/* Releases an array of records in reverse order, going on past errors; the
 * first error is returned after all were tried. "member" records name a bundle
 * and are passed over. (runtime/release.c) */
int hp_release_records(const json_t *records, struct hp_error *err);

/* `delete` of one bundle whose shim is dead: reads, releases, removes the
 * journal; of a sandbox also its members ({"kind":"member","bundle":…}
 * records). Idempotent. A bundle whose shim lives is left alone (0, *alive). */
int hp_release_bundle(const char *bundle, bool *alive, struct hp_error *err);

#endif
