/* An empty bundle for each test, and the path of its journal. Included by one
 * file a program. */
#ifndef HP_TESTS_UNIT_JOURNAL_BUNDLE_H
#define HP_TESTS_UNIT_JOURNAL_BUNDLE_H

#include <stdlib.h>

#include "base/memory.h"
#include "runtime/journal.h"
#include "support.h"

static char *bundle, *path;
static struct hp_error err;

static void set_up(void) {
  bundle = unit_directory("journal");
  path = hp_printf("%s/%s", bundle, HP_JOURNAL_NAME);
  err = (struct hp_error)HP_ERROR_INIT;
}

static void tear_down(void) {
  unit_remove(path);
  unit_remove_directory(bundle);
  free(path);
  free(bundle);
  hp_error_clear(&err);
}

#endif
