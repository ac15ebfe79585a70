#include "host/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/memory.h"

#define FILE_NAME "ledger.json"
#define NEW_FILE_NAME "ledger.json.new"
#define LOCK_POLL_MS 2

struct hp_ledger_file {
  int directory, lock;
};

static const char *state_directory(void) {
  const char *other = getenv("HOSTPROCESS_STATE_DIR");
  return other && *other ? other : "/var/lib/hostprocess-shim";
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
    if (waited >= HP_LEDGER_LOCK_WAIT_MS)
      return hp_error_set(err, HP_UNAVAILABLE,
                          "\"%s/lock\" has been held by another shim for %d s; see who holds it (fuser) and "
                          "what it waits for",
                          state_directory(), HP_LEDGER_LOCK_WAIT_MS / 1000);
    nanosleep(&(struct timespec){.tv_nsec = LOCK_POLL_MS * 1000000L}, NULL);
  }
  return 0;
}

int hp_ledger_file_damaged(const char *why, struct hp_error *err) {
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      "the ledger \"%s/" FILE_NAME "\" cannot be read (%s); move it away once no HostProcess "
                      "container runs",
                      state_directory(), why);
}

static size_t read_whole(int fd, char *text, size_t size) {
  size_t length = 0;
  for (ssize_t got; length < size && (got = read(fd, text + length, size - length)) > 0;)
    length += (size_t)got;
  return length;
}

static int load(int directory, char **text, size_t *length, struct hp_error *err) {
  int fd = openat(directory, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return 0;
  if (fd < 0)
    return hp_error_set_os(err, errno, "cannot open \"%s/" FILE_NAME "\"", state_directory());
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)HP_LEDGER_FILE_MAX) {
    close(fd);
    return hp_ledger_file_damaged("it is no file of a sane size", err);
  }
  *text = hp_alloc((size_t)st.st_size + 1);
  *length = read_whole(fd, *text, (size_t)st.st_size);
  close(fd);
  return 0;
}

int hp_ledger_file_load(const struct hp_ledger_file *file, char **text, size_t *length,
                        struct hp_error *err) {
  int directory;
  *text = NULL;
  *length = 0;
  if (file)
    return load(file->directory, text, length, err);
  if (open_directory(false, &directory, err) != 0)
    return -1;
  if (directory < 0)
    return 0;
  int result = load(directory, text, length, err);
  close(directory);
  return result;
}

int hp_ledger_file_open(struct hp_ledger_file **out, struct hp_error *err) {
  struct hp_ledger_file *file = hp_alloc(sizeof *file);
  *file = (struct hp_ledger_file){.directory = -1, .lock = -1};
  if (open_directory(true, &file->directory, err) != 0)
    goto failed;
  file->lock = openat(file->directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file->lock < 0) {
    hp_error_set_os(err, errno, "cannot open \"%s/lock\"", state_directory());
    goto failed;
  }
  if (wait_for_lock(file->lock, err) != 0)
    goto failed;
  unlinkat(file->directory, NEW_FILE_NAME, 0); /* of one that died while it saved; mostly not there */
  *out = file;
  return 0;

failed:
  hp_ledger_file_close(file);
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

int hp_ledger_file_save(struct hp_ledger_file *file, const char *text, struct hp_error *err) {
  int fd =
      openat(file->directory, NEW_FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return hp_error_set_os(err, errno, "cannot write \"%s/" NEW_FILE_NAME "\"", state_directory());
  bool written = write_all(fd, text) == 0 && fsync(fd) == 0;
  int os_code = errno;
  close(fd);
  if (!written)
    return hp_error_set_os(err, os_code, "cannot write \"%s/" NEW_FILE_NAME "\"", state_directory());
  hp_crash_point();
  if (renameat(file->directory, NEW_FILE_NAME, file->directory, FILE_NAME) != 0 ||
      fsync(file->directory) != 0)
    return hp_error_set_os(err, errno, "cannot replace \"%s/" FILE_NAME "\"", state_directory());
  hp_crash_point();
  return 0;
}

void hp_ledger_file_close(struct hp_ledger_file *file) {
  if (!file)
    return;
  if (file->lock >= 0) {
    /* By hand: a child between its fork and its exec holds the same lock. */
    flock(file->lock, LOCK_UN);
    close(file->lock);
  }
  if (file->directory >= 0)
    close(file->directory);
  free(file);
}

/* ---- owners -------------------------------------------------------------------- */

int hp_ledger_boot(char boot[HP_LEDGER_BOOT_SIZE], struct hp_error *err) {
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, boot, HP_LEDGER_BOOT_SIZE - 1);
  int os_code = errno;
  if (fd >= 0)
    close(fd);
  if (length <= 0)
    return hp_error_set_os(err, os_code, "cannot read this boot's id from /proc/sys/kernel/random/boot_id");
  boot[length] = 0;
  boot[strcspn(boot, "\n")] = 0;
  return 0;
}

bool hp_ledger_bundle_gone(const char *bundle) {
  return access(bundle, F_OK) != 0 && errno == ENOENT;
}
