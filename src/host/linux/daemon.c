/* The daemon: made by a fork of `start`, whose memory it keeps, so that a shim
 * costs no second exec. `start` holds the rendezvous lock from before it looks
 * for a living shim until its own accepts, or has failed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/log.h"
#include "host/host.h"
#include "host/linux/address.h"
#include "host/linux/rendezvous.h"

#define BACKLOG 128
#define READY_WAIT_MS 30000
#define REASON_MAX 4096

struct host_daemon {
  char *path;
  int listener; /* until host_daemon_listen; then -1 */
  int report;   /* to `start`; -1: it has heard */
  int lock;     /* the rendezvous lock, shared with `start` until then */
  dev_t device; /* of the socket's file */
  ino_t inode;
  uv_pipe_t *pipe;
  void (*accepted)(void *arg, uv_stream_t *stream);
  void *arg;
};

/* What goes through the report pipe: this, then the reason until end of file. */
struct report {
  int ready; /* 1: no reason follows */
  int code, os_code;
};

/* ---- in the daemon -------------------------------------------------------- */

static bool peer_is_trusted(const uv_pipe_t *pipe) {
  uv_os_fd_t fd;
  struct ucred peer = {0};
  socklen_t length = sizeof peer;
  if (uv_fileno((const uv_handle_t *)pipe, &fd) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return false;
  if (hp_trusted_uid(peer.uid))
    return true;
  hp_log(HP_LOG_WARNING, NULL, "refused a connection from pid %ld: it runs as uid %u, neither root nor ours",
         (long)peer.pid, (unsigned)peer.uid);
  return false;
}

static void free_handle(uv_handle_t *handle) {
  free(handle);
}

static void on_connection(uv_stream_t *listener, int status) {
  struct host_daemon *daemon = listener->data;
  if (status != 0) {
    hp_log(HP_LOG_ERROR, NULL, "cannot accept a connection: %s", uv_strerror(status));
    return;
  }
  uv_pipe_t *pipe = hp_alloc(sizeof *pipe);
  uv_pipe_init(listener->loop, pipe, 0);
  if (uv_accept(listener, (uv_stream_t *)pipe) == 0 && peer_is_trusted(pipe))
    daemon->accepted(daemon->arg, (uv_stream_t *)pipe);
  else
    uv_close((uv_handle_t *)pipe, free_handle);
}

int host_daemon_listen(struct host_daemon *daemon, uv_loop_t *loop,
                       void (*accepted)(void *arg, uv_stream_t *stream), void *arg, struct hp_error *err) {
  daemon->accepted = accepted;
  daemon->arg = arg;
  daemon->pipe = hp_alloc(sizeof *daemon->pipe);
  uv_pipe_init(loop, daemon->pipe, 0);
  daemon->pipe->data = daemon;
  int status = uv_pipe_open(daemon->pipe, daemon->listener);
  if (status == 0) {
    daemon->listener = -1;
    status = uv_listen((uv_stream_t *)daemon->pipe, BACKLOG, on_connection);
  }
  if (status == 0)
    return 0;
  uv_close((uv_handle_t *)daemon->pipe, free_handle);
  daemon->pipe = NULL;
  return hp_error_set_os(err, -status, "cannot listen at %s", daemon->path);
}

static void close_once(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

bool host_daemon_ready(struct host_daemon *daemon) {
  struct report report = {.ready = 1};
  bool heard = write(daemon->report, &report, sizeof report) == (ssize_t)sizeof report;
  close_once(&daemon->report);
  if (heard)
    close_once(&daemon->lock);
  return heard; /* else the lock is now ours alone, and goes with the socket */
}

void host_daemon_failed(struct host_daemon *daemon, const struct hp_error *err) {
  if (daemon->report < 0)
    return;
  struct report report = {.code = (int)err->code, .os_code = err->os_code};
  char whole[sizeof report + REASON_MAX];
  const char *reason = err->message ? err->message : "unknown error";
  size_t length = strlen(reason) < REASON_MAX ? strlen(reason) : REASON_MAX;
  memcpy(whole, &report, sizeof report);
  memcpy(whole + sizeof report, reason, length);
  if (write(daemon->report, whole, sizeof report + length) < 0)
    hp_log(HP_LOG_ERROR, NULL, "start is gone and will not hear that: %s", reason);
  close_once(&daemon->report);
}

/* Before the socket is closed, so that nobody finds it stale and puts another
 * in its place which this would then remove. */
static void remove_socket(struct host_daemon *daemon) {
  struct stat found;
  if (lstat(daemon->path, &found) == 0 && found.st_dev == daemon->device && found.st_ino == daemon->inode)
    unlink(daemon->path);
}

void host_daemon_close(struct host_daemon *daemon) {
  remove_socket(daemon);
  close_once(&daemon->listener);
  if (daemon->pipe)
    uv_close((uv_handle_t *)daemon->pipe, free_handle);
  daemon->pipe = NULL;
}

/* ---- from start to daemon ------------------------------------------------- */

/* Closes every descriptor but stdio and those of the daemon, inherited ones
 * above all: a pipe of containerd's that stayed open would never end. */
static void close_all_but(const int keep[3]) {
  unsigned from = 3;
  for (;;) {
    unsigned next = ~0U;
    for (size_t i = 0; i < 3; i++)
      if (keep[i] >= (int)from && (unsigned)keep[i] < next)
        next = (unsigned)keep[i];
    if (next > from)
      close_range(from, next - 1, 0);
    if (next == ~0U)
      return;
    from = next + 1;
  }
}

static int null_stdio(struct hp_error *err) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    return hp_error_set_os(err, errno, "cannot open /dev/null");
  for (int fd = 0; fd < 3; fd++)
    if (dup2(null, fd) < 0)
      return hp_error_set_os(err, errno, "cannot put /dev/null in place of descriptor %d", fd);
  if (null > 2)
    close(null);
  return 0;
}

/* containerd's own shims end at their last Shutdown and at nothing less. */
static void reset_signals(void) {
  for (int number = 1; number < NSIG; number++)
    signal(number, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* One more than containerd's, so that under memory pressure the kernel takes
 * the shim first; not having it is not worth a failure. */
static void raise_oom_score(void) {
  FILE *file = fopen("/proc/self/oom_score_adj", "r+e");
  if (!file)
    return;
  char text[16] = "";
  if (fgets(text, sizeof text, file)) {
    long score = strtol(text, NULL, 10);
    rewind(file);
    if (score < 1000)
      fprintf(file, "%ld", score + 1);
  }
  fclose(file);
}

static int become_daemon(struct host_daemon *daemon, struct hp_error *err) {
  reset_signals();
  if (setsid() < 0)
    return hp_error_set_os(err, errno, "cannot leave the session of start");
  if (null_stdio(err) != 0)
    return -1;
  close_all_but((const int[3]){daemon->listener, daemon->report, daemon->lock});
  prctl(PR_SET_NAME, "containerd-shim", 0, 0, 0);
  raise_oom_score();
  umask(022);
  if (chdir("/") != 0) /* a working directory below the bundle would be in the way of its removal */
    return hp_error_set_os(err, errno, "cannot change to /");
  return 0;
}

__attribute__((noreturn)) static void run_daemon(struct host_daemon *daemon, host_daemon_main begin,
                                                 const char *state) {
  struct hp_error err = HP_ERROR_INIT;
  int status = EXIT_FAILURE;
  if (become_daemon(daemon, &err) != 0)
    host_daemon_failed(daemon, &err);
  else
    status = begin(daemon, state);
  hp_error_clear(&err);

  if (daemon->report >= 0) {
    hp_error_set(&err, HP_INTERNAL, "the daemon ended with status %d before it was ready", status);
    host_daemon_failed(daemon, &err);
    hp_error_clear(&err);
  }
  remove_socket(daemon);
  close_once(&daemon->listener);
  if (daemon->lock >= 0)
    hp_rendezvous_unlock(daemon->path, daemon->lock);
  free(daemon->path);
  free(daemon);
  exit(status);
}

/* ---- in start -------------------------------------------------------------- */

static int bind_socket(struct host_daemon *daemon, const char *address, struct hp_error *err) {
  struct sockaddr_un name;
  socklen_t length;
  if (hp_address_socket(address, &name, &length, err) != 0)
    return -1;
  daemon->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (daemon->listener < 0)
    return hp_error_set_os(err, errno, "cannot make the socket %s", daemon->path);
  /* Linux gives the file the socket's own mode: it is never there with another. */
  if (fchmod(daemon->listener, 0600) != 0)
    return hp_error_set_os(err, errno, "cannot restrict the socket %s", daemon->path);
  if (bind(daemon->listener, (const struct sockaddr *)&name, length) != 0)
    return hp_error_set_os(err, errno, "cannot bind the socket %s", daemon->path);
  struct stat made;
  if (lstat(daemon->path, &made) != 0)
    return hp_error_set_os(err, errno, "cannot look at the socket %s", daemon->path);
  /* For gc; where the file system takes no marks a dead shim's bundle names it. */
  lsetxattr(daemon->path, HP_SOCKET_MARK, "1", 1, 0);
  daemon->device = made.st_dev;
  daemon->inode = made.st_ino;
  return 0;
}

/* Reads until `length` bytes, end of file or the deadline; -1 is the deadline. */
static ssize_t read_by(int fd, void *data, size_t length, uint64_t deadline) {
  size_t got = 0;
  while (got < length) {
    uint64_t now = uv_hrtime();
    struct pollfd pipe = {.fd = fd, .events = POLLIN};
    int ready = poll(&pipe, 1, now < deadline ? (int)((deadline - now) / 1000000 + 1) : 0);
    if (ready == 0)
      return -1;
    ssize_t bytes = ready < 0 ? -1 : read(fd, (char *)data + got, length - got);
    if (bytes < 0 && errno == EINTR)
      continue;
    if (bytes <= 0)
      break;
    got += (size_t)bytes;
  }
  return (ssize_t)got;
}

static int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    continue;
  return status;
}

/* Waits for the daemon's word; a daemon that failed has ended when this returns. */
static int hear_report(int fd, pid_t pid, struct hp_error *err) {
  uint64_t deadline = uv_hrtime() + READY_WAIT_MS * UINT64_C(1000000);
  struct report report = {0};
  ssize_t got = read_by(fd, &report, sizeof report, deadline);
  if (got == (ssize_t)sizeof report && report.ready == 1)
    return 0;

  char reason[REASON_MAX + 1];
  ssize_t length = got == (ssize_t)sizeof report ? read_by(fd, reason, REASON_MAX, deadline) : got;
  if (length < 0) {
    kill(pid, SIGKILL); /* our own child, not waited for: the number is its */
    wait_for(pid);
    return hp_error_set(err, HP_DEADLINE_EXCEEDED, "the daemon was not ready after %d s and was ended",
                        READY_WAIT_MS / 1000);
  }
  int status = wait_for(pid);
  if (got != (ssize_t)sizeof report) {
    bool killed = WIFSIGNALED(status);
    return hp_error_set(err, HP_INTERNAL, "the daemon died before it was ready: %s %d",
                        killed ? "signal" : "exit status", killed ? WTERMSIG(status) : WEXITSTATUS(status));
  }
  reason[length] = 0;
  hp_error_set(err, (enum hp_code)report.code, "%s", reason);
  err->os_code = report.os_code;
  return -1;
}

/* Descriptors 0 to 2 become /dev/null in the daemon; where start was run
 * without them, ours must not be among them. */
static int fill_stdio(struct hp_error *err) {
  int fd;
  do {
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0)
      return hp_error_set_os(err, errno, "cannot open /dev/null");
  } while (fd < 3);
  close(fd);
  return 0;
}

/* Under the lock, with nobody listening. */
static int make_daemon(struct host_daemon *daemon, const char *address, host_daemon_main begin,
                       const char *state, uint32_t *pid, struct hp_error *err) {
  int report[2] = {-1, -1}, status = -1;
  bool bound = false;
  if (bind_socket(daemon, address, err) != 0)
    goto done;
  bound = true;
  if (pipe2(report, O_CLOEXEC) != 0) {
    hp_error_set_os(err, errno, "cannot make a pipe for the daemon's report");
    goto done;
  }
  daemon->report = report[1];
  fflush(NULL); /* or both processes would write what is buffered */
  pid_t child = fork();
  if (child == 0)
    run_daemon(daemon, begin, state);
  if (child < 0) {
    hp_error_set_os(err, errno, "cannot fork the daemon");
    goto done;
  }
  close_once(&report[1]);
  if (hear_report(report[0], child, err) != 0)
    goto done;
  *pid = (uint32_t)child;
  status = 0;
done:
  if (status != 0 && bound)
    remove_socket(daemon);
  close_once(&report[0]);
  close_once(&report[1]);
  close_once(&daemon->listener);
  return status;
}

int host_daemon_start(const char *address, host_daemon_main begin, const char *state, bool *joined,
                      uint32_t *pid, struct hp_error *err) {
  const char *path = hp_address_path(address, err);
  if (!path)
    return -1;
  struct host_daemon *daemon = hp_alloc(sizeof *daemon);
  *daemon = (struct host_daemon){.path = hp_strdup(path), .listener = -1, .report = -1, .lock = -1};
  int status = -1;
  if (fill_stdio(err) != 0 || hp_rendezvous_directory(path, err) != 0 ||
      hp_rendezvous_lock(path, &daemon->lock, err) != 0)
    goto done;

  *joined = host_daemon_find(address, pid, err) == 0;
  if (*joined) {
    status = 0;
  } else if (err->code == HP_NOT_FOUND) {
    hp_error_clear(err);
    if (hp_rendezvous_clear(path, err) == 0)
      status = make_daemon(daemon, address, begin, state, pid, err);
  }
done:
  if (daemon->lock >= 0)
    hp_rendezvous_unlock(path, daemon->lock);
  free(daemon->path);
  free(daemon);
  return status;
}
