/* The files that containerd's configuration imports, found as containerd finds them:
 * relative to the importing file, each once, stars in a file's name. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cli/doctor.h"
#include "spec/read.h"
#include "spec/toml.h"

#define CHECK "imports"
#define FILES_MAX 64

/* Takes "name/.." and "." out, so that a file has one name. The path is absolute, or
 * begins as the configuration's own does. */
static void clean(char *path) {
  char *part;
  while ((part = strstr(path, "/./")))
    memmove(part, part + 2, strlen(part + 2) + 1);
  for (char *at = path; (part = strstr(at, "/.."));) {
    char *before = part;
    while (before > path && !strchr("/\\", before[-1]))
      before--;
    size_t length = (size_t)(part - before);
    if (part[3] != '/' || length == 0 || *before == '.')
      at = part + 3;
    else
      memmove(at = before, part + 4, strlen(part + 4) + 1);
    if (at == before)
      at = path;
  }
}

static size_t directory_length(const char *path) {
  size_t length = strlen(path);
  while (length > 0 && !strchr("/\\", path[length - 1]))
    length--;
  return length;
}

/* ---- names with stars -------------------------------------------------------------- */

static void find_matches(const char *pattern, json_t *pending) {
  size_t length = directory_length(pattern);
  char *directory = hp_printf("%.*s", (int)length, pattern);
  uv_fs_t request;
  uv_dirent_t entry;
  uv_fs_scandir(NULL, &request, directory, 0, NULL);
  while (uv_fs_scandir_next(&request, &entry) == 0) {
    char *path = hp_printf("%s%s", directory, entry.name);
    if (hp_doctor_matches(pattern + length, entry.name))
      json_array_append_new(pending, json_string(path));
    free(path);
  }
  uv_fs_req_cleanup(&request);
  free(directory);
}

/* ---- one file's imports --------------------------------------------------------------- */

static void add_import(struct hp_doctor *doctor, const char *parent, const char *name, json_t *pending) {
  while (strncmp(name, "./", 2) == 0)
    name += 2;
  char *path = host_path_is_absolute(name) ? hp_strdup(name)
                                           : hp_printf("%.*s%s", (int)directory_length(parent), parent, name);
  clean(path);
  const char *star = strchr(path, '*');
  if (!star)
    json_array_append_new(pending, json_string(path));
  else if (star >= path + directory_length(path))
    find_matches(path, pending);
  else
    hp_doctor_take(doctor, HOST_WARNING, CHECK, "name the imported file with --containerd-config",
                   hp_printf("%s imports %s: a directory with a star is not read", parent, name));
  free(path);
}

static void add_imports(struct hp_doctor *doctor, const char *parent, const json_t *config, json_t *pending) {
  size_t index;
  const json_t *import;
  json_array_foreach(json_object_get(config, "imports"), index, import) if (json_is_string(import))
      add_import(doctor, parent, json_string_value(import), pending);
}

/* containerd does not start without it. NULL: said. */
static json_t *read_import(struct hp_doctor *doctor, const char *file) {
  struct hp_error err = HP_ERROR_INIT;
  char *text = NULL;
  size_t length = 0;
  json_t *config = NULL;
  if (hp_file_read("an import of containerd's configuration", file, HP_DOCTOR_CONFIG_MAX, NULL, &text,
                   &length, &err) == 0 &&
      !(config = hp_toml_parse(text, length, &err)))
    hp_error_wrap(&err, "%s", file);
  if (!config)
    hp_doctor_say(doctor, HOST_PROBLEM, CHECK, "mend the file, or take it out of imports", err.message);
  free(text);
  hp_error_clear(&err);
  return config;
}

json_t *hp_doctor_imports(struct hp_doctor *doctor, const char *file, const json_t *config) {
  json_t *files = json_object(), *pending = json_array();
  add_imports(doctor, file, config, pending);
  for (size_t i = 0; i < json_array_size(pending); i++) {
    const char *path = json_string_value(json_array_get(pending, i));
    if (strcmp(path, file) == 0 || json_object_get(files, path))
      continue;
    if (json_object_size(files) == FILES_MAX) {
      hp_doctor_take(doctor, HOST_WARNING, CHECK, "name the imported file with --containerd-config",
                     hp_printf("%s imports more than %d files", file, FILES_MAX));
      break;
    }
    json_t *import = read_import(doctor, path);
    if (import)
      add_imports(doctor, path, import, pending);
    json_object_set_new(files, path, import ? import : json_null());
  }
  json_decref(pending);
  return files;
}
