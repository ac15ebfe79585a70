/* A claim is {"kind": "account", "owner", "name", "sid"}; the sid is there from
 * the moment the account is, for without it the profile could not be found once
 * the account is gone. */
#include "host/windows/account.h"

#include <lm.h>
#include <stdlib.h>
#include <string.h>

#include <bcrypt.h>

#include "base/memory.h"
#include "host/ledger.h"
#include "host/windows/boot.h"
#include "host/windows/logon.h"
#include "host/windows/profile.h"
#include "host/windows/text.h"
#include "host/windows/token.h"
#include "host/windows/wide_path.h"
#include "spec/identifier.h"

#define PASSWORD_RANDOM 32
#define SALT_DIGITS 32
#define COMMENT_BEGIN "HostProcess container "
#define COMMENT_END " (hostprocess-shim)"

/* ---- names -------------------------------------------------------------------- */

int hp_account_name(const char *namespace_name, const char *id, char name[HP_ACCOUNT_NAME_SIZE],
                    struct hp_error *err) {
  char salt[SALT_DIGITS + 1], hex[65];
  if (hp_random_hex(salt, SALT_DIGITS, err) != 0)
    return -1;
  /* Neither may hold a slash (containerd's identifiers), so nothing collides. */
  char *text = hp_printf("%s/%s/%s", namespace_name, id, salt);
  hp_sha256_hex(text, strlen(text), hex);
  free(text);
  memcpy(name, "hpc-", 4);
  memcpy(name + 4, hex, 16);
  name[20] = 0;
  return 0;
}

bool hp_account_is_ours(const char *name) {
  return name && strncmp(name, "hpc-", 4) == 0 && strlen(name) == HP_ACCOUNT_NAME_SIZE - 1 &&
         strspn(name + 4, "0123456789abcdef") == 16;
}

/* Neither a namespace nor an id holds a slash. */
bool hp_account_comment_parse(const char *text, char **namespace_name, char **id) {
  size_t length = strlen(text), begin = strlen(COMMENT_BEGIN), end = strlen(COMMENT_END);
  if (length <= begin + end || strncmp(text, COMMENT_BEGIN, begin) != 0 ||
      strcmp(text + length - end, COMMENT_END) != 0)
    return false;
  const char *who = text + begin, *slash = strchr(who, '/'), *stop = text + length - end;
  if (!slash || slash == who || slash + 1 >= stop)
    return false;
  *namespace_name = hp_strndup(who, (size_t)(slash - who));
  *id = hp_strndup(slash + 1, (size_t)(stop - slash - 1));
  return true;
}

/* ---- the ledger's side ------------------------------------------------------------ */

static json_t *find_claim(const json_t *claims, const json_t *owner, const char *name) {
  size_t index;
  json_t *claim;
  json_array_foreach((json_t *)(uintptr_t)claims, index, claim) {
    const char *theirs = json_string_value(json_object_get(claim, "name"));
    if (hp_ledger_is(claim, HP_ACCOUNT_CLAIM, owner) && theirs && strcmp(theirs, name) == 0)
      return claim;
  }
  return NULL;
}

enum change { CLAIM, CLAIM_IF_NOBODY_DOES, NOTE_SID, UNCLAIM };

static int change_claim(enum change change, const json_t *owner, const char *name, const char *sid,
                        struct hp_error *err) {
  struct hp_ledger *ledger;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  json_t *claims = hp_ledger_claims(ledger), *claim = find_claim(claims, owner, name);
  bool changed = false;
  if (change == CLAIM_IF_NOBODY_DOES ? !find_claim(claims, NULL, name) : change == CLAIM && !claim) {
    hp_ledger_add(ledger, HP_ACCOUNT_CLAIM, owner, json_pack("{s:s}", "name", name));
    changed = true;
  } else if (change == NOTE_SID && claim) {
    json_object_set_new(claim, "sid", json_string(sid));
    changed = true;
  }
  for (size_t i = json_array_size(claims); change == UNCLAIM && i-- > 0;)
    if (json_array_get(claims, i) == claim)
      changed = json_array_remove(claims, i) == 0;
  int result = changed ? hp_ledger_save(ledger, err) : 0;
  hp_ledger_close(ledger);
  return result;
}

/* ---- making ------------------------------------------------------------------------ */

/* Upper and lower case, a digit and a symbol whatever the random part is. */
static int make_password(wchar_t password[PASSWORD_RANDOM + 5], struct hp_error *err) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  unsigned char bytes[PASSWORD_RANDOM];
  NTSTATUS status = BCryptGenRandom(NULL, bytes, sizeof bytes, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
  if (status < 0)
    return hp_error_set(err, HP_INTERNAL, "BCryptGenRandom failed with status 0x%08lx",
                        (unsigned long)status);
  for (size_t i = 0; i < PASSWORD_RANDOM; i++)
    password[i] = (wchar_t)alphabet[bytes[i] & 63];
  wcscpy(password + PASSWORD_RANDOM, L"Aa1!");
  SecureZeroMemory(bytes, sizeof bytes);
  return 0;
}

static int add_user(const json_t *owner, const wchar_t *name, wchar_t *password, struct hp_error *err) {
  char *who = hp_ledger_owner_name(owner), *utf8 = hp_printf(COMMENT_BEGIN "%s" COMMENT_END, who);
  wchar_t *comment = hp_wide(utf8);
  wchar_t writable[HP_ACCOUNT_NAME_SIZE];
  wcscpy(writable, name);
  if (wcslen(comment) > MAXCOMMENTSZ)
    comment[MAXCOMMENTSZ] = 0;
  USER_INFO_1 info = {.usri1_name = writable,
                      .usri1_password = password,
                      .usri1_priv = USER_PRIV_USER,
                      .usri1_comment = comment,
                      .usri1_flags = UF_SCRIPT | UF_NORMAL_ACCOUNT | UF_DONT_EXPIRE_PASSWD};
  DWORD field = 0;
  NET_API_STATUS status = NetUserAdd(NULL, 1, (BYTE *)&info, &field);
  if (status != NERR_Success) {
    char *shown = hp_narrow(name);
    hp_error_set_os(err, (int)status, "NetUserAdd of \"%s\" (for container %s, field %lu)", shown, who,
                    (unsigned long)field);
    free(shown);
  }
  free(comment);
  free(utf8);
  free(who);
  return status == NERR_Success ? 0 : -1;
}

/* The SID of an account of this host's own; malloced, NULL: there is none. */
static PSID own_sid(const wchar_t *name, DWORD *os_code) {
  wchar_t computer[MAX_COMPUTERNAME_LENGTH + 1] = L"", domain[256];
  DWORD length = MAX_COMPUTERNAME_LENGTH + 1, sid_length = SECURITY_MAX_SID_SIZE, domain_length = 256;
  SID_NAME_USE use;
  GetComputerNameW(computer, &length);
  wchar_t *whole = hp_path_join(computer, name);
  PSID sid = hp_alloc(sid_length);
  BOOL found = LookupAccountNameW(NULL, whole, sid, &sid_length, domain, &domain_length, &use);
  *os_code = found ? ERROR_SUCCESS : GetLastError();
  free(whole);
  if (found)
    return sid;
  free(sid);
  return NULL;
}

static int join(PSID sid, const char *group, struct hp_error *err) {
  wchar_t *wide = hp_wide(group);
  LOCALGROUP_MEMBERS_INFO_0 member = {sid};
  NET_API_STATUS status = NetLocalGroupAddMembers(NULL, wide, 0, (BYTE *)&member, 1);
  free(wide);
  if (status == NERR_Success || status == ERROR_MEMBER_IN_ALIAS)
    return 0;
  return hp_error_set_os(err, (int)status, "NetLocalGroupAddMembers of the group \"%s\"", group);
}

static int make(const json_t *owner, const char *name, const wchar_t *wide, wchar_t *password,
                const char *group, struct hp_error *err) {
  if (add_user(owner, wide, password, err) != 0) {
    struct hp_error ignored = HP_ERROR_INIT;
    /* Somebody else's, against all odds: it must not be deleted as ours. */
    if (err->os_code == NERR_UserExists && change_claim(UNCLAIM, owner, name, NULL, &ignored) != 0)
      hp_error_clear(&ignored);
    return -1;
  }
  DWORD os_code;
  PSID sid = own_sid(wide, &os_code);
  if (!sid) {
    hp_error_set_os(err, (int)os_code, "LookupAccountNameW of the new account \"%s\"", name);
    return hp_error_recode(err, HP_FAILED_PRECONDITION);
  }
  char *text = hp_sid_text(sid);
  int result = change_claim(NOTE_SID, owner, name, text, err);
  if (result == 0)
    result = join(sid, group, err);
  free(text);
  free(sid);
  return result;
}

int hp_account_make(const json_t *owner, const char *name, const char *group, HANDLE *token, HANDLE *profile,
                    struct hp_error *err) {
  wchar_t password[PASSWORD_RANDOM + 5];
  *token = *profile = NULL;
  if (!hp_account_is_ours(name))
    return hp_error_set(err, HP_INTERNAL, "\"%s\" is no name of an ephemeral account", name);
  if (make_password(password, err) != 0 || change_claim(CLAIM, owner, name, NULL, err) != 0)
    return -1;
  wchar_t *wide = hp_wide(name);
  int result = make(owner, name, wide, password, group, err);
  if (result == 0)
    result = hp_logon_password(wide, password, token, err);
  SecureZeroMemory(password, sizeof password);
  if (result == 0)
    result = hp_logon_profile(*token, wide, profile, err);
  if (result != 0 && *token) {
    CloseHandle(*token);
    *token = NULL;
  }
  free(wide);
  return result;
}

/* ---- removing ------------------------------------------------------------------------- */

/* The SID as the ledger or, if the maker died between, the system has it; owned or NULL. */
static int learn_sid(const json_t *owner, const char *name, const json_t *claim, const wchar_t *wide,
                     char **text, struct hp_error *err) {
  DWORD os_code;
  *text = hp_strdup(json_string_value(json_object_get(claim, "sid")));
  if (*text)
    return 0;
  PSID sid = own_sid(wide, &os_code);
  if (!sid)
    return 0; /* the account is not there: neither is a profile, since nobody logged on */
  *text = hp_sid_text(sid);
  free(sid);
  return change_claim(NOTE_SID, owner, name, *text, err);
}

int hp_account_remove(const json_t *owner, const char *name, struct hp_error *err) {
  json_t *claims = NULL;
  wchar_t *wide = NULL;
  char *sid = NULL;
  int result = -1;
  if (!hp_account_is_ours(name))
    return hp_error_set(err, HP_INTERNAL, "\"%s\" is no name of an ephemeral account, and is not deleted",
                        name);
  if (hp_ledger_read(&claims, err) != 0)
    return -1;
  const json_t *claim = find_claim(claims, owner, name);
  if (!claim) { /* never made, or released before */
    json_decref(claims);
    return 0;
  }
  wide = hp_wide(name);
  if (learn_sid(owner, name, claim, wide, &sid, err) != 0)
    goto done;
  NET_API_STATUS status = NetUserDel(NULL, wide);
  if (status != NERR_Success && status != NERR_UserNotFound) {
    hp_error_set_os(err, (int)status, "NetUserDel of \"%s\"", name);
    goto done;
  }
  if (sid && hp_profile_delete(sid, err) != 0)
    goto done;
  result = change_claim(UNCLAIM, owner, name, NULL, err);

done:
  free(sid);
  free(wide);
  json_decref(claims);
  return result;
}

/* It was found before this: whoever was just making it has claimed it by now, and what
 * this owner does not claim stays. */
int hp_account_remove_stray(const json_t *owner, const char *name, struct hp_error *err) {
  if (hp_account_is_ours(name) && change_claim(CLAIM_IF_NOBODY_DOES, owner, name, NULL, err) != 0)
    return -1;
  return hp_account_remove(owner, name, err);
}

int hp_account_remove_all(const json_t *owner, struct hp_error *err) {
  json_t *claims, *claim;
  size_t index;
  int result = 0;
  if (hp_ledger_read(&claims, err) != 0)
    return -1;
  json_array_foreach(claims, index, claim) {
    struct hp_error why = HP_ERROR_INIT;
    const char *name = json_string_value(json_object_get(claim, "name"));
    if (!hp_ledger_is(claim, HP_ACCOUNT_CLAIM, owner) ||
        hp_account_remove(owner, name ? name : "", &why) == 0)
      continue;
    if (result == 0)
      result = hp_error_move(err, &why);
    hp_error_clear(&why);
  }
  json_decref(claims);
  return result;
}
