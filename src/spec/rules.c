#include "spec/rules.h"

#include <stdlib.h>
#include <string.h>

#include "spec/allow.h"
#include "spec/text.h"

#define ROOTFS_LOCATION_MAX 255 /* bytes; the container's id is appended to it */
#define PATH_LENGTH_MAX 4095

/* ---- hostProcess --------------------------------------------------------- */

static const char *annotation_text(enum hp_tristate value) {
  return value == HP_TRUE ? "true" : value == HP_FALSE ? "false" : "absent";
}

static bool is_hostprocess(const struct hp_policy *policy, enum hp_tristate annotation) {
  return annotation == HP_TRUE || (annotation == HP_UNSET && policy->assume);
}

static int judge_kind(const struct hp_policy *policy, const struct hp_container_spec *sandbox,
                      const struct hp_container_spec *spec, struct hp_error *err) {
  if (sandbox && is_hostprocess(policy, sandbox->hostprocess) != is_hostprocess(policy, spec->hostprocess))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "annotation " HP_ANNOTATION_HOSTPROCESS " is %s on the container and %s on its pod's "
                        "sandbox: set hostProcess alike for the pod and for each of its containers (on Linux "
                        "list microsoft.com/* in the runtime's pod_annotations and container_annotations)",
                        annotation_text(spec->hostprocess), annotation_text(sandbox->hostprocess));
  if (spec->hostprocess == HP_FALSE)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "annotation " HP_ANNOTATION_HOSTPROCESS " is false: this shim runs HostProcess "
                        "containers only, set hostProcess to true or choose another runtime class");
  if (!is_hostprocess(policy, spec->hostprocess))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "annotation " HP_ANNOTATION_HOSTPROCESS " is absent: this shim runs HostProcess "
                        "containers only, set hostProcess to true (on Linux list microsoft.com/* in the "
                        "runtime's pod_annotations and container_annotations) or have the node policy say "
                        "\"hostProcess\": \"assume\"");
  return 0;
}

/* ---- isolation ------------------------------------------------------------ */

/* One that exists already. Whether it is the host's own only the host can say
 * (host_check_network). */
static bool names_network(const struct hp_namespace *entry) {
  return strcmp(entry->type, "network") == 0 && entry->path && *entry->path;
}

static int judge_windows_isolation(const struct hp_container_spec *spec, struct hp_error *err) {
  if (spec->has_network_namespace)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "windows.network.networkNamespace is set: a HostProcess container uses the host's "
                        "network, set hostNetwork: true in the pod");
  if (spec->has_endpoints)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "windows.network.endpointList is not empty: a HostProcess container uses the host's "
                        "network, set hostNetwork: true in the pod");
  return 0;
}

/* Namespaces other than these have no meaning for a process of the host. */
static int judge_namespaces(const struct hp_container_spec *spec, bool assumed, struct hp_error *err) {
  for (size_t i = 0; i < spec->namespace_count; i++) {
    const struct hp_namespace *entry = &spec->namespaces[i];
    if (strcmp(entry->type, "user") == 0)
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "linux.namespaces[%zu] asks for a user namespace: a HostProcess container has the "
                          "host's users, set hostUsers to true or leave it out",
                          i);
    if (strcmp(entry->type, "network") == 0 && !assumed && !names_network(entry))
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "linux.namespaces[%zu] asks for a new network namespace: a HostProcess container "
                          "uses the host's network, set hostNetwork: true in the pod",
                          i);
  }
  if (spec->uid_mappings)
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "linux.uidMappings or linux.gidMappings is not empty: a HostProcess container has the "
        "host's users, set hostUsers to true or leave the mappings out");
  return 0;
}

/* As the CRI has it, where a pod has namespaces and its containers share them. */
static int judge_pod(const struct hp_container_spec *spec, bool assumed, struct hp_error *err) {
  if (spec->own_network && !assumed)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "%s: a HostProcess container uses the host's network, set hostNetwork: true in the "
                        "pod",
                        spec->own_network);
  if (spec->own_users)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "%s: a HostProcess container has the host's users, set hostUsers to true or leave it "
                        "out",
                        spec->own_users);
  return 0;
}

/* ---- user ------------------------------------------------------------------- */

static int judge_account(enum hp_os os, const struct hp_policy *policy, const struct hp_container_spec *spec,
                         struct hp_account *account, struct hp_error *err) {
  if (spec->inherit_user == HP_TRUE)
    account->kind = HP_ACCOUNT_INHERIT;
  else if (os == HP_OS_LINUX && !spec->process.username)
    account->kind = HP_ACCOUNT_NUMERIC;
  else if (hp_account_parse(spec->process.username, account, err) != 0)
    return -1;
  return hp_allow_account(policy, account, &spec->process, err);
}

/* ---- process ---------------------------------------------------------------- */

static int judge_process(enum hp_os os, const struct hp_container_spec *spec, struct hp_error *err) {
  const struct hp_process_spec *process = &spec->process;
  if (!spec->has_process)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "process is absent: give it args");
  bool has_line = os == HP_OS_WINDOWS && process->command_line && process->command_line[0];
  if (!has_line && (process->args.count == 0 || process->args.items[0][0] == 0))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "process.args names no program: set command or args of the container");
  return 0;
}

/* ---- file system --------------------------------------------------------------- */

static bool is_pipe(const char *source) {
  char *path = hp_strdup(source);
  for (char *c = path; *c; c++)
    if (*c == '/')
      *c = '\\';
  bool pipe = hp_text_starts(path, "\\\\.\\pipe\\") || hp_text_starts(path, "\\\\?\\pipe\\");
  free(path);
  return pipe;
}

/* These make their own content, their source is a mere label. */
static bool needs_source(const char *type) {
  static const char *const pseudo[] = {"proc",   "sysfs",  "tmpfs",   "devpts",
                                       "mqueue", "cgroup", "cgroup2", "devtmpfs"};
  for (size_t i = 0; type && i < sizeof pseudo / sizeof pseudo[0]; i++)
    if (strcmp(type, pseudo[i]) == 0)
      return false;
  return true;
}

static int judge_mount(enum hp_os os, const struct hp_mount *mount, size_t i, struct hp_error *err) {
  if (!mount->destination || !mount->destination[0])
    return hp_error_set(err, HP_INVALID_ARGUMENT, "mounts[%zu].destination is empty: set mountPath", i);
  if ((!mount->source || !mount->source[0]) && needs_source(mount->type))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "mounts[%zu].source is empty (destination \"%s\"): name the file or directory of the "
                        "host to mount",
                        i, mount->destination);
  if (mount->source && is_pipe(mount->source))
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "mounts[%zu].source \"%s\" is a named pipe, which cannot be mounted: remove the mount "
        "and reach it by its host path instead",
        i, mount->source);
  if (os != HP_OS_LINUX)
    return 0;
  if (mount->destination[0] != '/' || hp_text_climbs(mount->destination, "/") ||
      strlen(mount->destination) > PATH_LENGTH_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "mounts[%zu].destination \"%.256s\" is not valid: it must be an absolute path of at "
                        "most %d bytes without \"..\"",
                        i, mount->destination, PATH_LENGTH_MAX);
  return 0;
}

/* An absolute path below the root, which the shim will make as SYSTEM or root. */
static bool is_location(enum hp_os os, const char *path) {
  if (hp_text_has_control(path) || strlen(path) > ROOTFS_LOCATION_MAX)
    return false;
  if (os == HP_OS_LINUX)
    return path[0] == '/' && path[strspn(path, "/.")] != 0 && !hp_text_climbs(path, "/");
  bool drive = ((path[0] >= 'a' && path[0] <= 'z') || (path[0] >= 'A' && path[0] <= 'Z')) && path[1] == ':' &&
               (path[2] == '\\' || path[2] == '/');
  return drive && path[3 + strspn(path + 3, "/\\. ")] != 0 && !strpbrk(path + 2, ":*?\"<>|") &&
         !hp_text_climbs(path, "/\\");
}

static int judge_files(enum hp_os os, const struct hp_container_spec *spec, struct hp_error *err) {
  if (spec->rootfs_location && !is_location(os, spec->rootfs_location))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "annotation " HP_ANNOTATION_ROOTFS_LOCATION " \"%.256s\" is not valid: it must be an "
                        "absolute path below the root such as %s, of at most %d bytes, without \"..\"",
                        spec->rootfs_location, os == HP_OS_LINUX ? "/hpc" : "C:\\hpc", ROOTFS_LOCATION_MAX);
  if (spec->cgroups_path &&
      (hp_text_climbs(spec->cgroups_path, "/:") || hp_text_has_control(spec->cgroups_path) ||
       strlen(spec->cgroups_path) > PATH_LENGTH_MAX))
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "linux.cgroupsPath \"%.256s\" is not valid: it must be a path, or slice:prefix:name, of "
        "at most %d bytes without \"..\" and control characters",
        spec->cgroups_path, PATH_LENGTH_MAX);
  for (size_t i = 0; i < spec->mount_count; i++)
    if (judge_mount(os, &spec->mounts[i], i, err) != 0)
      return -1;
  return 0;
}

/* ---- warnings -------------------------------------------------------------------- */

static void append(char **list, const char *item) {
  char *longer = *list ? hp_printf("%s, %s", *list, item) : hp_strdup(item);
  free(*list);
  *list = longer;
}

/* One sentence names everything. */
static void warn_ignored(const struct hp_container_spec *spec, struct hp_strings *warnings) {
  char *list = NULL;
  for (size_t i = 0; i < spec->namespace_count; i++) {
    char *item = hp_printf("linux.namespaces[%zu] (%s)", i, spec->namespaces[i].type);
    if (spec->hostprocess != HP_TRUE || !names_network(&spec->namespaces[i])) /* else it is the host's own */
      append(&list, item);
    free(item);
  }
  for (size_t i = 0; i < spec->ignored.count; i++)
    append(&list, spec->ignored.items[i]);
  if (list)
    hp_strings_take(warnings,
                    hp_printf("ignored, for it has no meaning for a process of the host: %s", list));
  free(list);
}

/* ---- the judge --------------------------------------------------------------------- */

static void hand_on(const struct hp_container_spec *sandbox, struct hp_container_spec *spec) {
  if (spec->inherit_user == HP_UNSET)
    spec->inherit_user = sandbox->inherit_user;
  if (spec->mount_behavior == HP_MOUNT_UNSET)
    spec->mount_behavior = sandbox->mount_behavior;
  if (!spec->rootfs_location)
    spec->rootfs_location = hp_strdup(sandbox->rootfs_location);
}

static int judge(enum hp_os os, const struct hp_policy *policy, const struct hp_container_spec *sandbox,
                 struct hp_container_spec *spec, struct hp_verdict *verdict, struct hp_error *err) {
  bool assumed = policy->assume && spec->hostprocess == HP_UNSET;
  if (judge_kind(policy, sandbox, spec, err) != 0 || judge_windows_isolation(spec, err) != 0 ||
      judge_namespaces(spec, assumed, err) != 0 || judge_pod(spec, assumed, err) != 0)
    return -1;
  if (spec->role == HP_ROLE_SANDBOX) { /* nothing of it is started, so nothing else of it matters */
    verdict->account.kind = HP_ACCOUNT_INHERIT;
    return 0;
  }
  if (spec->hyperv)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "windows.hyperv is present: a HostProcess container cannot be isolated by Hyper-V, "
                        "choose a runtime without it");
  if (spec->credential_spec)
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "windows.credentialSpec is present: a HostProcess container takes none, name the group "
        "managed service account as runAsUserName (DOMAIN\\account$) instead");
  if (sandbox)
    hand_on(sandbox, spec);
  if (judge_process(os, spec, err) != 0 || judge_account(os, policy, spec, &verdict->account, err) != 0 ||
      judge_files(os, spec, err) != 0 || hp_rules_judge_limits(os, policy, &spec->limits, err) != 0)
    return -1;
  verdict->behavior = spec->mount_behavior != HP_MOUNT_UNSET ? spec->mount_behavior : policy->mount_behavior;
  warn_ignored(spec, &verdict->warnings);
  return 0;
}

int hp_rules_judge(enum hp_os os, const struct hp_policy *policy, const struct hp_container_spec *sandbox,
                   struct hp_container_spec *spec, struct hp_verdict *verdict, struct hp_error *err) {
  *verdict = (struct hp_verdict){0};
  if (judge(os, policy, sandbox, spec, verdict, err) == 0)
    return 0;
  hp_verdict_clear(verdict);
  return -1;
}

void hp_verdict_clear(struct hp_verdict *verdict) {
  hp_account_clear(&verdict->account);
  hp_strings_clear(&verdict->warnings);
  *verdict = (struct hp_verdict){0};
}
