/* libuv makes ready in every process what this program has no use for: Winsock, for
 * it has no sockets, and word of the system's waking up (powrprof). Loading these
 * DLLs, and what they load in turn, is half of what `start` costs. What libuv asks
 * beforehand is answered here, so that it leaves them alone. */
#include <windows.h>

#include <delayimp.h>
#include <stdint.h>
#include <string.h>

#if defined(_MSC_VER)
#define HOOK const PfnDliHook /* as its delayimp.h declares the hook */
#else
#define HOOK PfnDliHook
#endif

#define SAFE_MODE_WITHOUT_NETWORK 1

/* In user32. libuv asks it one thing: whether it should leave Winsock alone. */
static int WINAPI system_metrics(int index) {
  return index == SM_CLEANBOOT ? SAFE_MODE_WITHOUT_NETWORK : 0;
}

/* In Winsock itself. libuv turns round a port, 0, before it asks the other thing. */
static USHORT WINAPI turn_round(USHORT number) {
  return (USHORT)(number << 8 | number >> 8);
}

/* Called when a DLL is to be loaded for one of its functions (cmake/delay-import.cmake). */
static FARPROC WINAPI on_load(unsigned step, PDelayLoadInfo wanted) {
  if (step != dliStartProcessing || !wanted->dlp.fImportByName)
    return NULL; /* go on */
  if (strcmp(wanted->dlp.szProcName, "GetSystemMetrics") == 0)
    return (FARPROC)(void *)(uintptr_t)system_metrics;
  if (strcmp(wanted->dlp.szProcName, "htons") == 0)
    return (FARPROC)(void *)(uintptr_t)turn_round;
  return NULL;
}

HOOK __pfnDliNotifyHook2 = on_load;

#if defined(__MINGW32__) /* MSVC's linker has import symbols of its own */
/* libuv is the only one that loads anything by this name, and goes without. */
static HMODULE WINAPI load_library(const char *name, HANDLE file, DWORD flags) {
  HMODULE(WINAPI * load)(const char *, HANDLE, DWORD) = NULL;
  if (strcmp(name, "powrprof.dll") != 0)
    load = (HMODULE(WINAPI *)(const char *, HANDLE, DWORD))(void *)(uintptr_t)GetProcAddress(
        GetModuleHandleW(L"kernel32.dll"), "LoadLibraryExA");
  return load ? load(name, file, flags) : NULL;
}

HMODULE(WINAPI *__imp_LoadLibraryExA)(const char *, HANDLE, DWORD) = load_library;
#endif
