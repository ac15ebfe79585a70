/* An ephemeral account is a record
 *   {"kind": "account", "owner", "name", "group"}
 * and, while it exists, a claim in the ledger (account.h). All other identities
 * are there already: logging on leaves nothing to release, so they are logged on
 * when the container is planned, and a refusal comes before anything is made. */
#include "host/windows/container.h"

#include <stdlib.h>
#include <string.h>

#include <userenv.h>

#include "host/ledger.h"
#include "host/owner.h"
#include "host/windows/account.h"
#include "host/windows/logon.h"
#include "host/windows/principal.h"
#include "host/windows/profile.h"
#include "host/windows/text.h"

#define KIND "account"

static int plan_account(const struct host_container_request *request, const wchar_t *group, json_t *records,
                        struct hp_error *err) {
  char name[HP_ACCOUNT_NAME_SIZE];
  json_t *owner;
  if (hp_account_name(request->namespace_name, request->id, name, err) != 0 ||
      hp_ledger_owner(request->namespace_name, request->id, request->bundle, &owner, err) != 0)
    return -1;
  char *group_utf8 = hp_narrow(group);
  json_array_append_new(records, json_pack("{s:s, s:o, s:s, s:s}", "kind", KIND, "owner", owner, "name", name,
                                           "group", group_utf8));
  free(group_utf8);
  return 0;
}

static int use_user(struct host_container *container, const struct hp_principal *principal,
                    struct hp_error *err) {
  int result = principal->kind == HP_PRINCIPAL_MANAGED ? hp_logon_managed(principal, &container->token, err)
                                                       : hp_logon_user(principal, &container->token, err);
  return result == 0 ? hp_logon_profile(container->token, principal->name, &container->profile, err) : -1;
}

int host_account_check(const struct hp_account *account, struct hp_error *err) {
  struct hp_principal principal;
  if (hp_principal_find(account, &principal, err) != 0)
    return -1;
  hp_principal_clear(&principal);
  return 0;
}

static int plan_named(struct host_container *container, const struct host_container_request *request,
                      json_t *records, struct hp_error *err) {
  struct hp_principal principal;
  if (hp_principal_find(&request->verdict->account, &principal, err) != 0)
    return -1;
  int result = principal.kind == HP_PRINCIPAL_GROUP ? plan_account(request, principal.name, records, err)
                                                    : use_user(container, &principal, err);
  hp_principal_clear(&principal);
  return result;
}

int hp_identity_plan(struct host_container *container, const struct host_container_request *request,
                     json_t *records, struct hp_error *err) {
  switch (request->verdict->account.kind) {
  case HP_ACCOUNT_SYSTEM:
  case HP_ACCOUNT_LOCAL_SERVICE:
  case HP_ACCOUNT_NETWORK_SERVICE:
    return hp_logon_service(request->verdict->account.kind, &container->token, err);
  case HP_ACCOUNT_INHERIT:
    container->token = NULL;
    return 0;
  case HP_ACCOUNT_NAMED:
    return plan_named(container, request, records, err);
  case HP_ACCOUNT_NUMERIC:
    break;
  }
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "process.user.username is missing: numbers name nobody on Windows, set runAsUserName");
}

static bool is_ours(const json_t *record) {
  const char *kind = json_string_value(json_object_get(record, "kind"));
  return kind && strcmp(kind, KIND) == 0;
}

static int parts_of(const json_t *record, const json_t **owner, const char **name, struct hp_error *err) {
  *owner = json_object_get(record, "owner");
  *name = json_string_value(json_object_get(record, "name"));
  if (json_is_object(*owner) && *name)
    return 0;
  return hp_error_set(err, HP_INTERNAL, "the record of an account has no owner or no name");
}

int hp_identity_make(struct host_container *container, const json_t *record, bool *known,
                     struct hp_error *err) {
  const json_t *owner;
  const char *name, *group = json_string_value(json_object_get(record, "group"));
  *known = is_ours(record);
  if (!*known)
    return 0;
  if (parts_of(record, &owner, &name, err) != 0)
    return -1;
  if (!group)
    return hp_error_set(err, HP_INTERNAL, "the record of the account \"%s\" names no group", name);
  return hp_account_make(owner, name, group, &container->token, &container->profile, err);
}

/* Only gc finds one: a container's profile goes with its account. */
static int release_profile(const json_t *record, struct hp_error *err) {
  const char *sid = json_string_value(json_object_get(record, "sid"));
  return sid ? hp_profile_remove_stray(sid, err)
             : hp_error_set(err, HP_INTERNAL, "the record of a profile has no sid");
}

int hp_identity_release(const json_t *record, bool *known, struct hp_error *err) {
  const json_t *owner;
  const char *name, *kind = json_string_value(json_object_get(record, "kind"));
  if (kind && strcmp(kind, HP_PROFILE_CLAIM) == 0) {
    *known = true;
    return release_profile(record, err);
  }
  *known = is_ours(record);
  if (!*known)
    return 0;
  if (parts_of(record, &owner, &name, err) != 0)
    return -1;
  return json_is_true(json_object_get(record, "stray")) ? hp_account_remove_stray(owner, name, err)
                                                        : hp_account_remove(owner, name, err);
}

void hp_identity_clear(struct host_container *container) {
  if (container->profile)
    UnloadUserProfile(container->token, container->profile);
  if (container->token)
    CloseHandle(container->token);
  container->profile = container->token = NULL;
}

int hp_identity_release_owner(const json_t *owner, struct hp_error *err) {
  return hp_account_remove_all(owner, err);
}
