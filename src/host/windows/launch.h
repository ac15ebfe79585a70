/* How a process comes to be: what to start is resolved (directory, program,
 * command line) and created, here or, for a silo, by ourselves inside it. */
#ifndef HP_HOST_WINDOWS_LAUNCH_H
#define HP_HOST_WINDOWS_LAUNCH_H

#include <windows.h>

#include "base/error.h"
#include "spec/command_windows.h"

/* ---- create.c: CreateProcess ---------------------------------------------------- */

enum hp_console_kind {
  HP_CONSOLE_HIDDEN, /* a new one without a window */
  HP_CONSOLE_PSEUDO, /* the terminal of `pseudo_console` */
  HP_CONSOLE_OURS,   /* the caller's own */
};

struct hp_creation {
  HANDLE token;    /* NULL: our own */
  HANDLE job;      /* NULL: where we are */
  bool break_away; /* out of our own job, where that lets us */
  enum hp_console_kind console;
  void *pseudo_console; /* HPCON */
  HANDLE stdio[3];      /* NULL: the null device; used with a hidden console */
  HANDLE further;       /* inherited too, under its own number; NULL: none */
};

/* All text UTF-16; line is written to. Returns 0, or the Win32 error of *call. */
DWORD hp_create_process(const struct hp_creation *creation, const wchar_t *program, wchar_t *line,
                        const wchar_t *directory, wchar_t *environment, PROCESS_INFORMATION *process,
                        const char **call);

/* ---- environment.c ----------------------------------------------------------------- */

/* The account's default variables and the spec's, by the rules of
 * hp_command_windows_environment. token NULL: our own. */
int hp_environment(HANDLE token, const struct hp_strings *env, const struct hp_command_windows_host *host,
                   struct hp_strings *out, struct hp_error *err);
/* What CreateProcess wants: UTF-16, a NUL after each and one more; free. */
wchar_t *hp_environment_block(const struct hp_strings *env);

/* ---- launch.c ------------------------------------------------------------------------- */

/* What to start; all text UTF-8, the mount point variable replaced. */
struct hp_launch {
  struct hp_strings args;
  char *command_line;    /* unescaped, wins over args; NULL: none */
  struct hp_strings env; /* whole and sorted */
  struct hp_command_windows_directory directories[HP_COMMAND_DIRECTORIES_MAX];
  size_t directory_count;
  char *volume, *system_root;
};

void hp_launch_clear(struct hp_launch *launch);

/* Resolves as creation's account and creates. The handle has all access.
 * NotFound names the program; else the system's own reason. */
int hp_launch_here(const struct hp_launch *launch, const struct hp_creation *creation, HANDLE *process,
                   uint32_t *pid, struct hp_error *err);

/* ---- lookup.c --------------------------------------------------------------------------- */

/* The full path as the wide calls want it (\\?\ where it is long); free. */
wchar_t *hp_lookup_wide(const char *path);

/* The first of the launch's directories that is there, or can be made; free. */
int hp_lookup_directory(const struct hp_launch *launch, char **directory, struct hp_error *err);

/* The file to execute and, of a command line, where what follows begins; free. */
int hp_lookup_program(const struct hp_launch *launch, const char *directory, char **file, size_t *rest,
                      struct hp_error *err);

/* ---- launcher.c -------------------------------------------------------------------------- */

#define HP_LAUNCHER_VERB "launch"

/* The same from inside creation's job, which is a silo: there its volume is
 * seen. The handle has HP_SIGNAL_ACCESS. */
int hp_launch_inside(const struct hp_launch *launch, const struct hp_creation *creation, HANDLE *process,
                     uint32_t *pid, struct hp_error *err);

#endif
