/* resources.limits as kubelet hands them to the runtime. */
#include <string.h>

#include "spec/kubernetes_read.h"
#include "spec/quantity.h"

#define LINUX_PERIOD 100000 /* µs, kubelet's own */
#define LINUX_QUOTA_MIN 1000

int64_t hp_cpu_maximum(int64_t millis, unsigned processors) {
  int64_t all = (int64_t)(processors > 0 ? processors : 1) * 1000;
  if (millis >= all)
    return 10000;
  int64_t maximum = 10000 * millis / all;
  return maximum > 0 ? maximum : 1;
}

static int read_quantity(const struct hp_json *list, const char *key, unsigned scale, struct hp_number *out,
                         struct hp_error *err) {
  struct hp_json at = hp_json_at(list, key);
  int64_t value = 0;
  if (!at.value)
    return 0;
  if (!hp_quantity_read(at.value, scale, &value))
    return hp_json_refuse(&at, err, "a quantity of at least 0 such as 512Mi, 1.5 or 250m");
  if (value != 0) /* which asks for nothing */
    *out = (struct hp_number){.set = true, .value = value};
  return 0;
}

static void set_linux_cpu(struct hp_number limit, struct hp_number request, struct hp_limits *out) {
  if (limit.set) {
    int64_t quota = limit.value < INT64_MAX / LINUX_PERIOD ? limit.value * LINUX_PERIOD / 1000 : -1;
    out->cpu_quota =
        (struct hp_number){true, quota >= 0 && quota < LINUX_QUOTA_MIN ? LINUX_QUOTA_MIN : quota};
    out->cpu_period = (struct hp_number){true, LINUX_PERIOD};
  }
  int64_t millis = request.set ? request.value : limit.value;
  int64_t shares = millis < 256000 ? millis * 1024 / 1000 : 262144;
  out->cpu_shares = (struct hp_number){true, shares < 2 ? 2 : shares};
}

int hp_pod_limits_read(const struct hp_json *resources, enum hp_os os, struct hp_pod_container *out,
                       struct hp_error *err) {
  struct hp_json limits = hp_json_at(resources, "limits"), requests = hp_json_at(resources, "requests");
  struct hp_number cpu = {0}, cpu_request = {0}, memory_request = {0};
  if (hp_json_object(*resources, err) != 0 || hp_json_object(limits, err) != 0 ||
      hp_json_object(requests, err) != 0 || read_quantity(&limits, "cpu", 3, &cpu, err) != 0 ||
      read_quantity(&limits, "memory", 0, &out->spec.limits.memory, err) != 0 ||
      read_quantity(&requests, "cpu", 3, &cpu_request, err) != 0 ||
      read_quantity(&requests, "memory", 0, &memory_request, err) != 0)
    return -1;
  if (os == HP_OS_LINUX)
    set_linux_cpu(cpu, cpu_request, &out->spec.limits);
  else
    out->cpu_millis = cpu;
  return 0;
}
