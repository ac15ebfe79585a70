#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"

/* In a sticky directory others can add files, but not exchange those of a user whom
 * they are not. */
static const char *reason_to_distrust(const struct stat *status) {
  if (status->st_uid != 0 && status->st_uid != geteuid())
    return "its owner is neither root nor the user this shim runs as: change it with chown root";
  if ((status->st_mode & (S_IWGRP | S_IWOTH)) && !(S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX)))
    return "others than its owner can write it: change it with chmod go-w";
  return NULL;
}

/* Links have been followed by the time: the directories in which the file itself is.
 * Whoever can exchange one of them can exchange the file. */
static int distrust_directories(const char *path, uv_file file, struct hp_error *err) {
  char link[32], real[PATH_MAX];
  struct stat status;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, real, sizeof real - 1);
  if (length < 0)
    return hp_error_set_os(err, errno, "cannot tell in which directory \"%s\" is", path);
  real[length] = 0;
  for (char *slash; (slash = strrchr(real, '/')) != NULL;) {
    slash[slash == real] = 0;
    if (stat(real, &status) != 0)
      return hp_error_set_os(err, errno, "cannot examine \"%s\", in which \"%s\" is", real, path);
    const char *reason = reason_to_distrust(&status);
    if (reason)
      return hp_error_set(err, HP_FAILED_PRECONDITION, "\"%s\" is not trusted for the directory \"%s\": %s",
                          path, real, reason);
    if (slash == real)
      break;
  }
  return 0;
}

int host_file_distrust(const char *path, uv_file file, struct hp_error *err) {
  struct stat status;
  if (fstat(file, &status) != 0)
    return hp_error_set_os(err, errno, "cannot examine \"%s\"", path);
  const char *reason = reason_to_distrust(&status);
  if (reason)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "\"%s\" is not trusted: %s", path, reason);
  return distrust_directories(path, file, err);
}
