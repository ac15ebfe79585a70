#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"

static const char *reason_to_distrust(const struct stat *status) {
  if (status->st_uid != 0 && status->st_uid != geteuid())
    return "its owner is neither root nor the user this shim runs as: change it with chown root";
  if (status->st_mode & (S_IWGRP | S_IWOTH))
    return "others than its owner can write it: change it with chmod go-w";
  return NULL;
}

int host_file_distrust(const char *path, uv_file file, struct hp_error *err) {
  struct stat status;
  if (fstat(file, &status) != 0)
    return hp_error_set_os(err, errno, "cannot examine \"%s\"", path);
  const char *reason = reason_to_distrust(&status);
  return reason ? hp_error_set(err, HP_FAILED_PRECONDITION, "\"%s\" is not trusted: %s", path, reason) : 0;
}
