/* Wall-clock time as events and exit records carry it. */
#ifndef HP_BASE_TIME_H
#define HP_BASE_TIME_H

#include <stdint.h>

struct hp_time {
  int64_t seconds; /* UTC since 1970 */
  int32_t nanos;   /* 0 … 999,999,999 */
};

struct hp_time hp_time_now(void);

#endif
