/* The node policy's strict schema, and where the policy is found. */
#include "spec/policy.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "spec/allow.h"
#include "spec/read.h"

#define POLICY_MAX (1u << 20) /* bytes */
#define ID_MAX 4294967294     /* the last one, (uid_t)-1, means "leave as it is" */

static char *join(const char *const *words, size_t count) {
  char *text = hp_strdup("");
  for (size_t i = 0; i < count; i++) {
    char *longer = hp_printf("%s%s%s", text, i ? ", " : "", words[i]);
    free(text);
    text = longer;
  }
  return text;
}

/* A misspelt key would silently allow what it was meant to forbid. */
static int only_keys(const struct hp_json *object, const char *const *keys, size_t count,
                     struct hp_error *err) {
  const char *key;
  json_t *value;
  if (hp_json_object(*object, err) != 0)
    return -1;
  json_object_foreach(object->value, key, value) {
    size_t i = 0;
    while (i < count && strcmp(key, keys[i]) != 0)
      i++;
    if (i < count)
      continue;
    struct hp_json at = {.parent = object, .key = key, .value = value};
    char *path = hp_json_path(&at), *known = join(keys, count);
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s is not a known key: use %s", path, known);
    free(known);
    free(path);
    return -1;
  }
  return 0;
}

static int read_assume(struct hp_json at, bool *assume, struct hp_error *err) {
  if (!at.value)
    return 0;
  const char *text = json_string_value(at.value);
  if (!text || (strcmp(text, "assume") != 0 && strcmp(text, "require") != 0))
    return hp_json_refuse(&at, err, "\"require\" or \"assume\"");
  *assume = strcmp(text, "assume") == 0;
  return 0;
}

static int read_behavior(struct hp_json at, enum hp_mount_behavior *behavior, struct hp_error *err) {
  if (!at.value)
    return 0;
  const char *text = json_string_value(at.value);
  if (!text || (strcmp(text, "bind") != 0 && strcmp(text, "symlink") != 0))
    return hp_json_refuse(&at, err, "\"bind\" or \"symlink\"");
  *behavior = strcmp(text, "bind") == 0 ? HP_MOUNT_BIND : HP_MOUNT_SYMLINK;
  return 0;
}

static int read_accounts(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  if (hp_json_strings(at, &policy->accounts, err) != 0)
    return -1;
  policy->has_accounts = at.value != NULL;
  for (size_t i = 0; i < policy->accounts.count; i++) {
    struct hp_error reason = HP_ERROR_INIT;
    if (hp_allow_check(policy->accounts.items[i], &reason) == 0)
      continue;
    struct hp_json item = hp_json_element(&at, i);
    char *path = hp_json_path(&item);
    hp_error_move(err, &reason);
    hp_error_wrap(err, "%s", path);
    free(path);
    return -1;
  }
  return 0;
}

/* Never uid 0: the policy would make a lowly account root. */
static int read_id(struct hp_json at, uint32_t *id, struct hp_error *err) {
  struct hp_number number = {.value = *id};
  if (hp_json_number(at, 1, ID_MAX, &number, err) != 0)
    return -1;
  *id = (uint32_t)number.value;
  return 0;
}

static int read_range(struct hp_json at, struct hp_policy *policy, struct hp_error *err) {
  if (!at.value)
    return 0;
  struct hp_json first = hp_json_element(&at, 0), last = hp_json_element(&at, 1);
  if (!json_is_array(at.value) || hp_json_count(&at) != 2 || !json_is_integer(first.value) ||
      !json_is_integer(last.value))
    return hp_json_refuse(&at, err, "an array of two ids, [first, last]");
  if (read_id(first, &policy->ephemeral_first, err) != 0 || read_id(last, &policy->ephemeral_last, err) != 0)
    return -1;
  if (policy->ephemeral_first > policy->ephemeral_last)
    return hp_json_refuse(&first, err, "at most the last id of the range");
  return 0;
}

static bool in_range(const struct hp_policy *policy, uint32_t id) {
  return id >= policy->ephemeral_first && id <= policy->ephemeral_last;
}

static int read_linux(const struct hp_json *at, struct hp_policy *policy, struct hp_error *err) {
  static const char *const keys[] = {"localServiceId", "networkServiceId", "ephemeralIds"};
  struct hp_json range = hp_json_at(at, "ephemeralIds");
  if (only_keys(at, keys, sizeof keys / sizeof keys[0], err) != 0 ||
      read_id(hp_json_at(at, "localServiceId"), &policy->local_service_uid, err) != 0 ||
      read_id(hp_json_at(at, "networkServiceId"), &policy->network_service_uid, err) != 0 ||
      read_range(range, policy, err) != 0)
    return -1;
  if (in_range(policy, policy->local_service_uid) || in_range(policy, policy->network_service_uid))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "linux.ephemeralIds [%u, %u] holds the id of a service account (%u or %u): choose a "
                        "range without them",
                        policy->ephemeral_first, policy->ephemeral_last, policy->local_service_uid,
                        policy->network_service_uid);
  return 0;
}

static int read_policy(const struct hp_json *root, struct hp_policy *policy, struct hp_error *err) {
  static const char *const keys[] = {"hostProcess", "mountBehavior", "accounts", "limits", "linux"};
  static const char *const limit_keys[] = {"memory"};
  if (!root->value)
    return hp_json_refuse(root, err, "an object");
  struct hp_json limits = hp_json_at(root, "limits"), linux_at = hp_json_at(root, "linux");
  if (only_keys(root, keys, sizeof keys / sizeof keys[0], err) != 0 ||
      read_assume(hp_json_at(root, "hostProcess"), &policy->assume, err) != 0 ||
      read_behavior(hp_json_at(root, "mountBehavior"), &policy->mount_behavior, err) != 0 ||
      read_accounts(hp_json_at(root, "accounts"), policy, err) != 0 ||
      only_keys(&limits, limit_keys, 1, err) != 0 ||
      hp_json_number(hp_json_at(&limits, "memory"), 1, INT64_MAX, &policy->memory_max, err) != 0)
    return -1;
  return read_linux(&linux_at, policy, err);
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
  json_t *tree = hp_json_load("it", data, length, POLICY_MAX, err);
  struct hp_json root = hp_json_root("", tree);
  int result = tree ? read_policy(&root, policy, err) : -1;
  json_decref(tree);
  if (result != 0) {
    hp_error_wrap(err, "node policy %s", file);
    hp_error_recode(err, HP_FAILED_PRECONDITION); /* the host's fault, not the request's */
    hp_policy_clear(policy);
  }
  return result;
}

static bool is_absolute(const char *path) {
#if defined(_WIN32)
  bool drive = ((path[0] | 0x20) >= 'a' && (path[0] | 0x20) <= 'z') && path[1] == ':';
  return (drive && (path[2] == '\\' || path[2] == '/')) || strncmp(path, "\\\\", 2) == 0;
#else
  return path[0] == '/';
#endif
}

static int load_file(const char *path, hp_file_distrust distrust, struct hp_policy *policy,
                     struct hp_error *err) {
  char *data = NULL;
  size_t length = 0;
  if (hp_file_read("node policy", path, POLICY_MAX, distrust, &data, &length, err) != 0)
    return -1;
  int result = hp_policy_parse(path, data, length, policy, err);
  free(data);
  return result;
}

static int load_named(const char *origin, const char *path, hp_file_distrust distrust,
                      struct hp_policy *policy, struct hp_error *err) {
  if (!is_absolute(path))
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "%s names the node policy \"%s\": it must be an absolute path", origin, path);
  if (load_file(path, distrust, policy, err) == 0)
    return 0;
  hp_error_wrap(err, "%s", origin);
  return hp_error_recode(err, HP_FAILED_PRECONDITION); /* NotFound would speak of the container */
}

/* NULL if the variable is unset or empty. */
static char *environment_path(void) {
  size_t size = 1;
  char probe[1];
  if (uv_os_getenv("HOSTPROCESS_POLICY", probe, &size) != UV_ENOBUFS)
    return NULL;
  char *path = hp_alloc(size);
  if (uv_os_getenv("HOSTPROCESS_POLICY", path, &size) == 0)
    return path;
  free(path);
  return NULL;
}

int hp_policy_load(const char *option_path, hp_file_distrust distrust, struct hp_policy *policy,
                   struct hp_error *err) {
  hp_policy_init(policy);
  if (option_path && *option_path)
    return load_named("the runtime options' config_path", option_path, distrust, policy, err);
  char *path = environment_path();
  if (path) {
    int result = load_named("the environment variable HOSTPROCESS_POLICY", path, distrust, policy, err);
    free(path);
    return result;
  }
  if (load_file(HP_POLICY_DEFAULT_PATH, distrust, policy, err) == 0)
    return 0;
  if (err->code != HP_NOT_FOUND)
    return hp_error_recode(err, HP_FAILED_PRECONDITION);
  hp_error_clear(err);
  return 0;
}

void hp_policy_clear(struct hp_policy *policy) {
  free(policy->file);
  hp_strings_clear(&policy->accounts);
  *policy = (struct hp_policy){0};
}
