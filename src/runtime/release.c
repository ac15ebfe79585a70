/* Unmaking what journals name: the one path that Task.Delete, `delete` and a
 * Create that failed share. */
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/log.h"
#include "host/host.h"
#include "runtime/container.h"
#include "runtime/journal.h"

static bool is_kind(const json_t *record, const char *kind) {
  const char *value = json_string_value(json_object_get(record, "kind"));
  return value && strcmp(value, kind) == 0;
}

/* Keeps the first error, logs the others. */
static void keep_first(struct hp_error *first, struct hp_error *next) {
  if (!first->message) {
    hp_error_move(first, next);
    return;
  }
  hp_log(HP_LOG_ERROR, NULL, "%s", next->message);
  hp_error_clear(next);
}

int hp_release_records(const json_t *records, struct hp_error *err) {
  int result = 0;
  for (size_t i = json_array_size(records); i-- > 0;) {
    const json_t *record = json_array_get(records, i);
    struct hp_error failure = HP_ERROR_INIT;
    bool released = is_kind(record, "member") || host_release(record, &failure) == 0;
    hp_crash_point();
    if (released)
      continue;
    const char *kind = json_string_value(json_object_get(record, "kind"));
    hp_error_wrap(&failure, "%s of the container cannot be released", kind ? kind : "a record");
    keep_first(err, &failure);
    result = -1;
  }
  return result;
}

static int release_journal(const char *bundle, bool members_too, bool *alive, struct hp_error *err);

/* A member that cannot be released must not keep the others from it. */
static int release_members(const json_t *records, struct hp_error *err) {
  int result = 0;
  json_t *seen = json_object();
  for (size_t i = 0; i < json_array_size(records); i++) {
    const json_t *record = json_array_get(records, i);
    const char *bundle = json_string_value(json_object_get(record, "bundle"));
    if (!is_kind(record, "member") || !bundle || !host_path_is_absolute(bundle) ||
        json_object_get(seen, bundle))
      continue;
    json_object_set_new(seen, bundle, json_true());
    bool alive = false;
    struct hp_error failure = HP_ERROR_INIT;
    if (release_journal(bundle, false, &alive, &failure) != 0) {
      keep_first(err, &failure);
      result = -1;
    } else if (alive) {
      hp_log(HP_LOG_WARNING, NULL, "bundle \"%s\" of the pod belongs to a living shim: left alone", bundle);
    }
  }
  json_decref(seen);
  return result;
}

static int release_journal(const char *bundle, bool members_too, bool *alive, struct hp_error *err) {
  struct hp_journal *journal = NULL;
  json_t *records = NULL;
  char *damage = NULL;
  int result = -1;

  if (hp_journal_open_existing(bundle, &journal, err) != 0) {
    if (err->code != HP_ALREADY_EXISTS)
      return -1;
    hp_error_clear(err);
    *alive = true;
    return 0;
  }
  if (!journal)
    return 0;
  if (hp_journal_records(journal, &records, &damage, err) != 0)
    goto done;
  if (damage)
    hp_log(HP_LOG_WARNING, NULL, "journal of bundle \"%s\" is damaged: %s", bundle, damage);

  /* In reverse: the job was made last, so its processes are killed first. */
  result = hp_release_records(records, err);
  if (members_too) {
    struct hp_error failure = HP_ERROR_INIT;
    if (release_members(records, &failure) != 0) {
      keep_first(err, &failure);
      result = -1;
    }
  }
  if (result == 0) {
    result = hp_journal_remove(journal, err);
    hp_crash_point();
    if (result == 0)
      journal = NULL;
  }

done:
  if (result != 0)
    hp_error_wrap(err, "bundle \"%s\"", bundle);
  free(damage);
  json_decref(records);
  hp_journal_close(journal);
  return result;
}

int hp_release_bundle(const char *bundle, bool *alive, struct hp_error *err) {
  *alive = false;
  return release_journal(bundle, true, alive, err);
}

int hp_container_release(struct hp_journal **journal, struct hp_error *err) {
  json_t *records = NULL;
  char *damage = NULL;
  if (!*journal)
    return 0;
  int result = hp_journal_records(*journal, &records, &damage, err);
  if (damage)
    hp_log(HP_LOG_ERROR, NULL, "a journal is damaged: %s", damage);
  if (result == 0)
    result = hp_release_records(records, err);
  if (result == 0)
    result = hp_journal_remove(*journal, err);
  hp_crash_point();
  if (result == 0)
    *journal = NULL;
  free(damage);
  json_decref(records);
  return result;
}
