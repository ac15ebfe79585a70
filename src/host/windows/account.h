/* Ephemeral local accounts: made for one container, members of one group, gone
 * with it and with their profile. The ledger knows each before it is made. The
 * password never leaves the function that makes the account. (pool) */
#ifndef HP_HOST_WINDOWS_ACCOUNT_H
#define HP_HOST_WINDOWS_ACCOUNT_H

#include <jansson.h>
#include <stdbool.h>
#include <windows.h>

#include "base/error.h"

#define HP_ACCOUNT_NAME_SIZE 21 /* "hpc-", 16 hex digits, NUL */

/* A name from namespace, container id and fresh random salt. */
int hp_account_name(const char *namespace_name, const char *id, char name[HP_ACCOUNT_NAME_SIZE],
                    struct hp_error *err);
/* Is this a name that hp_account_name makes? Nothing else is ever deleted. */
bool hp_account_is_ours(const char *name);

/* Claims, makes, joins and logs on. On failure what was made stays for
 * hp_account_remove. */
int hp_account_make(const json_t *owner, const char *name, const char *group, HANDLE *token, HANDLE *profile,
                    struct hp_error *err);
/* Deletes account and profile, then the claim; what is not there is success. */
int hp_account_remove(const json_t *owner, const char *name, struct hp_error *err);

/* Removes an account that no claim names: it is claimed for owner first. One that
 * another has claimed since it was found is his, and is left alone. */
int hp_account_remove_stray(const json_t *owner, const char *name, struct hp_error *err);
/* Whether text is the comment that our accounts carry; both parts owned. */
bool hp_account_comment_parse(const char *text, char **namespace_name, char **id);

/* Removes all accounts that owner claims. */
int hp_account_remove_all(const json_t *owner, struct hp_error *err);

#define HP_ACCOUNT_CLAIM "account"

#endif
