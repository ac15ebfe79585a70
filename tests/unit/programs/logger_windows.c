/* A logging program for the tests on Windows: appends what it reads at
 * CONTAINER_STDOUT to FILE.out and at CONTAINER_STDERR to FILE.err, and its
 * arguments and environment to FILE.args.
 *
 *   logger_windows file FILE [mode MODE]
 *
 * MODE: ready (default; closes CONTAINER_WAIT), byte (writes a byte there), fail
 * (ends with status 3 before it is ready), mute (never gets ready), quit (gets
 * ready and ends at once), stubborn (never ends). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

struct copy {
  HANDLE from;
  FILE *to;
};

static FILE *open_part(const char *file, const char *part) {
  char path[1024];
  snprintf(path, sizeof path, "%s.%s", file, part);
  return fopen(path, "ab");
}

static void write_arguments(FILE *to, char **argv) {
  for (char **arg = argv + 1; *arg; arg++)
    fprintf(to, "[%s]", *arg);
  for (char **entry = _environ; *entry; entry++)
    fprintf(to, "\n%s", *entry);
  fputc('\n', to);
  fclose(to);
}

static HANDLE open_pipe(const char *variable) {
  const char *name = getenv(variable);
  return CreateFileA(name ? name : "", GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
}

static DWORD WINAPI collect(void *arg) {
  struct copy *copy = arg;
  char buffer[4096];
  DWORD got = 0;
  while (ReadFile(copy->from, buffer, sizeof buffer, &got, NULL) && got > 0)
    fwrite(buffer, 1, got, copy->to);
  fclose(copy->to);
  return 0;
}

int main(int argc, char **argv) {
  const char *file = "", *mode = "ready";
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "file") == 0)
      file = argv[i + 1];
    if (strcmp(argv[i], "mode") == 0)
      mode = argv[i + 1];
  }
  if (strcmp(mode, "fail") == 0)
    return 3;
  write_arguments(open_part(file, "args"), argv);
  struct copy out = {open_pipe("CONTAINER_STDOUT"), open_part(file, "out")};
  struct copy err = {open_pipe("CONTAINER_STDERR"), open_part(file, "err")};
  HANDLE ready = open_pipe("CONTAINER_WAIT");
  DWORD count;
  if (out.from == INVALID_HANDLE_VALUE || err.from == INVALID_HANDLE_VALUE || ready == INVALID_HANDLE_VALUE)
    return 4;
  if (strcmp(mode, "mute") == 0)
    Sleep(INFINITE);
  if (strcmp(mode, "byte") == 0)
    WriteFile(ready, "r", 1, &count, NULL);
  CloseHandle(ready);
  if (strcmp(mode, "quit") == 0) {
    Sleep(200);
    return 0;
  }
  HANDLE thread = CreateThread(NULL, 0, collect, &err, 0, NULL);
  collect(&out);
  WaitForSingleObject(thread, INFINITE);
  if (strcmp(mode, "stubborn") == 0)
    Sleep(INFINITE);
  return 0;
}
