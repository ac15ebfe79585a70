/* What a plain scalar of YAML 1.1 means, as go-yaml 2 decides it, which reads
 * Kubernetes' manifests. */
#include <errno.h>
#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/text.h"
#include "spec/yaml.h"

#define TAG_PREFIX "tag:yaml.org,2002:"
#define NUMBER_MAX 400u /* characters; a longer one is text */
#define DIGITS "0123456789"

static json_t *word(const char *text) {
  return hp_text_is_among(text, "y\0Y\0yes\0Yes\0YES\0true\0True\0TRUE\0on\0On\0ON\0")      ? json_true()
         : hp_text_is_among(text, "n\0N\0no\0No\0NO\0false\0False\0FALSE\0off\0Off\0OFF\0") ? json_false()
         : !*text || hp_text_is_among(text, "~\0null\0Null\0NULL\0")                        ? json_null()
                                                                                            : NULL;
}

/* These have no JSON. */
static bool is_infinite(const char *text) {
  return hp_text_is_among(text, ".nan\0.NaN\0.NAN\0") || /* which have no sign */
         hp_text_is_among(text + (*text == '+' || *text == '-'), ".inf\0.Inf\0.INF\0");
}

/* Go's strconv.ParseInt with base 0, of what has no underscores any more. */
static json_t *integer(const char *text) {
  const char *in = text + (*text == '+' || *text == '-');
  int base = 10;
  if (in[0] == '0' && in[1]) {
    base = in[1] == 'x' || in[1] == 'X' ? 16 : in[1] == 'b' || in[1] == 'B' ? 2 : 8;
    in += base == 8 && in[1] != 'o' && in[1] != 'O' ? 1 : 2;
  }
  static const char digits[] = "0123456789abcdefABCDEF";
  size_t allowed = base == 16 ? sizeof digits - 1 : (size_t)base;
  char set[sizeof digits];
  memcpy(set, digits, allowed);
  set[allowed] = 0;
  if (!*in || in[strspn(in, set)])
    return NULL;
  errno = 0;
  unsigned long long value = strtoull(in, NULL, base);
  if (errno != 0 || (*text == '-' && value > (unsigned long long)INT64_MAX + 1))
    return NULL;
  if (*text == '-')
    return json_integer(value > INT64_MAX ? INT64_MIN : -(json_int_t)value);
  return value > INT64_MAX ? json_real((double)value) : json_integer((json_int_t)value);
}

static bool is_decimal(const char *text) {
  const char *in = text + (*text == '+' || *text == '-');
  size_t before = strspn(in, DIGITS), after = 0;
  in += before;
  if (*in == '.') {
    after = strspn(++in, DIGITS);
    in += after;
  }
  if (before + after == 0)
    return false;
  if (*in == 'e' || *in == 'E') {
    in++;
    in += *in == '+' || *in == '-';
    size_t exponent = strspn(in, DIGITS);
    if (exponent == 0)
      return false;
    in += exponent;
  }
  return *in == 0;
}

static json_t *decimal(const char *text) {
  if (!is_decimal(text))
    return NULL;
  double value = strtod(text, NULL);
  if (value > DBL_MAX || value < -DBL_MAX) /* isfinite() of mingw-w64 converts to float */
    return NULL;
  if (value <= -9e15 || value >= 9e15)
    return json_real(value);
  json_int_t whole = (json_int_t)value; /* JSON writes 1e3 as 1000 */
  return (double)whole >= value && (double)whole <= value ? json_integer(whole) : json_real(value);
}

static json_t *number(const char *text) {
  if (!strchr("+-." DIGITS, text[0]) || strlen(text) > NUMBER_MAX)
    return NULL;
  if (text[0] == '.')
    return decimal(text);
  char *plain = hp_strdup(text), *out = plain;
  for (const char *in = text; *in; in++)
    if (*in != '_')
      *out++ = *in;
  *out = 0;
  json_t *value = integer(plain);
  if (!value)
    value = decimal(plain);
  free(plain);
  return value;
}

static bool fits(const json_t *value, const char *type) {
  return strcmp(type, "bool") == 0    ? json_is_boolean(value)
         : strcmp(type, "int") == 0   ? json_is_integer(value)
         : strcmp(type, "float") == 0 ? json_is_number(value)
         : strcmp(type, "null") == 0  ? json_is_null(value)
                                      : true;
}

json_t *hp_yaml_scalar(const char *text, size_t length, const char *tag, bool quoted, bool *merge) {
  const char *type =
      tag && strncmp(tag, TAG_PREFIX, sizeof TAG_PREFIX - 1) == 0 ? tag + sizeof TAG_PREFIX - 1 : NULL;
  *merge = false;
  if (strlen(text) != length || (type && strcmp(type, "binary") == 0))
    return NULL;
  if (tag ? !type || strcmp(type, "str") == 0 : quoted)
    return json_string(text);
  if (is_infinite(text))
    return NULL;
  *merge = !tag && strcmp(text, "<<") == 0;
  json_t *value = word(text);
  if (!value)
    value = number(text);
  if (!value)
    value = json_string(text);
  if (value && type && !fits(value, type)) {
    json_decref(value);
    return NULL;
  }
  return value;
}
