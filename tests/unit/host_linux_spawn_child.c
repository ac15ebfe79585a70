/* What a process that was started has: descriptors, environment, identity, limits,
 * namespace, terminal. */
#include <grp.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "host_linux_spawn.h"

#define UID 54321
#define GID 54322

/* ---- what a process inherits --------------------------------------------------------- */

START_TEST(only_three_descriptors_are_inherited) {
  int leak = open("/dev/null", O_RDONLY); /* not close-on-exec, as a careless library would */
  ck_assert_int_ge(leak, 3);
  command("/bin/ls", "/proc/self/fd", NULL);
  expect("0\n1\n2\n3\n"); /* 3 is ls's own, of the directory */
  close(leak);
}
END_TEST

START_TEST(the_environment_is_the_specs) {
  ck_assert_int_eq(setenv("HP_TEST_SECRET", "of the shim", 1), 0);
  hp_strings_add(&process.env, "A=1");
  hp_strings_add(&process.env, "PATH=/bin");
  char *output = hp_printf("1//%s/\n", volume);
  expect_shell("echo \"$A/$HP_TEST_SECRET/$CONTAINER_SANDBOX_MOUNT_POINT/$HOME\"", output);
  free(output);
}
END_TEST

START_TEST(signals_are_as_new) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, old;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &old);
  command("/bin/cat", "/proc/self/status", NULL);
  char *text = run();
  ck_assert_ptr_nonnull(strstr(text, "SigBlk:\t0000000000000000\n"));
  ck_assert_ptr_nonnull(strstr(text, "SigIgn:\t0000000000000000\n"));
  ck_assert_ptr_nonnull(strstr(text, "SigCgt:\t0000000000000000\n"));
  free(text);
  sigset_t now;
  sigprocmask(SIG_SETMASK, &old, &now);
  ck_assert_int_eq(sigismember(&now, SIGTERM), 1);
  ck_assert_int_eq(sigismember(&now, SIGCHLD), 0);
  signal(SIGPIPE, SIG_DFL);
}
END_TEST

START_TEST(the_null_device_stands_in_for_no_stream) {
  expect_shell("cat; readlink /proc/self/fd/0; umask", "/dev/null\n0022\n");
}
END_TEST

START_TEST(it_leads_a_session_of_its_own) {
  expect_shell("read -r pid comm state ppid pgrp session rest < /proc/$$/stat;"
               "[ $pid = $pgrp ] && [ $pid = $session ] && echo leader",
               "leader\n");
}
END_TEST

/* ---- identity and limits ---------------------------------------------------------------- */

static bool lacks_root(void) {
  if (geteuid() == 0)
    return false;
  fprintf(stderr, "skipped: needs root\n");
  return true;
}

START_TEST(user_and_groups_are_changed_for_the_child_alone) {
  if (lacks_root())
    return;
  gid_t groups[] = {GID + 1, GID + 2};
  container.inherit = false;
  container.uid = UID;
  container.gid = GID;
  container.groups = groups;
  container.group_count = 2;
  process.username = hp_strdup("root"); /* an exec's own user means nothing */
  process.uid = process.gid = 1;
  command("/bin/grep", "-E", "^(Uid|Gid|Groups|CapEff):");
  hp_strings_add(&process.args, "/proc/self/status");
  expect("Uid:\t54321\t54321\t54321\t54321\nGid:\t54322\t54322\t54322\t54322\n"
         "Groups:\t54323 54324 \nCapEff:\t0000000000000000\n");
  ck_assert_uint_eq(geteuid(), 0);
}
END_TEST

static char *own_namespaces(void) {
  static const char *const kinds[] = {"net", "pid", "ipc", "uts", "user", "cgroup", "mnt"};
  char path[32], name[64], *all = hp_strdup("");
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
    ssize_t length = readlink(path, name, sizeof name);
    ck_assert_int_gt(length, 0);
    char *more = hp_printf("%s%.*s\n", all, (int)length, name);
    free(all);
    all = more;
  }
  return all;
}

START_TEST(the_namespaces_are_the_hosts) {
  char *own = own_namespaces();
  expect_shell("cd /proc/self/ns && for kind in net pid ipc uts user cgroup mnt; do readlink $kind; done",
               own);
  free(own);
}
END_TEST

START_TEST(root_groups_do_not_stick) {
  if (lacks_root())
    return;
  container.inherit = false;
  container.uid = UID;
  container.gid = GID;
  expect_shell("id -G", "54322\n");
}
END_TEST

/* Whoever has a session keyring may use the keys in it, whoever owns them. */
START_TEST(the_shims_keys_are_not_the_childs) {
  if (lacks_root())
    return;
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0) {
    fprintf(stderr, "skipped: no keyrings here (%s)\n", strerror(errno));
    return;
  }
  ck_assert_int_ge(syscall(SYS_add_key, "user", "hp-unit-key", "x", 1, KEY_SPEC_SESSION_KEYRING), 0);
  container.inherit = false;
  container.uid = UID;
  container.gid = GID;
  expect_shell("grep -c hp-unit-key /proc/keys", "0\n");
}
END_TEST

START_TEST(the_users_rights_decide_what_it_may_run) {
  if (lacks_root())
    return;
  put("mine", 0700, "#!/bin/sh\n");
  container.inherit = false;
  container.uid = UID;
  container.gid = GID;
  command("/mine", NULL, NULL);
  refuse(HP_PERMISSION_DENIED, "exec: \"/mine\"", "ermission denied");
}
END_TEST

static void limit(const char *type, uint64_t soft, uint64_t hard) {
  process.rlimits = hp_realloc_array(process.rlimits, process.rlimit_count + 1, sizeof *process.rlimits);
  process.rlimits[process.rlimit_count++] =
      (struct hp_rlimit){.type = hp_strdup(type), .soft = soft, .hard = hard};
}

START_TEST(limits_are_the_specs) {
  if (emulated())
    return;
  limit("RLIMIT_NOFILE", 77, 88);
  limit("RLIMIT_CORE", 0, 0);
  expect_shell("ulimit -Sn; ulimit -Hn; ulimit -c", "77\n88\n0\n");
}
END_TEST

START_TEST(the_shims_raised_limit_is_not_inherited) {
  if (emulated())
    return;
  struct rlimit before, after;
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
  host_limits_raise();
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &after), 0);
  ck_assert_uint_eq(after.rlim_cur, before.rlim_max);
  char *output = hp_printf("%llu\n", (unsigned long long)before.rlim_cur);
  expect_shell("ulimit -Sn", output);
  free(output);
}
END_TEST

START_TEST(wrong_limits_are_refused) {
  command("/bin/true", NULL, NULL);
  limit("RLIMIT_NONSENSE", 1, 1);
  refuse(HP_INVALID_ARGUMENT, "process.rlimits[0].type", "RLIMIT_NONSENSE");
  free(process.rlimits[0].type);
  process.rlimits[0].type = hp_strdup("RLIMIT_CORE");
  process.rlimits[0].soft = 2;
  refuse(HP_INVALID_ARGUMENT, "process.rlimits", "RLIMIT_CORE to 2:1");
}
END_TEST

static int own_oom_score(void) {
  FILE *file = fopen("/proc/self/oom_score_adj", "re");
  int value = -9999;
  ck_assert_ptr_nonnull(file);
  ck_assert_int_eq(fscanf(file, "%d", &value), 1);
  fclose(file);
  return value;
}

START_TEST(the_oom_score_is_the_childs_alone) {
  int before = own_oom_score();
  process.oom_score_adj = (struct hp_number){true, 543};
  expect_shell("cat /proc/self/oom_score_adj", "543\n");
  ck_assert_int_eq(own_oom_score(), before);
  process.oom_score_adj.value = 5000;
  refuse(HP_INVALID_ARGUMENT, "process.oomScoreAdj", "5000");
}
END_TEST

START_TEST(no_new_privileges_is_set) {
  command("/bin/grep", "NoNewPrivs", "/proc/self/status");
  expect("NoNewPrivs:\t0\n");
  process.no_new_privileges = true;
  expect("NoNewPrivs:\t1\n");
}
END_TEST

/* ---- mount namespace, control group, terminal ---------------------------------------------- */

/* A namespace in which the volume has another file mounted; made in a child, so
 * that the test itself stays where it is. */
static int other_namespace(void) {
  char file[128], path[64];
  snprintf(file, sizeof file, "%s/seen", volume);
  int ready[2], done[2];
  ck_assert_int_eq(pipe(ready), 0);
  ck_assert_int_eq(pipe(done), 0);
  pid_t pid = fork();
  if (pid == 0) {
    char byte = 0;
    int failed = unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
                 mount("/etc/hostname", file, NULL, MS_BIND, NULL) != 0;
    failed |= write(ready[1], &failed, sizeof failed) < 0;
    close(done[1]);
    failed |= read(done[0], &byte, 1) < 0;
    _exit(failed);
  }
  int failed = 1;
  ck_assert_int_eq(read(ready[0], &failed, sizeof failed), (ssize_t)sizeof failed);
  ck_assert_int_eq(failed, 0);
  snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
  int namespace = open(path, O_RDONLY | O_CLOEXEC);
  ck_assert_int_ge(namespace, 0);
  for (int i = 0; i < 2; i++) {
    close(ready[i]);
    close(done[i]);
  }
  return namespace;
}

START_TEST(the_mount_namespace_is_the_containers) {
  if (lacks_root())
    return;
  put("seen", 0644, "on the host\n");
  put("tool", 0755, "#!/bin/sh\ncmp -s seen /etc/hostname && echo inside; pwd\n");
  container.mount_namespace = other_namespace();
  command("/tool", NULL, NULL);
  char *output = hp_printf("inside\n%s\n", volume);
  expect(output);
  free(output);
  command("/not/there", NULL, NULL);
  refuse(HP_NOT_FOUND, "exec: \"/not/there\"", "no such file");
  close(container.mount_namespace);
}
END_TEST

START_TEST(a_terminal_is_the_controlling_one) {
  struct hp_error err = HP_ERROR_INIT;
  struct host_spawned spawned;
  struct host_spawn spawn = {.process = &process,
                             .stdio = {HOST_HANDLE_NONE, HOST_HANDLE_NONE, HOST_HANDLE_NONE}};
  process.terminal = true;
  process.rows = 33;
  process.columns = 101;
  command("/bin/sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size < /dev/tty; exit 6");
  ck_assert_msg(host_process_spawn(&container, &spawn, &spawned, &err) == 0, "%s", err.message);
  host_reaper_watch(spawned.pid, on_exited, NULL);
  ck_assert_int_ge(spawned.terminal, 0);
  ck_assert(fcntl(spawned.terminal, F_GETFL) & O_NONBLOCK);
  while (exits == 0)
    uv_run(&loop, UV_RUN_ONCE);
  ck_assert_uint_eq(exit_status, 6);
  char text[64] = "";
  size_t length = 0; /* the line and its end may come one after the other */
  for (ssize_t got; length < strlen("33 101\r\n"); length += (size_t)got) {
    got = read(spawned.terminal, text + length, sizeof text - 1 - length);
    ck_assert_int_gt(got, 0);
  }
  ck_assert_str_eq(text, "33 101\r\n");
  close(spawned.terminal);
}
END_TEST

static size_t open_descriptors(void) {
  size_t count = 0;
  for (int fd = 0; fd < 1024; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void run_with_a_terminal(void) {
  struct hp_error err = HP_ERROR_INIT;
  struct host_spawned spawned;
  struct host_spawn spawn = {.process = &process,
                             .stdio = {HOST_HANDLE_NONE, HOST_HANDLE_NONE, HOST_HANDLE_NONE}};
  process.terminal = true;
  command("/bin/true", NULL, NULL);
  ck_assert_msg(host_process_spawn(&container, &spawn, &spawned, &err) == 0, "%s", err.message);
  host_reaper_watch(spawned.pid, on_exited, NULL);
  for (unsigned so_far = exits; exits == so_far;)
    uv_run(&loop, UV_RUN_ONCE);
  close(spawned.terminal);
  process.terminal = false;
}

START_TEST(no_descriptor_is_left_behind) {
  size_t before = open_descriptors();
  expect_shell("echo", "\n");
  run_with_a_terminal();
  ck_assert_uint_eq(open_descriptors(), before);
  command("no-such-program", NULL, NULL);
  refuse(HP_NOT_FOUND, "no-such-program", "not found");
  process.terminal = true;
  refuse(HP_NOT_FOUND, "no-such-program", "not found");
  process.oom_score_adj = (struct hp_number){true, 5000};
  refuse(HP_INVALID_ARGUMENT, "oomScoreAdj", "5000");
  ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(a_signal_reaches_the_process) {
  struct hp_error err = HP_ERROR_INIT;
  struct host_spawned spawned;
  struct host_spawn spawn = {.process = &process,
                             .stdio = {HOST_HANDLE_NONE, HOST_HANDLE_NONE, HOST_HANDLE_NONE}};
  command("/bin/sleep", "1000", NULL);
  ck_assert_int_eq(host_process_spawn(&container, &spawn, &spawned, &err), 0);
  host_reaper_watch(spawned.pid, on_exited, NULL);
  ck_assert_int_eq(host_process_signal(spawned.pid, SIGTERM, &err), 0);
  while (exits == 0)
    uv_run(&loop, UV_RUN_ONCE);
  ck_assert_uint_eq(exit_status, 143);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_linux_spawn_child");
  TCase *inherited = new_case(suite, "inherited");
  tcase_add_test(inherited, only_three_descriptors_are_inherited);
  tcase_add_test(inherited, the_environment_is_the_specs);
  tcase_add_test(inherited, signals_are_as_new);
  tcase_add_test(inherited, the_null_device_stands_in_for_no_stream);
  tcase_add_test(inherited, it_leads_a_session_of_its_own);
  TCase *identity = new_case(suite, "identity and limits");
  tcase_add_test(identity, user_and_groups_are_changed_for_the_child_alone);
  tcase_add_test(identity, root_groups_do_not_stick);
  tcase_add_test(identity, the_shims_keys_are_not_the_childs);
  tcase_add_test(identity, the_users_rights_decide_what_it_may_run);
  tcase_add_test(identity, limits_are_the_specs);
  tcase_add_test(identity, the_shims_raised_limit_is_not_inherited);
  tcase_add_test(identity, wrong_limits_are_refused);
  tcase_add_test(identity, the_oom_score_is_the_childs_alone);
  tcase_add_test(identity, no_new_privileges_is_set);
  TCase *places = new_case(suite, "namespace and terminal");
  tcase_add_test(places, the_namespaces_are_the_hosts);
  tcase_add_test(places, the_mount_namespace_is_the_containers);
  tcase_add_test(places, a_terminal_is_the_controlling_one);
  tcase_add_test(places, no_descriptor_is_left_behind);
  tcase_add_test(places, a_signal_reaches_the_process);
  return hp_run_suite(suite);
}
