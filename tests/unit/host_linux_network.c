/* host_check_network: whose network a path names. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "support.h"

static int check(enum hp_tristate hostprocess, char *path, struct hp_error *err) {
  struct hp_namespace namespaces[] = {{"pid", NULL}, {"network", path}};
  struct hp_container_spec spec = {
      .hostprocess = hostprocess, .namespaces = namespaces, .namespace_count = 2};
  return host_check_network(&spec, err);
}

START_TEST(test_the_own_network_by_any_path) {
  struct hp_error err = HP_ERROR_INIT;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/net", (int)getpid());
  ck_assert_int_eq(check(HP_TRUE, path, &err), 0);
  ck_assert_int_eq(check(HP_TRUE, (char[]){"/proc/thread-self/ns/net"}, &err), 0);
}
END_TEST

START_TEST(test_another_network_is_refused) {
  if (geteuid() != 0) {
    puts("skipped: making a network namespace needs root");
    return;
  }
  int ready[2];
  ck_assert_int_eq(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    char made = unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
    if (write(ready[1], &made, 1) == 1)
      pause();
    _exit(0);
  }
  char made = 'n';
  ck_assert_int_eq(read(ready[0], &made, 1), 1);
  ck_assert_int_eq(made, 'y');
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/net", (int)child);
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(check(HP_TRUE, path, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "linux.namespaces[1] asks for the network namespace"));
  ck_assert_ptr_nonnull(strstr(err.message, path));
  ck_assert_ptr_nonnull(strstr(err.message, "set hostNetwork: true"));
  hp_error_clear(&err);
  ck_assert_int_eq(check(HP_UNSET, path, &err), 0); /* assumed: ignored */
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(ready[0]);
  close(ready[1]);
}
END_TEST

START_TEST(test_a_path_that_is_not_there) {
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(check(HP_TRUE, (char[]){"/nonexistent/ns"}, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(
      err.message,
      "linux.namespaces[1].path \"/nonexistent/ns\" cannot be looked at: No such file or directory");
  hp_error_clear(&err);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_linux_network");
  TCase *tests = tcase_create("network");
  tcase_add_test(tests, test_the_own_network_by_any_path);
  tcase_add_test(tests, test_another_network_is_refused);
  tcase_add_test(tests, test_a_path_that_is_not_there);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
