/* Starting a workload from inside its silo. Only there its volume is seen, and
 * CreateProcess looks for the executable with the caller's eyes: so this program
 * starts itself in the silo, as the container's account, is told what to start,
 * starts it, and leaves once the shim holds the workload.
 *
 * Both directions carry one message: four bytes of length, little-endian, and
 * JSON. Then the shim says by one byte that it holds the workload; a launcher that
 * does not hear it ends what it started, of which nobody knows. The launcher runs as
 * the container's account: what it answers is hostile. It can name no process but one
 * of its own job, and no text but one that is shown. */
#include "host/windows/launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/windows/job.h"
#include "host/windows/launch.h"
#include "host/windows/pipe_pair.h"
#include "host/windows/reaper.h"
#include "host/windows/security.h"
#include "host/windows/text.h"

#define REQUEST_MAX (64u << 20) /* config.json's 16 MiB, escaped */
#define ANSWER_MAX (1u << 16)
#define LAUNCH_MS 60000
#define LEAVE_MS 5000
#define PIPE_BUFFER 4096

/* ---- the request -------------------------------------------------------------------- */

static json_t *pack_strings(const struct hp_strings *list) {
  json_t *array = json_array();
  for (size_t i = 0; i < list->count; i++)
    json_array_append_new(array, json_string(list->items[i]));
  return array;
}

static char *pack_request(const struct hp_launch *launch, bool terminal) {
  json_t *directories = json_array();
  for (size_t i = 0; i < launch->directory_count; i++)
    json_array_append_new(directories, json_pack("{s:s, s:b}", "path", launch->directories[i].path, "create",
                                                 (int)launch->directories[i].create));
  json_t *tree = json_pack("{s:o, s:o, s:o, s:s, s:s, s:s*, s:b}", "args", pack_strings(&launch->args), "env",
                           pack_strings(&launch->env), "directories", directories, "volume", launch->volume,
                           "systemRoot", launch->system_root, "commandLine", launch->command_line, "terminal",
                           (int)terminal);
  char *text = json_dumps(tree, JSON_COMPACT);
  json_decref(tree);
  return text;
}

static void unpack_strings(const json_t *array, struct hp_strings *out) {
  size_t index;
  const json_t *item;
  json_array_foreach(array, index, item) {
    const char *text = json_string_value(item);
    hp_strings_add(out, text ? text : "");
  }
}

static int unpack_request(const json_t *tree, struct hp_launch *launch, bool *terminal) {
  const char *volume = NULL, *root = NULL, *line = NULL;
  const json_t *args = NULL, *env = NULL, *directories = NULL, *item;
  int on = 0;
  if (json_unpack((json_t *)(uintptr_t)tree, "{s:o, s:o, s:o, s:s, s:s, s?s, s:b}", "args", &args, "env",
                  &env, "directories", &directories, "volume", &volume, "systemRoot", &root, "commandLine",
                  &line, "terminal", &on) != 0)
    return -1;
  *terminal = on != 0;
  launch->volume = hp_strdup(volume);
  launch->system_root = hp_strdup(root);
  launch->command_line = hp_strdup(line);
  unpack_strings(args, &launch->args);
  unpack_strings(env, &launch->env);
  size_t index;
  json_array_foreach(directories, index, item) {
    const char *path = json_string_value(json_object_get(item, "path"));
    if (path && launch->directory_count < HP_COMMAND_DIRECTORIES_MAX)
      launch->directories[launch->directory_count++] = (struct hp_command_windows_directory){
          hp_strdup(path), json_is_true(json_object_get(item, "create"))};
  }
  return launch->args.count > 0 || line ? 0 : -1;
}

/* ---- the pipe, at the shim's end --------------------------------------------------------- */

struct line { /* overlapped, so that a silent launcher ends in a deadline */
  HANDLE server, client, event, launcher;
  ULONGLONG end;
};

static int open_line(struct line *line, struct hp_error *err) {
  SECURITY_ATTRIBUTES administrators = hp_security_administrators();
  SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
  int result = -1;
  char *name = hp_pipe_unique_name("launch");
  wchar_t *wide = hp_wide(name);
  line->event = CreateEventW(NULL, TRUE, FALSE, NULL);
  line->server =
      CreateNamedPipeW(wide, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_OVERLAPPED,
                       PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1,
                       PIPE_BUFFER, PIPE_BUFFER, 0, &administrators);
  if (!line->event || line->server == INVALID_HANDLE_VALUE) {
    hp_error_set_os(err, (int)GetLastError(), "CreateNamedPipe of %s", name);
    goto done;
  }
  /* Both ends are ours from the start: nobody else can be at the other. */
  line->client = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, 0, &inherit, OPEN_EXISTING, 0, NULL);
  if (line->client == INVALID_HANDLE_VALUE) {
    hp_error_set_os(err, (int)GetLastError(), "CreateFile of %s", name);
    goto done;
  }
  result = 0;
done:
  free(wide);
  free(name);
  return result;
}

static void close_end(HANDLE *handle) {
  if (*handle && *handle != INVALID_HANDLE_VALUE)
    CloseHandle(*handle);
  *handle = NULL;
}

static int explain(const struct line *line, DWORD code, struct hp_error *err) {
  DWORD status;
  if (line->launcher && WaitForSingleObject(line->launcher, LEAVE_MS) == WAIT_OBJECT_0 &&
      GetExitCodeProcess(line->launcher, &status))
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "the launcher in the container ended with status 0x%lx before it answered (does the "
                        "account have read and execute on the shim's own file?)",
                        (unsigned long)status);
  return hp_error_set_os(err, (int)code, "the launcher in the container does not answer");
}

/* Waits for one transfer; nothing of it is under way afterwards. */
static int settle(struct line *line, OVERLAPPED *transfer, BOOL begun, DWORD *moved, struct hp_error *err) {
  if (!begun && GetLastError() != ERROR_IO_PENDING)
    return explain(line, GetLastError(), err);
  ULONGLONG now = GetTickCount64();
  HANDLE either[2] = {transfer->hEvent, line->launcher};
  DWORD left = now < line->end ? (DWORD)(line->end - now) : 0;
  DWORD woken = WaitForMultipleObjects(line->launcher ? 2 : 1, either, FALSE, left);
  if (woken != WAIT_OBJECT_0) /* what it wrote before it ended counts all the same */
    CancelIoEx(line->server, transfer);
  if (GetOverlappedResult(line->server, transfer, moved, TRUE) && *moved > 0)
    return 0;
  DWORD code = GetLastError();
  if (woken == WAIT_TIMEOUT)
    return hp_error_set(err, HP_DEADLINE_EXCEEDED, "the launcher in the container did not answer within %d s",
                        LAUNCH_MS / 1000);
  return explain(line, code, err);
}

static int move_all(struct line *line, bool write, void *bytes, size_t length, struct hp_error *err) {
  for (size_t done = 0; done < length;) {
    OVERLAPPED transfer = {.hEvent = line->event};
    DWORD moved = 0;
    char *at = (char *)bytes + done;
    BOOL begun = write ? WriteFile(line->server, at, (DWORD)(length - done), NULL, &transfer)
                       : ReadFile(line->server, at, (DWORD)(length - done), NULL, &transfer);
    if (settle(line, &transfer, begun, &moved, err) != 0)
      return -1;
    done += moved;
  }
  return 0;
}

static int send_request(struct line *line, const struct hp_launch *launch, bool terminal,
                        struct hp_error *err) {
  char *text = pack_request(launch, terminal);
  if (!text || strlen(text) > REQUEST_MAX) {
    free(text);
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "process: its arguments and environment are too large for the launcher");
  }
  uint32_t length = (uint32_t)strlen(text);
  int result =
      move_all(line, true, &length, sizeof length, err) == 0 ? move_all(line, true, text, length, err) : -1;
  free(text);
  return result;
}

/* ---- the answer ---------------------------------------------------------------------------- */

static int read_answer(struct line *line, json_t **answer, struct hp_error *err) {
  uint32_t length;
  if (move_all(line, false, &length, sizeof length, err) != 0)
    return -1;
  if (length > ANSWER_MAX)
    return hp_error_set(err, HP_INTERNAL, "the launcher in the container answers %lu bytes, more than %u",
                        (unsigned long)length, ANSWER_MAX);
  char *text = hp_alloc(length + 1);
  int result = move_all(line, false, text, length, err);
  *answer = result == 0 ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
  free(text);
  if (result == 0 && !json_is_object(*answer)) {
    json_decref(*answer);
    *answer = NULL;
    result = hp_error_set(err, HP_INTERNAL, "the launcher in the container does not answer in JSON");
  }
  return result;
}

static int take_failure(const json_t *answer, struct hp_error *err) {
  json_int_t code = json_integer_value(json_object_get(answer, "code"));
  json_int_t os_code = json_integer_value(json_object_get(answer, "osCode"));
  const char *message = json_string_value(json_object_get(answer, "message"));
  hp_error_set(err, code > HP_OK && code <= HP_UNAVAILABLE ? (enum hp_code)code : HP_UNKNOWN, "%s",
               message ? message : "the launcher in the container failed and does not say why");
  err->os_code = (int)os_code;
  return -1;
}

/* The launcher keeps the workload's handle, so the pid is not given away yet. */
static int take_workload(const json_t *answer, HANDLE job, HANDLE *process, uint32_t *pid,
                         struct hp_error *err) {
  json_int_t number = json_integer_value(json_object_get(answer, "pid"));
  if (number <= 0 || number > UINT32_MAX)
    return take_failure(answer, err);
  HANDLE known = hp_reaper_handle((uint32_t)number);
  HANDLE found = known ? NULL : hp_job_open_member(job, (DWORD)number, HP_SIGNAL_ACCESS);
  if (known)
    CloseHandle(known);
  if (!found)
    return hp_error_set(
        err, HP_INTERNAL,
        "the launcher in the container names process %lld, which is no new process of its job",
        (long long)number);
  *process = found;
  *pid = (uint32_t)number;
  return 0;
}

/* ---- the shim's side -------------------------------------------------------------------------- */

static int start_launcher(struct line *line, const struct hp_launch *launch, const struct hp_creation *asked,
                          struct hp_error *err) {
  wchar_t self[MAX_PATH * 4], command[MAX_PATH * 4 + 64];
  DWORD length = GetModuleFileNameW(NULL, self, MAX_PATH * 4);
  if (length == 0 || length >= MAX_PATH * 4)
    return hp_error_set_os(err, (int)GetLastError(), "GetModuleFileName of the shim");
  swprintf(command, sizeof command / sizeof command[0], L"\"%ls\" " HP_LAUNCHER_VERB L" %llu", self,
           (unsigned long long)(uintptr_t)line->client);
  struct hp_creation creation = *asked;
  creation.further = line->client;
  wchar_t *block = hp_environment_block(&launch->env), *directory = hp_wide(launch->system_root);
  PROCESS_INFORMATION created;
  const char *call;
  DWORD code = hp_create_process(&creation, self, command, directory, block, &created, &call);
  free(block);
  free(directory);
  if (code != ERROR_SUCCESS)
    return hp_error_set_os(
        err, (int)code,
        "cannot start the launcher in the container (the account needs read and execute on "
        "the shim's own file): %s",
        call);
  CloseHandle(created.hThread);
  line->launcher = created.hProcess;
  return 0;
}

/* If the launcher is gone already, the workload is held all the same. */
static void tell_taken(struct line *line) {
  struct hp_error ignored = HP_ERROR_INIT;
  char taken = 1;
  move_all(line, true, &taken, sizeof taken, &ignored);
  hp_error_clear(&ignored);
}

/* Nothing of the launcher is left in the job when the workload is told of. */
static void end_launcher(struct line *line) {
  if (line->launcher && WaitForSingleObject(line->launcher, LEAVE_MS) != WAIT_OBJECT_0) {
    TerminateProcess(line->launcher, HP_EXIT_KILLED);
    WaitForSingleObject(line->launcher, LEAVE_MS);
  }
  close_end(&line->launcher);
}

int hp_launch_inside(const struct hp_launch *launch, const struct hp_creation *creation, HANDLE *process,
                     uint32_t *pid, struct hp_error *err) {
  struct line line = {.end = GetTickCount64() + LAUNCH_MS};
  json_t *answer = NULL;
  int result = -1;
  if (open_line(&line, err) != 0 || start_launcher(&line, launch, creation, err) != 0)
    goto done;
  close_end(&line.client); /* the launcher's alone: its end is the end of the pipe */
  if (send_request(&line, launch, creation->console == HP_CONSOLE_PSEUDO, err) != 0 ||
      read_answer(&line, &answer, err) != 0)
    goto done;
  result = take_workload(answer, creation->job, process, pid, err);
  if (result == 0)
    tell_taken(&line);
done:
  json_decref(answer);
  close_end(&line.client);
  close_end(&line.server); /* the launcher may leave now */
  end_launcher(&line);
  close_end(&line.event);
  return result;
}

/* ---- the launcher's side --------------------------------------------------------------------------- */

static bool transfer_all(HANDLE pipe, bool write, void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    DWORD moved = 0;
    char *at = (char *)bytes + done;
    BOOL good = write ? WriteFile(pipe, at, (DWORD)(length - done), &moved, NULL)
                      : ReadFile(pipe, at, (DWORD)(length - done), &moved, NULL);
    if (!good || moved == 0)
      return false;
    done += moved;
  }
  return true;
}

static json_t *read_request(HANDLE pipe) {
  uint32_t length;
  if (!transfer_all(pipe, false, &length, sizeof length) || length > REQUEST_MAX)
    return NULL;
  char *text = hp_alloc(length + 1);
  json_t *tree =
      transfer_all(pipe, false, text, length) ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
  free(text);
  return tree;
}

static bool send_answer(HANDLE pipe, uint32_t pid, const struct hp_error *err) {
  json_t *answer = pid ? json_pack("{s:I}", "pid", (json_int_t)pid)
                       : json_pack("{s:i, s:i, s:s}", "code", (int)err->code, "osCode", err->os_code,
                                   "message", err->message);
  char *text = json_dumps(answer, JSON_COMPACT);
  json_decref(answer);
  uint32_t length = text ? (uint32_t)strlen(text) : 0;
  bool sent =
      text && transfer_all(pipe, true, &length, sizeof length) && transfer_all(pipe, true, text, length);
  free(text);
  return sent;
}

bool hp_launcher_is_asked(int argc, char *const *argv) {
  return argc == 3 && strcmp(argv[1], HP_LAUNCHER_VERB) == 0;
}

int hp_launcher_main(char *const *argv) {
  HANDLE pipe = (HANDLE)(uintptr_t)strtoull(argv[2], NULL, 10), process = NULL;
  struct hp_launch launch = {0};
  struct hp_error err = HP_ERROR_INIT;
  uint32_t pid = 0;
  bool terminal = false;
  json_t *request = GetFileType(pipe) == FILE_TYPE_PIPE ? read_request(pipe) : NULL;
  if (!request) {
    fprintf(stderr, HP_LAUNCHER_VERB ": this verb is for the shim itself alone\n");
    return 2;
  }
  SetHandleInformation(pipe, HANDLE_FLAG_INHERIT, 0);
  struct hp_creation creation = {.console = HP_CONSOLE_HIDDEN};
  if (unpack_request(request, &launch, &terminal) != 0) {
    hp_error_set(&err, HP_INTERNAL, "the launcher does not understand its request");
  } else {
    creation.console = terminal ? HP_CONSOLE_OURS : HP_CONSOLE_HIDDEN;
    creation.stdio[0] = GetStdHandle(STD_INPUT_HANDLE);
    creation.stdio[1] = GetStdHandle(STD_OUTPUT_HANDLE);
    creation.stdio[2] = GetStdHandle(STD_ERROR_HANDLE);
    hp_launch_here(&launch, &creation, &process, &pid, &err);
  }
  char taken;
  bool sent = send_answer(pipe, pid, &err);
  /* Its Start failed, for we took too long, say: it must not run on unseen. */
  if (process && (!sent || !transfer_all(pipe, false, &taken, sizeof taken)))
    TerminateProcess(process, HP_EXIT_KILLED);
  json_decref(request);
  hp_launch_clear(&launch);
  hp_error_clear(&err);
  if (process)
    CloseHandle(process);
  CloseHandle(pipe);
  return 0;
}
