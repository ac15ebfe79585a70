/* Tokens of accounts: how a process of a container gets to run as somebody.
 * Every token is a primary one, owned by the caller (CloseHandle). (pool) */
#ifndef HP_HOST_WINDOWS_LOGON_H
#define HP_HOST_WINDOWS_LOGON_H

#include <stdbool.h>
#include <windows.h>

#include "base/error.h"
#include "host/windows/principal.h"
#include "spec/account.h"

/* SYSTEM, Local service, Network service. *token NULL: this system fakes logons
 * (Wine) and the shim's own account has to do; it says so in the log. */
int hp_logon_service(enum hp_account_kind kind, HANDLE *token, struct hp_error *err);

/* A managed account: the constant that stands for its password. */
int hp_logon_managed(const struct hp_principal *principal, HANDLE *token, struct hp_error *err);

/* An existing user without a password (S4U); no network credentials. */
int hp_logon_user(const struct hp_principal *principal, HANDLE *token, struct hp_error *err);

/* A local account whose password we have: interactive, else batch, else service,
 * as the host's policy allows. An administrator's token is the elevated one. */
int hp_logon_password(const wchar_t *name, const wchar_t *password, HANDLE *token, struct hp_error *err);

/* Loads the user's profile, so that %USERPROFILE% is its own; the handle is for
 * UnloadUserProfile. */
int hp_logon_profile(HANDLE token, const wchar_t *name, HANDLE *profile, struct hp_error *err);

/* "failed to create user process token: failed to logon user: …" for the Windows
 * error of a call, with what to do about it. Returns -1. */
int hp_logon_failed(const char *call, DWORD os_code, struct hp_error *err);

#endif
