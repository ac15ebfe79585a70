/* start: finds or makes the shim that is to run this container and tells
 * containerd its address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "host/host.h"
#include "spec/identifier.h"
#include "spec/options.h"
#include "spec/spec.h"

int hp_check_names(const struct hp_flags *flags, struct hp_error *err) {
  if (!flags->namespace_name || !*flags->namespace_name)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "flag -namespace is missing: name containerd's namespace");
  if (!flags->id || !*flags->id)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "flag -id is missing: name the container");
  if (hp_identifier_check("namespace", flags->namespace_name, err) != 0)
    return -1;
  return hp_identifier_check("container id", flags->id, err);
}

int hp_shim_owner(const char *bundle, const char *id, char **owner, struct hp_error *err) {
  struct hp_container_spec spec = {0};
  int status = -1;
  if (hp_spec_load(bundle, &spec, err) != 0) {
    /* None (the Sandbox API) or a bad one, which Create refuses with its own code. */
    hp_error_clear(err);
    *owner = hp_strdup(id);
    status = 0;
    goto done;
  }
  bool member = spec.role == HP_ROLE_MEMBER;
  if (member && hp_identifier_check("annotation " HP_ANNOTATION_SANDBOX_ID, spec.sandbox_id, err) != 0)
    goto done;
  *owner = hp_strdup(member ? spec.sandbox_id : id);
  status = 0;
done:
  hp_spec_clear(&spec);
  return status;
}

static int find_address(const struct hp_flags *flags, const struct hp_bootstrap *bootstrap, const char *owner,
                        char **address, struct hp_error *err) {
  if (flags->socket && *flags->socket)
    return host_address_given(flags->socket, address, err);
  return host_address(bootstrap->socket_dir, flags->address, flags->namespace_name, owner, address, err);
}

/* The wire counts in steps of four, more severe upwards (Go's slog). */
static enum hp_log_level log_level(const struct hp_flags *flags, const struct hp_bootstrap *bootstrap) {
  enum hp_log_level level = HP_LOG_INFO;
  if (bootstrap->v3)
    level = bootstrap->log_level <= -8   ? HP_LOG_TRACE
            : bootstrap->log_level <= -4 ? HP_LOG_DEBUG
            : bootstrap->log_level < 4   ? HP_LOG_INFO
            : bootstrap->log_level < 8   ? HP_LOG_WARNING
                                         : HP_LOG_ERROR;
  return flags->debug && level > HP_LOG_DEBUG ? HP_LOG_DEBUG : level;
}

static int print_answer(const char *address, bool v3, struct hp_error *err) {
  bool written;
  if (v3) {
    uint8_t *data;
    size_t length;
    hp_bootstrap_result(address, &data, &length);
    written = fwrite(data, 1, length, stdout) == length;
    free(data);
  } else {
    written = fputs(address, stdout) >= 0;
  }
  if (written && fflush(stdout) == 0)
    return 0;
  return hp_error_set(err, HP_UNAVAILABLE,
                      "cannot write the address to standard output: whoever ran start is gone");
}

/* The two files, for containerd 1.x to find the shim again and for delete. */
static int tell_containerd(const char *bundle, const char *address, uint32_t pid, bool v3,
                           struct hp_error *err) {
  char digits[16];
  snprintf(digits, sizeof digits, "%u", pid);
  if (hp_bundle_write(bundle, HP_ADDRESS_FILE, address, err) != 0)
    return -1;
  if (hp_bundle_write(bundle, HP_PID_FILE, digits, err) == 0 && print_answer(address, v3, err) == 0)
    return 0;
  hp_bundle_remove(bundle, HP_PID_FILE);
  hp_bundle_remove(bundle, HP_ADDRESS_FILE);
  return -1;
}

/* A shim that nobody was told of would stay for ever. */
static void take_back(const char *address, uint32_t pid) {
  struct hp_error err = HP_ERROR_INIT;
  if (host_daemon_kill(address, pid, &err) == 0)
    host_daemon_remove(address, &err);
  hp_error_clear(&err);
}

static const char *ttrpc_address(const struct hp_bootstrap *bootstrap) {
  const char *address = bootstrap->ttrpc_address ? bootstrap->ttrpc_address : getenv("TTRPC_ADDRESS");
  return address && *address ? address : NULL;
}

int hp_cli_start(const struct hp_flags *flags) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_bootstrap bootstrap = {0};
  uint8_t *input = NULL;
  size_t length = 0;
  char *bundle = NULL, *owner = NULL, *address = NULL, *state = NULL;
  int status = EXIT_FAILURE;
  if (hp_check_names(flags, &err) != 0 || hp_bundle_path(flags->bundle, &bundle, &err) != 0 ||
      hp_input_read(false, &input, &length, &err) != 0 ||
      hp_bootstrap_parse(input, length, flags->id, flags->namespace_name, &bootstrap, &err) != 0 ||
      hp_shim_owner(bundle, flags->id, &owner, &err) != 0 ||
      find_address(flags, &bootstrap, owner, &address, &err) != 0)
    goto done;
  free(input); /* before the fork, or the daemon keeps it */
  input = NULL;

  struct hp_serve serve = {
      .namespace_name = flags->namespace_name,
      .id = owner,
      .bundle = bundle,
      .ttrpc_address = ttrpc_address(&bootstrap),
      .option_path = bootstrap.options.config_path,
      .log_level = (int)log_level(flags, &bootstrap),
  };
  bool joined;
  uint32_t pid;
  state = hp_serve_pack(&serve, &err);
  if (!state || host_daemon_start(address, hp_serve, state, &joined, &pid, &err) != 0)
    goto done;
  if (tell_containerd(bundle, address, pid, bootstrap.v3, &err) != 0) {
    if (!joined)
      take_back(address, pid);
    goto done;
  }
  status = EXIT_SUCCESS;
done:
  if (status != EXIT_SUCCESS)
    fprintf(stderr, HP_PROGRAM ": start: %s\n", err.message);
  free(state);
  free(address);
  free(owner);
  free(bundle);
  free(input);
  hp_bootstrap_clear(&bootstrap);
  hp_error_clear(&err);
  return status;
}
