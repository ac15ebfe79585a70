/* What a pod's members need of their sandbox: its spec, by which the
 * rules judge them, and its journal, which names their bundles. It has owners
 * on the loop and on the pool, hence the count and the lock. All (any). */
#ifndef HP_RUNTIME_SANDBOX_H
#define HP_RUNTIME_SANDBOX_H

#include "base/time.h"
#include "runtime/journal.h"
#include "spec/spec.h"

struct hp_sandbox;

/* Takes the journal and moves from spec, less its process. One reference. */
struct hp_sandbox *hp_sandbox_new(const char *id, struct hp_container_spec *spec, struct hp_journal *journal);
struct hp_sandbox *hp_sandbox_ref(struct hp_sandbox *sandbox);
/* The last one closes the journal; its file stays unless it was removed. NULL is fine. */
void hp_sandbox_unref(struct hp_sandbox *sandbox);

const char *hp_sandbox_id(const struct hp_sandbox *sandbox);
struct hp_time hp_sandbox_created(const struct hp_sandbox *sandbox);
const struct hp_container_spec *hp_sandbox_spec(const struct hp_sandbox *sandbox);

/* (pool) Notes a member's bundle. FailedPrecondition once the sandbox is deleted. */
int hp_sandbox_add_member(struct hp_sandbox *sandbox, const char *bundle, struct hp_error *err);
/* (pool) The sandbox is deleted: removes its journal. Idempotent. */
int hp_sandbox_remove(struct hp_sandbox *sandbox, struct hp_error *err);

#endif
