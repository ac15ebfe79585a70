#include "runtime/sandbox.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "base/log.h"

/* Of a journal; a pod whose container starts again and again for months would
 * fill it with bundles that are gone. */
#define TIDY_BYTES (64u << 10)

struct hp_sandbox {
  atomic_uint refs;
  char *id;
  struct hp_time created;
  struct hp_container_spec spec; /* never changes */
  uv_mutex_t lock;
  struct hp_journal *journal; /* under lock; NULL: removed */
  size_t tidy_at;             /* under lock: bytes of the journal */
};

struct hp_sandbox *hp_sandbox_new(const char *id, struct hp_container_spec *spec,
                                  struct hp_journal *journal) {
  struct hp_sandbox *sandbox = hp_alloc(sizeof *sandbox);
  atomic_init(&sandbox->refs, 1);
  sandbox->id = hp_strdup(id);
  sandbox->created = hp_time_now();
  sandbox->spec = *spec;
  *spec = (struct hp_container_spec){0};
  /* The pause image's own process means nothing to anyone. */
  hp_process_spec_clear(&sandbox->spec.process);
  sandbox->spec.process = (struct hp_process_spec){0};
  sandbox->journal = journal;
  sandbox->tidy_at = TIDY_BYTES;
  if (uv_mutex_init(&sandbox->lock) != 0)
    abort(); /* only for want of memory */
  return sandbox;
}

struct hp_sandbox *hp_sandbox_ref(struct hp_sandbox *sandbox) {
  atomic_fetch_add(&sandbox->refs, 1);
  return sandbox;
}

void hp_sandbox_unref(struct hp_sandbox *sandbox) {
  if (!sandbox || atomic_fetch_sub(&sandbox->refs, 1) != 1)
    return;
  hp_journal_close(sandbox->journal);
  uv_mutex_destroy(&sandbox->lock);
  hp_spec_clear(&sandbox->spec);
  free(sandbox->id);
  free(sandbox);
}

const char *hp_sandbox_id(const struct hp_sandbox *sandbox) {
  return sandbox->id;
}

struct hp_time hp_sandbox_created(const struct hp_sandbox *sandbox) {
  return sandbox->created;
}

const struct hp_container_spec *hp_sandbox_spec(const struct hp_sandbox *sandbox) {
  return &sandbox->spec;
}

static bool is_gone(const char *path) {
  uv_fs_t call;
  int status = uv_fs_access(NULL, &call, path, 0, NULL);
  uv_fs_req_cleanup(&call);
  return status == UV_ENOENT;
}

/* containerd removes a bundle after the Delete of its task. One that cannot be
 * looked at may be there. */
static bool is_wanted(const json_t *record, json_t *seen) {
  const char *bundle = json_string_value(json_object_get(record, "bundle"));
  if (!bundle)
    return true;
  if (json_object_get(seen, bundle) || is_gone(bundle))
    return false;
  json_object_set_new(seen, bundle, json_true());
  return true;
}

static int drop_gone_members(struct hp_journal *journal, struct hp_error *err) {
  json_t *records = NULL, *wanted = json_array(), *seen = json_object();
  char *damage = NULL;
  int result = hp_journal_records(journal, &records, &damage, err);
  if (result == 0 && damage)
    result = hp_error_set(err, HP_INTERNAL, "%s", damage); /* as it is, somebody may read it yet */
  for (size_t i = 0; result == 0 && i < json_array_size(records); i++)
    if (is_wanted(json_array_get(records, i), seen))
      json_array_append(wanted, json_array_get(records, i));
  if (result == 0)
    result = hp_journal_replace(journal, wanted, err);
  free(damage);
  json_decref(seen);
  json_decref(wanted);
  json_decref(records);
  return result;
}

static void tidy(struct hp_sandbox *sandbox) {
  if (hp_journal_size(sandbox->journal) < sandbox->tidy_at)
    return;
  struct hp_error err = HP_ERROR_INIT;
  if (drop_gone_members(sandbox->journal, &err) != 0)
    hp_log(HP_LOG_WARNING, sandbox->id, "the sandbox's journal grows: %s", err.message);
  hp_error_clear(&err);
  sandbox->tidy_at = 2 * hp_journal_size(sandbox->journal);
  if (sandbox->tidy_at < TIDY_BYTES)
    sandbox->tidy_at = TIDY_BYTES;
}

int hp_sandbox_add_member(struct hp_sandbox *sandbox, const char *bundle, struct hp_error *err) {
  json_t *record = json_pack("{s:s,s:s}", "kind", "member", "bundle", bundle);
  if (!record)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "bundle \"%s\" is not UTF-8: use another directory",
                        bundle);
  int result = -1;
  uv_mutex_lock(&sandbox->lock);
  if (sandbox->journal) {
    tidy(sandbox);
    result = hp_journal_append(sandbox->journal, record, err);
  } else
    hp_error_set(err, HP_FAILED_PRECONDITION, "sandbox \"%s\" is deleted: its pod takes no more containers",
                 sandbox->id);
  uv_mutex_unlock(&sandbox->lock);
  json_decref(record);
  return result;
}

int hp_sandbox_remove(struct hp_sandbox *sandbox, struct hp_error *err) {
  int result = 0;
  uv_mutex_lock(&sandbox->lock);
  if (sandbox->journal) {
    result = hp_journal_remove(sandbox->journal, err);
    if (result == 0)
      sandbox->journal = NULL;
  }
  uv_mutex_unlock(&sandbox->lock);
  return result;
}
