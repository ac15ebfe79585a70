#include "host/windows/held.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "host/ledger.h"
#include "host/owner.h"
#include "host/windows/layers.h"
#include "host/windows/links.h"
#include "host/windows/text.h"
#include "host/windows/walk.h"
#include "host/windows/wide_path.h"

static const char *text_of(const json_t *object, const char *member) {
  return json_string_value(json_object_get(object, member));
}

bool hp_held_is(const json_t *record) {
  return hp_ledger_is(record, "layers", NULL) || hp_ledger_is(record, "links", NULL);
}

static bool same_text(const json_t *a, const json_t *b, const char *member) {
  const char *mine = text_of(a, member), *theirs = text_of(b, member);
  return mine && theirs && _stricmp(mine, theirs) == 0;
}

/* ---- claims ------------------------------------------------------------------------ */

static json_t *find_claim(const json_t *claims, const json_t *record) {
  for (size_t i = 0; i < json_array_size(claims); i++) {
    json_t *claim = json_array_get(claims, i);
    if (hp_ledger_is(claim, text_of(record, "kind"), json_object_get(record, "owner")))
      return claim;
  }
  return NULL;
}

static void remove_claim(json_t *claims, const json_t *claim) {
  for (size_t i = json_array_size(claims); i-- > 0;)
    if (json_array_get(claims, i) == claim)
      json_array_remove(claims, i);
}

/* Another owner's claim on the same scratch; dead: of one that is gone. */
static json_t *others_layers(const json_t *claims, const json_t *record, bool dead) {
  for (size_t i = 0; i < json_array_size(claims); i++) {
    json_t *claim = json_array_get(claims, i);
    if (hp_ledger_is(claim, "layers", NULL) && same_text(claim, record, "scratch") &&
        !json_equal(json_object_get(claim, "owner"), json_object_get(record, "owner")) &&
        (!dead || !hp_ledger_owner_lives(json_object_get(claim, "owner"))))
      return claim;
  }
  return NULL;
}

static int unmount(const json_t *record, struct hp_error *err) {
  const char *scratch = text_of(record, "scratch");
  wchar_t *path = hp_path_source(scratch ? scratch : "", L'C', "the record's scratch", err);
  if (!path)
    return hp_error_recode(err, HP_INTERNAL);
  int result = hp_layers_unmount(path, err);
  free(path);
  return result;
}

/* What a container that is gone left of the same layers goes before they are
 * mounted anew; from then on nobody gives them back in its name. */
static int take_over(json_t *claims, const json_t *record, struct hp_error *err) {
  json_t *claim;
  while ((claim = others_layers(claims, record, true))) {
    if (unmount(claim, err) != 0)
      return -1;
    remove_claim(claims, claim);
  }
  return 0;
}

static bool is_claimed_at_all(const json_t *record) {
  return hp_ledger_is(record, "layers", NULL) || json_object_get(record, "root");
}

static int add_claim(struct hp_ledger *ledger, const json_t *record, struct hp_error *err) {
  json_t *detail = json_deep_copy(record);
  json_object_del(detail, "kind"); /* the ledger's to set */
  json_object_del(detail, "owner");
  hp_ledger_add(ledger, text_of(record, "kind"), json_object_get(record, "owner"), detail);
  return hp_ledger_save(ledger, err);
}

int hp_held_claim(const json_t *record, struct hp_error *err) {
  struct hp_ledger *ledger;
  if (!is_claimed_at_all(record))
    return 0;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  json_t *claims = hp_ledger_claims(ledger);
  int result = 0;
  if (!find_claim(claims, record)) {
    result = hp_ledger_is(record, "layers", NULL) ? take_over(claims, record, err) : 0;
    if (result == 0)
      result = add_claim(ledger, record, err);
  }
  hp_ledger_close(ledger);
  return result;
}

/* ---- layers ------------------------------------------------------------------------- */

static int forget(struct hp_ledger *ledger, const json_t *record, struct hp_error *err) {
  json_t *claims = hp_ledger_claims(ledger), *claim = find_claim(claims, record);
  if (!claim)
    return 0;
  remove_claim(claims, claim);
  return hp_ledger_save(ledger, err);
}

static int unmount_unless_shared(const json_t *claims, const json_t *record, struct hp_error *err) {
  const json_t *claim = find_claim(claims, record);
  return claim && !others_layers(claims, record, false) ? unmount(claim, err) : 0;
}

/* Unmounting may take a second, for which nobody else's container is kept from
 * the ledger, unless the owner is gone and somebody could take its layers over. */
static int release_layers(const json_t *record, struct hp_error *err) {
  bool lives = hp_ledger_owner_lives(json_object_get(record, "owner"));
  struct hp_ledger *ledger;
  int result = 0;
  if (lives) {
    json_t *claims = NULL;
    result = hp_ledger_read(&claims, err);
    if (result == 0)
      result = unmount_unless_shared(claims, record, err);
    json_decref(claims);
  }
  if (result != 0 || hp_ledger_open(&ledger, err) != 0)
    return -1;
  if (!lives)
    result = unmount_unless_shared(hp_ledger_claims(ledger), record, err);
  if (result == 0)
    result = forget(ledger, record, err);
  hp_ledger_close(ledger);
  return result;
}

/* ---- links --------------------------------------------------------------------------- */

/* What cannot be reached without following a link is not what was made. */
static int remove_link(HANDLE root, const json_t *link, struct hp_error *err) {
  wchar_t *path = hp_wide(text_of(link, "path")), *target = hp_wide(text_of(link, "target"));
  struct hp_error unreachable = HP_ERROR_INIT;
  const wchar_t *leaf;
  HANDLE parent = NULL;
  int result = 0;
  if (path && target && hp_walk_parent(root, path, false, &parent, &leaf, &unreachable) == 0)
    result = hp_link_remove(parent, leaf, target, err);
  if (parent)
    CloseHandle(parent);
  hp_error_clear(&unreachable);
  free(path);
  free(target);
  return result == 0 ? 0 : hp_error_wrap(err, "a link below the container volume");
}

/* Containers of one directory that mount the same share a link. */
static bool is_others_link(const json_t *claims, const json_t *record, const json_t *link) {
  for (size_t i = 0; i < json_array_size(claims); i++) {
    const json_t *claim = json_array_get(claims, i), *links = json_object_get(claim, "links");
    if (!hp_ledger_is(claim, "links", NULL) || !same_text(claim, record, "root") ||
        json_equal(json_object_get(claim, "owner"), json_object_get(record, "owner")))
      continue;
    for (size_t j = 0; j < json_array_size(links); j++)
      if (same_text(json_array_get(links, j), link, "path"))
        return true;
  }
  return false;
}

static int remove_links(const json_t *claims, const json_t *record, struct hp_error *err) {
  const json_t *links = json_object_get(record, "links");
  const char *path = text_of(record, "root");
  HANDLE root = NULL;
  wchar_t *wide = hp_wide(path ? path : "");
  int result = hp_walk_open_root(wide, &root, err);
  free(wide);
  if (result != 0) {
    bool gone = err->code == HP_NOT_FOUND;
    if (gone)
      hp_error_clear(err);
    return gone ? 0 : -1;
  }
  for (size_t i = json_array_size(links); i-- > 0;) {
    const json_t *link = json_array_get(links, i);
    struct hp_error why = HP_ERROR_INIT;
    if (!is_others_link(claims, record, link) && remove_link(root, link, &why) != 0 && result == 0)
      result = hp_error_move(err, &why);
    hp_error_clear(&why);
  }
  CloseHandle(root);
  return result;
}

static int release_links(const json_t *record, struct hp_error *err) {
  struct hp_ledger *ledger;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  const json_t *claims = hp_ledger_claims(ledger), *claim = find_claim(claims, record);
  int result = claim ? remove_links(claims, claim, err) : 0;
  if (result == 0)
    result = forget(ledger, record, err);
  hp_ledger_close(ledger);
  return result;
}

/* ---- both ------------------------------------------------------------------------------ */

/* A journal of before the claims: it alone knows what it names. */
static int release_unclaimed(const json_t *record, struct hp_error *err) {
  return hp_ledger_is(record, "layers", NULL) ? unmount(record, err) : remove_links(NULL, record, err);
}

int hp_held_release(const json_t *record, struct hp_error *err) {
  json_t *claims;
  if (!is_claimed_at_all(record))
    return 0;
  if (!json_is_object(json_object_get(record, "owner")))
    return release_unclaimed(record, err);
  if (hp_ledger_read(&claims, err) != 0)
    return -1;
  bool claimed = find_claim(claims, record) != NULL;
  json_decref(claims);
  if (!claimed) /* never made, or released before */
    return 0;
  return hp_ledger_is(record, "layers", NULL) ? release_layers(record, err) : release_links(record, err);
}

/* ---- by the ledger's word alone ----------------------------------------------------------- */

static int release_kind(const json_t *owner, const char *kind, struct hp_error *err) {
  json_t *record =
      json_pack("{s:s, s:O, s:s}", "kind", kind, "owner", (json_t *)(uintptr_t)owner, "root", "");
  int result = hp_held_release(record, err);
  json_decref(record);
  return result;
}

int hp_volume_release_owner(const json_t *owner, struct hp_error *err) {
  static const char *const parts[] = {"links", NULL, "layers"}; /* as the journal is, backwards */
  int result = 0;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    struct hp_error why = HP_ERROR_INIT;
    int released = parts[i] ? release_kind(owner, parts[i], &why) : hp_mount_points_release(owner, &why);
    if (released != 0 && result == 0)
      result = hp_error_move(err, &why);
    hp_error_clear(&why);
  }
  return result;
}
