#include "runtime/garbage.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "host/host.h"
#include "runtime/journal.h"

void hp_garbage_add(struct hp_garbage *garbage, const char *kind, const char *name, const char *owner,
                    const struct hp_error *failure) {
  const char *status = failure ? "failed" : garbage->dry_run ? "found" : "removed";
  json_array_append_new(garbage->items,
                        json_pack("{s:s, s:s, s:s*, s:s, s:s*}", "kind", kind, "name", name, "owner", owner,
                                  "status", status, "error", failure ? failure->message : NULL));
}

int hp_garbage_in_time(const struct hp_garbage *garbage, struct hp_error *err) {
  if (uv_hrtime() < garbage->deadline)
    return 0;
  return hp_error_set(err, HP_FAILED_PRECONDITION, "not tried, for the time is up: run gc again");
}

/* ---- what a record says ---------------------------------------------------------- */

static const char *text_of(const json_t *record, const char *member) {
  return json_string_value(json_object_get(record, member));
}

/* The namespace of an owner: an object of the ledger's, or a cgroup's mark. Owned
 * or NULL. */
static char *namespace_of(const json_t *record) {
  const json_t *owner = json_object_get(record, "owner");
  const char *mark = json_string_value(owner);
  return mark ? hp_strndup(mark, strcspn(mark, "/")) : hp_strdup(text_of(owner, "namespace"));
}

/* "namespace/id"; owned or NULL. */
static char *owner_of(const json_t *record) {
  const json_t *owner = json_object_get(record, "owner");
  const char *mark = json_string_value(owner), *id = text_of(owner, "id");
  if (mark) {
    const char *random = strrchr(mark, '/');
    return hp_strndup(mark, random ? (size_t)(random - mark) : strlen(mark));
  }
  return id ? hp_printf("%s/%s", text_of(owner, "namespace"), id) : NULL;
}

/* What people call it; owned. */
static char *name_of(const json_t *record) {
  const json_t *points = json_object_get(record, "points");
  const char *name = text_of(record, "path");
  if (!name)
    name = text_of(record, "name");
  if (!name)
    name = text_of(record, "sid");
  if (!name)
    name = text_of(record, "scratch");
  if (!name)
    name = text_of(record, "root");
  if (name)
    return hp_strdup(name);
  if (json_array_size(points) > 0) {
    const char *first = text_of(json_array_get(points, 0), "path");
    size_t more = json_array_size(points) - 1;
    return more ? hp_printf("%s and %zu more", first ? first : "?", more) : hp_strdup(first ? first : "?");
  }
  return json_is_integer(json_object_get(record, "uid"))
             ? hp_printf("%lld", (long long)json_integer_value(json_object_get(record, "uid")))
             : hp_strdup("?");
}

static bool same_member(const json_t *a, const json_t *b, const char *member) {
  const json_t *mine = json_object_get(a, member);
  return mine && json_equal(mine, json_object_get(b, member));
}

/* Two records are about one thing if an owner, a path or a name is the same: when
 * in doubt it is. */
static bool same_thing(const json_t *a, const json_t *b) {
  return same_member(a, b, "kind") &&
         (same_member(a, b, "owner") || same_member(a, b, "path") || same_member(a, b, "name"));
}

static bool is_named(const json_t *records, const json_t *thing) {
  size_t index;
  const json_t *record;
  json_array_foreach(records, index, record) {
    if (same_thing(record, thing))
      return true;
  }
  return false;
}

static bool is_asked_for(const struct hp_garbage *garbage, const json_t *record) {
  if (!garbage->namespace_name)
    return true;
  char *whose = namespace_of(record);
  bool same = whose && strcmp(whose, garbage->namespace_name) == 0;
  free(whose);
  return same;
}

/* ---- journals that nobody holds ----------------------------------------------------- */

/* The owner that any of the records names; owned or NULL. */
static char *first_owner(const json_t *records) {
  char *owner = NULL;
  for (size_t i = 0; !owner && i < json_array_size(records); i++)
    owner = owner_of(json_array_get(records, i));
  return owner;
}

static bool any_asked_for(const struct hp_garbage *garbage, const json_t *records) {
  for (size_t i = 0; i < json_array_size(records); i++)
    if (is_asked_for(garbage, json_array_get(records, i)))
      return true;
  return !garbage->namespace_name;
}

/* known gets what the journal names, whatever becomes of it. */
static void release_bundle(struct hp_garbage *garbage, const char *bundle, json_t *known) {
  json_t *records = NULL;
  char *damage = NULL, *owner = NULL;
  bool alive = false;
  struct hp_error err = HP_ERROR_INIT;
  int result = hp_journal_read(bundle, &records, &alive, &damage, &err);
  if (result == 0 && (alive || !any_asked_for(garbage, records)))
    goto done;
  if (result == 0) {
    json_array_extend(known, records);
    owner = first_owner(records);
  }
  if (result == 0 && !garbage->dry_run)
    result = hp_garbage_in_time(garbage, &err) == 0 ? hp_release_bundle(bundle, &alive, &err) : -1;
  if (!alive)
    hp_garbage_add(garbage, "bundle", bundle, owner, result == 0 ? NULL : &err);
done:
  free(owner);
  free(damage);
  json_decref(records);
  hp_error_clear(&err);
}

static bool has_journal(const char *bundle) {
  char *file = hp_printf("%s/" HP_JOURNAL_NAME, bundle);
  uv_fs_t request;
  bool there = uv_fs_lstat(NULL, &request, file, NULL) == 0;
  uv_fs_req_cleanup(&request);
  free(file);
  return there;
}

/* ---- everything ---------------------------------------------------------------------- */

/* containerd's own spelling need not be that of gc's caller. */
static bool is_listed(const struct hp_strings *bundles, const char *bundle) {
  for (size_t i = 0; i < bundles->count; i++)
    if (host_path_same(bundles->items[i], bundle))
      return true;
  return false;
}

static void add_owners_bundles(const json_t *made, struct hp_strings *bundles) {
  size_t index;
  const json_t *record;
  json_array_foreach(made, index, record) {
    const char *bundle = text_of(json_object_get(record, "owner"), "bundle");
    if (bundle && host_path_is_absolute(bundle) && !is_listed(bundles, bundle) && has_journal(bundle))
      hp_strings_add(bundles, bundle);
  }
}

static void release_record(struct hp_garbage *garbage, const json_t *record) {
  struct hp_error err = HP_ERROR_INIT;
  int result = 0;
  if (!garbage->dry_run)
    result = hp_garbage_in_time(garbage, &err) == 0 ? host_release(record, &err) : -1;
  char *name = name_of(record), *owner = owner_of(record);
  hp_garbage_add(garbage, text_of(record, "kind"), name, owner, result == 0 ? NULL : &err);
  free(owner);
  free(name);
  hp_error_clear(&err);
}

int hp_garbage_collect(struct hp_garbage *garbage, struct hp_error *err) {
  struct hp_strings bundles = {0}, held = {0};
  json_t *made = NULL, *alive = json_array(), *known = json_array();
  int result = -1;
  garbage->items = json_array();
  garbage->living = json_array();
  for (size_t i = 0; i < garbage->bundles->count; i++)
    if (has_journal(garbage->bundles->items[i]))
      hp_strings_add(&bundles, garbage->bundles->items[i]);
  /* First what there is, then what lives: a journal is held before what it names is
   * made, so nothing that is found here can be of a shim that is not found then. */
  if (host_find_made(&made, err) != 0)
    goto done;
  add_owners_bundles(made, &bundles);
  if (hp_journals_held(&bundles, alive, &held, err) != 0)
    goto done;
  for (size_t i = 0; i < bundles.count; i++) {
    if (hp_strings_has(&held, bundles.items[i]))
      json_array_append_new(garbage->living, json_string(bundles.items[i]));
    else
      release_bundle(garbage, bundles.items[i], known);
  }
  /* Backwards, as a journal is: a claim comes before what stands on it. */
  for (size_t i = json_array_size(made); i-- > 0;) {
    const json_t *record = json_array_get(made, i);
    /* A stray has lost its claim, without which its journal did not release it. */
    bool released = !json_object_get(record, "stray") && is_named(known, record);
    if (!released && !is_named(alive, record) && is_asked_for(garbage, record))
      release_record(garbage, record);
  }
  result = 0;
done:
  json_decref(known);
  json_decref(alive);
  json_decref(made);
  hp_strings_clear(&held);
  hp_strings_clear(&bundles);
  return result;
}
