/* Limits, command line and working directory as they come out. */
#include <stdlib.h>
#include <string.h>

#include "cli/validate.h"
#include "spec/command_windows.h"
#include "spec/text.h"

#define SYSTEM_ROOT "C:\\Windows"

/* ---- limits ----------------------------------------------------------------------- */

/* job is taken. */
static void add_limit(json_t *list, const char *name, int64_t value, char *job) {
  json_array_append_new(list,
                        json_pack("{s:s, s:I, s:s}", "limit", name, "value", (json_int_t)value, "job", job));
  free(job);
}

static void add_windows_cpu(json_t *list, const struct hp_outcome *outcome) {
  const struct hp_limits *limits = &outcome->container->spec.limits;
  struct hp_number millis = outcome->container->cpu_millis;
  if (millis.set && outcome->policy->processors == 0)
    add_limit(
        list, "resources.limits.cpu", millis.value,
        hp_printf("CpuRate = 10 * %lld / the node's processors, from 1 to 10000, a hard cap in hundredths "
                  "of a percent",
                  (long long)millis.value));
  else if (limits->cpu_maximum.set)
    add_limit(list, "cpu.maximum", limits->cpu_maximum.value,
              hp_printf("CpuRate = %lld, a hard cap in hundredths of a percent",
                        (long long)limits->cpu_maximum.value));
  if (limits->cpu_count.set)
    add_limit(list, "cpu.count", limits->cpu_count.value,
              hp_printf("CpuRate = 10000 * %lld / the node's processors, at most 10000, a hard cap",
                        (long long)limits->cpu_count.value));
  if (limits->cpu_shares.set) {
    long long weight = 1 + 8 * limits->cpu_shares.value / 10000;
    add_limit(list, "cpu.shares", limits->cpu_shares.value, hp_printf("Weight = %lld of 1 to 9", weight));
  }
}

static void add_windows(json_t *list, const struct hp_outcome *outcome) {
  const struct hp_limits *limits = &outcome->container->spec.limits;
  if (limits->memory.set)
    add_limit(list, "memory.limit", limits->memory.value,
              hp_printf("JobMemoryLimit = %lld bytes", (long long)limits->memory.value));
  add_windows_cpu(list, outcome);
  if (limits->affinities.count > 0)
    add_limit(list, "cpu.affinity", (int64_t)limits->affinities.count, hp_strdup("GROUP_AFFINITY, as many"));
  if (limits->storage_size.set)
    add_limit(list, "storage.sandboxSize", limits->storage_size.value,
              hp_strdup("the scratch volume is expanded to as many bytes"));
  if (limits->storage_iops.set)
    add_limit(list, "storage.iops", limits->storage_iops.value,
              hp_strdup("I/O rate control, where Windows has it"));
  if (limits->storage_bps.set)
    add_limit(list, "storage.bps", limits->storage_bps.value,
              hp_strdup("I/O rate control, where Windows has it"));
}

static void add_processors(json_t *list, const char *name, const char *value, const char *file) {
  if (value)
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "limit", name, "value", value, "job", file));
}

static void add_linux(json_t *list, const struct hp_limits *limits) {
  const struct {
    const char *name;
    const struct hp_number *value;
    const char *file;
  } numbers[] = {
      {"memory.limit", &limits->memory, "memory.max"},
      {"memory.swap", &limits->memory_swap, "memory.swap.max, as memory plus swap"},
      {"memory.reservation", &limits->memory_reservation, "memory.low"},
      {"cpu.quota", &limits->cpu_quota, "cpu.max, in microseconds a period"},
      {"cpu.period", &limits->cpu_period, "cpu.max, in microseconds"},
      {"cpu.shares", &limits->cpu_shares, "cpu.weight, by its own scale"},
      {"pids.limit", &limits->pids, "pids.max"},
      {"blockIO.weight", &limits->blkio_weight, "io.weight, by its own scale"},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (numbers[i].value->set)
      add_limit(list, numbers[i].name, numbers[i].value->value, hp_strdup(numbers[i].file));
  add_processors(list, "cpu.cpus", limits->cpuset_cpus, "cpuset.cpus");
  add_processors(list, "cpu.mems", limits->cpuset_mems, "cpuset.mems");
  size_t rates =
      limits->read_bps.count + limits->write_bps.count + limits->read_iops.count + limits->write_iops.count;
  if (rates > 0)
    add_limit(list, "blockIO.throttle", (int64_t)rates, hp_strdup("io.max, as many rates"));
}

json_t *hp_outcome_limits(const struct hp_outcome *outcome) {
  json_t *list = json_array();
  if (outcome->os == HP_OS_WINDOWS)
    add_windows(list, outcome);
  else
    add_linux(list, &outcome->container->spec.limits);
  return list;
}

/* ---- program ---------------------------------------------------------------------- */

/* The error becomes a warning: Start will say so. */
static void warn(json_t *warnings, struct hp_error *err) {
  char *text = hp_printf("Start will fail: %s", err->message);
  json_array_append_new(warnings, json_string(text));
  free(text);
  hp_error_clear(err);
}

/* As Start does where the look-up finds nothing else of the name. */
static int quote(const struct hp_strings *args, char **line, struct hp_error *err) {
  const char *program = args->items[0];
  return hp_command_windows_is_batch(program)
             ? hp_command_windows_batch(program, args, SYSTEM_ROOT, line, err)
             : hp_command_windows_quote(args, line, err);
}

static char *windows_line(const struct hp_process_spec *process, const struct hp_strings *args,
                          const char *volume, json_t *warnings) {
  struct hp_error err = HP_ERROR_INIT;
  char *line = NULL;
  if (process->command_line && process->command_line[0])
    line = hp_command_expand(process->command_line, volume);
  else if (args->count > 0 && quote(args, &line, &err) != 0)
    warn(warnings, &err);
  if (line && hp_command_windows_length(line) > HP_COMMAND_LINE_MAX)
    json_array_append_new(warnings, json_string("Start will fail: the command line is longer than the 32766 "
                                                "characters that Windows takes"));
  return line;
}

json_t *hp_outcome_program(const struct hp_outcome *outcome, const char *volume, json_t *warnings) {
  const struct hp_container_spec *spec = &outcome->container->spec;
  struct hp_strings args = {0};
  json_t *program =
      json_pack("{s:b, s:b}", "ofImage", (int)spec->image_program, "terminal", (int)spec->process.terminal);
  json_t *list = json_array();
  for (size_t i = 0; i < spec->process.args.count; i++) {
    hp_strings_take(&args, hp_command_expand(spec->process.args.items[i], volume));
    json_array_append_new(list, json_string(args.items[i]));
  }
  json_object_set_new(program, "args", list);
  if (outcome->os == HP_OS_WINDOWS && (args.count > 0 || spec->process.command_line)) {
    char *line = windows_line(&spec->process, &args, volume, warnings);
    if (line)
      json_object_set_new(program, "commandLine", json_string(line));
    free(line);
  }
  hp_strings_clear(&args);
  return program;
}

/* ---- working directory ----------------------------------------------------------------- */

static void add_windows_directories(json_t *list, const char *cwd, const char *volume, bool bind,
                                    json_t *warnings) {
  const struct hp_command_windows_host host = {.mount_point = volume, .system_root = SYSTEM_ROOT};
  struct hp_command_windows_directory places[HP_COMMAND_DIRECTORIES_MAX];
  struct hp_error err = HP_ERROR_INIT;
  size_t count = 0;
  if (hp_command_windows_directories(cwd, bind, &host, places, &count, &err) != 0)
    warn(warnings, &err);
  for (size_t i = 0; i < count; i++) {
    json_array_append_new(list, json_string(places[i].path));
    free(places[i].path);
  }
}

static bool lies_in(const char *path, const char *folder) {
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == 0 || path[length] == '/');
}

static void add_linux_directories(json_t *list, const char *cwd, const char *volume, bool bind) {
  bool nobody_chose = !cwd || strspn(cwd, "/") == strlen(cwd) || strcmp(cwd, "/hpc") == 0;
  if (nobody_chose || lies_in(cwd, volume)) {
    json_array_append_new(list, json_string(nobody_chose ? volume : cwd));
    return;
  }
  char *below = hp_printf("%s%s%s", volume, cwd[0] == '/' ? "" : "/", cwd);
  if (cwd[0] == '/' && bind)
    json_array_append_new(list, json_string(cwd));
  json_array_append_new(list, json_string(below));
  if (cwd[0] == '/' && !bind)
    json_array_append_new(list, json_string(cwd));
  free(below);
}

json_t *hp_outcome_directories(const struct hp_outcome *outcome, const char *volume, bool bind,
                               json_t *warnings) {
  const char *given = outcome->container->spec.process.cwd;
  char *cwd = given ? hp_command_expand(given, volume) : NULL;
  json_t *list = json_array();
  if (outcome->os == HP_OS_WINDOWS)
    add_windows_directories(list, cwd, volume, bind, warnings);
  else
    add_linux_directories(list, cwd, volume, bind);
  free(cwd);
  return list;
}
