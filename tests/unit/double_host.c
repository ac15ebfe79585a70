#include "double_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "stdio/stdio.h"

#define THINGS_MAX 512
#define WATCHES_MAX 512
#define FIRST_PID 4000001u /* above any real pid, should one ever be signalled */

struct host_container {
  char id[128];
  void (*oom)(void *arg);
  void *oom_arg;
};

struct hp_stdio {
  void (*drained)(void *arg);
  void *arg;
};

struct watch {
  uint32_t pid, status;
  bool dead; /* it exited before somebody watched */
  host_exited exited;
  void *arg;
};

static uv_once_t lock_once = UV_ONCE_INIT;
static uv_mutex_t lock;
static uv_cond_t changed;
static struct {
  char *log;
  size_t log_length, log_size;
  unsigned fail_at;
  enum hp_code code;
  bool failed;
  char always[32], hold[128];
  unsigned held, sweeps;
  char *things[THINGS_MAX];
  size_t thing_count, containers, streams, left_behind;
  struct host_container *watched[WATCHES_MAX]; /* jobs */
  struct watch watches[WATCHES_MAX];
  size_t watch_count;
  int expected;
  uint32_t last_pid;
  bool hold_drains;
  struct hp_stdio *draining[WATCHES_MAX];
  size_t draining_count;
  json_t *made; /* what host_find_made answers */
} now;

static void make_lock(void) {
  if (uv_mutex_init(&lock) != 0 || uv_cond_init(&changed) != 0)
    abort();
}

void double_reset(void) {
  uv_once(&lock_once, make_lock);
  uv_mutex_lock(&lock);
  free(now.log);
  for (size_t i = 0; i < now.thing_count; i++)
    free(now.things[i]);
  json_decref(now.made);
  memset(&now, 0, sizeof now);
  now.log = hp_strdup("");
  now.log_size = 1;
  now.last_pid = FIRST_PID;
  now.code = HP_INTERNAL;
  uv_mutex_unlock(&lock);
}

const char *double_log(void) {
  static char *copy;
  uv_mutex_lock(&lock);
  free(copy);
  copy = hp_strdup(now.log);
  uv_mutex_unlock(&lock);
  return copy;
}

bool double_called(const char *line) {
  char *whole = hp_printf("\n%s\n", line), *text = hp_printf("\n%s", double_log());
  bool found = strstr(text, whole) != NULL;
  free(whole);
  free(text);
  return found;
}

void double_forget_log(void) {
  uv_mutex_lock(&lock);
  now.log[0] = '\0';
  now.log_length = 0;
  uv_mutex_unlock(&lock);
}

void double_fail_at(unsigned n) {
  uv_mutex_lock(&lock);
  now.fail_at = n;
  now.failed = false;
  uv_mutex_unlock(&lock);
}

bool double_has_failed(void) {
  uv_mutex_lock(&lock);
  bool failed = now.failed;
  uv_mutex_unlock(&lock);
  return failed;
}

void double_fail_always(const char *call) {
  uv_mutex_lock(&lock);
  snprintf(now.always, sizeof now.always, "%s", call ? call : "");
  uv_mutex_unlock(&lock);
}

void double_fail_with(enum hp_code code) {
  uv_mutex_lock(&lock);
  now.code = code;
  uv_mutex_unlock(&lock);
}

void double_hold(const char *beginning) {
  uv_mutex_lock(&lock);
  snprintf(now.hold, sizeof now.hold, "%s", beginning);
  uv_mutex_unlock(&lock);
}

unsigned double_sweeps(void) {
  uv_mutex_lock(&lock);
  unsigned sweeps = now.sweeps;
  uv_mutex_unlock(&lock);
  return sweeps;
}

bool double_is_held(void) {
  uv_mutex_lock(&lock);
  bool held = now.held > 0;
  uv_mutex_unlock(&lock);
  return held;
}

void double_let_go(void) {
  uv_mutex_lock(&lock);
  now.hold[0] = '\0';
  uv_cond_broadcast(&changed);
  uv_mutex_unlock(&lock);
}

static void note(const char *line) {
  size_t length = strlen(line);
  if (now.log_length + length + 2 > now.log_size) {
    now.log_size = 2 * (now.log_length + length + 2);
    now.log = hp_realloc_array(now.log, now.log_size, 1);
  }
  memcpy(now.log + now.log_length, line, length);
  now.log_length += length;
  memcpy(now.log + now.log_length++, "\n", 2);
}

/* Writes the call down, hangs if it is to, and says whether it is to fail.
 * Called with the lock, which hanging gives up. */
static int call(struct hp_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int call(struct hp_error *err, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *line = hp_vprintf(format, args);
  va_end(args);
  note(line);

  now.held++;
  while (now.hold[0] && strncmp(line, now.hold, strlen(now.hold)) == 0)
    uv_cond_wait(&changed, &lock);
  now.held--;

  int result = 0;
  bool always = now.always[0] && strncmp(line, now.always, strlen(now.always)) == 0;
  bool once = err && now.fail_at > 0 && --now.fail_at == 0;
  if (err && (always || once)) {
    now.failed = true;
    result = hp_error_set(err, now.code, "%s was made to fail", line);
  }
  free(line);
  return result;
}

/* Of either system. */
bool host_path_is_absolute(const char *path) {
  return path[0] == '/' || strncmp(path, "C:\\", 3) == 0;
}

/* ---- container ----------------------------------------------------------------- */

int host_check_network(const struct hp_container_spec *spec, struct hp_error *err) {
  (void)spec;
  (void)err;
  return 0;
}

int host_container_plan(const struct host_container_request *request, struct host_container **container,
                        json_t **records, struct hp_error *err) {
  uv_mutex_lock(&lock);
  int result = call(err, "plan %s", request->id);
  if (result == 0) {
    *container = hp_alloc(sizeof **container);
    snprintf((*container)->id, sizeof(*container)->id, "%s", request->id);
    now.containers++;
    *records = json_pack("[{s:s,s:s},{s:s,s:s},{s:s,s:s}]", "kind", "uid", "id", request->id, "kind", "mount",
                         "id", request->id, "kind", "cgroup", "id", request->id);
  }
  uv_mutex_unlock(&lock);
  return result;
}

static char *thing_of(const json_t *record) {
  return hp_printf("%s %s", json_string_value(json_object_get(record, "id")),
                   json_string_value(json_object_get(record, "kind")));
}

/* A make that fails has made the thing all the same: the worse case. */
int host_container_make(struct host_container *container, const json_t *record, struct hp_error *err) {
  (void)container;
  char *thing = thing_of(record);
  uv_mutex_lock(&lock);
  int result = call(err, "make %s", thing);
  now.things[now.thing_count++] = thing;
  uv_mutex_unlock(&lock);
  return result;
}

void host_container_free(struct host_container *container) {
  if (!container)
    return;
  uv_mutex_lock(&lock);
  now.containers--;
  uv_mutex_unlock(&lock);
  free(container);
}

int host_release(const json_t *record, struct hp_error *err) {
  char *thing = thing_of(record);
  uv_mutex_lock(&lock);
  int result = call(err, "release %s", thing);
  for (size_t i = 0; result == 0 && i < now.thing_count; i++)
    if (strcmp(now.things[i], thing) == 0) {
      free(now.things[i]);
      now.things[i] = now.things[--now.thing_count];
      break;
    }
  uv_mutex_unlock(&lock);
  free(thing);
  return result;
}

/* ---- job ------------------------------------------------------------------------- */

static int simple_call(const char *name, const struct host_container *container, struct hp_error *err) {
  uv_mutex_lock(&lock);
  int result = call(err, "%s %s", name, container->id);
  uv_mutex_unlock(&lock);
  return result;
}

int host_job_kill(struct host_container *container, struct hp_error *err) {
  return simple_call("job_kill", container, err);
}

int host_job_signal(struct host_container *container, int signal, struct hp_error *err) {
  uv_mutex_lock(&lock);
  int result = call(err, "job_signal %s %d", container->id, signal);
  uv_mutex_unlock(&lock);
  return result;
}

int host_job_pids(struct host_container *container, uint32_t **pids, size_t *count, struct hp_error *err) {
  uv_mutex_lock(&lock);
  int result = call(err, "pids %s", container->id);
  size_t total = 0;
  *pids = hp_realloc_array(NULL, now.watch_count + now.left_behind + 1, sizeof **pids);
  for (size_t i = 0; i < now.watch_count; i++)
    if (!now.watches[i].dead)
      (*pids)[total++] = now.watches[i].pid;
  for (size_t i = 0; i < now.left_behind; i++)
    (*pids)[total++] = FIRST_PID - 1 - (uint32_t)i;
  *count = total;
  if (result != 0) {
    free(*pids);
    *pids = NULL;
    *count = 0;
  }
  uv_mutex_unlock(&lock);
  return result;
}

int host_job_pause(struct host_container *container, bool pause, struct hp_error *err) {
  return simple_call(pause ? "pause" : "resume", container, err);
}

int host_job_update(struct host_container *container, const struct hp_limits *limits, struct hp_error *err) {
  uv_mutex_lock(&lock);
  int result = call(err, "update %s memory=%lld shares=%lld", container->id, (long long)limits->memory.value,
                    (long long)limits->cpu_shares.value);
  uv_mutex_unlock(&lock);
  return result;
}

int host_job_stats(struct host_container *container, const char **type_url, uint8_t **data, size_t *length,
                   struct hp_error *err) {
  int result = simple_call("stats", container, err);
  if (result != 0)
    return result;
  *type_url = "double.Metrics";
  *data = hp_alloc(1);
  **data = 42;
  *length = 1;
  return 0;
}

unsigned host_processors(void) {
  return 4;
}

int host_pod_stats(const struct hp_container_spec *sandbox, const char **type_url, uint8_t **data,
                   size_t *length, struct hp_error *err) {
  (void)sandbox;
  (void)err;
  *type_url = "double.Metrics";
  *data = hp_alloc(2);
  **data = 42;
  *length = 2; /* by which a job's is told from it */
  return 0;
}

int host_empty_stats(const char **type_url, uint8_t **data, size_t *length) {
  *type_url = "double.Metrics";
  *data = NULL;
  *length = 0;
  return 0;
}

int host_job_watch_oom(struct host_container *container, uv_loop_t *loop, void (*hit)(void *arg), void *arg,
                       struct hp_error *err) {
  (void)loop;
  uv_mutex_lock(&lock);
  int result = call(err, "watch_oom %s", container->id);
  if (result == 0) {
    container->oom = hit;
    container->oom_arg = arg;
    for (size_t i = 0; i < WATCHES_MAX; i++)
      if (!now.watched[i]) {
        now.watched[i] = container;
        break;
      }
  }
  uv_mutex_unlock(&lock);
  return result;
}

void host_job_unwatch_oom(struct host_container *container) {
  uv_mutex_lock(&lock);
  for (size_t i = 0; i < WATCHES_MAX; i++)
    if (now.watched[i] == container)
      now.watched[i] = NULL;
  uv_mutex_unlock(&lock);
}

void double_run_out_of_memory(const char *id) {
  for (size_t i = 0; i < WATCHES_MAX; i++)
    if (now.watched[i] && strcmp(now.watched[i]->id, id) == 0) {
      now.watched[i]->oom(now.watched[i]->oom_arg);
      return;
    }
}

void double_leave_behind(size_t count) {
  now.left_behind = count;
}

/* ---- process --------------------------------------------------------------------- */

int host_process_spawn(struct host_container *container, const struct host_spawn *spawn,
                       struct host_spawned *spawned, struct hp_error *err) {
  uv_mutex_lock(&lock);
  int result = call(err, "spawn %s %s%s", container->id, spawn->process->args.items[0],
                    spawn->process->terminal ? " terminal" : "");
  if (result == 0)
    *spawned = (struct host_spawned){++now.last_pid, HOST_HANDLE_NONE};
  uv_mutex_unlock(&lock);
  return result;
}

/* 0 is one of Windows' console events. */
int host_signal_check(uint32_t signal, struct hp_error *err) {
  return signal <= 64 ? 0 : hp_error_set(err, HP_INVALID_ARGUMENT, "no signal %u", signal);
}

void double_find(json_t *records) {
  json_decref(now.made);
  now.made = records;
}

int host_find_made(json_t **records, struct hp_error *err) {
  *records = json_deep_copy(now.made);
  return *records ? 0 : hp_error_set(err, HP_FAILED_PRECONDITION, "the ledger cannot be read");
}

void host_sweep(void) {
  uv_mutex_lock(&lock);
  now.sweeps++;
  uv_mutex_unlock(&lock);
}

int host_process_signal(uint32_t pid, int signal, struct hp_error *err) {
  uv_mutex_lock(&lock);
  call(NULL, "signal %u %d", pid - FIRST_PID, signal);
  int result = -1;
  for (size_t i = 0; i < now.watch_count; i++)
    if (now.watches[i].pid == pid && !now.watches[i].dead)
      result = 0;
  uv_mutex_unlock(&lock);
  return result == 0 ? 0 : hp_error_set(err, HP_NOT_FOUND, "pid %u is gone", pid);
}

void host_reaper_expect(int change) {
  now.expected += change;
}

void host_reaper_watch(uint32_t pid, host_exited exited, void *arg) {
  uv_mutex_lock(&lock);
  now.watches[now.watch_count++] = (struct watch){.pid = pid, .exited = exited, .arg = arg};
  uv_mutex_unlock(&lock);
}

static bool take_watch(uint32_t pid, struct watch *watch) {
  bool found = false;
  uv_mutex_lock(&lock);
  for (size_t i = 0; !found && i < now.watch_count; i++)
    if (now.watches[i].pid == pid) {
      *watch = now.watches[i];
      now.watches[i] = now.watches[--now.watch_count];
      found = true;
    }
  uv_mutex_unlock(&lock);
  return found;
}

void host_reaper_forget(uint32_t pid) {
  struct watch watch;
  take_watch(pid, &watch);
}

void double_exit(uint32_t pid, uint32_t status) {
  struct watch watch;
  if (take_watch(pid, &watch))
    watch.exited(watch.arg, pid, status, (struct hp_time){1000000000 + (int64_t)status, 7});
}

/* ---- streams --------------------------------------------------------------------- */

int hp_stdio_open(const struct hp_stdio_request *request, struct hp_stdio **stdio, struct hp_error *err) {
  uv_mutex_lock(&lock);
  int result = call(err, "open %s%s", request->container_id, request->exec ? " exec" : "");
  if (result == 0) {
    *stdio = hp_alloc(sizeof **stdio);
    now.streams++;
  }
  uv_mutex_unlock(&lock);
  return result;
}

void hp_stdio_ends(const struct hp_stdio *stdio, host_handle ends[3]) {
  (void)stdio;
  ends[0] = ends[1] = ends[2] = HOST_HANDLE_NONE;
}

void hp_stdio_attach(struct hp_stdio *stdio, uv_loop_t *loop, host_handle terminal) {
  (void)stdio;
  (void)loop;
  (void)terminal;
}

void hp_stdio_drain(struct hp_stdio *stdio, void (*drained)(void *arg), void *arg) {
  if (!now.hold_drains) {
    drained(arg);
    return;
  }
  stdio->drained = drained;
  stdio->arg = arg;
  now.draining[now.draining_count++] = stdio;
}

void double_hold_drains(void) {
  now.hold_drains = true;
}

void double_drain(void) {
  now.hold_drains = false;
  while (now.draining_count > 0) {
    struct hp_stdio *stdio = now.draining[--now.draining_count];
    stdio->drained(stdio->arg);
  }
}

void hp_stdio_close_stdin(struct hp_stdio *stdio) {
  (void)stdio;
  uv_mutex_lock(&lock);
  call(NULL, "close_stdin");
  uv_mutex_unlock(&lock);
}

int hp_stdio_resize(struct hp_stdio *stdio, unsigned columns, unsigned rows, struct hp_error *err) {
  (void)stdio;
  uv_mutex_lock(&lock);
  int result = call(err, "resize %ux%u", columns, rows);
  uv_mutex_unlock(&lock);
  return result;
}

void hp_stdio_close(struct hp_stdio *stdio, uv_loop_t *loop) {
  (void)loop;
  if (!stdio)
    return;
  for (size_t i = 0; i < now.draining_count; i++)
    if (now.draining[i] == stdio)
      now.draining[i--] = now.draining[--now.draining_count];
  uv_mutex_lock(&lock);
  now.streams--;
  uv_mutex_unlock(&lock);
  free(stdio);
}

/* ---- what is left ------------------------------------------------------------------ */

static size_t read_count(const size_t *count) {
  uv_mutex_lock(&lock);
  size_t value = *count;
  uv_mutex_unlock(&lock);
  return value;
}

size_t double_things(void) {
  return read_count(&now.thing_count);
}

size_t double_containers(void) {
  return read_count(&now.containers);
}

size_t double_streams(void) {
  return read_count(&now.streams);
}

size_t double_watched(void) {
  size_t jobs = 0;
  for (size_t i = 0; i < WATCHES_MAX; i++)
    jobs += now.watched[i] != NULL;
  return jobs + read_count(&now.watch_count);
}

int double_expected(void) {
  return now.expected;
}
