/* The rules for limits, of Create and of Update. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "spec/allow.h"
#include "spec/rule.h"

/* min and max are the system's; a value that asks for nothing (-1) has passed. */
static int in_range(const char *field, struct hp_number number, int64_t min, int64_t max,
                    struct hp_error *err) {
  if (!number.set || (number.value >= min && number.value <= max))
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT, "%s is %" PRId64 ": it must be from %" PRId64 " to %" PRId64,
                      field, number.value, min, max);
}

/* What follows one number or range, from the lower to the higher; text itself if
 * it begins with none. */
static const char *after_range(const char *text) {
  char *end;
  unsigned long first = strtoul(text, &end, 10), last = first;
  if (*text < '0' || *text > '9')
    return text;
  if (*end == '-') {
    const char *second = end + 1;
    last = strtoul(second, &end, 10);
    if (*second < '0' || *second > '9')
      return text;
  }
  return last < first ? text : end;
}

static bool is_list(const char *text) {
  for (const char *end;; text = end + 1) {
    end = after_range(text);
    if (end == text || *end != ',')
      return end != text && *end == 0;
  }
}

/* A list of CPUs or memory nodes as cpuset(7) writes it: "0-3,7". */
static int is_cpuset(const char *field, const char *text, struct hp_error *err) {
  if (!text || (strlen(text) <= 4095 && is_list(text)))
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "%s is \"%.64s\": it must be a list of numbers and ranges such as 0-3,7", field, text);
}

int hp_rule_policy_memory(const struct hp_rule_subject *subject, struct hp_error *err) {
  return hp_allow_memory(subject->policy, subject->limits->memory, err);
}

int hp_rule_policy_cpu(const struct hp_rule_subject *subject, struct hp_error *err) {
  return hp_allow_cpu(subject->os, subject->policy, subject->limits, err);
}

int hp_rule_policy_storage(const struct hp_rule_subject *subject, struct hp_error *err) {
  return hp_allow_storage(subject->policy, subject->limits->storage_size, err);
}

int hp_rule_memory_swap(const struct hp_rule_subject *subject, struct hp_error *err) {
  const struct hp_limits *limits = subject->limits;
  int64_t swap = limits->memory_swap.value, memory = limits->memory.value;
  if (!limits->memory_swap.set || swap == -1)
    return 0;
  if (!limits->memory.set || memory == -1)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "linux.resources.memory.swap is %" PRId64 " without a memory limit: set "
                        "linux.resources.memory.limit too",
                        swap);
  if (swap < memory)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "linux.resources.memory.swap is %" PRId64 ", less than the memory limit %" PRId64
                        ": it is memory plus swap, make it at least as large",
                        swap, memory);
  return 0;
}

int hp_rule_linux_cpu_shares(const struct hp_rule_subject *subject, struct hp_error *err) {
  return in_range("linux.resources.cpu.shares", subject->limits->cpu_shares, 2, 262144, err);
}

int hp_rule_linux_cpu_quota(const struct hp_rule_subject *subject, struct hp_error *err) {
  struct hp_number quota = subject->limits->cpu_quota;
  return quota.value == -1 ? 0 : in_range("linux.resources.cpu.quota", quota, 1000, INT64_MAX / 1000, err);
}

int hp_rule_linux_cpu_period(const struct hp_rule_subject *subject, struct hp_error *err) {
  return in_range("linux.resources.cpu.period", subject->limits->cpu_period, 1000, 1000000, err);
}

int hp_rule_linux_block_weight(const struct hp_rule_subject *subject, struct hp_error *err) {
  return in_range("linux.resources.blockIO.weight", subject->limits->blkio_weight, 10, 1000, err);
}

int hp_rule_linux_cpus(const struct hp_rule_subject *subject, struct hp_error *err) {
  return is_cpuset("linux.resources.cpu.cpus", subject->limits->cpuset_cpus, err);
}

int hp_rule_linux_mems(const struct hp_rule_subject *subject, struct hp_error *err) {
  return is_cpuset("linux.resources.cpu.mems", subject->limits->cpuset_mems, err);
}

int hp_rule_windows_one_cpu_limit(const struct hp_rule_subject *subject, struct hp_error *err) {
  const struct hp_limits *limits = subject->limits;
  if (limits->cpu_count.set + limits->cpu_maximum.set + limits->cpu_shares.set <= 1)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "more than one of count, maximum and shares is set in windows.resources.cpu (%" PRId64
                      ", %" PRId64 ", %" PRId64 "): set only one",
                      limits->cpu_count.value, limits->cpu_maximum.value, limits->cpu_shares.value);
}

int hp_rule_windows_cpu_maximum(const struct hp_rule_subject *subject, struct hp_error *err) {
  return in_range("windows.resources.cpu.maximum", subject->limits->cpu_maximum, 1, 10000, err);
}

int hp_rule_windows_cpu_shares(const struct hp_rule_subject *subject, struct hp_error *err) {
  return in_range("windows.resources.cpu.shares", subject->limits->cpu_shares, 1, 10000, err);
}
