#include "spec/command.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/text.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_LENGTH_MAX 4095u /* what execve takes */
#define PATH_ENTRIES_MAX 1024u

/* ---- the mount point variable ---------------------------------------------- */

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Bytes of the reference to the variable that text begins with; 0: none. */
static size_t reference(const char *text) {
  static const struct {
    const char *before, *after;
  } forms[] = {{"%", "%"}, {"${env:", "}"}, {"$env:", ""}, {"$", ""}};
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    const char *name = text + strlen(forms[i].before), *end = name + strlen(HP_MOUNT_POINT_VARIABLE);
    if (!hp_text_starts(text, forms[i].before) || !hp_text_starts(name, HP_MOUNT_POINT_VARIABLE))
      continue;
    if (forms[i].after[0] ? *end == forms[i].after[0] : !is_word(*end))
      return (size_t)(end - text) + strlen(forms[i].after);
  }
  return 0;
}

char *hp_command_expand(const char *text, const char *mount_point) {
  size_t references = 0, mount_length = strlen(mount_point);
  for (const char *in = text; *in;) {
    size_t length = reference(in);
    references += length > 0;
    in += length ? length : 1;
  }
  char *expanded = hp_alloc(strlen(text) + references * mount_length + 1), *out = expanded;
  while (*text) {
    size_t length = reference(text);
    if (length == 0) {
      *out++ = *text++;
      continue;
    }
    // NOLINTNEXTLINE(bugprone-not-null-terminated-result): hp_alloc() zeroed what follows
    memcpy(out, mount_point, mount_length);
    out += mount_length;
    text += length;
  }
  return expanded;
}

/* ---- environment -------------------------------------------------------------- */

struct variable {
  const char *entry;
  size_t name_length, position;
};

static int by_name_then_position(const void *left, const void *right) {
  const struct variable *a = left, *b = right;
  size_t shorter = a->name_length < b->name_length ? a->name_length : b->name_length;
  int order = memcmp(a->entry, b->entry, shorter);
  if (order != 0)
    return order;
  if (a->name_length != b->name_length)
    return a->name_length < b->name_length ? -1 : 1;
  return a->position < b->position ? -1 : a->position > b->position;
}

static bool same_name(const struct variable *a, const struct variable *b) {
  return a->name_length == b->name_length && memcmp(a->entry, b->entry, a->name_length) == 0;
}

static bool has_name(const char *entry, const char *name) {
  size_t length = strlen(name);
  return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* What of env counts: winners[i] tells whether entry i does. Sorted, for a
 * hostile list may be long. */
static bool *find_winners(const struct hp_strings *env) {
  bool *winners = hp_alloc(env->count * sizeof *winners);
  struct variable *variables = hp_alloc(env->count * sizeof *variables);
  size_t count = 0;
  for (size_t i = 0; i < env->count; i++) {
    const char *equals = strchr(env->items[i], '=');
    if (equals && equals != env->items[i])
      variables[count++] = (struct variable){env->items[i], (size_t)(equals - env->items[i]), i};
  }
  qsort(variables, count, sizeof *variables, by_name_then_position);
  for (size_t i = 0; i < count; i++)
    if (i + 1 == count || !same_name(&variables[i], &variables[i + 1]))
      winners[variables[i].position] = true;
  free(variables);
  return winners;
}

static char *extended_path(const char *path, const char *mount_point) {
  static const char *const folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                        "/usr/bin",        "/sbin",          "/bin"};
  char *text = hp_printf("PATH=%s", path);
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    char *longer = hp_printf("%s%s%s%s", text, i > 0 || *path ? ":" : "", mount_point, folders[i]);
    free(text);
    text = longer;
  }
  return text;
}

void hp_command_environment(const struct hp_strings *env, const char *mount_point, struct hp_strings *out) {
  bool *winners = find_winners(env);
  bool has_path = false;
  for (size_t i = 0; i < env->count; i++) {
    const char *entry = env->items[i];
    if (!winners[i] || has_name(entry, HP_MOUNT_POINT_VARIABLE))
      continue;
    const char *value = strchr(entry, '=') + 1;
    char *expanded = hp_command_expand(value, mount_point);
    if (has_name(entry, "PATH")) {
      has_path = true;
      hp_strings_take(out, extended_path(expanded, mount_point));
    } else {
      hp_strings_take(out, hp_printf("%.*s%s", (int)(value - entry), entry, expanded));
    }
    free(expanded);
  }
  if (!has_path)
    hp_strings_take(out, extended_path(DEFAULT_PATH, mount_point));
  hp_strings_take(out, hp_printf(HP_MOUNT_POINT_VARIABLE "=%s", mount_point));
  free(winners);
}

/* ---- look-up of the executable ---------------------------------------------------- */

/* Joins with single slashes at the seams; what execve would not take is left out. */
static void add_candidate(struct hp_strings *out, const char *base, const char *folder, size_t folder_length,
                          const char *name) {
  if (strlen(base) + folder_length + strlen(name) + 2 > PATH_LENGTH_MAX)
    return;
  char *path = hp_alloc(strlen(base) + folder_length + strlen(name) + 3), *end = path;
  const struct {
    const char *text;
    size_t length;
  } parts[] = {{base, strlen(base)}, {folder, folder_length}, {name, strlen(name)}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (parts[i].length == 0)
      continue;
    if (end != path && end[-1] != '/' && parts[i].text[0] != '/')
      *end++ = '/';
    size_t skip = end != path && end[-1] == '/' && parts[i].text[0] == '/';
    memcpy(end, parts[i].text + skip, parts[i].length - skip);
    end += parts[i].length - skip;
  }
  hp_strings_take(out, path);
}

static void add_path_candidates(const char *name, const char *cwd, const char *path, struct hp_strings *out) {
  for (size_t entries = 0; entries < PATH_ENTRIES_MAX; entries++) {
    const char *end = strchr(path, ':');
    size_t length = end ? (size_t)(end - path) : strlen(path);
    add_candidate(out, path[0] == '/' ? "" : cwd, path, length, name); /* an empty entry is the cwd */
    if (!end)
      return;
    path = end + 1;
  }
}

static bool is_below(const char *path, const char *folder) {
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

void hp_command_candidates(const char *arg0, const char *cwd, const struct hp_strings *env,
                           const char *mount_point, struct hp_strings *out) {
  const char *path = DEFAULT_PATH;
  for (size_t i = 0; i < env->count; i++)
    if (has_name(env->items[i], "PATH"))
      path = env->items[i] + strlen("PATH=");
  if (!*arg0)
    return;
  if (arg0[0] == '/') {
    add_candidate(out, "", "", 0, arg0);
    if (!is_below(arg0, mount_point))
      add_candidate(out, mount_point, "", 0, arg0);
    return;
  }
  if (strchr(arg0, '/'))
    add_candidate(out, cwd, "", 0, arg0);
  /* ./x and ../x speak of the working directory and of nothing else. */
  if (strncmp(arg0, "./", 2) != 0 && strncmp(arg0, "../", 3) != 0)
    add_path_candidates(arg0, cwd, path, out);
}
