/* A host to throw away: the test process moves into a mount namespace of its
 * own whose root is a writable overlay of the machine's, in memory. What a test
 * does to /hpc, /etc/group or /var/lib is seen by nobody and gone with it.
 * Linux only. Included by one file a program. */
#ifndef HP_TESTS_UNIT_THROWAWAY_HOST_H
#define HP_TESTS_UNIT_THROWAWAY_HOST_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/memory.h"

/* Why these tests cannot run here, or NULL. */
static inline const char *throwaway_host_missing(void) {
  if (geteuid() != 0)
    return "they mount, and this is not root";
  struct open_how how;
  memset(&how, 0, sizeof how);
  how.flags = O_PATH | O_CLOEXEC;
  int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how);
  if (fd < 0)
    return "openat2 is missing (an old kernel, or valgrind before 3.20)";
  close(fd);
  if (access("/proc/self/ns/mnt", F_OK) != 0)
    return "/proc is not mounted";
  FILE *list = fopen("/proc/filesystems", "re");
  char line[128];
  bool overlay = false;
  while (list && fgets(line, sizeof line, list))
    overlay |= strcmp(line, "nodev\toverlay\n") == 0;
  if (list)
    fclose(list);
  return overlay ? NULL : "the kernel has no overlay file system (modprobe overlay)";
}

static inline void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "we");
  ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
  ck_assert_int_ge(fputs(text, file), 0);
  ck_assert_int_eq(fclose(file), 0);
}

/* The file's text up to 255 bytes, or "(missing)"; a static buffer. */
static inline const char *read_text(const char *path) {
  static char text[256];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  if (length < 0)
    return "(missing)";
  text[length] = 0;
  return text;
}

static inline void make_directories(const char *path) {
  char *copy = hp_strdup(path);
  for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    ck_assert(mkdir(copy, 0755) == 0 || errno == EEXIST);
    *slash = '/';
  }
  ck_assert_msg(mkdir(copy, 0755) == 0 || errno == EEXIST, "%s: %s", copy, strerror(errno));
  free(copy);
}

static inline bool exists(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0;
}

static inline void bind_into(const char *root, const char *path) {
  char *target = hp_printf("%s%s", root, path);
  ck_assert_msg(mount(path, target, NULL, MS_BIND | MS_REC, NULL) == 0, "%s: %s", path, strerror(errno));
  free(target);
}

/* Moves the calling process there, from the machine itself or (CK_FORK=no) from
 * the test before. A checked fixture: each test has a host of its own. /scratch
 * is an empty directory on an in-memory file system, the state directory is
 * below it. */
static inline void throwaway_host_enter(void) {
  static int home = -1;
  char top[] = "/tmp/hostprocess-test-XXXXXX", program[PATH_MAX];
  if (home < 0)
    home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  ck_assert_int_eq(unshare(CLONE_FS), 0);
  ck_assert_int_eq(setns(home, CLONE_NEWNS), 0);
  ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
  ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
  ck_assert_ptr_nonnull(mkdtemp(top));
  ck_assert_int_eq(mount("tmpfs", top, "tmpfs", 0, "mode=755"), 0);
  char *upper = hp_printf("%s/upper", top), *work = hp_printf("%s/work", top),
       *root = hp_printf("%s/root", top);
  make_directories(upper);
  make_directories(work);
  make_directories(root);
  /* A shim that once ran on this machine left its /hpc, which stays by contract:
   * an overlay's whiteout hides it. */
  char *hidden = hp_printf("%s/hpc", upper);
  ck_assert_msg(mknod(hidden, S_IFCHR, makedev(0, 0)) == 0, "%s: %s", hidden, strerror(errno));
  free(hidden);
  char *options = hp_printf("lowerdir=/,upperdir=%s,workdir=%s", upper, work);
  ck_assert_msg(mount("overlay", root, "overlay", 0, options) == 0, "overlay: %s", strerror(errno));
  bind_into(root, "/proc");
  bind_into(root, "/sys");
  bind_into(root, "/dev");
  /* Coverage counters are written beside the program: let them through. */
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  ck_assert_int_gt(length, 0);
  program[length] = 0;
  for (int up = 0; up < 3; up++)
    *strrchr(program, '/') = 0;
  if (*program)
    bind_into(root, program);
  char *scratch = hp_printf("%s/scratch", root);
  make_directories(scratch);
  ck_assert_int_eq(mount("tmpfs", scratch, "tmpfs", 0, "mode=755"), 0);
  ck_assert_int_eq(chdir(root), 0);
  ck_assert_int_eq(mount(".", "/", NULL, MS_MOVE, NULL), 0);
  /* The old root is still ours: nothing of this stays in /tmp. */
  ck_assert_int_eq(umount2(top, MNT_DETACH), 0);
  ck_assert_int_eq(rmdir(top), 0);
  ck_assert_int_eq(chroot("."), 0);
  ck_assert_int_eq(chdir("/"), 0);
  setenv("HOSTPROCESS_STATE_DIR", "/scratch/state", 1);
  free(upper);
  free(work);
  free(root);
  free(options);
  free(scratch);
}

#endif
