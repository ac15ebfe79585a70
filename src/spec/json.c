#include "spec/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* jansson knows no integer above INT64_MAX, yet 2^64-1 is how an unlimited
 * rlimit is written. It is handed to jansson as a real number of the same
 * length, which reads as 2^64; hp_json_uint64 alone takes that. */
static const char unlimited[] = "18446744073709551615";
static const char unlimited_real[] = "18446744073709552e3 ";
#define UNLIMITED_LENGTH (sizeof unlimited - 1)
#define TWO_TO_64 18446744073709551616.0

struct survey {
  size_t depth, deepest, values;
  bool has_unlimited;
};

static bool in_number(char c) {
  return (c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-' || c == 'e' || c == 'E';
}

static bool is_unlimited(const char *data, size_t length, size_t at) {
  return length - at >= UNLIMITED_LENGTH && memcmp(data + at, unlimited, UNLIMITED_LENGTH) == 0 &&
         (at == 0 || !in_number(data[at - 1])) &&
         (length - at == UNLIMITED_LENGTH || !in_number(data[at + UNLIMITED_LENGTH]));
}

/* From a string's opening quote to the one that closes it, or past the end. */
static size_t string_end(const char *data, size_t length, size_t at) {
  for (at++; at < length && data[at] != '"'; at++)
    if (data[at] == '\\')
      at++;
  return at;
}

/* One pass without recursion, before jansson recurses. copy (NULL: none) gets
 * the unlimited numbers replaced. */
static struct survey survey(const char *data, size_t length, char *copy) {
  struct survey seen = {0};
  for (size_t i = 0; i < length; i++) {
    switch (data[i]) {
    case '"':
      i = string_end(data, length, i);
      break;
    case '[':
    case '{':
      seen.values++;
      if (++seen.depth > seen.deepest)
        seen.deepest = seen.depth;
      break;
    case ']':
    case '}':
      if (seen.depth > 0)
        seen.depth--;
      break;
    case ',':
      seen.values++;
      break;
    case '1':
      if (!is_unlimited(data, length, i))
        break;
      seen.has_unlimited = true;
      if (copy)
        memcpy(copy + i, unlimited_real, UNLIMITED_LENGTH);
      i += UNLIMITED_LENGTH - 1;
      break;
    default:
      break;
    }
  }
  return seen;
}

size_t hp_json_first(const char *data, size_t length) {
  size_t depth = 0;
  for (size_t i = 0; i < length; i++) {
    char c = data[i];
    if (c == '"')
      i = string_end(data, length, i);
    else if (c == '[' || c == '{')
      depth++;
    else if ((c == ']' || c == '}') && (depth == 0 || --depth == 0))
      return i + 1;
  }
  return length;
}

json_t *hp_json_load(const char *what, const char *data, size_t length, size_t max, struct hp_error *err) {
  if (length > max) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s has %zu bytes: at most %zu are read, make it smaller", what,
                 length, max);
    return NULL;
  }
  struct survey seen = survey(data, length, NULL);
  if (seen.deepest > HP_JSON_DEPTH_MAX) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s is nested %zu levels deep: at most %u are read", what,
                 seen.deepest, HP_JSON_DEPTH_MAX);
    return NULL;
  }
  if (seen.values > HP_JSON_VALUES_MAX) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s holds more than %u values: make it smaller", what,
                 HP_JSON_VALUES_MAX);
    return NULL;
  }
  char *copy = NULL;
  if (seen.has_unlimited) {
    copy = hp_strndup(data, length);
    survey(data, length, copy);
  }
  json_error_t error;
  json_t *tree = json_loadb(copy ? copy : data, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  free(copy);
  if (!tree)
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s is not valid JSON: line %d column %d: %s", what, error.line,
                 error.column, error.text);
  return tree;
}

struct hp_json hp_json_root(const char *name, json_t *value) {
  return (struct hp_json){.key = name, .value = json_is_null(value) ? NULL : value};
}

struct hp_json hp_json_at(const struct hp_json *object, const char *key) {
  json_t *value = json_object_get(object->value, key);
  return (struct hp_json){.parent = object, .key = key, .value = json_is_null(value) ? NULL : value};
}

struct hp_json hp_json_element(const struct hp_json *array, size_t index) {
  return (struct hp_json){.parent = array, .index = index, .value = json_array_get(array->value, index)};
}

size_t hp_json_count(const struct hp_json *array) {
  return json_array_size(array->value);
}

bool hp_json_wanted(struct hp_json at) {
  switch (at.value ? json_typeof(at.value) : JSON_NULL) {
  case JSON_OBJECT:
    return json_object_size(at.value) > 0;
  case JSON_ARRAY:
    return json_array_size(at.value) > 0;
  case JSON_STRING:
    return json_string_length(at.value) > 0;
  case JSON_INTEGER:
    return json_integer_value(at.value) != 0;
  case JSON_REAL:
  case JSON_TRUE:
    return true;
  default:
    return false;
  }
}

static bool plain_key(const char *key) {
  return key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == 0;
}

char *hp_json_path(const struct hp_json *at) {
  if (!at->parent)
    return hp_strdup(at->key);
  char *above = hp_json_path(at->parent);
  char *path = !at->key              ? hp_printf("%s[%zu]", above, at->index)
               : !plain_key(at->key) ? hp_printf("%s[\"%s\"]", above, at->key)
               : above[0]            ? hp_printf("%s.%s", above, at->key)
                                     : hp_strdup(at->key);
  free(above);
  return path;
}

static char *value_text(json_t *value) {
  switch (value ? json_typeof(value) : JSON_NULL) {
  case JSON_OBJECT:
    return hp_strdup("an object");
  case JSON_ARRAY:
    return hp_strdup("an array");
  case JSON_STRING: {
    const char *text = json_string_value(value);
    return strlen(text) > 64 ? hp_printf("\"%.61s...\"", text) : hp_printf("\"%s\"", text);
  }
  case JSON_INTEGER:
    return hp_printf("%lld", (long long)json_integer_value(value));
  case JSON_REAL:
    return json_real_value(value) >= TWO_TO_64 && json_real_value(value) <= TWO_TO_64
               ? hp_strdup(unlimited)
               : hp_printf("%.17g", json_real_value(value));
  case JSON_TRUE:
    return hp_strdup("true");
  case JSON_FALSE:
    return hp_strdup("false");
  default:
    return hp_strdup("null");
  }
}

int hp_json_refuse(const struct hp_json *at, struct hp_error *err, const char *rule) {
  char *path = hp_json_path(at), *value = value_text(at->value);
  hp_error_set(err, HP_INVALID_ARGUMENT, "%s is %s: it must be %s", path[0] ? path : "the document", value,
               rule);
  free(value);
  free(path);
  return -1;
}

int hp_json_object(struct hp_json at, struct hp_error *err) {
  return !at.value || json_is_object(at.value) ? 0 : hp_json_refuse(&at, err, "an object");
}

int hp_json_array(struct hp_json at, struct hp_error *err) {
  return !at.value || json_is_array(at.value) ? 0 : hp_json_refuse(&at, err, "an array");
}

int hp_json_string(struct hp_json at, char **out, struct hp_error *err) {
  if (!at.value)
    return 0;
  if (!json_is_string(at.value))
    return hp_json_refuse(&at, err, "a string");
  free(*out);
  *out = hp_strdup(json_string_value(at.value));
  return 0;
}

int hp_json_strings(struct hp_json at, struct hp_strings *out, struct hp_error *err) {
  if (hp_json_array(at, err) != 0)
    return -1;
  for (size_t i = 0; i < hp_json_count(&at); i++) {
    struct hp_json item = hp_json_element(&at, i);
    if (!json_is_string(item.value))
      return hp_json_refuse(&item, err, "a string");
    hp_strings_add(out, json_string_value(item.value));
  }
  return 0;
}

int hp_json_bool(struct hp_json at, bool *out, struct hp_error *err) {
  if (!at.value)
    return 0;
  if (!json_is_boolean(at.value))
    return hp_json_refuse(&at, err, "true or false");
  *out = json_is_true(at.value);
  return 0;
}

int hp_json_number(struct hp_json at, int64_t min, int64_t max, struct hp_number *out, struct hp_error *err) {
  if (!at.value)
    return 0;
  json_int_t value = json_integer_value(at.value);
  if (json_is_integer(at.value) && value >= min && value <= max) {
    *out = (struct hp_number){.set = true, .value = value};
    return 0;
  }
  char *rule = max == INT64_MAX ? hp_printf("an integer of at least %" PRId64, min)
                                : hp_printf("an integer from %" PRId64 " to %" PRId64, min, max);
  hp_json_refuse(&at, err, rule);
  free(rule);
  return -1;
}

int hp_json_id(struct hp_json at, uint32_t *out, struct hp_error *err) {
  struct hp_number number = {.value = *out};
  if (hp_json_number(at, 0, UINT32_MAX - 1, &number, err) != 0)
    return -1;
  *out = (uint32_t)number.value;
  return 0;
}

int hp_json_uint64(struct hp_json at, uint64_t *out, struct hp_error *err) {
  if (!at.value)
    return 0;
  double real = json_is_real(at.value) ? json_real_value(at.value) : 0;
  if (json_is_integer(at.value) && json_integer_value(at.value) >= 0)
    *out = (uint64_t)json_integer_value(at.value);
  else if (real >= TWO_TO_64 && real <= TWO_TO_64)
    *out = UINT64_MAX;
  else
    return hp_json_refuse(&at, err, "an integer from 0 to 18446744073709551615");
  return 0;
}
