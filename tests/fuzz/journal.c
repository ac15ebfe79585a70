/* A journal of any bytes is read, continued and released without a crash, and
 * what was appended after the damage is found again. */
#include "runtime/journal.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char bundle[64], *path;

static void remove_bundle(void) {
  unlink(path);
  rmdir(bundle);
  free(path);
}

static void set_up(void) {
  if (path)
    return;
  hp_log_set_sink(NULL, NULL);
  snprintf(bundle, sizeof bundle, "/tmp/hp-fuzz-journal-XXXXXX");
  if (!mkdtemp(bundle))
    abort();
  path = hp_printf("%s/%s", bundle, HP_JOURNAL_NAME);
  atexit(remove_bundle);
}

static void write_journal(const uint8_t *data, size_t size) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || write(file, data, size) != (ssize_t)size)
    abort();
  close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_journal *journal = NULL;
  json_t *before = NULL, *after = NULL;
  char *damage_before = NULL, *damage_after = NULL;
  bool alive = false;

  set_up();
  write_journal(data, size);
  if (hp_journal_read(bundle, &before, &alive, &damage_before, &err) != 0 || alive)
    abort();
  if (hp_journal_open(bundle, &journal, &err) != 0)
    abort();
  json_t *record = json_pack("{s:s}", "kind", "appended");
  if (hp_journal_append(journal, record, &err) != 0)
    abort();
  if (hp_journal_records(journal, &after, &damage_after, &err) != 0)
    abort();
  size_t count = json_array_size(after);
  if (count != json_array_size(before) + 1 || !json_equal(json_array_get(after, count - 1), record) ||
      (damage_before != NULL) != (damage_after != NULL))
    abort();
  if (hp_journal_remove(journal, &err) != 0)
    abort();
  json_decref(record);
  json_decref(before);
  json_decref(after);
  free(damage_before);
  free(damage_after);
  return 0;
}
