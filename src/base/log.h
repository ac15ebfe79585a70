/* The shim's log: logfmt lines as containerd's own
 *   time="2026-01-02T03:04:05.678901234Z" level=info msg="…" id=c1 exec_id=e1 sandbox_id=p1 namespace=k8s.io
 * One log a process. Any thread; a line is handed to the sink whole, with its
 * newline, under a lock. The sink must not block (see host.h's log sink).
 * docs/logging.md says what is logged, and at which level. */
#ifndef HP_BASE_LOG_H
#define HP_BASE_LOG_H

#include <stddef.h>

#include "base/attributes.h"

enum hp_log_level { HP_LOG_TRACE, HP_LOG_DEBUG, HP_LOG_INFO, HP_LOG_WARNING, HP_LOG_ERROR };

typedef void (*hp_log_sink)(void *arg, const char *line, size_t length);

/* Default: level info, sink writes to stderr. sink NULL drops everything. */
void hp_log_set_sink(hp_log_sink sink, void *arg);
void hp_log_set_level(enum hp_log_level level);
/* Fields of every line; copied. NULL: none. */
void hp_log_set_namespace(const char *namespace_name);
void hp_log_set_sandbox(const char *sandbox_id);

#define HP_TRACE_ID_SIZE 33 /* 32 hexadecimal digits and the NUL */

/* Whom a thread is at work for: the fields of its lines, until it leaves. */
struct hp_log_scope {
  const char *id, *exec_id;        /* borrowed; NULL or "": none */
  char trace_id[HP_TRACE_ID_SIZE]; /* of the request; "": none */
};

/* The scope, which must stay until then, is this thread's up to the next call.
 * Returns the one that was; NULL: none. */
const struct hp_log_scope *hp_log_enter(const struct hp_log_scope *scope);
const struct hp_log_scope *hp_log_current(void);

/* id names the container (NULL: the scope's, with its exec). */
void hp_log(enum hp_log_level level, const char *id, const char *format, ...) HP_PRINTF(3, 4);
/* The same for an exec of it (exec_id NULL: of the container itself). */
void hp_log_exec(enum hp_log_level level, const char *id, const char *exec_id, const char *format, ...)
    HP_PRINTF(4, 5);

#endif
