/* host.h's calls that start processes. */
#include <stdlib.h>

#include "host/windows/console.h"
#include "host/windows/container.h"
#include "host/windows/job.h"
#include "host/windows/launch.h"
#include "host/windows/reaper.h"
#include "host/windows/text.h"

/* Windows has no limit on handles to raise. What children inherit is set here,
 * too: a shim that was started with Ctrl+C ignored would hand that on, and its
 * containers would be deaf to it. */
void host_limits_raise(void) {
  SetConsoleCtrlHandler(NULL, FALSE);
}

static char *system_root(struct hp_error *err) {
  wchar_t path[MAX_PATH];
  UINT length = GetSystemWindowsDirectoryW(path, MAX_PATH);
  if (length > 0 && length < MAX_PATH)
    return hp_narrow(path);
  hp_error_set_os(err, (int)GetLastError(), "GetSystemWindowsDirectory");
  return NULL;
}

/* ---- a container's process ------------------------------------------------------------- */

static int prepare(const struct host_container *container, const struct hp_process_spec *process,
                   struct hp_launch *launch, struct hp_error *err) {
  launch->system_root = system_root(err);
  if (!launch->system_root)
    return -1;
  launch->volume = hp_strdup(container->volume_utf8);
  const struct hp_command_windows_host host = {launch->volume, launch->system_root};
  for (size_t i = 0; i < process->args.count; i++)
    hp_strings_take(&launch->args, hp_command_expand(process->args.items[i], launch->volume));
  if (process->command_line && process->command_line[0])
    launch->command_line = hp_command_expand(process->command_line, launch->volume);
  if (!launch->command_line && (launch->args.count == 0 || launch->args.items[0][0] == '\0'))
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "process.args: no program is named, and process.commandLine is empty");
  char *cwd = process->cwd ? hp_command_expand(process->cwd, launch->volume) : NULL;
  int result = hp_command_windows_directories(cwd, container->silo, &host, launch->directories,
                                              &launch->directory_count, err);
  free(cwd);
  return result == 0 ? hp_environment(container->token, &process->env, &host, &launch->env, err) : -1;
}

/* A process that cannot be watched must not be left running. */
static int adopt(uint32_t pid, HANDLE process, struct hp_error *err) {
  if (hp_reaper_adopt(pid, process, err) == 0)
    return 0;
  TerminateProcess(process, HP_EXIT_KILLED);
  CloseHandle(process);
  return -1;
}

int host_process_spawn(struct host_container *container, const struct host_spawn *spawn,
                       struct host_spawned *spawned, struct hp_error *err) {
  const struct hp_process_spec *wanted = spawn->process;
  HANDLE job = hp_job_of(container, err), process;
  struct hp_console *console = NULL;
  struct hp_launch launch = {0};
  uint32_t pid;
  int result = -1;
  if (!job)
    return -1;
  struct hp_creation creation = {.token = container->token, .job = job, .break_away = true};
  if (prepare(container, wanted, &launch, err) != 0)
    goto done;
  if (wanted->terminal) {
    if (hp_console_open(wanted->columns, wanted->rows, &console, err) != 0)
      goto done;
    creation.console = HP_CONSOLE_PSEUDO;
    creation.pseudo_console = hp_console_attribute(console);
  } else {
    for (size_t i = 0; i < 3; i++)
      creation.stdio[i] = spawn->stdio[i];
  }
  struct hp_time now = hp_time_now();
  result = container->silo ? hp_launch_inside(&launch, &creation, &process, &pid, err)
                           : hp_launch_here(&launch, &creation, &process, &pid, err);
  if (result == 0)
    result = adopt(pid, process, err);
  if (result != 0)
    goto done;
  *spawned = (struct host_spawned){pid, console};
  console = NULL;
  if (container->started.seconds == 0)
    container->started = now;
done:
  hp_console_free(console);
  hp_launch_clear(&launch);
  return result;
}

/* ---- a program beside the containers ------------------------------------------------------ */

static int run_program(const struct hp_strings *argv, const struct hp_strings *env, const char *root,
                       const struct hp_creation *creation, uint32_t *pid, struct hp_error *err) {
  const struct hp_command_windows_host host = {NULL, root};
  struct hp_strings whole = {0};
  PROCESS_INFORMATION created;
  char *line = NULL;
  int result = -1;
  if (hp_environment(NULL, env, &host, &whole, err) != 0 || hp_command_windows_quote(argv, &line, err) != 0)
    goto done;
  wchar_t *program = hp_lookup_wide(argv->items[0]), *wide_line = hp_wide(line), *wide_root = hp_wide(root),
          *block = hp_environment_block(&whole);
  const char *call;
  DWORD code = hp_create_process(creation, program, wide_line, wide_root, block, &created, &call);
  free(program);
  free(wide_line);
  free(wide_root);
  free(block);
  if (code != ERROR_SUCCESS) {
    hp_error_set_os(err, (int)code, "cannot execute %s: %s", argv->items[0], call);
    goto done;
  }
  CloseHandle(created.hThread);
  *pid = created.dwProcessId;
  result = adopt(*pid, created.hProcess, err);
done:
  hp_strings_clear(&whole);
  free(line);
  return result;
}

int host_program_spawn(const struct hp_strings *argv, const struct hp_strings *env,
                       const host_handle *handles, size_t handle_count, uint32_t *pid, struct hp_error *err) {
  if (handle_count != 3)
    return hp_error_set(err, HP_INTERNAL, "a Windows program is given three handles, not %zu", handle_count);
  char *root = system_root(err);
  if (!root)
    return -1;
  const struct hp_creation creation = {.stdio = {handles[0], handles[1], handles[2]}};
  int result = run_program(argv, env, root, &creation, pid, err);
  free(root);
  return result;
}
