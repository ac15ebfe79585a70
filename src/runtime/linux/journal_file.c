#include "runtime/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/journal.h"

#define OPEN_ATTEMPTS 16
#define NEW_NAME HP_JOURNAL_NAME ".new"

struct hp_journal_file {
  int fd; /* of a held one: locked for as long as it is open */
  char *bundle;
  size_t size;
};

/* -1 with an error; a bundle that is not there is ENOENT in err->os_code. */
static int open_bundle(const char *bundle, struct hp_error *err) {
  int directory = open(bundle, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0)
    hp_error_set_os(err, errno, "bundle \"%s\" cannot be opened as a directory", bundle);
  return directory;
}

/* The shim is root: a journal that anybody else can have written would let him
 * choose what root unmounts and kills. */
static int check_file(int fd, const char *bundle, struct stat *status, struct hp_error *err) {
  if (fstat(fd, status) != 0)
    return hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be examined", bundle);
  if (!S_ISREG(status->st_mode))
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "journal of bundle \"%s\" is not a regular file: remove it", bundle);
  if (status->st_uid != geteuid() || (status->st_mode & (S_IWGRP | S_IWOTH)))
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "journal of bundle \"%s\" can be written by others (uid %u, mode %04o): remove it "
                        "after a look at it",
                        bundle, (unsigned)status->st_uid, (unsigned)status->st_mode & 07777u);
  return 0;
}

static int check_size(off_t size, const char *bundle, struct hp_error *err) {
  if (size <= (off_t)HP_JOURNAL_MAX)
    return 0;
  return hp_error_set(err, HP_RESOURCE_EXHAUSTED, "journal of bundle \"%s\" has %lld bytes, more than %u",
                      bundle, (long long)size, HP_JOURNAL_MAX);
}

static int write_all(int fd, const char *data, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, data, length);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return -1;
    data += written;
    length -= (size_t)written;
  }
  return 0;
}

/* A line that a crash tore gets its end, so that the next one stands alone. */
static int end_torn_line(int fd, off_t *size, const char *bundle, struct hp_error *err) {
  char last;
  if (*size == 0 || (pread(fd, &last, 1, *size - 1) == 1 && last == '\n'))
    return 0;
  if (write_all(fd, "\n", 1) != 0)
    return hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be written", bundle);
  (*size)++;
  return 0;
}

/* Opens and locks once. *retry: the file was removed between open and lock. */
static int hold_once(int directory, const char *bundle, int flags, int *fd, off_t *size, bool *retry,
                     struct hp_error *err) {
  struct stat ours, named;
  *retry = false;
  *fd = openat(directory, HP_JOURNAL_NAME, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags,
               0600);
  if (*fd < 0)
    return hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be opened", bundle);
  if (check_file(*fd, bundle, &ours, err) != 0)
    goto failed;
  if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      hp_error_set(err, HP_ALREADY_EXISTS, "bundle \"%s\" belongs to a container of a living shim", bundle);
    else
      hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be locked", bundle);
    goto failed;
  }
  *retry = fstatat(directory, HP_JOURNAL_NAME, &named, AT_SYMLINK_NOFOLLOW) != 0 ||
           named.st_ino != ours.st_ino || named.st_dev != ours.st_dev;
  if (*retry) {
    hp_error_set(err, HP_ABORTED, "journal of bundle \"%s\" is being removed: try again", bundle);
    goto failed;
  }
  if (fstat(*fd, &ours) != 0) { /* again: the size under the lock */
    hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be examined", bundle);
    goto failed;
  }
  *size = ours.st_size;
  if (check_size(*size, bundle, err) == 0)
    return 0;

failed:
  close(*fd);
  *fd = -1;
  return -1;
}

static int hold(int directory, const char *bundle, bool make, int *fd, off_t *size, struct hp_error *err) {
  int flags = make ? O_CREAT : 0, result = -1;
  bool retry = true;
  for (int attempt = 0; retry && attempt < OPEN_ATTEMPTS; attempt++)
    result = hold_once(directory, bundle, flags, fd, size, &retry, err);
  if (result != 0 || end_torn_line(*fd, size, bundle, err) != 0)
    return -1;
  if (make && fsync(directory) != 0)
    return hp_error_set_os(err, errno, "bundle \"%s\" cannot be written to disk", bundle);
  hp_error_clear(err); /* of an attempt that was repeated */
  return 0;
}

static int look(int directory, const char *bundle, int *fd, off_t *size, bool *held, struct hp_error *err) {
  struct stat status;
  *fd = openat(directory, HP_JOURNAL_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (*fd < 0)
    return hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be opened", bundle);
  if (check_file(*fd, bundle, &status, err) != 0)
    return -1;
  *held = flock(*fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (!*held && fstat(*fd, &status) == 0 && status.st_nlink == 0)
    *held = true; /* replaced or removed since it was opened */
  *size = status.st_size;
  return check_size(*size, bundle, err);
}

int hp_journal_file_open(const char *bundle, enum hp_journal_use use, struct hp_journal_file **file,
                         bool *held, struct hp_error *err) {
  int fd = -1, result = -1;
  off_t size = 0;
  *file = NULL;
  int directory = open_bundle(bundle, err);
  if (directory >= 0)
    result = use == HP_JOURNAL_LOOK ? look(directory, bundle, &fd, &size, held, err)
                                    : hold(directory, bundle, use == HP_JOURNAL_MAKE, &fd, &size, err);
  if (result == 0) {
    *file = hp_alloc(sizeof **file);
    **file = (struct hp_journal_file){.fd = fd, .bundle = hp_strdup(bundle), .size = (size_t)size};
    fd = -1;
  } else if (use != HP_JOURNAL_MAKE && err->os_code == ENOENT) {
    hp_error_clear(err);
    result = 0;
  }
  if (fd >= 0)
    close(fd);
  if (directory >= 0)
    close(directory);
  return result;
}

const char *hp_journal_file_bundle(const struct hp_journal_file *file) {
  return file->bundle;
}

size_t hp_journal_file_size(const struct hp_journal_file *file) {
  return file->size;
}

int hp_journal_file_read(const struct hp_journal_file *file, char **data, size_t *length,
                         struct hp_error *err) {
  *data = hp_alloc(file->size + 1);
  *length = 0;
  while (*length < file->size) {
    ssize_t got = pread(file->fd, *data + *length, file->size - *length, (off_t)*length);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be read", file->bundle);
      free(*data);
      *data = NULL;
      return -1;
    }
    if (got == 0)
      break;
    *length += (size_t)got;
  }
  return 0;
}

int hp_journal_file_append(struct hp_journal_file *file, const char *data, size_t length,
                           struct hp_error *err) {
  if (write_all(file->fd, data, length) != 0 || fdatasync(file->fd) != 0) {
    hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be written", file->bundle);
    if (ftruncate(file->fd, (off_t)file->size) != 0)
      hp_log(HP_LOG_WARNING, NULL, "journal of bundle \"%s\" keeps a torn line", file->bundle);
    return -1;
  }
  file->size += length;
  return 0;
}

/* The lock is there before the name: nobody finds the journal without one. */
int hp_journal_file_replace(struct hp_journal_file *file, const char *data, size_t length,
                            struct hp_error *err) {
  int fd = -1, result = -1;
  int directory = open_bundle(file->bundle, err);
  if (directory < 0)
    return -1;
  if (unlinkat(directory, NEW_NAME, 0) != 0 && errno != ENOENT)
    goto failed;
  fd = openat(directory, NEW_NAME, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || write_all(fd, data, length) != 0 || fsync(fd) != 0)
    goto failed;
  hp_crash_point();
  if (renameat(directory, NEW_NAME, directory, HP_JOURNAL_NAME) != 0)
    goto failed;
  hp_crash_point();
  close(file->fd);
  file->fd = fd;
  file->size = length;
  result = 0;
  if (fsync(directory) != 0) /* the old file says all that the new one says */
    hp_log(HP_LOG_WARNING, NULL, "bundle \"%s\" cannot be written to disk", file->bundle);
  goto done;

failed:
  result = hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be written anew", file->bundle);
  if (fd >= 0) {
    unlinkat(directory, NEW_NAME, 0);
    close(fd);
  }
done:
  close(directory);
  return result;
}

int hp_journal_file_remove(struct hp_journal_file *file, struct hp_error *err) {
  struct stat ours, named;
  int result = 0;
  int directory = open_bundle(file->bundle, err);
  if (directory < 0 && err->os_code != ENOENT)
    return -1;
  if (directory < 0) {
    hp_error_clear(err); /* somebody removed the whole bundle: so much the better */
  } else if (fstat(file->fd, &ours) == 0 &&
             fstatat(directory, HP_JOURNAL_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
             named.st_ino == ours.st_ino && named.st_dev == ours.st_dev &&
             (unlinkat(directory, HP_JOURNAL_NAME, 0) != 0 || fsync(directory) != 0)) {
    result = hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be removed", file->bundle);
  }
  if (directory >= 0)
    close(directory);
  if (result == 0)
    hp_journal_file_close(file);
  return result;
}

void hp_journal_file_close(struct hp_journal_file *file) {
  if (!file)
    return;
  close(file->fd);
  free(file->bundle);
  free(file);
}
