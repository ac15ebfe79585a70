/* vmcompute.dll's layers. Its functions are documented nowhere but in hcsshim
 * (internal/wclayer), whose order and arguments are the rules here: a layer's id
 * is its full path with an empty home directory; activate before prepare,
 * unprepare before deactivate; a mount path only of what is prepared. A volume
 * is the directory `volume` in its scratch. */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "base/memory.h"
#include "host/windows/text.h"
#include "host/windows/wide_path.h"
#include "host/windows/winapi.h"
#include "machine.h"
#include "winsim.h"

#define VOLUME L"\\\\?\\Volume{5133a1a7-e570-4c1e-b0a9-"

/* state: "layers" {scratch: {"prepared", "volume", "path"}}; what is not active is not there. */

static DWORD judge(const struct hp_layer_driver_info *info, const wchar_t *id) {
  bool right = info && info->flavour == 1 && info->home && !*info->home && id && id[0] && id[1] == L':' &&
               !winsim_ends_in_backslash(id);
  if (!right)
    return ERROR_INVALID_PARAMETER;
  DWORD attributes = GetFileAttributesW(id);
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY)
             ? ERROR_SUCCESS
             : ERROR_PATH_NOT_FOUND;
}

static bool has_disk(const wchar_t *id) {
  wchar_t *disk = hp_path_join(id, L"sandbox.vhdx");
  bool there = GetFileAttributesW(disk) != INVALID_FILE_ATTRIBUTES;
  free(disk);
  return there;
}

static HRESULT WINAPI name_to_guid(const wchar_t *name, GUID *id) {
  DWORD os_code = winsim_enter("NameToGuid", "%s", "");
  if (os_code)
    return winsim_result(os_code);
  if (!name || !*name || wcspbrk(name, L"\\/")) /* of the directory's base name */
    return winsim_result(ERROR_INVALID_PARAMETER);
  *id = (GUID){.Data1 = name[0], .Data2 = (unsigned short)wcslen(name), .Data3 = 0x4c1e};
  return winsim_result(ERROR_SUCCESS);
}

/* Each parent by its path and the GUID of the path's last name. */
static DWORD judge_parents(const struct hp_layer_descriptor *parents, ULONG count) {
  if (!parents || count == 0)
    return ERROR_INVALID_PARAMETER;
  for (ULONG i = 0; i < count; i++) {
    const wchar_t *last = wcsrchr(parents[i].path, L'\\');
    if (!last || parents[i].flags != 0 || parents[i].id.Data1 != last[1] ||
        parents[i].id.Data2 != wcslen(last + 1))
      return ERROR_INVALID_PARAMETER;
    if (GetFileAttributesW(parents[i].path) == INVALID_FILE_ATTRIBUTES)
      return ERROR_PATH_NOT_FOUND;
  }
  return ERROR_SUCCESS;
}

/* Enters, and judges what all functions share. */
static DWORD begin(const char *name, const struct hp_layer_driver_info *info, const wchar_t *id) {
  DWORD os_code = winsim_enter(name, "%s", "");
  return os_code ? os_code : judge(info, id);
}

static json_t *layer_of(json_t *state, const wchar_t *id) {
  char *key = winsim_path_key(id);
  json_t *layer = json_object_get(winsim_part(state, "layers"), key);
  free(key);
  return layer;
}

/* ---- making ------------------------------------------------------------------- */

static HRESULT WINAPI create(const struct hp_layer_driver_info *info, const wchar_t *id,
                             const wchar_t *parent, const struct hp_layer_descriptor *parents, ULONG count) {
  DWORD os_code = begin("CreateSandboxLayer", info, id);
  if (os_code == ERROR_SUCCESS)
    os_code = judge_parents(parents, count);
  if (os_code == ERROR_SUCCESS && has_disk(id))
    os_code = ERROR_FILE_EXISTS;
  (void)parent; /* unused since the parents are listed (wclayer/createscratchlayer.go) */
  if (os_code != ERROR_SUCCESS)
    return winsim_result(os_code);
  wchar_t *disk = hp_path_join(id, L"sandbox.vhdx");
  HANDLE file = CreateFileW(disk, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
  os_code = file == INVALID_HANDLE_VALUE ? GetLastError() : ERROR_SUCCESS;
  if (os_code == ERROR_SUCCESS)
    CloseHandle(file);
  free(disk);
  return winsim_result(os_code);
}

static HRESULT WINAPI expand(const struct hp_layer_driver_info *info, const wchar_t *id, ULONG64 bytes) {
  DWORD os_code = winsim_enter("ExpandSandboxSize", "%llu", (unsigned long long)bytes);
  if (os_code == ERROR_SUCCESS)
    os_code = judge(info, id);
  if (os_code == ERROR_SUCCESS && bytes == 0)
    os_code = ERROR_INVALID_PARAMETER;
  if (os_code == ERROR_SUCCESS && !has_disk(id))
    os_code = ERROR_FILE_NOT_FOUND;
  if (os_code != ERROR_SUCCESS)
    return winsim_result(os_code);
  bool attached = layer_of(winsim_lock(), id) != NULL;
  winsim_unlock();
  return winsim_result(attached ? ERROR_SHARING_VIOLATION : ERROR_SUCCESS);
}

/* ---- mounting -------------------------------------------------------------------- */

static json_t *new_layer(json_t *state, const wchar_t *id) {
  json_int_t number = json_integer_value(json_object_get(state, "lastVolume")) + 1;
  json_object_set_new(state, "lastVolume", json_integer(number));
  char *start = winsim_narrow(VOLUME), *volume = hp_printf("%s%012llx}", start, (unsigned long long)number),
       *path = winsim_narrow(id);
  json_t *layer = json_pack("{s:b, s:s, s:s}", "prepared", 0, "volume", volume, "path", path);
  free(start);
  free(volume);
  free(path);
  return layer;
}

static HRESULT WINAPI activate(const struct hp_layer_driver_info *info, const wchar_t *id) {
  DWORD os_code = begin("ActivateLayer", info, id);
  if (os_code == ERROR_SUCCESS && !has_disk(id))
    os_code = ERROR_FILE_NOT_FOUND;
  if (os_code != ERROR_SUCCESS)
    return winsim_result(os_code);
  wchar_t *content = hp_path_join(id, L"volume");
  CreateDirectoryW(content, NULL);
  free(content);
  json_t *state = winsim_lock();
  if (!layer_of(state, id)) { /* wclayer/activatelayer.go: activating twice is no error */
    char *key = winsim_path_key(id);
    json_object_set_new(winsim_part(state, "layers"), key, new_layer(state, id));
    free(key);
  }
  winsim_unlock();
  return winsim_result(ERROR_SUCCESS);
}

/* "prepared" from one state to the other, of an active layer. */
static DWORD prepare_from(const wchar_t *id, bool from) {
  json_t *layer = layer_of(winsim_lock(), id);
  DWORD os_code = !layer                                                     ? ERROR_NOT_FOUND
                  : json_is_true(json_object_get(layer, "prepared")) != from ? ERROR_INVALID_STATE
                                                                             : ERROR_SUCCESS;
  if (os_code == ERROR_SUCCESS)
    json_object_set_new(layer, "prepared", json_boolean(!from));
  winsim_unlock();
  return os_code;
}

static HRESULT WINAPI prepare(const struct hp_layer_driver_info *info, const wchar_t *id,
                              const struct hp_layer_descriptor *parents, ULONG count) {
  DWORD os_code = begin("PrepareLayer", info, id);
  if (os_code == ERROR_SUCCESS)
    os_code = judge_parents(parents, count);
  return winsim_result(os_code ? os_code : prepare_from(id, false));
}

static HRESULT WINAPI unprepare(const struct hp_layer_driver_info *info, const wchar_t *id) {
  DWORD os_code = begin("UnprepareLayer", info, id);
  return winsim_result(os_code ? os_code : prepare_from(id, true));
}

/* Links in the volume are the scratch's, which is the snapshotter's to remove. */
static void forget_links(json_t *state, const char *scratch) {
  char *content = hp_printf("%s\\volume\\", scratch);
  json_t *links = winsim_part(state, "links"), *link;
  const char *key;
  void *next;
  json_object_foreach_safe(links, next, key, link) {
    if (strncmp(key, content, strlen(content)) == 0)
      json_object_del(links, key);
  }
  free(content);
}

static HRESULT WINAPI deactivate(const struct hp_layer_driver_info *info, const wchar_t *id) {
  DWORD os_code = begin("DeactivateLayer", info, id);
  if (os_code != ERROR_SUCCESS)
    return winsim_result(os_code);
  char *key = winsim_path_key(id);
  json_t *state = winsim_lock();
  os_code = json_object_del(winsim_part(state, "layers"), key) == 0 ? ERROR_SUCCESS : ERROR_NOT_FOUND;
  forget_links(state, key);
  winsim_unlock();
  free(key);
  return winsim_result(os_code);
}

static HRESULT WINAPI mount_path(const struct hp_layer_driver_info *info, const wchar_t *id,
                                 SIZE_T *characters, wchar_t *path) {
  DWORD os_code = begin("GetLayerMountPath", info, id);
  if (os_code != ERROR_SUCCESS)
    return winsim_result(os_code);
  json_t *layer = layer_of(winsim_lock(), id);
  wchar_t *volume = hp_wide(json_string_value(json_object_get(layer, "volume")));
  bool prepared = json_is_true(json_object_get(layer, "prepared"));
  winsim_unlock();
  size_t needed = volume ? wcslen(volume) + 1 : 0;
  os_code = !volume                ? ERROR_NOT_FOUND
            : !prepared            ? ERROR_NOT_READY
            : !path                ? ERROR_SUCCESS
            : *characters < needed ? ERROR_INSUFFICIENT_BUFFER
                                   : ERROR_SUCCESS;
  if (os_code == ERROR_SUCCESS) { /* asked twice: for the length, then for the path */
    *characters = needed;
    if (path)
      wcscpy(path, volume);
  }
  free(volume);
  return winsim_result(os_code);
}

/* ---- volumes ------------------------------------------------------------------------- */

/* `\\?\Volume{…}\rest` of a layer that is mounted. */
wchar_t *winsim_volume_path(const wchar_t *path) {
  const wchar_t *end = winsim_starts(path, VOLUME) ? wcschr(path, L'}') : NULL;
  if (!end || end[1] != L'\\')
    return NULL;
  char *spelled = winsim_narrow(path);
  const char *key;
  wchar_t *found = NULL;
  json_t *layers = winsim_part(winsim_lock(), "layers"), *layer;
  json_object_foreach(layers, key, layer) {
    const char *volume = json_string_value(json_object_get(layer, "volume"));
    if (_strnicmp(volume, spelled, strlen(volume)) != 0 || !json_is_true(json_object_get(layer, "prepared")))
      continue;
    wchar_t *scratch = hp_wide(json_string_value(json_object_get(layer, "path"))),
            *content = hp_path_join(scratch, L"volume");
    found = hp_path_join(content, end + 2);
    free(content);
    free(scratch);
  }
  winsim_unlock();
  free(spelled);
  return found;
}

bool winsim_volume_exists(const wchar_t *volume) {
  wchar_t *path = winsim_volume_path(volume);
  free(path);
  return path != NULL;
}

#define FUNCTION(name, stand_in)                                                                             \
  { name, (void *)(uintptr_t)stand_in }

const struct winsim_function winsim_layer_functions[] = {
    FUNCTION("ActivateLayer", activate),
    FUNCTION("DeactivateLayer", deactivate),
    FUNCTION("PrepareLayer", prepare),
    FUNCTION("UnprepareLayer", unprepare),
    FUNCTION("GetLayerMountPath", mount_path),
    FUNCTION("CreateSandboxLayer", create),
    FUNCTION("ExpandSandboxSize", expand),
    FUNCTION("NameToGuid", name_to_guid),
    {NULL, NULL},
};
