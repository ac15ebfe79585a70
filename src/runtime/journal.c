#include "runtime/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

#define OPEN_ATTEMPTS 16
#define NEW_NAME HP_JOURNAL_NAME ".new"

struct hp_journal {
  int file; /* locked for as long as it is open */
  char *bundle;
  size_t size; /* bytes of whole lines */
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
static int check_file(int file, const char *bundle, struct stat *status, struct hp_error *err) {
  if (fstat(file, status) != 0)
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

static int write_all(int file, const char *data, size_t length) {
  while (length > 0) {
    ssize_t written = write(file, data, length);
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
static int end_torn_line(int file, off_t *size, const char *bundle, struct hp_error *err) {
  char last;
  if (*size == 0 || (pread(file, &last, 1, *size - 1) == 1 && last == '\n'))
    return 0;
  if (write_all(file, "\n", 1) != 0)
    return hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be written", bundle);
  (*size)++;
  return 0;
}

/* Opens and locks once. *retry: the file was removed between open and lock. */
static int open_once(int directory, const char *bundle, int flags, int *file, off_t *size, bool *retry,
                     struct hp_error *err) {
  struct stat ours, named;
  *retry = false;
  *file = openat(directory, HP_JOURNAL_NAME, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags,
                 0600);
  if (*file < 0)
    return hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be opened", bundle);
  if (check_file(*file, bundle, &ours, err) != 0)
    goto failed;
  if (flock(*file, LOCK_EX | LOCK_NB) != 0) {
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
  if (fstat(*file, &ours) != 0) { /* again: the size under the lock */
    hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be examined", bundle);
    goto failed;
  }
  *size = ours.st_size;
  if (check_size(*size, bundle, err) == 0)
    return 0;

failed:
  close(*file);
  *file = -1;
  return -1;
}

static int open_journal(const char *bundle, int flags, struct hp_journal **journal, struct hp_error *err) {
  int file = -1, result = -1;
  off_t size = 0;
  bool retry = true;

  *journal = NULL;
  int directory = open_bundle(bundle, err);
  if (directory < 0)
    return -1;
  for (int attempt = 0; retry && attempt < OPEN_ATTEMPTS; attempt++)
    result = open_once(directory, bundle, flags, &file, &size, &retry, err);
  if (result != 0)
    goto done;
  result = end_torn_line(file, &size, bundle, err);
  if (result == 0 && (flags & O_CREAT) && fsync(directory) != 0)
    result = hp_error_set_os(err, errno, "bundle \"%s\" cannot be written to disk", bundle);
  if (result != 0)
    goto done;

  *journal = hp_alloc(sizeof **journal);
  **journal = (struct hp_journal){.file = file, .bundle = hp_strdup(bundle), .size = (size_t)size};
  file = -1;
  hp_error_clear(err); /* of an attempt that was repeated */

done:
  if (file >= 0)
    close(file);
  close(directory);
  return result;
}

int hp_journal_open(const char *bundle, struct hp_journal **journal, struct hp_error *err) {
  return open_journal(bundle, O_CREAT, journal, err);
}

int hp_journal_open_existing(const char *bundle, struct hp_journal **journal, struct hp_error *err) {
  if (open_journal(bundle, 0, journal, err) == 0)
    return 0;
  if (err->os_code != ENOENT)
    return -1;
  hp_error_clear(err);
  return 0;
}

int hp_journal_append(struct hp_journal *journal, const json_t *record, struct hp_error *err) {
  if (!json_is_string(json_object_get(record, "kind")))
    return hp_error_set(err, HP_INTERNAL, "a record without a kind cannot be journaled");
  char *line = json_dumps(record, JSON_COMPACT);
  if (!line)
    return hp_error_set(err, HP_INTERNAL, "a record cannot be written as JSON");
  size_t length = strlen(line);
  int result = -1;
  if (length >= HP_JOURNAL_MAX - journal->size) {
    hp_error_set(err, HP_RESOURCE_EXHAUSTED, "journal of bundle \"%s\" is full (%u bytes)", journal->bundle,
                 HP_JOURNAL_MAX);
    goto done;
  }
  line[length] = '\n'; /* in the place of its NUL: one write, one line */
  if (write_all(journal->file, line, length + 1) != 0 || fdatasync(journal->file) != 0) {
    hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be written", journal->bundle);
    if (ftruncate(journal->file, (off_t)journal->size) != 0)
      hp_log(HP_LOG_WARNING, NULL, "journal of bundle \"%s\" keeps a torn line", journal->bundle);
    goto done;
  }
  journal->size += length + 1;
  result = 0;

done:
  free(line);
  return result;
}

/* ---- replacing --------------------------------------------------------------- */

static int write_records(int file, const json_t *records, size_t *size) {
  *size = 0;
  for (size_t i = 0; i < json_array_size(records); i++) {
    char *line = json_dumps(json_array_get(records, i), JSON_COMPACT);
    if (!line) {
      errno = EINVAL;
      return -1;
    }
    size_t length = strlen(line);
    line[length] = '\n';
    int result = write_all(file, line, length + 1);
    free(line);
    if (result != 0)
      return -1;
    *size += length + 1;
  }
  return fsync(file);
}

/* The lock is there before the name: nobody finds the journal without one. */
int hp_journal_replace(struct hp_journal *journal, const json_t *records, struct hp_error *err) {
  int file = -1, result = -1;
  size_t size = 0;
  int directory = open_bundle(journal->bundle, err);
  if (directory < 0)
    return -1;
  if (unlinkat(directory, NEW_NAME, 0) != 0 && errno != ENOENT)
    goto failed;
  file = openat(directory, NEW_NAME, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0 || flock(file, LOCK_EX | LOCK_NB) != 0 || write_records(file, records, &size) != 0 ||
      renameat(directory, NEW_NAME, directory, HP_JOURNAL_NAME) != 0)
    goto failed;
  close(journal->file);
  journal->file = file;
  journal->size = size;
  result = 0;
  if (fsync(directory) != 0) /* the old file says all that the new one says */
    hp_log(HP_LOG_WARNING, NULL, "bundle \"%s\" cannot be written to disk", journal->bundle);
  goto done;

failed:
  result = hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be written anew", journal->bundle);
  if (file >= 0) {
    unlinkat(directory, NEW_NAME, 0);
    close(file);
  }
done:
  close(directory);
  return result;
}

size_t hp_journal_size(const struct hp_journal *journal) {
  return journal->size;
}

/* ---- reading ----------------------------------------------------------------- */

static void add_line(json_t *records, const char *line, size_t length, size_t number, size_t *bad,
                     char **first) {
  json_error_t why;
  json_t *record = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
  if (record && json_is_string(json_object_get(record, "kind"))) {
    json_array_append_new(records, record);
    return;
  }
  if ((*bad)++ == 0)
    *first = hp_printf("line %zu: %s", number, record ? "not a record" : why.text);
  json_decref(record);
}

static json_t *parse(const char *data, size_t length, char **damage) {
  json_t *records = json_array();
  char *first = NULL;
  size_t bad = 0, number = 0;
  const char *end = data + length;
  for (const char *line = data; line < end; number++) {
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    const char *stop = newline ? newline : end;
    if (stop > line)
      add_line(records, line, (size_t)(stop - line), number + 1, &bad, &first);
    line = newline ? newline + 1 : end;
  }
  *damage = bad ? hp_printf("%zu of %zu lines cannot be read; the first is %s", bad, number, first) : NULL;
  free(first);
  return records;
}

static int read_file(int file, const char *bundle, json_t **records, char **damage, struct hp_error *err) {
  struct stat status;
  if (fstat(file, &status) != 0)
    return hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be examined", bundle);
  if (check_size(status.st_size, bundle, err) != 0)
    return -1;
  size_t length = 0, size = (size_t)status.st_size;
  char *data = hp_alloc(size + 1);
  while (length < size) {
    ssize_t got = pread(file, data + length, size - length, (off_t)length);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      int cause = errno;
      free(data);
      return hp_error_set_os(err, cause, "journal of bundle \"%s\" cannot be read", bundle);
    }
    if (got == 0)
      break;
    length += (size_t)got;
  }
  *records = parse(data, length, damage);
  free(data);
  return 0;
}

int hp_journal_records(const struct hp_journal *journal, json_t **records, char **damage,
                       struct hp_error *err) {
  *records = NULL;
  *damage = NULL;
  return read_file(journal->file, journal->bundle, records, damage, err);
}

static int nothing(json_t **records, struct hp_error *err) {
  hp_error_clear(err);
  *records = json_array();
  return 0;
}

int hp_journal_read(const char *bundle, json_t **records, bool *alive, char **damage, struct hp_error *err) {
  struct stat status;
  int file = -1, result = -1;
  *records = NULL;
  *damage = NULL;
  *alive = false;
  int directory = open_bundle(bundle, err);
  if (directory < 0)
    return err->os_code == ENOENT ? nothing(records, err) : -1;
  file = openat(directory, HP_JOURNAL_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) {
    result = errno == ENOENT
                 ? nothing(records, err)
                 : hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be opened", bundle);
    goto done;
  }
  if (check_file(file, bundle, &status, err) != 0)
    goto done;
  *alive = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (!*alive && fstat(file, &status) == 0 && status.st_nlink == 0)
    *alive = true; /* replaced or removed since it was opened */
  result = read_file(file, bundle, records, damage, err);

done:
  if (file >= 0)
    close(file);
  close(directory);
  return result;
}

/* ---- end ----------------------------------------------------------------------- */

int hp_journal_remove(struct hp_journal *journal, struct hp_error *err) {
  struct stat ours, named;
  int result = 0;
  int directory = open_bundle(journal->bundle, err);
  if (directory < 0 && err->os_code != ENOENT)
    return -1;
  if (directory < 0) {
    hp_error_clear(err); /* somebody removed the whole bundle: so much the better */
  } else if (fstat(journal->file, &ours) == 0 &&
             fstatat(directory, HP_JOURNAL_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
             named.st_ino == ours.st_ino && named.st_dev == ours.st_dev &&
             (unlinkat(directory, HP_JOURNAL_NAME, 0) != 0 || fsync(directory) != 0)) {
    result = hp_error_set_os(err, errno, "journal of bundle \"%s\" cannot be removed", journal->bundle);
  }
  if (directory >= 0)
    close(directory);
  if (result == 0)
    hp_journal_close(journal);
  return result;
}

void hp_journal_close(struct hp_journal *journal) {
  if (!journal)
    return;
  close(journal->file);
  free(journal->bundle);
  free(journal);
}
