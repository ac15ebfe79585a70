/* Accounts are known by their name and their comment, profiles by their directory's
 * name, volumes by standing in C:\hpc; a job lives only as long as its shim. */
#include "host/strays.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <lm.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/host.h"
#include "host/windows/account.h"
#include "host/windows/job.h"
#include "host/windows/private_directory.h"
#include "host/windows/profile.h"
#include "host/windows/text.h"
#include "host/windows/volume.h"
#include "host/windows/wide_path.h"

bool hp_owner_at_work(const json_t *owner) {
  const char *namespace_name = json_string_value(json_object_get(owner, "namespace"));
  const char *id = json_string_value(json_object_get(owner, "id"));
  return namespace_name && id && hp_job_exists(namespace_name, id);
}

static bool is_claimed(const json_t *claims, const char *member, const char *value) {
  size_t index;
  const json_t *claim;
  json_array_foreach(claims, index, claim) {
    const char *claimed = json_string_value(json_object_get(claim, member));
    if (claimed && _stricmp(claimed, value) == 0)
      return true;
  }
  return false;
}

/* ---- accounts --------------------------------------------------------------- */

/* The owner that an account's comment names; NULL: it is none of ours. */
static json_t *owner_of(const wchar_t *comment) {
  char *text = hp_narrow(comment), *namespace_name, *id;
  json_t *owner = NULL;
  if (text && hp_account_comment_parse(text, &namespace_name, &id)) {
    owner =
        json_pack("{s:s, s:s, s:s, s:s}", "namespace", namespace_name, "id", id, "bundle", "", "boot", "");
    free(namespace_name);
    free(id);
  }
  free(text);
  return owner;
}

static void add_account(const json_t *claims, const USER_INFO_1 *user, json_t *records) {
  char *name = hp_narrow(user->usri1_name);
  json_t *owner = name && hp_account_is_ours(name) ? owner_of(user->usri1_comment) : NULL;
  if (owner && !is_claimed(claims, "name", name) && !hp_owner_at_work(owner))
    json_array_append_new(records, json_pack("{s:s, s:O, s:s, s:b}", "kind", HP_ACCOUNT_CLAIM, "owner", owner,
                                             "name", name, "stray", 1));
  json_decref(owner);
  free(name);
}

/* A host that does not list its accounts still has those that the ledger knows. */
static void find_accounts(const json_t *claims, json_t *records) {
  DWORD resume = 0;
  NET_API_STATUS status;
  do {
    USER_INFO_1 *users = NULL;
    DWORD count = 0, total = 0;
    status = NetUserEnum(NULL, 1, FILTER_NORMAL_ACCOUNT, (BYTE **)&users, MAX_PREFERRED_LENGTH, &count,
                         &total, &resume);
    if (status == NERR_Success || status == ERROR_MORE_DATA)
      for (DWORD i = 0; i < count; i++)
        add_account(claims, &users[i], records);
    if (users)
      NetApiBufferFree(users);
  } while (status == ERROR_MORE_DATA);
  if (status != NERR_Success)
    hp_log(HP_LOG_WARNING, NULL,
           "NetUserEnum failed with %lu: accounts that the ledger does not know are not looked for",
           (unsigned long)status);
}

/* ---- volumes ------------------------------------------------------------------ */

static void add_volume(const json_t *claims, const WIN32_FIND_DATAW *found, json_t *records) {
  if (!(found->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) || found->cFileName[0] == L'.')
    return;
  wchar_t *path = hp_path_join(HP_VOLUME_BASE, found->cFileName);
  char *shown = hp_narrow(path);
  if (!is_claimed(claims, "path", shown))
    json_array_append_new(records, json_pack("{s:s, s:s, s:b}", "kind", "volume", "path", shown, "stray", 1));
  free(shown);
  free(path);
}

static int find_volumes(const json_t *claims, json_t *records, struct hp_error *err) {
  if (hp_private_directory_check(HP_VOLUME_BASE, "the container volumes' place", err) != 0)
    return -1;
  WIN32_FIND_DATAW found;
  HANDLE search = FindFirstFileW(HP_VOLUME_BASE L"\\*", &found);
  if (search == INVALID_HANDLE_VALUE)
    return 0; /* there is none */
  do
    add_volume(claims, &found, records);
  while (FindNextFileW(search, &found));
  FindClose(search);
  return 0;
}

int hp_find_strays(const json_t *claims, json_t *records, struct hp_error *err) {
  find_accounts(claims, records);
  hp_profile_find_strays(claims, records);
  return find_volumes(claims, records, err);
}

/* A pipe goes with its server. */
int host_daemon_list(const char *socket_dir, struct hp_strings *addresses, struct hp_error *err) {
  (void)socket_dir, (void)addresses, (void)err;
  return 0;
}
