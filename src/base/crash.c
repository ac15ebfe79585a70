#include "base/crash.h"

#include <stdlib.h>

#if defined(HP_CRASH_POINTS)
#include <stdatomic.h>

void hp_crash_point(void) {
  static atomic_ulong passed;
  const char *at = getenv("HOSTPROCESS_CRASH_AT");
  if (at && atomic_fetch_add(&passed, 1) + 1 == strtoul(at, NULL, 10))
    _Exit(137);
}
#endif
