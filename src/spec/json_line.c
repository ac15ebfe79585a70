/* jansson keeps no positions: the text is walked once more, along the path of a
 * field. It has passed hp_json_load, so it is well formed; on one that is not,
 * the walk ends early. */
#include <string.h>

#include "spec/json.h"

struct walk {
  const char *at, *end;
  unsigned line;  /* of at */
  unsigned found; /* of the key or element that was entered last */
};

static bool is_at(const struct walk *walk, char c) {
  return walk->at < walk->end && *walk->at == c;
}

static void step(struct walk *walk) {
  if (is_at(walk, '\n'))
    walk->line++;
  walk->at++;
}

static void skip_space(struct walk *walk) {
  while (walk->at < walk->end && strchr(" \t\r\n", *walk->at))
    step(walk);
}

static void skip_string(struct walk *walk) {
  for (walk->at++; walk->at < walk->end && *walk->at != '"'; walk->at++)
    if (*walk->at == '\\' && walk->at + 1 < walk->end)
      walk->at++;
  if (walk->at < walk->end)
    walk->at++;
}

static void skip_value(struct walk *walk) {
  size_t depth = 0;
  while (walk->at < walk->end) {
    char c = *walk->at;
    if (depth == 0 && strchr(",]} \t\r\n", c))
      return;
    if (c == '"') {
      skip_string(walk);
      continue;
    }
    depth += c == '{' || c == '[';
    depth -= c == '}' || c == ']';
    step(walk);
  }
}

/* An object's members or an array's elements: past the value and its comma. */
static void next(struct walk *walk) {
  skip_value(walk);
  skip_space(walk);
  if (is_at(walk, ','))
    walk->at++;
  skip_space(walk);
}

/* token is quoted, and may be written with escapes. */
static bool spells(const char *token, size_t length, const char *key) {
  json_t *text = json_loadb(token, length, JSON_DECODE_ANY, NULL);
  bool same = text && strcmp(json_string_value(text), key) == 0;
  json_decref(text);
  return same;
}

static bool enter_member(struct walk *walk, const char *key) {
  if (!is_at(walk, '{'))
    return false;
  walk->at++;
  skip_space(walk);
  while (is_at(walk, '"')) {
    const char *token = walk->at;
    walk->found = walk->line;
    skip_string(walk);
    bool same = spells(token, (size_t)(walk->at - token), key);
    skip_space(walk);
    if (!is_at(walk, ':'))
      return false;
    walk->at++;
    skip_space(walk);
    if (same)
      return true;
    next(walk);
  }
  return false;
}

static bool enter_element(struct walk *walk, size_t index) {
  if (!is_at(walk, '['))
    return false;
  walk->at++;
  skip_space(walk);
  while (index-- > 0 && walk->at < walk->end)
    next(walk);
  walk->found = walk->line;
  return walk->at < walk->end && !is_at(walk, ']');
}

static bool enter(struct walk *walk, const struct hp_json *at) {
  if (at->parent)
    return enter(walk, at->parent) &&
           (at->key ? enter_member(walk, at->key) : enter_element(walk, at->index));
  skip_space(walk);
  walk->found = walk->line;
  return walk->at < walk->end;
}

unsigned hp_json_line(const char *data, size_t length, const struct hp_json *at) {
  struct walk walk = {.at = data, .end = data + length, .line = 1};
  return enter(&walk, at) ? walk.found : 0;
}
