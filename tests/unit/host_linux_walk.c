#include "host/linux/walk.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "support.h"
#include "throwaway_host.h"

static struct hp_error err;
static int root;

static void enter(void) {
  throwaway_host_enter();
  make_directories("/scratch/volume");
  make_directories("/scratch/outside");
  write_file("/scratch/outside/secret", "secret");
  root = open("/scratch/volume", O_PATH | O_DIRECTORY | O_CLOEXEC);
  ck_assert_int_ge(root, 0);
}

static void leave(void) {
  close(root);
  hp_error_clear(&err);
}

static char *path_of(int fd) {
  static char path[PATH_MAX];
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(name, path, sizeof path - 1);
  ck_assert_int_gt(length, 0);
  path[length] = 0;
  return path;
}

static void expect_made(const char *path, bool directory, const char *real) {
  int fd = hp_walk_make(root, path, directory, &err);
  ck_assert_msg(fd >= 0, "%s: %s", path, err.message);
  ck_assert_str_eq(path_of(fd), real);
  close(fd);
}

/* ---- inside a volume ---- */

START_TEST(makes_what_is_missing) {
  expect_made("/a/b/c", true, "/scratch/volume/a/b/c");
  expect_made("/a/b/f", false, "/scratch/volume/a/b/f");
  expect_made("//a//b/./c/", true, "/scratch/volume/a/b/c");
  expect_made("", true, "/scratch/volume");
  struct stat st;
  ck_assert_int_eq(stat("/scratch/volume/a/b/f", &st), 0);
  ck_assert_int_eq(st.st_mode, S_IFREG | 0644);
}
END_TEST

START_TEST(links_never_lead_out) {
  ck_assert_int_eq(symlink("/scratch/outside", "/scratch/volume/middle"), 0);
  ck_assert_int_eq(symlink("../../../../scratch/outside", "/scratch/volume/up"), 0);
  expect_made("/middle/new", true, "/scratch/volume/scratch/outside/new");
  expect_made("/up/other", true, "/scratch/volume/scratch/outside/other");
  ck_assert_int_eq(symlink("/scratch/outside/secret", "/scratch/volume/end"), 0);
  expect_made("/end", false, "/scratch/volume/scratch/outside/secret");
  ck_assert_int_eq(symlink("/scratch/outside/missing", "/scratch/volume/nowhere"), 0);
  expect_made("/nowhere", false, "/scratch/volume/scratch/outside/missing");
  expect_made("/../../x", true, "/scratch/volume/x");
  ck_assert(!exists("/scratch/outside/new") && !exists("/scratch/outside/other") && !exists("/scratch/x"));
  ck_assert(!exists("/scratch/outside/missing"));
  ck_assert_str_eq(read_text("/scratch/outside/secret"), "secret");
}
END_TEST

START_TEST(absolute_links_work_inside) {
  /* Debian's own: with the directory there, and (images that hold little) without. */
  make_directories("/scratch/volume/var");
  ck_assert_int_eq(symlink("/run", "/scratch/volume/var/run"), 0);
  expect_made("/var/run/secrets", true, "/scratch/volume/run/secrets");
  expect_made("/var/run/more", true, "/scratch/volume/run/more");
}
END_TEST

START_TEST(loops_end) {
  ck_assert_int_eq(symlink("b", "/scratch/volume/a"), 0);
  ck_assert_int_eq(symlink("a", "/scratch/volume/b"), 0);
  ck_assert_int_eq(symlink("grow/x", "/scratch/volume/grow"), 0);
  ck_assert_int_eq(hp_walk_make(root, "/a/x", true, &err), -1);
  ck_assert_int_eq(err.os_code, ELOOP);
  ck_assert_int_eq(hp_walk_make(root, "/grow", true, &err), -1);
  ck_assert_int_eq(err.os_code, ELOOP);
}
END_TEST

START_TEST(kinds_must_agree) {
  write_file("/scratch/volume/file", "");
  make_directories("/scratch/volume/directory");
  ck_assert_int_eq(hp_walk_make(root, "/file", true, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "no directory"));
  ck_assert_int_eq(hp_walk_make(root, "/directory", false, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_int_eq(hp_walk_make(root, "/file/below", true, &err), -1);
  ck_assert_int_eq(err.os_code, ENOTDIR);
}
END_TEST

START_TEST(special_files_are_not_opened) {
  /* A FIFO would block, a device would do something: O_PATH does neither. */
  ck_assert_int_eq(mkfifo("/scratch/volume/fifo", 0600), 0);
  expect_made("/fifo", false, "/scratch/volume/fifo");
  ck_assert_int_eq(symlink("/proc/self/root", "/scratch/volume/magic"), 0);
  expect_made("/magic/etc", true, "/scratch/volume/proc/self/root/etc");
}
END_TEST

START_TEST(long_names_are_refused) {
  char name[300], path[PATH_MAX + 10];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  ck_assert_int_eq(hp_walk_make(root, name, true, &err), -1);
  ck_assert_int_eq(err.os_code, ENAMETOOLONG);
  for (size_t i = 0; i < sizeof path - 1; i++)
    path[i] = i % 2 ? 'a' : '/';
  path[sizeof path - 1] = 0;
  ck_assert_int_eq(hp_walk_make(root, path, true, &err), -1);
  ck_assert_int_eq(err.os_code, ENAMETOOLONG);
}
END_TEST

static atomic_bool stop;
static atomic_uint swaps; /* where one processor serves both threads, they take few turns */

static void *swap_for_ever(void *arg) {
  (void)arg;
  while (!atomic_load(&stop)) {
    rename("/scratch/volume/d", "/scratch/volume/aside");
    int made = symlink("/scratch/outside", "/scratch/volume/d");
    sched_yield(); /* each state for a while: on a busy machine the walk would meet but one */
    if (made == 0)
      unlink("/scratch/volume/d");
    rename("/scratch/volume/aside", "/scratch/volume/d");
    sched_yield();
    atomic_fetch_add(&swaps, 1);
  }
  return NULL;
}

START_TEST(a_swapping_image_gains_nothing) {
  make_directories("/scratch/volume/d");
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, swap_for_ever, NULL), 0);
  int made = 0;
  for (int i = 0; i < 3000 || atomic_load(&swaps) < 500; i++) {
    int fd = hp_walk_make(root, "/d/../d/sub/x", true, &err);
    hp_error_clear(&err);
    if (fd < 0)
      continue; /* refused is fine */
    made++;
    ck_assert_int_eq(strncmp(path_of(fd), "/scratch/volume/", 16), 0);
    close(fd);
  }
  atomic_store(&stop, true);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert(!exists("/scratch/outside/sub"));
  ck_assert_int_gt(made, 0);
}
END_TEST

/* ---- on the host ---- */

static struct hp_host_path where;

START_TEST(paths_are_cleaned) {
  static const char *const pairs[][2] = {
      {"/a/b", "/a/b"}, {"//a/./b/", "/a/b"}, {"/a/../../b", "/b"},    {"a", "/a"}, {"/", "/"}, {"", "/"},
      {"/..", "/"},     {"/abc/..", "/"},     {"/a/bcd/../e", "/a/e"},
  };
  char *clean = hp_walk_clean(pairs[_i][0]);
  ck_assert_str_eq(clean, pairs[_i][1]);
  free(clean);
}
END_TEST

START_TEST(host_links_are_followed) {
  make_directories("/scratch/real/x");
  ck_assert_int_eq(symlink("real", "/scratch/link"), 0);
  ck_assert_int_eq(symlink("/scratch/link/x", "/scratch/absolute"), 0);
  ck_assert_int_eq(hp_walk_host("/scratch/absolute", NULL, 0, &where, &err), 0);
  ck_assert_str_eq(where.path, "/scratch/real/x");
  ck_assert(where.exists && S_ISDIR(where.mode));
  hp_host_path_clear(&where);
  ck_assert_int_eq(hp_walk_host("/scratch/link/new/deep", NULL, 0, &where, &err), 0);
  ck_assert_str_eq(where.path, "/scratch/real/new/deep");
  ck_assert(!where.exists);
  ck_assert_uint_eq(where.existing, strlen("/scratch/real"));
  hp_host_path_clear(&where);
  ck_assert_int_eq(hp_walk_host("/", NULL, 0, &where, &err), 0);
  ck_assert_str_eq(where.path, "/");
  hp_host_path_clear(&where);
}
END_TEST

START_TEST(links_of_others_are_refused) {
  make_directories("/scratch/home/alice");
  ck_assert_int_eq(symlink("/etc", "/scratch/home/alice/link"), 0);
  ck_assert_int_eq(lchown("/scratch/home/alice/link", 1000, 1000), 0);
  ck_assert_int_eq(hp_walk_host("/scratch/home/alice/link/x", NULL, 0, &where, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  /* Root's own link, in a directory where it could have been moved to. */
  ck_assert_int_eq(symlink("/etc", "/scratch/home/alice/roots"), 0);
  ck_assert_int_eq(chown("/scratch/home/alice", 1000, 1000), 0);
  ck_assert_int_eq(hp_walk_host("/scratch/home/alice/roots", NULL, 0, &where, &err), -1);
  /* A directory of hers is fine to go through. */
  make_directories("/scratch/home/alice/plain");
  ck_assert_int_eq(hp_walk_host("/scratch/home/alice/plain", NULL, 0, &where, &err), 0);
  ck_assert(where.exists);
  hp_host_path_clear(&where);
}
END_TEST

START_TEST(walks_end_at_stops) {
  static const char *const stops[] = {"/hpc", "/scratch/real", "/scratch/none/here"};
  make_directories("/scratch/real");
  ck_assert_int_eq(symlink("real", "/scratch/link"), 0);
  ck_assert_int_eq(hp_walk_host("/scratch/link/a/b", stops, 3, &where, &err), 0);
  ck_assert_uint_eq(where.inside, 1);
  ck_assert_str_eq(where.inner, "a/b");
  hp_host_path_clear(&where);
  ck_assert_int_eq(hp_walk_host("/scratch/none/here/below", stops, 3, &where, &err), 0);
  ck_assert_uint_eq(where.inside, 2);
  ck_assert_str_eq(where.inner, "below");
  hp_host_path_clear(&where);
  ck_assert_int_eq(hp_walk_host("/scratch/none/other", stops, 3, &where, &err), 0);
  ck_assert_uint_eq(where.inside, HP_WALK_NO_STOP);
  hp_host_path_clear(&where);
  ck_assert_int_eq(hp_walk_host("/scratch/real", stops, 3, &where, &err), 0);
  ck_assert_uint_eq(where.inside, 1);
  ck_assert_str_eq(where.inner, "");
  hp_host_path_clear(&where);
}
END_TEST

START_TEST(host_walks_fail_clearly) {
  write_file("/scratch/file", "");
  ck_assert_int_eq(hp_walk_host("/scratch/file/x", NULL, 0, &where, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "not a directory"));
  ck_assert_int_eq(symlink("missing/../../etc", "/scratch/odd"), 0);
  ck_assert_int_eq(hp_walk_host("/scratch/odd", NULL, 0, &where, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_int_eq(symlink("loop", "/scratch/loop"), 0);
  ck_assert_int_eq(hp_walk_host("/scratch/loop", NULL, 0, &where, &err), -1);
  ck_assert_int_eq(err.os_code, ELOOP);
}
END_TEST

START_TEST(trust) {
  static const struct {
    uid_t uid;
    gid_t gid;
    mode_t mode;
    bool trusted;
  } cases[] = {
      {0, 0, 0755, true},  {0, 0, 0775, true},   {0, 50, 0775, false},
      {0, 0, 0777, false}, {0, 0, 01777, true},  {1000, 0, 0755, false},
      {0, 50, 0755, true}, {0, 50, 03775, true}, {1000, 0, 01777, false},
  };
  struct stat st = {.st_uid = cases[_i].uid, .st_gid = cases[_i].gid, .st_mode = S_IFDIR | cases[_i].mode};
  ck_assert_int_eq(hp_walk_trusted(&st), cases[_i].trusted);
}
END_TEST

int main(void) {
  const char *missing = throwaway_host_missing();
  if (missing) {
    printf("skipped: %s\n", missing);
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create("host/linux/walk");
  TCase *inside = tcase_create("inside");
  tcase_add_checked_fixture(inside, enter, leave);
  tcase_set_timeout(inside, 60);
  tcase_add_test(inside, makes_what_is_missing);
  tcase_add_test(inside, links_never_lead_out);
  tcase_add_test(inside, absolute_links_work_inside);
  tcase_add_test(inside, loops_end);
  tcase_add_test(inside, kinds_must_agree);
  tcase_add_test(inside, special_files_are_not_opened);
  tcase_add_test(inside, long_names_are_refused);
  tcase_add_test(inside, a_swapping_image_gains_nothing);
  suite_add_tcase(suite, inside);
  TCase *host = tcase_create("host");
  tcase_add_checked_fixture(host, enter, leave);
  tcase_add_loop_test(host, paths_are_cleaned, 0, 9);
  tcase_add_test(host, host_links_are_followed);
  tcase_add_test(host, links_of_others_are_refused);
  tcase_add_test(host, walks_end_at_stops);
  tcase_add_test(host, host_walks_fail_clearly);
  tcase_add_loop_test(host, trust, 0, 9);
  suite_add_tcase(suite, host);
  return hp_run_suite(suite);
}
