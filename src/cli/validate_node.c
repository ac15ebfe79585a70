/* What only the node can answer. */
#include <stdlib.h>
#include <string.h>

#include "cli/validate.h"
#include "host/host.h"

static bool is_here(const struct hp_validate *validate, const struct hp_outcome *outcome) {
  return validate->on_this_node && outcome->os == hp_os_here();
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
  char *question = hp_printf("whether \"%s\" is a local group or a user", name);
  if (!here)
    hp_entry_say(entry, "open", hp_strdup(question));
  else if (host_account_check(account, &err) != 0)
    answer(entry, &err, question);
  free(question);
}

static bool asks_node(const struct hp_pod_container *container, size_t i) {
  const struct hp_mount *mount = &container->spec.mounts[i];
  bool of_kubelet = i < container->volumes.count && strcmp(container->volumes.items[i], "hostPath") != 0;
  bool binds = !mount->type || !*mount->type || strstr(mount->type, "bind");
  return !of_kubelet && binds && mount->source;
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

static void ask_volume(const struct hp_outcome *outcome, bool here, json_t *entry) {
  static const char question[] = "whether this host can bind";
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
  else if (host_bind_check(&err) == 0)
    return;
  else if (behavior == HP_MOUNT_BIND)
    answer(entry, &err, question);
  else {
    hp_entry_say(entry, "warnings",
                 hp_printf("the mount behavior is symlink, for this node cannot bind: %s", err.message));
    hp_error_clear(&err);
  }
}

static void ask_network(const struct hp_outcome *outcome, bool here, json_t *entry) {
  static const char question[] = "whether the network namespace is the node's own";
  const struct hp_container_spec *spec = &outcome->container->spec;
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
  bool here = is_here(validate, outcome);
  ask_account(outcome, here, entry);
  ask_mounts(outcome, here, entry);
  ask_volume(outcome, here, entry);
  ask_network(outcome, here, entry);
  if (validate->on_this_node && !here)
    hp_entry_say(entry, "open",
                 hp_printf("this node is of another system than %s and was asked nothing",
                           outcome->os == HP_OS_WINDOWS ? "windows" : "linux"));
}
