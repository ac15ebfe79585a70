#include "base/log.h"

#include <stdarg.h>
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
  uv_mutex_t lock; /* guards everything below */
  hp_log_sink sink;
  void *arg;
  enum hp_log_level level;
  char *namespace_name;
} logger = {.once = UV_ONCE_INIT, .sink = write_to_stderr, .level = HP_LOG_INFO};

static void make_lock(void) {
  uv_mutex_init(&logger.lock);
}

static void lock(void) {
  uv_once(&logger.once, make_lock);
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

static char *field(const char *name, const char *value) {
  char *text = value ? quoted(value) : NULL;
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

void hp_log(enum hp_log_level level, const char *id, const char *format, ...) {
  static const char *const names[] = {"trace", "debug", "info", "warning", "error"};
  lock();
  if (level >= logger.level && logger.sink) {
    va_list args;
    va_start(args, format);
    char *message = hp_vprintf(format, args);
    va_end(args);
    char when[64];
    timestamp(when);
    char *msg = quoted(message), *id_field = field("id", id),
         *ns_field = field("namespace", logger.namespace_name);
    char *line = hp_printf("time=\"%s\" level=%s msg=%s%s%s\n", when, names[level], msg, id_field, ns_field);
    logger.sink(logger.arg, line, strlen(line));
    free(line);
    free(ns_field);
    free(id_field);
    free(msg);
    free(message);
  }
  uv_mutex_unlock(&logger.lock);
}
