#include "stdio/linux/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/host.h"

#define READY_MS 10000
#define FINISH_MS 2000
#define TERM_MS 12000
#define STATUS_MS 5000        /* for a program that is ending to have ended */
#define PF_EXITING 4ul        /* in /proc/PID/stat, see proc(5) and linux/sched.h */
#define FIELDS_BEFORE_FLAGS 7 /* spaces between the ")" of the name and the flags */

struct hp_logger {
  char *path, *container_id;
  uint32_t pid;
  bool watched, gone;
  void (*exited)(void *arg);
  void *arg;
  uv_timer_t timer; /* while it is being stopped */
  bool stopping, terminated;
};

/* ---- starting (pool) -------------------------------------------------------- */

/* Closing descriptor 5 means ready, but a program that ends closes it too. The
 * kernel marks a process as ending before it closes its files. */
static bool is_ending(uint32_t pid) {
  uint32_t status;
  if (host_reaper_peek(pid, &status))
    return true;
  char path[32], text[512];
  snprintf(path, sizeof path, "/proc/%u/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return true;
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) /* reaped meanwhile */
    return true;
  text[got] = '\0';
  const char *field = strrchr(text, ')'); /* the name before may hold anything */
  for (int skipped = 0; field && skipped < FIELDS_BEFORE_FLAGS; skipped++)
    field = strchr(field + 1, ' ');
  return field && (strtoul(field, NULL, 10) & PF_EXITING) != 0;
}

/* Looks at the status without taking it from the reaper. */
static bool wait_for_status(uint32_t pid, uint32_t *status) {
  for (int waited = 0; waited < STATUS_MS; waited += 5) {
    siginfo_t info = {.si_pid = 0};
    int result = waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT);
    if (result == 0 && info.si_pid != 0) {
      *status = info.si_code == CLD_EXITED ? (uint32_t)info.si_status : 128u + (uint32_t)info.si_status;
      return true;
    }
    if (result != 0 && errno == ECHILD)
      return host_reaper_peek(pid, status);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
  return false;
}

static int wait_until_ready(const struct hp_logger *logger, enum hp_endpoint_kind kind, int ready,
                            struct hp_error *err) {
  struct pollfd event = {.fd = ready, .events = POLLIN};
  uint64_t deadline = uv_hrtime() / 1000000 + READY_MS;
  int count;
  do {
    uint64_t now = uv_hrtime() / 1000000;
    count = poll(&event, 1, now < deadline ? (int)(deadline - now) : 0);
  } while (count < 0 && errno == EINTR);
  if (count == 0)
    return hp_error_set(err, HP_DEADLINE_EXCEEDED,
                        "logging program %s did not get ready within %d s; it must %s descriptor 5",
                        logger->path, READY_MS / 1000,
                        kind == HP_ENDPOINT_BINARY ? "close" : "write a byte to");
  char byte;
  ssize_t got = read(ready, &byte, 1);
  if (got == 1)
    return 0;
  if (kind == HP_ENDPOINT_BINARY && !is_ending(logger->pid))
    return 0;
  uint32_t status;
  if (is_ending(logger->pid) && wait_for_status(logger->pid, &status)) {
    /* One that left a copy of itself behind and ended well is at work. */
    if (kind == HP_ENDPOINT_BINARY && status == 0)
      return 0;
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "logging program %s ended with status %u before it was ready", logger->path, status);
  }
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      "logging program %s closed descriptor 5 without a byte, which means it failed",
                      logger->path);
}

/* The program reads by descriptions of its own, which are locked: the lock lasts
 * until the last of its copies has closed them. */
static int open_readers(const int ours[2], int theirs[2]) {
  for (size_t i = 0; i < 2; i++) {
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", ours[i]);
    theirs[i] = open(self, O_RDONLY | O_CLOEXEC);
    if (theirs[i] < 0 || flock(theirs[i], LOCK_SH) != 0)
      return -1;
  }
  return 0;
}

bool hp_logger_holds(int reader) {
  return flock(reader, LOCK_EX | LOCK_NB) != 0;
}

static void free_logger(struct hp_logger *logger) {
  free(logger->path);
  free(logger->container_id);
  free(logger);
}

int hp_logger_start(const struct hp_endpoint *endpoint, const char *namespace_name, const char *container_id,
                    const int readers[2], struct hp_logger **logger, struct hp_error *err) {
  int result = -1, ready[2] = {-1, -1}, theirs[2] = {-1, -1}, null = -1;
  struct hp_strings argv = {0}, env = {0};
  struct hp_logger *made = hp_alloc(sizeof *made);
  made->path = hp_strdup(endpoint->path);
  made->container_id = hp_strdup(container_id);
  null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || pipe2(ready, O_CLOEXEC) != 0 || open_readers(readers, theirs) != 0) {
    hp_error_set_os(err, errno, "cannot start logging program %s", made->path);
    goto done;
  }
  hp_strings_add(&argv, endpoint->path);
  for (size_t i = 0; i < endpoint->args.count; i++)
    hp_strings_add(&argv, endpoint->args.items[i]);
  hp_strings_take(&env, hp_printf("CONTAINER_ID=%s", container_id));
  hp_strings_take(&env, hp_printf("CONTAINER_NAMESPACE=%s", namespace_name));
  const int handles[] = {null, null, null, theirs[0], theirs[1], ready[1]};
  if (host_program_spawn(&argv, &env, handles, sizeof handles / sizeof handles[0], &made->pid, err) != 0) {
    hp_error_wrap(err, "stdout: logging program");
    goto done;
  }
  close(ready[1]);
  ready[1] = -1;
  if (wait_until_ready(made, endpoint->kind, ready[0], err) != 0) {
    uint32_t status;
    if (!host_reaper_peek(made->pid, &status))
      kill((pid_t)made->pid, SIGKILL);
    host_reaper_forget(made->pid);
    hp_error_wrap(err, "stdout");
    goto done;
  }
  *logger = made;
  made = NULL;
  result = 0;
done:
  for (size_t i = 0; i < 2; i++) {
    if (ready[i] >= 0)
      close(ready[i]);
    if (theirs[i] >= 0)
      close(theirs[i]);
  }
  if (null >= 0)
    close(null);
  if (made)
    free_logger(made);
  hp_strings_clear(&argv);
  hp_strings_clear(&env);
  return result;
}

/* ---- watching and stopping (loop) ----------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle) {
  free_logger(handle->data);
}

static void on_exit_status(void *arg, uint32_t pid, uint32_t status, struct hp_time when) {
  (void)pid;
  (void)when;
  struct hp_logger *logger = arg;
  logger->gone = true;
  if (logger->stopping) {
    uv_close((uv_handle_t *)&logger->timer, on_timer_closed);
    return;
  }
  hp_log(status ? HP_LOG_WARNING : HP_LOG_DEBUG, logger->container_id,
         "logging program %s ended with status %u; output is dropped unless it left a copy of itself behind",
         logger->path, status);
  if (logger->exited)
    logger->exited(logger->arg);
}

static void watch(struct hp_logger *logger) {
  if (!logger->watched)
    host_reaper_watch(logger->pid, on_exit_status, logger);
  logger->watched = true;
}

void hp_logger_watch(struct hp_logger *logger, void (*exited)(void *arg), void *arg) {
  logger->exited = exited;
  logger->arg = arg;
  watch(logger);
}

static void on_patience_over(uv_timer_t *timer) {
  struct hp_logger *logger = timer->data;
  struct hp_error err = HP_ERROR_INIT;
  host_process_signal(logger->pid, logger->terminated ? SIGKILL : SIGTERM, &err);
  hp_error_clear(&err); /* gone meanwhile: the reaper tells */
  if (!logger->terminated)
    uv_timer_start(timer, on_patience_over, TERM_MS, 0);
  logger->terminated = true;
}

void hp_logger_stop(struct hp_logger *logger, uv_loop_t *loop) {
  if (!logger)
    return;
  if (logger->gone) {
    free_logger(logger);
    return;
  }
  logger->stopping = true;
  logger->exited = NULL;
  uv_timer_init(loop, &logger->timer);
  logger->timer.data = logger;
  /* The shim's own end does not wait for it. */
  uv_unref((uv_handle_t *)&logger->timer);
  uv_timer_start(&logger->timer, on_patience_over, FINISH_MS, 0);
  watch(logger);
}
