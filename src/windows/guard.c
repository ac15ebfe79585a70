/* What gcc's -fstack-protector and _FORTIFY_SOURCE want at run time, in the place
 * of its libssp. That one asks the old CryptoAPI for its canary before main: a
 * provider and a dozen DLLs in every process, looked for beside the program first.
 * seed.c asks for no more than it must. */
#include <windows.h>

#include <stdint.h>

#include "host/windows/seed.h"

_Noreturn void __stack_chk_fail(void);
_Noreturn void __chk_fail(void);
BOOLEAN WINAPI SystemFunction036(void *bytes, ULONG length);

uintptr_t __stack_chk_guard = 0;

/* RtlGenRandom, as libuv knows it: advapi32 has it of cryptbase.dll, which is none
 * of the DLLs that Windows maps for every process. */
BOOLEAN WINAPI SystemFunction036(void *bytes, ULONG length) {
  return hp_seed_of_system(bytes, length);
}

/* No more of this process' own code runs. */
_Noreturn static void fail_fast(void) {
  RaiseFailFastException(NULL, NULL, 0);
  __builtin_trap();
}

/* Not protected itself: the canary changes under it. The lowest byte is zero, so
 * that no copied text carries it. */
__attribute__((constructor)) static void choose_canary(void) {
  uint64_t canary;
  if (!hp_seed(&canary))
    fail_fast();
  __stack_chk_guard = (uintptr_t)canary & ~(uintptr_t)0xff;
}

_Noreturn void __stack_chk_fail(void) {
  fail_fast();
}

_Noreturn void __chk_fail(void) {
  fail_fast();
}
