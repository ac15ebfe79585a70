#include "base/time.h"

#include <time.h>

struct hp_time hp_time_now(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (struct hp_time){.seconds = (int64_t)now.tv_sec, .nanos = (int32_t)now.tv_nsec};
}
