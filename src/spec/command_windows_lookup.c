/* Where a program and a working directory may be (contract, sections 4 and 5). */
#include <stdlib.h>
#include <string.h>

#include "spec/command_windows.h"
#include "spec/place.h"
#include "spec/text.h"

#define PATH_ENTRIES_MAX 1024u
#define PATH_LENGTH_MAX 32766u
#define SEARCHED_NAME_MAX 1024u /* a longer one is not looked for in PATH: it costs memory per entry */

/* ---- paths ------------------------------------------------------------------------ */

static bool is_separator(char c) {
  return c == '\\' || c == '/';
}

enum form {
  DRIVE_ABSOLUTE, /* C:\x */
  DRIVE_RELATIVE, /* C:x: the current directory of another drive */
  DEVICE,         /* \\server\share\x, \\?\C:\x */
  ROOTED,         /* \x */
  RELATIVE,
};

static enum form form_of(const char *path) {
  if (hp_place_has_drive(path))
    return is_separator(path[2]) ? DRIVE_ABSOLUTE : DRIVE_RELATIVE;
  if (is_separator(path[0]))
    return is_separator(path[1]) ? DEVICE : ROOTED;
  return RELATIVE;
}

/* Backslashes alone, none at the end but of C:\ itself. */
static char *tidy(const char *path) {
  char *copy = hp_strdup(path);
  for (char *at = copy; *at; at++)
    if (*at == '/')
      *at = '\\';
  size_t length = strlen(copy);
  while (length > 1 && copy[length - 1] == '\\' && !(length == 3 && copy[1] == ':'))
    copy[--length] = 0;
  return copy;
}

/* One backslash at the seam. */
static char *join(const char *folder, const char *name) {
  size_t length = strlen(folder);
  while (length > 0 && is_separator(folder[length - 1]))
    length--;
  while (is_separator(*name))
    name++;
  return hp_printf("%.*s\\%s", (int)length, folder, name);
}

/* The same path on the host's system drive. */
static char *on_system_drive(const char *rooted, const struct hp_command_windows_host *host) {
  return hp_printf("%.2s%s", host->system_root, rooted);
}

static bool is_below(const char *path, const char *folder) {
  size_t length = strlen(folder);
  return hp_text_starts(path, folder) && (path[length] == 0 || is_separator(path[length]));
}

/* ---- programs ----------------------------------------------------------------------- */

static const char *const extensions[] = {".com", ".exe", ".bat", ".cmd"};
#define EXTENSION_COUNT (sizeof extensions / sizeof extensions[0])

static bool has_extension(const char *path) {
  size_t length = strlen(path);
  for (size_t i = 0; i < EXTENSION_COUNT; i++)
    if (length > 4 && hp_text_same(path + length - 4, extensions[i]))
      return true;
  return false;
}

static void add(struct hp_strings *out, const char *path, const char *extension) {
  if (strlen(path) + strlen(extension) <= PATH_LENGTH_MAX)
    hp_strings_take(out, hp_printf("%s%s", path, extension));
}

/* A name with one of the extensions is first what it says, another one last. */
static void add_variants(struct hp_strings *out, const char *path) {
  bool exact_first = has_extension(path);
  if (exact_first)
    add(out, path, "");
  for (size_t i = 0; i < EXTENSION_COUNT; i++)
    add(out, path, extensions[i]);
  if (!exact_first)
    add(out, path, "");
}

static void add_in(struct hp_strings *out, const char *folder, const char *name) {
  char *path = join(folder, name);
  add_variants(out, path);
  free(path);
}

/* The next entry of PATH; quotation marks keep a semicolon and are dropped. */
static char *next_entry(const char **path) {
  char *entry = hp_alloc(strlen(*path) + 1), *end = entry;
  bool quoted = false;
  for (; **path && (quoted || **path != ';'); ++*path) {
    if (**path == '"')
      quoted = !quoted;
    else
      *end++ = **path;
  }
  *path += **path == ';';
  return entry;
}

static void add_on_path(struct hp_strings *out, const char *path, const char *name, const char *cwd,
                        const struct hp_command_windows_host *host) {
  for (size_t entries = 0; *path && entries < PATH_ENTRIES_MAX; entries++) {
    char *entry = next_entry(&path), *folder = tidy(entry);
    switch (form_of(folder)) {
    case RELATIVE:
    case ROOTED:
      if (*folder) {
        char *whole = form_of(folder) == ROOTED ? on_system_drive(folder, host) : join(cwd, folder);
        add_in(out, whole, name);
        free(whole);
      }
      break;
    case DRIVE_ABSOLUTE:
    case DEVICE:
      add_in(out, folder, name);
      break;
    case DRIVE_RELATIVE: /* of a directory that the container does not have */
      break;
    }
    free(folder);
    free(entry);
  }
}

static const char *find_path(const struct hp_strings *env) {
  const char *path = "";
  for (size_t i = 0; i < env->count; i++)
    if (hp_text_starts(env->items[i], "PATH="))
      path = env->items[i] + strlen("PATH=");
  return path;
}

static void add_searched(struct hp_strings *out, const char *name, const char *cwd,
                         const struct hp_strings *env, const struct hp_command_windows_host *host) {
  add_in(out, cwd, name);
  /* .\x and ..\x speak of the working directory and of nothing else. */
  if (strncmp(name, ".\\", 2) == 0 || strncmp(name, "..\\", 3) == 0 || strlen(name) > SEARCHED_NAME_MAX)
    return;
  add_on_path(out, find_path(env), name, cwd, host);
  char *system = join(host->system_root, "System32");
  add_in(out, system, name);
  add_in(out, host->system_root, name);
  free(system);
}

void hp_command_windows_candidates(const char *program, const char *cwd, const struct hp_strings *env,
                                   const struct hp_command_windows_host *host, struct hp_strings *out) {
  if (!*program || is_separator(program[strlen(program) - 1]))
    return;
  char *name = tidy(program), *whole = NULL;
  switch (form_of(name)) {
  case RELATIVE:
    add_searched(out, name, cwd, env, host);
    break;
  case ROOTED:
    whole = on_system_drive(name, host);
    add_variants(out, whole);
    add_in(out, host->mount_point, name);
    break;
  case DRIVE_ABSOLUTE:
    add_variants(out, name);
    if (!is_below(name, host->mount_point) && !hp_text_climbs(name, "\\"))
      add_in(out, host->mount_point, name + 2);
    break;
  case DEVICE:
    add_variants(out, name);
    break;
  case DRIVE_RELATIVE:
    break;
  }
  free(whole);
  free(name);
}

/* ---- working directory ------------------------------------------------------------------ */

static bool nobody_chose(const char *cwd, bool bind) {
  return !*cwd || hp_text_same(cwd, "C:\\hpc") || (!bind && hp_text_same(cwd, "C:\\"));
}

static void add_place(struct hp_command_windows_directory *out, size_t *count, char *path, bool create) {
  out[(*count)++] = (struct hp_command_windows_directory){path, create};
}

static void add_places(const char *cwd, enum form form, bool bind, const struct hp_command_windows_host *host,
                       struct hp_command_windows_directory *out, size_t *count) {
  const char *below = form == DRIVE_ABSOLUTE ? cwd + 2 : cwd;
  if (form == DRIVE_ABSOLUTE && is_below(cwd, host->mount_point)) {
    add_place(out, count, hp_strdup(cwd), true);
    return;
  }
  if (form == DEVICE) {
    add_place(out, count, hp_strdup(cwd), false);
    return;
  }
  if (form != RELATIVE) {
    if (!bind)
      add_place(out, count, join(host->mount_point, below), false);
    add_place(out, count, form == ROOTED ? on_system_drive(cwd, host) : hp_strdup(cwd), false);
  }
  add_place(out, count, join(host->mount_point, below), true);
}

int hp_command_windows_directories(const char *cwd, bool bind, const struct hp_command_windows_host *host,
                                   struct hp_command_windows_directory out[HP_COMMAND_DIRECTORIES_MAX],
                                   size_t *count, struct hp_error *err) {
  char *path = tidy(cwd ? cwd : "");
  enum form form = form_of(path);
  int result = 0;
  *count = 0;
  if (nobody_chose(path, bind))
    add_place(out, count, hp_strdup(host->mount_point), false);
  else if (form == DRIVE_RELATIVE)
    result = hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "process.cwd: \"%.1024s\" has a drive but no backslash after it: write \"%.2s\\%.1024s\"", path, path,
        path + 2);
  else if (hp_text_climbs(path, "\\"))
    result = hp_error_set(err, HP_INVALID_ARGUMENT,
                          "process.cwd: \"%.1024s\" has \"..\" in it: write the directory it means", path);
  else
    add_places(path, form, bind, host, out, count);
  free(path);
  return result;
}
