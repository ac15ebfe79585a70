#include "host/linux/container.h"

#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "host/ledger.h"
#include "support.h"
#include "throwaway_host.h"

static struct hp_error err;

/* One container that is asked for, planned, made and released. */
struct fixture {
  struct hp_container_spec spec;
  struct hp_verdict verdict;
  struct host_container_request request;
  struct host_container container;
  struct host_rootfs_mount rootfs[4];
  struct hp_mount mounts[8];
  json_t *records;
  char bundle[64];
};

static struct fixture one, two;

static void fixture_init(struct fixture *f, const char *id) {
  *f = (struct fixture){.container = {.mount_namespace = -1}};
  snprintf(f->bundle, sizeof f->bundle, "/scratch/bundles/%s", id);
  char *rootfs = hp_printf("%s/rootfs/etc", f->bundle);
  make_directories(rootfs);
  free(rootfs);
  f->spec.root_path = hp_strdup("rootfs");
  f->spec.mounts = f->mounts;
  f->request = (struct host_container_request){.namespace_name = "ns",
                                               .id = id,
                                               .bundle = f->bundle,
                                               .spec = &f->spec,
                                               .verdict = &f->verdict,
                                               .rootfs = f->rootfs};
  f->container.request = &f->request;
  f->records = json_array();
}

static void fixture_clear(struct fixture *f) {
  hp_volume_clear(&f->container);
  for (size_t i = 0; i < f->spec.mount_count; i++)
    hp_strings_clear(&f->mounts[i].options);
  for (size_t i = 0; i < f->request.rootfs_count; i++)
    hp_strings_clear(&f->rootfs[i].options);
  free(f->spec.root_path);
  json_decref(f->records);
}

static int open_before;

static int count_open(void) {
  int count = 0;
  for (int fd = 0; fd < 256; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void enter(void) {
  throwaway_host_enter();
  rmdir("/hpc");
  open_before = count_open();
  fixture_init(&one, "one");
  fixture_init(&two, "two");
}

static void leave(void) {
  fixture_clear(&one);
  fixture_clear(&two);
  ck_assert_int_eq(count_open(), open_before); /* whatever the test made or was refused */
  hp_error_clear(&err);
}

static void split_options(struct hp_strings *list, const char *options) {
  char *copy = hp_strdup(options), *rest = copy;
  for (char *option; (option = strsep(&rest, "|")) != NULL;)
    hp_strings_add(list, option);
  free(copy);
}

/* options are separated by | */
static void add_mount(struct fixture *f, const char *type, const char *source, const char *destination,
                      const char *options) {
  struct hp_mount *mount = &f->mounts[f->spec.mount_count++];
  *mount = (struct hp_mount){.type = (char *)(uintptr_t)type,
                             .source = (char *)(uintptr_t)source,
                             .destination = (char *)(uintptr_t)destination};
  split_options(&mount->options, options);
}

static void add_rootfs(struct fixture *f, const char *type, const char *source, const char *target,
                       const char *options) {
  struct host_rootfs_mount *mount = &f->rootfs[f->request.rootfs_count++];
  *mount = (struct host_rootfs_mount){.type = (char *)(uintptr_t)type,
                                      .source = (char *)(uintptr_t)source,
                                      .target = (char *)(uintptr_t)target};
  split_options(&mount->options, options);
}

static int plan(struct fixture *f) {
  return hp_volume_plan(&f->container, &f->request, f->records, &err);
}

static int make_planned(struct fixture *f) {
  size_t index;
  json_t *record;
  json_array_foreach(f->records, index, record) {
    bool known = false;
    int result = hp_volume_make(&f->container, record, &known, &err);
    ck_assert(known);
    if (result != 0)
      return -1;
  }
  return 0;
}

static void make(struct fixture *f) {
  ck_assert_msg(plan(f) == 0, "%s", err.message ? err.message : "");
  ck_assert_msg(make_planned(f) == 0, "%s", err.message ? err.message : "");
}

static void release(struct fixture *f) {
  for (size_t i = json_array_size(f->records); i-- > 0;) {
    bool known = false;
    ck_assert_msg(hp_volume_release(json_array_get(f->records, i), &known, &err) == 0, "%s", err.message);
    ck_assert(known);
  }
}

static size_t count_claims(void) {
  json_t *claims = NULL;
  ck_assert_int_eq(hp_ledger_read(&claims, &err), 0);
  size_t count = json_array_size(claims);
  json_decref(claims);
  return count;
}

/* What `look` answers (0 … 100) inside the container's namespace. */
static int inside(const struct fixture *f, int (*look)(const char *path), const char *path) {
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    /* A sanitizer's own thread shares our working directory, which setns does not allow. */
    if (unshare(CLONE_FS) != 0 || setns(f->container.mount_namespace, CLONE_NEWNS) != 0)
      _exit(101);
    _exit(look(path));
  }
  int status = -1;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status));
  ck_assert_int_ne(WEXITSTATUS(status), 101);
  return WEXITSTATUS(status);
}

static int look_exists(const char *path) {
  return access(path, F_OK) == 0;
}

static int look_writable(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  return fd >= 0;
}

static int look_mounts_tmpfs(const char *path) {
  return mount("tmpfs", path, "tmpfs", 0, NULL) == 0;
}

static int look_noexec(const char *path) {
  struct statvfs st;
  return statvfs(path, &st) == 0 && (st.f_flag & ST_NOEXEC) && (st.f_flag & ST_NOSUID) &&
         (st.f_flag & ST_NODEV);
}

#define ck_assert_inside(f, path)                                                                            \
  ck_assert_msg(inside(f, look_exists, path) == 1, "%s is missing inside", path)
#define ck_assert_not_inside(f, path)                                                                        \
  ck_assert_msg(inside(f, look_exists, path) == 0, "%s is there inside", path)

/* ---- bind ---- */

START_TEST(volume_is_seen_only_inside) {
  write_file("/scratch/bundles/one/rootfs/etc/marker", "image");
  make(&one);
  ck_assert_str_eq(one.container.volume, "/hpc");
  ck_assert_inside(&one, "/hpc/etc/marker");
  ck_assert(!exists("/hpc/etc"));
  ck_assert(exists("/hpc"));
  ck_assert_inside(&one, "/etc/passwd"); /* the host's own */
  release(&one);
  release(&one);
  ck_assert(exists("/hpc"));
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(mounts_are_at_their_place_and_below_the_volume) {
  make_directories("/scratch/token");
  write_file("/scratch/token/token", "secret");
  write_file("/scratch/hosts", "hosts");
  ck_assert_int_eq(symlink("/scratch/made", "/scratch/link"), 0);
  make_directories("/scratch/made");
  add_mount(&one, "bind", "/scratch/token", "/scratch/link/secrets/token", "rbind|ro|nosuid|nodev|noexec");
  add_mount(&one, NULL, "/scratch/hosts", "/scratch/made/hosts", "bind");
  add_mount(&one, "bind", "/scratch/hosts", "/etc/hostname", "rbind|rprivate");
  make(&one);
  ck_assert_inside(&one, "/scratch/made/secrets/token/token");
  ck_assert_inside(&one, "/hpc/scratch/link/secrets/token/token");
  ck_assert_inside(&one, "/hpc/scratch/made/hosts");
  ck_assert_int_eq(inside(&one, look_writable, "/scratch/made/secrets/token/x"), 0);
  ck_assert_int_eq(inside(&one, look_writable, "/hpc/scratch/link/secrets/token/x"), 0);
  ck_assert_int_eq(inside(&one, look_writable, "/scratch/made/hosts"), 1);
  ck_assert_int_eq(inside(&one, look_noexec, "/scratch/made/secrets/token"), 1);
  ck_assert_int_eq(inside(&one, look_noexec, "/hpc/scratch/link/secrets/token"), 1);
  /* The host has the mount points, and nothing in them. */
  ck_assert(exists("/scratch/made/secrets/token") && !exists("/scratch/made/secrets/token/token"));
  ck_assert_str_eq(read_text("/scratch/made/hosts"), "");
  release(&one);
  ck_assert(!exists("/scratch/made/secrets") && !exists("/scratch/made/hosts"));
  ck_assert(exists("/scratch/made") && exists("/etc/hostname"));
  ck_assert_str_eq(read_text("/scratch/token/token"), "secret");
  release(&one);
}
END_TEST

START_TEST(sources_are_what_the_host_sees) {
  /* The second source is covered by the first mount, the third mount lies in the first. */
  make_directories("/scratch/a");
  make_directories("/scratch/data/b");
  write_file("/scratch/data/b/marker", "");
  add_mount(&one, "bind", "/scratch/a", "/scratch/data", "rbind");
  add_mount(&one, "bind", "/scratch/data/b", "/scratch/b", "rbind");
  add_mount(&one, "bind", "/scratch/data/b", "/scratch/data/deep/b", "rbind");
  add_mount(&one, "bind", "/scratch/data/b", "/hpc/extra", "rbind");
  make(&one);
  ck_assert_inside(&one, "/scratch/b/marker");
  ck_assert_inside(&one, "/scratch/data/deep/b/marker");
  ck_assert_inside(&one, "/hpc/scratch/data/deep/b/marker");
  ck_assert_inside(&one, "/hpc/extra/marker");
  ck_assert(!exists("/scratch/data/deep")); /* not on the host: in the volume /scratch/a */
  ck_assert(exists("/scratch/a/deep/b"));
  release(&one);
  ck_assert(!exists("/scratch/b"));
}
END_TEST

START_TEST(hostile_images_stay_inside) {
  make_directories("/scratch/outside");
  make_directories("/scratch/source");
  write_file("/scratch/source/marker", "");
  write_file("/scratch/victim", "victim");
  ck_assert_int_eq(symlink("/scratch/outside", "/scratch/bundles/one/rootfs/mnt"), 0);
  ck_assert_int_eq(symlink("../../../../../scratch/outside", "/scratch/bundles/one/rootfs/opt"), 0);
  ck_assert_int_eq(symlink("/scratch/victim", "/scratch/bundles/one/rootfs/etc/conf"), 0);
  add_mount(&one, "bind", "/scratch/source", "/mnt/x", "rbind");
  add_mount(&one, "bind", "/scratch/source", "/opt/y", "rbind");
  add_mount(&one, "bind", "/scratch/source/marker", "/etc/conf", "rbind");
  make(&one);
  ck_assert(!exists("/scratch/outside/x") && !exists("/scratch/outside/y"));
  ck_assert_inside(&one, "/hpc/scratch/outside/x/marker"); /* where the link leads inside */
  ck_assert_inside(&one, "/hpc/scratch/outside/y/marker");
  ck_assert_not_inside(&one, "/scratch/outside/x");
  ck_assert_str_eq(read_text("/scratch/victim"), "victim");
  release(&one);
  ck_assert(!exists("/mnt/x") && !exists("/opt/y") && !exists("/etc/conf"));
}
END_TEST

START_TEST(mount_points_of_the_wrong_kind) {
  make_directories("/scratch/source");
  write_file("/scratch/bundles/one/rootfs/etc/thing", "image");
  ck_assert_int_eq(link("/scratch/bundles/one/rootfs/etc/thing", "/scratch/bundles/one/twin"), 0);
  add_mount(&one, "bind", "/scratch/source", "/etc/thing", "rbind");
  ck_assert_int_eq(plan(&one), 0);
  ck_assert_int_eq(make_planned(&one), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "mounts[0].destination \"/etc/thing\""));
  release(&one);
  ck_assert(!exists("/etc/thing"));
  /* A hard link as mount point: its twin is untouched. */
  write_file("/scratch/file", "mounted");
  add_mount(&two, "bind", "/scratch/file", "/etc/thing", "rbind");
  ck_assert_int_eq(link("/scratch/bundles/one/twin", "/scratch/bundles/two/rootfs/etc/thing"), 0);
  make(&two);
  ck_assert_int_eq(inside(&two, look_writable, "/hpc/etc/thing"), 1);
  ck_assert_str_eq(read_text("/scratch/bundles/one/twin"), "image");
  release(&two);
}
END_TEST

START_TEST(two_containers_share_a_mount_point) {
  make_directories("/scratch/a");
  make_directories("/scratch/b");
  write_file("/scratch/a/marker", "");
  write_file("/scratch/b/marker", "");
  add_mount(&one, "bind", "/scratch/a", "/scratch/shared/p", "rbind");
  add_mount(&two, "bind", "/scratch/b", "/scratch/shared/p", "rbind");
  make(&one);
  make(&two);
  release(&one);
  ck_assert(exists("/scratch/shared/p"));
  ck_assert_inside(&two, "/scratch/shared/p/marker");
  ck_assert_inside(&two, "/hpc/scratch/shared/p/marker");
  release(&two);
  ck_assert(!exists("/scratch/shared"));
  ck_assert_uint_eq(count_claims(), 0);
}
END_TEST

START_TEST(propagation_is_what_was_asked) {
  make_directories("/scratch/shared");
  ck_assert_int_eq(mount("tmpfs", "/scratch/shared", "tmpfs", 0, NULL), 0);
  ck_assert_int_eq(mount(NULL, "/scratch/shared", NULL, MS_SHARED, NULL), 0);
  make_directories("/scratch/shared/sub");
  make_directories("/scratch/shared/two");
  add_mount(&one, "bind", "/scratch/shared", "/scratch/private", "rbind");
  add_mount(&one, "bind", "/scratch/shared", "/scratch/slave", "rbind|rslave");
  add_mount(&one, "bind", "/scratch/shared", "/scratch/peer", "rbind|rshared");
  make(&one);
  ck_assert_int_eq(mount("tmpfs", "/scratch/shared/sub", "tmpfs", 0, NULL), 0);
  write_file("/scratch/shared/sub/marker", "");
  ck_assert_not_inside(&one, "/scratch/private/sub/marker");
  ck_assert_inside(&one, "/scratch/slave/sub/marker");
  ck_assert_inside(&one, "/hpc/scratch/slave/sub/marker");
  ck_assert_inside(&one, "/scratch/peer/sub/marker");
  ck_assert_inside(&one, "/scratch/shared/sub/marker"); /* the host's own tree: a slave */
  ck_assert_int_eq(inside(&one, look_mounts_tmpfs, "/scratch/slave/two"), 1);
  write_file("/scratch/shared/two/marker", ""); /* still the host's own directory */
  ck_assert_not_inside(&one, "/scratch/slave/two/marker");
  ck_assert_int_eq(inside(&one, look_mounts_tmpfs, "/scratch/peer/two"), 1);
  ck_assert(!exists("/scratch/shared/two/marker")); /* covered on the host too */
  release(&one);
}
END_TEST

START_TEST(file_systems_are_mounted) {
  add_mount(&one, "tmpfs", "tmpfs", "/scratch/memory", "nosuid|nodev|noexec|mode=1777|size=64k");
  make(&one);
  ck_assert_int_eq(inside(&one, look_noexec, "/scratch/memory"), 1);
  ck_assert_int_eq(inside(&one, look_writable, "/scratch/memory/x"), 1);
  ck_assert_inside(&one, "/hpc/scratch/memory/x"); /* one file system at both places */
  ck_assert(!exists("/scratch/memory/x"));
  release(&one);
}
END_TEST

START_TEST(system_mounts_are_the_hosts_own) {
  static const char *const skipped[][3] = {
      {"proc", "proc", "/proc"},   {"sysfs", "sysfs", "/sys"},    {"tmpfs", "tmpfs", "/dev"},
      {"devpts", "d", "/dev/pts"}, {"tmpfs", "shm", "/dev/shm/"}, {"cgroup", "cgroup", "/sys/fs/cgroup"},
      {"bind", "/sys", "/sys"},    {"tmpfs", "tmpfs", "/run"},
  };
  make_directories("/run");
  write_file("/run/marker", "");
  for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++)
    add_mount(&one, skipped[i][0], skipped[i][1], skipped[i][2], "nosuid");
  make(&one);
  ck_assert_inside(&one, "/run/marker");
  ck_assert_not_inside(&one, "/hpc/proc");
  ck_assert_inside(&one, "/dev/null");
  release(&one);
}
END_TEST

START_TEST(location_is_the_annotations) {
  one.spec.rootfs_location = (char *)(uintptr_t) "/scratch/place/../other";
  write_file("/scratch/bundles/one/rootfs/marker", "");
  make(&one);
  ck_assert_str_eq(one.container.volume, "/scratch/other");
  ck_assert_inside(&one, "/scratch/other/marker");
  ck_assert(exists("/scratch/other") && !exists("/scratch/other/marker") && !exists("/hpc"));
  release(&one);
  ck_assert(!exists("/scratch/other"));
}
END_TEST

START_TEST(read_only_root) {
  make_directories("/scratch/source");
  one.spec.root_read_only = true;
  add_mount(&one, "bind", "/scratch/source", "/scratch/data", "rbind");
  make(&one); /* the mount point in the volume was made before it became read-only */
  ck_assert_int_eq(inside(&one, look_writable, "/hpc/x"), 0);
  ck_assert_int_eq(inside(&one, look_writable, "/hpc/scratch/data/x"), 1);
  release(&one);
}
END_TEST

/* ---- the rootfs ---- */

START_TEST(rootfs_comes_from_the_request) {
  make_directories("/scratch/lower");
  make_directories("/scratch/more/upper");
  make_directories("/scratch/more/work");
  make_directories("/scratch/second");
  write_file("/scratch/lower/marker", "");
  write_file("/scratch/second/other", "");
  add_rootfs(&one, "overlay", "overlay", NULL,
             "lowerdir=/scratch/lower|upperdir=/scratch/more/upper|workdir=/scratch/more/work");
  add_rootfs(&one, "bind", "/scratch/second", "var/second", "rbind|ro");
  make(&one);
  ck_assert_inside(&one, "/hpc/marker");
  ck_assert_inside(&one, "/hpc/var/second/other");
  ck_assert_int_eq(inside(&one, look_writable, "/hpc/new"), 1);
  ck_assert_int_eq(inside(&one, look_writable, "/hpc/var/second/new"), 0);
  ck_assert(exists("/scratch/more/upper/new"));
  ck_assert_not_inside(&one, "/scratch/bundles/one/rootfs/marker");
  release(&one);
}
END_TEST

static int look_powerless(const char *path) {
  struct statvfs st;
  return statvfs(path, &st) == 0 && (st.f_flag & ST_NOSUID) && (st.f_flag & ST_NODEV);
}

/* Setuid programs of an image would be root's on the host, whatever the account
 * of the container, and its device nodes the host's devices. */
START_TEST(an_image_brings_no_privileges) {
  static const char image[] = "/scratch/bundles/one/rootfs";
  make_directories("/scratch/bundles/one/rootfs/inner");
  make_directories("/scratch/upper");
  make_directories("/scratch/work");
  ck_assert_int_eq(mount("tmpfs", "/scratch/bundles/one/rootfs/inner", "tmpfs", 0, NULL), 0);
  if (_i == 1)
    add_rootfs(&one, "bind", image, NULL, "rbind|rw|suid|dev");
  if (_i == 2)
    add_rootfs(&one, "overlay", "overlay", NULL,
               "dev|suid|lowerdir=/scratch/bundles/one/rootfs|upperdir=/scratch/upper|workdir=/scratch/work");
  make(&one);
  ck_assert_int_eq(inside(&one, look_powerless, "/hpc"), 1);
  ck_assert_int_eq(inside(&one, look_powerless, "/hpc/inner"), 1);
  release(&one);
  ck_assert_int_eq(look_powerless("/scratch/bundles/one/rootfs/inner"), 0);
}
END_TEST

START_TEST(options_longer_than_a_page) {
  char lower[8192] = "lowerdir=";
  for (int i = 0; i < 100; i++) {
    char *path = hp_printf("/scratch/a-rather-long-name-of-a-directory-of-snapshots/%d/fs", i);
    make_directories(path);
    char *marker = hp_printf("%s/marker%d", path, i);
    write_file(marker, "");
    size_t length = strlen(lower);
    snprintf(lower + length, sizeof lower - length, "%s%s", i ? ":" : "", path);
    free(marker);
    free(path);
  }
  ck_assert_uint_gt(strlen(lower), (size_t)sysconf(_SC_PAGESIZE));
  add_rootfs(&one, "overlay", "overlay", NULL, lower);
  make(&one);
  ck_assert_inside(&one, "/hpc/marker0");
  ck_assert_inside(&one, "/hpc/marker99");
  char where[PATH_MAX];
  ck_assert_str_eq(getcwd(where, sizeof where), "/");
  release(&one);
}
END_TEST

START_TEST(half_made_is_released) {
  make_directories("/scratch/source");
  add_rootfs(&one, "bind", "/scratch/not-there", NULL, "rbind");
  add_mount(&one, "bind", "/scratch/source", "/scratch/point", "rbind");
  one.verdict.behavior = _i ? HP_MOUNT_SYMLINK : HP_MOUNT_BIND;
  ck_assert_int_eq(plan(&one), 0);
  ck_assert_int_eq(make_planned(&one), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "/scratch/not-there"));
  ck_assert_int_eq(one.container.mount_namespace, -1);
  release(&one);
  ck_assert(!exists("/scratch/point") && !exists("/hpc/one"));
  ck_assert_uint_eq(count_claims(), 0);
  ck_assert(exists("/scratch/source")); /* still in the host's namespace */
}
END_TEST

/* ---- symlink ---- */

START_TEST(symlink_is_seen_by_the_whole_host) {
  make_directories("/scratch/source");
  write_file("/scratch/source/marker", "");
  write_file("/scratch/bundles/one/rootfs/image", "");
  ck_assert_int_eq(mount(NULL, "/scratch", NULL, MS_SHARED, NULL), 0);
  one.verdict.behavior = HP_MOUNT_SYMLINK;
  add_mount(&one, "bind", "/scratch/source", "/var/data", "rbind|ro");
  make(&one);
  ck_assert_str_eq(one.container.volume, "/hpc/one");
  ck_assert_int_eq(one.container.mount_namespace, -1);
  ck_assert(exists("/hpc/one/image") && exists("/hpc/one/var/data/marker"));
  ck_assert_int_eq(look_writable("/hpc/one/var/data/x"), 0);
  ck_assert(!exists("/var/data"));
  /* The host's data must never appear below the bundle: containerd deletes that. */
  ck_assert(!exists("/scratch/bundles/one/rootfs/var/data/marker"));
  release(&one);
  ck_assert(exists("/hpc") && !exists("/hpc/one"));
  ck_assert(exists("/scratch/source/marker"));
  ck_assert_uint_eq(count_claims(), 0);
  release(&one);
}
END_TEST

START_TEST(symlink_needs_its_own_directory) {
  one.verdict.behavior = two.verdict.behavior = HP_MOUNT_SYMLINK;
  make(&one);
  two.request.id = "one"; /* of another bundle */
  ck_assert_int_eq(plan(&two), 0);
  ck_assert_int_eq(make_planned(&two), -1);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  release(&two);
  ck_assert(exists("/hpc/one/etc"));
  release(&one);
  ck_assert(!exists("/hpc/one"));
}
END_TEST

START_TEST(symlink_at_the_annotations_place) {
  one.verdict.behavior = HP_MOUNT_SYMLINK;
  one.spec.root_read_only = true;
  one.spec.rootfs_location = (char *)(uintptr_t) "/scratch/place";
  write_file("/scratch/bundles/one/rootfs/image", "");
  make(&one);
  ck_assert_str_eq(one.container.volume, "/scratch/place/one");
  ck_assert(exists("/scratch/place/one/image"));
  ck_assert_int_eq(look_writable("/scratch/place/one/x"), 0);
  release(&one);
  ck_assert(!exists("/scratch/place"));
}
END_TEST

START_TEST(hostile_images_stay_inside_symlinked_too) {
  make_directories("/scratch/source");
  make_directories("/scratch/outside");
  ck_assert_int_eq(symlink("/scratch/outside", "/scratch/bundles/one/rootfs/mnt"), 0);
  one.verdict.behavior = HP_MOUNT_SYMLINK;
  add_mount(&one, "bind", "/scratch/source", "/mnt/x", "rbind");
  make(&one);
  ck_assert(!exists("/scratch/outside/x"));
  ck_assert(exists("/hpc/one/scratch/outside/x"));
  release(&one);
}
END_TEST

/* ---- what is refused, before anything is made ---- */

static void expect_refused(const char *part) {
  ck_assert_int_eq(plan(&one), -1);
  ck_assert_msg(err.code == HP_INVALID_ARGUMENT || err.code == HP_FAILED_PRECONDITION, "%s", err.message);
  ck_assert_msg(strstr(err.message, part) != NULL, "\"%s\" is not in \"%s\"", part, err.message);
  ck_assert(!exists("/hpc") && !exists("/scratch/state"));
}

START_TEST(bad_mounts_are_refused) {
  static const struct {
    const char *source, *destination, *options, *part;
  } cases[] = {
      {"/scratch/socket", "/scratch/p", "rbind", "mounts[0].source \"/scratch/socket\" is a Unix socket"},
      {"/scratch/none", "/scratch/p", "rbind", "mounts[0].source \"/scratch/none\" does not exist"},
      {".", "/scratch/p", "rbind", "mounts[0].source \".\" is no absolute path"},
      {"/scratch/file", "/", "rbind", "is the root"},
      {"/etc", "/scratch/..", "rbind", "is the root"},
      {"/etc", "/hpc/", "rbind", "is the container volume or holds it"},
      {"/scratch/file", "/etc", "rbind", "is a directory on this host"},
      {"/etc", "/scratch/file", "rbind", "is no directory on this host"},
      {"/etc", "/scratch/file/x", "rbind", "not a directory"},
      {"/etc", "/scratch/alice/x", "rbind", "others than root can write"},
      {"/etc", "/scratch/p", "remount|bind", "mounts[0].options: the mount option \"remount\""},
  };
  write_file("/scratch/file", "");
  make_directories("/scratch/alice");
  ck_assert_int_eq(chown("/scratch/alice", 1000, 1000), 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/scratch/socket"};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  close(fd);
  add_mount(&one, "bind", cases[_i].source, cases[_i].destination, cases[_i].options);
  expect_refused(cases[_i].part);
}
END_TEST

/* By a link, too, which only the host can tell. */
START_TEST(what_would_hide_the_volume_is_refused) {
  make_directories("/scratch/real/deep");
  ck_assert_int_eq(symlink("real", "/scratch/link"), 0);
  one.spec.rootfs_location = (char *)(uintptr_t) "/scratch/real/deep/volume";
  add_mount(&one, "bind", "/etc", _i ? "/scratch/link" : "/scratch/real", "rbind");
  expect_refused("is the container volume or holds it: mount below it or elsewhere");
}
END_TEST

START_TEST(bad_volumes_are_refused) {
  static const struct {
    const char *location, *id, *root, *part;
  } cases[] = {
      {"relative", "one", "rootfs", "not an absolute path"},
      {"/scratch/..", "one", "rootfs", "the host's root"},
      {"/scratch/file", "one", "rootfs", "not a directory"},
      {NULL, "../one", "rootfs", "cannot name a directory"},
      {NULL, "one", NULL, "root.path is missing"},
      {NULL, "one", "none", "root.path \"/scratch/bundles/one/none\""},
  };
  write_file("/scratch/file", "");
  one.spec.rootfs_location = (char *)(uintptr_t)cases[_i].location;
  one.request.id = cases[_i].id;
  free(one.spec.root_path);
  one.spec.root_path = hp_strdup(cases[_i].root);
  expect_refused(cases[_i].part);
}
END_TEST

START_TEST(too_many_mounts_are_refused) {
  one.spec.mount_count = 5000; /* judged before any is looked at */
  ck_assert_int_eq(plan(&one), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  one.spec.mount_count = 0;
}
END_TEST

START_TEST(records_without_an_owner_release_nothing) {
  static const char *const kinds[] = {"mount-points", "volume"};
  make_directories("/scratch/source");
  add_mount(&one, "bind", "/scratch/source", "/scratch/p", "rbind");
  make(&one);
  json_t *record = json_pack("{s:s, s:s}", "kind", kinds[_i], "path", "/scratch/p");
  bool known = false;
  ck_assert_int_eq(hp_volume_release(record, &known, &err), -1);
  ck_assert(known && exists("/scratch/p"));
  json_object_set_new(record, "kind", json_string("something"));
  ck_assert_int_eq(hp_volume_release(record, &known, &err), 0);
  ck_assert(!known);
  json_decref(record);
  release(&one);
}
END_TEST

int main(void) {
  const char *missing = throwaway_host_missing();
  if (missing) {
    printf("skipped: %s\n", missing);
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create("host/linux/volume");
  TCase *bind_case = tcase_create("bind");
  tcase_add_checked_fixture(bind_case, enter, leave);
  tcase_set_timeout(bind_case, 60);
  tcase_add_test(bind_case, volume_is_seen_only_inside);
  tcase_add_test(bind_case, mounts_are_at_their_place_and_below_the_volume);
  tcase_add_test(bind_case, sources_are_what_the_host_sees);
  tcase_add_test(bind_case, hostile_images_stay_inside);
  tcase_add_test(bind_case, mount_points_of_the_wrong_kind);
  tcase_add_test(bind_case, two_containers_share_a_mount_point);
  tcase_add_test(bind_case, propagation_is_what_was_asked);
  tcase_add_test(bind_case, file_systems_are_mounted);
  tcase_add_test(bind_case, system_mounts_are_the_hosts_own);
  tcase_add_test(bind_case, location_is_the_annotations);
  tcase_add_test(bind_case, read_only_root);
  suite_add_tcase(suite, bind_case);
  TCase *rootfs = tcase_create("rootfs");
  tcase_add_checked_fixture(rootfs, enter, leave);
  tcase_set_timeout(rootfs, 60);
  tcase_add_test(rootfs, rootfs_comes_from_the_request);
  tcase_add_loop_test(rootfs, an_image_brings_no_privileges, 0, 3);
  tcase_add_test(rootfs, options_longer_than_a_page);
  tcase_add_loop_test(rootfs, half_made_is_released, 0, 2);
  suite_add_tcase(suite, rootfs);
  TCase *symlink_case = tcase_create("symlink");
  tcase_add_checked_fixture(symlink_case, enter, leave);
  tcase_set_timeout(symlink_case, 60);
  tcase_add_test(symlink_case, symlink_is_seen_by_the_whole_host);
  tcase_add_test(symlink_case, symlink_needs_its_own_directory);
  tcase_add_test(symlink_case, symlink_at_the_annotations_place);
  tcase_add_test(symlink_case, hostile_images_stay_inside_symlinked_too);
  suite_add_tcase(suite, symlink_case);
  TCase *refused = tcase_create("refused");
  tcase_add_checked_fixture(refused, enter, leave);
  tcase_set_timeout(refused, 60);
  tcase_add_loop_test(refused, bad_mounts_are_refused, 0, 11);
  tcase_add_loop_test(refused, what_would_hide_the_volume_is_refused, 0, 2);
  tcase_add_loop_test(refused, bad_volumes_are_refused, 0, 6);
  tcase_add_test(refused, too_many_mounts_are_refused);
  tcase_add_loop_test(refused, records_without_an_owner_release_nothing, 0, 2);
  suite_add_tcase(suite, refused);
  return hp_run_suite(suite);
}
