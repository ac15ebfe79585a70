#include "spec/quantity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define ROOM (HP_QUANTITY_LENGTH_MAX + 20u) /* 1024^6 adds 19 digits */
#define EXPONENT_MAX 1000

/* digits[0 … count-1], the first of most weight, × 10^exponent. */
struct decimal {
  unsigned char digits[ROOM];
  size_t count;
  long exponent;
};

static void multiply_1024(struct decimal *number) {
  unsigned carry = 0;
  unsigned char product[ROOM];
  size_t at = ROOM;
  for (size_t i = number->count; i > 0; i--) {
    carry += number->digits[i - 1] * 1024u;
    product[--at] = (unsigned char)(carry % 10);
    carry /= 10;
  }
  for (; carry > 0 && at > 0; carry /= 10)
    product[--at] = (unsigned char)(carry % 10);
  number->count = ROOM - at;
  memcpy(number->digits, product + at, number->count);
}

/* Moves on behind the digits. */
static bool read_mantissa(const char **in, struct decimal *number) {
  bool fraction = false, any = false;
  for (;; ++*in) {
    if (**in == '.' && !fraction) {
      fraction = true;
      continue;
    }
    if (**in < '0' || **in > '9')
      return any;
    any = true;
    if (number->count > 0 || **in != '0')
      number->digits[number->count++] = (unsigned char)(**in - '0');
    number->exponent -= fraction;
  }
}

static bool apply_suffix(const char *suffix, struct decimal *number) {
  static const char binary[] = "KMGTPE";
  static const struct {
    const char *name;
    int exponent;
  } decimal[] = {{"", 0},  {"n", -9}, {"u", -6}, {"m", -3}, {"k", 3},
                 {"M", 6}, {"G", 9},  {"T", 12}, {"P", 15}, {"E", 18}};
  for (size_t i = 0; i < sizeof decimal / sizeof decimal[0]; i++)
    if (strcmp(suffix, decimal[i].name) == 0) {
      number->exponent += decimal[i].exponent;
      return true;
    }
  const char *letter = strchr(binary, suffix[0]);
  if (letter && strcmp(suffix + 1, "i") == 0) {
    for (long i = 0; i <= letter - binary; i++)
      multiply_1024(number);
    return true;
  }
  const char *digits = suffix + 1 + (suffix[1] == '+' || suffix[1] == '-');
  if ((suffix[0] != 'e' && suffix[0] != 'E') || !*digits || digits[strspn(digits, DIGITS)])
    return false;
  long exponent = strtol(suffix + 1, NULL, 10);
  number->exponent += exponent > EXPONENT_MAX    ? EXPONENT_MAX
                      : exponent < -EXPONENT_MAX ? -EXPONENT_MAX
                                                 : exponent;
  return true;
}

static int64_t ceiling(const struct decimal *number) {
  long whole = (long)number->count + number->exponent; /* digits before the point */
  int64_t value = 0;
  for (long i = 0; i < whole; i++) {
    int digit = i < (long)number->count ? number->digits[i] : 0;
    if (value > (INT64_MAX - digit) / 10)
      return INT64_MAX;
    value = 10 * value + digit;
  }
  for (long i = whole > 0 ? whole : 0; i < (long)number->count; i++)
    if (number->digits[i] != 0)
      return value < INT64_MAX ? value + 1 : value;
  return value;
}

bool hp_quantity_parse(const char *text, unsigned scale, int64_t *value) {
  struct decimal number = {.exponent = (long)scale};
  if (strlen(text) > HP_QUANTITY_LENGTH_MAX)
    return false;
  bool negative = *text == '-';
  const char *in = text + (negative || *text == '+');
  if (!read_mantissa(&in, &number) || !apply_suffix(in, &number))
    return false;
  *value = number.count == 0 ? 0 : ceiling(&number);
  return !negative || number.count == 0;
}

bool hp_quantity_read(const json_t *json, unsigned scale, int64_t *value) {
  char text[40];
  if (json_is_string(json))
    return hp_quantity_parse(json_string_value(json), scale, value);
  if (json_is_integer(json))
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(json));
  else if (json_is_real(json)) /* as few digits as name it: 0.1 is no more than that */
    for (int precision = 1; precision <= 17; precision++) {
      double real = json_real_value(json);
      snprintf(text, sizeof text, "%.*g", precision, real);
      double back = strtod(text, NULL);
      if (back >= real && back <= real)
        break;
    }
  else
    return false;
  return hp_quantity_parse(text, scale, value);
}
