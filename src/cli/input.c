#include "cli/input.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/memory.h"

#define LINE_BYTES 4096
#define REPLACE_NS UINT64_C(2000000000)
#define REPLACE_POLL_MS 10

/* libuv's file calls, made at once on this thread: they are the same on every
 * system. Each returns what the call did, or a negative errno. */

static int open_file(const char *path, int flags, int mode) {
  uv_fs_t call;
  int fd = uv_fs_open(NULL, &call, path, flags, mode, NULL);
  uv_fs_req_cleanup(&call);
  return fd;
}

static int close_file(int fd) {
  uv_fs_t call;
  int status = uv_fs_close(NULL, &call, fd, NULL);
  uv_fs_req_cleanup(&call);
  return status;
}

static void remove_file(const char *path) {
  uv_fs_t call;
  uv_fs_unlink(NULL, &call, path, NULL);
  uv_fs_req_cleanup(&call);
}

static int rename_file(const char *from, const char *to) {
  uv_fs_t call;
  int status = uv_fs_rename(NULL, &call, from, to, NULL);
  uv_fs_req_cleanup(&call);
  return status;
}

static int read_some(int fd, void *data, size_t length) {
  uv_fs_t call;
  uv_buf_t buffer = uv_buf_init(data, (unsigned)length);
  int got = uv_fs_read(NULL, &call, fd, &buffer, 1, -1, NULL);
  uv_fs_req_cleanup(&call);
  return got;
}

static int write_all(int fd, const char *text) {
  size_t left = strlen(text);
  while (left > 0) {
    uv_fs_t call;
    uv_buf_t buffer = uv_buf_init((char *)text, (unsigned)left);
    int put = uv_fs_write(NULL, &call, fd, &buffer, 1, -1, NULL);
    uv_fs_req_cleanup(&call);
    if (put < 0)
      return put;
    text += put;
    left -= (size_t)put;
  }
  return 0;
}

int hp_input_read(bool typed, uint8_t **data, size_t *length, struct hp_error *err) {
  *data = NULL;
  *length = 0;
  if (!typed && uv_guess_handle(0) == UV_TTY)
    return 0;
  uint8_t *bytes = NULL;
  size_t used = 0, room = 0;
  for (;;) {
    if (used == room) {
      room = room ? 2 * room : 4096;
      bytes = hp_realloc_array(bytes, room, 1);
    }
    int got = read_some(0, bytes + used, room - used);
    if (got == UV_EBADF) /* closed: whoever ran us had nothing to say */
      got = 0;
    if (got < 0) {
      hp_error_set_uv(err, got, "cannot read standard input");
      break;
    }
    if (got == 0) {
      *data = bytes;
      *length = used;
      return 0;
    }
    used += (size_t)got;
    if (used > HP_INPUT_MAX) {
      hp_error_set(err, HP_RESOURCE_EXHAUSTED,
                   "standard input holds more than %u bytes: give validate a file, others less", HP_INPUT_MAX);
      break;
    }
  }
  free(bytes);
  return -1;
}

int hp_bundle_path(const char *flag, char **path, struct hp_error *err) {
  const char *given = flag && *flag ? flag : ".";
  uv_fs_t call;
  int status = uv_fs_realpath(NULL, &call, given, NULL);
  if (status == 0)
    *path = hp_strdup(call.ptr);
  uv_fs_req_cleanup(&call);
  if (status == 0)
    return 0;
  return hp_error_set_uv(err, status, "cannot find the bundle \"%s\"%s", given,
                         flag && *flag ? " (-bundle)" : ", the working directory");
}

int hp_bundle_read(const char *bundle, const char *name, char **text, struct hp_error *err) {
  char *path = hp_printf("%s/%s", bundle, name);
  char line[LINE_BYTES];
  int status = -1;
  int fd = open_file(path, UV_FS_O_RDONLY | UV_FS_O_NOFOLLOW | UV_FS_O_NONBLOCK, 0);
  int got = fd < 0 ? fd : read_some(fd, line, sizeof line);
  if (fd >= 0)
    close_file(fd);
  if (got < 0) {
    hp_error_set_uv(err, got, "cannot read %s", path);
  } else if (got == (int)sizeof line || memchr(line, 0, (size_t)got)) {
    hp_error_set(err, HP_INVALID_ARGUMENT, "%s is not one line of less than %d bytes", path, LINE_BYTES);
  } else {
    line[got] = 0;
    line[strcspn(line, "\r\n")] = 0;
    *text = hp_strdup(line);
    status = 0;
  }
  free(path);
  return status;
}

/* Windows refuses to replace a file that another start is replacing or reading at
 * this moment. */
static int replace_file(const char *draft, const char *path) {
  for (uint64_t end = uv_hrtime() + REPLACE_NS;; uv_sleep(REPLACE_POLL_MS)) {
    int status = rename_file(draft, path);
    if ((status != UV_EPERM && status != UV_EBUSY) || uv_hrtime() >= end)
      return status;
  }
}

int hp_bundle_write(const char *bundle, const char *name, const char *text, struct hp_error *err) {
  char *path = hp_printf("%s/%s", bundle, name);
  char *draft = hp_printf("%s/.%s.%d", bundle, name, (int)uv_os_getpid());
  remove_file(draft); /* of a dead process that had our number */
  int fd = open_file(draft, UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_EXCL | UV_FS_O_NOFOLLOW, 0644);
  int status = fd;
  if (fd >= 0) {
    status = write_all(fd, text);
    int closed = close_file(fd);
    if (status == 0)
      status = closed;
    if (status == 0)
      status = replace_file(draft, path);
    if (status != 0)
      remove_file(draft);
  }
  if (status < 0)
    hp_error_set_uv(err, status, "cannot write %s", path);
  free(draft);
  free(path);
  return status < 0 ? -1 : 0;
}

void hp_bundle_remove(const char *bundle, const char *name) {
  char *path = hp_printf("%s/%s", bundle, name);
  remove_file(path);
  free(path);
}
