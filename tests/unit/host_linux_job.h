/* A real job for the tests of the Linux host's control groups: planned, made,
 * filled with forked children and released, under a directory of its own. */
#ifndef HP_TESTS_UNIT_HOST_LINUX_JOB_H
#define HP_TESTS_UNIT_HOST_LINUX_JOB_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/linux/cgroup.h"
#include "host/linux/cgroup_tree.h"
#include "support.h"

#define WAIT_MS 20000 /* generous: the machine may be loaded */

struct job {
  struct hp_container_spec spec;
  struct host_container_request request;
  struct host_container container;
  json_t *records;
  char *top; /* job_top(): what the test makes lies below it */
};

/* A directory of this process alone: a run that was killed may have left that of
 * an earlier process with the same pid. */
static inline const char *job_top(void) {
  static char top[64];
  static pid_t owner;
  if (owner != getpid()) {
    owner = getpid();
    snprintf(top, sizeof top, "/hp-unit-%d-%llx", (int)owner, (unsigned long long)uv_hrtime());
  }
  return top;
}

#define ck_ok(call, err)                                                                                     \
  ck_assert_msg((call) == 0, "%s: %s", #call, (err)->message ? (err)->message : "(no message)")

/* For tests that make jobs in the kernel's own hierarchies; without the right to
 * they are skipped. */
static inline TCase *job_case(Suite *suite, const char *name) {
  TCase *tcase = tcase_create(name);
  tcase_set_timeout(tcase, 60);
  if (geteuid() == 0)
    suite_add_tcase(suite, tcase);
  else
    printf("skipped: control groups can be made by root only\n");
  return tcase;
}

static inline void job_init(struct job *job) {
  *job = (struct job){.records = json_array()};
  job->top = hp_strdup(job_top());
  job->spec.cgroups_path = hp_printf("%s/pod/job", job->top);
  job->request = (struct host_container_request){.namespace_name = "unit", .id = "job", .spec = &job->spec};
  job->container.request = &job->request;
}

static inline int job_try(struct job *job, struct hp_error *err) {
  bool known = false;
  if (hp_cgroup_plan(&job->container, &job->request, job->records, err) < 0)
    return -1;
  ck_assert_uint_eq(json_array_size(job->records), 1);
  int result = hp_cgroup_make(&job->container, json_array_get(job->records, 0), &known, err);
  ck_assert(known);
  return result;
}

static inline void job_make(struct job *job) {
  struct hp_error err = HP_ERROR_INIT;
  ck_ok(job_try(job, &err), &err);
}

static inline int job_release(struct job *job, struct hp_error *err) {
  bool known = false;
  int result = 0;
  if (json_array_size(job->records) > 0)
    result = hp_cgroup_release(json_array_get(job->records, 0), &known, err);
  return result;
}

/* Whether `path` (below every hierarchy of the job) is there. */
static inline bool job_exists(const struct job *job, const char *path) {
  bool found = false;
  json_t *places = json_object_get(json_array_get(job->records, 0), "places");
  for (size_t i = 0; i < json_array_size(places); i++) {
    char *full =
        hp_printf("%s%s", json_string_value(json_object_get(json_array_get(places, i), "mount")), path);
    found |= access(full, F_OK) == 0;
    free(full);
  }
  return found;
}

/* Releases and asserts that nothing is left behind. */
static inline void job_end(struct job *job) {
  struct hp_error err = HP_ERROR_INIT;
  ck_ok(job_release(job, &err), &err);
  ck_assert(!job_exists(job, job->top));
  hp_cgroup_clear(&job->container);
  json_decref(job->records);
  free(job->spec.cgroups_path);
  free(job->top);
}

static inline bool join_self(const struct hp_cgroup *cgroup) {
  struct hp_cgroup_join join;
  hp_cgroup_join(cgroup, &join);
  if (join.directory_fd >= 0)
    return hp_cgroup_write(join.directory_fd, "cgroup.procs", "0") == 0;
  for (size_t i = 0; i < join.count; i++)
    if (write(join.files[i], "0", 1) != 1)
      return false;
  return true;
}

/* A fork that the thread sanitizer does not see: it would give the child a
 * thread of its own, and the tests here count tasks. */
static inline pid_t plain_fork(void) {
  return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

/* A child of the test that joins the job, says so, and runs body; returns once
 * it is in. A body that returns ends the child with status 0. */
static inline pid_t job_start(struct job *job, void (*body)(void *arg), void *arg) {
  int ready[2];
  char byte = 0;
  ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
  fflush(NULL);
  pid_t pid = plain_fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    signal(SIGTERM, SIG_DFL); /* Check's handler would end the test itself */
    byte = join_self(job->container.cgroup) ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1 || byte != 'y')
      _exit(99);
    close(ready[0]);
    close(ready[1]);
    body(arg);
    _exit(0);
  }
  close(ready[1]);
  ssize_t got = read(ready[0], &byte, 1);
  close(ready[0]);
  ck_assert_int_eq(got, 1);
  ck_assert_int_eq(byte, 'y');
  return pid;
}

/* The wait status of the child. */
static inline int job_wait(pid_t pid) {
  int status = -1;
  while (waitpid(pid, &status, 0) < 0)
    ck_assert_int_eq(errno, EINTR);
  return status;
}

static inline void sleep_for_ever(void *arg) {
  (void)arg;
  for (;;)
    pause();
}

static inline size_t job_count(struct job *job) {
  struct hp_error err = HP_ERROR_INIT;
  uint32_t *pids;
  size_t count;
  ck_ok(host_job_pids(&job->container, &pids, &count, &err), &err);
  free(pids);
  return count;
}

/* Memory that parent and children share, zeroed. */
static inline void *shared_page(void) {
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(page, MAP_FAILED);
  return page;
}

/* The text of a control file of the job; owned. */
static inline char *job_file(struct job *job, unsigned controller, const char *file) {
  struct hp_error err = HP_ERROR_INIT;
  const struct hp_cgroup_part *part = hp_cgroup_part(job->container.cgroup, controller);
  ck_assert_ptr_nonnull(part);
  int directory = hp_cgroup_open(part, &err);
  ck_assert_int_ge(directory, 0);
  char *text = hp_cgroup_read(directory, file);
  close(directory);
  return text;
}

#endif
