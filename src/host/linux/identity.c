/* A fresh uid out of the policy's range is a record
 *   {"kind": "uid", "owner", "first", "last"}
 * and, while it is in use, a claim in the ledger. All other identities are the
 * host's own and leave nothing to release. */
#include "host/linux/container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "host/ledger.h"
#include "host/owner.h"

#define KIND "uid"
#define NEXT "nextUid"       /* so that one just given back is the last to be used again */
#define ENTRY_MAX (1u << 20) /* bytes of one passwd or group entry: a group may have many members */
#define GROUPS_MAX 65536

/* ---- the host's own names -------------------------------------------------------- */

static void use_ids(struct host_container *container, uid_t uid, gid_t gid) {
  container->uid = uid;
  container->gid = gid;
}

static void use_groups(struct host_container *container, const gid_t *groups, size_t count) {
  free(container->groups);
  container->groups = hp_realloc_array(NULL, count, sizeof *groups);
  container->group_count = count;
  if (count)
    memcpy(container->groups, groups, count * sizeof *groups);
}

/* What the *_r functions answer for "no such name", beside 0: see getpwnam(3). */
static bool means_absent(int os_code) {
  return os_code == 0 || os_code == ENOENT || os_code == ESRCH || os_code == EBADF || os_code == EPERM;
}

/* 1 found, 0 absent, -1 error. */
static int find_group(const char *name, gid_t *gid, struct hp_error *err) {
  for (size_t size = 1024;; size *= 4) {
    struct group entry, *found = NULL;
    char *buffer = hp_alloc(size);
    int os_code = getgrnam_r(name, &entry, buffer, size, &found);
    if (found)
      *gid = found->gr_gid;
    free(buffer);
    if (found)
      return 1;
    if (os_code == ERANGE && size < ENTRY_MAX)
      continue;
    return means_absent(os_code) ? 0 : hp_error_set_os(err, os_code, "cannot look up the group \"%s\"", name);
  }
}

/* By name, or (NULL) by *uid. 1 found, 0 absent, -1 error. */
static int find_user(const char *name, uid_t *uid, gid_t *gid, struct hp_error *err) {
  for (size_t size = 1024;; size *= 4) {
    struct passwd entry, *found = NULL;
    char *buffer = hp_alloc(size);
    int os_code = name ? getpwnam_r(name, &entry, buffer, size, &found)
                       : getpwuid_r(*uid, &entry, buffer, size, &found);
    if (found) {
      *uid = found->pw_uid;
      *gid = found->pw_gid;
    }
    free(buffer);
    if (found)
      return 1;
    if (os_code == ERANGE && size < ENTRY_MAX)
      continue;
    if (means_absent(os_code))
      return 0;
    return name ? hp_error_set_os(err, os_code, "cannot look up the user \"%s\"", name)
                : hp_error_set_os(err, os_code, "cannot look up the uid %u", *uid);
  }
}

static int use_user(struct host_container *container, const char *name, uid_t uid, gid_t gid,
                    struct hp_error *err) {
  int count = 32, room;
  gid_t *groups = NULL;
  do {
    room = count;
    groups = hp_realloc_array(groups, (size_t)room, sizeof *groups);
    if (getgrouplist(name, gid, groups, &count) >= 0)
      break;
  } while (count > room && count <= GROUPS_MAX);
  if (count > room) {
    free(groups);
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "runAsUserName \"%s\" is a member of more than %d groups", name, GROUPS_MAX);
  }
  use_ids(container, uid, gid);
  use_groups(container, groups, (size_t)count);
  free(groups);
  return 0;
}

/* "." and BUILTIN, or this host's own name. */
static bool domain_is_local(const char *domain) {
  char host[256] = "";
  if (!domain || !*domain || strcmp(domain, ".") == 0 || strcasecmp(domain, "BUILTIN") == 0)
    return true;
  return gethostname(host, sizeof host - 1) == 0 && strcasecmp(domain, host) == 0;
}

/* ---- plan --------------------------------------------------------------------------- */

static int plan_fresh(struct host_container *container, const struct host_container_request *request,
                      gid_t gid, json_t *records, struct hp_error *err) {
  json_t *owner;
  if (hp_ledger_owner(request->namespace_name, request->id, request->bundle, &owner, err) != 0)
    return -1;
  container->gid = gid;
  use_groups(container, &gid, 1);
  json_array_append_new(records, json_pack("{s:s, s:o, s:I, s:I}", "kind", KIND, "owner", owner, "first",
                                           (json_int_t)request->policy->ephemeral_first, "last",
                                           (json_int_t)request->policy->ephemeral_last));
  return 0;
}

enum named { NAMED_ERROR, NAMED_GROUP, NAMED_USER };

/* gid: the group's, or of a user the primary one. */
static enum named find_named(const struct hp_account *account, uid_t *uid, gid_t *gid, struct hp_error *err) {
  if (!domain_is_local(account->domain)) {
    hp_error_set(err, HP_INVALID_ARGUMENT,
                 "runAsUserName \"%s\\%s\": accounts of a domain are known to Windows hosts only; name a "
                 "group or user of this host without the domain",
                 account->domain, account->name);
    return NAMED_ERROR;
  }
  int found = find_group(account->name, gid, err);
  if (found != 0)
    return found > 0 ? NAMED_GROUP : NAMED_ERROR;
  found = find_user(account->name, uid, gid, err);
  if (found != 0)
    return found > 0 ? NAMED_USER : NAMED_ERROR;
  hp_error_set(err, HP_INVALID_ARGUMENT,
               "runAsUserName \"%s\" is neither a local group nor a user of this host; make the group "
               "(groupadd \"%s\") or name an existing one",
               account->name, account->name);
  return NAMED_ERROR;
}

int host_account_check(const struct hp_account *account, struct hp_error *err) {
  uid_t uid = 0;
  gid_t gid = 0;
  return find_named(account, &uid, &gid, err) == NAMED_ERROR ? -1 : 0;
}

static int plan_named(struct host_container *container, const struct host_container_request *request,
                      json_t *records, struct hp_error *err) {
  const struct hp_account *account = &request->verdict->account;
  uid_t uid = 0;
  gid_t gid = 0;
  switch (find_named(account, &uid, &gid, err)) {
  case NAMED_GROUP:
    return plan_fresh(container, request, gid, records, err);
  case NAMED_USER:
    return use_user(container, account->name, uid, gid, err);
  case NAMED_ERROR:
    break;
  }
  return -1;
}

int hp_identity_plan(struct host_container *container, const struct host_container_request *request,
                     json_t *records, struct hp_error *err) {
  const struct hp_policy *policy = request->policy;
  const struct hp_process_spec *process = &request->spec->process;
  switch (request->verdict->account.kind) {
  case HP_ACCOUNT_NUMERIC:
    use_ids(container, process->uid, process->gid);
    use_groups(container, process->additional_gids, process->additional_gid_count);
    return 0;
  case HP_ACCOUNT_SYSTEM:
    use_ids(container, 0, 0);
    return 0;
  case HP_ACCOUNT_LOCAL_SERVICE:
    use_ids(container, policy->local_service_uid, policy->local_service_uid);
    return 0;
  case HP_ACCOUNT_NETWORK_SERVICE:
    use_ids(container, policy->network_service_uid, policy->network_service_uid);
    return 0;
  case HP_ACCOUNT_INHERIT:
    container->inherit = true;
    use_ids(container, geteuid(), getegid());
    return 0;
  case HP_ACCOUNT_NAMED:
    return plan_named(container, request, records, err);
  }
  return hp_error_set(err, HP_INTERNAL, "an account of an unknown kind");
}

/* ---- make: a fresh uid ------------------------------------------------------------------ */

struct range {
  json_int_t first, last;
  bool *used; /* last - first + 1 of them, by claims and by processes */
};

static void mark(struct range *range, json_int_t uid) {
  if (uid >= range->first && uid <= range->last)
    range->used[uid - range->first] = true;
}

/* Real, effective, saved and file system uid of one process. */
static void mark_process(struct range *range, int proc, const char *pid) {
  char name[64], text[4096];
  snprintf(name, sizeof name, "%.32s/status", pid);
  int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  if (length <= 0) /* it has gone */
    return;
  text[length] = 0;
  char *line = strstr(text, "\nUid:"), *at = line ? line + strlen("\nUid:") : NULL;
  for (int i = 0; at && i < 4; i++)
    mark(range, (json_int_t)strtoul(at, &at, 10));
}

/* What a container left running keeps its uid from being used again. */
static int mark_processes(struct range *range, struct hp_error *err) {
  DIR *proc = opendir("/proc");
  if (!proc)
    return hp_error_set_os(err, errno, "cannot read /proc");
  for (struct dirent *entry; (entry = readdir(proc)) != NULL;)
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
      mark_process(range, dirfd(proc), entry->d_name);
  closedir(proc);
  return 0;
}

static void mark_claims(struct range *range, const json_t *claims) {
  size_t index;
  const json_t *claim;
  json_array_foreach(claims, index, claim) {
    if (hp_ledger_is(claim, KIND, NULL))
      mark(range, json_integer_value(json_object_get(claim, "uid")));
  }
}

/* Goes round the range once, from where the last search ended. */
static int pick(struct range *range, json_int_t from, uid_t *uid, struct hp_error *err) {
  json_int_t size = range->last - range->first + 1;
  if (from < range->first || from > range->last)
    from = range->first;
  for (json_int_t i = 0; i < size; i++) {
    json_int_t candidate = range->first + (from - range->first + i) % size;
    if (range->used[candidate - range->first])
      continue;
    uid_t id = (uid_t)candidate;
    gid_t ignored;
    int found = find_user(NULL, &id, &ignored, err);
    if (found < 0)
      return -1;
    if (!found) {
      *uid = id;
      return 0;
    }
  }
  return hp_error_set(
      err, HP_RESOURCE_EXHAUSTED,
      "all ids of the policy's linux.ephemeralIds [%lld, %lld] are in use; delete containers or "
      "widen the range",
      (long long)range->first, (long long)range->last);
}

static int claim_uid(struct host_container *container, const json_t *record, struct hp_error *err) {
  struct range range = {json_integer_value(json_object_get(record, "first")),
                        json_integer_value(json_object_get(record, "last")), NULL};
  const json_t *owner = json_object_get(record, "owner");
  struct hp_ledger *ledger = NULL;
  int result = -1;
  uid_t uid = 0;
  if (range.first < 1 || range.last < range.first || range.last >= (json_int_t)UINT32_MAX ||
      range.last - range.first >= 1 << 20)
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "the policy's linux.ephemeralIds [%lld, %lld] is no range of at most 1048576 ids between 1 "
        "and 4294967294",
        (long long)range.first, (long long)range.last);
  range.used = hp_alloc((size_t)(range.last - range.first + 1) * sizeof *range.used);
  if (hp_ledger_open(&ledger, err) != 0)
    goto done;
  mark_claims(&range, hp_ledger_claims(ledger));
  if (mark_processes(&range, err) != 0 || pick(&range, hp_ledger_number(ledger, NEXT), &uid, err) != 0)
    goto done;
  hp_ledger_add(ledger, KIND, owner, json_pack("{s:I}", "uid", (json_int_t)uid));
  hp_ledger_set_number(ledger, NEXT, (json_int_t)uid + 1);
  if (hp_ledger_save(ledger, err) != 0)
    goto done;
  container->uid = uid;
  result = 0;

done:
  hp_ledger_close(ledger);
  free(range.used);
  return result;
}

static bool is_ours(const json_t *record) {
  const char *kind = json_string_value(json_object_get(record, "kind"));
  return kind && strcmp(kind, KIND) == 0;
}

int hp_identity_make(struct host_container *container, const json_t *record, bool *known,
                     struct hp_error *err) {
  *known = is_ours(record);
  return *known ? claim_uid(container, record, err) : 0;
}

/* ---- release ---------------------------------------------------------------------------- */

int hp_identity_release_owner(const json_t *owner, struct hp_error *err) {
  struct hp_ledger *ledger;
  if (hp_ledger_open(&ledger, err) != 0)
    return -1;
  json_t *claims = hp_ledger_claims(ledger);
  bool changed = false;
  for (size_t i = json_array_size(claims); i-- > 0;)
    if (hp_ledger_is(json_array_get(claims, i), KIND, owner))
      changed |= json_array_remove(claims, i) == 0;
  int result = changed ? hp_ledger_save(ledger, err) : 0;
  hp_ledger_close(ledger);
  return result;
}

int hp_identity_release(const json_t *record, bool *known, struct hp_error *err) {
  *known = is_ours(record);
  if (!*known)
    return 0;
  const json_t *owner = json_object_get(record, "owner");
  if (!json_is_object(owner))
    return hp_error_set(err, HP_INTERNAL, "the record of a uid names no owner");
  return hp_identity_release_owner(owner, err);
}
