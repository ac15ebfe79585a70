/* winsim: test-only stand-ins for what Wine lacks or only pretends to have:
 * accounts, logons, profiles, silos and limits of jobs, the bind filter, layers,
 * mount points and links. A unit program that includes this header is linked
 * with them: imports are replaced at link time (`__imp_NAME`), what is looked up
 * at run time by a hp_winapi_find of winsim's own. The product knows nothing of
 * it.
 *
 * Every stand-in keeps state, refuses what the documentation forbids with the
 * documented code (the source is named beside the rule), and goes through one
 * gate that counts, logs, and fails or dies at a chosen call.
 *
 * What a machine keeps when a process dies (accounts, profiles, layers, mount
 * points, links) is kept in the file that WINSIM_STATE names, if it is set; what
 * ends with a process (jobs, tokens, handles) ends with it here, too. */
#ifndef HP_TESTS_WINSIM_WINSIM_H
#define HP_TESTS_WINSIM_WINSIM_H

#include <stdbool.h>
#include <windows.h>

/* A new machine: no accounts but the system's, nothing fails, nothing logged. */
void winsim_reset(void);

/* ---- what is on the machine ------------------------------------------------- */

void winsim_add_user(const wchar_t *domain, const wchar_t *name); /* domain NULL: this computer */
void winsim_add_alias(const wchar_t *name);                       /* a local group */
void winsim_add_group(const wchar_t *domain, const wchar_t *name);
/* Members of this local group get a filtered token with the full one linked to it. */
void winsim_set_administrators(const wchar_t *alias);
void winsim_set_controller(bool controller);
void winsim_set_fair_share(bool on); /* Dynamic Fair Share Scheduling: no CPU limits of jobs */
void winsim_set_bind_filter(bool there);
void winsim_set_build(unsigned build); /* of Windows; 0: Wine's own */
/* The profile of a SID in this directory, loaded by nobody; the account may be gone. */
void winsim_set_profile(const char *sid, const char *path);
/* This file is a Unix socket: a reparse point that leads nowhere. */
void winsim_add_socket(const wchar_t *path);

/* ---- failures ---------------------------------------------------------------- */

/* The nth call from now on fails with this Windows error; 0: none does. */
void winsim_fail(unsigned nth, DWORD os_code);
/* So do the next `times` calls of one function, in its own kind of answer. */
void winsim_fail_call(const char *name, unsigned times, DWORD os_code);
/* This type of logon is denied to everybody, with this code; 0: granted. */
void winsim_deny_logon(DWORD type, DWORD os_code);
/* The process dies, as if killed, before (even) or after (odd) call point / 2. */
void winsim_die(unsigned point);
/* The name of the call that was failed last; NULL: none was. */
const char *winsim_failed(void);

/* ---- what was called ------------------------------------------------------------ */

unsigned winsim_calls(void); /* since the last reset or winsim_forget */
/* "CALL ARGUMENTS" a line; borrowed until the next call. */
const char *winsim_log(void);
/* How often a function was called. */
unsigned winsim_count(const char *name);
void winsim_forget(void); /* counts and log start anew */

/* ---- what is left over ------------------------------------------------------------- */

/* "KIND NAME" a line: accounts that were made and their profiles, layers, mount
 * points, links, and this process' tokens and jobs. Empty: nothing. Owned. */
char *winsim_left(void);

/* Of a user, NULL if there is none; owned. */
char *winsim_password(const wchar_t *name);
bool winsim_is_member(const wchar_t *alias, const wchar_t *name);

/* What a job was given, of a class of SetInformationJobObject; false: nothing. */
bool winsim_job_information(HANDLE job, JOBOBJECTINFOCLASS kind, void *data, DWORD length);
/* What SetIoRateControlInformationJobObject was given; both 0: nothing. */
void winsim_job_io_rate(HANDLE job, LONG64 *iops, LONG64 *bandwidth);
bool winsim_job_is_silo(HANDLE job);

#endif
