/* Logging programs: binary:// and binary-v2:// (protocol.md, "Stdio"). Such a
 * program opens the pipes that CONTAINER_STDOUT, CONTAINER_STDERR and
 * CONTAINER_WAIT name, says on the last that it is ready, and ends when the
 * others are at their end. */
#ifndef HP_STDIO_WINDOWS_LOGGER_H
#define HP_STDIO_WINDOWS_LOGGER_H

#include <uv.h>
#include <windows.h>

#include "base/error.h"
#include "stdio/endpoint.h"

struct hp_logger;

/* (pool) Starts the program and waits, at most 10 s, until it has opened its
 * pipes and is ready. streams: our ends of its stdout and stderr, overlapped,
 * the caller's. On failure nothing stays open or running. */
int hp_logger_start(const struct hp_endpoint *endpoint, const char *namespace_name, const char *container_id,
                    HANDLE streams[2], struct hp_logger **logger, struct hp_error *err);

/* (loop) The container's output is at its end. Lets the program finish: after
 * 2 s SIGTERM, after another 12 s SIGKILL; waits for nothing and frees it once
 * it is gone. NULL is fine. */
void hp_logger_stop(struct hp_logger *logger, uv_loop_t *loop);

#endif
