#include "host/linux/private_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static const char own_namespace[] = "/proc/thread-self/ns/mnt";

int hp_thread_own_fs(struct hp_error *err) {
  if (unshare(CLONE_FS) != 0)
    return hp_error_set_os(err, errno, "cannot give a thread a working directory of its own");
  umask(022);
  return 0;
}

int hp_private_namespace_enter(int *saved, struct hp_error *err) {
  *saved = open(own_namespace, O_RDONLY | O_CLOEXEC);
  if (*saved < 0)
    return hp_error_set_os(err, errno, "cannot open \"%s\"", own_namespace);
  if (unshare(CLONE_NEWNS) != 0) {
    int os_code = errno;
    close(*saved);
    hp_error_set_os(err, os_code,
                    "cannot make a private mount namespace (containerd must run with CAP_SYS_ADMIN)");
    return hp_error_recode(err, HP_FAILED_PRECONDITION);
  }
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0)
    return 0;
  int os_code = errno;
  hp_private_namespace_leave(*saved);
  return hp_error_set_os(err, os_code, "cannot make a mount namespace a slave of the host's");
}

int hp_private_namespace_keep(struct hp_error *err) {
  int fd = open(own_namespace, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    hp_error_set_os(err, errno, "cannot open \"%s\"", own_namespace);
  return fd;
}

void hp_private_namespace_leave(int saved) {
  if (setns(saved, CLONE_NEWNS) != 0) {
    hp_log(HP_LOG_ERROR, NULL, "cannot return to the host's mount namespace (%s); giving up",
           strerror(errno));
    abort();
  }
  close(saved);
}
