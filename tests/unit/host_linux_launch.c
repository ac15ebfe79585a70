/* The control group of a process from its first moment; the rest of a launch is
 * tested through host_process_spawn (host_linux_spawn.c). */
#include "host/linux/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "support.h"

static char group[128]; /* a new group's directory */

/* 0: none can be made here; 1 or 2: the version of the hierarchy. */
static int make_group(void) {
  static const char *const roots[] = {"/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"};
  for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
    char procs[160];
    snprintf(group, sizeof group, "%s/hp-launch-XXXXXX", roots[i]);
    snprintf(procs, sizeof procs, "%s/cgroup.procs", roots[i]);
    if (access(procs, F_OK) == 0 && mkdtemp(group))
      return i == 2 ? 2 : 1;
  }
  fprintf(stderr, "skipped: no control group can be made here\n");
  return 0;
}

static char *run(const struct hp_cgroup_join *join, struct hp_launch_failure *failure) {
  static char *const argv[] = {"cat", "/proc/self/cgroup", NULL};
  static char *const env[] = {NULL};
  static char *const candidates[] = {"/no/such/cat", "/bin/cat"};
  int ends[2];
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int handles[] = {null, ends[1], null};
  const struct hp_launch launch = {.argv = argv,
                                   .env = env,
                                   .candidates = candidates,
                                   .candidate_count = 2,
                                   .handles = handles,
                                   .handle_count = 3,
                                   .join = join,
                                   .mount_namespace = -1};
  uint32_t pid;
  int result = hp_launch(&launch, &pid, failure);
  close(ends[1]);
  close(null);
  char *text = result == 0 ? hp_alloc(8192) : NULL;
  size_t length = 0;
  for (ssize_t got; text && (got = read(ends[0], text + length, 8191 - length)) > 0;)
    length += (size_t)got;
  close(ends[0]);
  while (waitpid(-1, NULL, 0) > 0)
    ;
  return text;
}

START_TEST(a_process_begins_in_its_control_group) {
  int version = make_group();
  if (version == 0)
    return;
  char tasks[160];
  snprintf(tasks, sizeof tasks, "%s/tasks", group);
  struct hp_cgroup_join join = {.directory_fd = -1};
  if (version == 2)
    join.directory_fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  else
    join.files[join.count++] = open(tasks, O_WRONLY | O_CLOEXEC);
  ck_assert_int_ge(version == 2 ? join.directory_fd : join.files[0], 0);
  struct hp_launch_failure failure;
  char *text = run(&join, &failure);
  ck_assert_ptr_nonnull(text);
  ck_assert_msg(strstr(text, strrchr(group, '/')) != NULL, "%s is not in\n%s", group, text);
  free(text);
  close(version == 2 ? join.directory_fd : join.files[0]);
  ck_assert_int_eq(rmdir(group), 0); /* nobody is in it: not we ourselves either */
}
END_TEST

START_TEST(a_group_that_cannot_be_joined_is_told) {
  struct hp_cgroup_join join = {.directory_fd = -1, .count = 1};
  join.files[0] = open("/dev/null", O_RDONLY | O_CLOEXEC); /* cannot be written to */
  struct hp_launch_failure failure = {0};
  ck_assert_ptr_null(run(&join, &failure));
  ck_assert_int_eq(failure.step, HP_LAUNCH_CGROUP);
  ck_assert_int_eq(failure.os_code, EBADF);
  close(join.files[0]);
}
END_TEST

START_TEST(no_group_is_the_callers_own) {
  struct hp_launch_failure failure;
  char *text = run(NULL, &failure);
  ck_assert_ptr_nonnull(text);
  ck_assert_ptr_null(strstr(text, "hp-launch"));
  free(text);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_linux_launch");
  TCase *tcase = tcase_create("control group");
  tcase_add_test(tcase, a_process_begins_in_its_control_group);
  tcase_add_test(tcase, a_group_that_cannot_be_joined_is_told);
  tcase_add_test(tcase, no_group_is_the_callers_own);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
