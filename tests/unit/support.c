#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

int hp_run_suite(Suite *suite) {
#if defined(_WIN32)
  /* Buffered there, it would end in the middle of Check's line of results. */
  setvbuf(stderr, NULL, _IONBF, 0);
#endif
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- libuv's file calls, made at once: they are the same on every system --------- */

static void check(const char *call, const char *path, int status) {
  ck_assert_msg(status >= 0, "%s of \"%s\": %s", call, path, uv_strerror(status));
}

/* %TEMP% may be spelled in short names, which a path that is looked up is not. */
static char *temporary_directory(void) {
  char path[4096];
  size_t size = sizeof path;
  uv_fs_t call;
  check("uv_os_tmpdir", "", uv_os_tmpdir(path, &size));
  check("realpath", path, uv_fs_realpath(NULL, &call, path, NULL));
  char *whole = hp_strdup(call.ptr);
  uv_fs_req_cleanup(&call);
  return whole;
}

char *unit_directory(const char *name) {
  uv_fs_t call;
  char *base = temporary_directory(), *pattern = hp_printf("%s/hp-%s-XXXXXX", base, name);
  check("mkdtemp", pattern, uv_fs_mkdtemp(NULL, &call, pattern, NULL));
  char *path = hp_strdup(call.path);
  uv_fs_req_cleanup(&call);
  free(pattern);
  free(base);
  return path;
}

void unit_make_directory(const char *path) {
  uv_fs_t call;
  check("mkdir", path, uv_fs_mkdir(NULL, &call, path, 0700, NULL));
  uv_fs_req_cleanup(&call);
}

void unit_remove_directory(const char *path) {
  uv_fs_t call;
  check("rmdir", path, uv_fs_rmdir(NULL, &call, path, NULL));
  uv_fs_req_cleanup(&call);
}

static uv_file open_file(const char *path, int flags) {
  uv_fs_t call;
  uv_file file = uv_fs_open(NULL, &call, path, flags, 0600, NULL);
  uv_fs_req_cleanup(&call);
  check("open", path, file);
  return file;
}

static void close_file(uv_file file) {
  uv_fs_t call;
  uv_fs_close(NULL, &call, file, NULL);
  uv_fs_req_cleanup(&call);
}

void unit_write(const char *path, const char *data, size_t length) {
  uv_fs_t call;
  uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)data, (unsigned)length);
  uv_file file = open_file(path, UV_FS_O_WRONLY | UV_FS_O_CREAT | UV_FS_O_TRUNC);
  int written = length == 0 ? 0 : uv_fs_write(NULL, &call, file, &buffer, 1, -1, NULL);
  if (length > 0)
    uv_fs_req_cleanup(&call);
  close_file(file);
  ck_assert_msg(written == (int)length, "%d of %zu bytes were written to \"%s\"", written, length, path);
}

void unit_remove(const char *path) {
  uv_fs_t call;
  int status = uv_fs_unlink(NULL, &call, path, NULL);
  uv_fs_req_cleanup(&call);
  check("unlink", path, status == UV_ENOENT ? 0 : status);
}

void unit_set_size(const char *path, uint64_t bytes) {
  uv_fs_t call;
  uv_file file = open_file(path, UV_FS_O_WRONLY | UV_FS_O_CREAT);
  check("ftruncate", path, uv_fs_ftruncate(NULL, &call, file, (int64_t)bytes, NULL));
  uv_fs_req_cleanup(&call);
  close_file(file);
}

static bool look(const char *path, bool follow, uv_stat_t *found) {
  uv_fs_t call;
  int status = follow ? uv_fs_stat(NULL, &call, path, NULL) : uv_fs_lstat(NULL, &call, path, NULL);
  *found = call.statbuf;
  uv_fs_req_cleanup(&call);
  return status == 0;
}

uint64_t unit_size(const char *path) {
  uv_stat_t found;
  ck_assert_msg(look(path, true, &found), "\"%s\" is not there", path);
  return found.st_size;
}

bool unit_exists(const char *path) {
  uv_stat_t found;
  return look(path, true, &found);
}

bool unit_is_link(const char *path) {
  uv_stat_t found;
  return look(path, false, &found) && (found.st_mode & S_IFMT) == S_IFLNK;
}

bool unit_link(const char *target, const char *path) {
  uv_stat_t found;
  uv_fs_t call;
  int flags = look(target, true, &found) && (found.st_mode & S_IFMT) == S_IFDIR ? UV_FS_SYMLINK_DIR : 0;
  int status = uv_fs_symlink(NULL, &call, target, path, flags, NULL);
  uv_fs_req_cleanup(&call);
  if (status == 0 && unit_is_link(path))
    return true;
  printf("skipped: no symbolic links can be made here\n");
  return false;
}

void unit_set_environment(const char *name, const char *value) {
  check("environment", name, value ? uv_os_setenv(name, value) : uv_os_unsetenv(name));
}

int unit_redirect_input(const char *path) {
  int saved = dup(STDIN_FILENO);
  uv_file file = open_file(path, UV_FS_O_RDONLY);
  ck_assert_int_ge(dup2(file, STDIN_FILENO), 0);
  close_file(file);
  return saved;
}

void unit_restore_input(int saved) {
  if (saved < 0)
    return;
  dup2(saved, STDIN_FILENO);
  close(saved);
}
