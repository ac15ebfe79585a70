/* The shim's log: logfmt lines as containerd's own
 *   time="2026-01-02T03:04:05.678901234Z" level=info msg="…" id=c1 namespace=k8s.io
 * One log a process. Any thread; a line is handed to the sink whole, with its
 * newline, under a lock. The sink must not block (see host.h's log sink). */
#ifndef HP_BASE_LOG_H
#define HP_BASE_LOG_H

#include <stddef.h>

#include "base/attributes.h"

enum hp_log_level { HP_LOG_TRACE, HP_LOG_DEBUG, HP_LOG_INFO, HP_LOG_WARNING, HP_LOG_ERROR };

typedef void (*hp_log_sink)(void *arg, const char *line, size_t length);

/* Default: level info, sink writes to stderr. sink NULL drops everything. */
void hp_log_set_sink(hp_log_sink sink, void *arg);
void hp_log_set_level(enum hp_log_level level);
/* Fields of every line; copied. */
void hp_log_set_namespace(const char *namespace_name);

/* id names the container (NULL: none). */
void hp_log(enum hp_log_level level, const char *id, const char *format, ...) HP_PRINTF(3, 4);

#endif
