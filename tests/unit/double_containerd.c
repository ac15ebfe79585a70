#include "double_containerd.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "double_host.h"
#include "runtime/journal.h"
#include "support.h"

#define PATIENCE_NS (40ull * 1000 * 1000 * 1000)
#define EVENTS_MAX 16384
#define BUNDLES_MAX 128

struct hp_pod *pod;
uv_loop_t *loop;
char *directory;

static char *event_text;
static struct {
  char *line;
  uint64_t order;
} event_list[EVENTS_MAX];
static size_t event_count;
static uint64_t order;
static char *bundles[BUNDLES_MAX];
static size_t bundle_count;

/* ---- events -------------------------------------------------------------------- */

static void observe(void *arg, const struct hp_event *event) {
  static const char *const names[] = {"create",       "start", "exit",   "delete", "exec-added",
                                      "exec-started", "oom",   "paused", "resumed"};
  (void)arg;
  bool over = event->kind == HP_EVENT_EXIT || event->kind == HP_EVENT_DELETE;
  char *status = over ? hp_printf(" status=%u", event->status) : hp_strdup("");
  char *line = hp_printf("%s %s%s%s%s", names[event->kind], event->container_id, event->exec_id ? " " : "",
                         event->exec_id ? event->exec_id : "", status);
  ck_assert(event->when.seconds > 0);
  ck_assert(event->pid != 0);
  free(status);
  ck_assert(event_count < EVENTS_MAX);
  event_list[event_count].line = line;
  event_list[event_count++].order = ++order;
}

const char *events(void) {
  size_t length = 0;
  for (size_t i = 0; i < event_count; i++)
    length += strlen(event_list[i].line) + 1;
  free(event_text);
  char *at = event_text = hp_alloc(length + 1);
  for (size_t i = 0; i < event_count; i++)
    at += sprintf(at, "%s\n", event_list[i].line);
  return event_text;
}

void forget_events(void) {
  for (size_t i = 0; i < event_count; i++)
    free(event_list[i].line);
  event_count = 0;
}

uint64_t event_order(const char *line) {
  for (size_t i = 0; i < event_count; i++)
    if (strcmp(event_list[i].line, line) == 0)
      return event_list[i].order;
  return 0;
}

/* ---- world --------------------------------------------------------------------- */

void set_up(void) {
  hp_log_set_sink(NULL, NULL);
  double_reset();
  directory = unit_directory("runtime");
  order = 0;
  loop = hp_alloc(sizeof *loop);
  ck_assert_int_eq(uv_loop_init(loop), 0);
  pod = hp_pod_new(loop, "tests", NULL, observe, NULL);
}

static void remove_bundle(const char *bundle) {
  static const char *const files[] = {"config.json", HP_JOURNAL_NAME};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char *path = hp_printf("%s/%s", bundle, files[i]);
    unit_remove(path);
    free(path);
  }
  unit_remove_directory(bundle);
}

void tear_down(void) {
  if (pod)
    hp_pod_free(pod);
  pod = NULL;
  ck_assert_int_eq(uv_run(loop, UV_RUN_DEFAULT), 0);
  ck_assert_int_eq(uv_loop_close(loop), 0);
  free(loop);
  for (size_t i = 0; i < bundle_count; i++) {
    remove_bundle(bundles[i]);
    free(bundles[i]);
  }
  bundle_count = 0;
  unit_remove_directory(directory);
  free(directory);
  forget_events();
  free(event_text);
  event_text = NULL;
  ck_assert_uint_eq(double_containers(), 0);
  ck_assert_uint_eq(double_streams(), 0);
  ck_assert_uint_eq(double_watched(), 0);
  ck_assert_int_eq(double_expected(), 0);
}

const char *make_bundle(const char *id, const char *type, const char *sandbox_id) {
  char *bundle = hp_printf("%s/%s", directory, id);
  ck_assert(bundle_count < BUNDLES_MAX);
  bundles[bundle_count++] = bundle;
  unit_make_directory(bundle);
  json_t *annotations = json_pack("{s:s}", HP_ANNOTATION_HOSTPROCESS, "true");
  if (type)
    json_object_set_new(annotations, HP_ANNOTATION_CONTAINER_TYPE, json_string(type));
  if (sandbox_id)
    json_object_set_new(annotations, HP_ANNOTATION_SANDBOX_ID, json_string(sandbox_id));
  json_t *config =
      json_pack("{s:s,s:{s:[s],s:s,s:{s:s}},s:{s:s},s:o,s:{s:{s:{s:i}}}}", "ociVersion", "1.1.0", "process",
                "args", "/bin/true", "cwd", "/", "user", "username", "SYSTEM", "root", "path", "rootfs",
                "annotations", annotations, "linux", "resources", "memory", "limit", 1000000);
  char *path = hp_printf("%s/config.json", bundle);
  ck_assert_int_eq(json_dump_file(config, path, 0), 0);
  free(path);
  json_decref(config);
  return bundle;
}

void run_until(bool (*flag)(void *arg), void *arg) {
  uint64_t start_time = uv_hrtime();
  while (!flag(arg)) {
    ck_assert_msg(uv_hrtime() - start_time < PATIENCE_NS, "nothing happened for 40 s; calls so far:\n%s",
                  double_log());
    uv_run(loop, UV_RUN_NOWAIT);
    uv_sleep(1);
  }
}

static bool is_held(void *arg) {
  (void)arg;
  return double_is_held();
}

void run_until_held(void) {
  run_until(is_held, NULL);
}

static bool was_called(void *arg) {
  return double_called(arg);
}

void run_until_called(const char *line) {
  char *copy = hp_strdup(line);
  run_until(was_called, copy);
  free(copy);
}

/* Until the pool is done with all that it was given and all that came of it;
 * beside a call that is held the others get a while. */
void run_a_while(void) {
  uint64_t start_time = uv_hrtime();
  for (int turns = 0; turns < 20 || (loop->active_reqs.count > 0 && !double_is_held()) ||
                      (loop->active_reqs.count > 1 && turns < 200);
       turns++) {
    ck_assert_msg(uv_hrtime() - start_time < PATIENCE_NS, "the pool is never done; calls so far:\n%s",
                  double_log());
    uv_run(loop, UV_RUN_NOWAIT);
    uv_sleep(1);
  }
}

/* ---- calls ----------------------------------------------------------------------- */

static struct answer *take(void *arg, const struct hp_error *err) {
  struct answer *answer = arg;
  answer->there = true;
  answer->times++;
  answer->order = ++order;
  answer->code = err ? err->code : HP_OK;
  snprintf(answer->message, sizeof answer->message, "%s", err ? err->message : "");
  ck_assert_uint_eq(answer->times, 1);
  return answer;
}

static void take_done(void *arg, const struct hp_error *err) {
  take(arg, err);
}

static void take_pid(void *arg, uint32_t pid, const struct hp_error *err) {
  take(arg, err)->pid = pid;
}

static void take_exit(void *arg, const struct hp_exit *exited, const struct hp_error *err) {
  struct answer *answer = take(arg, err);
  if (exited)
    answer->exited = *exited;
}

static void take_pids(void *arg, const struct hp_pid *pids, size_t count, const struct hp_error *err) {
  struct answer *answer = take(arg, err);
  answer->count = count;
  for (size_t i = 0; i < count && i < 16; i++)
    answer->pids[i] = pids[i];
}

static void take_stats(void *arg, const char *type_url, const uint8_t *data, size_t length,
                       const struct hp_error *err) {
  struct answer *answer = take(arg, err);
  answer->count = length;
  if (!err)
    ck_assert_str_eq(type_url, "double.Metrics");
  if (length > 0)
    ck_assert_uint_eq(data[0], 42);
}

static void clear(struct answer *answer) {
  *answer = (struct answer){0};
}

void send_create(const char *id, const char *bundle, struct answer *answer) {
  clear(answer);
  struct host_rootfs_mount mount = {(char[]){"bind"}, (char[]){"/"}, (char[]){""}, {0}};
  hp_strings_add(&mount.options, "rbind");
  const struct hp_create_request request = {.id = id, .bundle = bundle, .rootfs = &mount, .rootfs_count = 1};
  hp_pod_create(pod, &request, take_pid, answer);
  hp_strings_clear(&mount.options); /* copied, as are all strings of a request */
}

void send_start(const char *id, const char *exec_id, struct answer *answer) {
  clear(answer);
  hp_pod_start(pod, id, exec_id, take_pid, answer);
}

void send_kill(const char *id, const char *exec_id, uint32_t signal, bool all, struct answer *answer) {
  clear(answer);
  hp_pod_kill(pod, id, exec_id, signal, all, take_done, answer);
}

void send_delete(const char *id, const char *exec_id, struct answer *answer) {
  clear(answer);
  hp_pod_delete(pod, id, exec_id, take_exit, answer);
}

struct hp_waiter *send_wait(const char *id, const char *exec_id, struct answer *answer) {
  clear(answer);
  return hp_pod_wait(pod, id, exec_id, take_exit, answer);
}

void send_pause(const char *id, bool pause, struct answer *answer) {
  clear(answer);
  hp_pod_pause(pod, id, pause, take_done, answer);
}

void send_update(const char *id, int64_t memory, int64_t shares, struct answer *answer) {
  clear(answer);
  const struct hp_limits limits = {.memory = {memory != 0, memory}, .cpu_shares = {shares != 0, shares}};
  hp_pod_update(pod, id, &limits, take_done, answer);
}

void send_pids(const char *id, struct answer *answer) {
  clear(answer);
  hp_pod_pids(pod, id, take_pids, answer);
}

void send_stats(const char *id, struct answer *answer) {
  clear(answer);
  hp_pod_stats(pod, id, take_stats, answer);
}

static bool is_there(void *arg) {
  return ((struct answer *)arg)->there;
}

enum hp_code receive(struct answer *answer) {
  run_until(is_there, answer);
  return answer->code;
}

enum hp_code create_in(const char *id, const char *bundle) {
  struct answer answer;
  send_create(id, bundle, &answer);
  return receive(&answer);
}

enum hp_code create(const char *id) {
  return create_in(id, make_bundle(id, NULL, NULL));
}

enum hp_code start(const char *id, const char *exec_id) {
  struct answer answer;
  send_start(id, exec_id, &answer);
  return receive(&answer);
}

enum hp_code add_exec(const char *id, const char *exec_id) {
  struct answer answer = {0};
  struct hp_process_spec process = {0};
  hp_strings_add(&process.args, "/bin/echo");
  const struct hp_exec_request request = {.id = id, .exec_id = exec_id, .process = &process};
  hp_pod_exec(pod, &request, take_done, &answer);
  ck_assert_uint_eq(process.args.count, 0); /* taken */
  return receive(&answer);
}

enum hp_code kill_with(const char *id, const char *exec_id, uint32_t signal) {
  struct answer answer;
  send_kill(id, exec_id, signal, false, &answer);
  return receive(&answer);
}

enum hp_code delete (const char *id, const char *exec_id) {
  struct answer answer; send_delete(id, exec_id, &answer); return receive(&answer);
}

static bool get_state(const char *id, const char *exec_id, struct hp_state *state) {
  struct hp_error err = HP_ERROR_INIT;
  bool known = hp_pod_state(pod, id, exec_id, state, &err) == 0;
  hp_error_clear(&err);
  return known;
}

uint32_t pid_of(const char *id, const char *exec_id) {
  struct hp_state state;
  return get_state(id, exec_id, &state) ? state.pid : 0;
}

int status_of(const char *id, const char *exec_id) {
  struct hp_state state;
  return get_state(id, exec_id, &state) ? (int)state.status : -1;
}
