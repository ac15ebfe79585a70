#include "spec/toml.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/text.h"

#define DEPTH_MAX 32 /* of arrays and inline tables in each other */

struct reader {
  const char *at, *end;
  size_t line;
  unsigned depth;
  struct hp_strings headers; /* of the tables that were begun: none may be twice */
  struct hp_error *err;
};

static int refuse(struct reader *reader, const char *what) {
  return hp_error_set(reader->err, HP_INVALID_ARGUMENT, "line %zu: %s", reader->line, what);
}

/* ---- white space --------------------------------------------------------------- */

static bool at(const struct reader *reader, const char *text) {
  size_t length = strlen(text);
  return (size_t)(reader->end - reader->at) >= length && memcmp(reader->at, text, length) == 0;
}

static bool take(struct reader *reader, const char *text) {
  if (!at(reader, text))
    return false;
  reader->at += strlen(text);
  return true;
}

static void skip_blanks(struct reader *reader) {
  while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t'))
    reader->at++;
}

static void skip_comment(struct reader *reader) {
  skip_blanks(reader);
  if (at(reader, "#"))
    while (reader->at < reader->end && *reader->at != '\n')
      reader->at++;
  take(reader, "\r");
}

/* Also ends of lines, as between the elements of an array. */
static void skip_all(struct reader *reader) {
  for (;;) {
    skip_comment(reader);
    if (!take(reader, "\n"))
      return;
    reader->line++;
  }
}

static int end_line(struct reader *reader) {
  skip_comment(reader);
  if (reader->at == reader->end)
    return 0;
  if (!take(reader, "\n"))
    return refuse(reader, "there is more than one thing in it");
  reader->line++;
  return 0;
}

/* ---- strings ---------------------------------------------------------------------- */

struct text {
  char *bytes;
  size_t used, room;
};

static void put(struct text *text, char byte) {
  if (text->used + 1 >= text->room) {
    text->room = text->room ? text->room * 2 : 32;
    text->bytes = hp_realloc_array(text->bytes, text->room, 1);
  }
  text->bytes[text->used++] = byte;
  text->bytes[text->used] = 0;
}

static void put_rune(struct text *text, uint32_t rune) {
  if (rune < 0x80) {
    put(text, (char)rune);
  } else if (rune < 0x800) {
    put(text, (char)(0xc0 | rune >> 6));
    put(text, (char)(0x80 | (rune & 63)));
  } else {
    if (rune >= 0x10000)
      put(text, (char)(0xf0 | rune >> 18));
    put(text, (char)(rune >= 0x10000 ? 0x80 | (rune >> 12 & 63) : 0xe0 | rune >> 12));
    put(text, (char)(0x80 | (rune >> 6 & 63)));
    put(text, (char)(0x80 | (rune & 63)));
  }
}

static int read_rune(struct reader *reader, int digits, struct text *text) {
  static const char hex[] = "0123456789abcdef";
  uint32_t rune = 0;
  for (int i = 0; i < digits; i++) {
    char digit = reader->at < reader->end ? *reader->at++ : 0;
    const char *found = digit ? strchr(hex, digit >= 'A' && digit <= 'F' ? digit + 32 : digit) : NULL;
    if (!found)
      return refuse(reader, "a character's number has too few digits");
    rune = rune * 16 + (uint32_t)(found - hex);
  }
  if (rune == 0 || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
    return refuse(reader, "a character's number is that of none");
  put_rune(text, rune);
  return 0;
}

/* Behind a backslash. */
static int read_escape(struct reader *reader, struct text *text) {
  static const char names[] = "btnfre\"\\", values[] = "\b\t\n\f\r\x1b\"\\";
  char name = reader->at < reader->end ? *reader->at++ : 0;
  const char *found = name ? strchr(names, name) : NULL;
  if (name == 'u' || name == 'U')
    return read_rune(reader, name == 'u' ? 4 : 8, text);
  if (name == '\n') { /* in a long string: the next line's indentation goes, too */
    reader->line++;
    skip_all(reader);
    return 0;
  }
  if (!found)
    return refuse(reader, "what follows a backslash is not understood");
  put(text, values[found - names]);
  return 0;
}

/* quote: " or ', one or three of them. The text is owned. */
static int read_string(struct reader *reader, const char *quote, char **result) {
  bool is_long = quote[1] != 0, raw = quote[0] == '\'';
  struct text text = {0};
  reader->at += strlen(quote);
  put(&text, 0);
  text.used = 0;
  if (is_long && take(reader, "\n"))
    reader->line++;
  while (!take(reader, quote)) {
    if (reader->at == reader->end || (*reader->at == '\n' && !is_long)) {
      refuse(reader, "a string has no end");
      goto failed;
    }
    char byte = *reader->at++;
    if (byte == '\n')
      reader->line++;
    if (byte == '\\' && !raw) {
      if (read_escape(reader, &text) != 0)
        goto failed;
    } else if (byte == 0) {
      refuse(reader, "a string has a byte of value 0");
      goto failed;
    } else {
      put(&text, byte);
    }
  }
  *result = text.bytes;
  return 0;
failed:
  free(text.bytes);
  return -1;
}

/* ---- keys --------------------------------------------------------------------------- */

static bool is_bare(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         byte == '_' || byte == '-';
}

static int read_key_part(struct reader *reader, char **part) {
  if (at(reader, "\""))
    return read_string(reader, "\"", part);
  if (at(reader, "'"))
    return read_string(reader, "'", part);
  const char *begin = reader->at;
  while (reader->at < reader->end && is_bare(*reader->at))
    reader->at++;
  if (reader->at == begin)
    return refuse(reader, "a key is missing, or has characters that want quotation marks");
  *part = hp_strndup(begin, (size_t)(reader->at - begin));
  return 0;
}

/* a."b c".d */
static int read_key(struct reader *reader, struct hp_strings *key) {
  do {
    char *part;
    skip_blanks(reader);
    if (key->count == DEPTH_MAX)
      return refuse(reader, "a key has too many parts");
    if (read_key_part(reader, &part) != 0)
      return -1;
    hp_strings_take(key, part);
    skip_blanks(reader);
  } while (take(reader, "."));
  return 0;
}

/* The table in which the last part of the key stands; what is missing is made. */
static json_t *descend(struct reader *reader, json_t *table, const struct hp_strings *key, size_t count) {
  for (size_t i = 0; i < count; i++) {
    json_t *next = json_object_get(table, key->items[i]);
    if (!next) {
      next = json_object();
      if (json_object_set_new(table, key->items[i], next) != 0) {
        refuse(reader, "a key is not UTF-8");
        return NULL;
      }
    }
    if (json_is_array(next) && json_array_size(next) > 0)
      next = json_array_get(next, json_array_size(next) - 1);
    if (!json_is_object(next)) {
      refuse(reader, "a key is both a value and a table");
      return NULL;
    }
    table = next;
  }
  return table;
}

/* ---- values --------------------------------------------------------------------------- */

static int read_value(struct reader *reader, json_t **value);

static int read_pair(struct reader *reader, json_t *table) {
  struct hp_strings key = {0};
  json_t *value = NULL;
  int result = -1;
  if (read_key(reader, &key) != 0)
    goto done;
  if (!take(reader, "=")) {
    refuse(reader, "a key has no = after it");
    goto done;
  }
  skip_blanks(reader);
  json_t *place = descend(reader, table, &key, key.count - 1);
  if (!place || read_value(reader, &value) != 0)
    goto done;
  const char *name = key.items[key.count - 1];
  if (json_object_get(place, name))
    refuse(reader, "a key is there for the second time");
  else if (json_object_set(place, name, value) != 0)
    refuse(reader, "a key is not UTF-8");
  else
    result = 0;
done:
  json_decref(value);
  hp_strings_clear(&key);
  return result;
}

static int read_array(struct reader *reader, json_t *array) {
  for (bool first = true;; first = false) {
    json_t *element;
    skip_all(reader);
    if (take(reader, "]"))
      return 0;
    if (!first && !take(reader, ","))
      return refuse(reader, "an array has no comma or no end");
    skip_all(reader);
    if (take(reader, "]")) /* after a last comma */
      return first ? refuse(reader, "an array begins with a comma") : 0;
    if (read_value(reader, &element) != 0)
      return -1;
    json_array_append_new(array, element);
  }
}

static int read_inline(struct reader *reader, json_t *table) {
  for (bool first = true;; first = false) {
    skip_blanks(reader);
    if (take(reader, "}"))
      return 0;
    if (!first && !take(reader, ","))
      return refuse(reader, "a table in braces has no comma or no end");
    if (read_pair(reader, table) != 0)
      return -1;
  }
}

/* Numbers, truth, dates: text up to what can follow a value. */
static int read_word(struct reader *reader, json_t **value) {
  const char *begin = reader->at;
  while (reader->at < reader->end && !strchr(",]}# \t\r\n", *reader->at))
    reader->at++;
  size_t length = (size_t)(reader->at - begin);
  if (length == 0 || length > 64 || memchr(begin, 0, length))
    return refuse(reader, "a value is missing or not understood");
  char *word = hp_strndup(begin, length), *end;
  long long number = strtoll(word, &end, 10);
  if (hp_text_is_among(word, "true\0false\0"))
    *value = json_boolean(word[0] == 't');
  else if (!*end)
    *value = json_integer(number);
  else if (strchr("0123456789+-in", word[0]))
    *value = json_string(word);
  else
    *value = NULL;
  free(word);
  return *value ? 0 : refuse(reader, "a value is not understood: a text wants quotation marks");
}

static int read_text_value(struct reader *reader, const char *quote, json_t **value) {
  char *text;
  if (read_string(reader, quote, &text) != 0)
    return -1;
  *value = json_string(text);
  free(text);
  return *value ? 0 : refuse(reader, "a string is not UTF-8");
}

static int read_value(struct reader *reader, json_t **value) {
  static const char *const quotes[] = {"\"\"\"", "'''", "\"", "'"};
  int result;
  *value = NULL;
  for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++)
    if (at(reader, quotes[i]))
      return read_text_value(reader, quotes[i], value);
  if (!at(reader, "[") && !at(reader, "{"))
    return read_word(reader, value);
  if (reader->depth == DEPTH_MAX)
    return refuse(reader, "arrays and tables are nested too deep");
  reader->depth++;
  if (take(reader, "[")) {
    *value = json_array();
    result = read_array(reader, *value);
  } else {
    reader->at++;
    *value = json_object();
    result = read_inline(reader, *value);
  }
  reader->depth--;
  if (result != 0) {
    json_decref(*value);
    *value = NULL;
  }
  return result;
}

/* ---- tables ------------------------------------------------------------------------------ */

/* The table of an array's new element. */
static json_t *begin_element(struct reader *reader, json_t *place, const char *name) {
  json_t *array = json_object_get(place, name);
  if (!array) {
    array = json_array();
    if (json_object_set_new(place, name, array) != 0)
      array = NULL;
  }
  if (!json_is_array(array)) {
    refuse(reader, "an array of tables is something else before");
    return NULL;
  }
  json_t *table = json_object();
  json_array_append_new(array, table);
  return table;
}

static int begin_table(struct reader *reader, json_t *root, json_t **table) {
  struct hp_strings key = {0};
  bool element = take(reader, "[["), closed;
  const char *begin = reader->at;
  int result = -1;
  if (!element)
    begin = ++reader->at;
  if (read_key(reader, &key) != 0)
    goto done;
  size_t length = (size_t)(reader->at - begin);
  closed = take(reader, element ? "]]" : "]");
  if (!closed) {
    refuse(reader, "a table's name has no ] after it");
    goto done;
  }
  char *header = hp_strndup(begin, length);
  bool again = !element && hp_strings_has(&reader->headers, header);
  hp_strings_take(&reader->headers, header);
  if (again) {
    refuse(reader, "a table is there for the second time");
    goto done;
  }
  *table = descend(reader, root, &key, element ? key.count - 1 : key.count);
  if (*table && element)
    *table = begin_element(reader, *table, key.items[key.count - 1]);
  if (*table)
    result = end_line(reader);
done:
  hp_strings_clear(&key);
  return result;
}

json_t *hp_toml_parse(const char *text, size_t length, struct hp_error *err) {
  struct reader reader = {.at = text, .end = text + length, .line = 1, .err = err};
  json_t *root = json_object(), *table = root;
  int result = 0;
  take(&reader, "\xef\xbb\xbf");
  for (skip_all(&reader); result == 0 && reader.at < reader.end; skip_all(&reader)) {
    if (at(&reader, "["))
      result = begin_table(&reader, root, &table);
    else if ((result = read_pair(&reader, table)) == 0)
      result = end_line(&reader);
    if (result != 0)
      break;
  }
  hp_strings_clear(&reader.headers);
  if (result == 0)
    return root;
  json_decref(root);
  return NULL;
}
