/* securityContext, of a pod and of a container. */
#include <stdlib.h>
#include <string.h>

#include "spec/kubernetes_read.h"
#include "spec/read.h"

static const char *const windows_names[] = {"gmsaCredentialSpecName", "gmsaCredentialSpec", "runAsUserName",
                                            "hostProcess"};
static const char *const pod_names[] = {
    "windowsOptions",      "runAsNonRoot",   "runAsUser",       "runAsGroup",
    "supplementalGroups",  "fsGroup",        "sysctls",         "seLinuxOptions",
    "fsGroupChangePolicy", "seccompProfile", "appArmorProfile", "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
};
static const char *const container_names[] = {
    "windowsOptions",
    "runAsNonRoot",
    "runAsUser",
    "runAsGroup",
    "privileged",
    "capabilities",
    "seLinuxOptions",
    "readOnlyRootFilesystem",
    "allowPrivilegeEscalation",
    "procMount",
    "seccompProfile",
    "appArmorProfile",
};
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static int read_tristate(struct hp_json at, enum hp_tristate *out, struct hp_error *err) {
  bool value = false;
  if (hp_json_bool(at, &value, err) != 0)
    return -1;
  if (at.value)
    *out = value ? HP_TRUE : HP_FALSE;
  return 0;
}

static int read_borrowed(struct hp_json at, const char **out, struct hp_error *err) {
  if (at.value && !json_is_string(at.value))
    return hp_json_refuse(&at, err, "a string");
  if (at.value)
    *out = json_string_value(at.value);
  return 0;
}

static int read_windows(const struct hp_json *at, struct hp_security *security, struct hp_strings *warnings,
                        struct hp_error *err) {
  const char *name = NULL, *text = NULL;
  if (hp_json_object(*at, err) != 0 ||
      read_tristate(hp_json_at(at, "hostProcess"), &security->host_process, err) != 0 ||
      read_borrowed(hp_json_at(at, "runAsUserName"), &security->user_name, err) != 0 ||
      read_borrowed(hp_json_at(at, "gmsaCredentialSpecName"), &name, err) != 0 ||
      read_borrowed(hp_json_at(at, "gmsaCredentialSpec"), &text, err) != 0)
    return -1;
  if (name || text)
    security->credentials = (name && *name) || (text && *text);
  hp_warn_misspelt(at, windows_names, COUNT(windows_names), warnings);
  return 0;
}

int hp_security_read(const struct hp_json *context, bool of_pod, struct hp_security *security,
                     struct hp_strings *warnings, struct hp_error *err) {
  struct hp_json windows = hp_json_at(context, "windowsOptions");
  if (hp_json_object(*context, err) != 0 || read_windows(&windows, security, warnings, err) != 0 ||
      read_tristate(hp_json_at(context, "runAsNonRoot"), &security->run_as_non_root, err) != 0 ||
      hp_json_number(hp_json_at(context, "runAsUser"), 0, INT32_MAX, &security->uid, err) != 0 ||
      hp_json_number(hp_json_at(context, "runAsGroup"), 0, INT32_MAX, &security->gid, err) != 0)
    return -1;
  if (!of_pod) {
    hp_warn_misspelt(context, container_names, COUNT(container_names), warnings);
    return 0;
  }
  security->groups = hp_json_at(context, "supplementalGroups");
  hp_warn_misspelt(context, pod_names, COUNT(pod_names), warnings);
  return hp_json_number(hp_json_at(context, "fsGroup"), 0, INT32_MAX, &security->fs_group, err);
}

/* kubelet adds the pod's fsGroup to its other groups. */
static int apply_groups(const struct hp_security *security, struct hp_process_spec *process,
                        struct hp_error *err) {
  if (hp_gids_read(security->groups, process, err) != 0)
    return -1;
  if (!security->fs_group.set)
    return 0;
  process->additional_gids = hp_realloc_array(process->additional_gids, process->additional_gid_count + 1,
                                              sizeof *process->additional_gids);
  process->additional_gids[process->additional_gid_count++] = (uint32_t)security->fs_group.value;
  return 0;
}

int hp_security_apply(enum hp_os os, const struct hp_security *security, struct hp_container_spec *spec,
                      struct hp_error *err) {
  spec->run_as_non_root = security->run_as_non_root == HP_TRUE;
  if (os == HP_OS_LINUX) { /* there it is the annotation that speaks */
    spec->process.uid = (uint32_t)security->uid.value;
    spec->process.gid = (uint32_t)security->gid.value;
    return apply_groups(security, &spec->process, err);
  }
  spec->hostprocess = security->host_process == HP_TRUE ? HP_TRUE : HP_FALSE; /* as containerd's CRI has it */
  spec->credential_spec = security->credentials;
  spec->process.username = hp_strdup(security->user_name);
  return 0;
}
