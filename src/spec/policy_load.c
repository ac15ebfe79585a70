/* Where the node policy is found; read anew for each Create and Update. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "spec/read.h"

static bool is_absolute(const char *path) {
#if defined(_WIN32)
  bool drive = ((path[0] | 0x20) >= 'a' && (path[0] | 0x20) <= 'z') && path[1] == ':';
  return (drive && (path[2] == '\\' || path[2] == '/')) || strncmp(path, "\\\\", 2) == 0;
#else
  return path[0] == '/';
#endif
}

int hp_policy_read(const char *path, hp_file_distrust distrust, struct hp_policy *policy,
                   struct hp_error *err) {
  hp_policy_init(policy);
  char *data = NULL;
  size_t length = 0;
  if (hp_file_read("node policy", path, HP_POLICY_MAX, distrust, &data, &length, err) != 0)
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
  if (hp_policy_read(path, distrust, policy, err) == 0)
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
  if (hp_policy_read(HP_POLICY_DEFAULT_PATH, distrust, policy, err) == 0)
    return 0;
  if (err->code != HP_NOT_FOUND)
    return hp_error_recode(err, HP_FAILED_PRECONDITION);
  hp_error_clear(err);
  return 0;
}
