/* ContainerConfig → struct hp_container_spec. Unknown fields are passed over. */
#include <string.h>

#include "runtime/v1/api.pb-c.h"
#include "spec/cri_read.h"
#include "spec/read.h"

static int read_environment(struct hp_json at, struct hp_process_spec *process, struct hp_error *err) {
  if (hp_json_array(at, err) != 0)
    return -1;
  for (size_t i = 0; i < hp_json_count(&at); i++) {
    struct hp_json item = hp_json_element(&at, i), key = hp_json_at(&item, "key"),
                   value = hp_json_at(&item, "value");
    const char *name = json_string_value(key.value);
    if (!json_is_object(item.value))
      return hp_json_refuse(&item, err, "an object");
    if (!name || !*name || strchr(name, '='))
      return hp_json_refuse(&key, err, "the name of a variable");
    if (value.value && !json_is_string(value.value))
      return hp_json_refuse(&value, err, "a string");
    hp_strings_take(&process->env,
                    hp_printf("%s=%s", name, value.value ? json_string_value(value.value) : ""));
  }
  return 0;
}

static int read_mount(const struct hp_json *item, struct hp_mount *mount, struct hp_error *err) {
  if (hp_json_string(hp_json_at(item, "host_path"), &mount->source, err) != 0 ||
      hp_json_string(hp_json_at(item, "container_path"), &mount->destination, err) != 0 ||
      hp_json_bool(hp_json_at(item, "readonly"), &mount->read_only, err) != 0)
    return -1;
  return 0;
}

/* 0 is what protobuf has for "nothing was said". */
static int read_number(const struct hp_json *object, const char *key, struct hp_number *out,
                       struct hp_error *err) {
  struct hp_number number = {0};
  if (hp_json_number(hp_json_at(object, key), -1, INT64_MAX, &number, err) != 0)
    return -1;
  if (number.value != 0)
    *out = number;
  return 0;
}

static int read_windows_resources(const struct hp_json *at, struct hp_limits *out, struct hp_error *err) {
  if (hp_json_object(*at, err) != 0 || read_number(at, "cpu_shares", &out->cpu_shares, err) != 0 ||
      read_number(at, "cpu_count", &out->cpu_count, err) != 0 ||
      read_number(at, "cpu_maximum", &out->cpu_maximum, err) != 0 ||
      hp_affinities_read(hp_json_at(at, "affinity_cpus"), "cpu_mask", "cpu_group", &out->affinities, err) !=
          0 ||
      read_number(at, "memory_limit_in_bytes", &out->memory, err) != 0 ||
      read_number(at, "rootfs_size_in_bytes", &out->storage_size, err) != 0)
    return -1;
  return 0;
}

static int read_linux_resources(const struct hp_json *at, struct hp_limits *out, struct hp_error *err) {
  if (hp_json_object(*at, err) != 0 || read_number(at, "cpu_shares", &out->cpu_shares, err) != 0 ||
      read_number(at, "cpu_quota", &out->cpu_quota, err) != 0 ||
      read_number(at, "cpu_period", &out->cpu_period, err) != 0 ||
      read_number(at, "memory_limit_in_bytes", &out->memory, err) != 0 ||
      read_number(at, "memory_swap_limit_in_bytes", &out->memory_swap, err) != 0 ||
      hp_json_string(hp_json_at(at, "cpuset_cpus"), &out->cpuset_cpus, err) != 0 ||
      hp_json_string(hp_json_at(at, "cpuset_mems"), &out->cpuset_mems, err) != 0)
    return -1;
  return 0;
}

static int read_id(const struct hp_json *security, const char *key, uint32_t *out, struct hp_error *err) {
  struct hp_json at = hp_json_at(security, key);
  return hp_json_object(at, err) == 0 ? hp_json_id(hp_json_at(&at, "value"), out, err) : -1;
}

static int read_linux(const struct hp_json *at, struct hp_container_spec *spec, struct hp_error *err) {
  struct hp_json resources = hp_json_at(at, "resources"), security = hp_json_at(at, "security_context"),
                 namespaces = hp_json_at(&security, "namespace_options");
  if (read_linux_resources(&resources, &spec->limits, err) != 0 || hp_json_object(security, err) != 0 ||
      hp_cri_read_namespaces(&namespaces, spec, err) != 0 ||
      read_id(&security, "run_as_user", &spec->process.uid, err) != 0 ||
      read_id(&security, "run_as_group", &spec->process.gid, err) != 0 ||
      hp_gids_read(hp_json_at(&security, "supplemental_groups"), &spec->process, err) != 0 ||
      hp_json_string(hp_json_at(&security, "run_as_username"), &spec->process.username, err) != 0)
    return -1;
  return 0;
}

static int read_windows(const struct hp_json *at, const struct hp_json *annotations,
                        struct hp_container_spec *spec, struct hp_error *err) {
  struct hp_json resources = hp_json_at(at, "resources"), security = hp_json_at(at, "security_context");
  spec->has_windows = true;
  if (read_windows_resources(&resources, &spec->limits, err) != 0 ||
      hp_limits_annotate(annotations, spec, err) != 0)
    return -1;
  return hp_cri_read_windows_security(&security, spec, err);
}

static int read_container(const struct hp_json *config, const enum hp_os *os, struct hp_container_spec *spec,
                          struct hp_error *err) {
  bool windows = (os ? *os : hp_os_of(config)) == HP_OS_WINDOWS;
  struct hp_json annotations = hp_json_at(config, "annotations"), command = hp_json_at(config, "command"),
                 section = hp_json_at(config, windows ? "windows" : "linux");
  struct hp_process_spec *process = &spec->process;
  if (!json_is_object(config->value))
    return hp_json_refuse(config, err, "an object");
  if (hp_annotations_read(&annotations, spec, err) != 0 ||
      hp_json_strings(command, &process->args, err) != 0 ||
      hp_json_strings(hp_json_at(config, "args"), &process->args, err) != 0 ||
      hp_json_string(hp_json_at(config, "working_dir"), &process->cwd, err) != 0 ||
      hp_json_bool(hp_json_at(config, "tty"), &process->terminal, err) != 0 ||
      read_environment(hp_json_at(config, "envs"), process, err) != 0 ||
      hp_mounts_read(hp_json_at(config, "mounts"), read_mount, spec, err) != 0 ||
      hp_json_object(section, err) != 0)
    return -1;
  spec->role = HP_ROLE_MEMBER;
  spec->source = HP_SOURCE_CRI;
  spec->has_process = true;
  spec->image_program = hp_json_count(&command) == 0;
  return windows ? read_windows(&section, &annotations, spec, err) : read_linux(&section, spec, err);
}

int hp_cri_container_parse(const char *data, size_t length, const enum hp_os *os,
                           struct hp_container_spec *spec, struct hp_error *err) {
  *spec = (struct hp_container_spec){0};
  json_t *tree = hp_json_load("ContainerConfig", data, length, HP_CRI_MAX, err);
  if (!tree)
    return -1;
  struct hp_json root = hp_json_root("", tree);
  int result = hp_cri_take_names(&root, &runtime__v1__container_config__descriptor, err);
  if (result == 0)
    result = read_container(&root, os, spec, err);
  json_decref(tree);
  if (result != 0) {
    hp_spec_clear(spec);
    hp_error_wrap(err, "ContainerConfig");
  }
  return result;
}
