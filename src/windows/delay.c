/* libuv asks user32, once a process, whether the system is in safe mode without
 * network, where it leaves Winsock alone. That call alone would load user32 and
 * what belongs to it, which is half of what this program costs at its start. The
 * registry knows the answer as well: it is given when user32 is to be loaded for
 * it (cmake/delay-import.cmake). */
#include <windows.h>

#include <delayimp.h>
#include <string.h>

#if defined(_MSC_VER)
#define HOOK const PfnDliHook /* as its delayimp.h declares the hook */
#else
#define HOOK PfnDliHook
#endif

#define SAFE_MODE_KEY L"SYSTEM\\CurrentControlSet\\Control\\SafeBoot\\Option"

/* 0: none; 1: safe mode; 2: safe mode with network. The key is there in safe mode only. */
static int WINAPI system_metrics(int index) {
  DWORD mode = 0, size = sizeof mode;
  if (index != SM_CLEANBOOT || RegGetValueW(HKEY_LOCAL_MACHINE, SAFE_MODE_KEY, L"OptionValue",
                                            RRF_RT_REG_DWORD, NULL, &mode, &size) != ERROR_SUCCESS)
    return 0;
  return (int)mode;
}

static FARPROC WINAPI on_load(unsigned step, PDelayLoadInfo wanted) {
  if (step != dliStartProcessing || !wanted->dlp.fImportByName ||
      strcmp(wanted->dlp.szProcName, "GetSystemMetrics") != 0)
    return NULL; /* go on */
  return (FARPROC)(void *)(uintptr_t)system_metrics;
}

HOOK __pfnDliNotifyHook2 = on_load;
