/* Tokens, SIDs and privileges: who a token, an object or the shim itself is.
 * (any) */
#ifndef HP_HOST_WINDOWS_TOKEN_H
#define HP_HOST_WINDOWS_TOKEN_H

#include <stdbool.h>
#include <windows.h>

/* The TOKEN_USER of a token, malloced; NULL (GetLastError) if it is no token. */
TOKEN_USER *hp_token_user(HANDLE token);
TOKEN_USER *hp_token_own_user(void);

/* `NT AUTHORITY\SYSTEM` of a SID, or the SID as text; owned. */
char *hp_sid_name(PSID sid);
char *hp_token_own_name(void);
char *hp_sid_text(PSID sid); /* "S-1-5-18"; owned */

/* Turns a privilege of this process on; false: it does not have it. */
bool hp_privilege_enable(const wchar_t *privilege);

#endif
