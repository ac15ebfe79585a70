/* Notices that the kernel killed something of a job for want of memory.
 *
 * v2 tells of every change of memory.events; the shim's containers share the
 * loop's one inotify descriptor for that. v1 signals an eventfd *before* it
 * picks whom to kill, and also when the cgroup is removed, so its counter is
 * looked at again for a while. In both the counter of kills decides. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "host/linux/cgroup.h"
#include "host/linux/cgroup_tree.h"

#define RETRY_FIRST_MS 1
#define RETRY_LAST_MS 2048 /* doubled from first to last: about four seconds in all */

struct hp_oom_watch {
  void (*hit)(void *arg); /* NULL: has been called, or the watch has ended */
  void *arg;
  char *directory;
  uint64_t before; /* kills counted when the job was made */
  uint64_t retry_ms;
  unsigned version;
  unsigned closing; /* handles whose close has not been confirmed */
  int eventfd;      /* v1; else -1 */
  union {
    uv_fs_event_t change; /* v2 */
    uv_poll_t poll;       /* v1 */
  } handle;
  uv_timer_t retry;
};

uint64_t hp_cgroup_oom_kills(unsigned version, const char *path) {
  uint64_t kills = 0;
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  char *text = directory >= 0
                   ? hp_cgroup_read(directory, version == 2 ? "memory.events" : "memory.oom_control")
                   : NULL;
  bool found = text != NULL && hp_cgroup_find(text, "oom_kill", &kills);
  free(text);
  hp_close(directory);
  return found ? kills : 0;
}

/* Calls hit if something was killed; the watch may be gone afterwards. */
static bool report(struct hp_oom_watch *watch) {
  if (watch->hit == NULL || hp_cgroup_oom_kills(watch->version, watch->directory) <= watch->before)
    return false;
  void (*hit)(void *) = watch->hit;
  watch->hit = NULL;
  uv_timer_stop(&watch->retry);
  if (watch->version == 2)
    uv_fs_event_stop(&watch->handle.change);
  else
    uv_poll_stop(&watch->handle.poll);
  hit(watch->arg);
  return true;
}

static void on_retry(uv_timer_t *timer) {
  struct hp_oom_watch *watch = timer->data;
  if (report(watch) || watch->retry_ms >= RETRY_LAST_MS)
    return;
  watch->retry_ms *= 2;
  uv_timer_start(timer, on_retry, watch->retry_ms, 0);
}

static void look(struct hp_oom_watch *watch) {
  if (report(watch) || watch->version == 2)
    return;
  watch->retry_ms = RETRY_FIRST_MS;
  uv_timer_start(&watch->retry, on_retry, watch->retry_ms, 0);
}

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status) {
  (void)name;
  (void)events;
  (void)status;
  look(handle->data);
}

static void on_event(uv_poll_t *handle, int status, int events) {
  (void)status;
  (void)events;
  struct hp_oom_watch *watch = handle->data;
  uint64_t count;
  if (read(watch->eventfd, &count, sizeof count) == (ssize_t)sizeof count)
    look(watch);
}

static void on_closed(uv_handle_t *handle) {
  struct hp_oom_watch *watch = handle->data;
  if (--watch->closing > 0)
    return;
  hp_close(watch->eventfd);
  free(watch->directory);
  free(watch);
}

static void close_handle(struct hp_oom_watch *watch, uv_handle_t *handle) {
  watch->closing++;
  uv_close(handle, on_closed);
}

/* ---- beginning -------------------------------------------------------------- */

/* Asks v1 to signal eventfd on OOM: "EVENTFD OOM_CONTROL" into cgroup.event_control. */
static int register_v1(const struct hp_oom_watch *watch, struct hp_error *err) {
  int directory = open(watch->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  int control = directory >= 0 ? openat(directory, "memory.oom_control", O_RDONLY | O_CLOEXEC) : -1;
  int result = -1;
  if (control < 0) {
    hp_error_set_os(err, errno, "cannot open %s/memory.oom_control", watch->directory);
    goto done;
  }
  char *request = hp_printf("%d %d", watch->eventfd, control);
  result = hp_cgroup_write(directory, "cgroup.event_control", request);
  if (result < 0)
    hp_error_set_os(err, errno, "cannot write \"%s\" to %s/cgroup.event_control", request, watch->directory);
  free(request);

done:
  hp_close(control);
  hp_close(directory);
  return result;
}

/* Both begin functions leave the handle either unused or to be closed (*open). */
static int begin_v1(struct hp_oom_watch *watch, uv_loop_t *loop, bool *open, struct hp_error *err) {
  watch->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (watch->eventfd < 0)
    return hp_error_set_os(err, errno, "cannot make an eventfd for the job's OOM watch");
  if (register_v1(watch, err) < 0)
    return -1;
  int failed = uv_poll_init(loop, &watch->handle.poll, watch->eventfd);
  if (failed == 0) {
    *open = true;
    watch->handle.poll.data = watch;
    failed = uv_poll_start(&watch->handle.poll, UV_READABLE, on_event);
  }
  return failed == 0 ? 0 : hp_error_set_os(err, -failed, "cannot poll the job's OOM watch");
}

static int begin_v2(struct hp_oom_watch *watch, uv_loop_t *loop, bool *open, struct hp_error *err) {
  uv_fs_event_init(loop, &watch->handle.change);
  *open = true;
  watch->handle.change.data = watch;
  char *file = hp_printf("%s/memory.events", watch->directory);
  int failed = uv_fs_event_start(&watch->handle.change, on_change, file, 0);
  if (failed != 0)
    hp_error_set_os(err, -failed,
                    "cannot watch %s (is fs.inotify.max_user_watches or max_user_instances used up?)", file);
  free(file);
  return failed == 0 ? 0 : -1;
}

int host_job_watch_oom(struct host_container *container, uv_loop_t *loop, void (*hit)(void *arg), void *arg,
                       struct hp_error *err) {
  const struct hp_cgroup *cgroup = hp_cgroup_of(container, err);
  if (cgroup == NULL)
    return -1;
  if (container->oom != NULL)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "the job's memory is watched already");
  const struct hp_cgroup_part *part = hp_cgroup_part(cgroup, HP_CONTROLLER_MEMORY);
  if (part == NULL)
    return 0; /* no controller, no limit to hit */
  struct hp_oom_watch *watch = hp_alloc(sizeof *watch);
  watch->hit = hit;
  watch->arg = arg;
  watch->directory = hp_strdup(part->directory);
  watch->before = cgroup->oom_kills;
  watch->version = cgroup->version;
  watch->eventfd = -1;
  bool open = false;
  uv_timer_init(loop, &watch->retry);
  watch->retry.data = watch;
  int result = watch->version == 2 ? begin_v2(watch, loop, &open, err) : begin_v1(watch, loop, &open, err);
  if (result == 0) {
    container->oom = watch;
    /* What was killed before we watched is noticed too, but from the loop. */
    watch->retry_ms = RETRY_LAST_MS;
    uv_timer_start(&watch->retry, on_retry, 0, 0);
    return 0;
  }
  close_handle(watch, (uv_handle_t *)&watch->retry);
  if (open)
    close_handle(watch, (uv_handle_t *)&watch->handle);
  return -1;
}

void host_job_unwatch_oom(struct host_container *container) {
  struct hp_oom_watch *watch = container->oom;
  if (watch == NULL)
    return;
  container->oom = NULL;
  watch->hit = NULL;
  close_handle(watch, (uv_handle_t *)&watch->retry);
  close_handle(watch, (uv_handle_t *)&watch->handle);
}
