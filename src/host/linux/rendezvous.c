#include "host/linux/rendezvous.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host/host.h"
#include "host/linux/address.h"

#define LOCK_WAIT_NS UINT64_C(30000000000)
#define BUSY_WAIT_NS UINT64_C(5000000000)
#define KILL_WAIT_MS 3000

static void nap(void) {
  nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

bool hp_trusted_uid(uid_t uid) {
  return uid == 0 || uid == geteuid();
}

/* ---- the lock file ------------------------------------------------------- */

static char *lock_path(const char *path) {
  return hp_printf("%s.lock", path);
}

/* The holder before us removed the file on letting go: what we have locked then
 * is a file without a name, which keeps nobody out. */
static bool still_named(int fd, const char *file) {
  struct stat open_one, named_one;
  return fstat(fd, &open_one) == 0 && lstat(file, &named_one) == 0 && open_one.st_ino == named_one.st_ino &&
         open_one.st_dev == named_one.st_dev;
}

static int open_lock(const char *file, struct hp_error *err) {
  int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0)
    return hp_error_set_os(err, errno, "cannot open the lock file %s", file);
  struct stat found;
  if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && hp_trusted_uid(found.st_uid))
    return fd;
  close(fd);
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      "lock file %s is not a regular file of root's or ours: remove it", file);
}

int hp_rendezvous_lock(const char *path, int *fd, struct hp_error *err) {
  char *file = lock_path(path);
  int status = -1, lock = -1;
  uint64_t give_up = uv_hrtime() + LOCK_WAIT_NS;
  for (;;) {
    if (lock < 0 && (lock = open_lock(file, err)) < 0)
      goto done;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
      if (still_named(lock, file))
        break;
      close(lock);
      lock = -1;
      continue;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) {
      hp_error_set_os(err, errno, "cannot lock %s", file);
      goto done;
    }
    if (uv_hrtime() > give_up) {
      hp_error_set(err, HP_DEADLINE_EXCEEDED,
                   "another process has held %s for 30 s: end it (see fuser) and try again", file);
      goto done;
    }
    nap();
  }
  *fd = lock;
  status = 0;
done:
  if (status != 0 && lock >= 0)
    close(lock);
  free(file);
  return status;
}

void hp_rendezvous_unlock(const char *path, int fd) {
  char *file = lock_path(path);
  if (still_named(fd, file))
    unlink(file);
  close(fd);
  free(file);
}

/* ---- the directory and the socket's file -------------------------------- */

static int make_directories(char *directory, struct hp_error *err) {
  for (char *slash = directory + 1;; slash++) {
    if (*slash != '/' && *slash)
      continue;
    char kept = *slash;
    *slash = 0;
    if (mkdir(directory, 0711) != 0 && errno != EEXIST)
      return hp_error_set_os(err, errno, "cannot make the socket directory %s", directory);
    *slash = kept;
    if (!kept)
      return 0;
  }
}

int hp_rendezvous_directory(const char *path, struct hp_error *err) {
  const char *slash = strrchr(path, '/');
  char *directory = slash == path ? hp_strdup("/") : hp_strndup(path, (size_t)(slash - path));
  int status = -1;
  if (make_directories(directory, err) != 0)
    goto done;
  struct stat found;
  if (stat(directory, &found) != 0) {
    hp_error_set_os(err, errno, "cannot look at the socket directory %s", directory);
    goto done;
  }
  bool open_to_others = (found.st_mode & (S_IWGRP | S_IWOTH)) && !(found.st_mode & S_ISVTX);
  if (!S_ISDIR(found.st_mode) || !hp_trusted_uid(found.st_uid) || open_to_others) {
    hp_error_set(
        err, HP_FAILED_PRECONDITION,
        "socket directory %s (uid %u, mode %04o) lets other users replace a socket: it must belong to "
        "root and be writable by nobody else",
        directory, (unsigned)found.st_uid, (unsigned)found.st_mode & 07777);
    goto done;
  }
  status = 0;
done:
  free(directory);
  return status;
}

/* *present: a socket that may be ours is there. */
static int inspect(const char *path, bool *present, struct hp_error *err) {
  struct stat found;
  *present = false;
  if (lstat(path, &found) != 0)
    return errno == ENOENT || errno == ENOTDIR
               ? 0
               : hp_error_set_os(err, errno, "cannot look at socket %s", path);
  if (!S_ISSOCK(found.st_mode))
    return hp_error_set(
        err, HP_FAILED_PRECONDITION,
        "%s is in the shim's way and is not a socket: find out who put it there, then remove it", path);
  if (!hp_trusted_uid(found.st_uid))
    return hp_error_set(
        err, HP_PERMISSION_DENIED,
        "socket %s belongs to uid %u, neither root nor the shim's own: find out who made it, then "
        "remove it",
        path, (unsigned)found.st_uid);
  *present = true;
  return 0;
}

int hp_rendezvous_clear(const char *path, struct hp_error *err) {
  bool present;
  if (inspect(path, &present, err) != 0)
    return -1;
  if (present && unlink(path) != 0 && errno != ENOENT)
    return hp_error_set_os(err, errno, "cannot remove the stale socket %s", path);
  return 0;
}

/* ---- the living shim ----------------------------------------------------- */

/* A connection to whoever listens; its backlog may be full for a moment. */
static int dial_patiently(const char *address, struct hp_error *err) {
  uint64_t give_up = uv_hrtime() + BUSY_WAIT_NS;
  for (;;) {
    int fd = hp_dial(address, err);
    if (fd >= 0 || err->os_code != EAGAIN || uv_hrtime() > give_up)
      return fd;
    hp_error_clear(err);
    nap();
  }
}

int host_daemon_find(const char *address, uint32_t *pid, struct hp_error *err) {
  const char *path = hp_address_path(address, err);
  bool present;
  if (!path || inspect(path, &present, err) != 0)
    return -1;
  if (!present)
    return hp_error_set(err, HP_NOT_FOUND, "no shim listens at %s", address);
  int fd = dial_patiently(address, err);
  if (fd < 0)
    return err->os_code == ECONNREFUSED || err->os_code == ENOENT ? hp_error_recode(err, HP_NOT_FOUND) : -1;

  /* For a client these are the credentials of the process that called listen. */
  struct ucred peer = {0};
  socklen_t length = sizeof peer;
  int failed = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ? errno : 0;
  close(fd);
  if (failed)
    return hp_error_set_os(err, failed, "cannot ask who listens at %s", address);
  if (!hp_trusted_uid(peer.uid))
    return hp_error_set(
        err, HP_PERMISSION_DENIED,
        "the process that listens at %s (pid %ld) runs as uid %u, neither root nor the shim's own", address,
        (long)peer.pid, (unsigned)peer.uid);
  *pid = (uint32_t)peer.pid;
  return 0;
}

int host_daemon_remove(const char *address, struct hp_error *err) {
  const char *path = hp_address_path(address, err);
  bool present;
  if (!path || inspect(path, &present, err) != 0)
    return -1;
  char *lock_file = lock_path(path);
  bool locked_before = access(lock_file, F_OK) == 0;
  free(lock_file);
  if (!present && !locked_before)
    return 0;

  int lock;
  if (hp_rendezvous_lock(path, &lock, err) != 0)
    return -1;
  uint32_t pid;
  int status = 0;
  if (host_daemon_find(address, &pid, err) == 0)
    status = hp_error_set(err, HP_FAILED_PRECONDITION, "a living shim (pid %u) listens at %s", pid, address);
  else if (err->code != HP_NOT_FOUND)
    status = -1;
  else {
    hp_error_clear(err);
    status = hp_rendezvous_clear(path, err);
  }
  hp_rendezvous_unlock(path, lock);
  return status;
}

int host_daemon_kill(const char *address, uint32_t pid, struct hp_error *err) {
  int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
  if (pidfd < 0)
    return errno == ESRCH ? 0 : hp_error_set_os(err, errno, "cannot open the shim's process %u", pid);

  /* The number may have a new owner since it was learnt. It has the right one
   * if, now that the descriptor holds the process, it still listens here. */
  uint32_t listener = 0;
  int status = host_daemon_find(address, &listener, err);
  if (status != 0 && err->code == HP_NOT_FOUND) {
    hp_error_clear(err);
    status = 0;
  } else if (status == 0 && listener != pid) {
    status = hp_error_set(err, HP_FAILED_PRECONDITION, "process %u listens at %s, not process %u", listener,
                          address, pid);
  } else if (status == 0) {
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) != 0 && errno != ESRCH)
      status = hp_error_set_os(err, errno, "cannot kill the shim's process %u", pid);
    else if (poll(&ended, 1, KILL_WAIT_MS) == 0)
      status = hp_error_set(err, HP_DEADLINE_EXCEEDED,
                            "the shim's process %u has not ended %d ms after SIGKILL", pid, KILL_WAIT_MS);
  }
  close(pidfd);
  return status;
}
