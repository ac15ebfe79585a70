/* What the files of winsim share: the machine's state, and the gate. */
#ifndef HP_TESTS_WINSIM_MACHINE_H
#define HP_TESTS_WINSIM_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <windows.h>

/* Puts a stand-in in the place of the import table's entry. */
#define WINSIM_IMPORT(name, stand_in)                                                                        \
  extern void *const __imp_##name;                                                                           \
  void *const __imp_##name = (void *)(uintptr_t)stand_in

/* The function that a stand-in stands before. */
#define WINSIM_REAL(library, name) ((__typeof__(&name))(void *)(uintptr_t)winsim_real(L##library, #name))
FARPROC winsim_real(const wchar_t *library, const char *name);

/* ---- the gate --------------------------------------------------------------- */

/* Every stand-in of the recipe begins with it: what it returns is the error to
 * fail with, 0: go on. */
__attribute__((format(gnu_printf, 2, 3))) DWORD winsim_enter(const char *name, const char *format, ...);
/* … and ends here, with what the call did done. Returns its argument. */
DWORD winsim_leave(DWORD os_code);
/* … in the form of most of Win32: FALSE and the last error, or TRUE. */
BOOL winsim_answer(DWORD os_code);
HRESULT winsim_result(DWORD os_code); /* … and of a HRESULT */

/* ---- state that outlives the process ------------------------------------------- */

/* The whole state, locked until winsim_unlock, which keeps what was changed. Never
 * as an argument of one of jansson's macros: they look at it more than once. */
json_t *winsim_lock(void);
void winsim_unlock(void);
/* A member that is an object, made if it is missing; borrowed. */
json_t *winsim_part(json_t *state, const char *name);

/* A path as key: lower case, no `\\?\`, no backslash at the end; owned. */
char *winsim_path_key(const wchar_t *path);
char *winsim_narrow(const wchar_t *wide);                      /* for a log: NULL is "(null)"; owned */
bool winsim_starts(const wchar_t *text, const wchar_t *start); /* case does not count */
bool winsim_ends_in_backslash(const wchar_t *path);

/* ---- between the files ------------------------------------------------------------ */

/* accounts.c: "S-1-5-21-…" of a local or domain user, who logs on; owned, NULL: nobody. */
char *winsim_user_sid(const wchar_t *domain, const wchar_t *name);
bool winsim_password_fits(const wchar_t *name, const wchar_t *password);
bool winsim_is_administrator(const char *sid);
const wchar_t *winsim_computer(void);
/* tokens.c */
void winsim_forget_token(HANDLE handle);
const char *winsim_token_sid(HANDLE token); /* NULL: not one of winsim's */
void winsim_left_tokens(json_t *lines);
void winsim_reset_tokens(void);
/* jobs.c */
void winsim_forget_job(HANDLE handle);
void winsim_left_jobs(json_t *lines);
void winsim_reset_jobs(void);
/* layers.c: the directory in whose place a volume's path is; owned, NULL: none of ours. */
wchar_t *winsim_volume_path(const wchar_t *path);
bool winsim_volume_exists(const wchar_t *volume); /* with its backslash */
/* files.c: the attribute tag of a path that is a mount point or a link; 0: neither. */
DWORD winsim_tag(const wchar_t *path);
/* follow.c: where a path leads through links, looked for from path[from] on (0: behind
 * the drive), the last component's too or not; owned, NULL: there are none. */
wchar_t *winsim_follow(const wchar_t *path, size_t from, bool last_too);

struct winsim_function {
  const char *name;
  void *function;
};
/* Each ends with NULL. */
extern const struct winsim_function winsim_layer_functions[], winsim_job_functions[], winsim_bind_functions[],
    winsim_file_functions[];
bool winsim_has_bind_filter(void);

#endif
