#include "host/linux/cgroup_path.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define FIELD "linux.cgroupsPath"
#define SLICE ".slice"

static bool ends_with(const char *text, const char *suffix) {
  size_t length = strlen(text), tail = strlen(suffix);
  return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

static int check_component(const char *name, size_t length, const char *whole, struct hp_error *err) {
  if ((length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.'))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        FIELD " \"%s\" has a \".\" or \"..\" component: give the directory itself", whole);
  if (length > NAME_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        FIELD " has a component of %zu bytes: the kernel takes at most %d", length, NAME_MAX);
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
      return hp_error_set(err, HP_INVALID_ARGUMENT, FIELD " \"%s\" has a control character", whole);
  return 0;
}

/* Puts text's components, each checked, one slash before each, into *path. */
static int clean(const char *text, char **path, struct hp_error *err) {
  if (strlen(text) >= PATH_MAX / 2)
    return hp_error_set(err, HP_INVALID_ARGUMENT, FIELD " is %zu bytes long: at most %d are taken",
                        strlen(text), PATH_MAX / 2 - 1);
  char *out = hp_alloc(strlen(text) + 2);
  size_t used = 0, depth = 0;
  for (const char *at = text; *at != '\0';) {
    size_t length = strcspn(at, "/");
    if (length > 0) {
      if (check_component(at, length, text, err) < 0)
        goto failed;
      if (++depth > HP_CGROUP_DEPTH_MAX) {
        hp_error_set(err, HP_INVALID_ARGUMENT, FIELD " \"%s\" is nested deeper than %d directories", text,
                     HP_CGROUP_DEPTH_MAX);
        goto failed;
      }
      out[used++] = '/';
      memcpy(out + used, at, length);
      used += length;
    }
    at += length + (at[length] == '/');
  }
  if (used == 0) {
    hp_error_set(err, HP_INVALID_ARGUMENT,
                 FIELD " \"%s\" is the root of the hierarchy: name a directory below it", text);
    goto failed;
  }
  *path = out;
  return 0;

failed:
  free(out);
  return -1;
}

/* "a-b.slice" is /a.slice/a-b.slice, "-.slice" is the root (systemd.slice(5)). */
static int expand_slice(const char *slice, const char *whole, char **path, struct hp_error *err) {
  size_t stem = strlen(slice) - strlen(SLICE); /* used only where the suffix is there */
  if (!ends_with(slice, SLICE) || stem == 0)
    return hp_error_set(err, HP_INVALID_ARGUMENT, FIELD " \"%s\": the slice \"%s\" must end with " SLICE,
                        whole, slice);
  if (stem == 1 && slice[0] == '-') {
    *path = hp_strdup("");
    return 0;
  }
  char *out = hp_strdup("");
  for (size_t at = 0; at <= stem;) {
    size_t end = at;
    while (end < stem && slice[end] != '-')
      end++;
    if (end == at) {
      free(out);
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          FIELD " \"%s\": the slice \"%s\" has nothing between two dashes", whole, slice);
    }
    char *longer = hp_printf("%s/%.*s" SLICE, out, (int)end, slice);
    free(out);
    out = longer;
    at = end + 1;
    if (strlen(out) >= PATH_MAX / 2)
      break; /* refused by clean() */
  }
  *path = out;
  return 0;
}

static int expand_systemd(const char *text, char **path, struct hp_error *err) {
  const char *first = strchr(text, ':'), *second = strchr(first + 1, ':');
  char *slice = first == text ? hp_strdup("system.slice") : hp_strndup(text, (size_t)(first - text));
  char *prefix = hp_strndup(first + 1, (size_t)(second - first - 1));
  const char *name = second + 1;
  char *parent = NULL, *full = NULL;
  int result = -1;
  if (*name == '\0') {
    hp_error_set(err, HP_INVALID_ARGUMENT, FIELD " \"%s\" has no unit name after its second colon", text);
    goto done;
  }
  if (expand_slice(slice, text, &parent, err) < 0)
    goto done;
  if (ends_with(name, SLICE))
    full = hp_printf("%s/%s", parent, name);
  else
    full = hp_printf("%s/%s%s%s.scope", parent, prefix, *prefix ? "-" : "", name);
  result = clean(full, path, err);

done:
  free(slice);
  free(prefix);
  free(parent);
  free(full);
  return result;
}

static bool is_systemd(const char *text) {
  size_t colons = 0;
  for (const char *at = text; *at != '\0'; at++) {
    if (*at == '/')
      return false;
    colons += *at == ':';
  }
  return colons == 2;
}

int hp_cgroup_path(const char *cgroups_path, const char *namespace_name, const char *id, char **path,
                   struct hp_error *err) {
  if (cgroups_path != NULL && *cgroups_path != '\0') {
    if (strlen(cgroups_path) < PATH_MAX / 2 && is_systemd(cgroups_path))
      return expand_systemd(cgroups_path, path, err);
    return clean(cgroups_path, path, err);
  }
  if (*namespace_name == '\0' || *id == '\0' || strchr(namespace_name, '/') || strchr(id, '/'))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "namespace \"%s\" and container id \"%s\" must be names without a slash",
                        namespace_name, id);
  char *joined = hp_printf(HP_CGROUP_OWN "/%s/%s", namespace_name, id);
  int result = clean(joined, path, err);
  free(joined);
  return result;
}

int hp_cgroup_parent_path(const char *cgroup_parent, char **path, struct hp_error *err) {
  if (strchr(cgroup_parent, '/') != NULL || !ends_with(cgroup_parent, SLICE))
    return clean(cgroup_parent, path, err);
  char *expanded = NULL;
  if (expand_slice(cgroup_parent, cgroup_parent, &expanded, err) < 0)
    return -1;
  int result = clean(expanded, path, err);
  free(expanded);
  return result;
}

int hp_cgroup_path_check(const char *path, struct hp_error *err) {
  char *cleaned = NULL;
  if (clean(path, &cleaned, err) < 0)
    return -1;
  bool same = strcmp(cleaned, path) == 0;
  free(cleaned);
  if (!same)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "\"%s\" is not a plain absolute cgroup path", path);
  return 0;
}
