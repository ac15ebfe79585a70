#include <stdlib.h>

#include "runtime/journal.h"

/* Opening a file to look at it keeps nobody from holding it here. */
int hp_journals_held(const struct hp_strings *bundles, json_t *records, struct hp_strings *held,
                     struct hp_error *err) {
  (void)err;
  for (size_t i = 0; i < bundles->count; i++) {
    json_t *found = NULL;
    char *damage = NULL;
    bool alive = false;
    struct hp_error why = HP_ERROR_INIT;
    /* What cannot be looked at is tried, and fails, when it is to be released. */
    if (hp_journal_read(bundles->items[i], &found, &alive, &damage, &why) == 0 && alive) {
      json_array_extend(records, found);
      hp_strings_add(held, bundles->items[i]);
    }
    json_decref(found);
    free(damage);
    hp_error_clear(&why);
  }
  return 0;
}
