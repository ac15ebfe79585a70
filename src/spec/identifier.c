#include "spec/identifier.h"

#include <stdbool.h>
#include <string.h>

#define IDENTIFIER_MAX 76

static bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_separator(char c) {
  return c == '.' || c == '_' || c == '-';
}

int hp_identifier_check(const char *what, const char *value, struct hp_error *err) {
  if (!value || !*value)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "%s is empty: give it a name", what);
  size_t length = strnlen(value, IDENTIFIER_MAX + 1);
  if (length > IDENTIFIER_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "%s \"%.*s...\" is too long: at most %d characters are allowed", what, IDENTIFIER_MAX,
                        value, IDENTIFIER_MAX);
  for (size_t i = 0; i < length; i++) {
    bool inside = i > 0 && i + 1 < length && is_alphanumeric(value[i - 1]);
    if (!is_alphanumeric(value[i]) && !(is_separator(value[i]) && inside))
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "%s \"%s\" is not valid: use letters and digits, with single . _ or - between them",
                          what, value);
  }
  return 0;
}
