/* start and delete as containerd runs them, with the real daemon behind. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "containerd/runtime/bootstrap/v1/bootstrap.pb-c.h"
#include "containerd/task/v2/shim.pb-c.h"
#include "host/host.h"
#include "runtime/journal.h"
#include "support.h"

static char root[] = "/tmp/hp-start-XXXXXX";
static char sockets[64], bundle[64], member[64];
static struct hp_error err;

static void set_up(void) {
  signal(SIGPIPE, SIG_IGN);
  ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0); /* to wait for daemons */
  unsetenv("TTRPC_ADDRESS");
  strcpy(root, "/tmp/hp-start-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(root));
  snprintf(sockets, sizeof sockets, "%s/s", root);
  snprintf(bundle, sizeof bundle, "%s/c1", root);
  snprintf(member, sizeof member, "%s/c2", root);
  ck_assert_int_eq(mkdir(sockets, 0711), 0);
  ck_assert_int_eq(mkdir(bundle, 0711), 0);
  ck_assert_int_eq(mkdir(member, 0711), 0);
  err = (struct hp_error)HP_ERROR_INIT;
}

static int entries(const char *directory) {
  int count = 0;
  DIR *listing = opendir(directory);
  ck_assert_ptr_nonnull(listing);
  while (readdir(listing))
    count++;
  closedir(listing);
  return count - 2; /* . and .. */
}

static void tear_down(void) {
  static const char *const names[] = {"address", "shim.pid", "config.json"};
  hp_error_clear(&err);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    hp_bundle_remove(bundle, names[i]);
    hp_bundle_remove(member, names[i]);
  }
  ck_assert_int_eq(rmdir(bundle), 0);
  ck_assert_int_eq(rmdir(member), 0);
  ck_assert_msg(rmdir(sockets) == 0, "a socket is left");
  ck_assert_int_eq(rmdir(root), 0);
}

/* ---- running a verb -------------------------------------------------------- */

static struct output {
  int status;
  uint8_t out[1024];
  size_t out_length;
  char err[1024];
} output;

static void run(int (*verb)(const struct hp_flags *flags), const char *id, const char *in_bundle,
                const uint8_t *input, size_t input_length) {
  const struct hp_flags flags = {
      .namespace_name = "n", .address = "/run/containerd/containerd.sock", .id = id, .bundle = in_bundle};
  FILE *streams[3];
  for (int fd = 0; fd < 3; fd++) {
    streams[fd] = tmpfile();
    ck_assert_ptr_nonnull(streams[fd]);
  }
  fwrite(input, 1, input_length, streams[0]);
  rewind(streams[0]);
  fflush(NULL);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    for (int fd = 0; fd < 3; fd++)
      dup2(fileno(streams[fd]), fd);
    exit(verb(&flags));
  }
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert(WIFEXITED(status));
  output = (struct output){.status = WEXITSTATUS(status)};
  rewind(streams[1]);
  output.out_length = fread(output.out, 1, sizeof output.out, streams[1]);
  rewind(streams[2]);
  output.err[fread(output.err, 1, sizeof output.err - 1, streams[2])] = 0;
  for (int fd = 0; fd < 3; fd++)
    fclose(streams[fd]);
}

/* As containerd 2.3 does, which is how a test has the sockets in a directory of
 * its own; the answer's address, owned. */
static void run_start(const char *id, const char *in_bundle) {
  Containerd__Runtime__Bootstrap__V1__BootstrapParams params =
      CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_PARAMS__INIT;
  params.instance_id = (char *)(uintptr_t)id;
  params.namespace_ = (char *)(uintptr_t) "n";
  params.socket_dir = sockets;
  uint8_t packed[512];
  run(hp_cli_start, id, in_bundle, packed, protobuf_c_message_pack(&params.base, packed));
}

static char *start(const char *id, const char *in_bundle) {
  run_start(id, in_bundle);
  ck_assert_msg(output.status == 0, "%s", output.err);
  ck_assert_str_eq(output.err, "");
  Containerd__Runtime__Bootstrap__V1__BootstrapResult *result =
      containerd__runtime__bootstrap__v1__bootstrap_result__unpack(NULL, output.out_length, output.out);
  ck_assert_ptr_nonnull(result);
  ck_assert_int_eq(result->version, 3);
  ck_assert_str_eq(result->protocol, "ttrpc");
  char *address = hp_strdup(result->address);
  containerd__runtime__bootstrap__v1__bootstrap_result__free_unpacked(result, NULL);
  return address;
}

static void delete_one(const char *id, const char *in_bundle, uint32_t exit_status) {
  run(hp_cli_delete, id, in_bundle, NULL, 0);
  ck_assert_msg(output.status == 0, "%s", output.err);
  /* On a loaded machine the shim may end later than delete can wait. */
  ck_assert_msg(!*output.err || strstr(output.err, "has not answered Shutdown"), "%s", output.err);
  Containerd__Task__V2__DeleteResponse *response =
      containerd__task__v2__delete_response__unpack(NULL, output.out_length, output.out);
  ck_assert_ptr_nonnull(response);
  ck_assert_uint_eq(response->exit_status, exit_status);
  ck_assert_ptr_nonnull(response->exited_at);
  ck_assert_int_gt(response->exited_at->seconds, 0);
  containerd__task__v2__delete_response__free_unpacked(response, NULL);
}

/* The wait status of a daemon, which is ours to reap now. */
static int reap(pid_t pid) {
  int status = -1;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  return status;
}

static pid_t pid_in(const char *in_bundle) {
  char *text = NULL;
  ck_assert_msg(hp_bundle_read(in_bundle, "shim.pid", &text, &err) == 0, "%s", err.message);
  pid_t pid = (pid_t)strtol(text, NULL, 10);
  free(text);
  return pid;
}

static void write_config(const char *in_bundle, const char *text) {
  ck_assert_msg(hp_bundle_write(in_bundle, "config.json", text, &err) == 0, "%s", err.message);
}

#define MEMBER_CONFIG                                                                                        \
  "{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0}},"   \
  "\"root\":{\"path\":\"rootfs\"},\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","      \
  "\"io.kubernetes.cri.sandbox-id\":\"c1\"}}"

/* valgrind up to 3.19 does not know pidfd_open. */
static bool without_process_handles(void) {
  int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
  if (self >= 0) {
    close(self);
    return false;
  }
  puts("skipped: there is no pidfd_open here");
  return true;
}

/* ---- cases ----------------------------------------------------------------- */

START_TEST(started_joined_and_deleted) {
  char *first = start("c1", bundle), *text = NULL;
  ck_assert_int_eq(hp_bundle_read(bundle, "address", &text, &err), 0);
  ck_assert_str_eq(text, first);
  free(text);
  pid_t pid = pid_in(bundle);
  uint32_t listener = 0;
  ck_assert_int_eq(host_daemon_find(first, &listener, &err), 0);
  ck_assert_int_eq((pid_t)listener, pid);

  char *second = start("c1", bundle);
  ck_assert_str_eq(second, first);
  ck_assert_int_eq(pid_in(bundle), pid);

  /* Nothing runs in it, so it ends when its container is deleted. */
  delete_one("c1", bundle, 255);
  ck_assert_int_eq(reap(pid), 0);
  ck_assert_int_eq(entries(sockets), 0);
  free(first);
  free(second);
}
END_TEST

START_TEST(a_member_shares_its_sandboxs_shim) {
  write_config(member, MEMBER_CONFIG);
  char *sandbox = start("c1", bundle), *joined = start("c2", member);
  ck_assert_str_eq(joined, sandbox);
  pid_t pid = pid_in(bundle);
  ck_assert_int_eq(pid_in(member), pid);
  delete_one("c2", member, 255); /* and leaves the shim be */
  uint32_t listener;
  ck_assert_int_eq(host_daemon_find(sandbox, &listener, &err), 0);
  hp_bundle_remove(member, "address"); /* containerd 2.x starts no members */
  delete_one("c2", member, 255);
  ck_assert_int_eq(host_daemon_find(sandbox, &listener, &err), 0);
  delete_one("c1", bundle, 255);
  reap(pid);
  free(sandbox);
  free(joined);
}
END_TEST

START_TEST(a_dead_shims_socket_is_removed) {
  free(start("c1", bundle));
  pid_t pid = pid_in(bundle);
  kill(pid, SIGKILL);
  reap(pid);
  ck_assert_int_eq(entries(sockets), 1);
  delete_one("c1", bundle, 255);
  ck_assert_int_eq(entries(sockets), 0);
  delete_one("c1", bundle, 255); /* again: there is nothing left to do */
}
END_TEST

START_TEST(a_dead_shim_is_replaced) {
  char *first = start("c1", bundle);
  pid_t dead = pid_in(bundle);
  kill(dead, SIGKILL);
  reap(dead);
  char *second = start("c1", bundle);
  ck_assert_str_eq(second, first);
  pid_t pid = pid_in(bundle);
  delete_one("c1", bundle, 255);
  reap(pid);
  free(first);
  free(second);
}
END_TEST

START_TEST(errors_leave_nothing) {
  run_start("c/1", bundle);
  ck_assert_int_eq(output.status, 1);
  ck_assert_uint_eq(output.out_length, 0);
  ck_assert_msg(strncmp(output.err, HP_PROGRAM ": start: ", strlen(HP_PROGRAM) + 9) == 0, "%s", output.err);
  ck_assert_ptr_nonnull(strstr(output.err, "c/1"));
  ck_assert_ptr_eq(strchr(output.err, '\n'), output.err + strlen(output.err) - 1);
  run(hp_cli_start, "c1", bundle, (const uint8_t *)"\xff\xff\xff", 3);
  ck_assert_int_eq(output.status, 1);
  ck_assert_int_eq(entries(bundle), 0);
  ck_assert_int_eq(entries(sockets), 0);
}
END_TEST

START_TEST(a_bundle_that_cannot_be_written_ends_the_new_shim) {
  if (without_process_handles())
    return;
  char obstacle[80];
  snprintf(obstacle, sizeof obstacle, "%s/shim.pid", bundle);
  ck_assert_int_eq(mkdir(obstacle, 0700), 0);
  run_start("c1", bundle);
  ck_assert_int_eq(rmdir(obstacle), 0);
  ck_assert_int_eq(output.status, 1);
  ck_assert_ptr_nonnull(strstr(output.err, "shim.pid"));
  ck_assert_int_eq(entries(bundle), 0);
  ck_assert_int_eq(entries(sockets), 0);
  int status;
  ck_assert_int_gt(waitpid(-1, &status, 0), 0);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
END_TEST

/* containerd has given up on a shim that still has the container. Here the
 * test holds the journal in its place, and goes on doing so. */
START_TEST(a_shim_that_hangs_is_killed) {
  if (without_process_handles())
    return;
  struct hp_journal *journal = NULL;
  ck_assert_msg(hp_journal_open(bundle, &journal, &err) == 0, "%s", err.message);
  free(start("c1", bundle));
  pid_t pid = pid_in(bundle);
  run(hp_cli_delete, "c1", bundle, NULL, 0);
  ck_assert_int_eq(output.status, 1);
  ck_assert_uint_eq(output.out_length, 0);
  ck_assert_ptr_nonnull(strstr(output.err, "holds the journal"));
  int status = reap(pid);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ck_assert_int_eq(hp_journal_remove(journal, &err), 0);
  delete_one("c1", bundle, 255);
}
END_TEST

START_TEST(the_pods_shim_is_not_killed_for_a_member) {
  struct hp_journal *journal = NULL;
  ck_assert_msg(hp_journal_open(member, &journal, &err) == 0, "%s", err.message);
  write_config(member, MEMBER_CONFIG);
  char *address = start("c1", bundle);
  free(start("c2", member));
  pid_t pid = pid_in(bundle);
  run(hp_cli_delete, "c2", member, NULL, 0);
  ck_assert_int_eq(output.status, 1); /* it was asked for the container, and knows none */
  ck_assert_ptr_nonnull(strstr(output.err, "refuses Delete"));
  uint32_t listener;
  ck_assert_msg(host_daemon_find(address, &listener, &err) == 0, "%s", err.message);
  ck_assert_int_eq(hp_journal_remove(journal, &err), 0);
  delete_one("c1", bundle, 255);
  reap(pid);
  free(address);
}
END_TEST

START_TEST(deleting_a_bundle_that_is_gone) {
  char missing[80];
  snprintf(missing, sizeof missing, "%s/missing", root);
  delete_one("c9", missing, 255);
}
END_TEST

START_TEST(whose_shim) {
  char *owner = NULL;
  ck_assert_int_eq(hp_shim_owner(bundle, "c1", &owner, &err), 0); /* without config.json */
  ck_assert_str_eq(owner, "c1");
  free(owner);
  write_config(member, MEMBER_CONFIG);
  ck_assert_msg(hp_shim_owner(member, "c2", &owner, &err) == 0, "%s", err.message);
  ck_assert_str_eq(owner, "c1");
  free(owner);
  write_config(
      member, "{\"ociVersion\":\"1.0.2\",\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","
              "\"io.kubernetes.cri.sandbox-id\":\"../../etc\"}}");
  /* What is wrong with a config.json is for Create to say, with its own code. */
  ck_assert_int_eq(hp_shim_owner(member, "c2", &owner, &err), 0);
  ck_assert_str_eq(owner, "c2");
  free(owner);
  write_config(member, "{\"ociVersion\": ");
  ck_assert_int_eq(hp_shim_owner(member, "c2", &owner, &err), 0);
  ck_assert_str_eq(owner, "c2");
  free(owner);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cli/start");
  TCase *cases = tcase_create("start and delete");
  tcase_set_timeout(cases, 100);
  tcase_add_checked_fixture(cases, set_up, tear_down);
  tcase_add_test(cases, started_joined_and_deleted);
  tcase_add_test(cases, a_member_shares_its_sandboxs_shim);
  tcase_add_test(cases, a_dead_shims_socket_is_removed);
  tcase_add_test(cases, a_dead_shim_is_replaced);
  tcase_add_test(cases, errors_leave_nothing);
  tcase_add_test(cases, a_bundle_that_cannot_be_written_ends_the_new_shim);
  tcase_add_test(cases, a_shim_that_hangs_is_killed);
  tcase_add_test(cases, the_pods_shim_is_not_killed_for_a_member);
  tcase_add_test(cases, deleting_a_bundle_that_is_gone);
  tcase_add_test(cases, whose_shim);
  suite_add_tcase(suite, cases);
  return hp_run_suite(suite);
}
