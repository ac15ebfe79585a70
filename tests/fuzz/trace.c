/* A request's traceparent, and a line of the log with what came of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "service/request_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One line, and nothing in it that a terminal or a reader would take for more. */
static void check_line(void *arg, const char *line, size_t length) {
  (void)arg;
  for (size_t i = 0; i + 1 < length; i++)
    if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
      abort();
  if (length == 0 || line[length - 1] != '\n')
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = hp_strndup((const char *)data, size);
  struct hp_log_scope scope = {.id = text, .exec_id = text};
  bool found = hp_trace_id(text, scope.trace_id);
  if (strlen(scope.trace_id) != (found ? HP_TRACE_ID_SIZE - 1 : 0) ||
      strspn(scope.trace_id, "0123456789abcdef") != strlen(scope.trace_id))
    abort();
  hp_log_set_sink(check_line, NULL);
  hp_log_enter(&scope);
  hp_log(HP_LOG_ERROR, NULL, "%s", text);
  hp_log_enter(NULL);
  free(text);
  return 0;
}
