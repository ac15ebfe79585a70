#include "spec/kubernetes.h"

#include <stdlib.h>
#include <string.h>

#include "spec/kubernetes_pod.h"

bool hp_is_manifest(const json_t *document) {
  return json_is_string(json_object_get(document, "kind")) &&
         json_is_string(json_object_get(document, "apiVersion"));
}

/* ---- kinds --------------------------------------------------------------------- */

#define TEMPLATE_DEPTH 4
static const struct {
  const char *kind, *way[TEMPLATE_DEPTH]; /* to the object that has a pod's metadata and spec */
} kinds[] = {
    {"Pod", {NULL}},
    {"PodTemplate", {"template", NULL}},
    {"Deployment", {"spec", "template", NULL}},
    {"DaemonSet", {"spec", "template", NULL}},
    {"StatefulSet", {"spec", "template", NULL}},
    {"ReplicaSet", {"spec", "template", NULL}},
    {"ReplicationController", {"spec", "template", NULL}},
    {"Job", {"spec", "template", NULL}},
    {"CronJob", {"spec", "jobTemplate", "spec", "template"}},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static size_t find_kind(const char *kind) {
  size_t i = 0;
  while (i < KINDS && strcmp(kinds[i].kind, kind) != 0)
    i++;
  return i;
}

/* List, PodList … */
static bool is_list(const char *kind) {
  size_t length = strlen(kind);
  return length >= 4 && strcmp(kind + length - 4, "List") == 0;
}

/* ---- reading -------------------------------------------------------------------- */

static struct hp_pod_spec *append(struct hp_pods *pods, struct hp_error *err) {
  if (pods->count == HP_PODS_MAX) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "more than %u pods are in one file: split it", HP_PODS_MAX);
    return NULL;
  }
  if ((pods->count & (pods->count - 1)) == 0) /* full at powers of two */
    pods->items = hp_realloc_array(pods->items, pods->count ? 2 * pods->count : 1, sizeof *pods->items);
  struct hp_pod_spec *pod = &pods->items[pods->count++];
  *pod = (struct hp_pod_spec){0};
  return pod;
}

static int read_pod(enum hp_os os, const struct hp_json *document, size_t kind, const struct hp_yaml *yaml,
                    struct hp_pods *pods, struct hp_error *err) {
  struct hp_json metadata = hp_json_at(document, "metadata"), way[TEMPLATE_DEPTH + 1] = {*document};
  size_t depth = 0;
  struct hp_pod_spec *pod = append(pods, err);
  if (!pod)
    return -1;
  pod->kind = hp_strdup(kinds[kind].kind);
  pod->line = yaml ? hp_yaml_line(yaml, document->value) : 0;
  if (hp_json_object(metadata, err) != 0 ||
      hp_json_string(hp_json_at(&metadata, "name"), &pod->name, err) != 0 ||
      hp_json_string(hp_json_at(&metadata, "namespace"), &pod->namespace_name, err) != 0)
    return -1;
  for (; depth < TEMPLATE_DEPTH && kinds[kind].way[depth]; depth++) {
    way[depth + 1] = hp_json_at(&way[depth], kinds[kind].way[depth]);
    if (!json_is_object(way[depth + 1].value))
      return hp_json_refuse(&way[depth + 1], err, "an object");
  }
  return hp_pod_read(os, &way[depth], yaml, pods, pod, err);
}

static void note_other(const struct hp_json *document, const char *kind, struct hp_pods *pods) {
  struct hp_json metadata = hp_json_at(document, "metadata");
  const char *name = json_string_value(json_object_get(metadata.value, "name"));
  hp_strings_take(&pods->others, hp_printf("%.64s%s%.256s", kind, name ? " " : "", name ? name : ""));
}

static int read_document(enum hp_os os, const struct hp_json *document, bool in_list,
                         const struct hp_yaml *yaml, struct hp_pods *pods, struct hp_error *err) {
  struct hp_json kind_at = hp_json_at(document, "kind"), items = hp_json_at(document, "items");
  const char *kind = json_string_value(kind_at.value);
  if (!json_is_object(document->value))
    return hp_json_refuse(document, err, "an object");
  if (!kind)
    return hp_json_refuse(&kind_at, err, "the kind of a Kubernetes object, such as Pod");
  size_t found = find_kind(kind);
  if (found < KINDS)
    return read_pod(os, document, found, yaml, pods, err);
  if (!is_list(kind) || in_list) { /* lists of lists are nobody's */
    note_other(document, kind, pods);
    return 0;
  }
  if (hp_json_array(items, err) != 0)
    return -1;
  for (size_t i = 0; i < hp_json_count(&items); i++) {
    struct hp_json item = hp_json_element(&items, i);
    if (read_document(os, &item, true, yaml, pods, err) != 0)
      return -1;
  }
  return 0;
}

int hp_pods_read(enum hp_os os, json_t *document, const struct hp_yaml *yaml, struct hp_pods *pods,
                 struct hp_error *err) {
  struct hp_json root = hp_json_root("", document);
  return read_document(os, &root, false, yaml, pods, err);
}

/* ---- clearing -------------------------------------------------------------------- */

static void clear_pod(struct hp_pod_spec *pod) {
  for (size_t i = 0; i < pod->container_count; i++) {
    struct hp_pod_container *container = &pod->containers[i];
    free(container->name);
    hp_spec_clear(&container->spec);
    hp_strings_clear(&container->volumes);
    hp_strings_clear(&container->open);
    hp_strings_clear(&container->warnings);
  }
  free(pod->containers);
  free(pod->kind);
  free(pod->name);
  free(pod->namespace_name);
  hp_spec_clear(&pod->sandbox);
  hp_strings_clear(&pod->open);
  hp_strings_clear(&pod->warnings);
}

void hp_pods_clear(struct hp_pods *pods) {
  for (size_t i = 0; i < pods->count; i++)
    clear_pod(&pods->items[i]);
  free(pods->items);
  hp_strings_clear(&pods->others);
  *pods = (struct hp_pods){0};
}
