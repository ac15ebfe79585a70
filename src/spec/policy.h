/* The node policy: a JSON file with a strict schema that says what this node
 * allows. Where it is found (first that exists): the runtime options'
 * config_path, $HOSTPROCESS_POLICY, the system's default path, the built-in
 * default. A named file that is missing or wrong is an error. */
#ifndef HP_SPEC_POLICY_H
#define HP_SPEC_POLICY_H

#include <uv.h>

#include "spec/spec.h"

struct hp_policy {
  char *file;                            /* NULL: the built-in default */
  bool assume;                           /* "hostProcess": "assume" (default "require") */
  enum hp_mount_behavior mount_behavior; /* "mountBehavior": default when unset in the spec */
  uint32_t local_service_uid,
      network_service_uid; /* "linux.localServiceId" 65534, "linux.networkServiceId" 65533 */
  uint32_t ephemeral_first,
      ephemeral_last;         /* "linux.ephemeralIds": [first, last], default [2000000000, 2000065535] */
  struct hp_strings accounts; /* "accounts": allowed names and groups; empty and !has_accounts: all */
  bool has_accounts;
  struct hp_number memory_max; /* "limits.memory": bytes; a container may not ask for more, or for none */
};

#if defined(_WIN32)
#define HP_POLICY_DEFAULT_PATH "C:\\ProgramData\\hostprocess-shim\\policy.json"
#else
#define HP_POLICY_DEFAULT_PATH "/etc/hostprocess-shim/policy.json"
#endif

void hp_policy_init(struct hp_policy *policy); /* the built-in default */
int hp_policy_parse(const char *file, const char *data, size_t length, struct hp_policy *policy,
                    struct hp_error *err);
/* Refuses a file, open for reading, that others than the node's administrators
 * could have written; the message says what to do. Whose a file is only the
 * host can say: host_file_distrust. */
typedef int (*hp_file_distrust)(const char *path, uv_file file, struct hp_error *err);
/* The whole look-up; option_path may be NULL. */
int hp_policy_load(const char *option_path, hp_file_distrust distrust, struct hp_policy *policy,
                   struct hp_error *err);
void hp_policy_clear(struct hp_policy *policy);

#endif
