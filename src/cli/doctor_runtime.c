/* Whether one runtime of containerd's configuration is as the shim needs it. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/doctor.h"
#include "spec/spec.h"

static const char *text_of(const json_t *table, const char *key) {
  return json_string_value(json_object_get(table, key));
}

/* ---- annotations --------------------------------------------------------------------- */

static bool lets_pass(const json_t *patterns, const char *annotation) {
  size_t index;
  const json_t *pattern;
  json_array_foreach(patterns, index, pattern) {
    const char *text = json_string_value(pattern);
    if (text && hp_doctor_matches(text, annotation))
      return true;
  }
  return false;
}

#if defined(_WIN32)
#define SET_BY_CONTAINERD 1 /* the first: it says so of each HostProcess pod */
#else
#define SET_BY_CONTAINERD 0
#endif
static const char *const annotations[] = {HP_ANNOTATION_HOSTPROCESS, HP_ANNOTATION_INHERIT_USER,
                                          HP_ANNOTATION_MOUNT_BEHAVIOR, HP_ANNOTATION_ROOTFS_LOCATION};

/* The pod's reach its containers, too: those of a container itself, which kubelet
 * gives none, are only missed. */
static void examine_annotations(struct hp_doctor *doctor, const char *name, const json_t *runtime,
                                const char *key, const char *whose) {
  const json_t *patterns = json_object_get(runtime, key);
  char *lost = NULL;
  enum host_health health = HOST_WARNING;
  for (size_t i = SET_BY_CONTAINERD; i < sizeof annotations / sizeof annotations[0]; i++) {
    if (lets_pass(patterns, annotations[i]))
      continue;
    char *longer = hp_printf("%s%s%s", lost ? lost : "", lost ? ", " : "", annotations[i]);
    free(lost);
    lost = longer;
    if (i == 0 && *key == 'p')
      health = HOST_PROBLEM;
  }
  if (!lost)
    return;
  char *remedy =
      hp_printf("add to the table of the runtime \"%s\": %s = [\"" HP_DOCTOR_ANNOTATIONS "\"]", name, key);
  hp_doctor_take(doctor, health, key, remedy,
                 hp_printf("runtime \"%s\": of a %s's annotations these do not reach the shim%s: %s", name,
                           whose, health == HOST_PROBLEM ? ", which then refuses the pod" : "", lost));
  free(remedy);
  free(lost);
}

/* ---- the rest of its table -------------------------------------------------------------- */

static void examine_type(struct hp_doctor *doctor, const char *name, const json_t *runtime) {
  const char *type = text_of(runtime, "runtime_type"), *path = text_of(runtime, "runtime_path");
  const char *sandboxer = text_of(runtime, "sandboxer");
  if (!type || strcmp(type, HP_DOCTOR_TYPE) != 0)
    hp_doctor_take(doctor, HOST_PROBLEM, "runtime_type",
                   "set runtime_type = \"" HP_DOCTOR_TYPE "\" in the runtime's table",
                   hp_printf("runtime \"%s\" has the type \"%s\"", name, type ? type : ""));
  if (path && *path && !(host_path_is_absolute(path) && hp_doctor_runs(path)))
    hp_doctor_take(doctor, HOST_PROBLEM, "runtime_path", "name the executable, by an absolute path",
                   hp_printf("runtime \"%s\": %s is no file that can be run", name, path));
  if (sandboxer && strcmp(sandboxer, "shim") == 0)
    hp_doctor_take(
        doctor, HOST_WARNING, "sandboxer",
        "use containerd 2.3 or later with it, or set sandboxer = \"podsandbox\"",
        hp_printf("runtime \"%s\" has sandboxer = \"shim\", on which containerd before 2.3 fails", name));
}

void hp_doctor_runtime(struct hp_doctor *doctor, const char *name, const json_t *runtime) {
  const char *policy = text_of(json_object_get(runtime, "options"), "ConfigPath");
  examine_type(doctor, name, runtime);
  examine_annotations(doctor, name, runtime, "pod_annotations", "pod");
  examine_annotations(doctor, name, runtime, "container_annotations", "container");
  if (policy && *policy)
    hp_doctor_policy(doctor, policy);
}
