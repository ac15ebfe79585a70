/* The environment block of a process (contract, section 5). */
#include <stdlib.h>
#include <string.h>

#include "spec/command_windows.h"
#include "spec/text.h"

struct variable {
  char *entry; /* NAME=value, owned */
  size_t name_length, position;
};

struct block {
  struct variable *variables;
  size_t count;
};

static char upper(char c) {
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Windows wants the block in the order of the names in capitals. */
static int compare_names(const struct variable *a, const struct variable *b) {
  size_t shorter = a->name_length < b->name_length ? a->name_length : b->name_length;
  for (size_t i = 0; i < shorter; i++) {
    unsigned char left = (unsigned char)upper(a->entry[i]), right = (unsigned char)upper(b->entry[i]);
    if (left != right)
      return left < right ? -1 : 1;
  }
  if (a->name_length != b->name_length)
    return a->name_length < b->name_length ? -1 : 1;
  return 0;
}

static int by_name_then_position(const void *left, const void *right) {
  const struct variable *a = left, *b = right;
  int order = compare_names(a, b);
  return order != 0 ? order : a->position < b->position ? -1 : a->position > b->position;
}

static bool has_name(const char *entry, const char *name) {
  size_t length = strlen(name);
  return hp_text_starts(entry, name) && entry[length] == '=';
}

static void add(struct block *block, char *entry) {
  const char *equals = strchr(entry, '=');
  block->variables[block->count] =
      (struct variable){entry, equals ? (size_t)(equals - entry) : strlen(entry), block->count};
  block->count++;
}

/* cmd.exe's hidden "=C:=…" and entries without a name are left out. */
static void add_list(struct block *block, const struct hp_strings *list, const char *mount_point) {
  for (size_t i = 0; i < list->count; i++) {
    const char *entry = list->items[i], *equals = strchr(entry, '=');
    if (!equals || equals == entry || has_name(entry, HP_MOUNT_POINT_VARIABLE))
      continue;
    char *value = mount_point ? hp_command_expand(equals + 1, mount_point) : hp_strdup(equals + 1);
    add(block, hp_printf("%.*s=%s", (int)(equals - entry), entry, value));
    free(value);
  }
}

static bool has(const struct block *block, const char *name) {
  for (size_t i = 0; i < block->count; i++)
    if (has_name(block->variables[i].entry, name))
      return true;
  return false;
}

static char *extended_path(const char *path, const struct hp_command_windows_host *host) {
  return hp_printf("%s%s%s;%s\\System32\\WindowsPowerShell\\v1.0;%s\\System32\\Wbem", path,
                   path[strlen("PATH=")] ? ";" : "", host->mount_point, host->system_root, host->system_root);
}

static void emit(struct block *block, const struct hp_command_windows_host *host, struct hp_strings *out) {
  qsort(block->variables, block->count, sizeof *block->variables, by_name_then_position);
  for (size_t i = 0; i < block->count; i++) {
    struct variable *variable = &block->variables[i];
    bool wins = i + 1 == block->count || compare_names(variable, variable + 1) != 0;
    if (wins && host->mount_point && has_name(variable->entry, "PATH"))
      hp_strings_take(out, extended_path(variable->entry, host));
    else if (wins)
      hp_strings_add(out, variable->entry);
    free(variable->entry);
  }
}

void hp_command_windows_environment(const struct hp_strings *base, const struct hp_strings *env,
                                    const struct hp_command_windows_host *host, struct hp_strings *out) {
  struct block block = {hp_alloc((base->count + env->count + 3) * sizeof *block.variables), 0};
  add_list(&block, base, NULL);
  add_list(&block, env, host->mount_point);
  if (!has(&block, "SYSTEMROOT"))
    add(&block, hp_printf("SYSTEMROOT=%s", host->system_root));
  if (!has(&block, "PATH"))
    add(&block, hp_printf("PATH=%s\\System32;%s", host->system_root, host->system_root));
  if (host->mount_point)
    add(&block, hp_printf(HP_MOUNT_POINT_VARIABLE "=%s", host->mount_point));
  emit(&block, host, out);
  free(block.variables);
}
