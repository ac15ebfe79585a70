#include "host/linux/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/memory.h"

#define VERSION 1
#define FILE_NAME "ledger.json"
#define NEW_FILE_NAME "ledger.json.new"
#define FILE_MAX (16u << 20)
#define LOCK_WAIT_MS 20000
#define LOCK_POLL_MS 2

struct hp_ledger {
  int directory, lock;
  json_t *root; /* {"version", "nextUid", "claims"} */
};

static const char *state_directory(void) {
  const char *other = getenv("HOSTPROCESS_STATE_DIR");
  return other && *other ? other : HP_LEDGER_DIRECTORY;
}

static int check_directory(int fd, const char *path, struct hp_error *err) {
  struct stat st;
  if (fstat(fd, &st) != 0)
    return hp_error_set_os(err, errno, "cannot look at the state directory \"%s\"", path);
  if (st.st_uid != geteuid() || (st.st_mode & 077))
    return hp_error_set(
        err, HP_FAILED_PRECONDITION,
        "the state directory \"%s\" belongs to uid %u with mode %04o, so others than root could "
        "have written there; look at what it holds, then `chown root` and `chmod 0700` it",
        path, st.st_uid, st.st_mode & 07777u);
  return 0;
}

/* The directory, checked. Without `make` a missing one is *fd = -1. */
static int open_directory(bool make, int *fd, struct hp_error *err) {
  const char *path = state_directory();
  if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
    return hp_error_set_os(err, errno, "cannot make the state directory \"%s\"", path);
  *fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (*fd < 0 && errno == ENOENT && !make)
    return 0;
  if (*fd < 0)
    return hp_error_set_os(err, errno, "cannot open the state directory \"%s\"", path);
  if (check_directory(*fd, path, err) == 0)
    return 0;
  close(*fd);
  *fd = -1;
  return -1;
}

/* flock knows no time limit, and a holder may hang in a dead file system. */
static int wait_for_lock(int fd, struct hp_error *err) {
  for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_POLL_MS) {
    if (errno == EINTR)
      continue;
    if (errno != EWOULDBLOCK)
      return hp_error_set_os(err, errno, "cannot lock \"%s/lock\"", state_directory());
    if (waited >= LOCK_WAIT_MS)
      return hp_error_set(err, HP_UNAVAILABLE,
                          "\"%s/lock\" has been held by another shim for %d s; see who holds it (fuser) and "
                          "what it waits for",
                          state_directory(), LOCK_WAIT_MS / 1000);
    nanosleep(&(struct timespec){.tv_nsec = LOCK_POLL_MS * 1000000L}, NULL);
  }
  return 0;
}

static int damaged(const char *why, struct hp_error *err) {
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      "the ledger \"%s/" FILE_NAME "\" cannot be read (%s); move it away once no HostProcess "
                      "container runs",
                      state_directory(), why);
}

static bool claim_is_sound(const json_t *claim) {
  const json_t *owner = json_object_get(claim, "owner");
  return json_is_string(json_object_get(claim, "kind")) &&
         json_is_string(json_object_get(owner, "namespace")) &&
         json_is_string(json_object_get(owner, "id")) && json_is_string(json_object_get(owner, "bundle")) &&
         json_is_string(json_object_get(owner, "boot"));
}

static int check_root(const json_t *root, struct hp_error *err) {
  if (json_integer_value(json_object_get(root, "version")) != VERSION)
    return damaged("it has another version", err);
  const json_t *claims = json_object_get(root, "claims"), *claim;
  size_t index;
  if (!json_is_array(claims))
    return damaged("it holds no claims", err);
  json_array_foreach(claims, index, claim) {
    if (!claim_is_sound(claim))
      return damaged("a claim lacks its kind or owner", err);
  }
  return 0;
}

/* Not json_loadfd, which reads a byte at a time: others wait for the lock. */
static size_t read_whole(int fd, char *text, size_t size) {
  size_t length = 0;
  for (ssize_t got; length < size && (got = read(fd, text + length, size - length)) > 0;)
    length += (size_t)got;
  return length;
}

static int load(int directory, json_t **root, struct hp_error *err) {
  int fd = openat(directory, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    *root = json_pack("{s:i, s:[]}", "version", VERSION, "claims");
    return 0;
  }
  if (fd < 0)
    return hp_error_set_os(err, errno, "cannot open \"%s/" FILE_NAME "\"", state_directory());
  struct stat st;
  json_error_t why;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX) {
    close(fd);
    return damaged("it is no file of a sane size", err);
  }
  char *text = hp_alloc((size_t)st.st_size + 1);
  size_t length = read_whole(fd, text, (size_t)st.st_size);
  close(fd);
  *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
  free(text);
  if (!*root)
    return damaged(why.text, err);
  if (check_root(*root, err) == 0)
    return 0;
  json_decref(*root);
  *root = NULL;
  return -1;
}

int hp_ledger_open(struct hp_ledger **out, struct hp_error *err) {
  struct hp_ledger *ledger = hp_alloc(sizeof *ledger);
  *ledger = (struct hp_ledger){.directory = -1, .lock = -1};
  if (open_directory(true, &ledger->directory, err) != 0)
    goto failed;
  ledger->lock = openat(ledger->directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (ledger->lock < 0) {
    hp_error_set_os(err, errno, "cannot open \"%s/lock\"", state_directory());
    goto failed;
  }
  if (wait_for_lock(ledger->lock, err) != 0)
    goto failed;
  unlinkat(ledger->directory, NEW_FILE_NAME, 0); /* of one that died while it saved; mostly not there */
  if (load(ledger->directory, &ledger->root, err) != 0)
    goto failed;
  *out = ledger;
  return 0;

failed:
  hp_ledger_close(ledger);
  return -1;
}

static int write_all(int fd, const char *text) {
  for (size_t left = strlen(text); left > 0;) {
    ssize_t written = write(fd, text, left);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return -1;
    text += written;
    left -= (size_t)written;
  }
  return 0;
}

int hp_ledger_save(struct hp_ledger *ledger, struct hp_error *err) {
  int fd =
      openat(ledger->directory, NEW_FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return hp_error_set_os(err, errno, "cannot write \"%s/" NEW_FILE_NAME "\"", state_directory());
  errno = ENOMEM;
  char *text = json_dumps(ledger->root, JSON_COMPACT);
  bool written = text && write_all(fd, text) == 0 && fsync(fd) == 0;
  int os_code = errno;
  close(fd);
  free(text);
  if (!written)
    return hp_error_set_os(err, os_code, "cannot write \"%s/" NEW_FILE_NAME "\"", state_directory());
  hp_crash_point();
  if (renameat(ledger->directory, NEW_FILE_NAME, ledger->directory, FILE_NAME) != 0 ||
      fsync(ledger->directory) != 0)
    return hp_error_set_os(err, errno, "cannot replace \"%s/" FILE_NAME "\"", state_directory());
  hp_crash_point();
  return 0;
}

void hp_ledger_close(struct hp_ledger *ledger) {
  if (!ledger)
    return;
  if (ledger->lock >= 0) {
    /* By hand: a child between its fork and its exec holds the same lock. */
    flock(ledger->lock, LOCK_UN);
    close(ledger->lock);
  }
  if (ledger->directory >= 0)
    close(ledger->directory);
  json_decref(ledger->root);
  free(ledger);
}

int hp_ledger_read(json_t **claims, struct hp_error *err) {
  int directory;
  json_t *root = NULL;
  if (open_directory(false, &directory, err) != 0)
    return -1;
  if (directory < 0) {
    *claims = json_array();
    return 0;
  }
  int result = load(directory, &root, err);
  close(directory);
  if (result == 0)
    *claims = json_incref(json_object_get(root, "claims"));
  json_decref(root);
  return result;
}

json_t *hp_ledger_claims(struct hp_ledger *ledger) {
  return json_object_get(ledger->root, "claims");
}

json_int_t hp_ledger_next_uid(const struct hp_ledger *ledger) {
  return json_integer_value(json_object_get(ledger->root, "nextUid"));
}

void hp_ledger_set_next_uid(struct hp_ledger *ledger, json_int_t uid) {
  json_object_set_new(ledger->root, "nextUid", json_integer(uid));
}

bool hp_ledger_is(const json_t *claim, const char *kind, const json_t *owner) {
  const char *name = json_string_value(json_object_get(claim, "kind"));
  return name && strcmp(name, kind) == 0 && (!owner || json_equal(json_object_get(claim, "owner"), owner));
}

void hp_ledger_add(struct hp_ledger *ledger, const char *kind, const json_t *owner, json_t *detail) {
  json_object_set_new(detail, "kind", json_string(kind));
  json_object_set_new(detail, "owner", json_deep_copy(owner));
  json_array_append_new(hp_ledger_claims(ledger), detail);
}

/* ---- owners -------------------------------------------------------------------- */

static int read_boot_id(char boot[64], struct hp_error *err) {
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, boot, 63);
  int os_code = errno;
  if (fd >= 0)
    close(fd);
  if (length <= 0)
    return hp_error_set_os(err, os_code, "cannot read this boot's id from /proc/sys/kernel/random/boot_id");
  boot[length] = 0;
  boot[strcspn(boot, "\n")] = 0;
  return 0;
}

int hp_ledger_owner(const char *namespace_name, const char *id, const char *bundle, json_t **owner,
                    struct hp_error *err) {
  char boot[64];
  if (read_boot_id(boot, err) != 0)
    return -1;
  *owner = json_pack("{s:s, s:s, s:s, s:s}", "namespace", namespace_name, "id", id, "bundle", bundle, "boot",
                     boot);
  if (!*owner)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "namespace, id or bundle of \"%s\" is no UTF-8", id);
  return 0;
}

char *hp_ledger_owner_name(const json_t *owner) {
  const char *namespace_name = json_string_value(json_object_get(owner, "namespace"));
  const char *id = json_string_value(json_object_get(owner, "id"));
  return hp_printf("%s/%s", namespace_name ? namespace_name : "?", id ? id : "?");
}

bool hp_ledger_owner_lives(const json_t *owner) {
  struct hp_error err = HP_ERROR_INIT;
  char boot[64];
  const char *theirs = json_string_value(json_object_get(owner, "boot"));
  const char *bundle = json_string_value(json_object_get(owner, "bundle"));
  if (read_boot_id(boot, &err) != 0) { /* when in doubt nothing is taken from anybody */
    hp_error_clear(&err);
    return true;
  }
  if (!theirs || strcmp(theirs, boot) != 0)
    return false;
  return bundle && (access(bundle, F_OK) == 0 || errno != ENOENT);
}
