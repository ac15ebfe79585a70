/* The node policy: a JSON file with a strict schema that says what this node
 * allows (docs/policy.md, docs/policy.schema.json). Where it is found (first that
 * exists): the runtime options' config_path, $HOSTPROCESS_POLICY, the system's
 * default path, the built-in default. A named file that is missing or wrong is an
 * error. */
#ifndef HP_SPEC_POLICY_H
#define HP_SPEC_POLICY_H

#include <uv.h>

#include "spec/spec.h"

/* Its keys. */
enum hp_policy_key {
  HP_POLICY_HOST_PROCESS,
  HP_POLICY_INHERIT_USER,
  HP_POLICY_ACCOUNTS,
  HP_POLICY_MOUNT_BEHAVIOR,
  HP_POLICY_ROOTFS_LOCATIONS,
  HP_POLICY_LIMITS,
  HP_POLICY_LINUX,
  HP_POLICY_SCHEMA,
  HP_POLICY_LIMITS_MEMORY,
  HP_POLICY_LIMITS_CPU,
  HP_POLICY_LIMITS_STORAGE,
  HP_POLICY_LINUX_LOCAL_SERVICE,
  HP_POLICY_LINUX_NETWORK_SERVICE,
  HP_POLICY_LINUX_EPHEMERAL,
  HP_POLICY_KEYS
};

struct hp_policy {
  char *file;                     /* NULL: the built-in default */
  unsigned lines[HP_POLICY_KEYS]; /* where in the file the key stands; 0: it does not */

  bool assume;                           /* "hostProcess": "assume" (default "require") */
  bool forbids_inherit;                  /* "inheritUser": false */
  enum hp_mount_behavior mount_behavior; /* "mountBehavior": default when unset in the spec */
  struct hp_strings accounts; /* "accounts": allowed names and groups; empty and !has_accounts: all */
  bool has_accounts;
  struct hp_strings locations; /* "rootfsLocations": folders; empty and !has_locations: all */
  bool has_locations;
  struct hp_number memory_max;  /* "limits.memory": bytes; a container may not ask for more, or for none */
  struct hp_number cpu_max;     /* "limits.cpu": thousandths of a processor, alike */
  struct hp_number storage_max; /* "limits.storage": bytes; a container may not ask for more */
  uint32_t local_service_uid,
      network_service_uid; /* "linux.localServiceId" 65534, "linux.networkServiceId" 65533 */
  uint32_t ephemeral_first,
      ephemeral_last; /* "linux.ephemeralIds": [first, last], default [2000000000, 2000065535] */

  /* No key: the node's, which the caller fills in (host_processors). Windows'
   * cpu.maximum is a share of them; 0: unknown, such a limit is not compared. */
  unsigned processors;
};

#if defined(_WIN32)
#define HP_POLICY_DEFAULT_PATH "C:\\ProgramData\\hostprocess-shim\\policy.json"
#else
#define HP_POLICY_DEFAULT_PATH "/etc/hostprocess-shim/policy.json"
#endif

#define HP_POLICY_MAX (1u << 20) /* bytes; more is refused before parsing */

void hp_policy_init(struct hp_policy *policy); /* the built-in default */
int hp_policy_parse(const char *file, const char *data, size_t length, struct hp_policy *policy,
                    struct hp_error *err);
/* For the message of a refusal: "limits.memory" (line 4 of the node policy
 * FILE), quotes included. The caller frees it. */
char *hp_policy_cite(const struct hp_policy *policy, enum hp_policy_key key);
/* Refuses a file, open for reading, that others than the node's administrators
 * could have written; the message says what to do. Whose a file is only the
 * host can say: host_file_distrust. */
typedef int (*hp_file_distrust)(const char *path, uv_file file, struct hp_error *err);
/* The file at path. distrust NULL: anybody's will do. */
int hp_policy_read(const char *path, hp_file_distrust distrust, struct hp_policy *policy,
                   struct hp_error *err);
/* The whole look-up; option_path may be NULL. */
int hp_policy_load(const char *option_path, hp_file_distrust distrust, struct hp_policy *policy,
                   struct hp_error *err);
void hp_policy_clear(struct hp_policy *policy);

#endif
