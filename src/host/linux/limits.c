#include "host/linux/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "host/linux/cgroup_tree.h"

#define RESOURCES "linux.resources."
#define MEMORY_FIELD RESOURCES "memory.limit"
#define SWAP_FIELD RESOURCES "memory.swap"
#define QUOTA_FIELD RESOURCES "cpu.quota"
#define PERIOD_FIELD RESOURCES "cpu.period"
#define WEIGHT_FIELD RESOURCES "blockIO.weight"

unsigned host_processors(void) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  return processors > 0 ? (unsigned)processors : 1;
}

/* ---- planning --------------------------------------------------------------- */

struct planner {
  unsigned version, controllers;
  const struct hp_limits *limits;
  const struct hp_limits_now *now;
  struct hp_limit_writes *writes;
};

/* The write just added, to say more about it; it takes value. */
static struct hp_limit_write *add(struct planner *plan, unsigned controller, const char *field,
                                  const char *file, char *value) {
  struct hp_limit_writes *writes = plan->writes;
  if (writes->count == writes->room) {
    writes->room = writes->room ? writes->room * 2 : 8;
    writes->items = hp_realloc_array(writes->items, writes->room, sizeof *writes->items);
  }
  struct hp_limit_write *write = &writes->items[writes->count++];
  *write = (struct hp_limit_write){.controller = controller, .field = field, .file = file, .value = value};
  return write;
}

static bool wants(struct hp_number number) {
  return number.set && number.value != 0;
}

static char *number_text(int64_t value) {
  return hp_printf("%" PRId64, value);
}

static char *number_or_max(int64_t value) {
  return value == -1 ? hp_strdup("max") : number_text(value);
}

int64_t hp_cpu_weight(int64_t shares) {
  int64_t clamped = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
  return 1 + (clamped - 2) * 9999 / 262142;
}

int64_t hp_io_weight(int64_t weight) {
  int64_t clamped = weight < 10 ? 10 : weight > 1000 ? 1000 : weight;
  return 1 + (clamped - 10) * 9999 / 990;
}

static void plan_memory_v1(struct planner *plan, int64_t memory, int64_t swap, bool with_swap) {
  const struct hp_limits_now *now = plan->now;
  bool with_memory = wants(plan->limits->memory);
  /* At every moment memory plus swap must be at least memory: what grows past
   * the memory limit in force goes first, what shrinks goes last. */
  bool swap_first = with_swap && (swap == -1 || (now->memory != -1 && now->memory <= swap));
  for (int turn = 0; turn < 2; turn++) {
    if (with_swap && (turn == 0) == swap_first)
      add(plan, HP_CONTROLLER_MEMORY, SWAP_FIELD, "memory.memsw.limit_in_bytes", number_text(swap))
          ->optional = swap == -1 || swap == memory;
    if (with_memory && (turn == 1) == swap_first)
      add(plan, HP_CONTROLLER_MEMORY, MEMORY_FIELD, "memory.limit_in_bytes", number_text(memory));
  }
}

static void plan_memory_v2(struct planner *plan, int64_t memory, int64_t swap, bool with_swap) {
  const struct hp_limits_now *now = plan->now;
  bool with_memory = wants(plan->limits->memory);
  /* Room to swap comes before memory is taken away, and goes after it was given. */
  bool grows = memory == -1 || (now->memory != -1 && memory >= now->memory);
  int64_t extra = swap == -1 ? -1 : swap - memory;
  for (int turn = 0; turn < 2; turn++) {
    if (with_swap && (turn == 1) == grows)
      add(plan, HP_CONTROLLER_MEMORY, SWAP_FIELD, "memory.swap.max", number_or_max(extra))->optional =
          extra <= 0;
    if (with_memory && (turn == 0) == grows)
      add(plan, HP_CONTROLLER_MEMORY, MEMORY_FIELD, "memory.max", number_or_max(memory));
  }
}

static int plan_memory(struct planner *plan, struct hp_error *err) {
  const struct hp_limits *limits = plan->limits;
  const struct hp_limits_now *now = plan->now;
  bool with_memory = wants(limits->memory), with_swap = wants(limits->memory_swap);
  int64_t memory = with_memory ? limits->memory.value : now->memory;
  int64_t swap = with_swap ? limits->memory_swap.value : now->memory_swap;
  if (with_memory && memory == -1 && !with_swap) {
    with_swap = true; /* unlimited memory under a limit of memory plus swap would be none */
    swap = -1;
  }
  if ((with_memory || with_swap) && swap != -1 && (memory == -1 || swap < memory)) {
    if (!with_swap)
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          MEMORY_FIELD " %" PRId64 " is more than the limit of memory plus swap in force, "
                                       "%" PRId64 ": set " SWAP_FIELD " too",
                          memory, swap);
    if (memory == -1)
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          SWAP_FIELD " %" PRId64 " is memory plus swap and needs a " MEMORY_FIELD, swap);
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        SWAP_FIELD " %" PRId64 " is memory plus swap and cannot be less than the limit of "
                                   "memory, %" PRId64,
                        swap, memory);
  }
  if (plan->version == 2)
    plan_memory_v2(plan, memory, swap, with_swap);
  else
    plan_memory_v1(plan, memory, swap, with_swap);
  if (wants(limits->memory_reservation)) {
    int64_t reservation = limits->memory_reservation.value;
    add(plan, HP_CONTROLLER_MEMORY, RESOURCES "memory.reservation",
        plan->version == 2 ? "memory.low" : "memory.soft_limit_in_bytes",
        plan->version == 2 ? number_or_max(reservation) : number_text(reservation));
  }
  return 0;
}

static void plan_cpu(struct planner *plan) {
  const struct hp_limits *limits = plan->limits;
  bool quota = wants(limits->cpu_quota), period = wants(limits->cpu_period);
  int64_t quota_value = quota ? limits->cpu_quota.value : plan->now->cpu_quota;
  if (wants(limits->cpu_shares)) {
    if (plan->version == 2)
      add(plan, HP_CONTROLLER_CPU, RESOURCES "cpu.shares", "cpu.weight",
          number_text(hp_cpu_weight(limits->cpu_shares.value)));
    else
      add(plan, HP_CONTROLLER_CPU, RESOURCES "cpu.shares", "cpu.shares",
          number_text(limits->cpu_shares.value));
  }
  if (plan->version == 2) {
    char *text = quota || period ? number_or_max(quota_value) : NULL;
    if (period) {
      char *both = hp_printf("%s %" PRId64, text, limits->cpu_period.value);
      free(text);
      text = both;
    }
    if (text != NULL)
      add(plan, HP_CONTROLLER_CPU, quota ? QUOTA_FIELD : PERIOD_FIELD, "cpu.max", text);
    return;
  }
  /* The kernel checks each against the other and against the parent's share:
   * sometimes only the quota may go first. */
  if (period)
    add(plan, HP_CONTROLLER_CPU, PERIOD_FIELD, "cpu.cfs_period_us", number_text(limits->cpu_period.value))
        ->may_defer = quota;
  if (quota)
    add(plan, HP_CONTROLLER_CPU, QUOTA_FIELD, "cpu.cfs_quota_us", number_text(quota_value));
}

static void plan_cpuset(struct planner *plan) {
  const char *cpus = plan->limits->cpuset_cpus, *mems = plan->limits->cpuset_mems;
  if (cpus != NULL && *cpus != '\0')
    add(plan, HP_CONTROLLER_CPUSET, RESOURCES "cpu.cpus", "cpuset.cpus", hp_strdup(cpus));
  if (mems != NULL && *mems != '\0')
    add(plan, HP_CONTROLLER_CPUSET, RESOURCES "cpu.mems", "cpuset.mems", hp_strdup(mems));
}

static void plan_throttles(struct planner *plan, const struct hp_throttles *throttles, const char *field,
                           const char *v1_file, const char *v2_key) {
  for (size_t i = 0; i < throttles->count; i++) {
    const struct hp_throttle *item = &throttles->items[i];
    char *device = hp_printf("%" PRId64 ":%" PRId64, item->major, item->minor);
    if (plan->version == 1) /* 0 takes the limit away */
      add(plan, HP_CONTROLLER_IO, field, v1_file, hp_printf("%s %" PRIu64, device, item->rate));
    else if (item->rate == 0)
      add(plan, HP_CONTROLLER_IO, field, "io.max", hp_printf("%s %s=max", device, v2_key));
    else
      add(plan, HP_CONTROLLER_IO, field, "io.max", hp_printf("%s %s=%" PRIu64, device, v2_key, item->rate));
    free(device);
  }
}

static void plan_io(struct planner *plan) {
  const struct hp_limits *limits = plan->limits;
  if (wants(limits->blkio_weight)) {
    int64_t weight = limits->blkio_weight.value;
    struct hp_limit_write *write =
        add(plan, HP_CONTROLLER_IO, WEIGHT_FIELD, plan->version == 2 ? "io.bfq.weight" : "blkio.weight",
            number_text(weight));
    write->other_file = plan->version == 2 ? "io.weight" : "blkio.bfq.weight";
    write->other_value = number_text(plan->version == 2 ? hp_io_weight(weight) : weight);
  }
  plan_throttles(plan, &limits->read_bps, RESOURCES "blockIO.throttleReadBpsDevice",
                 "blkio.throttle.read_bps_device", "rbps");
  plan_throttles(plan, &limits->write_bps, RESOURCES "blockIO.throttleWriteBpsDevice",
                 "blkio.throttle.write_bps_device", "wbps");
  plan_throttles(plan, &limits->read_iops, RESOURCES "blockIO.throttleReadIOPSDevice",
                 "blkio.throttle.read_iops_device", "riops");
  plan_throttles(plan, &limits->write_iops, RESOURCES "blockIO.throttleWriteIOPSDevice",
                 "blkio.throttle.write_iops_device", "wiops");
}

static void plan_pids(struct planner *plan) {
  struct hp_number pids = plan->limits->pids;
  if (pids.set)
    add(plan, HP_CONTROLLER_PIDS, RESOURCES "pids.limit", "pids.max",
        number_or_max(pids.value == 0 ? -1 : pids.value));
}

static int refuse_missing(unsigned version, const struct hp_limit_write *write, struct hp_error *err) {
  return hp_error_set(err, HP_FAILED_PRECONDITION,
                      "%s needs the %s controller of cgroup v%u, which %s: enable it or leave the limit out",
                      write->field, hp_controller_name(version, write->controller), version,
                      version == 2 ? "the job's cgroup does not have (see cgroup.controllers)"
                                   : "is not mounted on this host");
}

int hp_limits_plan(unsigned version, unsigned controllers, const struct hp_limits *limits,
                   const struct hp_limits_now *now, struct hp_limit_writes *writes, struct hp_error *err) {
  *writes = (struct hp_limit_writes){0};
  struct planner plan = {version, controllers, limits, now, writes};
  plan_cpuset(&plan);
  plan_cpu(&plan);
  if (plan_memory(&plan, err) < 0)
    return -1;
  plan_pids(&plan);
  plan_io(&plan);
  for (size_t i = 0; i < writes->count; i++)
    if ((writes->items[i].controller & controllers) == 0 && !writes->items[i].optional)
      return refuse_missing(version, &writes->items[i], err);
  return 0;
}

void hp_limit_writes_clear(struct hp_limit_writes *writes) {
  for (size_t i = 0; i < writes->count; i++) {
    free(writes->items[i].value);
    free(writes->items[i].other_value);
    free(writes->items[i].before);
  }
  free(writes->items);
  *writes = (struct hp_limit_writes){0};
}

int hp_limits_check(unsigned version, unsigned controllers, const struct hp_limits *limits,
                    struct hp_error *err) {
  const struct hp_limits_now none = HP_LIMITS_NOW_NONE;
  struct hp_limit_writes writes;
  int result = hp_limits_plan(version, controllers, limits, &none, &writes, err);
  hp_limit_writes_clear(&writes);
  return result;
}

/* ---- applying --------------------------------------------------------------- */

/* v1 has no word for "unlimited": it is the largest number of whole pages. */
static int64_t bytes_or_unlimited(int directory, const char *file) {
  uint64_t value;
  bool limited = hp_cgroup_read_number(directory, file, &value) && value < INT64_MAX / 2;
  return limited ? (int64_t)value : -1;
}

static int64_t quota_or_none(unsigned version, int directory) {
  uint64_t value;
  const char *file = version == 2 ? "cpu.max" : "cpu.cfs_quota_us";
  bool limited = hp_cgroup_read_number(directory, file, &value) && value < INT64_MAX;
  return limited ? (int64_t)value : -1;
}

static void read_now(const struct hp_cgroup *cgroup, struct hp_limits_now *now) {
  *now = (struct hp_limits_now)HP_LIMITS_NOW_NONE;
  struct hp_error ignored = HP_ERROR_INIT;
  const struct hp_cgroup_part *part = hp_cgroup_part(cgroup, HP_CONTROLLER_MEMORY);
  int directory = part != NULL ? hp_cgroup_open(part, &ignored) : -1;
  if (directory >= 0) {
    now->memory =
        bytes_or_unlimited(directory, cgroup->version == 2 ? "memory.max" : "memory.limit_in_bytes");
    if (cgroup->version == 1)
      now->memory_swap = bytes_or_unlimited(directory, "memory.memsw.limit_in_bytes");
  }
  hp_close(directory);
  part = hp_cgroup_part(cgroup, HP_CONTROLLER_CPU);
  directory = part != NULL ? hp_cgroup_open(part, &ignored) : -1;
  if (directory >= 0)
    now->cpu_quota = quota_or_none(cgroup->version, directory);
  hp_close(directory);
  hp_error_clear(&ignored);
}

static int refuse_write(const struct hp_cgroup_part *part, const struct hp_limit_write *write, int failed,
                        struct hp_error *err) {
  if (failed == ENOENT)
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "%s: this kernel has no %s in %s: leave the limit out or use a kernel that has it",
                        write->field, write->file, part->directory);
  hp_error_set_os(err, failed, "%s: the kernel refuses \"%s\" for %s/%s", write->field, write->value,
                  part->directory, write->file);
  if (failed == EBUSY && write->controller == HP_CONTROLLER_MEMORY) {
    hp_error_wrap(err, "more than that is in use and cannot be given back");
    return hp_error_recode(err, HP_FAILED_PRECONDITION);
  }
  bool bad_value = failed == EINVAL || failed == ERANGE || failed == E2BIG || failed == ENODEV;
  return bad_value ? hp_error_recode(err, HP_INVALID_ARGUMENT) : -1;
}

/* 0, or the errno of the refusal. */
static int write_limit(int directory, const struct hp_limit_write *write) {
  if (hp_cgroup_write(directory, write->file, write->value) == 0)
    return 0;
  if (errno == ENOENT && write->other_file != NULL &&
      hp_cgroup_write(directory, write->other_file, write->other_value) == 0)
    return 0;
  return errno == ENOENT && write->optional ? 0 : errno;
}

/* The file that the write goes to. */
static const char *file_of(int directory, const struct hp_limit_write *write) {
  bool other = write->other_file && faccessat(directory, write->file, F_OK, 0) != 0;
  return other ? write->other_file : write->file;
}

/* The line of "8:0 rbps=1 …" that begins as the value does, with the device; where
 * there is none, the words for no limit. Owned. */
static char *throttle_before(const char *text, const char *value) {
  size_t device = strcspn(value, " ") + 1;
  for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
    if (strncmp(line, value, device) == 0)
      return hp_strndup(line, strcspn(line, "\n"));
  const char *equals = strchr(value, '=');
  return equals ? hp_printf("%.*s=max", (int)(equals - value), value)
                : hp_printf("%.*s0", (int)device, value);
}

/* What is to be written to take the write back; owned. */
static char *read_before(int directory, const struct hp_limit_write *write) {
  char *text = hp_cgroup_read(directory, file_of(directory, write));
  if (text && strchr(write->value, ':')) {
    char *line = throttle_before(text, write->value);
    free(text);
    return line;
  }
  return text;
}

static void take_back(const struct hp_cgroup *cgroup, const struct hp_limit_write *write) {
  struct hp_error err = HP_ERROR_INIT;
  const struct hp_cgroup_part *part = hp_cgroup_part(cgroup, write->controller);
  int directory = hp_cgroup_open(part, &err);
  if (directory >= 0 && hp_cgroup_write(directory, file_of(directory, write), write->before) != 0)
    hp_error_set_os(&err, errno, "%s/%s", part->directory, write->file);
  if (err.message)
    hp_log(HP_LOG_WARNING, NULL, "an update was refused, and this limit of it stays: %s", err.message);
  hp_error_clear(&err);
  hp_close(directory);
}

static int apply_one(const struct hp_cgroup *cgroup, struct hp_limit_write *write, bool *deferred,
                     struct hp_error *err) {
  const struct hp_cgroup_part *part = hp_cgroup_part(cgroup, write->controller);
  if (part == NULL)
    return 0; /* an optional one: hp_limits_plan has refused the others */
  int directory = hp_cgroup_open(part, err);
  if (directory < 0)
    return -1;
  if (!write->before)
    write->before = read_before(directory, write);
  int failed = write_limit(directory, write);
  if (failed != 0) {
    free(write->before);
    write->before = NULL;
  }
  hp_close(directory);
  if (failed == EINVAL && write->may_defer && !*deferred) {
    *deferred = true;
    return 0;
  }
  *deferred = false;
  return failed == 0 ? 0 : refuse_write(part, write, failed, err);
}

int hp_limits_apply(const struct hp_cgroup *cgroup, const struct hp_limits *limits, struct hp_error *err) {
  unsigned controllers = 0;
  for (size_t i = 0; i < cgroup->count; i++)
    controllers |= cgroup->parts[i].controllers;
  struct hp_limits_now now;
  struct hp_limit_writes writes;
  read_now(cgroup, &now);
  int result = hp_limits_plan(cgroup->version, controllers, limits, &now, &writes, err);
  struct hp_limit_write *again = NULL;
  for (size_t i = 0; i < writes.count && result == 0; i++) {
    bool deferred = false;
    result = apply_one(cgroup, &writes.items[i], &deferred, err);
    if (deferred)
      again = &writes.items[i];
  }
  bool last = true;
  if (result == 0 && again != NULL)
    result = apply_one(cgroup, again, &last, err);
  for (size_t i = writes.count; result != 0 && i-- > 0;)
    if (writes.items[i].before)
      take_back(cgroup, &writes.items[i]);
  hp_limit_writes_clear(&writes);
  return result;
}

int host_job_update(struct host_container *container, const struct hp_limits *limits, struct hp_error *err) {
  const struct hp_cgroup *cgroup = hp_cgroup_of(container, err);
  return cgroup != NULL ? hp_limits_apply(cgroup, limits, err) : -1;
}
