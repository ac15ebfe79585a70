/* Which of the candidates is there. Runs as the container's account, or inside
 * its silo, so that it finds what the account can reach and no more. */
#include <stdlib.h>
#include <string.h>

#include "host/windows/launch.h"
#include "host/windows/text.h"

#define LONG_PATH 248 /* CreateDirectory's limit without \\?\; files have a few more */

wchar_t *hp_lookup_wide(const char *path) {
  wchar_t *given = hp_wide(path);
  DWORD room = GetFullPathNameW(given, 0, NULL, NULL);
  wchar_t *full = hp_alloc((room + 5) * sizeof *full); /* room for \\?\ in front */
  DWORD length = room > 0 ? GetFullPathNameW(given, room, full, NULL) : 0;
  if (length == 0 || length >= room) { /* Windows says why when it is opened */
    free(full);
    return given;
  }
  free(given);
  if (length >= LONG_PATH && full[1] == L':') {
    memmove(full + 4, full, (length + 1) * sizeof *full);
    memcpy(full, L"\\\\?\\", 4 * sizeof *full);
  }
  return full;
}

enum kind { NOTHING, A_FILE, A_DIRECTORY };

/* *code is kept from the first thing that is there but cannot be looked at. */
static enum kind look_at(const char *path, DWORD *code) {
  wchar_t *wide = hp_lookup_wide(path);
  DWORD attributes = GetFileAttributesW(wide);
  DWORD failure = attributes == INVALID_FILE_ATTRIBUTES ? GetLastError() : ERROR_SUCCESS;
  free(wide);
  if (failure == ERROR_ACCESS_DENIED && *code == ERROR_SUCCESS)
    *code = failure;
  if (failure != ERROR_SUCCESS)
    return NOTHING;
  return attributes & FILE_ATTRIBUTE_DIRECTORY ? A_DIRECTORY : A_FILE;
}

/* ---- working directory ----------------------------------------------------------------- */

/* Makes path and what is missing above it, below the volume. */
static DWORD make_directories(const char *path, const char *volume) {
  DWORD code = ERROR_SUCCESS;
  char *part = hp_strdup(path);
  for (size_t end = strlen(volume) + 1; code == ERROR_SUCCESS && end <= strlen(path); end++) {
    if (path[end] != '\\' && path[end] != '\0')
      continue;
    part[end] = '\0';
    wchar_t *wide = hp_lookup_wide(part);
    code = CreateDirectoryW(wide, NULL) ? ERROR_SUCCESS : GetLastError();
    if (code == ERROR_ALREADY_EXISTS)
      code = ERROR_SUCCESS;
    free(wide);
    part[end] = path[end];
  }
  free(part);
  return code;
}

int hp_lookup_directory(const struct hp_launch *launch, char **directory, struct hp_error *err) {
  DWORD code = ERROR_SUCCESS;
  const char *last = "";
  for (size_t i = 0; i < launch->directory_count; i++) {
    const struct hp_command_windows_directory *place = &launch->directories[i];
    last = place->path;
    enum kind kind = look_at(place->path, &code);
    if (kind == NOTHING && place->create) {
      code = make_directories(place->path, launch->volume);
      kind = look_at(place->path, &code);
    }
    if (kind == A_DIRECTORY) {
      *directory = hp_strdup(place->path);
      return 0;
    }
    if (kind == A_FILE && code == ERROR_SUCCESS)
      code = ERROR_DIRECTORY;
  }
  return hp_error_set_os(err, (int)(code ? code : ERROR_PATH_NOT_FOUND),
                         "process.cwd: cannot use %s as the working directory", last);
}

/* ---- program ----------------------------------------------------------------------------- */

static char *first_file(const struct hp_launch *launch, const char *program, const char *directory,
                        DWORD *code) {
  const struct hp_command_windows_host host = {launch->volume, launch->system_root};
  struct hp_strings candidates = {0};
  char *found = NULL;
  hp_command_windows_candidates(program, directory, &launch->env, &host, &candidates);
  for (size_t i = 0; i < candidates.count && !found; i++)
    if (look_at(candidates.items[i], code) == A_FILE)
      found = hp_strdup(candidates.items[i]);
  hp_strings_clear(&candidates);
  return found;
}

static int not_found(const char *program, const char *volume, DWORD code, struct hp_error *err) {
  if (code != ERROR_SUCCESS)
    return hp_error_set_os(err, (int)code, "exec: \"%.1024s\": the account may not look at it", program);
  return hp_error_set_os(err, ERROR_FILE_NOT_FOUND,
                         "exec: \"%.1024s\": executable file not found in %%PATH%%, nor in the working "
                         "directory or the container volume %s",
                         program, volume);
}

int hp_lookup_program(const struct hp_launch *launch, const char *directory, char **file, size_t *rest,
                      struct hp_error *err) {
  DWORD code = ERROR_SUCCESS;
  *rest = 0;
  if (!launch->command_line) {
    *file = first_file(launch, launch->args.items[0], directory, &code);
    return *file ? 0 : not_found(launch->args.items[0], launch->volume, code, err);
  }
  struct hp_command_windows_word *words;
  size_t count = hp_command_windows_words(launch->command_line, &words);
  *file = NULL;
  for (size_t i = 0; i < count && !*file; i++) {
    *file = first_file(launch, words[i].program, directory, &code);
    *rest = words[i].end;
  }
  int result = *file ? 0 : not_found(count > 0 ? words[0].program : "", launch->volume, code, err);
  hp_command_windows_words_free(words, count);
  return result;
}
