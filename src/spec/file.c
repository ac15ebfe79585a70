/* Reading a small file that somebody else wrote. libuv's calls take UTF-8 paths
 * on both systems and are synchronous here. */
#include <stdlib.h>
#include <sys/stat.h>
#include <uv.h>

#include "spec/read.h"

/* The system's errno where there is one (libuv's codes are negative errnos on POSIX). */
static int fail(struct hp_error *err, const char *what, const char *path, const char *verb, int status) {
  enum hp_code code = status == UV_ENOENT || status == UV_ENOTDIR ? HP_NOT_FOUND
                      : status == UV_EACCES || status == UV_EPERM ? HP_PERMISSION_DENIED
                                                                  : HP_INTERNAL;
  hp_error_set(err, code, "%s: cannot %s \"%s\": %s", what, verb, path, uv_strerror(status));
  err->os_code = -status;
  return -1;
}

static int check(const char *what, const char *path, const uv_stat_t *stat, size_t max,
                 struct hp_error *err) {
  if ((stat->st_mode & S_IFMT) != S_IFREG)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "%s: \"%s\" is not a regular file", what, path);
  if (stat->st_size > max)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "%s: \"%s\" has %llu bytes: at most %zu are read, make it smaller", what, path,
                        (unsigned long long)stat->st_size, max);
  return 0;
}

/* The file may grow or shrink while it is read: what is there counts, up to size. */
static int read_whole(uv_file file, char *data, size_t size, size_t *length) {
  for (*length = 0; *length < size;) {
    uv_buf_t buffer = uv_buf_init(data + *length, (unsigned)(size - *length));
    uv_fs_t request;
    int got = uv_fs_read(NULL, &request, file, &buffer, 1, -1, NULL);
    uv_fs_req_cleanup(&request);
    if (got == UV_EINTR)
      continue;
    if (got <= 0)
      return got;
    *length += (size_t)got;
  }
  return 0;
}

int hp_file_read(const char *what, const char *path, size_t max, hp_file_distrust distrust, char **data,
                 size_t *length, struct hp_error *err) {
  uv_fs_t request;
  /* Non-blocking, for the path may name a FIFO. */
  uv_file file =
      uv_fs_open(NULL, &request, path, UV_FS_O_RDONLY | UV_FS_O_NONBLOCK | UV_FS_O_NOCTTY, 0, NULL);
  uv_fs_req_cleanup(&request);
  if (file < 0)
    return fail(err, what, path, "open", file);
  int result = -1;
  int status = uv_fs_fstat(NULL, &request, file, NULL);
  uv_stat_t stat = request.statbuf;
  uv_fs_req_cleanup(&request);
  if (status < 0) {
    fail(err, what, path, "examine", status);
    goto done;
  }
  if (check(what, path, &stat, max, err) != 0)
    goto done;
  if (distrust && distrust(path, file, err) != 0) {
    hp_error_wrap(err, "%s", what);
    goto done;
  }
  *data = hp_alloc((size_t)stat.st_size + 1);
  status = read_whole(file, *data, (size_t)stat.st_size, length);
  if (status < 0) {
    free(*data);
    *data = NULL;
    fail(err, what, path, "read", status);
    goto done;
  }
  result = 0;
done:
  uv_fs_close(NULL, &request, file, NULL);
  uv_fs_req_cleanup(&request);
  return result;
}
