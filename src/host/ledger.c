#include "host/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/ledger_file.h"

#define VERSION 1

struct hp_ledger {
  struct hp_ledger_file *file;
  json_t *root; /* {"version", "claims"}, and the host's numbers */
};

/* ---- the whole ---------------------------------------------------------------- */

static bool claim_is_sound(const json_t *claim) {
  const json_t *owner = json_object_get(claim, "owner");
  return json_is_string(json_object_get(claim, "kind")) &&
         json_is_string(json_object_get(owner, "namespace")) &&
         json_is_string(json_object_get(owner, "id")) && json_is_string(json_object_get(owner, "bundle")) &&
         json_is_string(json_object_get(owner, "boot"));
}

static int check(const json_t *root, struct hp_error *err) {
  if (json_integer_value(json_object_get(root, "version")) != VERSION)
    return hp_ledger_file_damaged("it has another version", err);
  const json_t *claims = json_object_get(root, "claims"), *claim;
  size_t index;
  if (!json_is_array(claims))
    return hp_ledger_file_damaged("it holds no claims", err);
  json_array_foreach(claims, index, claim) {
    if (!claim_is_sound(claim))
      return hp_ledger_file_damaged("a claim lacks its kind or owner", err);
  }
  return 0;
}

static int load(const struct hp_ledger_file *file, json_t **out, struct hp_error *err) {
  char *text;
  size_t length;
  json_error_t why;
  if (hp_ledger_file_load(file, &text, &length, err) != 0)
    return -1;
  json_t *root = text ? json_loadb(text, length, JSON_REJECT_DUPLICATES, &why)
                      : json_pack("{s:i, s:[]}", "version", VERSION, "claims");
  free(text);
  if (!root) {
    hp_ledger_file_damaged(why.text, err);
    return -1;
  }
  if (check(root, err) != 0) {
    json_decref(root);
    return -1;
  }
  *out = root;
  return 0;
}

int hp_ledger_open(struct hp_ledger **out, struct hp_error *err) {
  struct hp_ledger *ledger = hp_alloc(sizeof *ledger);
  if (hp_ledger_file_open(&ledger->file, err) != 0 || load(ledger->file, &ledger->root, err) != 0) {
    hp_ledger_close(ledger);
    return -1;
  }
  *out = ledger;
  return 0;
}

int hp_ledger_save(struct hp_ledger *ledger, struct hp_error *err) {
  char *text = json_dumps(ledger->root, JSON_COMPACT);
  if (!text)
    return hp_error_set(err, HP_INTERNAL, "the ledger cannot be written as JSON");
  size_t length = strlen(text);
  int result =
      length <= HP_LEDGER_FILE_MAX /* or nobody could read it any more */
          ? hp_ledger_file_save(ledger->file, text, err)
          : hp_error_set(err, HP_RESOURCE_EXHAUSTED,
                         "the ledger of what containers hold on this host would have %zu bytes, more "
                         "than %u: delete containers, or give each fewer mounts",
                         length, HP_LEDGER_FILE_MAX);
  free(text);
  return result;
}

void hp_ledger_close(struct hp_ledger *ledger) {
  if (!ledger)
    return;
  hp_ledger_file_close(ledger->file);
  json_decref(ledger->root);
  free(ledger);
}

int hp_ledger_read(json_t **claims, struct hp_error *err) {
  json_t *root;
  if (load(NULL, &root, err) != 0)
    return -1;
  *claims = json_incref(json_object_get(root, "claims"));
  json_decref(root);
  return 0;
}

/* ---- what it holds --------------------------------------------------------------- */

json_t *hp_ledger_claims(struct hp_ledger *ledger) {
  return json_object_get(ledger->root, "claims");
}

json_int_t hp_ledger_number(const struct hp_ledger *ledger, const char *name) {
  return json_integer_value(json_object_get(ledger->root, name));
}

void hp_ledger_set_number(struct hp_ledger *ledger, const char *name, json_int_t number) {
  json_object_set_new(ledger->root, name, json_integer(number));
}

bool hp_ledger_is(const json_t *claim, const char *kind, const json_t *owner) {
  const char *name = json_string_value(json_object_get(claim, "kind"));
  return name && strcmp(name, kind) == 0 && (!owner || json_equal(json_object_get(claim, "owner"), owner));
}

void hp_ledger_add(struct hp_ledger *ledger, const char *kind, const json_t *owner, json_t *detail) {
  json_object_set_new(detail, "kind", json_string(kind));
  json_object_set_new(detail, "owner", json_deep_copy(owner));
  json_array_append_new(hp_ledger_claims(ledger), detail);
}

/* ---- owners -------------------------------------------------------------------- */

int hp_ledger_owner(const char *namespace_name, const char *id, const char *bundle, json_t **owner,
                    struct hp_error *err) {
  char boot[HP_LEDGER_BOOT_SIZE];
  if (hp_ledger_boot(boot, err) != 0)
    return -1;
  *owner = json_pack("{s:s, s:s, s:s, s:s}", "namespace", namespace_name, "id", id, "bundle", bundle, "boot",
                     boot);
  if (!*owner)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "namespace, id or bundle of \"%s\" is no UTF-8", id);
  return 0;
}

char *hp_ledger_owner_name(const json_t *owner) {
  const char *namespace_name = json_string_value(json_object_get(owner, "namespace"));
  const char *id = json_string_value(json_object_get(owner, "id"));
  return hp_printf("%s/%s", namespace_name ? namespace_name : "?", id ? id : "?");
}

bool hp_ledger_owner_lives(const json_t *owner) {
  struct hp_error err = HP_ERROR_INIT;
  char boot[HP_LEDGER_BOOT_SIZE];
  const char *theirs = json_string_value(json_object_get(owner, "boot"));
  const char *bundle = json_string_value(json_object_get(owner, "bundle"));
  if (hp_ledger_boot(boot, &err) != 0) { /* when in doubt nothing is taken from anybody */
    hp_error_clear(&err);
    return true;
  }
  return theirs && bundle && strcmp(theirs, boot) == 0 && !hp_ledger_bundle_gone(bundle);
}
