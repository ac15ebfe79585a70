#include "spec/text.h"

#include <string.h>

#include "base/utf8.h"

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool hp_text_same(const char *a, const char *b) {
  return hp_text_starts(a, b) && strlen(a) == strlen(b);
}

bool hp_text_starts(const char *text, const char *prefix) {
  for (; *prefix; text++, prefix++)
    if (lower(*text) != lower(*prefix))
      return false;
  return true;
}

bool hp_text_is_among(const char *text, const char *list) {
  for (; *list; list += strlen(list) + 1)
    if (strcmp(text, list) == 0)
      return true;
  return false;
}

bool hp_text_bool(const char *text, bool *value) {
  *value = hp_text_is_among(text, "1\0t\0T\0true\0TRUE\0True\0");
  return *value || hp_text_is_among(text, "0\0f\0F\0false\0FALSE\0False\0");
}

bool hp_text_has_control(const char *text) {
  while (*text) {
    size_t length = hp_utf8_sequence(text);
    unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
    if (length == 0 || first < 0x20 || first == 0x7f || (first == 0xc2 && second < 0xa0))
      return true;
    text += length;
  }
  return false;
}

size_t hp_text_characters(const char *text) {
  size_t count = 0;
  for (; *text; count++) {
    size_t length = hp_utf8_sequence(text);
    text += length ? length : 1;
  }
  return count;
}

bool hp_text_climbs(const char *path, const char *separators) {
  while (*path) {
    size_t length = strcspn(path, separators);
    if (length == 2 && path[0] == '.' && path[1] == '.')
      return true;
    path += length;
    path += *path ? 1 : 0;
  }
  return false;
}
