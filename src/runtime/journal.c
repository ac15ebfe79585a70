#include "runtime/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "runtime/journal_file.h"

struct hp_journal {
  struct hp_journal_file *file; /* held for as long as it is open */
};

static int open_journal(const char *bundle, enum hp_journal_use use, struct hp_journal **journal,
                        struct hp_error *err) {
  struct hp_journal_file *file = NULL;
  *journal = NULL;
  if (hp_journal_file_open(bundle, use, &file, NULL, err) != 0)
    return -1;
  if (!file)
    return 0;
  *journal = hp_alloc(sizeof **journal);
  (*journal)->file = file;
  return 0;
}

int hp_journal_open(const char *bundle, struct hp_journal **journal, struct hp_error *err) {
  return open_journal(bundle, HP_JOURNAL_MAKE, journal, err);
}

int hp_journal_open_existing(const char *bundle, struct hp_journal **journal, struct hp_error *err) {
  return open_journal(bundle, HP_JOURNAL_HOLD, journal, err);
}

int hp_journal_append(struct hp_journal *journal, const json_t *record, struct hp_error *err) {
  if (!json_is_string(json_object_get(record, "kind")))
    return hp_error_set(err, HP_INTERNAL, "a record without a kind cannot be journaled");
  char *line = json_dumps(record, JSON_COMPACT);
  if (!line)
    return hp_error_set(err, HP_INTERNAL, "a record cannot be written as JSON");
  size_t length = strlen(line);
  int result = -1;
  if (length >= HP_JOURNAL_MAX - hp_journal_file_size(journal->file)) {
    hp_error_set(err, HP_RESOURCE_EXHAUSTED, "journal of bundle \"%s\" is full (%u bytes)",
                 hp_journal_file_bundle(journal->file), HP_JOURNAL_MAX);
    goto done;
  }
  line[length] = '\n'; /* in the place of its NUL: one write, one line */
  result = hp_journal_file_append(journal->file, line, length + 1, err);

done:
  free(line);
  return result;
}

/* ---- replacing --------------------------------------------------------------- */

/* The lines of all records, one malloced text. */
static char *lines_of(const json_t *records, size_t *length) {
  char *text = hp_alloc(1);
  *length = 0;
  for (size_t i = 0; i < json_array_size(records); i++) {
    char *line = json_dumps(json_array_get(records, i), JSON_COMPACT);
    if (!line) {
      free(text);
      return NULL;
    }
    size_t more = strlen(line);
    line[more] = '\n';
    text = hp_realloc_array(text, *length + more + 1, 1);
    memcpy(text + *length, line, more + 1);
    *length += more + 1;
    free(line);
  }
  return text;
}

int hp_journal_replace(struct hp_journal *journal, const json_t *records, struct hp_error *err) {
  size_t length;
  char *text = lines_of(records, &length);
  if (!text)
    return hp_error_set(err, HP_INTERNAL, "a record cannot be written as JSON");
  int result = hp_journal_file_replace(journal->file, text, length, err);
  free(text);
  return result;
}

size_t hp_journal_size(const struct hp_journal *journal) {
  return hp_journal_file_size(journal->file);
}

/* ---- reading ----------------------------------------------------------------- */

static void add_line(json_t *records, const char *line, size_t length, size_t number, size_t *bad,
                     char **first) {
  json_error_t why;
  json_t *record = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
  if (record && json_is_string(json_object_get(record, "kind"))) {
    json_array_append_new(records, record);
    return;
  }
  if ((*bad)++ == 0)
    *first = hp_printf("line %zu: %s", number, record ? "not a record" : why.text);
  json_decref(record);
}

static json_t *parse(const char *data, size_t length, char **damage) {
  json_t *records = json_array();
  char *first = NULL;
  size_t bad = 0, number = 0;
  const char *end = data + length;
  for (const char *line = data; line < end; number++) {
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    const char *stop = newline ? newline : end;
    if (stop > line)
      add_line(records, line, (size_t)(stop - line), number + 1, &bad, &first);
    line = newline ? newline + 1 : end;
  }
  *damage = bad ? hp_printf("%zu of %zu lines cannot be read; the first is %s", bad, number, first) : NULL;
  free(first);
  return records;
}

void hp_journal_parse(const char *data, size_t length, json_t *records) {
  char *damage;
  json_t *found = parse(data, length, &damage);
  json_array_extend(records, found);
  json_decref(found);
  free(damage);
}

static int read_file(const struct hp_journal_file *file, json_t **records, char **damage,
                     struct hp_error *err) {
  char *data;
  size_t length;
  if (hp_journal_file_read(file, &data, &length, err) != 0)
    return -1;
  *records = parse(data, length, damage);
  free(data);
  return 0;
}

int hp_journal_records(const struct hp_journal *journal, json_t **records, char **damage,
                       struct hp_error *err) {
  *records = NULL;
  *damage = NULL;
  return read_file(journal->file, records, damage, err);
}

int hp_journal_read(const char *bundle, json_t **records, bool *alive, char **damage, struct hp_error *err) {
  struct hp_journal_file *file = NULL;
  *records = NULL;
  *damage = NULL;
  *alive = false;
  if (hp_journal_file_open(bundle, HP_JOURNAL_LOOK, &file, alive, err) != 0)
    return -1;
  if (!file) {
    *records = json_array();
    return 0;
  }
  int result = read_file(file, records, damage, err);
  hp_journal_file_close(file);
  return result;
}

/* ---- end ----------------------------------------------------------------------- */

int hp_journal_remove(struct hp_journal *journal, struct hp_error *err) {
  if (hp_journal_file_remove(journal->file, err) != 0)
    return -1;
  free(journal);
  return 0;
}

void hp_journal_close(struct hp_journal *journal) {
  if (!journal)
    return;
  hp_journal_file_close(journal->file);
  free(journal);
}
