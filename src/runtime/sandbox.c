#include "runtime/sandbox.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

struct hp_sandbox {
  atomic_uint refs;
  char *id;
  struct hp_container_spec spec; /* never changes */
  uv_mutex_t lock;
  struct hp_journal *journal; /* under lock; NULL: removed */
};

struct hp_sandbox *hp_sandbox_new(const char *id, struct hp_container_spec *spec,
                                  struct hp_journal *journal) {
  struct hp_sandbox *sandbox = hp_alloc(sizeof *sandbox);
  atomic_init(&sandbox->refs, 1);
  sandbox->id = hp_strdup(id);
  sandbox->spec = *spec;
  *spec = (struct hp_container_spec){0};
  /* The pause image's own process means nothing to anyone. */
  hp_process_spec_clear(&sandbox->spec.process);
  sandbox->spec.process = (struct hp_process_spec){0};
  sandbox->journal = journal;
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

const struct hp_container_spec *hp_sandbox_spec(const struct hp_sandbox *sandbox) {
  return &sandbox->spec;
}

int hp_sandbox_add_member(struct hp_sandbox *sandbox, const char *bundle, struct hp_error *err) {
  json_t *record = json_pack("{s:s,s:s}", "kind", "member", "bundle", bundle);
  if (!record)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "bundle \"%s\" is not UTF-8: use another directory",
                        bundle);
  int result = -1;
  uv_mutex_lock(&sandbox->lock);
  if (sandbox->journal)
    result = hp_journal_append(sandbox->journal, record, err);
  else
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
