/* Who holds a journal has it open: proc(5) shows every descriptor of every
 * process, also of a file whose name is gone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/journal.h"

#define DELETED " (deleted)"
#define SHIM_NAME "containerd-shim" /* as much of our name as proc(5) keeps */

struct search {
  const struct hp_strings *bundles;
  struct stat *files; /* of the bundles' journals; st_nlink 0: there is none */
  json_t *records;
  struct hp_strings *held;
};

/* Whether the link of a descriptor names a journal, also one that replaces another
 * and has not come to its name. */
static bool is_journal(const char *target) {
  size_t length = strlen(target), deleted = strlen(DELETED);
  if (length > deleted && strcmp(target + length - deleted, DELETED) == 0)
    length -= deleted;
  const char *name = memrchr(target, '/', length);
  if (!name)
    return false;
  name++;
  length -= (size_t)(name - target);
  static const char *const names[] = {HP_JOURNAL_NAME, HP_JOURNAL_NAME ".new"};
  for (size_t i = 0; i < 2; i++)
    if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
      return true;
  return false;
}

static void read_records(int fd, off_t size, json_t *records) {
  char *data = hp_alloc((size_t)size + 1);
  ssize_t got = pread(fd, data, (size_t)size, 0);
  if (got > 0)
    hp_journal_parse(data, (size_t)got, records);
  free(data);
}

/* A journal that others than we could have written protects nothing. */
static void take(struct search *search, const char *path) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return; /* closed meanwhile */
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
      !(st.st_mode & (S_IWGRP | S_IWOTH)) && st.st_size <= (off_t)HP_JOURNAL_MAX) {
    read_records(fd, st.st_size, search->records);
    for (size_t i = 0; i < search->bundles->count; i++)
      if (search->files[i].st_nlink && search->files[i].st_ino == st.st_ino &&
          search->files[i].st_dev == st.st_dev)
        hp_strings_add(search->held, search->bundles->items[i]);
  }
  close(fd);
}

/* Also of a process that does not show what it has open, anybody may read the name. */
static bool may_be_shim(const char *pid) {
  char *path = hp_printf("/proc/%s/comm", pid), name[32] = SHIM_NAME;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
  if (fd >= 0)
    close(fd);
  free(path);
  return length >= (ssize_t)strlen(SHIM_NAME) && strncmp(name, SHIM_NAME, strlen(SHIM_NAME)) == 0;
}

/* A process that is gone meanwhile holds nothing. */
static int search_process(struct search *search, const char *pid, struct hp_error *err) {
  char *directory = hp_printf("/proc/%s/fd", pid);
  DIR *list = opendir(directory);
  int result = 0, os_code = list ? 0 : errno;
  for (struct dirent *entry; list && (entry = readdir(list));) {
    char target[PATH_MAX];
    ssize_t length = readlinkat(dirfd(list), entry->d_name, target, sizeof target - 1);
    if (length < 0) {
      if (errno == EACCES || errno == EPERM)
        os_code = errno;
      continue;
    }
    target[length] = 0;
    if (is_journal(target)) {
      char *path = hp_printf("%s/%s", directory, entry->d_name);
      take(search, path);
      free(path);
    }
  }
  if (list)
    closedir(list);
  if ((os_code == EACCES || os_code == EPERM) && may_be_shim(pid)) {
    hp_error_set_os(err, os_code,
                    "cannot see what process %s holds, which may be a living shim: run as root, "
                    "with CAP_SYS_PTRACE",
                    pid);
    result = hp_error_recode(err, HP_FAILED_PRECONDITION);
  }
  free(directory);
  return result;
}

static int search_all(struct search *search, struct hp_error *err) {
  DIR *list = opendir("/proc");
  if (!list)
    return hp_error_set_os(err, errno, "cannot list the processes in /proc");
  int result = 0;
  for (struct dirent *entry; result == 0 && (entry = readdir(list));)
    if (entry->d_name[strspn(entry->d_name, "0123456789")] == 0)
      result = search_process(search, entry->d_name, err);
  closedir(list);
  return result;
}

int hp_journals_held(const struct hp_strings *bundles, json_t *records, struct hp_strings *held,
                     struct hp_error *err) {
  struct search search = {bundles, hp_realloc_array(NULL, bundles->count + 1, sizeof *search.files), records,
                          held};
  for (size_t i = 0; i < bundles->count; i++) {
    char *file = hp_printf("%s/" HP_JOURNAL_NAME, bundles->items[i]);
    if (lstat(file, &search.files[i]) != 0)
      search.files[i] = (struct stat){0};
    free(file);
  }
  int result = search_all(&search, err);
  free(search.files);
  return result;
}
