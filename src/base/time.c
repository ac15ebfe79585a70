#include "base/time.h"

#if defined(_WIN32)
#include <windows.h>

/* FILETIME counts 100 ns since 1601. */
#define FILETIME_OF_1970 116444736000000000LL

struct hp_time hp_time_now(void) {
  FILETIME now;
  GetSystemTimePreciseAsFileTime(&now);
  int64_t ticks = ((int64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) - FILETIME_OF_1970;
  return (struct hp_time){.seconds = ticks / 10000000, .nanos = (int32_t)(ticks % 10000000 * 100)};
}
#else
#include <time.h>

struct hp_time hp_time_now(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (struct hp_time){.seconds = (int64_t)now.tv_sec, .nanos = (int32_t)now.tv_nsec};
}
#endif
