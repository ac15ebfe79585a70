#include "base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/memory.h"
#include "base/time.h"
#include "base/utf8.h"

static void write_to_stderr(void *arg, const char *line, size_t length) {
  (void)arg;
  fwrite(line, 1, length, stderr);
}

static struct {
  uv_once_t once;
  uv_key_t scope;  /* a thread's const struct hp_log_scope * */
  uv_mutex_t lock; /* guards everything below */
  hp_log_sink sink;
  void *arg;
  enum hp_log_level level;
  char *namespace_name, *sandbox_id;
} logger = {.once = UV_ONCE_INIT, .sink = write_to_stderr, .level = HP_LOG_INFO};

static void set_up(void) {
  if (uv_mutex_init(&logger.lock) != 0 || uv_key_create(&logger.scope) != 0)
    abort(); /* only for want of memory */
}

static void lock(void) {
  uv_once(&logger.once, set_up);
  uv_mutex_lock(&logger.lock);
}

void hp_log_set_sink(hp_log_sink sink, void *arg) {
  lock();
  logger.sink = sink;
  logger.arg = arg;
  uv_mutex_unlock(&logger.lock);
}

void hp_log_set_level(enum hp_log_level level) {
  lock();
  logger.level = level;
  uv_mutex_unlock(&logger.lock);
}

void hp_log_set_namespace(const char *namespace_name) {
  lock();
  free(logger.namespace_name);
  logger.namespace_name = hp_strdup(namespace_name);
  uv_mutex_unlock(&logger.lock);
}

void hp_log_set_sandbox(const char *sandbox_id) {
  lock();
  free(logger.sandbox_id);
  logger.sandbox_id = hp_strdup(sandbox_id);
  uv_mutex_unlock(&logger.lock);
}

const struct hp_log_scope *hp_log_current(void) {
  uv_once(&logger.once, set_up);
  return uv_key_get(&logger.scope);
}

const struct hp_log_scope *hp_log_enter(const struct hp_log_scope *scope) {
  const struct hp_log_scope *previous = hp_log_current();
  uv_key_set(&logger.scope, (void *)(uintptr_t)scope);
  return previous;
}

/* logfmt's quoting: " and \ escaped, then nothing left that could start a new line. */
static char *quoted(const char *text) {
  char *escaped = hp_alloc(2 * strlen(text) + 1), *out = escaped;
  for (const char *in = text; *in; in++) {
    if (*in == '"' || *in == '\\')
      *out++ = '\\';
    *out++ = *in;
  }
  char *printable = hp_utf8_printable(escaped), *whole = hp_printf("\"%s\"", printable);
  free(printable);
  free(escaped);
  return whole;
}

/* As containerd's own lines have it, a plain word needs no quotes: so that one
 * grep finds an id in both. */
static char *value_text(const char *text) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/@^+";
  return *text && text[strspn(text, plain)] == '\0' ? hp_strdup(text) : quoted(text);
}

/* What is too long to be true is cut, so that the line still has its fields. */
#define MESSAGE_MAX 3500 /* bytes */
#define FIELD_MAX 128

static char *cut(const char *text, size_t max) {
  return hp_printf("%.*s%s", (int)max, text, strnlen(text, max + 1) > max ? "..." : "");
}

static char *value_of(const char *value, size_t max) {
  char *text = cut(value, max), *whole = value_text(text);
  free(text);
  return whole;
}

static char *field(const char *name, const char *value) {
  char *text = value && *value ? value_of(value, FIELD_MAX) : NULL;
  char *whole = text ? hp_printf(" %s=%s", name, text) : hp_strdup("");
  free(text);
  return whole;
}

static void timestamp(char out[64]) {
  struct hp_time now = hp_time_now();
  time_t seconds = (time_t)now.seconds;
  struct tm utc;
#if defined(_WIN32)
  gmtime_s(&utc, &seconds);
#else
  gmtime_r(&seconds, &utc);
#endif
  char date[32];
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(out, 64, "%s.%09ldZ", date, (long)now.nanos);
}

/* Under the lock. */
static void write_line(enum hp_log_level level, const char *id, const char *exec_id, const char *trace_id,
                       const char *message) {
  static const char *const names[] = {"trace", "debug", "info", "warning", "error"};
  char when[64];
  timestamp(when);
  char *parts[] = {value_of(message, MESSAGE_MAX),
                   field("id", id),
                   field("exec_id", exec_id),
                   field("sandbox_id", logger.sandbox_id),
                   field("namespace", logger.namespace_name),
                   field("trace_id", trace_id)};
  char *line = hp_printf("time=\"%s\" level=%s msg=%s%s%s%s%s%s\n", when, names[level], parts[0], parts[1],
                         parts[2], parts[3], parts[4], parts[5]);
  logger.sink(logger.arg, line, strlen(line));
  free(line);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    free(parts[i]);
}

HP_PRINTF(4, 0)
static void log_about(enum hp_log_level level, const char *id, const char *exec_id, const char *format,
                      va_list args) {
  const struct hp_log_scope *scope = hp_log_current();
  lock();
  if (level >= logger.level && logger.sink) {
    char *message = hp_vprintf(format, args);
    if (!id && scope) {
      id = scope->id;
      exec_id = scope->exec_id;
    }
    write_line(level, id, exec_id, scope ? scope->trace_id : NULL, message);
    free(message);
  }
  uv_mutex_unlock(&logger.lock);
}

void hp_log(enum hp_log_level level, const char *id, const char *format, ...) {
  va_list args;
  va_start(args, format);
  log_about(level, id, NULL, format, args);
  va_end(args);
}

void hp_log_exec(enum hp_log_level level, const char *id, const char *exec_id, const char *format, ...) {
  va_list args;
  va_start(args, format);
  log_about(level, id, exec_id, format, args);
  va_end(args);
}
