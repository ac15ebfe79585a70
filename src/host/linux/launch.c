/* Why the child is safe. It is no copy of the shim: it borrows the shim's memory
 * and the calling thread's stack until it executes (CLONE_VM | CLONE_VFORK), and
 * that thread is suspended meanwhile. Other threads run on and may hold any lock
 * (malloc's, stdio's, a name service's), so the child only makes system calls: no
 * allocation, no stdio, no locale; everything it needs was prepared before, and
 * what it changes (errno, report_end) belongs to the suspended thread. Descriptors,
 * directory, dispositions and limits are its own. Signals are blocked from before
 * the clone until the dispositions are the default ones, so no handler of libuv's
 * runs in it. Identity is changed by raw system calls, for glibc's functions try
 * to change every thread they know of; the kernel makes memory undumpable with
 * the change, so nobody of the new identity can attach to what it shares with us.
 * An oom_score_adj that a CLONE_VFORK child writes stays its own (Linux,
 * fs/proc/base.c, __set_oom_adj). */
#include "host/linux/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIRECTORY_MODE 0755

static _Thread_local int report_end; /* the launching thread's, lent to its child */

static void fail_at(enum hp_launch_step step, size_t index) __attribute__((noreturn));

static void fail_at(enum hp_launch_step step, size_t index) {
  struct hp_launch_failure failure = {.step = step, .os_code = errno, .index = index};
  /* Less than PIPE_BUF into an empty pipe: whole or not at all. */
  ssize_t written = write(report_end, &failure, sizeof failure);
  (void)written;
  _exit(127);
}

/* ---- working directory -------------------------------------------------- */

static int open_in_volume(int volume, const char *path) {
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, volume, path, &how, sizeof how);
}

/* mkdir -p whose every step stays in the volume: a prefix is resolved in the
 * volume as root, and what is missing is made in the directory that was found,
 * by a name that is a single component. */
static int make_in_volume(int volume, const char *path) {
  char prefix[PATH_MAX];
  size_t length = strlen(path);
  if (length >= sizeof prefix) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(prefix, path, length + 1);
  int at = open_in_volume(volume, ".");
  for (size_t begin = 0; at >= 0 && begin < length;) {
    size_t end = begin;
    while (end < length && prefix[end] != '/')
      end++;
    if (end == begin) {
      begin++;
      continue;
    }
    prefix[end] = '\0';
    int next = open_in_volume(volume, prefix);
    if (next < 0 && errno == ENOENT && (mkdirat(at, prefix + begin, DIRECTORY_MODE) == 0 || errno == EEXIST))
      next = open_in_volume(volume, prefix);
    prefix[end] = path[end];
    int saved = errno;
    close(at);
    errno = saved;
    at = next;
    begin = end + 1;
  }
  return at;
}

static int enter(const struct hp_launch_directory *directory, int volume) {
  if (!directory->in_volume)
    return chdir(directory->path);
  if (strcmp(directory->path, ".") == 0)
    return fchdir(volume);
  int at = open_in_volume(volume, directory->path);
  if (at < 0 && errno == ENOENT && directory->create)
    at = make_in_volume(volume, directory->path);
  if (at < 0)
    return -1;
  int status = fchdir(at);
  int saved = errno;
  close(at);
  errno = saved;
  return status;
}

static void enter_directory(const struct hp_launch *launch) {
  if (launch->directory_count == 0)
    return;
  int volume = open(launch->volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (volume < 0)
    fail_at(HP_LAUNCH_DIRECTORY, 0);
  size_t last = launch->directory_count - 1;
  for (size_t i = 0; i <= last; i++) {
    if (enter(&launch->directories[i], volume) == 0)
      return;
    if (i == last || (errno != ENOENT && errno != ENOTDIR))
      fail_at(HP_LAUNCH_DIRECTORY, i);
  }
}

/* ---- the other steps ------------------------------------------------------ */

static void reset_signals(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int number = 1; number <= SIGRTMAX; number++)
    sigaction(number, &action, NULL); /* SIGKILL, SIGSTOP and glibc's own refuse, rightly */
}

static void write_whole(int fd, const char *text, enum hp_launch_step step, size_t index) {
  size_t length = strlen(text);
  ssize_t written = write(fd, text, length);
  if (written != (ssize_t)length) {
    if (written >= 0)
      errno = EIO;
    fail_at(step, index);
  }
}

static void join_cgroup(const struct hp_cgroup_join *join, bool joined) {
  for (size_t i = 0; i < join->count; i++)
    write_whole(join->files[i], "0", HP_LAUNCH_CGROUP, i);
  if (join->directory_fd < 0 || joined)
    return;
  int fd = openat(join->directory_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    fail_at(HP_LAUNCH_CGROUP, 0);
  write_whole(fd, "0", HP_LAUNCH_CGROUP, 0);
  close(fd);
}

static void set_oom_score(const char *value) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    fail_at(HP_LAUNCH_OOM_SCORE, 0);
  write_whole(fd, value, HP_LAUNCH_OOM_SCORE, 0);
  close(fd);
}

/* Every source is moved out of the way first: one handle's number may be
 * another's destination. */
static void place_handles(const int *handles, size_t count) {
  int moved[16];
  if (count > sizeof moved / sizeof moved[0]) {
    errno = EINVAL;
    fail_at(HP_LAUNCH_STDIO, 0);
  }
  report_end = fcntl(report_end, F_DUPFD_CLOEXEC, (int)count);
  if (report_end < 0)
    _exit(127);
  for (size_t i = 0; i < count; i++) {
    moved[i] = fcntl(handles[i], F_DUPFD_CLOEXEC, (int)count);
    if (moved[i] < 0)
      fail_at(HP_LAUNCH_STDIO, i);
  }
  for (size_t i = 0; i < count; i++)
    if (dup2(moved[i], (int)i) < 0)
      fail_at(HP_LAUNCH_STDIO, i);
  /* Ours are close-on-exec already; this is for what a library forgot. The
   * report's end must live until execve closes it. */
  syscall(SYS_close_range, (unsigned)count, ~0u, CLOSE_RANGE_CLOEXEC);
}

/* A session keyring outlives a change of identity, and who has it may use its
 * keys. Where the call is not there, or forbidden, it is so for the program too. */
static void leave_keyring(void) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS && errno != EPERM)
    fail_at(HP_LAUNCH_IDS, 0);
}

static void set_identity(const struct hp_launch *launch) {
  leave_keyring(); /* as root still: others may have but few keys */
  if (syscall(SYS_setgroups, launch->group_count, launch->groups) != 0)
    fail_at(HP_LAUNCH_IDS, 0);
  if (syscall(SYS_setresgid, launch->gid, launch->gid, launch->gid) != 0)
    fail_at(HP_LAUNCH_IDS, 1);
  if (syscall(SYS_setresuid, launch->uid, launch->uid, launch->uid) != 0)
    fail_at(HP_LAUNCH_IDS, 2);
}

/* As a shell does, an executable that must not be run does not hide one further
 * on that may be, but it is what is reported when there is none. */
static void execute(const struct hp_launch *launch) {
  enum hp_launch_step step = HP_LAUNCH_EXEC;
  int code = ENOENT;
  size_t index = 0;
  for (size_t i = 0; i < launch->candidate_count; i++) {
    const char *path = launch->candidates[i];
    execve(path, launch->argv, launch->env);
    int reason = errno;
    struct stat status;
    bool there = stat(path, &status) == 0;
    if (reason == EACCES && there && S_ISDIR(status.st_mode)) {
      if (code == ENOENT)
        code = EISDIR, index = i;
    } else if (reason == EACCES) {
      if (code != EACCES)
        code = EACCES, index = i;
    } else if (reason == ENOENT && there) {
      step = HP_LAUNCH_INTERPRETER, code = reason, index = i;
      break;
    } else if (reason != ENOENT && reason != ENOTDIR) {
      code = reason, index = i;
      break;
    }
  }
  errno = code;
  fail_at(step, index);
}

static void run_child(const struct hp_launch *launch, bool joined) __attribute__((noreturn));

static void run_child(const struct hp_launch *launch, bool joined) {
  reset_signals();
  if (launch->join)
    join_cgroup(launch->join, joined);
  if (setsid() < 0)
    fail_at(HP_LAUNCH_SESSION, 0);
  if (launch->oom_score_adj)
    set_oom_score(launch->oom_score_adj);
  if (launch->mount_namespace >= 0 && setns(launch->mount_namespace, CLONE_NEWNS) != 0)
    fail_at(HP_LAUNCH_NAMESPACE, 0);
  umask(0022);
  enter_directory(launch);
  place_handles(launch->handles, launch->handle_count);
  if (launch->terminal && ioctl(0, TIOCSCTTY, 0) != 0)
    fail_at(HP_LAUNCH_TERMINAL, 0);
  for (size_t i = 0; i < launch->limit_count; i++)
    if (setrlimit(launch->limits[i].resource, &launch->limits[i].value) != 0)
      fail_at(HP_LAUNCH_LIMIT, i);
  if (launch->set_ids)
    set_identity(launch);
  if (launch->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    fail_at(HP_LAUNCH_PRIVILEGES, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execute(launch);
  _exit(127);
}

/* ---- the parent's side ---------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_FLAGS 0 /* the sanitizers cannot follow two tasks on one stack: a copy */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MEMORY_FLAGS 0
#endif
#endif
#if !defined(MEMORY_FLAGS)
#define MEMORY_FLAGS CLONE_VM
#endif

/* clone3 without a stack for the child: both return here, on one stack. It must
 * be no function's call, whose return address the child would overwrite before
 * the parent uses it. */
static inline __attribute__((always_inline)) long raw_clone3(struct clone_args *args) {
#if defined(__x86_64__)
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"((long)SYS_clone3), "D"(args), "S"(sizeof *args)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long number __asm__("x8") = SYS_clone3;
  register long result __asm__("x0") = (long)args;
  register long size __asm__("x1") = (long)sizeof *args;
  __asm__ volatile("svc 0" : "+r"(result) : "r"(number), "r"(size) : "memory");
  return result;
#else
  (void)args;
  return -ENOSYS;
#endif
}

/* The child's first moment is in the right control group, where the kernel can;
 * migrating later waits for a grace period of the whole system. Returns the pid,
 * or -1 and errno; the child does not return. */
static __attribute__((noinline)) pid_t clone_child(const struct hp_launch *launch) {
  struct clone_args args = {.flags = CLONE_VFORK | MEMORY_FLAGS, .exit_signal = SIGCHLD};
  bool joined = launch->join && launch->join->directory_fd >= 0;
  if (joined) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (unsigned long long)launch->join->directory_fd;
  }
  long pid = raw_clone3(&args);
  if (pid == 0)
    run_child(launch, joined);
  if (pid > 0)
    return (pid_t)pid;
  if (pid != -ENOSYS && pid != -EINVAL && pid != -E2BIG) {
    errno = (int)-pid;
    return -1;
  }
  /* Before Linux 5.7, in some sandboxes, under valgrind, on another processor. */
  pid_t copy = _Fork();
  if (copy == 0)
    run_child(launch, false);
  return copy;
}

int hp_launch(const struct hp_launch *launch, uint32_t *pid, struct hp_launch_failure *failure) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    *failure = (struct hp_launch_failure){HP_LAUNCH_CLONE, errno, 0};
    return -1;
  }
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  report_end = ends[1];
  pid_t child = clone_child(launch);
  int clone_error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    *failure = (struct hp_launch_failure){HP_LAUNCH_CLONE, clone_error, 0};
    return -1;
  }
  *failure = (struct hp_launch_failure){HP_LAUNCH_CLONE, EIO, 0};
  ssize_t got;
  do
    got = read(ends[0], failure, sizeof *failure);
  while (got < 0 && errno == EINTR);
  close(ends[0]);
  *pid = (uint32_t)child;
  return got == 0 ? 0 : -1;
}
