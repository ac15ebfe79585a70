#include "host/windows/layers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

#include "base/log.h"
#include "host/windows/text.h"
#include "host/windows/wide_path.h"
#include "host/windows/winapi.h"

#define TRIES 5
#define PAUSE_MS 100
#define UNMOUNT_TRIES 10

static const struct hp_layer_driver_info driver = {1, L""};
static SRWLOCK serialized = SRWLOCK_INIT;

static DWORD code_of(HRESULT result) {
  return result >= 0                                  ? ERROR_SUCCESS
         : HRESULT_FACILITY(result) == FACILITY_WIN32 ? (DWORD)HRESULT_CODE(result)
                                                      : (DWORD)result;
}

static int fail(struct hp_error *err, HRESULT result, const char *call, const wchar_t *path) {
  char *shown = hp_narrow(path);
  hp_error_set_os(err, (int)code_of(result), "%s of \"%s\"", call, shown);
  free(shown);
  return -1;
}

int hp_layers_check(struct hp_error *err) {
  const struct hp_vmcompute *api = hp_winapi_vmcompute();
  const char *missing = !api->ActivateLayer        ? "ActivateLayer"
                        : !api->DeactivateLayer    ? "DeactivateLayer"
                        : !api->PrepareLayer       ? "PrepareLayer"
                        : !api->UnprepareLayer     ? "UnprepareLayer"
                        : !api->GetLayerMountPath  ? "GetLayerMountPath"
                        : !api->CreateSandboxLayer ? "CreateSandboxLayer"
                        : !api->ExpandSandboxSize  ? "ExpandSandboxSize"
                        : !api->NameToGuid         ? "NameToGuid"
                                                   : NULL;
  if (!missing)
    return 0;
  hp_winapi_absent(missing, err);
  return hp_error_wrap(err, "image layers cannot be mounted (is the Windows feature Containers installed?)");
}

/* ---- descriptors ----------------------------------------------------------------- */

struct descriptors {
  struct hp_layer_descriptor *items;
  wchar_t **paths; /* owned */
  ULONG count;
};

static void descriptors_clear(struct descriptors *descriptors) {
  for (ULONG i = 0; i < descriptors->count; i++)
    free(descriptors->paths[i]);
  free(descriptors->paths);
  free(descriptors->items);
  *descriptors = (struct descriptors){0};
}

static int describe(const struct hp_strings *parents, struct descriptors *descriptors, struct hp_error *err) {
  *descriptors =
      (struct descriptors){.items = hp_realloc_array(NULL, parents->count, sizeof *descriptors->items),
                           .paths = hp_realloc_array(NULL, parents->count, sizeof *descriptors->paths)};
  for (size_t i = 0; i < parents->count; i++) {
    wchar_t *path = hp_wide(parents->items[i]);
    const wchar_t *last = wcsrchr(path, L'\\');
    struct hp_layer_descriptor *item = &descriptors->items[i];
    *item = (struct hp_layer_descriptor){.path = path};
    descriptors->paths[i] = path;
    descriptors->count++;
    HRESULT result = hp_winapi_vmcompute()->NameToGuid(last ? last + 1 : path, &item->id);
    if (result < 0) {
      fail(err, result, "NameToGuid", path);
      descriptors_clear(descriptors);
      return -1;
    }
  }
  return 0;
}

/* ---- mounting ------------------------------------------------------------------------ */

static bool has_disk(const wchar_t *scratch) {
  wchar_t *file = hp_path_join(scratch, L"sandbox.vhdx"), *whole = hp_path_long(file);
  DWORD attributes = GetFileAttributesW(whole);
  free(file);
  free(whole);
  return attributes != INVALID_FILE_ATTRIBUTES;
}

static int make_disk(const wchar_t *scratch, const struct descriptors *parents, uint64_t size,
                     struct hp_error *err) {
  const struct hp_vmcompute *api = hp_winapi_vmcompute();
  HRESULT result;
  if (!has_disk(scratch)) {
    result = api->CreateSandboxLayer(&driver, scratch, NULL, parents->items, parents->count);
    if (result < 0)
      return fail(err, result, "CreateSandboxLayer", scratch);
  }
  if (size == 0)
    return 0;
  result = api->ExpandSandboxSize(&driver, scratch, size);
  return result < 0 ? fail(err, result, "ExpandSandboxSize", scratch) : 0;
}

static int find_volume(const wchar_t *scratch, wchar_t **volume, struct hp_error *err) {
  const struct hp_vmcompute *api = hp_winapi_vmcompute();
  SIZE_T length = 0;
  HRESULT result = api->GetLayerMountPath(&driver, scratch, &length, NULL);
  if (result < 0 || length == 0 || length > 32767)
    return fail(err, result < 0 ? result : E_UNEXPECTED, "GetLayerMountPath", scratch);
  *volume = hp_alloc((length + 1) * sizeof **volume);
  result = api->GetLayerMountPath(&driver, scratch, &length, *volume);
  if (result < 0) {
    free(*volume);
    *volume = NULL;
    return fail(err, result, "GetLayerMountPath", scratch);
  }
  size_t end = wcslen(*volume);
  if (end > 0 && (*volume)[end - 1] == L'\\')
    (*volume)[end - 1] = 0;
  return 0;
}

/* A disk that the system has not quite attached yet answers these. */
static bool is_passing(DWORD os_code) {
  return os_code == ERROR_NOT_READY || os_code == ERROR_DEVICE_NOT_CONNECTED;
}

static int activate(const wchar_t *scratch, const struct descriptors *parents, wchar_t **volume,
                    struct hp_error *err) {
  const struct hp_vmcompute *api = hp_winapi_vmcompute();
  for (int tries = 1;; tries++) {
    HRESULT result = api->ActivateLayer(&driver, scratch);
    if (result < 0) {
      fail(err, result, "ActivateLayer", scratch);
    } else if ((result = api->PrepareLayer(&driver, scratch, parents->items, parents->count)) < 0) {
      fail(err, result, "PrepareLayer", scratch);
    } else if (find_volume(scratch, volume, err) == 0) {
      return 0;
    } else {
      api->UnprepareLayer(&driver, scratch);
    }
    api->DeactivateLayer(&driver, scratch);
    if (tries == TRIES || !is_passing((DWORD)err->os_code))
      return -1;
    hp_error_clear(err);
    Sleep(PAUSE_MS);
  }
}

int hp_layers_mount(const struct hp_layers *layers, uint64_t size, wchar_t **volume, struct hp_error *err) {
  struct descriptors parents;
  if (hp_layers_check(err) != 0 || describe(&layers->parents, &parents, err) != 0)
    return -1;
  AcquireSRWLockExclusive(&serialized);
  int result = make_disk(layers->scratch, &parents, size, err);
  if (result == 0)
    result = activate(layers->scratch, &parents, volume, err);
  ReleaseSRWLockExclusive(&serialized);
  descriptors_clear(&parents);
  return result;
}

/* ---- unmounting --------------------------------------------------------------------------- */

static bool means_absent(DWORD os_code) {
  return os_code == ERROR_FILE_NOT_FOUND || os_code == ERROR_PATH_NOT_FOUND || os_code == ERROR_NOT_FOUND ||
         is_passing(os_code);
}

int hp_layers_unmount(const wchar_t *scratch, struct hp_error *err) {
  const struct hp_vmcompute *api = hp_winapi_vmcompute();
  if (!api->UnprepareLayer || !api->DeactivateLayer || !has_disk(scratch))
    return 0; /* nothing can be mounted */
  HRESULT unprepared = 0, result = 0;
  AcquireSRWLockExclusive(&serialized);
  for (int tries = 1; tries <= UNMOUNT_TRIES; tries++) {
    unprepared = api->UnprepareLayer(&driver, scratch);
    result = api->DeactivateLayer(&driver, scratch);
    if (result >= 0 || means_absent(code_of(result)))
      break;
    if (tries < UNMOUNT_TRIES)
      Sleep(PAUSE_MS); /* what ran in it may still be ending */
  }
  ReleaseSRWLockExclusive(&serialized);
  if (result < 0 && !means_absent(code_of(result)))
    return fail(err, result, "DeactivateLayer", scratch);
  if (unprepared < 0) /* it goes with the volume */
    hp_log(HP_LOG_DEBUG, NULL, "UnprepareLayer answered 0x%08lx", (unsigned long)unprepared);
  return 0;
}

void hp_layers_clear(struct hp_layers *layers) {
  free(layers->scratch);
  hp_strings_clear(&layers->parents);
  *layers = (struct hp_layers){0};
}
