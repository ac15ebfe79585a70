/* User, volume, mounts and environment as they come out. */
#include <stdlib.h>
#include <string.h>

#include "cli/validate.h"
#include "spec/command.h"
#include "spec/place.h"

#define CONTAINER_ID "<container id>" /* which nobody knows yet */

/* ---- user ----------------------------------------------------------------------- */

static char *numbers(const struct hp_process_spec *process) {
  size_t room = sizeof "uid 4294967295, gid 4294967295, groups" +
                process->additional_gid_count * (sizeof ", 4294967295" - 1);
  char *text = hp_alloc(room);
  size_t used = (size_t)snprintf(text, room, "uid %u, gid %u", process->uid, process->gid);
  for (size_t i = 0; i < process->additional_gid_count; i++)
    used += (size_t)snprintf(text + used, room - used, "%s %u", i ? "," : ", groups",
                             process->additional_gids[i]);
  return text;
}

static char *linux_token(const struct hp_outcome *outcome) {
  const struct hp_policy *policy = outcome->policy;
  switch (outcome->verdict->account.kind) {
  case HP_ACCOUNT_NUMERIC:
    return numbers(&outcome->container->spec.process);
  case HP_ACCOUNT_SYSTEM:
    return hp_strdup("uid 0");
  case HP_ACCOUNT_LOCAL_SERVICE:
    return hp_printf("uid %u", policy->local_service_uid);
  case HP_ACCOUNT_NETWORK_SERVICE:
    return hp_printf("uid %u", policy->network_service_uid);
  case HP_ACCOUNT_INHERIT:
    return hp_strdup("the shim's own user");
  case HP_ACCOUNT_NAMED:
    break;
  }
  return hp_printf("a group of the node: a fresh uid from %u to %u with that group; a user: that user",
                   policy->ephemeral_first, policy->ephemeral_last);
}

static char *windows_token(const struct hp_account *account) {
  switch (account->kind) {
  case HP_ACCOUNT_INHERIT:
    return hp_strdup("the shim's own token");
  case HP_ACCOUNT_NAMED:
    break;
  default:
    return hp_strdup("service logon, no password");
  }
  return hp_strdup(hp_account_is_managed(account)
                       ? "group managed service account: service logon"
                       : "a local group of the node: a new local user in it, for as long as the container is "
                         "there; a user: logon without a password");
}

static json_t *user(const struct hp_outcome *outcome) {
  static const char *const kinds[] = {"numbers", "service", "service", "service", "inherit", "named"};
  static const char *const names[] = {NULL, "NT AUTHORITY\\SYSTEM", "NT AUTHORITY\\LOCAL SERVICE",
                                      "NT AUTHORITY\\NETWORK SERVICE"};
  const struct hp_account *account = &outcome->verdict->account;
  char *token = outcome->os == HP_OS_WINDOWS ? windows_token(account) : linux_token(outcome);
  json_t *entry = json_pack("{s:s, s:s}", "kind", kinds[account->kind], "token", token);
  if (account->kind == HP_ACCOUNT_NAMED)
    json_object_set_new(entry, "name", json_string(outcome->container->spec.process.username));
  else if (account->kind < HP_ACCOUNT_INHERIT && names[account->kind])
    json_object_set_new(entry, "name", json_string(names[account->kind]));
  free(token);
  return entry;
}

/* ---- volume ----------------------------------------------------------------------- */

static json_t *volume(const struct hp_outcome *outcome, const char *base, const char *path) {
  enum hp_mount_behavior behavior = outcome->verdict->behavior;
  const struct hp_container_spec *spec = &outcome->container->spec;
  const char *chooser = spec->mount_behavior != HP_MOUNT_UNSET ? "annotation"
                        : behavior != HP_MOUNT_UNSET           ? "policy"
                                                               : "host";
  json_t *entry = json_pack("{s:s, s:s, s:s}", "path", path, "behavior",
                            behavior == HP_MOUNT_SYMLINK ? "symlink" : "bind", "chosenBy", chooser);
  if (behavior == HP_MOUNT_UNSET && outcome->os == HP_OS_WINDOWS) {
    char *other = hp_printf("%s\\" CONTAINER_ID, base);
    json_object_set_new(entry, "elsePath", json_string(other));
    free(other);
  }
  return entry;
}

/* ---- mounts ------------------------------------------------------------------------ */

static json_t *appears(enum hp_os os, const char *place, const char *path, bool bind) {
  json_t *places = json_array();
  bool inside = hp_place_lies_in(os, place, path);
  if (bind || inside)
    json_array_append_new(places, json_string(place));
  if (!inside) {
    char *under = hp_printf("%s%s", path, os == HP_OS_WINDOWS ? place + 2 : place); /* without the drive */
    json_array_append_new(places, json_string(under));
    free(under);
  }
  return places;
}

static json_t *mount_entry(const struct hp_outcome *outcome, size_t i, const char *place, const char *path,
                           bool bind) {
  const struct hp_pod_container *container = outcome->container;
  const struct hp_mount *mount = &container->spec.mounts[i];
  json_t *entry = json_pack("{s:s, s:s, s:b, s:o}", "source", mount->source ? mount->source : "", "mountPath",
                            mount->destination, "readOnly", (int)mount->read_only, "appears",
                            appears(outcome->os, place, path, bind));
  if (i < container->volumes.count)
    json_object_set_new(entry, "volume", json_string(container->volumes.items[i]));
  return entry;
}

static json_t *mounts(const struct hp_outcome *outcome, const char *path, bool bind) {
  const struct hp_container_spec *spec = &outcome->container->spec;
  struct hp_error none = HP_ERROR_INIT; /* the rules have accepted each */
  json_t *list = json_array();
  for (size_t i = 0; i < spec->mount_count; i++) {
    char *place = hp_place(outcome->os, spec->mounts[i].destination, "", &none);
    if (place && !hp_mount_is_hosts_own(outcome->os, &spec->mounts[i], place))
      json_array_append_new(list, mount_entry(outcome, i, place, path, bind));
    free(place);
  }
  hp_error_clear(&none);
  return list;
}

static bool any_read_only(const struct hp_container_spec *spec) {
  bool any = spec->root_read_only;
  for (size_t i = 0; i < spec->mount_count; i++)
    any |= spec->mounts[i].read_only;
  return any;
}

/* ---- environment -------------------------------------------------------------------- */

/* What is not as it was given. */
static json_t *environment(const struct hp_outcome *outcome, const char *path) {
  const struct hp_strings *env = &outcome->container->spec.process.env;
  json_t *list = json_array();
  json_array_append_new(list, json_pack("{s:s, s:s}", "name", HP_MOUNT_POINT_VARIABLE, "value", path));
  for (size_t i = 0; i < env->count; i++) {
    const char *equals = strchr(env->items[i], '=');
    char *value = hp_command_expand(equals + 1, path);
    if (strcmp(value, equals + 1) != 0) {
      char *name = hp_strndup(env->items[i], (size_t)(equals - env->items[i]));
      json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "value", value));
      free(name);
    }
    free(value);
  }
  return list;
}

void hp_outcome_add(json_t *entry, const struct hp_outcome *outcome) {
  bool bind = outcome->verdict->behavior != HP_MOUNT_SYMLINK;
  const char *slash = outcome->os == HP_OS_WINDOWS ? "\\" : "/";
  char *base = hp_place_of_volume(outcome->os, outcome->container->spec.rootfs_location);
  char *path = bind ? hp_strdup(base) : hp_printf("%s%s" CONTAINER_ID, base, slash);
  json_t *warnings = json_array();
  json_object_set_new(entry, "user", user(outcome));
  json_object_set_new(entry, "volume", volume(outcome, base, path));
  json_object_set_new(entry, "mounts", mounts(outcome, path, bind));
  json_object_set_new(entry, "limits", hp_outcome_limits(outcome));
  json_object_set_new(entry, "program", hp_outcome_program(outcome, path, warnings));
  json_object_set_new(entry, "workingDirectory", hp_outcome_directories(outcome, path, bind, warnings));
  json_object_set_new(entry, "environment", environment(outcome, path));
  if (!bind && outcome->os == HP_OS_WINDOWS && any_read_only(&outcome->container->spec))
    json_array_append_new(warnings, json_string("read-only mounts are writable in this container: mount "
                                                "behavior symlink cannot enforce them"));
  for (size_t i = 0; i < json_array_size(warnings); i++)
    hp_entry_say(entry, "warnings", hp_strdup(json_string_value(json_array_get(warnings, i))));
  json_decref(warnings);
  free(path);
  free(base);
}
