/* config.json → struct hp_container_spec. Unknown fields are passed over: they
 * are a newer runtime-spec's. */
#include <stdlib.h>
#include <string.h>

#include "spec/read.h"
#include "spec/text.h"

enum hp_os hp_os_here(void) {
#if defined(_WIN32)
  return HP_OS_WINDOWS;
#else
  return HP_OS_LINUX;
#endif
}

void hp_list_wanted(const struct hp_json *object, const char *const *keys, size_t count,
                    struct hp_strings *ignored) {
  for (size_t i = 0; i < count; i++) {
    struct hp_json at = hp_json_at(object, keys[i]);
    if (hp_json_wanted(at))
      hp_strings_take(ignored, hp_json_path(&at));
  }
}

/* The last of rw, ro and rro counts, as it does for mount(8). */
static bool is_read_only(const struct hp_strings *options) {
  bool read_only = false;
  for (size_t i = 0; i < options->count; i++)
    if (hp_text_is_among(options->items[i], "ro\0rro\0"))
      read_only = true;
    else if (strcmp(options->items[i], "rw") == 0)
      read_only = false;
  return read_only;
}

int hp_mounts_read(struct hp_json at, hp_mount_reader *read_one, struct hp_container_spec *spec,
                   struct hp_error *err) {
  if (hp_json_array(at, err) != 0)
    return -1;
  size_t count = hp_json_count(&at);
  if (count > 0)
    spec->mounts = hp_alloc(count * sizeof *spec->mounts);
  for (size_t i = 0; i < count; i++) {
    struct hp_json item = hp_json_element(&at, i);
    struct hp_mount *mount = &spec->mounts[spec->mount_count++];
    if (!json_is_object(item.value))
      return hp_json_refuse(&item, err, "an object");
    if (read_one(&item, mount, err) != 0)
      return -1;
  }
  return 0;
}

static int read_mount(const struct hp_json *item, struct hp_mount *mount, struct hp_error *err) {
  if (hp_json_string(hp_json_at(item, "source"), &mount->source, err) != 0 ||
      hp_json_string(hp_json_at(item, "destination"), &mount->destination, err) != 0 ||
      hp_json_string(hp_json_at(item, "type"), &mount->type, err) != 0 ||
      hp_json_strings(hp_json_at(item, "options"), &mount->options, err) != 0)
    return -1;
  mount->read_only = is_read_only(&mount->options);
  return 0;
}

static int read_namespaces(struct hp_json at, struct hp_container_spec *spec, struct hp_error *err) {
  if (hp_json_array(at, err) != 0)
    return -1;
  size_t count = hp_json_count(&at);
  if (count > 0)
    spec->namespaces = hp_alloc(count * sizeof *spec->namespaces);
  for (size_t i = 0; i < count; i++) {
    struct hp_json item = hp_json_element(&at, i), type = hp_json_at(&item, "type");
    struct hp_namespace *entry = &spec->namespaces[spec->namespace_count++];
    if (!json_is_object(item.value))
      return hp_json_refuse(&item, err, "an object");
    if (!json_is_string(type.value))
      return hp_json_refuse(&type, err, "a string");
    if (hp_json_string(type, &entry->type, err) != 0 ||
        hp_json_string(hp_json_at(&item, "path"), &entry->path, err) != 0)
      return -1;
    if (entry->path && entry->path[0] == 0) { /* Go's zero value: none */
      free(entry->path);
      entry->path = NULL;
    }
  }
  return 0;
}

static int read_linux(const struct hp_json *at, struct hp_container_spec *spec, struct hp_error *err) {
  static const char *const ignored[] = {
      "seccomp",           "maskedPaths", "readonlyPaths", "sysctl",      "mountLabel",
      "rootfsPropagation", "intelRdt",    "memoryPolicy",  "personality", "timeOffsets",
  };
  struct hp_json uid_mappings = hp_json_at(at, "uidMappings"), gid_mappings = hp_json_at(at, "gidMappings");
  if (hp_json_string(hp_json_at(at, "cgroupsPath"), &spec->cgroups_path, err) != 0 ||
      read_namespaces(hp_json_at(at, "namespaces"), spec, err) != 0 ||
      hp_json_array(uid_mappings, err) != 0 || hp_json_array(gid_mappings, err) != 0)
    return -1;
  spec->uid_mappings = hp_json_count(&uid_mappings) > 0 || hp_json_count(&gid_mappings) > 0;
  hp_list_wanted(at, ignored, sizeof ignored / sizeof ignored[0], &spec->ignored);
  return 0;
}

static int read_windows(const struct hp_json *at, struct hp_container_spec *spec, struct hp_error *err) {
  static const char *const ignored[] = {"devices"};
  struct hp_json network = hp_json_at(at, "network"), hyperv = hp_json_at(at, "hyperv");
  struct hp_strings endpoints = {0};
  char *namespace_name = NULL;
  int result = -1;
  if (hp_json_object(network, err) != 0 || hp_json_object(hyperv, err) != 0 ||
      hp_json_strings(hp_json_at(at, "layerFolders"), &spec->layer_folders, err) != 0 ||
      hp_json_strings(hp_json_at(&network, "endpointList"), &endpoints, err) != 0 ||
      hp_json_string(hp_json_at(&network, "networkNamespace"), &namespace_name, err) != 0)
    goto done;
  spec->has_windows = true;
  spec->hyperv = hyperv.value != NULL; /* {} asks for the default isolating image */
  spec->credential_spec = hp_json_wanted(hp_json_at(at, "credentialSpec"));
  spec->has_network_namespace = namespace_name && namespace_name[0];
  spec->has_endpoints = endpoints.count > 0;
  hp_list_wanted(at, ignored, sizeof ignored / sizeof ignored[0], &spec->ignored);
  result = 0;
done:
  hp_strings_clear(&endpoints);
  free(namespace_name);
  return result;
}

enum hp_os hp_os_of(const struct hp_json *document) {
  bool linux_says = hp_json_at(document, "linux").value != NULL;
  bool windows_says = hp_json_at(document, "windows").value != NULL;
  return linux_says == windows_says ? hp_os_here() : windows_says ? HP_OS_WINDOWS : HP_OS_LINUX;
}

static int read_limits(enum hp_os os, const struct hp_json *linux_at, const struct hp_json *windows_at,
                       const struct hp_json *annotations, struct hp_container_spec *spec,
                       struct hp_error *err) {
  struct hp_json resources = hp_json_at(os == HP_OS_WINDOWS ? windows_at : linux_at, "resources");
  if (hp_limits_read(os, &resources, &spec->limits, err) != 0)
    return -1;
  hp_limits_list_ignored(os, &resources, &spec->ignored);
  return os == HP_OS_WINDOWS ? hp_limits_annotate(annotations, spec, err) : 0;
}

static int read_spec(const struct hp_json *root, const enum hp_os *os, struct hp_container_spec *spec,
                     struct hp_error *err) {
  static const char *const ignored[] = {"hooks", "hostname", "domainname"};
  struct hp_json annotations = hp_json_at(root, "annotations"), process = hp_json_at(root, "process"),
                 base = hp_json_at(root, "root"), linux_at = hp_json_at(root, "linux"),
                 windows_at = hp_json_at(root, "windows");
  if (!json_is_object(root->value))
    return hp_json_refuse(root, err, "an object");
  if (hp_annotations_read(&annotations, spec, err) != 0 || hp_json_object(base, err) != 0 ||
      hp_json_string(hp_json_at(&base, "path"), &spec->root_path, err) != 0 ||
      hp_json_bool(hp_json_at(&base, "readonly"), &spec->root_read_only, err) != 0 ||
      hp_process_read(&process, &spec->process, err) != 0 ||
      hp_mounts_read(hp_json_at(root, "mounts"), read_mount, spec, err) != 0 ||
      hp_json_object(linux_at, err) != 0 || hp_json_object(windows_at, err) != 0)
    return -1;
  spec->has_process = process.value != NULL;
  hp_process_list_ignored(&process, &spec->ignored);
  hp_list_wanted(root, ignored, sizeof ignored / sizeof ignored[0], &spec->ignored);
  if (linux_at.value && read_linux(&linux_at, spec, err) != 0)
    return -1;
  if (windows_at.value && read_windows(&windows_at, spec, err) != 0)
    return -1;
  return read_limits(os ? *os : hp_os_of(root), &linux_at, &windows_at, &annotations, spec, err);
}

int hp_spec_parse(const char *data, size_t length, const enum hp_os *os, struct hp_container_spec *spec,
                  struct hp_error *err) {
  *spec = (struct hp_container_spec){0};
  json_t *tree = hp_json_load("config.json", data, length, HP_CONFIG_MAX, err);
  if (!tree)
    return -1;
  struct hp_json root = hp_json_root("", tree);
  int result = read_spec(&root, os, spec, err);
  json_decref(tree);
  if (result != 0) {
    hp_spec_clear(spec);
    hp_error_wrap(err, "config.json");
  }
  return result;
}

int hp_spec_load(const char *bundle, struct hp_container_spec *spec, struct hp_error *err) {
  *spec = (struct hp_container_spec){0};
  char *path = hp_printf("%s/config.json", bundle), *data = NULL;
  size_t length = 0;
  int result = hp_file_read("config.json", path, HP_CONFIG_MAX, NULL, &data, &length, err);
  if (result == 0)
    result = hp_spec_parse(data, length, NULL, spec, err);
  free(data);
  free(path);
  return result;
}

void hp_spec_clear(struct hp_container_spec *spec) {
  free(spec->sandbox_id);
  free(spec->rootfs_location);
  hp_process_spec_clear(&spec->process);
  free(spec->root_path);
  for (size_t i = 0; i < spec->mount_count; i++) {
    free(spec->mounts[i].source);
    free(spec->mounts[i].destination);
    free(spec->mounts[i].type);
    hp_strings_clear(&spec->mounts[i].options);
  }
  free(spec->mounts);
  hp_limits_clear(&spec->limits);
  hp_limits_clear(&spec->annotated);
  free(spec->cgroups_path);
  free(spec->os_name);
  free(spec->own_network);
  free(spec->own_users);
  free(spec->cgroup_parent);
  for (size_t i = 0; i < spec->namespace_count; i++) {
    free(spec->namespaces[i].type);
    free(spec->namespaces[i].path);
  }
  free(spec->namespaces);
  hp_strings_clear(&spec->layer_folders);
  hp_strings_clear(&spec->ignored);
  *spec = (struct hp_container_spec){0};
}
