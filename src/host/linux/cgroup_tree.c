#include "host/linux/cgroup_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "spec/text.h"

/* The workload may nest cgroups of its own; one descriptor is open a level. */
#define DEPTH_MAX 128

void hp_pids_add(struct hp_pids *pids, pid_t pid) {
  if (pids->count == pids->room) {
    pids->room = pids->room ? pids->room * 2 : 16;
    pids->items = hp_realloc_array(pids->items, pids->room, sizeof *pids->items);
  }
  pids->items[pids->count++] = pid;
}

void hp_pids_clear(struct hp_pids *pids) {
  free(pids->items);
  *pids = (struct hp_pids){0};
}

static bool has_pid(const struct hp_pids *pids, pid_t pid) {
  for (size_t i = 0; i < pids->count; i++)
    if (pids->items[i] == pid)
      return true;
  return false;
}

int hp_cgroup_each_child(int directory, hp_cgroup_visit visit, void *arg, struct hp_error *err) {
  int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *list = again >= 0 ? fdopendir(again) : NULL;
  if (list == NULL) {
    int saved = errno;
    hp_close(again);
    return saved == ENOENT ? 0 : hp_error_set_os(err, saved, "cannot list a cgroup");
  }
  int result = 0;
  for (struct dirent *entry; result == 0 && (entry = readdir(list)) != NULL;) {
    if (hp_text_is_among(entry->d_name, "..\0.\0"))
      continue;
    struct stat status;
    bool is_directory = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN)
      is_directory =
          fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
    if (is_directory)
      result = visit(directory, entry->d_name, arg, err);
  }
  closedir(list);
  return result;
}

/* Calls visit for the directory and all cgroups below it. */
typedef int (*tree_visit)(int directory, void *arg, struct hp_error *err);

struct walk {
  tree_visit visit;
  void *arg;
  unsigned depth;
};

static int walk_child(int parent, const char *name, void *arg, struct hp_error *err);

static int walk(int directory, struct walk *state, struct hp_error *err) {
  if (state->visit(directory, state->arg, err) < 0)
    return -1;
  return hp_cgroup_each_child(directory, walk_child, state, err);
}

static int walk_child(int parent, const char *name, void *arg, struct hp_error *err) {
  struct walk *state = arg;
  if (state->depth == DEPTH_MAX)
    return hp_error_set(err, HP_RESOURCE_EXHAUSTED,
                        "the job nests cgroups deeper than %d: remove \"%s\" and below by hand", DEPTH_MAX,
                        name);
  int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (directory < 0)
    return errno == ENOENT ? 0 : hp_error_set_os(err, errno, "cannot open the job's cgroup \"%s\"", name);
  state->depth++;
  int result = walk(directory, state, err);
  state->depth--;
  hp_close(directory);
  return result;
}

/* ---- processes ------------------------------------------------------------ */

static int add_members(int directory, void *arg, struct hp_error *err) {
  struct hp_pids *pids = arg;
  char *text = hp_cgroup_read(directory, "cgroup.procs");
  if (text == NULL) {
    /* Gone, or a threaded cgroup: its processes are listed further up. */
    if (errno == ENOENT || errno == ENODEV || errno == EOPNOTSUPP)
      return 0;
    return hp_error_set_os(err, errno, "cannot read cgroup.procs of the job");
  }
  for (char *at = text; *at != '\0';) {
    char *end;
    long pid = strtol(at, &end, 10);
    if (end == at)
      break;
    hp_pids_add(pids, (pid_t)pid);
    at = *end == '\n' ? end + 1 : end;
  }
  free(text);
  return 0;
}

int hp_cgroup_pids(int directory, struct hp_pids *pids, struct hp_error *err) {
  struct walk state = {.visit = add_members, .arg = pids};
  return walk(directory, &state, err);
}

#define BATCH 32

/* Handles first, then a second look at the members: a handle whose pid is still
 * listed is a member's (or a dead one's, which a signal does not reach). */
static int signal_batch(int directory, const pid_t *pids, size_t count, int signal, struct hp_error *err) {
  int handles[BATCH];
  struct hp_pids still = {0};
  for (size_t i = 0; i < count; i++)
    handles[i] = (int)syscall(SYS_pidfd_open, pids[i], 0);
  int result = add_members(directory, &still, err);
  for (size_t i = 0; i < count; i++) {
    if (handles[i] >= 0) {
      if (result == 0 && has_pid(&still, pids[i]))
        syscall(SYS_pidfd_send_signal, handles[i], signal, NULL, 0);
      close(handles[i]);
    } else if (result == 0 && has_pid(&still, pids[i])) {
      kill(pids[i], signal); /* no handle to be had: before Linux 5.3, or out of descriptors */
    }
  }
  hp_pids_clear(&still);
  return result;
}

struct signalling {
  int signal;
  struct hp_pids *done; /* may be NULL */
};

static int signal_members(int directory, void *arg, struct hp_error *err) {
  const struct signalling *job = arg;
  struct hp_pids members = {0};
  if (add_members(directory, &members, err) < 0)
    goto failed;
  pid_t batch[BATCH];
  size_t count = 0;
  for (size_t i = 0; i < members.count; i++) {
    pid_t pid = members.items[i];
    /* 0 would be our own process group, and to end ourselves ends no job. */
    if (pid > 1 && pid != getpid() && (job->done == NULL || !has_pid(job->done, pid))) {
      batch[count++] = pid;
      if (job->done != NULL)
        hp_pids_add(job->done, pid);
    }
    if (count < BATCH && i + 1 < members.count)
      continue;
    if (signal_batch(directory, batch, count, job->signal, err) < 0)
      goto failed;
    count = 0;
  }
  hp_pids_clear(&members);
  return 0;

failed:
  hp_pids_clear(&members);
  return -1;
}

int hp_cgroup_signal(int directory, int signal, struct hp_pids *done, struct hp_error *err) {
  struct signalling job = {.signal = signal, .done = done};
  struct walk state = {.visit = signal_members, .arg = &job};
  return walk(directory, &state, err);
}

/* ---- freezing --------------------------------------------------------------- */

static bool is_frozen(unsigned version, int directory) {
  char *text = hp_cgroup_read(directory, version == 2 ? "cgroup.events" : "freezer.state");
  uint64_t value = 0;
  bool frozen = text != NULL && (version == 2 ? hp_cgroup_find(text, "frozen", &value) && value == 1
                                              : strcmp(text, "FROZEN\n") == 0);
  free(text);
  return frozen;
}

static int write_frozen(unsigned version, int directory, bool freeze) {
  if (version == 2)
    return hp_cgroup_write(directory, "cgroup.freeze", freeze ? "1" : "0");
  return hp_cgroup_write(directory, "freezer.state", freeze ? "FROZEN" : "THAWED");
}

int hp_cgroup_freeze(unsigned version, int directory, bool freeze, unsigned timeout_ms,
                     struct hp_error *err) {
  const char *file = version == 2 ? "cgroup.freeze" : "freezer.state";
  uint64_t end = hp_now_ms() + timeout_ms;
  for (unsigned pause = 1;; pause = pause < 16 ? pause * 2 : pause) {
    /* v1 freezes only who was there when it was written: a fork needs it again. */
    if (write_frozen(version, directory, freeze) < 0)
      return hp_error_set_os(err, errno, "cannot write %s of the job", file);
    if (is_frozen(version, directory) == freeze)
      return 0;
    if (hp_now_ms() >= end)
      break;
    hp_sleep_ms(pause);
  }
  if (!freeze)
    return hp_error_set(err, HP_DEADLINE_EXCEEDED, "the job is not thawed %u ms after %s said so", timeout_ms,
                        file);
  write_frozen(version, directory, false);
  return hp_error_set(err, HP_DEADLINE_EXCEEDED,
                      "the job could not be frozen within %u ms (a process of it is in an "
                      "uninterruptible system call) and runs on: try again later",
                      timeout_ms);
}

static int thaw(int directory, void *arg, struct hp_error *err) {
  const unsigned *version = arg;
  (void)err;
  write_frozen(*version, directory, false); /* a cgroup without the file has nothing frozen */
  return 0;
}

void hp_cgroup_thaw_all(unsigned version, int directory) {
  struct hp_error ignored = HP_ERROR_INIT;
  struct walk state = {.visit = thaw, .arg = &version};
  walk(directory, &state, &ignored);
  hp_error_clear(&ignored);
}

/* ---- removal ---------------------------------------------------------------- */

struct removal {
  uint64_t end; /* hp_now_ms() */
  unsigned depth;
};

int hp_cgroup_remove(int parent, const char *name, uint64_t end, struct hp_error *err) {
  for (unsigned pause = 1;; pause = pause < 32 ? pause * 2 : pause) {
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
      return 0;
    /* A process that is dead to us may still be on its way out. */
    if ((errno != EBUSY && errno != EINTR) || hp_now_ms() >= end)
      return hp_error_set_os(err, errno, "cannot remove the cgroup \"%s\"", name);
    hp_sleep_ms(pause);
  }
}

static int remove_tree(int parent, const char *name, void *arg, struct hp_error *err) {
  struct removal *state = arg;
  if (state->depth == DEPTH_MAX)
    return hp_error_set(err, HP_RESOURCE_EXHAUSTED,
                        "the job nests cgroups deeper than %d: remove \"%s\" and below by hand", DEPTH_MAX,
                        name);
  int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (directory < 0)
    return errno == ENOENT ? 0 : hp_error_set_os(err, errno, "cannot open the cgroup \"%s\"", name);
  state->depth++;
  int result = hp_cgroup_each_child(directory, remove_tree, state, err);
  state->depth--;
  hp_close(directory);
  return result < 0 ? -1 : hp_cgroup_remove(parent, name, state->end, err);
}

int hp_cgroup_remove_children(int directory, uint64_t end, struct hp_error *err) {
  struct removal state = {.end = end};
  return hp_cgroup_each_child(directory, remove_tree, &state, err);
}
