/* Whether containerd's configuration has the runtime, and the lines to add. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "spec/read.h"
#include "spec/toml.h"

#define PLUGIN_2 "io.containerd.grpc.v1.cri"    /* as files of version 2 name it */
#define PLUGIN_3 "io.containerd.cri.v1.runtime" /* and later ones */
#define NEWEST 4                                /* version of a file that a containerd reads */
#define CHECK "runtime"

static const char *text_of(const json_t *table, const char *key) {
  return json_string_value(json_object_get(table, key));
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool is_ours(const json_t *runtime) {
  const char *type = text_of(runtime, "runtime_type"), *path = text_of(runtime, "runtime_path");
  return (type && strcmp(type, HP_DOCTOR_TYPE) == 0) ||
         (path && (ends_with(path, HP_PROGRAM) || ends_with(path, HP_PROGRAM ".exe")));
}

/* The lines to add, behind what is to be said of them; owned. */
static char *with_lines(const char *what, const char *plugin) {
  return hp_printf("%s\n[plugins.\"%s\".containerd.runtimes.hostprocess]\n"
                   "  runtime_type = \"" HP_DOCTOR_TYPE "\"\n"
                   "  pod_annotations = [\"" HP_DOCTOR_ANNOTATIONS "\"]\n"
                   "  container_annotations = [\"" HP_DOCTOR_ANNOTATIONS "\"]",
                   what, plugin);
}

/* ---- what containerd makes of the files ------------------------------------------------ */

/* All runtimes as containerd 2.3 and later have them: each file's tables, of both names,
 * as it migrates them by the file's version, merged in the files' order. */
struct reading {
  json_t *runtimes, *places; /* by name; where each is told of last */
  json_t *by_2;              /* those that a table of PLUGIN_2 told of */
  json_int_t version, last;  /* the main file's; that of the last file which is not below 2 */
  /* containerd 1.6 and 1.7 have but the last table of PLUGIN_2, whatever else there is */
  const json_t *old;
  const char *old_file;
};

static const json_t *runtimes_of(const json_t *config, const char *plugin) {
  const json_t *plugins = json_object_get(config, "plugins");
  return json_object_get(json_object_get(json_object_get(plugins, plugin), "containerd"), "runtimes");
}

static void merge(struct reading *all, const char *file, const json_t *runtimes, bool by_2) {
  const char *name;
  json_t *runtime;
  json_object_foreach((json_t *)(uintptr_t)runtimes, name, runtime) {
    json_t *before = json_object_get(all->runtimes, name);
    if (!json_is_object(before) || !json_is_object(runtime))
      json_object_set_new(all->runtimes, name, json_deep_copy(runtime));
    else
      json_object_update_recursive(before, runtime);
    json_object_set_new(all->places, name, json_string(file));
    if (by_2)
      json_object_set_new(all->by_2, name, json_true());
  }
}

static const char *lost_with(const char *plugin, json_int_t version) {
  if (version >= 2 && !strchr(plugin, '.'))
    return "a name of version 1, at which containerd does not start";
  if (strcmp(plugin, PLUGIN_2) == 0 || strcmp(plugin, PLUGIN_3) == 0 || strcmp(plugin, "cri") == 0)
    return "without which there are no pods";
  return NULL;
}

static void examine_disabled(struct hp_doctor *doctor, const char *file, const json_t *config,
                             json_int_t version) {
  size_t index;
  const json_t *plugin;
  json_array_foreach(json_object_get(config, "disabled_plugins"), index, plugin) {
    const char *name = json_string_value(plugin), *lost = name ? lost_with(name, version) : NULL;
    if (lost)
      hp_doctor_take(doctor, HOST_PROBLEM, "disabled_plugins", "take it out of disabled_plugins",
                     hp_printf("%s disables %s, %s", file, name, lost));
  }
}

static void take_file(struct hp_doctor *doctor, struct reading *all, const char *file, const json_t *config) {
  json_int_t version = json_integer_value(json_object_get(config, "version"));
  const json_t *by_2 = runtimes_of(config, PLUGIN_2), *by_3 = runtimes_of(config, PLUGIN_3);
  if (version >= 2)
    all->last = version;
  if (json_object_get(json_object_get(config, "plugins"), PLUGIN_2)) {
    all->old = by_2;
    all->old_file = file;
  }
  if (version > NEWEST || (version == NEWEST && by_2))
    hp_doctor_take(
        doctor, version > NEWEST ? HOST_PROBLEM : HOST_WARNING, "version",
        "make it version 3, as containerd 2.x reads it",
        hp_printf("%s is of version %lld%s", file, (long long)version,
                  version > NEWEST ? ", which no containerd reads" : " and has tables of " PLUGIN_2));
  examine_disabled(doctor, file, config, version);
  if (by_3 || version < NEWEST)
    merge(all, file, by_3 ? by_3 : by_2, !by_3);
}

/* ---- findings ---------------------------------------------------------------------------- */

/* What other containerds than the one that is read for lack of the runtime. */
static void examine_others(struct hp_doctor *doctor, const struct reading *all, const char *name,
                           const char *shown) {
  bool by_2 = json_object_get(all->by_2, name);
  if (all->version == 2 && !json_equal(json_object_get(all->runtimes, name), json_object_get(all->old, name)))
    hp_doctor_take(
        doctor, HOST_WARNING, "version",
        "containerd 2.x has it; for others write all of it into the last table of " PLUGIN_2,
        by_2 ? hp_printf("containerd 1.6 and 1.7 do not have \"%s\" so: the table of " PLUGIN_2
                         " in %s takes the place of those before it",
                         shown, all->old_file)
             : hp_printf("containerd 1.6 and 1.7 do not have \"%s\": they read no tables of " PLUGIN_3,
                         shown));
  if (by_2 && all->last > 2 && all->version < NEWEST)
    hp_doctor_take(doctor, HOST_WARNING, "version",
                   "containerd 2.3 and later have it; for others name its table " PLUGIN_3,
                   hp_printf("containerd 2.0 to 2.2 do not have \"%s\" so: they read no tables of " PLUGIN_2
                             " unless the last file is of version 2",
                             shown));
}

static size_t examine_runtimes(struct hp_doctor *doctor, const struct reading *all) {
  const char *name;
  json_t *runtime;
  size_t found = 0;
  json_object_foreach(all->runtimes, name, runtime) {
    if (!is_ours(runtime))
      continue;
    char *shown = hp_utf8_printable(name);
    hp_doctor_take(doctor, HOST_OK, CHECK, NULL,
                   hp_printf("%s has it as \"%s\"", text_of(all->places, name), shown));
    examine_others(doctor, all, name, shown);
    hp_doctor_runtime(doctor, shown, runtime);
    free(shown);
    found++;
  }
  return found;
}

/* containerd 2.x migrates even a file of version 1. */
static void say_old(struct hp_doctor *doctor, const char *file, const json_t *version, bool found) {
  bool refused = version && !json_is_integer(version);
  hp_doctor_take(doctor, found && !refused ? HOST_WARNING : HOST_PROBLEM, "version",
                 "containerd 2.x: `containerd config migrate` writes it anew, or begin the file with\n"
                 "version = 3\n"
                 "containerd 1.6 and 1.7: begin it with\n"
                 "version = 2\n"
                 "and name the tables of plugins accordingly",
                 json_is_integer(version)
                     ? hp_printf("%s is of version %lld", file, (long long)json_integer_value(version))
                     : hp_printf("%s says no version, which means 1", file));
}

static void say_missing(struct hp_doctor *doctor, const char *file, json_int_t version) {
  char *add = with_lines("add these lines, then restart containerd:", version == 2 ? PLUGIN_2 : PLUGIN_3);
  hp_doctor_take(doctor, HOST_PROBLEM, CHECK, add,
                 hp_printf("%s has no runtime of the type " HP_DOCTOR_TYPE, file));
  free(add);
}

static void examine(struct hp_doctor *doctor, const char *file, const json_t *config) {
  const json_t *version = json_object_get(config, "version");
  struct reading all = {.runtimes = json_object(),
                        .places = json_object(),
                        .by_2 = json_object(),
                        .version = json_integer_value(version),
                        .last = 3};
  json_t *imports = hp_doctor_imports(doctor, file, config);
  const char *path;
  const json_t *import;
  take_file(doctor, &all, file, config);
  json_object_foreach(imports, path, import) take_file(doctor, &all, path, import);
  bool found = examine_runtimes(doctor, &all) > 0;
  if (all.version < 2)
    say_old(doctor, file, version, found);
  else if (!found)
    say_missing(doctor, file, all.version);
  json_decref(all.runtimes);
  json_decref(all.places);
  json_decref(all.by_2);
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
  else if (err.code == HP_NOT_FOUND && !given) {
    char *make = with_lines("make it (containerd 2.x; in 1.6 and 1.7 version is 2 and the plugin " PLUGIN_2
                            "), or name it with --containerd-config:\n"
                            "version = 3",
                            PLUGIN_3);
    hp_doctor_take(doctor, HOST_PROBLEM, CHECK, make, hp_printf("there is no %s", file));
    free(make);
  } else
    hp_doctor_say(doctor, HOST_PROBLEM, CHECK, "name the file with --containerd-config", err.message);
  free(text);
  free(file);
  hp_error_clear(&err);
}
