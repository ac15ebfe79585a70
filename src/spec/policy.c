/* The node policy's strict schema: one table of keys. */
#include "spec/policy.h"

#include <stdlib.h>
#include <string.h>

#include "spec/allow.h"
#include "spec/json.h"
#include "spec/location.h"
#include "spec/text.h"

#define ID_MAX 4294967294 /* the last one, (uid_t)-1, means "leave as it is" */
#define PROCESSORS_MAX 1000000

/* ---- a value each ------------------------------------------------------------- */

static int read_host_process(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  const char *text = json_string_value(at.value);
  if (!text || !hp_text_is_among(text, "assume\0require\0"))
    return hp_json_refuse(&at, err, "\"require\" or \"assume\"");
  policy->assume = strcmp(text, "assume") == 0;
  return 0;
}

static int read_inherit(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  bool allowed = true;
  if (hp_json_bool(at, &allowed, err) != 0)
    return -1;
  policy->forbids_inherit = !allowed;
  return 0;
}

static int read_behavior(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  const char *text = json_string_value(at.value);
  if (!text || !hp_text_is_among(text, "bind\0symlink\0"))
    return hp_json_refuse(&at, err, "\"bind\" or \"symlink\"");
  policy->mount_behavior = strcmp(text, "bind") == 0 ? HP_MOUNT_BIND : HP_MOUNT_SYMLINK;
  return 0;
}

static int read_account(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  if (!json_is_string(at.value))
    return hp_json_refuse(&at, err, "a string");
  if (hp_allow_check(json_string_value(at.value), err) != 0) {
    char *path = hp_json_path(&at);
    hp_error_wrap(err, "%s", path);
    free(path);
    return -1;
  }
  hp_strings_add(&policy->accounts, json_string_value(at.value));
  return 0;
}

/* One file may serve nodes of both systems. */
static int read_location(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  const char *path = json_string_value(at.value);
  if (!path || (!hp_location_is_valid(HP_OS_LINUX, path) && !hp_location_is_valid(HP_OS_WINDOWS, path)))
    return hp_json_refuse(&at, err,
                          "an absolute path below the root such as /hpc or C:\\hpc, without \"..\"");
  hp_strings_add(&policy->locations, path);
  return 0;
}

static int read_memory(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  return hp_json_number(at, 1, INT64_MAX, &policy->memory_max, err);
}

static int read_cpu(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  double processors = json_number_value(at.value); /* 0 if it is none */
  if (!(processors >= 0.001 && processors <= PROCESSORS_MAX))
    return hp_json_refuse(&at, err, "a number of processors such as 1.5, from 0.001 to 1000000");
  policy->cpu_max = (struct hp_number){.set = true, .value = (int64_t)(processors * 1000 + 0.5)};
  return 0;
}

static int read_storage(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  return hp_json_number(at, 1, INT64_MAX, &policy->storage_max, err);
}

/* Never uid 0: the policy would make a lowly account root. */
static int read_id(struct hp_json at, uint32_t *id, struct hp_error *err) {
  struct hp_number number = {0};
  if (hp_json_number(at, 1, ID_MAX, &number, err) != 0)
    return -1;
  *id = (uint32_t)number.value;
  return 0;
}

static int read_local_service(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  return read_id(at, &policy->local_service_uid, err);
}

static int read_network_service(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  return read_id(at, &policy->network_service_uid, err);
}

static int read_range(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  struct hp_json first = hp_json_element(&at, 0), last = hp_json_element(&at, 1);
  if (!json_is_array(at.value) || hp_json_count(&at) != 2)
    return hp_json_refuse(&at, err, "an array of two ids, [first, last]");
  if (read_id(first, &policy->ephemeral_first, err) != 0 || read_id(last, &policy->ephemeral_last, err) != 0)
    return -1;
  if (policy->ephemeral_first > policy->ephemeral_last)
    return hp_json_refuse(&first, err, "at most the last id of the range");
  return 0;
}

/* For editors; nothing here reads it. */
static int read_schema(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  (void)policy;
  return json_is_string(at.value) ? 0 : hp_json_refuse(&at, err, "a string");
}

/* ---- the table ---------------------------------------------------------------- */

enum form { VALUE, LIST, SECTION };

static const struct entry {
  const char *section; /* NULL: the document itself */
  const char *key;
  enum form form;
  /* Of a LIST: of each element. at.value is neither NULL nor null. */
  int (*read)(struct hp_json at, struct hp_policy *policy, struct hp_error *err);
} entries[HP_POLICY_KEYS] = {
    [HP_POLICY_HOST_PROCESS] = {NULL, "hostProcess", VALUE, read_host_process},
    [HP_POLICY_INHERIT_USER] = {NULL, "inheritUser", VALUE, read_inherit},
    [HP_POLICY_ACCOUNTS] = {NULL, "accounts", LIST, read_account},
    [HP_POLICY_MOUNT_BEHAVIOR] = {NULL, "mountBehavior", VALUE, read_behavior},
    [HP_POLICY_ROOTFS_LOCATIONS] = {NULL, "rootfsLocations", LIST, read_location},
    [HP_POLICY_LIMITS] = {NULL, "limits", SECTION, NULL},
    [HP_POLICY_LINUX] = {NULL, "linux", SECTION, NULL},
    [HP_POLICY_SCHEMA] = {NULL, "$schema", VALUE, read_schema},
    [HP_POLICY_LIMITS_MEMORY] = {"limits", "memory", VALUE, read_memory},
    [HP_POLICY_LIMITS_CPU] = {"limits", "cpu", VALUE, read_cpu},
    [HP_POLICY_LIMITS_STORAGE] = {"limits", "storage", VALUE, read_storage},
    [HP_POLICY_LINUX_LOCAL_SERVICE] = {"linux", "localServiceId", VALUE, read_local_service},
    [HP_POLICY_LINUX_NETWORK_SERVICE] = {"linux", "networkServiceId", VALUE, read_network_service},
    [HP_POLICY_LINUX_EPHEMERAL] = {"linux", "ephemeralIds", VALUE, read_range},
};

struct document {
  const char *data;
  size_t length;
};

static int at_line(const struct document *document, const struct hp_json *at, struct hp_error *err) {
  return hp_error_wrap(err, "line %u", hp_json_line(document->data, document->length, at));
}

static bool in_section(const struct entry *entry, const char *section) {
  return section ? entry->section && strcmp(entry->section, section) == 0 : !entry->section;
}

static char *known_keys(const char *section) {
  char *text = hp_strdup("");
  for (size_t i = 0; i < HP_POLICY_KEYS; i++) {
    if (!in_section(&entries[i], section))
      continue;
    char *longer = hp_printf("%s%s%s", text, *text ? ", " : "", entries[i].key);
    free(text);
    text = longer;
  }
  return text;
}

static bool is_known(const char *section, const char *key) {
  for (size_t i = 0; i < HP_POLICY_KEYS; i++)
    if (in_section(&entries[i], section) && strcmp(entries[i].key, key) == 0)
      return true;
  return false;
}

/* A misspelt key would silently allow what it was meant to forbid, and so would
 * one that is null. */
static int check_keys(const struct document *document, const struct hp_json *object, const char *section,
                      struct hp_error *err) {
  const char *key;
  json_t *value;
  json_object_foreach(object->value, key, value) {
    struct hp_json at = {.parent = object, .key = key, .value = value};
    bool known = is_known(section, key);
    if (known && !json_is_null(value))
      continue;
    char *path = hp_json_path(&at), *keys = known_keys(section);
    if (known)
      hp_error_set(err, HP_INVALID_ARGUMENT, "%s is null: give it a value, or leave the key out", path);
    else
      hp_error_set(err, HP_INVALID_ARGUMENT, "%s is not a known key: use %s", path, keys);
    free(keys);
    free(path);
    return at_line(document, &at, err);
  }
  return 0;
}

static int read_list(const struct document *document, const struct entry *entry, const struct hp_json *list,
                     struct hp_policy *policy, struct hp_error *err) {
  if (hp_json_array(*list, err) != 0)
    return at_line(document, list, err);
  for (size_t i = 0; i < hp_json_count(list); i++) {
    struct hp_json element = hp_json_element(list, i);
    if (entry->read(element, policy, err) != 0)
      return at_line(document, &element, err);
  }
  return 0;
}

static int read_section(const struct document *document, const struct hp_json *object, const char *section,
                        struct hp_policy *policy, struct hp_error *err) {
  if (!json_is_object(object->value)) {
    hp_json_refuse(object, err, "an object");
    return at_line(document, object, err);
  }
  if (check_keys(document, object, section, err) != 0)
    return -1;
  for (size_t i = 0; i < HP_POLICY_KEYS; i++) {
    const struct entry *entry = &entries[i];
    struct hp_json at = hp_json_at(object, entry->key);
    if (!in_section(entry, section) || !at.value)
      continue;
    policy->lines[i] = hp_json_line(document->data, document->length, &at);
    if (entry->form == SECTION ? read_section(document, &at, entry->key, policy, err) != 0
        : entry->form == LIST  ? read_list(document, entry, &at, policy, err) != 0
                               : entry->read(at, policy, err) != 0 && at_line(document, &at, err) != 0)
      return -1;
  }
  return 0;
}

/* ---- the whole ---------------------------------------------------------------- */

static bool in_range(const struct hp_policy *policy, uint32_t id) {
  return id >= policy->ephemeral_first && id <= policy->ephemeral_last;
}

static int check_ids(const struct hp_policy *policy, struct hp_error *err) {
  if (!in_range(policy, policy->local_service_uid) && !in_range(policy, policy->network_service_uid))
    return 0;
  hp_error_set(err, HP_INVALID_ARGUMENT,
               "linux.ephemeralIds [%u, %u] holds the id of a service account (%u or %u): choose a range "
               "without them",
               policy->ephemeral_first, policy->ephemeral_last, policy->local_service_uid,
               policy->network_service_uid);
  return hp_error_wrap(err, "line %u", policy->lines[HP_POLICY_LINUX]);
}

static int read_policy(const struct document *document, json_t *tree, struct hp_policy *policy,
                       struct hp_error *err) {
  struct hp_json root = {.key = "", .value = tree};
  if (read_section(document, &root, NULL, policy, err) != 0)
    return -1;
  policy->has_accounts = json_object_get(tree, "accounts") != NULL;
  policy->has_locations = json_object_get(tree, "rootfsLocations") != NULL;
  return check_ids(policy, err);
}

void hp_policy_init(struct hp_policy *policy) {
  *policy = (struct hp_policy){.local_service_uid = 65534,
                               .network_service_uid = 65533,
                               .ephemeral_first = 2000000000,
                               .ephemeral_last = 2000065535};
}

int hp_policy_parse(const char *file, const char *data, size_t length, struct hp_policy *policy,
                    struct hp_error *err) {
  hp_policy_init(policy);
  policy->file = hp_strdup(file);
  json_t *tree = hp_json_load("it", data, length, HP_POLICY_MAX, err);
  int result = tree ? read_policy(&(struct document){.data = data, .length = length}, tree, policy, err) : -1;
  json_decref(tree);
  if (result != 0) {
    hp_error_wrap(err, "node policy %s", file);
    hp_error_recode(err, HP_FAILED_PRECONDITION); /* the host's fault, not the request's */
    hp_policy_clear(policy);
  }
  return result;
}

char *hp_policy_cite(const struct hp_policy *policy, enum hp_policy_key key) {
  const struct entry *entry = &entries[key];
  return hp_printf("\"%s%s%s\" (line %u of the node policy %s)", entry->section ? entry->section : "",
                   entry->section ? "." : "", entry->key, policy->lines[key], policy->file);
}

void hp_policy_clear(struct hp_policy *policy) {
  free(policy->file);
  hp_strings_clear(&policy->accounts);
  hp_strings_clear(&policy->locations);
  *policy = (struct hp_policy){0};
}
