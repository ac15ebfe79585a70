/* Whether containerd's configuration has the runtime, and the lines to add. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "spec/read.h"
#include "spec/toml.h"

#define RUNTIME_TYPE HP_DOCTOR_TYPE
#define ANNOTATIONS HP_DOCTOR_ANNOTATIONS
#define PLUGIN_2 "io.containerd.grpc.v1.cri"
#define PLUGIN_3 "io.containerd.cri.v1.runtime"
#define CHECK "runtime"

#define LINES(plugin)                                                                                        \
  "[plugins.\"" plugin "\".containerd.runtimes.hostprocess]\n"                                               \
  "  runtime_type = \"" RUNTIME_TYPE "\"\n"                                                                  \
  "  pod_annotations = [\"" ANNOTATIONS "\"]\n"                                                              \
  "  container_annotations = [\"" ANNOTATIONS "\"]"

/* Below what version of the file each plugin's table is called so. */
struct layout {
  json_int_t version;
  const char *plugin, *add;
};

static const struct layout layouts[] = {
    {2, PLUGIN_2, "add these lines, then restart containerd:\n" LINES(PLUGIN_2)},
    {3, PLUGIN_3, "add these lines, then restart containerd:\n" LINES(PLUGIN_3)},
};

static const struct layout *layout_of(json_int_t version) {
  return version == 2 ? &layouts[0] : version >= 3 ? &layouts[1] : NULL;
}

static const char *text_of(const json_t *table, const char *key) {
  return json_string_value(json_object_get(table, key));
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool is_ours(const json_t *runtime) {
  const char *type = text_of(runtime, "runtime_type"), *path = text_of(runtime, "runtime_path");
  return (type && strcmp(type, RUNTIME_TYPE) == 0) ||
         (path && (ends_with(path, HP_PROGRAM) || ends_with(path, HP_PROGRAM ".exe")));
}

/* ---- the file --------------------------------------------------------------------------- */

static const json_t *runtimes_of(const json_t *config, const char *plugin) {
  const json_t *plugins = json_object_get(config, "plugins");
  return json_object_get(json_object_get(json_object_get(plugins, plugin), "containerd"), "runtimes");
}

/* All runtimes as containerd has them when it has read its files, and where each is
 * told of last. A file of an older version counts as containerd migrates it. */
struct runtimes {
  json_t *tables, *files;
};

static void merge(struct runtimes *all, const char *file, const json_t *config, const struct layout *main) {
  const json_t *version = json_object_get(config, "version");
  const struct layout *layout = version ? layout_of(json_integer_value(version)) : main;
  const json_t *runtimes = layout ? runtimes_of(config, layout->plugin) : NULL;
  const char *name;
  json_t *runtime;
  json_object_foreach((json_t *)(uintptr_t)runtimes, name, runtime) {
    json_t *before = json_object_get(all->tables, name);
    if (!json_is_object(before) || !json_is_object(runtime))
      json_object_set(all->tables, name, runtime);
    else
      json_object_update_recursive(before, runtime);
    json_object_set_new(all->files, name, json_string(file));
  }
}

static size_t examine_runtimes(struct hp_doctor *doctor, const struct runtimes *all) {
  const char *name;
  json_t *runtime;
  size_t found = 0;
  json_object_foreach(all->tables, name, runtime) {
    if (!is_ours(runtime))
      continue;
    char *shown = hp_utf8_printable(name);
    hp_doctor_take(doctor, HOST_OK, CHECK, NULL,
                   hp_printf("%s has it as \"%s\"", text_of(all->files, name), shown));
    hp_doctor_runtime(doctor, shown, runtime);
    free(shown);
    found++;
  }
  return found;
}

static void say_missing(struct hp_doctor *doctor, const char *file, const json_t *config,
                        const struct layout *layout) {
  const struct layout *other = layout == &layouts[0] ? &layouts[1] : &layouts[0];
  if (json_object_size(runtimes_of(config, other->plugin)) > 0)
    hp_doctor_take(doctor, HOST_WARNING, "version",
                   "tables of that name count in a file of the other version only",
                   hp_printf("%s is of version %lld and has tables of %s", file, (long long)layout->version,
                             other->plugin));
  hp_doctor_take(doctor, HOST_PROBLEM, CHECK, layout->add,
                 hp_printf("%s has no runtime of the type " RUNTIME_TYPE, file));
}

static void examine(struct hp_doctor *doctor, const char *file, const json_t *config) {
  const json_t *version = json_object_get(config, "version");
  const struct layout *layout = layout_of(json_integer_value(version));
  if (!layout) {
    char *text = json_is_integer(version)
                     ? hp_printf("%s is of version %lld", file, (long long)json_integer_value(version))
                     : hp_printf("%s says no version, which means 1", file);
    hp_doctor_take(doctor, HOST_PROBLEM, "version",
                   "containerd 2.x: `containerd config migrate` writes it anew, or begin the file with\n"
                   "version = 3\n"
                   "containerd 1.6 and 1.7: begin it with\n"
                   "version = 2\n"
                   "and name the tables of plugins accordingly",
                   text);
    return;
  }
  struct runtimes all = {json_object(), json_object()};
  json_t *imports = hp_doctor_imports(doctor, file, config);
  const char *path;
  const json_t *import;
  merge(&all, file, config, layout);
  json_object_foreach(imports, path, import) merge(&all, path, import, layout);
  if (examine_runtimes(doctor, &all) == 0)
    say_missing(doctor, file, config, layout);
  json_decref(all.tables);
  json_decref(all.files);
  json_decref(imports);
}

void hp_doctor_config_text(struct hp_doctor *doctor, const char *file, const char *text, size_t length) {
  struct hp_error err = HP_ERROR_INIT;
  json_t *config = hp_toml_parse(text, length, &err);
  if (config)
    examine(doctor, file, config);
  else
    hp_doctor_take(doctor, HOST_PROBLEM, CHECK, "mend the line; containerd says more when it starts",
                   hp_printf("%s: %s", file, err.message));
  json_decref(config);
  hp_error_clear(&err);
}

/* Owned. */
static char *default_file(void) {
#if defined(_WIN32)
  const char *programs = getenv("ProgramFiles");
  return hp_printf("%s\\containerd\\config.toml", programs ? programs : "C:\\Program Files");
#else
  return hp_strdup("/etc/containerd/config.toml");
#endif
}

void hp_doctor_config(struct hp_doctor *doctor, const char *given) {
  char *file = given ? hp_strdup(given) : default_file(), *text = NULL;
  size_t length = 0;
  struct hp_error err = HP_ERROR_INIT;
  if (hp_file_read("containerd's configuration", file, HP_DOCTOR_CONFIG_MAX, NULL, &text, &length, &err) == 0)
    hp_doctor_config_text(doctor, file, text, length);
  else if (err.code == HP_NOT_FOUND && !given)
    hp_doctor_take(doctor, HOST_PROBLEM, CHECK,
                   "make it (containerd 2.x; in 1.6 and 1.7 version is 2 and the plugin " PLUGIN_2
                   "), or name it with --containerd-config:\n"
                   "version = 3\n" LINES(PLUGIN_3),
                   hp_printf("there is no %s", file));
  else
    hp_doctor_say(doctor, HOST_PROBLEM, CHECK, "name the file with --containerd-config", err.message);
  free(text);
  free(file);
  hp_error_clear(&err);
}
