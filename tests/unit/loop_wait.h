/* Runs a loop until a condition holds or the time is up; the caller asserts
 * which. A turn that begins with a timer's callback goes on to wait for the next
 * event, which may never come although that callback made the condition true:
 * hence a timer that ticks all the while. */
#ifndef HP_TESTS_UNIT_LOOP_WAIT_H
#define HP_TESTS_UNIT_LOOP_WAIT_H

#include <stdint.h>
#include <uv.h>

static inline void loop_wait_tick(uv_timer_t *timer) {
  (void)timer;
}

#define LOOP_WAIT(loop, condition, limit_ms)                                                                 \
  do {                                                                                                       \
    uv_timer_t tick_;                                                                                        \
    uint64_t end_ = uv_hrtime() + (uint64_t)(limit_ms)*1000000u;                                             \
    uv_timer_init(loop, &tick_);                                                                             \
    uv_timer_start(&tick_, loop_wait_tick, 10, 10);                                                          \
    while (!(condition) && uv_hrtime() < end_)                                                               \
      uv_run(loop, UV_RUN_ONCE);                                                                             \
    uv_close((uv_handle_t *)&tick_, NULL);                                                                   \
    uv_run(loop, UV_RUN_NOWAIT);                                                                             \
  } while (0)

#endif
