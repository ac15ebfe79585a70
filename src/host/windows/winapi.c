#include "host/windows/winapi.h"

#include <stddef.h>
#include <string.h>

struct entry {
  const char *name;
  size_t offset; /* in the library's structure */
};

struct library {
  const wchar_t *file;
  const char *label; /* for messages */
  void *table;
  const struct entry *entries;
  size_t count;
  INIT_ONCE *once;
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct hp_winapi winapi;
static struct hp_bindflt bindflt;
static struct hp_vmcompute vmcompute;
static INIT_ONCE kernel_once = INIT_ONCE_STATIC_INIT, nt_once = INIT_ONCE_STATIC_INIT,
                 bindflt_once = INIT_ONCE_STATIC_INIT, vmcompute_once = INIT_ONCE_STATIC_INIT;

static const struct entry kernel_entries[] = {
    {"IsWow64Process2", offsetof(struct hp_winapi, IsWow64Process2)},
    {"SetIoRateControlInformationJobObject",
     offsetof(struct hp_winapi, SetIoRateControlInformationJobObject)},
    {"CreatePseudoConsole", offsetof(struct hp_winapi, CreatePseudoConsole)},
    {"ResizePseudoConsole", offsetof(struct hp_winapi, ResizePseudoConsole)},
    {"ClosePseudoConsole", offsetof(struct hp_winapi, ClosePseudoConsole)},
    {"CtrlRoutine", offsetof(struct hp_winapi, CtrlRoutine)},
};

static const struct entry nt_entries[] = {
    {"NtQueryInformationProcess", offsetof(struct hp_winapi, NtQueryInformationProcess)},
    {"NtCreateFile", offsetof(struct hp_winapi, NtCreateFile)},
    {"RtlNtStatusToDosError", offsetof(struct hp_winapi, RtlNtStatusToDosError)},
    {"RtlGetVersion", offsetof(struct hp_winapi, RtlGetVersion)},
    {"wine_get_version", offsetof(struct hp_winapi, wine_get_version)},
};

static const struct entry bindflt_entries[] = {
    {"BfSetupFilter", offsetof(struct hp_bindflt, BfSetupFilter)},
};

static const struct entry vmcompute_entries[] = {
    {"ActivateLayer", offsetof(struct hp_vmcompute, ActivateLayer)},
    {"DeactivateLayer", offsetof(struct hp_vmcompute, DeactivateLayer)},
    {"PrepareLayer", offsetof(struct hp_vmcompute, PrepareLayer)},
    {"UnprepareLayer", offsetof(struct hp_vmcompute, UnprepareLayer)},
    {"GetLayerMountPath", offsetof(struct hp_vmcompute, GetLayerMountPath)},
    {"CreateSandboxLayer", offsetof(struct hp_vmcompute, CreateSandboxLayer)},
    {"ExpandSandboxSize", offsetof(struct hp_vmcompute, ExpandSandboxSize)},
    {"NameToGuid", offsetof(struct hp_vmcompute, NameToGuid)},
};

static const struct library libraries[] = {
    {L"kernel32.dll", "kernel32.dll", &winapi, kernel_entries, COUNT(kernel_entries), &kernel_once},
    {L"ntdll.dll", "ntdll.dll", &winapi, nt_entries, COUNT(nt_entries), &nt_once},
    {L"bindfltapi.dll", "bindfltapi.dll", &bindflt, bindflt_entries, COUNT(bindflt_entries), &bindflt_once},
    {L"vmcompute.dll", "vmcompute.dll", &vmcompute, vmcompute_entries, COUNT(vmcompute_entries),
     &vmcompute_once},
};
enum { KERNEL, NT, BINDFLT, VMCOMPUTE };

static BOOL CALLBACK fill(INIT_ONCE *once, void *parameter, void **context) {
  (void)once, (void)context;
  const struct library *library = parameter;
  for (size_t i = 0; i < library->count; i++) {
    FARPROC found = hp_winapi_find(library->file, library->entries[i].name);
    /* Every member is a function pointer; copied, since no cast between them is portable. */
    memcpy((char *)library->table + library->entries[i].offset, &found, sizeof found);
  }
  return TRUE;
}

static void load(size_t which) {
  InitOnceExecuteOnce(libraries[which].once, fill, (void *)(uintptr_t)&libraries[which], NULL);
}

const struct hp_winapi *hp_winapi(void) {
  load(KERNEL);
  load(NT);
  return &winapi;
}

const struct hp_bindflt *hp_winapi_bindflt(void) {
  load(BINDFLT);
  return &bindflt;
}

const struct hp_vmcompute *hp_winapi_vmcompute(void) {
  load(VMCOMPUTE);
  return &vmcompute;
}

void hp_winapi_each(void (*visit)(void *arg, const char *name, const char *library, bool there), void *arg) {
  for (size_t i = 0; i < COUNT(libraries); i++) {
    load(i);
    for (size_t j = 0; j < libraries[i].count; j++) {
      FARPROC found;
      memcpy(&found, (const char *)libraries[i].table + libraries[i].entries[j].offset, sizeof found);
      visit(arg, libraries[i].entries[j].name, libraries[i].label, found != NULL);
    }
  }
}

int hp_winapi_absent(const char *name, struct hp_error *err) {
  const char *label = "no library this program knows";
  for (size_t i = 0; i < COUNT(libraries); i++)
    for (size_t j = 0; j < libraries[i].count; j++)
      if (strcmp(libraries[i].entries[j].name, name) == 0)
        label = libraries[i].label;
  return hp_error_set(err, HP_FAILED_PRECONDITION, "this host (build %u%s) has no %s (%s)", hp_winapi_build(),
                      hp_winapi_is_wine() ? ", Wine" : "", name, label);
}

bool hp_winapi_is_wine(void) {
  return hp_winapi()->wine_get_version != NULL;
}

unsigned hp_winapi_build(void) {
  OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
  if (!hp_winapi()->RtlGetVersion || hp_winapi()->RtlGetVersion(&version) != 0)
    return 0;
  return (unsigned)version.dwBuildNumber;
}
