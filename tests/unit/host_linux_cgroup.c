#include "host_linux_job.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include "host/strays.h"

/* ---- the hierarchies ---------------------------------------------------------- */

static char *write_mountinfo(char *directory, const char *text) {
  ck_assert_ptr_nonnull(mkdtemp(directory));
  char *path = hp_printf("%s/mountinfo", directory);
  FILE *file = fopen(path, "we");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
  hp_cgroup_layout_from(path);
  return path;
}

static void remove_mountinfo(const char *directory, char *path) {
  hp_cgroup_layout_from(NULL);
  unlink(path);
  free(path);
  ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(v1_hierarchies_are_found) {
  char directory[] = "/tmp/hp-unit-XXXXXX";
  char *path = write_mountinfo(
      directory, "20 1 0:1 / / rw - ext4 /dev/x rw\n"
                 "31 20 0:28 / /c/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
                 "32 20 0:29 /docker/abc /c/mem\\040ory rw master:1 shared:2 - cgroup cgroup rw,memory\n"
                 "33 20 0:29 / /elsewhere rw - cgroup cgroup rw,memory\n"
                 "34 20 0:30 / /c/net rw - cgroup cgroup rw,net_cls\n"
                 "35 20 0:31 / /c/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd\n"
                 "36 20 0:32 / /nonexistent rw - cgroup2 cgroup2 rw\n"
                 "broken line - cgroup\n");
  struct hp_error err = HP_ERROR_INIT;
  struct hp_cgroup_layout layout;
  ck_ok(hp_cgroup_layout_read(&layout, &err), &err);
  ck_assert_uint_eq(layout.version, 1);
  ck_assert_uint_eq(layout.count, 3);
  ck_assert_str_eq(layout.items[0].mount, "/c/cpu,cpuacct");
  ck_assert_uint_eq(layout.items[0].controllers, HP_CONTROLLER_CPU | HP_CONTROLLER_CPUACCT);
  ck_assert_str_eq(layout.items[1].mount, "/c/mem ory");
  ck_assert_uint_eq(layout.items[1].controllers, HP_CONTROLLER_MEMORY);
  ck_assert_uint_eq(layout.items[2].controllers, HP_CONTROLLER_SYSTEMD);
  ck_assert_uint_eq(hp_cgroup_version(), 1);
  hp_cgroup_layout_clear(&layout);
  remove_mountinfo(directory, path);
}
END_TEST

/* With cpu and memory in the unified hierarchy, version 2, whatever else is mounted. */
START_TEST(v2_where_it_has_the_controllers) {
  char directory[] = "/tmp/hp-unit-XXXXXX";
  char *path = write_mountinfo(directory, "");
  char *controllers = hp_printf("%s/cgroup.controllers", directory);
  FILE *file = fopen(controllers, "we");
  fputs("cpuset cpu io memory hugetlb pids rdma\n", file);
  fclose(file);
  file = fopen(path, "we");
  fprintf(file, "31 20 0:28 / /c/misc rw - cgroup cgroup rw,freezer\n36 20 0:32 / %s rw - cgroup2 x rw\n",
          directory);
  fclose(file);
  struct hp_error err = HP_ERROR_INIT;
  struct hp_cgroup_layout layout;
  ck_ok(hp_cgroup_layout_read(&layout, &err), &err);
  ck_assert_uint_eq(layout.version, 2);
  ck_assert_uint_eq(layout.count, 1);
  ck_assert_str_eq(layout.items[0].mount, directory);
  ck_assert_uint_eq(layout.items[0].controllers, HP_CONTROLLER_CPUSET | HP_CONTROLLER_CPU | HP_CONTROLLER_IO |
                                                     HP_CONTROLLER_MEMORY | HP_CONTROLLER_PIDS);
  hp_cgroup_layout_clear(&layout);
  ck_assert_uint_eq(hp_cgroup_version(), 2);
  unlink(controllers);
  free(controllers);
  remove_mountinfo(directory, path);
}
END_TEST

START_TEST(no_hierarchy_at_all) {
  char directory[] = "/tmp/hp-unit-XXXXXX";
  char *path = write_mountinfo(directory, "20 1 0:1 / / rw - ext4 /dev/x rw\n");
  struct hp_error err = HP_ERROR_INIT;
  struct hp_cgroup_layout layout;
  ck_assert_int_lt(hp_cgroup_layout_read(&layout, &err), 0);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  hp_cgroup_layout_clear(&layout);
  remove_mountinfo(directory, path);
}
END_TEST

START_TEST(controllers_as_text) {
  char *text = hp_controllers_format(1, HP_CONTROLLER_IO | HP_CONTROLLER_CPU);
  ck_assert_str_eq(text, "cpu,blkio");
  ck_assert_uint_eq(hp_controllers_parse(1, text, ","), HP_CONTROLLER_IO | HP_CONTROLLER_CPU);
  ck_assert_uint_eq(hp_controllers_parse(2, "io cpuset nonsense\n", " \n"),
                    HP_CONTROLLER_IO | HP_CONTROLLER_CPUSET);
  free(text);
}
END_TEST

/* ---- the record ---------------------------------------------------------------- */

START_TEST(damaged_records_are_refused) {
  static const char *const bad[] = {
      "{\"kind\":\"cgroup\"}",
      "{\"kind\":\"cgroup\",\"version\":3,\"path\":\"/a\",\"owner\":\"o\",\"places\":[{\"mount\":\"/m\","
      "\"controllers\":\"\",\"existing\":0}]}",
      "{\"kind\":\"cgroup\",\"version\":2,\"path\":\"/a/../b\",\"owner\":\"o\",\"places\":[{\"mount\":\"/m\","
      "\"controllers\":\"\",\"existing\":0}]}",
      "{\"kind\":\"cgroup\",\"version\":2,\"path\":\"/a\",\"owner\":\"o\",\"places\":[]}",
      "{\"kind\":\"cgroup\",\"version\":2,\"path\":\"/a\",\"owner\":\"\",\"places\":[{\"mount\":\"/m\","
      "\"controllers\":\"\",\"existing\":0}]}",
      "{\"kind\":\"cgroup\",\"version\":2,\"path\":\"/a\",\"owner\":\"o\",\"places\":[{\"mount\":\"m\","
      "\"controllers\":\"\",\"existing\":0}]}",
      "{\"kind\":\"cgroup\",\"version\":2,\"path\":\"/a\",\"owner\":\"o\",\"places\":[{\"mount\":\"/m\","
      "\"controllers\":\"\",\"existing\":-1}]}",
      "{\"kind\":\"cgroup\",\"version\":2,\"path\":\"/a\",\"owner\":\"o\",\"places\":[7]}",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    json_t *json = json_loads(bad[i], 0, NULL);
    ck_assert_ptr_nonnull(json);
    struct hp_error err = HP_ERROR_INIT;
    bool known = false;
    ck_assert_msg(hp_cgroup_release(json, &known, &err) < 0, "%s", bad[i]);
    ck_assert(known);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    hp_error_clear(&err);
    json_decref(json);
  }
}
END_TEST

START_TEST(other_kinds_are_not_ours) {
  struct hp_error err = HP_ERROR_INIT;
  struct host_container container = {0};
  bool known = true;
  json_t *json = json_pack("{s:s}", "kind", "volume");
  ck_assert_int_eq(hp_cgroup_release(json, &known, &err), 0);
  ck_assert(!known);
  known = true;
  ck_assert_int_eq(hp_cgroup_make(&container, json, &known, &err), 0);
  ck_assert(!known);
  json_decref(json);
}
END_TEST

/* A record that names a directory of an ordinary file system removes nothing. */
START_TEST(release_touches_cgroups_only) {
  char directory[] = "/tmp/hp-unit-XXXXXX";
  ck_assert_ptr_nonnull(mkdtemp(directory));
  char *inner = hp_printf("%s/job", directory);
  ck_assert_int_eq(mkdir(inner, 0700), 0);
  json_t *json =
      json_pack("{s:s,s:i,s:s,s:s,s:[{s:s,s:s,s:i}]}", "kind", "cgroup", "version", 2, "path", "/job",
                "owner", "o", "places", "mount", directory, "controllers", "", "existing", 0);
  struct hp_error err = HP_ERROR_INIT;
  bool known = false;
  ck_ok(hp_cgroup_release(json, &known, &err), &err);
  ck_assert_int_eq(access(inner, F_OK), 0);
  json_decref(json);
  rmdir(inner);
  rmdir(directory);
  free(inner);
}
END_TEST

/* ---- real jobs ------------------------------------------------------------------- */

START_TEST(made_and_released) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job_make(&job);
  ck_assert(job_exists(&job, job.spec.cgroups_path));
  ck_assert_uint_eq(job_count(&job), 0);
  pid_t pid = job_start(&job, sleep_for_ever, NULL);
  uint32_t *pids;
  size_t count;
  ck_ok(host_job_pids(&job.container, &pids, &count, &err), &err);
  ck_assert_uint_eq(count, 1);
  ck_assert_uint_eq(pids[0], (uint32_t)pid);
  free(pids);
  ck_ok(job_release(&job, &err), &err);
  int status = job_wait(pid);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ck_ok(job_release(&job, &err), &err); /* again: nothing is there */
  job_end(&job);
}
END_TEST

/* Another process, with the record alone, releases what a dead shim made. */
START_TEST(released_from_the_record_alone) {
  struct job job;
  job_init(&job);
  job_make(&job);
  pid_t pid = job_start(&job, sleep_for_ever, NULL);
  hp_cgroup_clear(&job.container);
  char *text = json_dumps(json_array_get(job.records, 0), 0);
  json_t *copy = json_loads(text, 0, NULL);
  free(text);
  struct hp_error err = HP_ERROR_INIT;
  bool known = false;
  ck_ok(hp_cgroup_release(copy, &known, &err), &err);
  json_decref(copy);
  ck_assert(WIFSIGNALED(job_wait(pid)));
  job_end(&job);
}
END_TEST

/* The record that the host itself finds of the cgroup, NULL: none. New reference. */
static json_t *found_at(const char *path) {
  struct hp_error err = HP_ERROR_INIT;
  json_t *found = json_array(), *claims = json_array(), *record, *mine = NULL;
  size_t index;
  ck_ok(hp_find_strays(claims, found, &err), &err);
  json_array_foreach(found, index, record) {
    const char *other = json_string_value(json_object_get(record, "path"));
    if (other && strcmp(other, path) == 0) {
      ck_assert_msg(!mine, "%s is found twice", path);
      mine = json_incref(record);
    }
  }
  json_decref(claims);
  json_decref(found);
  return mine;
}

/* Neither bundle nor journal: the mark tells whose it is, in every hierarchy. */
START_TEST(found_by_its_mark_and_released) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  bool known = false;
  job_init(&job);
  job_make(&job);
  pid_t pid = job_start(&job, sleep_for_ever, NULL);
  hp_cgroup_clear(&job.container);
  json_t *made = json_array_get(job.records, 0), *found = found_at(job.spec.cgroups_path);
  ck_assert_ptr_nonnull(found);
  ck_assert(json_equal(json_object_get(found, "owner"), json_object_get(made, "owner")));
  ck_assert_uint_eq(json_array_size(json_object_get(found, "places")),
                    json_array_size(json_object_get(made, "places")));
  ck_ok(hp_cgroup_release(found, &known, &err), &err);
  ck_assert(WIFSIGNALED(job_wait(pid)));
  ck_assert(!job_exists(&job, job.spec.cgroups_path));
  ck_assert(job_exists(&job, job.top)); /* who made that is not known any more */
  json_decref(found);
  ck_assert_ptr_null(found_at(job.spec.cgroups_path));
  job_end(&job);
}
END_TEST

/* Below /hostprocess one without a mark is ours, too, unless something runs there. */
START_TEST(found_by_its_place) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  bool known = false;
  job_init(&job);
  job.request.id = job.top + 1; /* a name that no other run has */
  free(job.spec.cgroups_path);
  job.spec.cgroups_path = hp_strdup("");
  job_make(&job);
  json_t *made = json_array_get(job.records, 0), *places = json_object_get(made, "places");
  const char *path = json_string_value(json_object_get(made, "path"));
  for (size_t i = 0; i < json_array_size(places); i++) {
    char *full =
        hp_printf("%s%s", json_string_value(json_object_get(json_array_get(places, i), "mount")), path);
    ck_assert_int_eq(removexattr(full, HP_CGROUP_MARK), 0);
    free(full);
  }
  pid_t pid = job_start(&job, sleep_for_ever, NULL);
  ck_assert_ptr_null(found_at(path));
  kill(pid, SIGKILL);
  job_wait(pid);
  json_t *found;
  while (!(found = found_at(path))) /* it leaves the cgroup in its own time */
    hp_sleep_ms(5);
  char *owner = hp_printf("unit/%s/0", job.request.id);
  ck_assert_str_eq(json_string_value(json_object_get(found, "owner")), owner);
  ck_ok(hp_cgroup_release(found, &known, &err), &err);
  ck_assert(!job_exists(&job, path));
  json_decref(found);
  free(owner);
  job_end(&job);
}
END_TEST

START_TEST(directories_of_others_stay) {
  struct job first, second;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&first);
  job_init(&second);
  second.request.id = "second";
  free(second.spec.cgroups_path);
  second.spec.cgroups_path = hp_printf("%s/pod/second", second.top);
  job_make(&first);
  job_make(&second);
  ck_ok(job_release(&first, &err), &err);
  ck_assert(!job_exists(&second, first.spec.cgroups_path));
  ck_assert(job_exists(&second, second.spec.cgroups_path));
  ck_ok(job_release(&second, &err), &err);
  ck_assert(job_exists(&second, "/")); /* the second did not make the pod's directory */
  ck_assert(job_exists(&second, second.top));
  job_end(&first); /* the first did, and takes it away */
  job_end(&second);
}
END_TEST

START_TEST(an_occupied_cgroup_is_refused) {
  struct job job, intruder;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job_make(&job);

  job_init(&intruder);
  intruder.request.id = "intruder";
  ck_assert_int_lt(job_try(&intruder, &err), 0);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  ck_assert_ptr_nonnull(strstr(err.message, "unit/job"));
  hp_error_clear(&err);

  free(intruder.spec.cgroups_path);
  intruder.spec.cgroups_path = hp_printf("%s/inner", job.spec.cgroups_path);
  ck_assert_int_lt(job_try(&intruder, &err), 0);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "within another's"));
  hp_error_clear(&err);
  ck_assert_uint_eq(json_array_size(intruder.records), 0);

  job_end(&intruder);
  job_end(&job);
}
END_TEST

/* A cgroup of some other tool, which carries no mark of ours. */
START_TEST(an_unmarked_occupied_cgroup_is_refused) {
  struct job job, intruder;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job_make(&job);
  pid_t pid = job_start(&job, sleep_for_ever, NULL);
  for (size_t i = 0; i < job.container.cgroup->count; i++)
    ck_assert_int_eq(removexattr(job.container.cgroup->parts[i].directory, HP_CGROUP_MARK), 0);

  job_init(&intruder);
  ck_assert_int_lt(job_try(&intruder, &err), 0);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "has processes in it"));
  hp_error_clear(&err);
  free(intruder.spec.cgroups_path);
  intruder.spec.cgroups_path = hp_printf("%s/inner", job.spec.cgroups_path);
  ck_assert_int_lt(job_try(&intruder, &err), 0);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  ck_ok(job_release(&job, &err), &err); /* not ours by its looks: it and its process stay */
  ck_assert_int_eq(kill(pid, 0), 0);

  ck_ok(host_job_kill(&job.container, &err), &err);
  job_wait(pid);
  job_end(&intruder);
  job_end(&job);
}
END_TEST

/* Planned while free, taken by another before it was made: release of the loser
 * must not touch the winner. */
START_TEST(the_loser_of_a_race_kills_nobody) {
  struct job winner, loser;
  struct hp_error err = HP_ERROR_INIT;
  bool known;
  job_init(&winner);
  job_init(&loser);
  ck_ok(hp_cgroup_plan(&loser.container, &loser.request, loser.records, &err), &err);
  job_make(&winner);
  pid_t pid = job_start(&winner, sleep_for_ever, NULL);
  ck_assert_int_lt(hp_cgroup_make(&loser.container, json_array_get(loser.records, 0), &known, &err), 0);
  ck_assert_int_eq(err.code, HP_ALREADY_EXISTS);
  hp_error_clear(&err);
  ck_ok(job_release(&loser, &err), &err);
  ck_assert_int_eq(kill(pid, 0), 0);
  ck_assert_uint_eq(job_count(&winner), 1);
  ck_ok(job_release(&winner, &err), &err);
  job_wait(pid);
  job_end(&winner);
  job_end(&loser);
}
END_TEST

static void bomb(void *arg) {
  (void)arg;
  for (;;)
    plain_fork();
}

START_TEST(a_fork_bomb_is_killed) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job.spec.limits.pids = (struct hp_number){true, 40};
  job_make(&job);
  pid_t pid = job_start(&job, bomb, NULL);
  for (uint64_t end = hp_now_ms() + WAIT_MS; job_count(&job) < 30; hp_sleep_ms(5))
    ck_assert_msg(hp_now_ms() < end, "the bomb does not go off");
  ck_ok(host_job_kill(&job.container, &err), &err);
  ck_assert_uint_eq(job_count(&job), 0);
  job_wait(pid);
  ck_ok(host_job_kill(&job.container, &err), &err); /* an empty one is killed */
  job_end(&job);
}
END_TEST

/* What the workload nests goes with the job. */
START_TEST(nested_cgroups_are_killed_and_removed) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job_make(&job);
  pid_t pid = job_start(&job, sleep_for_ever, NULL);
  int directory = hp_cgroup_open(hp_cgroup_primary(job.container.cgroup), &err);
  ck_assert_int_ge(directory, 0);
  ck_assert_int_eq(mkdirat(directory, "a", 0755), 0);
  ck_assert_int_eq(mkdirat(directory, "a/b", 0755), 0);
  ck_assert_int_eq(mkdirat(directory, "c", 0755), 0);
  char *text = hp_printf("%d", (int)pid);
  ck_assert_int_eq(hp_cgroup_write(directory, "a/b/cgroup.procs", text), 0);
  free(text);
  close(directory);
  ck_assert_uint_eq(job_count(&job), 1);
  ck_ok(job_release(&job, &err), &err);
  ck_assert(WIFSIGNALED(job_wait(pid)));
  job_end(&job);
}
END_TEST

static void count_up(void *arg) {
  for (volatile uint64_t *counter = arg;; (*counter)++)
    ;
}

static void wait_for_progress(volatile uint64_t *counter) {
  uint64_t before = *counter;
  for (uint64_t end = hp_now_ms() + WAIT_MS; *counter == before; hp_sleep_ms(5))
    ck_assert_msg(hp_now_ms() < end, "the job does not run");
}

START_TEST(pause_stops_progress) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job_make(&job);
  volatile uint64_t *counter = shared_page();
  pid_t pid = job_start(&job, count_up, (void *)counter);
  wait_for_progress(counter);
  ck_ok(host_job_pause(&job.container, true, &err), &err);
  uint64_t paused = *counter;
  hp_sleep_ms(100);
  ck_assert_uint_eq(*counter, paused);
  ck_ok(host_job_pause(&job.container, false, &err), &err);
  wait_for_progress(counter);
  ck_ok(host_job_pause(&job.container, true, &err), &err);
  ck_ok(job_release(&job, &err), &err); /* a paused job dies too */
  ck_assert(WIFSIGNALED(job_wait(pid)));
  munmap((void *)counter, 4096);
  job_end(&job);
}
END_TEST

static void fork_and_sleep(void *arg) {
  (void)arg;
  for (int i = 0; i < 3; i++)
    if (plain_fork() == 0)
      sleep_for_ever(NULL);
  sleep_for_ever(NULL);
}

START_TEST(a_signal_reaches_everyone) {
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job_make(&job);
  pid_t pid = job_start(&job, fork_and_sleep, NULL);
  for (uint64_t end = hp_now_ms() + WAIT_MS; job_count(&job) < 4; hp_sleep_ms(5))
    ck_assert(hp_now_ms() < end);
  uint32_t *pids;
  size_t count;
  ck_ok(host_job_pids(&job.container, &pids, &count, &err), &err);
  ck_assert_uint_eq(pids[0], (uint32_t)pid); /* the oldest first */
  free(pids);
  ck_assert_int_lt(host_job_signal(&job.container, 0, &err), 0);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  hp_error_clear(&err);
  ck_ok(host_job_signal(&job.container, SIGTERM, &err), &err);
  int status = job_wait(pid);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  for (uint64_t end = hp_now_ms() + WAIT_MS; job_count(&job) > 0; hp_sleep_ms(5))
    ck_assert(hp_now_ms() < end);
  job_end(&job);
}
END_TEST

static size_t open_descriptors(void) {
  size_t count = 0;
  for (int i = 0; i < 256; i++)
    count += fcntl(i, F_GETFD) >= 0;
  return count;
}

/* Success, refusal and release alike give every descriptor back. */
/* Neighbours come and go below one parent, which the last of them removes. */
START_TEST(neighbours_race_for_their_parent) {
  enum { NEIGHBOURS = 4, ROUNDS = 40 };
  pid_t children[NEIGHBOURS];
  char *top = hp_strdup(job_top());
  for (int i = 0; i < NEIGHBOURS; i++) {
    children[i] = fork();
    if (children[i] != 0)
      continue;
    int failures = 0;
    for (int round = 0; round < ROUNDS; round++) {
      struct job job;
      struct hp_error err = HP_ERROR_INIT;
      job_init(&job);
      free(job.spec.cgroups_path);
      job.spec.cgroups_path = hp_printf("%s/pod/neighbour-%d", top, i);
      if (job_try(&job, &err) != 0 || job_release(&job, &err) != 0) {
        fprintf(stderr, "neighbour %d, round %d: %s\n", i, round, err.message);
        failures++;
      }
      hp_error_clear(&err);
      job_end(&job);
    }
    _exit(failures == 0 ? 0 : 1);
  }
  for (int i = 0; i < NEIGHBOURS; i++) {
    int status;
    ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
    ck_assert_int_eq(status, 0);
  }
  /* A parent that was there when a job was planned is not its own to remove. */
  char *tidy = hp_printf("find /sys/fs/cgroup -depth -type d -path '*%s*' -exec rmdir {} + 2>/dev/null", top);
  ck_assert_int_ge(system(tidy), 0);
  free(tidy);
  free(top);
}
END_TEST

START_TEST(no_descriptor_is_left_open) {
  struct job job, intruder;
  struct hp_error err = HP_ERROR_INIT;
  size_t before = open_descriptors();
  job_init(&job);
  job_make(&job);
  for (size_t i = 0; i < job.container.cgroup->count; i++)
    ck_assert(fcntl(job.container.cgroup->parts[i].descriptor, F_GETFD) & FD_CLOEXEC);
  size_t held = open_descriptors();
  job_init(&intruder);
  ck_assert_int_lt(job_try(&intruder, &err), 0);
  hp_error_clear(&err);
  pid_t pid = job_start(&job, sleep_for_ever, NULL);
  ck_assert_uint_eq(job_count(&job), 1);
  ck_ok(host_job_pause(&job.container, true, &err), &err);
  ck_ok(host_job_update(&job.container, &(struct hp_limits){.pids = {true, 9}}, &err), &err);
  ck_ok(host_job_kill(&job.container, &err), &err);
  job_wait(pid);
  ck_assert_uint_eq(open_descriptors(), held);
  job_end(&intruder);
  job_end(&job);
  ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(without_a_job) {
  struct host_container container = {0};
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_lt(host_job_kill(&container, &err), 0);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  hp_error_clear(&err);
  hp_cgroup_clear(&container);
}
END_TEST

/* The unified hierarchy of a mixed machine has few controllers, yet kills,
 * freezes and counts: version 2's ways are tested here as well. */
static char *force_unified(char *directory) {
  FILE *file = fopen("/proc/self/mountinfo", "re");
  char line[4096], *unified = NULL;
  while (unified == NULL && fgets(line, sizeof line, file) != NULL)
    if (strstr(line, " - cgroup2 ") != NULL)
      unified = hp_strdup(line);
  fclose(file);
  if (unified == NULL) {
    printf("skipped: no unified hierarchy is mounted\n");
    return NULL;
  }
  char *path = write_mountinfo(directory, unified);
  free(unified);
  return path;
}

START_TEST(v2_on_the_unified_hierarchy) {
  char directory[] = "/tmp/hp-unit-XXXXXX", *path = force_unified(directory);
  if (path == NULL)
    return;
  struct job job;
  struct hp_error err = HP_ERROR_INIT;
  job_init(&job);
  job_make(&job);
  ck_assert_uint_eq(job.container.cgroup->version, 2);
  volatile uint64_t *counter = shared_page();
  pid_t pid = job_start(&job, count_up, (void *)counter);
  wait_for_progress(counter);
  ck_ok(host_job_pause(&job.container, true, &err), &err);
  uint64_t paused = *counter;
  hp_sleep_ms(100);
  ck_assert_uint_eq(*counter, paused);
  ck_ok(host_job_pause(&job.container, false, &err), &err);
  wait_for_progress(counter);
  int inner = job.container.cgroup->parts[0].descriptor;
  ck_assert_int_eq(mkdirat(inner, "nested", 0755), 0);
  ck_assert_uint_eq(job_count(&job), 1);
  ck_ok(job_release(&job, &err), &err);
  ck_assert(WIFSIGNALED(job_wait(pid)));
  munmap((void *)counter, 4096);
  job_end(&job);
  remove_mountinfo(directory, path);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/linux/cgroup");
  TCase *layout = tcase_create("layout");
  tcase_add_test(layout, v1_hierarchies_are_found);
  tcase_add_test(layout, v2_where_it_has_the_controllers);
  tcase_add_test(layout, no_hierarchy_at_all);
  tcase_add_test(layout, controllers_as_text);
  suite_add_tcase(suite, layout);
  TCase *record = tcase_create("record");
  tcase_add_test(record, damaged_records_are_refused);
  tcase_add_test(record, other_kinds_are_not_ours);
  tcase_add_test(record, release_touches_cgroups_only);
  tcase_add_test(record, without_a_job);
  suite_add_tcase(suite, record);
  TCase *real = job_case(suite, "job");
  tcase_add_test(real, made_and_released);
  tcase_add_test(real, released_from_the_record_alone);
  tcase_add_test(real, found_by_its_mark_and_released);
  tcase_add_test(real, found_by_its_place);
  tcase_add_test(real, directories_of_others_stay);
  tcase_add_test(real, an_occupied_cgroup_is_refused);
  tcase_add_test(real, an_unmarked_occupied_cgroup_is_refused);
  tcase_add_test(real, the_loser_of_a_race_kills_nobody);
  tcase_add_test(real, a_fork_bomb_is_killed);
  tcase_add_test(real, nested_cgroups_are_killed_and_removed);
  tcase_add_test(real, pause_stops_progress);
  tcase_add_test(real, a_signal_reaches_everyone);
  tcase_add_test(real, no_descriptor_is_left_open);
  tcase_add_test(real, neighbours_race_for_their_parent);
  tcase_add_test(real, v2_on_the_unified_hierarchy);
  return hp_run_suite(suite);
}
