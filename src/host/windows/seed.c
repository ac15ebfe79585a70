/* The processor's generator needs no DLL. The system's does: bcryptprimitives, and
 * under Wine three more that it needs, in every process before main. */
#include "host/windows/seed.h"

#include <windows.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define ATTEMPTS 10 /* Intel's number: a processor that fails so often is broken */

/* Broken ones are known to give nothing but ones. */
__attribute__((target("rdrnd"))) static bool seed_of_processor(uint64_t *seed) {
  unsigned a, b, c, d;
  __cpuid(1, a, b, c, d);
  for (int i = 0; (c & bit_RDRND) && i < ATTEMPTS; i++) {
    unsigned long long word;
    if (_rdrand64_step(&word) && word != 0 && word != UINT64_MAX) {
      *seed = word;
      return true;
    }
  }
  return false;
}
#else
static bool seed_of_processor(uint64_t *seed) {
  (void)seed;
  return false;
}
#endif

bool hp_seed_of_system(void *bytes, size_t length) {
  BOOL(WINAPI * generate)(BYTE *, SIZE_T) = NULL;
  HMODULE library = LoadLibraryExW(L"bcryptprimitives.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
  if (library)
    generate = (BOOL(WINAPI *)(BYTE *, SIZE_T))(void *)(uintptr_t)GetProcAddress(library, "ProcessPrng");
  return generate && generate(bytes, length);
}

bool hp_seed(uint64_t *seed) {
  return seed_of_processor(seed) || hp_seed_of_system(seed, sizeof *seed);
}
