/* User, volume, mounts and environment as they come out. */
#include <stdlib.h>
#include <string.h>

#include "cli/validate.h"
#include "spec/command.h"
#include "spec/text.h"

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

static char *backslashed(const char *path) {
  char *text = hp_strdup(path);
  for (char *c = text; *c; c++)
    if (*c == '/')
      *c = '\\';
  return text;
}

static char *volume_base(const struct hp_outcome *outcome) {
  const char *location = outcome->container->spec.rootfs_location;
  if (outcome->os == HP_OS_LINUX)
    return hp_strdup(location ? location : "/hpc");
  return backslashed(location ? location : "C:\\hpc");
}

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

/* What a process of the host has anyway. */
static bool is_hosts_own(const struct hp_mount *mount) {
  static const char *const types[] = {"proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"};
  const char *type = mount->type ? mount->type : "";
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (strcmp(type, types[i]) == 0)
      return true;
  return strcmp(type, "tmpfs") == 0 &&
         (strncmp(mount->destination, "/dev", 4) == 0 || strcmp(mount->destination, "/run") == 0);
}

/* Where a destination lies on the host; *below is what follows the drive, or the root. */
static char *place_of(enum hp_os os, const char *destination, const char **below) {
  char *place = os == HP_OS_WINDOWS ? backslashed(destination) : hp_strdup(destination);
  if (os == HP_OS_WINDOWS && !(place[0] && place[1] == ':')) {
    char *whole = hp_printf("C:%s%s", place[0] == '\\' ? "" : "\\", place);
    free(place);
    place = whole;
  }
  *below = os == HP_OS_WINDOWS ? place + 2 : place;
  return place;
}

static bool is_below(enum hp_os os, const char *path, const char *folder) {
  size_t length = strlen(folder);
  bool starts = os == HP_OS_WINDOWS ? hp_text_starts(path, folder) : strncmp(path, folder, length) == 0;
  return starts && (path[length] == 0 || path[length] == '/' || path[length] == '\\');
}

static json_t *appears(const struct hp_outcome *outcome, const struct hp_mount *mount, const char *path,
                       bool bind) {
  const char *below;
  char *place = place_of(outcome->os, mount->destination, &below);
  json_t *places = json_array();
  bool inside = is_below(outcome->os, place, path);
  if (bind || inside)
    json_array_append_new(places, json_string(place));
  if (!inside) {
    char *under = hp_printf("%s%s", path, below);
    json_array_append_new(places, json_string(under));
    free(under);
  }
  free(place);
  return places;
}

static json_t *mounts(const struct hp_outcome *outcome, const char *path, bool bind) {
  const struct hp_pod_container *container = outcome->container;
  json_t *list = json_array();
  for (size_t i = 0; i < container->spec.mount_count; i++) {
    const struct hp_mount *mount = &container->spec.mounts[i];
    if (is_hosts_own(mount))
      continue;
    json_t *entry = json_pack("{s:s, s:s, s:b, s:o}", "source", mount->source ? mount->source : "",
                              "mountPath", mount->destination, "readOnly", (int)mount->read_only, "appears",
                              appears(outcome, mount, path, bind));
    if (i < container->volumes.count)
      json_object_set_new(entry, "volume", json_string(container->volumes.items[i]));
    json_array_append_new(list, entry);
  }
  return list;
}

static bool any_read_only(const struct hp_container_spec *spec) {
  bool any = spec->root_read_only;
  for (size_t i = 0; i < spec->mount_count; i++)
    any |= spec->mounts[i].read_only && !is_hosts_own(&spec->mounts[i]);
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
  char *base = volume_base(outcome);
  char *path = bind ? hp_strdup(base) : hp_printf("%s%s" CONTAINER_ID, base, slash);
  json_t *warnings = json_array();
  json_object_set_new(entry, "user", user(outcome));
  json_object_set_new(entry, "volume", volume(outcome, base, path));
  json_object_set_new(entry, "mounts", mounts(outcome, path, bind));
  json_object_set_new(entry, "limits", hp_outcome_limits(outcome));
  json_object_set_new(entry, "program", hp_outcome_program(outcome, path, warnings));
  json_object_set_new(entry, "workingDirectory", hp_outcome_directories(outcome, path, bind, warnings));
  json_object_set_new(entry, "environment", environment(outcome, path));
  if (!bind && any_read_only(&outcome->container->spec) && outcome->os == HP_OS_WINDOWS)
    json_array_append_new(warnings, json_string("read-only mounts are writable in this container: mount "
                                                "behavior symlink cannot enforce them"));
  for (size_t i = 0; i < json_array_size(warnings); i++)
    hp_entry_say(entry, "warnings", hp_strdup(json_string_value(json_array_get(warnings, i))));
  json_decref(warnings);
  free(path);
  free(base);
}
