/* Command line, environment, working directory and look-up on Windows
 * (contract, section 5). Pure: what exists, the host finds out; here are only
 * the candidates in their order. All text is UTF-8; paths in results have
 * backslashes. */
#ifndef HP_SPEC_COMMAND_WINDOWS_H
#define HP_SPEC_COMMAND_WINDOWS_H

#include "base/memory.h"
#include "spec/command.h"

#define HP_COMMAND_LINE_MAX 32766u      /* UTF-16 units that CreateProcess takes, the NUL left out */
#define HP_COMMAND_LINE_MAX_BATCH 8191u /* … that cmd.exe takes */

/* What of the host the rules need to know. */
struct hp_command_windows_host {
  const char *mount_point; /* the container volume, no trailing backslash; NULL: none (environment only) */
  const char *system_root; /* C:\Windows */
};

/* UTF-16 units of text. */
size_t hp_command_windows_length(const char *text);

/* ---- command line ----------------------------------------------------------- */

/* args as one line that CommandLineToArgvW splits into args again. A quotation
 * mark in args[0] cannot be written: InvalidArgument. */
int hp_command_windows_quote(const struct hp_strings *args, char **line, struct hp_error *err);

/* One word that names a program, and where in the line the rest begins. */
struct hp_command_windows_word {
  char *program;
  size_t end;
};
#define HP_COMMAND_WORDS_MAX 64u

/* The programs that an unescaped command line may name, in the order in which
 * CreateProcess tries them: a quoted first word alone; else the text up to each
 * white space and to the end. At most HP_COMMAND_WORDS_MAX; returns how many.
 * Free with hp_command_windows_words_free. */
size_t hp_command_windows_words(const char *line, struct hp_command_windows_word **words);
void hp_command_windows_words_free(struct hp_command_windows_word *words, size_t count);

/* Whether cmd.exe has to run it: .bat or .cmd. */
bool hp_command_windows_is_batch(const char *path);

/* The line for cmd.exe that runs script with args[1…], each of which arrives as
 * it is. InvalidArgument: what cmd.exe cannot be given (a line break; more than
 * HP_COMMAND_LINE_MAX_BATCH). */
int hp_command_windows_batch(const char *script, const struct hp_strings *args, const char *system_root,
                             char **line, struct hp_error *err);
/* The same for an unescaped command line; rest is what follows its program. */
int hp_command_windows_batch_raw(const char *script, const char *rest, const char *system_root, char **line,
                                 struct hp_error *err);

/* ---- look-up ------------------------------------------------------------------ */

/* Candidates for the executable, best first: the working directory, PATH of
 * env, the system directories, each with the extensions; of an absolute path
 * the path itself and what stands there in the container volume. */
void hp_command_windows_candidates(const char *program, const char *cwd, const struct hp_strings *env,
                                   const struct hp_command_windows_host *host, struct hp_strings *out);

/* A place where the working directory may be. */
struct hp_command_windows_directory {
  char *path;
  bool create; /* below the container volume: made if missing */
};
#define HP_COMMAND_DIRECTORIES_MAX 3u

/* The contract's table (section 4), best first; returns how many. bind: the
 * volume and its mounts are private, so an absolute path is first the host's.
 * InvalidArgument: a relative path that climbs with "..". */
int hp_command_windows_directories(const char *cwd, bool bind, const struct hp_command_windows_host *host,
                                   struct hp_command_windows_directory out[HP_COMMAND_DIRECTORIES_MAX],
                                   size_t *count, struct hp_error *err);

/* ---- environment ---------------------------------------------------------------- */

/* base (the token's default block), then env with the mount point variable
 * replaced; names compare without case, the last wins; SYSTEMROOT if missing,
 * PATH extended, the mount point variable. Sorted by name, as CreateProcess
 * wants it. */
void hp_command_windows_environment(const struct hp_strings *base, const struct hp_strings *env,
                                    const struct hp_command_windows_host *host, struct hp_strings *out);

#endif
