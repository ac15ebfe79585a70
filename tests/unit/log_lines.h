/* The log's lines since log_lines_begin, for the units that read them. */
#ifndef HP_TESTS_UNIT_LOG_LINES_H
#define HP_TESTS_UNIT_LOG_LINES_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

static struct hp_strings log_lines; /* whole lines, under the log's own lock */

static inline void log_lines_take(void *arg, const char *line, size_t length) {
  (void)arg;
  hp_strings_take(&log_lines, hp_strndup(line, length));
}

static inline void log_lines_begin(enum hp_log_level level) {
  hp_strings_clear(&log_lines);
  hp_log_set_level(level);
  hp_log_set_sink(log_lines_take, NULL);
}

static inline void log_lines_end(void) {
  hp_log_set_sink(NULL, NULL);
  hp_log_set_level(HP_LOG_INFO);
  hp_strings_clear(&log_lines);
}

/* All lines from "level" on, one after another. Owned. */
static inline char *log_lines_text(void) {
  char *text = hp_strdup("");
  for (size_t i = 0; i < log_lines.count; i++) {
    char *before = text;
    text = hp_printf("%s%s", before, strstr(log_lines.items[i], "level="));
    free(before);
  }
  return text;
}

static inline void log_lines_are(const char *wanted) {
  char *text = log_lines_text();
  ck_assert_str_eq(text, wanted);
  free(text);
  hp_strings_clear(&log_lines);
}

#endif
