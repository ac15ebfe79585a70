#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

size_t hp_utf8_sequence(const char *text) {
  const unsigned char *byte = (const unsigned char *)text;
  if (byte[0] == 0)
    return 0;
  if (byte[0] < 0x80)
    return 1;
  size_t length = byte[0] >= 0xc2 && byte[0] < 0xe0   ? 2
                  : byte[0] >= 0xe0 && byte[0] < 0xf0 ? 3
                  : byte[0] >= 0xf0 && byte[0] < 0xf5 ? 4
                                                      : 0;
  for (size_t i = 1; i < length; i++)
    if ((byte[i] & 0xc0) != 0x80)
      return 0;
  if ((byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xed && byte[1] > 0x9f) ||
      (byte[0] == 0xf0 && byte[1] < 0x90) || (byte[0] == 0xf4 && byte[1] > 0x8f))
    return 0;
  return length;
}

static bool is_control(const char *text, size_t length) {
  unsigned char first = (unsigned char)text[0];
  if (length == 1)
    return first < 0x20 || first == 0x7f;
  return length == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0; /* C1 */
}

char *hp_utf8_printable(const char *text) {
  char *copy = hp_alloc(4 * strlen(text) + 1);
  char *out = copy;
  while (*text) {
    size_t length = hp_utf8_sequence(text);
    bool show = length == 0 || is_control(text, length);
    size_t take = length ? length : 1;
    for (size_t i = 0; i < take; i++, text++)
      out += show ? sprintf(out, "\\x%02x", (unsigned)(unsigned char)*text) : (*out = *text, 1);
  }
  *out = 0;
  return hp_realloc_array(copy, (size_t)(out - copy) + 1, 1);
}
