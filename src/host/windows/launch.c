/* From what is asked for to a process: directory, program, command line, create. */
#include "host/windows/launch.h"

#include <stdlib.h>
#include <string.h>

#include "host/windows/text.h"

void hp_launch_clear(struct hp_launch *launch) {
  hp_strings_clear(&launch->args);
  hp_strings_clear(&launch->env);
  for (size_t i = 0; i < launch->directory_count; i++)
    free(launch->directories[i].path);
  free(launch->command_line);
  free(launch->volume);
  free(launch->system_root);
  *launch = (struct hp_launch){0};
}

/* ---- resolve -------------------------------------------------------------------------- */

struct resolved {
  char *directory, *file; /* file: what was asked for */
  char *program, *line;   /* what CreateProcess gets: cmd.exe for a batch file */
};

static void clear(struct resolved *resolved) {
  free(resolved->directory);
  free(resolved->file);
  free(resolved->program);
  free(resolved->line);
}

static int write_line(const struct hp_launch *launch, size_t rest, struct resolved *resolved,
                      struct hp_error *err) {
  const char *given = launch->command_line;
  if (hp_command_windows_is_batch(resolved->file)) {
    resolved->program = hp_printf("%s\\System32\\cmd.exe", launch->system_root);
    return given ? hp_command_windows_batch_raw(resolved->file, given + rest, launch->system_root,
                                                &resolved->line, err)
                 : hp_command_windows_batch(resolved->file, &launch->args, launch->system_root,
                                            &resolved->line, err);
  }
  resolved->program = hp_strdup(resolved->file);
  if (!given)
    return hp_command_windows_quote(&launch->args, &resolved->line, err);
  size_t length = hp_command_windows_length(given);
  if (length > HP_COMMAND_LINE_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "process.commandLine has %zu characters, Windows takes %u: shorten it", length,
                        HP_COMMAND_LINE_MAX);
  resolved->line = hp_strdup(given);
  return 0;
}

static int resolve(const struct hp_launch *launch, struct resolved *resolved, struct hp_error *err) {
  size_t rest;
  if (hp_lookup_directory(launch, &resolved->directory, err) != 0 ||
      hp_lookup_program(launch, resolved->directory, &resolved->file, &rest, err) != 0)
    return -1;
  return write_line(launch, rest, resolved, err);
}

/* As the account itself: links that an image placed lead it no further than its
 * own rights go. */
static int resolve_as(HANDLE token, const struct hp_launch *launch, struct resolved *resolved,
                      struct hp_error *err) {
  if (token && !ImpersonateLoggedOnUser(token))
    return hp_error_set_os(err, (int)GetLastError(), "ImpersonateLoggedOnUser, as the container's account");
  int result = resolve(launch, resolved, err);
  if (token && !RevertToSelf())
    abort(); /* as somebody else this process must not go on */
  return result;
}

/* ---- create ------------------------------------------------------------------------------ */

static int describe(DWORD code, const char *call, const struct hp_launch *launch,
                    const struct resolved *resolved, struct hp_error *err) {
  const char *name = launch->command_line ? launch->command_line : launch->args.items[0];
  hp_error_set_os(err, (int)code, "exec: \"%.256s\": %s of %s in %s", name, call, resolved->program,
                  resolved->directory);
  return code == ERROR_BAD_EXE_FORMAT ? hp_error_recode(err, HP_INVALID_ARGUMENT) : -1;
}

int hp_launch_here(const struct hp_launch *launch, const struct hp_creation *creation, HANDLE *process,
                   uint32_t *pid, struct hp_error *err) {
  struct resolved resolved = {0};
  PROCESS_INFORMATION created;
  if (resolve_as(creation->token, launch, &resolved, err) != 0) {
    clear(&resolved);
    return -1;
  }
  wchar_t *program = hp_lookup_wide(resolved.program), *line = hp_wide(resolved.line),
          *directory = hp_wide(resolved.directory), *environment = hp_environment_block(&launch->env);
  const char *call;
  DWORD code = hp_create_process(creation, program, line, directory, environment, &created, &call);
  int result = 0;
  if (code == ERROR_SUCCESS) {
    CloseHandle(created.hThread);
    *process = created.hProcess;
    *pid = created.dwProcessId;
  } else {
    result = describe(code, call, launch, &resolved, err);
  }
  free(program);
  free(line);
  free(directory);
  free(environment);
  clear(&resolved);
  return result;
}
