#include "stdio/endpoint.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "stdio/endpoint_system.h"

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

/* Undoes percent-encoding; in a query '+' is a space. NULL: a broken escape or
 * a NUL byte. */
static char *decode(const char *text, size_t length, bool query) {
  char *out = hp_alloc(length + 1);
  size_t used = 0;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (c == '%') {
      int high = i + 1 < length ? hex_digit(text[i + 1]) : -1;
      int low = i + 2 < length ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0)) {
        free(out);
        return NULL;
      }
      c = (char)(high * 16 + low);
      i += 2;
    } else if (query && c == '+') {
      c = ' ';
    }
    out[used++] = c;
  }
  return out;
}

static bool has_key(const struct hp_strings *args, const char *key) {
  for (size_t i = 0; i < args->count; i += 2)
    if (strcmp(args->items[i], key) == 0)
      return true;
  return false;
}

/* As containerd does it, but in order of appearance, which its map has not. */
static int parse_query(const char *query, struct hp_strings *args) {
  while (*query) {
    size_t length = strcspn(query, "&");
    const char *equals = memchr(query, '=', length);
    size_t key_length = equals ? (size_t)(equals - query) : length;
    if (length > 0) {
      char *key = decode(query, key_length, true);
      char *value = equals ? decode(equals + 1, length - key_length - 1, true) : hp_strdup("");
      if (!key || !value) {
        free(key);
        free(value);
        return -1;
      }
      if (has_key(args, key)) {
        free(key);
        free(value);
      } else {
        hp_strings_take(args, key);
        hp_strings_take(args, value);
      }
    }
    query += length + (query[length] == '&');
  }
  return 0;
}

static bool take_scheme(const char *name, const char *scheme, const char **rest) {
  size_t length = strlen(scheme);
  if (strncmp(name, scheme, length) != 0)
    return false;
  *rest = name + length;
  return true;
}

static int parse_uri(const char *stream, const char *name, const char *rest, struct hp_endpoint *endpoint,
                     struct hp_error *err) {
  size_t whole = strcspn(rest, "#");
  size_t length = strcspn(rest, "?#");
  char *path = decode(rest, length, false);
  int status = path ? 0 : -1;
  if (status == 0 && length < whole && endpoint->kind >= HP_ENDPOINT_BINARY) {
    char *query = hp_strndup(rest + length + 1, whole - length - 1);
    status = parse_query(query, &endpoint->args);
    free(query);
  }
  if (path)
    endpoint->path = hp_endpoint_uri_path(endpoint->kind, path);
  free(path);
  if (status != 0)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "%s: \"%s\" has a broken percent-escape; write %%25 for a percent sign", stream,
                        name);
  if (!endpoint->path)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "%s: \"%s\" names a host or a relative path; %s", stream,
                        name, hp_endpoint_uri_form);
  return 0;
}

static int parse(const char *stream, const char *name, struct hp_endpoint *endpoint, struct hp_error *err) {
  if (!name || !*name)
    return 0;
  if (strlen(name) > HP_ENDPOINT_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "%s: the name \"%.64s…\" is longer than %d bytes", stream,
                        name, HP_ENDPOINT_MAX);
  const char *rest;
  endpoint->path = hp_endpoint_bare_path(name);
  if (endpoint->path) {
    endpoint->kind = HP_ENDPOINT_PATH;
    return 0;
  }
  if (take_scheme(name, hp_endpoint_path_scheme, &rest))
    endpoint->kind = HP_ENDPOINT_PATH;
  else if (take_scheme(name, "file://", &rest))
    endpoint->kind = HP_ENDPOINT_FILE;
  else if (take_scheme(name, "binary://", &rest))
    endpoint->kind = HP_ENDPOINT_BINARY;
  else if (take_scheme(name, "binary-v2://", &rest))
    endpoint->kind = HP_ENDPOINT_BINARY_V2;
  else
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "%s: \"%s\" is neither %s nor a URI that this system has; use %s", stream, name,
                        hp_endpoint_bare_form, hp_endpoint_remedy);
  return parse_uri(stream, name, rest, endpoint, err);
}

int hp_endpoint_parse(const char *stream, const char *name, struct hp_endpoint *endpoint,
                      struct hp_error *err) {
  *endpoint = (struct hp_endpoint){.kind = HP_ENDPOINT_NULL};
  int status = parse(stream, name, endpoint, err);
  if (status != 0)
    hp_endpoint_clear(endpoint);
  return status;
}

void hp_endpoint_clear(struct hp_endpoint *endpoint) {
  free(endpoint->path);
  hp_strings_clear(&endpoint->args);
  *endpoint = (struct hp_endpoint){.kind = HP_ENDPOINT_NULL};
}
