/* What doctor says of a Linux host, fact by fact. */
#include "host/linux/examine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/linux/cgroup_layout.h"
#include "support.h"

/* ---- what is said ------------------------------------------------------------------ */

static char *said; /* a line each: "ok kernel: text" */
static unsigned count;

static void hear(void *arg, enum host_health health, const char *check, const char *remedy,
                 const char *text) {
  static const char *const names[] = {"ok", "warning", "problem"};
  ck_assert_ptr_eq(arg, &count);
  ck_assert_int_eq(health == HOST_OK, remedy == NULL);
  char *longer = hp_printf("%s%s %s: %s\n", said, names[health], check, text);
  free(said);
  said = longer;
  count++;
}

static const struct hp_examiner ear = {hear, &count};
static char *directory;

static void set_up(void) {
  said = hp_strdup("");
  count = 0;
  directory = unit_directory("examine");
}

static void tear_down(void) {
  free(said);
  unit_remove_directory(directory);
  free(directory);
}

/* ---- the system ---------------------------------------------------------------------- */

START_TEST(kernels) {
  static const struct {
    const char *release, *said;
  } rows[] = {
      {"5.12.0", "ok kernel: Linux 5.12.0\n"},
      {"5.12", "ok kernel: Linux 5.12\n"},
      {"6.1.0-31-amd64", "ok kernel: Linux 6.1.0-31-amd64\n"},
      {"10.0", "ok kernel: Linux 10.0\n"},
      {"5.11.99", "problem kernel: Linux 5.11.99\n"},
      {"5", "problem kernel: Linux 5\n"},
      {"4.19.0", "problem kernel: Linux 4.19.0\n"},
      {"", "warning kernel: the kernel's version cannot be read\n"},
      {"unknown", "warning kernel: the kernel's version cannot be read\n"},
  };
  hp_examine_kernel(&ear, rows[_i].release);
  ck_assert_str_eq(said, rows[_i].said);
}
END_TEST

START_TEST(accounts) {
  hp_examine_account(&ear, 0);
  hp_examine_account(&ear, 1000);
  ck_assert_str_eq(said, "ok account: this program runs as uid 0\n"
                         "problem account: this program runs as uid 1000\n");
}
END_TEST

START_TEST(containerds) {
  char account[] = "0", other[] = "1000";
  hp_examine_containerd(&ear, &(struct host_containerd){.pid = 7, .account = account, .privileged = true});
  hp_examine_containerd(&ear, &(struct host_containerd){.pid = 7, .account = other});
  hp_examine_containerd(&ear, &(struct host_containerd){.pid = 7});
  hp_examine_containerd(&ear, &(struct host_containerd){.pid = 0});
  ck_assert_str_eq(said, "ok containerd: containerd (pid 7) runs as uid 0\n"
                         "problem containerd: containerd (pid 7) runs as uid 1000\n"
                         "problem containerd: containerd (pid 7) runs as uid ?\n"
                         "warning containerd: containerd does not run\n");
}
END_TEST

START_TEST(capabilities) {
  static const struct {
    unsigned bit; /* of linux/capability.h */
    const char *said;
  } rows[] = {
      {0, "problem capabilities: CAP_CHOWN"},       {1, "problem capabilities: CAP_DAC_OVERRIDE"},
      {5, "problem capabilities: CAP_KILL"},        {6, "problem capabilities: CAP_SETGID"},
      {7, "problem capabilities: CAP_SETUID"},      {19, "warning capabilities: CAP_SYS_PTRACE"},
      {21, "problem capabilities: CAP_SYS_ADMIN"},  {24, "warning capabilities: CAP_SYS_RESOURCE"},
      {23, "ok capabilities: all that are needed"}, {40, "ok capabilities: all that are needed"},
  };
  hp_examine_capabilities(&ear, ~(UINT64_C(1) << rows[_i].bit));
  ck_assert_msg(strncmp(said, rows[_i].said, strlen(rows[_i].said)) == 0, "%s", said);
  ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(no_capability_at_all) {
  hp_examine_capabilities(&ear, 0);
  ck_assert_uint_eq(count, 8);
  ck_assert_ptr_null(strstr(said, "ok "));
}
END_TEST

/* ---- cgroups -------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text) {
  char *path = hp_printf("%s/%s", directory, name);
  unit_write(path, text, strlen(text));
  free(path);
}

static void remove_file(const char *name) {
  char *path = hp_printf("%s/%s", directory, name);
  unit_remove(path);
  free(path);
}

/* A line of mountinfo; NULL: a unified hierarchy with these controllers. */
static void examine_layout(const char *line, const char *controllers) {
  char *path = hp_printf("%s/mountinfo", directory);
  char *text = line ? hp_strdup(line) : hp_printf("36 20 0:32 / %s rw - cgroup2 x rw\n", directory);
  write_file("mountinfo", text);
  write_file("cgroup.controllers", controllers);
  hp_cgroup_layout_from(path);
  hp_examine_cgroups(&ear);
  hp_cgroup_layout_from(NULL);
  remove_file("mountinfo");
  remove_file("cgroup.controllers");
  free(text);
  free(path);
}

START_TEST(cgroup_hierarchies) {
  static const struct {
    const char *line, *controllers, *said;
  } rows[] = {
      {NULL, "cpuset cpu io memory pids\n", "ok cgroups: version 2 with cpu,cpuset,memory,io,pids\n"},
      {NULL, "cpu memory pids\n",
       "ok cgroups: version 2 with cpu,memory,pids\n"
       "warning controllers: cpuset,io: limits of these kinds are refused\n"},
      {"31 20 0:28 / /c rw - cgroup cgroup rw,cpu,cpuset,memory,blkio,pids\n", "",
       "ok cgroups: version 1 with cpu,cpuset,memory,blkio,pids\n"},
      {"31 20 0:28 / /c rw - cgroup cgroup rw,cpu,cpuset,memory\n", "",
       "ok cgroups: version 1 with cpu,cpuset,memory\n"
       "warning controllers: blkio,pids: limits of these kinds are refused\n"},
  };
  examine_layout(rows[_i].line, rows[_i].controllers);
  ck_assert_str_eq(said, rows[_i].said);
}
END_TEST

START_TEST(no_cgroups_at_all) {
  examine_layout("20 1 0:1 / / rw - ext4 /dev/x rw\n", "");
  ck_assert_msg(strncmp(said, "problem cgroups: no cgroup hierarchy", 36) == 0, "%s", said);
  ck_assert_uint_eq(count, 1);
}
END_TEST

/* ---- places ---------------------------------------------------------------------------- */

START_TEST(the_volumes_base) {
  struct hp_error err = HP_ERROR_INIT;
  hp_examine_volume_base(&ear, &err);
  hp_error_set(&err, HP_FAILED_PRECONDITION, "it is somebody's");
  hp_examine_volume_base(&ear, &err);
  ck_assert_str_eq(said, "ok volumes: /hpc is free, or root's\nproblem volumes: it is somebody's\n");
  ck_assert_ptr_null(err.message);
}
END_TEST

START_TEST(ledgers) {
  char *none = hp_printf("%s/none", directory);
  unit_set_environment("HOSTPROCESS_STATE_DIR", none);
  hp_examine_ledger(&ear);
  ck_assert_str_eq(said, "ok ledger: it holds 0 claims\n");
  unit_set_environment("HOSTPROCESS_STATE_DIR", directory);
  ck_assert_int_eq(chmod(directory, 0700), 0);
  write_file("ledger.json", "{");
  hp_examine_ledger(&ear);
  ck_assert_msg(strstr(said, "\nproblem ledger: the ledger ") != NULL, "%s", said);
  remove_file("ledger.json");
  ck_assert_int_eq(chmod(directory, 0755), 0);
  hp_examine_ledger(&ear);
  ck_assert_msg(strstr(said, "\nproblem ledger: the state directory ") != NULL, "%s", said);
  unit_set_environment("HOSTPROCESS_STATE_DIR", NULL);
  free(none);
}
END_TEST

START_TEST(sockets) {
  static const struct {
    mode_t mode;
    bool foreign; /* somebody else's */
    const char *status;
  } rows[] = {
      {0711, false, "ok"},      {0700, false, "ok"},      {0755, false, "ok"},
      {01777, false, "ok"},     {0777, false, "problem"}, {0775, false, "problem"},
      {0713, false, "problem"}, {0711, true, "problem"},  {01777, true, "problem"},
  };
  if (rows[_i].foreign && geteuid() != 0) {
    printf("skipped: only root can give a directory away\n");
    return;
  }
  ck_assert_int_eq(chown(directory, rows[_i].foreign ? 65534 : geteuid(), (gid_t)-1), 0);
  ck_assert_int_eq(chmod(directory, rows[_i].mode), 0);
  hp_examine_sockets(&ear, directory);
  char *wanted = hp_printf("%s sockets: %s (uid %u, mode %04o)\n", rows[_i].status, directory,
                           rows[_i].foreign ? 65534u : (unsigned)geteuid(), (unsigned)rows[_i].mode);
  ck_assert_str_eq(said, wanted);
  free(wanted);
}
END_TEST

START_TEST(sockets_elsewhere) {
  char *none = hp_printf("%s/none", directory), *file = hp_printf("%s/file", directory);
  char *below = hp_printf("%s/file/s", directory);
  write_file("file", "");
  hp_examine_sockets(&ear, none);
  ck_assert_msg(strncmp(said, "ok sockets: ", 12) == 0 &&
                    strstr(said, "none is made when the first shim starts"),
                "%s", said);
  hp_examine_sockets(&ear, file);
  ck_assert_msg(strstr(said, "\nproblem sockets: ") != NULL, "%s", said);
  free(said);
  said = hp_strdup("");
  hp_examine_sockets(&ear, below);
  ck_assert_msg(strncmp(said, "problem sockets: ", 17) == 0 && strstr(said, "cannot be looked at"), "%s",
                said);
  remove_file("file");
  free(below);
  free(file);
  free(none);
}
END_TEST

/* Every check is made of this host, too, the sockets' of the directory that is named. */
START_TEST(this_host) {
  static const char *const checks[] = {" kernel: Linux ", " account: this program runs as uid ",
                                       " capabilities: ", " containerd: ",
                                       " cgroups: ",      " volumes: ",
                                       " ledger: "};
  char *last = hp_printf(" sockets: %s (", directory);
  host_examine(directory, hear, &count);
  for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
    ck_assert_msg(strstr(said, checks[i]) != NULL, "no%s in %s", checks[i], said);
  ck_assert_msg(strstr(said, last) != NULL, "%s", said);
  char *account = hp_printf("%s account: this program runs as uid %u\n", geteuid() == 0 ? "ok" : "problem",
                            (unsigned)geteuid());
  ck_assert_msg(strstr(said, account) != NULL, "%s", said);
  free(account);
  free(last);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/examine");
  TCase *facts = tcase_create("facts");
  tcase_add_checked_fixture(facts, set_up, tear_down);
  tcase_add_loop_test(facts, kernels, 0, 9);
  tcase_add_test(facts, accounts);
  tcase_add_test(facts, containerds);
  tcase_add_loop_test(facts, capabilities, 0, 10);
  tcase_add_test(facts, no_capability_at_all);
  tcase_add_loop_test(facts, cgroup_hierarchies, 0, 4);
  tcase_add_test(facts, no_cgroups_at_all);
  tcase_add_test(facts, the_volumes_base);
  tcase_add_test(facts, ledgers);
  tcase_add_loop_test(facts, sockets, 0, 9);
  tcase_add_test(facts, sockets_elsewhere);
  tcase_add_test(facts, this_host);
  suite_add_tcase(suite, facts);
  return hp_run_suite(suite);
}
