/* host.h's Stats: containerd's own metrics messages, filled from the control
 * files. A file that is not there leaves its part out. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cgroups/v1/metrics.pb-c.h"
#include "cgroups/v2/metrics.pb-c.h"
#include "host/linux/cgroup.h"
#include "host/linux/cgroup_tree.h"

#define V1_TYPE "io.containerd.cgroups.v1.Metrics"
#define V2_TYPE "io.containerd.cgroups.v2.Metrics"
#define DEVICES_MAX 256 /* block devices listed in one answer */

/* Where a number of a "key number" file goes in a message. */
struct field {
  const char *key;
  size_t offset; /* of a uint64_t */
};

static void fill(void *message, const char *text, const struct field *fields, size_t count) {
  for (size_t i = 0; i < count; i++)
    hp_cgroup_find(text, fields[i].key, (uint64_t *)(void *)((char *)message + fields[i].offset));
}

/* Fills from a control file; false if it cannot be read. */
static bool fill_from(int directory, const char *file, void *message, const struct field *fields,
                      size_t count) {
  char *text = hp_cgroup_read(directory, file);
  if (text != NULL)
    fill(message, text, fields, count);
  free(text);
  return text != NULL;
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Opens the directory on which a controller acts; -1 if there is none. */
static int open_part(const struct hp_cgroup *cgroup, unsigned controller) {
  const struct hp_cgroup_part *part = hp_cgroup_part(cgroup, controller);
  struct hp_error ignored = HP_ERROR_INIT;
  int directory = part != NULL ? hp_cgroup_open(part, &ignored) : -1;
  hp_error_clear(&ignored);
  return directory;
}

static void pack(const ProtobufCMessage *message, uint8_t **data, size_t *length) {
  *length = protobuf_c_message_get_packed_size(message);
  *data = hp_alloc(*length + 1); /* an empty message is a pointer all the same */
  protobuf_c_message_pack(message, *data);
}

/* ---- v1 --------------------------------------------------------------------- */

typedef Io__Containerd__Cgroups__V1__MemoryStat MemoryV1;
typedef Io__Containerd__Cgroups__V1__MemoryEntry EntryV1;
typedef Io__Containerd__Cgroups__V1__Throttle ThrottleV1;
typedef Io__Containerd__Cgroups__V1__MemoryOomControl OomV1;
typedef Io__Containerd__Cgroups__V1__BlkIOStat BlkioV1;
typedef Io__Containerd__Cgroups__V1__BlkIOEntry BlkioEntryV1;

static const struct field memory_v1[] = {
    {"cache", offsetof(MemoryV1, cache)},
    {"rss", offsetof(MemoryV1, rss)},
    {"rss_huge", offsetof(MemoryV1, rss_huge)},
    {"mapped_file", offsetof(MemoryV1, mapped_file)},
    {"dirty", offsetof(MemoryV1, dirty)},
    {"writeback", offsetof(MemoryV1, writeback)},
    {"pgpgin", offsetof(MemoryV1, pg_pg_in)},
    {"pgpgout", offsetof(MemoryV1, pg_pg_out)},
    {"pgfault", offsetof(MemoryV1, pg_fault)},
    {"pgmajfault", offsetof(MemoryV1, pg_maj_fault)},
    {"inactive_anon", offsetof(MemoryV1, inactive_anon)},
    {"active_anon", offsetof(MemoryV1, active_anon)},
    {"inactive_file", offsetof(MemoryV1, inactive_file)},
    {"active_file", offsetof(MemoryV1, active_file)},
    {"unevictable", offsetof(MemoryV1, unevictable)},
    {"hierarchical_memory_limit", offsetof(MemoryV1, hierarchical_memory_limit)},
    {"hierarchical_memsw_limit", offsetof(MemoryV1, hierarchical_swap_limit)},
    {"total_cache", offsetof(MemoryV1, total_cache)},
    {"total_rss", offsetof(MemoryV1, total_rss)},
    {"total_rss_huge", offsetof(MemoryV1, total_rss_huge)},
    {"total_mapped_file", offsetof(MemoryV1, total_mapped_file)},
    {"total_dirty", offsetof(MemoryV1, total_dirty)},
    {"total_writeback", offsetof(MemoryV1, total_writeback)},
    {"total_pgpgin", offsetof(MemoryV1, total_pg_pg_in)},
    {"total_pgpgout", offsetof(MemoryV1, total_pg_pg_out)},
    {"total_pgfault", offsetof(MemoryV1, total_pg_fault)},
    {"total_pgmajfault", offsetof(MemoryV1, total_pg_maj_fault)},
    {"total_inactive_anon", offsetof(MemoryV1, total_inactive_anon)},
    {"total_active_anon", offsetof(MemoryV1, total_active_anon)},
    {"total_inactive_file", offsetof(MemoryV1, total_inactive_file)},
    {"total_active_file", offsetof(MemoryV1, total_active_file)},
    {"total_unevictable", offsetof(MemoryV1, total_unevictable)},
};

static const struct field throttle_v1[] = {
    {"nr_periods", offsetof(ThrottleV1, periods)},
    {"nr_throttled", offsetof(ThrottleV1, throttled_periods)},
    {"throttled_time", offsetof(ThrottleV1, throttled_time)},
};

static const struct field oom_v1[] = {
    {"oom_kill_disable", offsetof(OomV1, oom_kill_disable)},
    {"under_oom", offsetof(OomV1, under_oom)},
    {"oom_kill", offsetof(OomV1, oom_kill)},
};

/* memory[.memsw…].{limit_in_bytes, usage_in_bytes, max_usage_in_bytes, failcnt} */
static bool read_entry_v1(int directory, const char *prefix, EntryV1 *entry) {
  const struct {
    const char *file;
    uint64_t *value;
  } files[] = {{"limit_in_bytes", &entry->limit},
               {"usage_in_bytes", &entry->usage},
               {"max_usage_in_bytes", &entry->max},
               {"failcnt", &entry->failcnt}};
  bool found = false;
  for (size_t i = 0; i < COUNT(files); i++) {
    char *name = hp_printf("%s.%s", prefix, files[i].file);
    found |= hp_cgroup_read_number(directory, name, files[i].value);
    free(name);
  }
  return found;
}

static void read_cpuacct_v1(int directory, Io__Containerd__Cgroups__V1__CPUUsage *usage) {
  hp_cgroup_read_number(directory, "cpuacct.usage", &usage->total);
  if (!hp_cgroup_read_number(directory, "cpuacct.usage_user", &usage->user) ||
      !hp_cgroup_read_number(directory, "cpuacct.usage_sys", &usage->kernel)) {
    char *text = hp_cgroup_read(directory, "cpuacct.stat");
    uint64_t ticks = 0, nanoseconds = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    if (text != NULL && hp_cgroup_find(text, "user", &ticks))
      usage->user = ticks * nanoseconds;
    if (text != NULL && hp_cgroup_find(text, "system", &ticks))
      usage->kernel = ticks * nanoseconds;
    free(text);
  }
  char *text = hp_cgroup_read(directory, "cpuacct.usage_percpu");
  for (char *at = text, *end; at != NULL; at = end) {
    uint64_t value = strtoull(at, &end, 10);
    if (end == at)
      break;
    usage->per_cpu = hp_realloc_array(usage->per_cpu, usage->n_per_cpu + 1, sizeof *usage->per_cpu);
    usage->per_cpu[usage->n_per_cpu++] = value;
  }
  free(text);
}

/* "/dev/vda" of a device number; owned, "" if it has no name. */
static char *device_name(unsigned long long major, unsigned long long minor) {
  char target[256];
  char *link = hp_printf("/sys/dev/block/%llu:%llu", major, minor);
  ssize_t length = readlink(link, target, sizeof target - 1);
  free(link);
  target[length > 0 ? length : 0] = '\0';
  const char *slash = strrchr(target, '/');
  return slash != NULL ? hp_printf("/dev/%s", slash + 1) : hp_strdup("");
}

struct device_line {
  unsigned long long major, minor;
  char *rest; /* what stands after the number */
};

/* Takes the next "MAJOR:MINOR rest" line off *text; false at the end. Lines
 * that begin otherwise ("Total 0") are passed over. */
static bool next_device(char **text, struct device_line *line) {
  while (*text != NULL && **text != '\0') {
    char *at = *text, *end = strchr(at, '\n'), *after;
    if (end != NULL)
      *end = '\0';
    *text = end != NULL ? end + 1 : NULL;
    line->major = strtoull(at, &after, 10);
    if (after == at || *after != ':')
      continue;
    at = after + 1;
    line->minor = strtoull(at, &after, 10);
    if (after == at || *after != ' ')
      continue;
    line->rest = after + 1;
    return true;
  }
  return false;
}

static void read_blkio_v1(int directory, const char *file, const char *older, BlkioEntryV1 ***list,
                          size_t *count) {
  char *text = hp_cgroup_read(directory, file);
  if (text == NULL)
    text = hp_cgroup_read(directory, older);
  char *at = text;
  for (struct device_line line; *count < DEVICES_MAX && next_device(&at, &line);) {
    char *number = strchr(line.rest, ' ');
    if (number == NULL)
      continue;
    *number++ = '\0';
    BlkioEntryV1 *entry = hp_alloc(sizeof *entry);
    io__containerd__cgroups__v1__blk_ioentry__init(entry);
    entry->op = hp_strdup(line.rest);
    entry->device = device_name(line.major, line.minor);
    entry->major = line.major;
    entry->minor = line.minor;
    entry->value = strtoull(number, NULL, 10);
    *list = hp_realloc_array(*list, *count + 1, sizeof(BlkioEntryV1 *));
    (*list)[(*count)++] = entry;
  }
  free(text);
}

static void free_blkio_v1(BlkioEntryV1 **list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(list[i]->op);
    free(list[i]->device);
    free(list[i]);
  }
  free(list);
}

static void stats_v1(const struct hp_cgroup *cgroup, uint8_t **data, size_t *length) {
  Io__Containerd__Cgroups__V1__Metrics metrics = IO__CONTAINERD__CGROUPS__V1__METRICS__INIT;
  Io__Containerd__Cgroups__V1__PidsStat pids = IO__CONTAINERD__CGROUPS__V1__PIDS_STAT__INIT;
  Io__Containerd__Cgroups__V1__CPUStat cpu = IO__CONTAINERD__CGROUPS__V1__CPUSTAT__INIT;
  Io__Containerd__Cgroups__V1__CPUUsage usage = IO__CONTAINERD__CGROUPS__V1__CPUUSAGE__INIT;
  ThrottleV1 throttle = IO__CONTAINERD__CGROUPS__V1__THROTTLE__INIT;
  MemoryV1 memory = IO__CONTAINERD__CGROUPS__V1__MEMORY_STAT__INIT;
  EntryV1 entries[4] = {
      IO__CONTAINERD__CGROUPS__V1__MEMORY_ENTRY__INIT, IO__CONTAINERD__CGROUPS__V1__MEMORY_ENTRY__INIT,
      IO__CONTAINERD__CGROUPS__V1__MEMORY_ENTRY__INIT, IO__CONTAINERD__CGROUPS__V1__MEMORY_ENTRY__INIT};
  OomV1 oom = IO__CONTAINERD__CGROUPS__V1__MEMORY_OOM_CONTROL__INIT;
  BlkioV1 blkio = IO__CONTAINERD__CGROUPS__V1__BLK_IOSTAT__INIT;

  int directory = open_part(cgroup, HP_CONTROLLER_PIDS);
  if (directory >= 0) {
    hp_cgroup_read_number(directory, "pids.current", &pids.current);
    if (!hp_cgroup_read_number(directory, "pids.max", &pids.limit) || pids.limit == UINT64_MAX)
      pids.limit = 0;
    metrics.pids = &pids;
  }
  hp_close(directory);

  directory = open_part(cgroup, HP_CONTROLLER_CPUACCT);
  if (directory >= 0) {
    read_cpuacct_v1(directory, &usage);
    cpu.usage = &usage;
    metrics.cpu = &cpu;
  }
  hp_close(directory);

  directory = open_part(cgroup, HP_CONTROLLER_CPU);
  if (directory >= 0 && fill_from(directory, "cpu.stat", &throttle, throttle_v1, COUNT(throttle_v1))) {
    cpu.throttling = &throttle;
    metrics.cpu = &cpu;
  }
  hp_close(directory);

  directory = open_part(cgroup, HP_CONTROLLER_MEMORY);
  if (directory >= 0) {
    fill_from(directory, "memory.stat", &memory, memory_v1, COUNT(memory_v1));
    memory.usage = read_entry_v1(directory, "memory", &entries[0]) ? &entries[0] : NULL;
    memory.swap = read_entry_v1(directory, "memory.memsw", &entries[1]) ? &entries[1] : NULL;
    memory.kernel = read_entry_v1(directory, "memory.kmem", &entries[2]) ? &entries[2] : NULL;
    memory.kernel_tcp = read_entry_v1(directory, "memory.kmem.tcp", &entries[3]) ? &entries[3] : NULL;
    metrics.memory = &memory;
    if (fill_from(directory, "memory.oom_control", &oom, oom_v1, COUNT(oom_v1)))
      metrics.memory_oom_control = &oom;
  }
  hp_close(directory);

  directory = open_part(cgroup, HP_CONTROLLER_IO);
  if (directory >= 0) {
    read_blkio_v1(directory, "blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes",
                  &blkio.io_service_bytes_recursive, &blkio.n_io_service_bytes_recursive);
    read_blkio_v1(directory, "blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced",
                  &blkio.io_serviced_recursive, &blkio.n_io_serviced_recursive);
    metrics.blkio = &blkio;
  }
  hp_close(directory);

  pack(&metrics.base, data, length);
  free(usage.per_cpu);
  free_blkio_v1(blkio.io_service_bytes_recursive, blkio.n_io_service_bytes_recursive);
  free_blkio_v1(blkio.io_serviced_recursive, blkio.n_io_serviced_recursive);
}

/* ---- v2 --------------------------------------------------------------------- */

typedef Io__Containerd__Cgroups__V2__CPUStat CpuV2;
typedef Io__Containerd__Cgroups__V2__MemoryStat MemoryV2;
typedef Io__Containerd__Cgroups__V2__MemoryEvents EventsV2;
typedef Io__Containerd__Cgroups__V2__IOEntry IoEntryV2;

static const struct field cpu_v2[] = {
    {"usage_usec", offsetof(CpuV2, usage_usec)},     {"user_usec", offsetof(CpuV2, user_usec)},
    {"system_usec", offsetof(CpuV2, system_usec)},   {"nr_periods", offsetof(CpuV2, nr_periods)},
    {"nr_throttled", offsetof(CpuV2, nr_throttled)}, {"throttled_usec", offsetof(CpuV2, throttled_usec)},
};

static const struct field memory_v2[] = {
    {"anon", offsetof(MemoryV2, anon)},
    {"file", offsetof(MemoryV2, file)},
    {"kernel_stack", offsetof(MemoryV2, kernel_stack)},
    {"slab", offsetof(MemoryV2, slab)},
    {"sock", offsetof(MemoryV2, sock)},
    {"shmem", offsetof(MemoryV2, shmem)},
    {"file_mapped", offsetof(MemoryV2, file_mapped)},
    {"file_dirty", offsetof(MemoryV2, file_dirty)},
    {"file_writeback", offsetof(MemoryV2, file_writeback)},
    {"anon_thp", offsetof(MemoryV2, anon_thp)},
    {"inactive_anon", offsetof(MemoryV2, inactive_anon)},
    {"active_anon", offsetof(MemoryV2, active_anon)},
    {"inactive_file", offsetof(MemoryV2, inactive_file)},
    {"active_file", offsetof(MemoryV2, active_file)},
    {"unevictable", offsetof(MemoryV2, unevictable)},
    {"slab_reclaimable", offsetof(MemoryV2, slab_reclaimable)},
    {"slab_unreclaimable", offsetof(MemoryV2, slab_unreclaimable)},
    {"pgfault", offsetof(MemoryV2, pgfault)},
    {"pgmajfault", offsetof(MemoryV2, pgmajfault)},
    {"workingset_refault", offsetof(MemoryV2, workingset_refault)},
    {"workingset_activate", offsetof(MemoryV2, workingset_activate)},
    {"workingset_nodereclaim", offsetof(MemoryV2, workingset_nodereclaim)},
    {"pgrefill", offsetof(MemoryV2, pgrefill)},
    {"pgscan", offsetof(MemoryV2, pgscan)},
    {"pgsteal", offsetof(MemoryV2, pgsteal)},
    {"pgactivate", offsetof(MemoryV2, pgactivate)},
    {"pgdeactivate", offsetof(MemoryV2, pgdeactivate)},
    {"pglazyfree", offsetof(MemoryV2, pglazyfree)},
    {"pglazyfreed", offsetof(MemoryV2, pglazyfreed)},
    {"thp_fault_alloc", offsetof(MemoryV2, thp_fault_alloc)},
    {"thp_collapse_alloc", offsetof(MemoryV2, thp_collapse_alloc)},
};

static const struct field events_v2[] = {
    {"low", offsetof(EventsV2, low)},           {"high", offsetof(EventsV2, high)},
    {"max", offsetof(EventsV2, max)},           {"oom", offsetof(EventsV2, oom)},
    {"oom_kill", offsetof(EventsV2, oom_kill)},
};

static void read_memory_v2(int directory, MemoryV2 *memory) {
  fill_from(directory, "memory.stat", memory, memory_v2, COUNT(memory_v2));
  hp_cgroup_read_number(directory, "memory.current", &memory->usage);
  hp_cgroup_read_number(directory, "memory.max", &memory->usage_limit);
  hp_cgroup_read_number(directory, "memory.peak", &memory->max_usage);
  hp_cgroup_read_number(directory, "memory.swap.current", &memory->swap_usage);
  hp_cgroup_read_number(directory, "memory.swap.max", &memory->swap_limit);
  hp_cgroup_read_number(directory, "memory.swap.peak", &memory->swap_max_usage);
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static void read_io_entry(char *rest, IoEntryV2 *entry) {
  char *saved = NULL;
  for (char *pair = strtok_r(rest, " ", &saved); pair != NULL; pair = strtok_r(NULL, " ", &saved)) {
    char *equals = strchr(pair, '=');
    if (equals == NULL)
      continue;
    *equals = '\0';
    uint64_t value = strtoull(equals + 1, NULL, 10);
    if (strcmp(pair, "rbytes") == 0)
      entry->rbytes = value;
    else if (strcmp(pair, "wbytes") == 0)
      entry->wbytes = value;
    else if (strcmp(pair, "rios") == 0)
      entry->rios = value;
    else if (strcmp(pair, "wios") == 0)
      entry->wios = value;
  }
}

static void read_io_v2(int directory, Io__Containerd__Cgroups__V2__IOStat *io) {
  char *text = hp_cgroup_read(directory, "io.stat"), *at = text;
  for (struct device_line line; io->n_usage < DEVICES_MAX && next_device(&at, &line);) {
    IoEntryV2 *entry = hp_alloc(sizeof *entry);
    io__containerd__cgroups__v2__ioentry__init(entry);
    entry->major = line.major;
    entry->minor = line.minor;
    read_io_entry(line.rest, entry);
    io->usage = hp_realloc_array(io->usage, io->n_usage + 1, sizeof(IoEntryV2 *));
    io->usage[io->n_usage++] = entry;
  }
  free(text);
}

static int stats_v2(const struct hp_cgroup *cgroup, uint8_t **data, size_t *length, struct hp_error *err) {
  Io__Containerd__Cgroups__V2__Metrics metrics = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
  Io__Containerd__Cgroups__V2__PidsStat pids = IO__CONTAINERD__CGROUPS__V2__PIDS_STAT__INIT;
  CpuV2 cpu = IO__CONTAINERD__CGROUPS__V2__CPUSTAT__INIT;
  MemoryV2 memory = IO__CONTAINERD__CGROUPS__V2__MEMORY_STAT__INIT;
  Io__Containerd__Cgroups__V2__IOStat io = IO__CONTAINERD__CGROUPS__V2__IOSTAT__INIT;
  EventsV2 events = IO__CONTAINERD__CGROUPS__V2__MEMORY_EVENTS__INIT;
  const struct hp_cgroup_part *part = &cgroup->parts[0];
  int directory = hp_cgroup_open(part, err);
  if (directory < 0)
    return -1;

  if (part->controllers & HP_CONTROLLER_PIDS) {
    hp_cgroup_read_number(directory, "pids.current", &pids.current);
    hp_cgroup_read_number(directory, "pids.max", &pids.limit);
    metrics.pids = &pids;
  }
  /* Usage is counted with and without the cpu controller. */
  if (fill_from(directory, "cpu.stat", &cpu, cpu_v2, COUNT(cpu_v2)))
    metrics.cpu = &cpu;
  if (part->controllers & HP_CONTROLLER_MEMORY) {
    read_memory_v2(directory, &memory);
    metrics.memory = &memory;
    if (fill_from(directory, "memory.events", &events, events_v2, COUNT(events_v2)))
      metrics.memory_events = &events;
  }
  if (part->controllers & HP_CONTROLLER_IO) {
    read_io_v2(directory, &io);
    metrics.io = &io;
  }
  hp_close(directory);

  pack(&metrics.base, data, length);
  for (size_t i = 0; i < io.n_usage; i++)
    free(io.usage[i]);
  free(io.usage);
  return 0;
}

/* ---- host.h ----------------------------------------------------------------- */

int host_job_stats(struct host_container *container, const char **type_url, uint8_t **data, size_t *length,
                   struct hp_error *err) {
  const struct hp_cgroup *cgroup = hp_cgroup_of(container, err);
  return cgroup != NULL ? hp_cgroup_stats(cgroup, type_url, data, length, err) : -1;
}

int hp_cgroup_stats(const struct hp_cgroup *cgroup, const char **type_url, uint8_t **data, size_t *length,
                    struct hp_error *err) {
  *type_url = cgroup->version == 2 ? V2_TYPE : V1_TYPE;
  if (cgroup->version == 2)
    return stats_v2(cgroup, data, length, err);
  stats_v1(cgroup, data, length);
  return 0;
}

int host_empty_stats(const char **type_url, uint8_t **data, size_t *length) {
  *type_url = hp_cgroup_version() == 2 ? V2_TYPE : V1_TYPE;
  *data = hp_alloc(1);
  *length = 0;
  return 0;
}
