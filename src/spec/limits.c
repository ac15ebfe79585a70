/* Limits of the job: linux.resources, windows.resources and the annotations
 * that Windows users know from the reference shim. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "spec/read.h"

/* As in runc a number that is 0 asks for nothing. */
static int read_nonzero(struct hp_json at, int64_t min, int64_t max, struct hp_number *out,
                        struct hp_error *err) {
  struct hp_number number = {0};
  if (hp_json_number(at, min, max, &number, err) != 0)
    return -1;
  if (number.value != 0)
    *out = number;
  return 0;
}

static int read_throttles(struct hp_json at, struct hp_throttles *out, struct hp_error *err) {
  if (hp_json_array(at, err) != 0)
    return -1;
  size_t count = hp_json_count(&at);
  if (count > 0)
    out->items = hp_alloc(count * sizeof *out->items);
  for (size_t i = 0; i < count; i++) {
    struct hp_json item = hp_json_element(&at, i);
    struct hp_number major = {0}, minor = {0};
    if (!json_is_object(item.value))
      return hp_json_refuse(&item, err, "an object");
    if (hp_json_number(hp_json_at(&item, "major"), 0, UINT32_MAX, &major, err) != 0 ||
        hp_json_number(hp_json_at(&item, "minor"), 0, UINT32_MAX, &minor, err) != 0 ||
        hp_json_uint64(hp_json_at(&item, "rate"), &out->items[i].rate, err) != 0)
      return -1;
    out->items[i].major = major.value;
    out->items[i].minor = minor.value;
    out->count = i + 1;
  }
  return 0;
}

static int read_linux_memory(struct hp_json at, struct hp_limits *out, struct hp_error *err) {
  if (hp_json_object(at, err) != 0 ||
      read_nonzero(hp_json_at(&at, "limit"), -1, INT64_MAX, &out->memory, err) != 0 ||
      read_nonzero(hp_json_at(&at, "swap"), -1, INT64_MAX, &out->memory_swap, err) != 0 ||
      read_nonzero(hp_json_at(&at, "reservation"), -1, INT64_MAX, &out->memory_reservation, err) != 0)
    return -1;
  return 0;
}

static int read_linux_cpu(struct hp_json at, struct hp_limits *out, struct hp_error *err) {
  if (hp_json_object(at, err) != 0 ||
      read_nonzero(hp_json_at(&at, "shares"), 0, INT64_MAX, &out->cpu_shares, err) != 0 ||
      read_nonzero(hp_json_at(&at, "quota"), -1, INT64_MAX, &out->cpu_quota, err) != 0 ||
      read_nonzero(hp_json_at(&at, "period"), 0, INT64_MAX, &out->cpu_period, err) != 0 ||
      hp_json_string(hp_json_at(&at, "cpus"), &out->cpuset_cpus, err) != 0 ||
      hp_json_string(hp_json_at(&at, "mems"), &out->cpuset_mems, err) != 0)
    return -1;
  return 0;
}

static int read_linux_block(struct hp_json at, struct hp_limits *out, struct hp_error *err) {
  if (hp_json_object(at, err) != 0 ||
      read_nonzero(hp_json_at(&at, "weight"), 0, UINT16_MAX, &out->blkio_weight, err) != 0 ||
      read_throttles(hp_json_at(&at, "throttleReadBpsDevice"), &out->read_bps, err) != 0 ||
      read_throttles(hp_json_at(&at, "throttleWriteBpsDevice"), &out->write_bps, err) != 0 ||
      read_throttles(hp_json_at(&at, "throttleReadIOPSDevice"), &out->read_iops, err) != 0 ||
      read_throttles(hp_json_at(&at, "throttleWriteIOPSDevice"), &out->write_iops, err) != 0)
    return -1;
  return 0;
}

/* An empty list of CPUs is no list. */
static void drop_empty(char **text) {
  if (*text && (*text)[0] == 0) {
    free(*text);
    *text = NULL;
  }
}

static int read_linux(const struct hp_json *at, struct hp_limits *out, struct hp_error *err) {
  struct hp_json pids = hp_json_at(at, "pids");
  if (read_linux_memory(hp_json_at(at, "memory"), out, err) != 0 ||
      read_linux_cpu(hp_json_at(at, "cpu"), out, err) != 0 ||
      read_linux_block(hp_json_at(at, "blockIO"), out, err) != 0 || hp_json_object(pids, err) != 0 ||
      hp_json_number(hp_json_at(&pids, "limit"), -1, INT64_MAX, &out->pids, err) != 0)
    return -1;
  drop_empty(&out->cpuset_cpus);
  drop_empty(&out->cpuset_mems);
  return 0;
}

int hp_affinities_read(struct hp_json at, const char *mask_key, const char *group_key,
                       struct hp_affinities *out, struct hp_error *err) {
  if (hp_json_array(at, err) != 0)
    return -1;
  size_t count = hp_json_count(&at);
  if (count > 0)
    out->items = hp_alloc(count * sizeof *out->items);
  for (size_t i = 0; i < count; i++) {
    struct hp_json item = hp_json_element(&at, i);
    struct hp_number group = {0};
    if (!json_is_object(item.value))
      return hp_json_refuse(&item, err, "an object");
    if (hp_json_uint64(hp_json_at(&item, mask_key), &out->items[i].mask, err) != 0 ||
        hp_json_number(hp_json_at(&item, group_key), 0, UINT16_MAX, &group, err) != 0)
      return -1;
    out->items[i].group = (uint32_t)group.value;
    out->count = i + 1;
  }
  return 0;
}

static int read_windows(const struct hp_json *at, struct hp_limits *out, struct hp_error *err) {
  struct hp_json memory = hp_json_at(at, "memory"), cpu = hp_json_at(at, "cpu"),
                 storage = hp_json_at(at, "storage");
  if (hp_json_object(memory, err) != 0 || hp_json_object(cpu, err) != 0 ||
      hp_json_object(storage, err) != 0 ||
      read_nonzero(hp_json_at(&memory, "limit"), 0, INT64_MAX, &out->memory, err) != 0 ||
      read_nonzero(hp_json_at(&cpu, "count"), 0, INT64_MAX, &out->cpu_count, err) != 0 ||
      read_nonzero(hp_json_at(&cpu, "shares"), 0, UINT16_MAX, &out->cpu_shares, err) != 0 ||
      read_nonzero(hp_json_at(&cpu, "maximum"), 0, UINT16_MAX, &out->cpu_maximum, err) != 0 ||
      hp_affinities_read(hp_json_at(&cpu, "affinity"), "mask", "group", &out->affinities, err) != 0 ||
      read_nonzero(hp_json_at(&storage, "iops"), 0, INT64_MAX, &out->storage_iops, err) != 0 ||
      read_nonzero(hp_json_at(&storage, "bps"), 0, INT64_MAX, &out->storage_bps, err) != 0 ||
      read_nonzero(hp_json_at(&storage, "sandboxSize"), 0, INT64_MAX, &out->storage_size, err) != 0)
    return -1;
  return 0;
}

int hp_limits_read(enum hp_os os, const struct hp_json *resources, struct hp_limits *out,
                   struct hp_error *err) {
  if (hp_json_object(*resources, err) != 0)
    return -1;
  return os == HP_OS_WINDOWS ? read_windows(resources, out, err) : read_linux(resources, out, err);
}

void hp_limits_list_ignored(enum hp_os os, const struct hp_json *resources, struct hp_strings *ignored) {
  /* linux.resources.devices is in every tool's spec and says nothing about a limit. */
  static const char *const linux_keys[] = {"hugepageLimits", "network", "rdma", "unified"};
  static const char *const memory_keys[] = {"kernel", "kernelTCP", "swappiness", "disableOOMKiller"};
  static const char *const cpu_keys[] = {"realtimeRuntime", "realtimePeriod", "burst", "idle"};
  static const char *const block_keys[] = {"leafWeight", "weightDevice"};
  struct hp_json cpu = hp_json_at(resources, "cpu");
  if (os == HP_OS_WINDOWS)
    return;
  struct hp_json memory = hp_json_at(resources, "memory"), block = hp_json_at(resources, "blockIO");
  hp_list_wanted(resources, linux_keys, sizeof linux_keys / sizeof linux_keys[0], ignored);
  hp_list_wanted(&memory, memory_keys, sizeof memory_keys / sizeof memory_keys[0], ignored);
  hp_list_wanted(&cpu, cpu_keys, sizeof cpu_keys / sizeof cpu_keys[0], ignored);
  hp_list_wanted(&block, block_keys, sizeof block_keys / sizeof block_keys[0], ignored);
}

/* Digits alone: a sign, a space or a unit is a mistake to report. */
static int read_annotation(const struct hp_json *annotations, const char *key, int64_t max,
                           struct hp_number *out, struct hp_error *err) {
  struct hp_json at = hp_json_at(annotations, key);
  if (!at.value)
    return 0;
  const char *text = json_string_value(at.value);
  int64_t value = 0;
  bool good = text && *text;
  for (const char *in = text; good && *in; in++) {
    good = *in >= '0' && *in <= '9' && value <= (max - (*in - '0')) / 10;
    value = good ? 10 * value + (*in - '0') : 0;
  }
  if (!good) {
    char *rule = hp_printf("a decimal number from 0 to %lld, in quotes", (long long)max);
    hp_json_refuse(&at, err, rule);
    free(rule);
    return -1;
  }
  if (value != 0)
    *out = (struct hp_number){.set = true, .value = value};
  return 0;
}

static int read_annotations(const struct hp_json *annotations, struct hp_limits *out, struct hp_error *err) {
  struct hp_number megabytes = {0};
  if (read_annotation(annotations, "io.microsoft.container.memory.sizeinmb", INT64_MAX >> 20, &megabytes,
                      err) != 0 ||
      read_annotation(annotations, "io.microsoft.container.storage.qos.bandwidthmaximum", INT64_MAX,
                      &out->storage_bps, err) != 0 ||
      read_annotation(annotations, "io.microsoft.container.storage.qos.iopsmaximum", INT64_MAX,
                      &out->storage_iops, err) != 0 ||
      read_annotation(annotations, "io.microsoft.container.processor.count", INT32_MAX, &out->cpu_count,
                      err) != 0 ||
      read_annotation(annotations, "io.microsoft.container.processor.limit", INT32_MAX, &out->cpu_maximum,
                      err) != 0 ||
      read_annotation(annotations, "io.microsoft.container.processor.weight", INT32_MAX, &out->cpu_shares,
                      err) != 0)
    return -1;
  if (megabytes.set)
    out->memory = (struct hp_number){.set = true, .value = megabytes.value << 20};
  return 0;
}

int hp_limits_annotate(const struct hp_json *annotations, struct hp_container_spec *spec,
                       struct hp_error *err) {
  spec->cpu_sent =
      (struct hp_cpu_forms){spec->limits.cpu_count, spec->limits.cpu_maximum, spec->limits.cpu_shares};
  if (read_annotations(annotations, &spec->annotated, err) != 0)
    return -1;
  hp_limits_merge(&spec->limits, &spec->annotated);
  return 0;
}

int hp_limits_parse(enum hp_os os, const char *data, size_t length, struct hp_limits *limits,
                    struct hp_error *err) {
  *limits = (struct hp_limits){0};
  json_t *tree = hp_json_load("the resources", data, length, HP_CONFIG_MAX, err);
  if (!tree)
    return -1;
  struct hp_json root = hp_json_root("resources", tree);
  int result = root.value ? hp_limits_read(os, &root, limits, err) : hp_json_refuse(&root, err, "an object");
  json_decref(tree);
  if (result != 0)
    hp_limits_clear(limits);
  return result;
}

static void merge_number(struct hp_number *base, struct hp_number change) {
  if (change.set)
    *base = change;
}

static void merge_text(char **base, const char *change) {
  if (!change)
    return;
  free(*base);
  *base = hp_strdup(change);
}

static void merge_throttles(struct hp_throttles *base, const struct hp_throttles *change) {
  if (change->count == 0)
    return;
  base->items = hp_realloc_array(base->items, change->count, sizeof *base->items);
  memcpy(base->items, change->items, change->count * sizeof *base->items);
  base->count = change->count;
}

static void merge_affinities(struct hp_affinities *base, const struct hp_affinities *change) {
  if (change->count == 0)
    return;
  base->items = hp_realloc_array(base->items, change->count, sizeof *base->items);
  memcpy(base->items, change->items, change->count * sizeof *base->items);
  base->count = change->count;
}

/* Windows has one CPU limit in one of three forms; a new form replaces the old.
 * (cpu_shares alone is Linux's too, where count and maximum are never set.) */
static void merge_cpu_form(struct hp_limits *base, const struct hp_limits *change) {
  if (change->cpu_count.set || change->cpu_maximum.set || change->cpu_shares.set)
    base->cpu_count = base->cpu_maximum = base->cpu_shares = (struct hp_number){0};
  merge_number(&base->cpu_shares, change->cpu_shares);
  merge_number(&base->cpu_count, change->cpu_count);
  merge_number(&base->cpu_maximum, change->cpu_maximum);
}

void hp_limits_take_new_cpu(struct hp_limits *change, struct hp_cpu_forms *sent) {
  struct {
    struct hp_number *now, *before;
  } forms[] = {{&change->cpu_count, &sent->count},
               {&change->cpu_maximum, &sent->maximum},
               {&change->cpu_shares, &sent->shares}};
  bool several = change->cpu_count.set + change->cpu_maximum.set + change->cpu_shares.set > 1;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    struct hp_number now = *forms[i].now, *before = forms[i].before;
    if (several && before->set && before->value == now.value)
      forms[i].now->set = false;
    merge_number(before, now);
  }
}

int hp_limits_judge_change(const struct hp_limits *now, const struct hp_limits *change,
                           struct hp_error *err) {
  struct hp_number size = change->storage_size;
  if (!size.set || (now->storage_size.set && now->storage_size.value == size.value))
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "windows.resources.storage.sandboxSize is %" PRId64 ", and the container's volume was "
                      "made with another size or none: leave it out, or make the container anew",
                      size.value);
}

void hp_limits_merge(struct hp_limits *base, const struct hp_limits *change) {
  /* Else the old limit of both would stand against it. */
  if (change->memory.set && change->memory.value == -1 && base->memory_swap.set)
    base->memory_swap.value = -1;
  merge_number(&base->memory, change->memory);
  merge_number(&base->memory_swap, change->memory_swap);
  merge_number(&base->memory_reservation, change->memory_reservation);
  merge_cpu_form(base, change);
  merge_number(&base->cpu_quota, change->cpu_quota);
  merge_number(&base->cpu_period, change->cpu_period);
  merge_text(&base->cpuset_cpus, change->cpuset_cpus);
  merge_text(&base->cpuset_mems, change->cpuset_mems);
  merge_number(&base->pids, change->pids);
  merge_number(&base->blkio_weight, change->blkio_weight);
  merge_throttles(&base->read_bps, &change->read_bps);
  merge_throttles(&base->write_bps, &change->write_bps);
  merge_throttles(&base->read_iops, &change->read_iops);
  merge_throttles(&base->write_iops, &change->write_iops);
  merge_affinities(&base->affinities, &change->affinities);
  merge_number(&base->storage_iops, change->storage_iops);
  merge_number(&base->storage_bps, change->storage_bps);
  merge_number(&base->storage_size, change->storage_size);
}

void hp_limits_clear(struct hp_limits *limits) {
  free(limits->cpuset_cpus);
  free(limits->cpuset_mems);
  free(limits->affinities.items);
  free(limits->read_bps.items);
  free(limits->write_bps.items);
  free(limits->read_iops.items);
  free(limits->write_iops.items);
  *limits = (struct hp_limits){0};
}
