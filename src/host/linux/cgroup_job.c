/* host.h's calls on the processes of a job. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "host/linux/cgroup.h"
#include "host/linux/cgroup_tree.h"

#define FREEZE_MS 5000
#define FREEZE_TO_KILL_MS 200 /* then we kill without: it only makes a fork bomb's end quicker */

/* ---- kill --------------------------------------------------------------------- */

static int pids_of_all(const struct hp_cgroup_target *targets, size_t count, struct hp_pids *pids,
                       struct hp_error *err) {
  for (size_t i = 0; i < count; i++)
    if (hp_cgroup_pids(targets[i].directory, pids, err) < 0)
      return -1;
  return 0;
}

/* Frozen, a fork bomb cannot outrun the signals; thawed, it dies of them. */
static int kill_round(unsigned version, const struct hp_cgroup_target *targets, size_t count,
                      struct hp_error *err) {
  if (version == 2 && hp_cgroup_write(targets[0].directory, "cgroup.kill", "1") == 0)
    return 0;
  int freezer = -1, result = 0;
  for (size_t i = 0; i < count; i++)
    if (version == 2 || (targets[i].controllers & HP_CONTROLLER_FREEZER))
      freezer = targets[i].directory;
  struct hp_error ignored = HP_ERROR_INIT;
  if (freezer >= 0)
    hp_cgroup_freeze(version, freezer, true, FREEZE_TO_KILL_MS, &ignored);
  hp_error_clear(&ignored);
  for (size_t i = 0; i < count && result == 0; i++)
    result = hp_cgroup_signal(targets[i].directory, SIGKILL, NULL, err);
  if (freezer >= 0)
    hp_cgroup_thaw_all(version, freezer);
  return result;
}

static int refuse_survivor(const struct hp_pids *pids, struct hp_error *err) {
  pid_t pid = pids->items[0];
  char path[64], name[32] = "?";
  snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
  FILE *file = fopen(path, "re");
  if (file != NULL) {
    if (fgets(name, sizeof name, file) != NULL)
      name[strcspn(name, "\n")] = '\0';
    fclose(file);
  }
  return hp_error_set(err, HP_DEADLINE_EXCEEDED,
                      "the job is not empty %d ms after SIGKILL: pid %d (%s) survives (%zu in all; one in an "
                      "uninterruptible system call dies only when that ends)",
                      HP_CGROUP_KILL_MS, (int)pid, name, pids->count);
}

int hp_cgroup_kill(unsigned version, const struct hp_cgroup_target *targets, size_t count,
                   struct hp_error *err) {
  uint64_t end = hp_now_ms() + HP_CGROUP_KILL_MS;
  for (unsigned pause = 1;; pause = pause < 32 ? pause * 2 : pause) {
    struct hp_pids pids = {0};
    int result = pids_of_all(targets, count, &pids, err);
    bool empty = result == 0 && pids.count == 0;
    if (result == 0 && !empty && hp_now_ms() >= end)
      result = refuse_survivor(&pids, err);
    hp_pids_clear(&pids);
    if (result < 0 || empty)
      return result;
    if (kill_round(version, targets, count, err) < 0)
      return -1;
    hp_sleep_ms(pause);
  }
}

int host_job_kill(struct host_container *container, struct hp_error *err) {
  const struct hp_cgroup *cgroup = hp_cgroup_of(container, err);
  if (cgroup == NULL)
    return -1;
  struct hp_cgroup_target targets[HP_CGROUP_V1_MAX];
  size_t count = 0;
  int result = 0;
  for (size_t i = 0; i < cgroup->count && result == 0; i++) {
    int directory = hp_cgroup_open(&cgroup->parts[i], err);
    if (directory >= 0)
      targets[count++] = (struct hp_cgroup_target){directory, cgroup->parts[i].controllers};
    else if (err->os_code == ENOENT)
      hp_error_clear(err); /* released meanwhile: nothing runs in it */
    else
      result = -1;
  }
  if (result == 0 && count > 0)
    result = hp_cgroup_kill(cgroup->version, targets, count, err);
  for (size_t i = 0; i < count; i++)
    hp_close(targets[i].directory);
  return result;
}

/* ---- signal ------------------------------------------------------------------- */

#define SIGNAL_ROUNDS 4 /* a child born while its parent was being signalled gets it in the next one */

int host_job_signal(struct host_container *container, int signal, struct hp_error *err) {
  if (host_signal_check((uint32_t)signal, err) != 0)
    return -1;
  const struct hp_cgroup *cgroup = hp_cgroup_of(container, err);
  int directory = cgroup != NULL ? hp_cgroup_open(hp_cgroup_primary(cgroup), err) : -1;
  if (directory < 0)
    return -1;
  struct hp_pids done = {0};
  int result = 0;
  for (int i = 0; i < SIGNAL_ROUNDS && result == 0; i++) {
    size_t before = done.count;
    result = hp_cgroup_signal(directory, signal, &done, err);
    if (done.count == before)
      break;
  }
  hp_pids_clear(&done);
  hp_close(directory);
  return result;
}

/* ---- pids --------------------------------------------------------------------- */

struct member {
  uint32_t pid;
  unsigned long long started; /* clock ticks since boot */
};

static unsigned long long start_time(pid_t pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return 0;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  /* The name in brackets may hold anything; the start is the 20th field after it. */
  char *at = strrchr(text, ')');
  for (int field = 0; at != NULL && field < 20; field++)
    at = strchr(at + 1, ' ');
  return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static int by_age(const void *left, const void *right) {
  const struct member *a = left, *b = right;
  if (a->started != b->started)
    return a->started < b->started ? -1 : 1;
  return a->pid < b->pid ? -1 : a->pid > b->pid;
}

int host_job_pids(struct host_container *container, uint32_t **pids, size_t *count, struct hp_error *err) {
  *pids = NULL;
  *count = 0;
  const struct hp_cgroup *cgroup = hp_cgroup_of(container, err);
  int directory = cgroup != NULL ? hp_cgroup_open(hp_cgroup_primary(cgroup), err) : -1;
  if (directory < 0)
    return -1;
  struct hp_pids found = {0};
  int result = hp_cgroup_pids(directory, &found, err);
  hp_close(directory);
  if (result == 0 && found.count > 0) {
    struct member *members = hp_realloc_array(NULL, found.count, sizeof *members);
    size_t kept = 0;
    for (size_t i = 0; i < found.count; i++)
      if (found.items[i] > 0)
        members[kept++] = (struct member){(uint32_t)found.items[i], start_time(found.items[i])};
    qsort(members, kept, sizeof *members, by_age);
    *pids = hp_realloc_array(NULL, found.count, sizeof **pids);
    *count = kept;
    for (size_t i = 0; i < kept; i++)
      (*pids)[i] = members[i].pid;
    free(members);
  }
  hp_pids_clear(&found);
  return result;
}

/* ---- pause -------------------------------------------------------------------- */

int host_job_pause(struct host_container *container, bool pause, struct hp_error *err) {
  const struct hp_cgroup *cgroup = hp_cgroup_of(container, err);
  if (cgroup == NULL)
    return -1;
  const struct hp_cgroup_part *part =
      cgroup->version == 2 ? &cgroup->parts[0] : hp_cgroup_part(cgroup, HP_CONTROLLER_FREEZER);
  if (part == NULL)
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "pause needs the freezer controller, which is not mounted on this host: mount it or "
                        "use cgroup v2");
  int directory = hp_cgroup_open(part, err);
  if (directory < 0)
    return -1;
  int result = hp_cgroup_freeze(cgroup->version, directory, pause, FREEZE_MS, err);
  hp_close(directory);
  return result;
}
