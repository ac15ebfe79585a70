/* What a process of a container is started with: its command line, environment,
 * working directory, limits and identity; and what its failure is called. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "host/host.h"
#include "host/linux/container.h"
#include "host/linux/launch.h"
#include "host/linux/reaper.h"
#include "host/linux/terminal.h"
#include "spec/command.h"

/* What tools send as cwd when nobody chose one, besides "/". */
#define DEFAULT_DIRECTORY "/hpc"

/* ---- limits ---------------------------------------------------------------- */

static struct { /* written once, before the first spawn */
  bool known;
  struct rlimit open_files;
} original;

void host_limits_raise(void) {
  struct rlimit limit;
  if (original.known || getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  original.open_files = limit;
  original.known = true;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static bool find_resource(const char *type, unsigned *resource) {
  static const struct {
    const char *name;
    unsigned resource;
  } resources[] = {
      {"RLIMIT_AS", RLIMIT_AS},           {"RLIMIT_CORE", RLIMIT_CORE},
      {"RLIMIT_CPU", RLIMIT_CPU},         {"RLIMIT_DATA", RLIMIT_DATA},
      {"RLIMIT_FSIZE", RLIMIT_FSIZE},     {"RLIMIT_LOCKS", RLIMIT_LOCKS},
      {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
      {"RLIMIT_NICE", RLIMIT_NICE},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
      {"RLIMIT_NPROC", RLIMIT_NPROC},     {"RLIMIT_RSS", RLIMIT_RSS},
      {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},   {"RLIMIT_RTTIME", RLIMIT_RTTIME},
      {"RLIMIT_STACK", RLIMIT_STACK},     {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
  };
  for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++)
    if (strcmp(resources[i].name, type) == 0) {
      *resource = resources[i].resource;
      return true;
    }
  return false;
}

/* The shim's own raised limit is undone first, so that the spec's wins. */
static int prepare_limits(const struct hp_process_spec *process, struct hp_launch *launch,
                          struct hp_launch_limit **limits, struct hp_error *err) {
  size_t given = process ? process->rlimit_count : 0;
  struct hp_launch_limit *list = hp_alloc((given + 1) * sizeof *list);
  size_t count = 0;
  if (original.known)
    list[count++] = (struct hp_launch_limit){"RLIMIT_NOFILE", RLIMIT_NOFILE, original.open_files};
  *limits = list;
  for (size_t i = 0; i < given; i++) {
    const struct hp_rlimit *limit = &process->rlimits[i];
    unsigned resource;
    if (!find_resource(limit->type, &resource))
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "process.rlimits[%zu].type: \"%s\" is no limit of this system", i, limit->type);
    list[count++] =
        (struct hp_launch_limit){limit->type, resource, {.rlim_cur = limit->soft, .rlim_max = limit->hard}};
  }
  launch->limits = list;
  launch->limit_count = count;
  return 0;
}

/* ---- working directory ------------------------------------------------------ */

static bool below(const char *path, const char *directory) {
  size_t length = strlen(directory);
  return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool nobody_chose(const char *cwd) {
  return !cwd || strspn(cwd, "/") == strlen(cwd) || strcmp(cwd, DEFAULT_DIRECTORY) == 0;
}

#define PLACES_MAX 3

/* The contract's table (section 4). With a private namespace an absolute path is
 * first what the host has; with the volume in the host's own namespace it is
 * first taken below the volume. Returns how many places there are. */
static size_t plan_directory(const struct host_container *container, const char *cwd,
                             struct hp_launch_directory places[PLACES_MAX]) {
  if (nobody_chose(cwd)) {
    places[0] = (struct hp_launch_directory){.path = ".", .in_volume = true};
    return 1;
  }
  struct hp_launch_directory volume = {.path = cwd, .in_volume = true};
  bool inside = below(cwd, container->volume);
  if (inside)
    volume.path = cwd[strlen(container->volume)] ? cwd + strlen(container->volume) : ".";
  size_t count = 0;
  if (cwd[0] == '/' && !inside) {
    if (!container->bind)
      places[count++] = volume;
    places[count++] = (struct hp_launch_directory){.path = cwd};
  }
  volume.create = true;
  places[count++] = volume;
  return count;
}

/* ---- failures ----------------------------------------------------------------- */

static int describe_exec(const struct hp_launch *launch, const struct hp_launch_failure *failure,
                         struct hp_error *err) {
  const char *name = launch->argv[0];
  const char *file = launch->candidate_count > 0 ? launch->candidates[failure->index] : name;
  bool searched = strchr(name, '/') == NULL;
  if (failure->step == HP_LAUNCH_INTERPRETER)
    return hp_error_set_os(err, failure->os_code,
                           "exec: \"%s\": the interpreter or loader that %s names is missing", name, file);
  switch (failure->os_code) {
  case ENOENT:
    break;
  case EISDIR:
    if (searched)
      break;
    hp_error_set_os(err, EACCES, "exec: \"%s\": %s is a directory", name, file);
    return -1;
  case ENOEXEC:
    hp_error_set_os(err, failure->os_code, "exec: \"%s\": %s is neither a program nor a script with #!", name,
                    file);
    return hp_error_recode(err, HP_INVALID_ARGUMENT);
  case E2BIG:
    hp_error_set_os(err, failure->os_code, "exec: \"%s\": process.args and process.env are too large", name);
    return hp_error_recode(err, HP_INVALID_ARGUMENT);
  default:
    return hp_error_set_os(err, failure->os_code, "exec: \"%s\": %s", name, file);
  }
  /* The two phrases that kubelet, ctr and people look for. */
  const char *volume = launch->volume ? launch->volume : "/";
  if (searched)
    hp_error_set(err, HP_NOT_FOUND,
                 "exec: \"%s\": executable file not found in $PATH, nor in the container volume %s", name,
                 volume);
  else
    hp_error_set(
        err, HP_NOT_FOUND,
        "exec: \"%s\": stat %s: no such file or directory, nor is it found in the container volume %s", name,
        name, volume);
  err->os_code = ENOENT;
  return -1;
}

static int describe(const struct hp_launch *launch, const struct hp_launch_failure *failure,
                    struct hp_error *err) {
  int code = failure->os_code;
  switch (failure->step) {
  case HP_LAUNCH_EXEC:
  case HP_LAUNCH_INTERPRETER:
    return describe_exec(launch, failure, err);
  case HP_LAUNCH_CGROUP:
    return hp_error_set_os(err, code, "cannot put \"%s\" into the container's control group",
                           launch->argv[0]);
  case HP_LAUNCH_SESSION:
    return hp_error_set_os(err, code, "cannot make a session for \"%s\"", launch->argv[0]);
  case HP_LAUNCH_OOM_SCORE:
    hp_error_set_os(err, code, "process.oomScoreAdj: cannot set %s", launch->oom_score_adj);
    return code == EINVAL ? hp_error_recode(err, HP_INVALID_ARGUMENT) : -1;
  case HP_LAUNCH_NAMESPACE:
    return hp_error_set_os(err, code, "cannot enter the container's mount namespace");
  case HP_LAUNCH_DIRECTORY:
    return hp_error_set_os(err, code, "process.cwd: cannot use %s%s as the working directory",
                           launch->directories[failure->index].in_volume ? "the container volume's " : "",
                           launch->directories[failure->index].path);
  case HP_LAUNCH_STDIO:
    return hp_error_set_os(err, code, "cannot place descriptor %zu of \"%s\"", failure->index,
                           launch->argv[0]);
  case HP_LAUNCH_TERMINAL:
    return hp_error_set_os(err, code, "cannot make the terminal the controlling one of \"%s\"",
                           launch->argv[0]);
  case HP_LAUNCH_LIMIT:
    hp_error_set_os(err, code, "process.rlimits: cannot set %s to %llu:%llu",
                    launch->limits[failure->index].name,
                    (unsigned long long)launch->limits[failure->index].value.rlim_cur,
                    (unsigned long long)launch->limits[failure->index].value.rlim_max);
    return code == EINVAL ? hp_error_recode(err, HP_INVALID_ARGUMENT) : -1;
  case HP_LAUNCH_IDS:
    return hp_error_set_os(err, code, "cannot become uid %u, gid %u", (unsigned)launch->uid,
                           (unsigned)launch->gid);
  case HP_LAUNCH_PRIVILEGES:
    return hp_error_set_os(err, code, "process.noNewPrivileges: cannot set it");
  case HP_LAUNCH_CLONE:
    break;
  }
  return hp_error_set_os(err, code, "cannot start a process for \"%s\"", launch->argv[0]);
}

static int launch_program(const struct hp_launch *launch, uint32_t *pid, struct hp_launch_failure *failure) {
  uint64_t before = hp_reaper_now();
  int result = hp_launch(launch, pid, failure);
  if (result == 0)
    hp_reaper_born(*pid, before);
  return result;
}

/* ---- the two kinds of start ----------------------------------------------------- */

int host_process_spawn(struct host_container *container, const struct host_spawn *spawn,
                       struct host_spawned *spawned, struct hp_error *err) {
  const struct hp_process_spec *process = spawn->process;
  if (process->args.count == 0 || process->args.items[0][0] == '\0')
    return hp_error_set(err, HP_INVALID_ARGUMENT, "process.args: no program is named");

  int result = -1, null = -1, master = -1, slave = -1;
  struct hp_strings args = {0}, env = {0}, candidates = {0};
  struct hp_launch_limit *limits = NULL;
  char oom_score_adj[24];
  char *cwd = process->cwd ? hp_command_expand(process->cwd, container->volume) : NULL;
  for (size_t i = 0; i < process->args.count; i++)
    hp_strings_take(&args, hp_command_expand(process->args.items[i], container->volume));
  hp_command_environment(&process->env, container->volume, &env);
  /* The child finds out which directory it is; relative candidates suit any. */
  hp_command_candidates(args.items[0], ".", &env, container->volume, &candidates);

  struct hp_cgroup_join join = {.directory_fd = -1};
  if (container->cgroup)
    hp_cgroup_join(container->cgroup, &join);
  struct hp_launch_directory places[PLACES_MAX];
  int handles[3];
  struct hp_launch launch = {
      .argv = args.items,
      .env = env.items,
      .candidates = candidates.items,
      .candidate_count = candidates.count,
      .handles = handles,
      .handle_count = 3,
      .terminal = process->terminal,
      .join = container->cgroup ? &join : NULL,
      .mount_namespace = container->mount_namespace,
      .volume = container->volume,
      .directories = places,
      .directory_count = plan_directory(container, cwd, places),
      .no_new_privileges = process->no_new_privileges,
      .set_ids = !container->inherit,
      .uid = container->uid,
      .gid = container->gid,
      .groups = container->groups,
      .group_count = container->group_count,
  };
  if (process->oom_score_adj.set) {
    snprintf(oom_score_adj, sizeof oom_score_adj, "%lld", (long long)process->oom_score_adj.value);
    launch.oom_score_adj = oom_score_adj;
  }
  if (prepare_limits(process, &launch, &limits, err) != 0)
    goto done;
  null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) {
    hp_error_set_os(err, errno, "cannot open /dev/null");
    goto done;
  }
  if (process->terminal &&
      hp_terminal_open(process->rows, process->columns, container->inherit ? geteuid() : container->uid,
                       &master, &slave, err) != 0)
    goto done;
  for (size_t i = 0; i < 3; i++) {
    int own = spawn->stdio[i] >= 0 ? spawn->stdio[i] : null;
    handles[i] = process->terminal ? slave : own;
  }
  struct hp_launch_failure failure;
  uint32_t pid;
  if (launch_program(&launch, &pid, &failure) != 0) {
    describe(&launch, &failure, err);
    goto done;
  }
  *spawned = (struct host_spawned){.pid = pid, .terminal = master};
  master = -1;
  result = 0;
done:
  if (null >= 0)
    close(null);
  if (master >= 0)
    close(master);
  if (slave >= 0)
    close(slave);
  free(cwd);
  free(limits);
  hp_strings_clear(&args);
  hp_strings_clear(&env);
  hp_strings_clear(&candidates);
  return result;
}

int host_program_spawn(const struct hp_strings *argv, const struct hp_strings *env,
                       const host_handle *handles, size_t handle_count, uint32_t *pid, struct hp_error *err) {
  static char *const nothing[] = {NULL};
  static const struct hp_launch_directory root = {.path = "/"};
  struct hp_launch launch = {
      .argv = argv->items,
      .env = env->count > 0 ? env->items : nothing,
      .candidates = argv->items,
      .candidate_count = 1,
      .handles = handles,
      .handle_count = handle_count,
      .mount_namespace = -1,
      .volume = root.path,
      .directories = &root,
      .directory_count = 1,
  };
  struct hp_launch_limit *limits = NULL;
  struct hp_launch_failure failure;
  int result = prepare_limits(NULL, &launch, &limits, err);
  if (result == 0) {
    host_reaper_expect(+1);
    result = launch_program(&launch, pid, &failure);
    if (result == 0)
      hp_reaper_claim(*pid);
    else if (failure.step == HP_LAUNCH_EXEC || failure.step == HP_LAUNCH_INTERPRETER)
      hp_error_set_os(err, failure.os_code, "cannot execute %s", argv->items[0]);
    else
      describe(&launch, &failure, err);
    host_reaper_expect(-1);
  }
  free(limits);
  return result;
}

int host_signal_check(uint32_t signal, struct hp_error *err) {
  if (signal >= 1 && signal <= (uint32_t)SIGRTMAX)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT, "signal %u does not exist: 1 to %d do", signal, SIGRTMAX);
}

int host_process_signal(uint32_t pid, int signal, struct hp_error *err) {
  if (host_signal_check((uint32_t)signal, err) != 0)
    return -1;
  if (pid == 0 || pid > INT32_MAX)
    return hp_error_set(err, HP_NOT_FOUND, "there is no process %u", pid);
  uint32_t status; /* reaped, and not told yet: the pid may be a stranger's by now */
  if (host_reaper_peek(pid, &status))
    return hp_error_set(err, HP_NOT_FOUND, "process %u has ended", pid);
  if (kill((pid_t)pid, signal) != 0)
    return hp_error_set_os(err, errno, "cannot send signal %d to process %u", signal, pid);
  return 0;
}
