/* Logging programs: binary:// and binary-v2:// (protocol.md, "Stdio"). Such a
 * program reads a container's stdout at its descriptor 3 and stderr at 4, says
 * at 5 that it is ready, and ends when both are at their end. */
#ifndef HP_STDIO_LINUX_LOGGER_H
#define HP_STDIO_LINUX_LOGGER_H

#include <stdbool.h>
#include <uv.h>

#include "base/error.h"
#include "stdio/endpoint.h"

struct hp_logger;

/* (pool) Starts the program and waits, at most 10 s, until it is ready. The
 * readers stay the caller's. On failure nothing stays running. */
int hp_logger_start(const struct hp_endpoint *endpoint, const char *namespace_name, const char *container_id,
                    const int readers[2], struct hp_logger **logger, struct hp_error *err);

/* (any) Whether the program, or a copy of it that it left behind, still has what
 * it got for this reader. */
bool hp_logger_holds(int reader);

/* (loop) Calls exited once, should the program end before hp_logger_stop. */
void hp_logger_watch(struct hp_logger *logger, void (*exited)(void *arg), void *arg);

/* (loop) The container's output is at its end. Lets the program finish: after
 * 2 s SIGTERM, after another 12 s SIGKILL; waits for nothing and frees it once
 * it is gone. NULL is fine. */
void hp_logger_stop(struct hp_logger *logger, uv_loop_t *loop);

#endif
