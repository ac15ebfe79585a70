/* What only the node can answer. */
#include <stdlib.h>
#include <string.h>

#include "cli/validate.h"
#include "host/host.h"

static bool is_here(const struct hp_validate *validate, enum hp_os os) {
  return validate->on_this_node && os == hp_os_here();
}

/* A host that refuses has answered; one that cannot say leaves the question open. */
static void answer(json_t *entry, struct hp_error *err, const char *question) {
  if (err->code == HP_INVALID_ARGUMENT || err->code == HP_FAILED_PRECONDITION)
    hp_entry_refuse(entry, "node", err->message);
  else
    hp_entry_say(entry, "open", hp_printf("%s: this node cannot say: %s", question, err->message));
  hp_error_clear(err);
}

static void ask_account(const struct hp_outcome *outcome, bool here, json_t *entry) {
  const struct hp_account *account = &outcome->verdict->account;
  const char *name = outcome->container->spec.process.username;
  struct hp_error err = HP_ERROR_INIT;
  if (account->kind != HP_ACCOUNT_NAMED)
    return;
  char *question =
      hp_printf(hp_account_is_managed(account) ? "whether the managed account \"%s\" is installed on the node"
                                               : "whether \"%s\" is a local group or a user",
                name);
  if (!here)
    hp_entry_say(entry, "open", hp_strdup(question));
  else if (host_account_check(account, &err) != 0)
    answer(entry, &err, question);
  free(question);
}

static bool is_of_kubelet(const struct hp_pod_container *container, size_t i) {
  return i < container->volumes.count && strcmp(container->volumes.items[i], "hostPath") != 0;
}

static bool asks_node(const struct hp_pod_container *container, size_t i) {
  const struct hp_mount *mount = &container->spec.mounts[i];
  bool binds = !mount->type || !*mount->type || strstr(mount->type, "bind");
  return !is_of_kubelet(container, i) && binds && mount->source;
}

static void ask_mounts(const struct hp_outcome *outcome, bool here, json_t *entry) {
  static const char question[] = "whether what is mounted is there, and is no socket";
  const struct hp_pod_container *container = outcome->container;
  bool open = false;
  for (size_t i = 0; i < container->spec.mount_count; i++) {
    struct hp_error err = HP_ERROR_INIT;
    if (!asks_node(container, i))
      continue;
    open |= !here;
    if (here && host_mount_check(&container->spec.mounts[i], i, &err) != 0)
      answer(entry, &err, question);
  }
  if (open)
    hp_entry_say(entry, "open", hp_strdup(question));
}

/* Where the container demands it, ask_container's answer is the one that counts. */
static void ask_volume(const struct hp_outcome *outcome, bool here, json_t *entry) {
  struct hp_error err = HP_ERROR_INIT;
  enum hp_mount_behavior behavior = outcome->verdict->behavior;
  if (behavior == HP_MOUNT_SYMLINK || outcome->os == HP_OS_LINUX)
    return;
  if (!here)
    hp_entry_say(entry, "open",
                 hp_strdup(behavior == HP_MOUNT_BIND
                               ? "whether the node can bind"
                               : "whether the node can bind; where it cannot, the mount "
                                 "behavior is symlink"));
  else if (behavior == HP_MOUNT_UNSET && host_bind_check(&err) != 0)
    hp_entry_say(entry, "warnings",
                 hp_printf("the mount behavior is symlink, for this node cannot bind: %s", err.message));
  hp_error_clear(&err);
}

static bool is_refused(const json_t *entry, const char *message) {
  const json_t *refusals = json_object_get(entry, "refusals");
  for (size_t i = 0; i < json_array_size(refusals); i++)
    if (strcmp(json_string_value(json_object_get(json_array_get(refusals, i), "message")), message) == 0)
      return true;
  return false;
}

/* For what kubelet has still to make, a file or a directory: as far as anybody
 * knows the same as what is at its place now, or else a directory. */
static const char *stand_in(const struct hp_mount *mount) {
  uv_fs_t look;
  bool there = uv_fs_stat(NULL, &look, mount->destination, NULL) == 0;
  uv_fs_req_cleanup(&look);
  return there ? mount->destination : "/";
}

/* What Create asks itself before it makes anything. */
static void ask_container(const struct hp_outcome *outcome, bool here, json_t *entry) {
  struct hp_error err = HP_ERROR_INIT;
  if (!here)
    return;
  struct hp_container_spec spec = outcome->container->spec; /* all but the sources is borrowed */
  spec.mounts = hp_realloc_array(NULL, spec.mount_count, sizeof *spec.mounts);
  for (size_t i = 0; i < spec.mount_count; i++) {
    spec.mounts[i] = outcome->container->spec.mounts[i];
    if (is_of_kubelet(outcome->container, i))
      spec.mounts[i].source = (char *)(uintptr_t)stand_in(&spec.mounts[i]); /* read only */
  }
  const struct host_container_request request = {.namespace_name = "k8s.io",
                                                 .id = "validate",
                                                 .spec = &spec,
                                                 .verdict = outcome->verdict,
                                                 .policy = outcome->policy};
  if (host_container_check(&request, &err) != 0 && !is_refused(entry, err.message))
    answer(entry, &err, "whether this node takes the places, mounts and limits");
  hp_error_clear(&err);
  free(spec.mounts);
}

void hp_node_ask_network(const struct hp_validate *validate, enum hp_os os,
                         const struct hp_container_spec *spec, json_t *entry) {
  static const char question[] = "whether the network namespace is the node's own";
  bool here = is_here(validate, os);
  struct hp_error err = HP_ERROR_INIT;
  bool named = false;
  for (size_t i = 0; i < spec->namespace_count; i++)
    named |= strcmp(spec->namespaces[i].type, "network") == 0 && spec->namespaces[i].path;
  if (named && !here)
    hp_entry_say(entry, "open", hp_strdup(question));
  else if (named && host_check_network(spec, &err) != 0)
    answer(entry, &err, question);
}

void hp_node_ask(const struct hp_validate *validate, const struct hp_outcome *outcome, json_t *entry) {
  bool here = is_here(validate, outcome->os);
  ask_account(outcome, here, entry);
  ask_mounts(outcome, here, entry);
  ask_volume(outcome, here, entry);
  hp_node_ask_network(validate, outcome->os, &outcome->container->spec, entry);
  ask_container(outcome, here, entry);
  if (validate->on_this_node && !here)
    hp_entry_say(entry, "open",
                 hp_printf("this node is of another system than %s and was asked nothing",
                           outcome->os == HP_OS_WINDOWS ? "windows" : "linux"));
}
