/* volumeMounts → mounts, with kubelet's own mount of the token. */
#include <stdlib.h>
#include <string.h>

#include "spec/kubernetes_read.h"
#include "spec/text.h"

#define TOKEN_PATH "/var/run/secrets/kubernetes.io/serviceaccount"

static struct hp_json find_volume(const struct hp_json *volumes, const char *name) {
  for (size_t i = 0; i < hp_json_count(volumes); i++) {
    struct hp_json volume = hp_json_element(volumes, i);
    const char *its = json_string_value(json_object_get(volume.value, "name"));
    if (its && strcmp(its, name) == 0)
      return volume;
  }
  return (struct hp_json){0};
}

/* The one member that is not the name. */
static const char *volume_type(const struct hp_json *volume) {
  const char *key;
  json_t *value;
  json_object_foreach(volume->value, key, value) {
    if (strcmp(key, "name") != 0 && !json_is_null(value))
      return key;
  }
  return "emptyDir"; /* which is what a volume without a source is */
}

static bool is_absolute_windows(const char *path) {
  return path[0] && path[1] == ':';
}

/* kubelet's own: on Windows a path without a drive is one of drive C. */
static char *absolute(enum hp_os os, const char *path) {
  if (os == HP_OS_LINUX || is_absolute_windows(path) || strncmp(path, "\\\\", 2) == 0 ||
      strncmp(path, "//", 2) == 0)
    return hp_strdup(path);
  char *whole = hp_printf("c:%s%s", path[0] == '/' || path[0] == '\\' ? "" : "\\", path);
  for (char *c = whole; *c; c++)
    if (*c == '/')
      *c = '\\';
  return whole;
}

/* *source is owned. */
static int host_path(const struct hp_json *volume, enum hp_os os, struct hp_mount *mount,
                     struct hp_error *err) {
  struct hp_json at = hp_json_at(volume, "hostPath"), path = hp_json_at(&at, "path"),
                 type = hp_json_at(&at, "type");
  if (!json_is_object(at.value))
    return hp_json_refuse(&at, err, "an object");
  if (!json_is_string(path.value))
    return hp_json_refuse(&path, err, "the path of a file or directory of the node");
  if (type.value && !json_is_string(type.value))
    return hp_json_refuse(&type, err, "a string");
  mount->source = absolute(os, json_string_value(path.value));
  mount->socket = type.value && strcmp(json_string_value(type.value), "Socket") == 0;
  return 0;
}

static void append_below(char **path, enum hp_os os, const char *below) {
  char *longer = hp_printf("%s%s%s", *path, os == HP_OS_WINDOWS ? "\\" : "/", below);
  free(*path);
  *path = longer;
}

static int read_source(const struct hp_json *at, const struct hp_pod_facts *facts, struct hp_mount *mount,
                       struct hp_pod_container *out, struct hp_error *err) {
  struct hp_json name = hp_json_at(at, "name"), sub = hp_json_at(at, "subPath");
  struct hp_json volume = {0};
  if (json_is_string(name.value))
    volume = find_volume(&facts->volumes, json_string_value(name.value));
  if (!volume.value)
    return hp_json_refuse(&name, err, "the name of one of the pod's volumes");
  if (sub.value && !json_is_string(sub.value))
    return hp_json_refuse(&sub, err, "a string");
  const char *type = volume_type(&volume);
  hp_strings_add(&out->volumes, type);
  if (strcmp(type, "hostPath") == 0) {
    if (host_path(&volume, facts->os, mount, err) != 0)
      return -1;
    if (hp_json_wanted(sub))
      append_below(&mount->source, facts->os, json_string_value(sub.value));
    return 0;
  }
  mount->source = hp_printf("%s volume %s, made by kubelet", type, json_string_value(name.value));
  return 0;
}

static int read_mount(const struct hp_json *at, const struct hp_pod_facts *facts,
                      struct hp_pod_container *out, struct hp_error *err) {
  struct hp_mount *mount = &out->spec.mounts[out->spec.mount_count++];
  struct hp_json path = hp_json_at(at, "mountPath");
  if (!json_is_object(at->value))
    return hp_json_refuse(at, err, "an object");
  if (path.value && !json_is_string(path.value))
    return hp_json_refuse(&path, err, "a string");
  if (hp_json_bool(hp_json_at(at, "readOnly"), &mount->read_only, err) != 0 ||
      read_source(at, facts, mount, out, err) != 0)
    return -1;
  const char *text = path.value ? json_string_value(path.value) : "";
  mount->destination = *text ? absolute(facts->os, text) : hp_strdup("");
  return 0;
}

static bool has_token(const struct hp_pod_container *container, const char *destination) {
  for (size_t i = 0; i < container->spec.mount_count; i++)
    if (hp_text_same(container->spec.mounts[i].destination, destination))
      return true;
  return false;
}

/* kubelet adds it unless the container mounts something there itself. */
static void add_token(const struct hp_pod_facts *facts, struct hp_pod_container *out) {
  char *destination = absolute(facts->os, TOKEN_PATH);
  if (!facts->token || has_token(out, destination)) {
    free(destination);
    return;
  }
  out->spec.mounts[out->spec.mount_count++] = (struct hp_mount){
      .source = hp_strdup("service account token, made by kubelet"),
      .destination = destination,
      .read_only = true,
  };
  hp_strings_add(&out->volumes, "projected");
}

int hp_pod_mounts_read(const struct hp_json *container, const struct hp_pod_facts *facts,
                       struct hp_pod_container *out, struct hp_error *err) {
  struct hp_json mounts = hp_json_at(container, "volumeMounts");
  if (hp_json_array(mounts, err) != 0)
    return -1;
  size_t count = hp_json_count(&mounts);
  out->spec.mounts = hp_alloc((count + 1) * sizeof *out->spec.mounts);
  for (size_t i = 0; i < count; i++) {
    struct hp_json at = hp_json_element(&mounts, i);
    if (read_mount(&at, facts, out, err) != 0)
      return -1;
  }
  add_token(facts, out);
  return 0;
}
