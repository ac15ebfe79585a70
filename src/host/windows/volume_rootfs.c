#include "host/windows/volume_rootfs.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "host/windows/text.h"
#include "host/windows/wide_path.h"
#include "spec/text.h"

#define PARENTS "parentLayerPaths="
#define LAYERS_MAX 512
#define DRIVE L'C'

static bool is_directory(const wchar_t *path) {
  wchar_t *whole = hp_path_long(path);
  DWORD attributes = GetFileAttributesW(whole);
  free(whole);
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

/* One layer's path, absolute and with backslashes, as every call wants it. */
static wchar_t *layer_path(const char *path, const char *field, struct hp_error *err) {
  wchar_t *wide = hp_path_source(path, DRIVE, field, err);
  if (wide && !is_directory(wide)) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s \"%s\" is no directory of this host", field, path);
    free(wide);
    return NULL;
  }
  return wide;
}

static int add_parent(struct hp_layers *layers, const char *path, const char *field, struct hp_error *err) {
  wchar_t *wide = layer_path(path, field, err);
  if (!wide)
    return -1;
  hp_strings_take(&layers->parents, hp_narrow(wide));
  free(wide);
  return 0;
}

/* ---- the rootfs mount ------------------------------------------------------------- */

static int read_parents(const char *text, struct hp_layers *layers, struct hp_error *err) {
  json_error_t why;
  json_t *paths = json_loads(text, JSON_REJECT_DUPLICATES, &why);
  int result = 0;
  size_t count = json_array_size(paths);
  if (!json_is_array(paths) || count == 0 || count > LAYERS_MAX)
    result = hp_error_set(err, HP_INVALID_ARGUMENT,
                          "rootfs[0].options: " PARENTS "\"%.256s\" is no JSON array of 1 to %d paths", text,
                          LAYERS_MAX);
  for (size_t i = 0; i < count && result == 0; i++) {
    const char *path = json_string_value(json_array_get(paths, i));
    result = path ? add_parent(layers, path, "rootfs[0].options: a parent layer", err)
                  : hp_error_set(err, HP_INVALID_ARGUMENT,
                                 "rootfs[0].options: " PARENTS " holds something that is no string");
  }
  json_decref(paths);
  return result;
}

/* A snapshotter over plain directories makes these: nothing is mounted. */
static int judge_bind(const struct host_rootfs_mount *mount, struct hp_rootfs *rootfs, struct hp_error *err) {
  rootfs->directory = layer_path(mount->source ? mount->source : "", "rootfs[0].source", err);
  for (size_t i = 0; i < mount->options.count; i++)
    rootfs->read_only |= strcmp(mount->options.items[i], "ro") == 0;
  return rootfs->directory ? 0 : -1;
}

static int judge_mount(const struct host_rootfs_mount *mount, struct hp_rootfs *rootfs,
                       struct hp_error *err) {
  struct hp_layers *layers = &rootfs->layers;
  const char *type = mount->type ? mount->type : "";
  if (hp_text_same(type, "CimFS") || hp_text_same(type, "BlockCIM"))
    return hp_error_set(
        err, HP_UNIMPLEMENTED,
        "rootfs[0].type \"%s\" is not implemented: use a snapshotter that makes mounts of type "
        "windows-layer (containerd's \"windows\")",
        type);
  bool bind = strcmp(type, "bind") == 0;
  if (!bind && strcmp(type, "windows-layer") != 0)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "rootfs[0].type \"%.64s\" cannot be mounted on Windows: it must be windows-layer or "
                        "bind",
                        type);
  if (mount->target && *mount->target)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "rootfs[0].target \"%.256s\" must be empty", mount->target);
  if (bind)
    return judge_bind(mount, rootfs, err);
  layers->scratch = layer_path(mount->source ? mount->source : "", "rootfs[0].source", err);
  if (!layers->scratch)
    return -1;
  for (size_t i = 0; i < mount->options.count; i++)
    if (strncmp(mount->options.items[i], PARENTS, strlen(PARENTS)) == 0)
      return read_parents(mount->options.items[i] + strlen(PARENTS), layers, err);
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "rootfs[0].options has no " PARENTS ": a scratch layer needs the layers below it");
}

/* ---- the other two ------------------------------------------------------------------- */

static int judge_folders(const struct hp_strings *folders, struct hp_layers *layers, struct hp_error *err) {
  if (folders->count < 2 || folders->count > LAYERS_MAX)
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "windows.layerFolders has %zu entries: it must hold at least one layer and, last, the "
        "scratch, and at most %d",
        folders->count, LAYERS_MAX);
  for (size_t i = 0; i + 1 < folders->count; i++)
    if (add_parent(layers, folders->items[i], "windows.layerFolders: a layer", err) != 0)
      return -1;
  layers->scratch = layer_path(folders->items[folders->count - 1], "windows.layerFolders: the scratch", err);
  return layers->scratch ? 0 : -1;
}

static bool is_relative(const char *path) {
  return path[0] != '/' && path[0] != '\\' && !(path[0] && path[1] == ':');
}

static int judge_directory(const struct host_container_request *request, wchar_t **directory,
                           struct hp_error *err) {
  const char *path = request->spec->root_path;
  if (!path || !*path)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "root.path is missing, and neither the Create request's rootfs mounts nor "
                        "windows.layerFolders bring layers: a container needs one of them for its volume");
  char *whole = is_relative(path) ? hp_printf("%s\\%s", request->bundle, path) : hp_strdup(path);
  *directory = hp_path_source(whole, DRIVE, "root.path", err);
  if (*directory && !is_directory(*directory)) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "root.path \"%s\" is no directory of this host", whole);
    free(*directory);
    *directory = NULL;
  }
  free(whole);
  return *directory ? 0 : -1;
}

int hp_rootfs_judge(const struct host_container_request *request, struct hp_rootfs *rootfs,
                    struct hp_error *err) {
  const struct hp_strings *folders = &request->spec->layer_folders;
  int result;
  *rootfs = (struct hp_rootfs){0};
  if (request->rootfs_count > 1)
    result = hp_error_set(err, HP_INVALID_ARGUMENT,
                          "rootfs has %zu mounts: on Windows it must be exactly one", request->rootfs_count);
  else if (request->rootfs_count == 1 && folders->count > 0)
    result = hp_error_set(err, HP_INVALID_ARGUMENT,
                          "both rootfs mounts and windows.layerFolders bring layers: leave one of them out");
  else if (request->rootfs_count == 1)
    result = judge_mount(&request->rootfs[0], rootfs, err);
  else if (folders->count > 0)
    result = judge_folders(folders, &rootfs->layers, err);
  else
    result = judge_directory(request, &rootfs->directory, err);
  if (result == 0 && rootfs->layers.scratch)
    result = hp_layers_check(err);
  if (result != 0)
    hp_rootfs_clear(rootfs);
  return result;
}

void hp_rootfs_clear(struct hp_rootfs *rootfs) {
  hp_layers_clear(&rootfs->layers);
  free(rootfs->directory);
  *rootfs = (struct hp_rootfs){0};
}
