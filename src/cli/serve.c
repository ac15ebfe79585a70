/* The life of the daemon: what it is made of, and in which order it is taken
 * apart when the service says that no container is left. */
#include <malloc.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/cli.h"
#include "host/host.h"
#include "runtime/pod.h"
#include "service/service.h"

#define POOL_THREADS "4"
#define CONNECTIONS_MAX 4096 /* containerd has one for each container */
#define ANSWER_GRACE_MS 2000 /* for calls that still run when the last container is gone */
#define EVENT_GRACE_MS 2000  /* for events that containerd has not taken */
#define CLOSE_GRACE_MS 2000  /* for pool threads that are stuck in the system */

struct shim {
  uv_loop_t loop;
  struct host_daemon *daemon;
  struct hp_publisher *publisher;
  struct hp_pod *pod;
  struct hp_task_service *task;
  struct ttrpc_server *server;
  bool reaping, listening, leaving;
  bool crowded; /* a connection too many was closed, and not one has been taken since */
};

/* ---- leaving --------------------------------------------------------------- */

static void on_published(void *arg) {
  struct shim *shim = arg;
  uv_stop(&shim->loop);
}

static void on_answered(void *arg) {
  struct shim *shim = arg;
  hp_publisher_finish(shim->publisher, EVENT_GRACE_MS, on_published, shim);
}

static void on_shutdown(void *arg) {
  struct shim *shim = arg;
  if (shim->leaving)
    return;
  shim->leaving = true;
  host_daemon_close(shim->daemon);
  shim->listening = false;
  ttrpc_server_shutdown(shim->server, ANSWER_GRACE_MS, on_answered, shim);
}

static void on_close_grace(uv_timer_t *timer) {
  uv_stop(timer->loop);
}

/* Lets what was closed finish. A thread of the pool may be stuck in a dead
 * mount: after a while the loop is left as it is. */
static void run_out(uv_loop_t *loop) {
  uv_timer_t grace;
  uv_timer_init(loop, &grace);
  uv_timer_start(&grace, on_close_grace, CLOSE_GRACE_MS, 0);
  uv_unref((uv_handle_t *)&grace);
  uv_run(loop, UV_RUN_DEFAULT);
  uv_close((uv_handle_t *)&grace, NULL);
  uv_run(loop, UV_RUN_NOWAIT);
}

/* Everything that was set up, upside down. Leaves by _Exit if the loop cannot
 * be closed, for exit would wait for the threads of the pool. */
static void take_apart(struct shim *shim, int status) {
  if (shim->listening)
    host_daemon_close(shim->daemon);
  if (shim->server)
    ttrpc_server_free(shim->server);
  if (shim->task)
    hp_task_service_free(shim->task);
  shim->task = NULL;
  if (shim->pod)
    hp_pod_free(shim->pod);
  if (shim->publisher)
    hp_publisher_free(shim->publisher);
  if (shim->reaping)
    host_reaper_stop();
  host_log_close();
  run_out(&shim->loop);
  if (uv_loop_close(&shim->loop) != 0)
    _Exit(status);
}

/* ---- being there ----------------------------------------------------------- */

static void on_hung_up(uv_stream_t *stream) {
  struct shim *shim = stream->loop->data;
  free(stream);
  if (shim->task)
    hp_task_service_hung_up(shim->task);
}

static void on_accepted(void *arg, uv_stream_t *stream) {
  struct shim *shim = arg;
  bool crowded = ttrpc_server_connections(shim->server) >= CONNECTIONS_MAX;
  if (crowded && !shim->crowded)
    hp_log(HP_LOG_WARNING, NULL, "%d connections are open, which is the limit: further ones are closed",
           CONNECTIONS_MAX);
  shim->crowded = crowded;
  ttrpc_server_accept(shim->server, stream, on_hung_up); /* closes those */
}

static int set_up(struct shim *shim, const struct hp_serve *serve, struct hp_error *err) {
  if (host_log_open(serve->bundle, serve->namespace_name, serve->id, &shim->loop, err) != 0)
    return -1;
  host_limits_raise();
  if (host_reaper_start(&shim->loop, err) != 0)
    return -1;
  shim->reaping = true;
  shim->publisher = hp_publisher_new(&shim->loop, serve->ttrpc_address, serve->namespace_name);
  shim->pod = hp_pod_new(&shim->loop, serve->namespace_name, serve->option_path, hp_publisher_observe,
                         shim->publisher);
  shim->task = hp_task_service_new(&shim->loop, shim->pod, on_shutdown, shim);
  hp_task_service_heed(shim->task, shim->publisher);
  struct ttrpc_service services[HP_TASK_SERVICES];
  hp_task_service_describe(shim->task, services);
  shim->server = ttrpc_server_new(&shim->loop, services, HP_TASK_SERVICES,
                                  &(struct ttrpc_server_limits){.connections = CONNECTIONS_MAX});
  if (host_daemon_listen(shim->daemon, &shim->loop, on_accepted, shim, err) != 0)
    return -1;
  shim->listening = true;
  return 0;
}

/* A pod's shim is one of hundreds on a node: one arena for all threads, and
 * what start left on the heap goes back. */
static void save_memory(void) {
#if defined(__GLIBC__)
  mallopt(M_ARENA_MAX, 1);
#endif
  hp_memory_trim();
}

static int serve_pod(struct host_daemon *daemon, const struct hp_serve *serve) {
  struct shim shim = {.daemon = daemon};
  struct hp_error err = HP_ERROR_INIT;
  hp_log_set_namespace(serve->namespace_name);
  hp_log_set_sandbox(serve->id);
  hp_log_set_level((enum hp_log_level)serve->log_level);
  int failed = uv_loop_init(&shim.loop);
  if (failed) {
    hp_error_set_uv(&err, failed, "cannot make the event loop");
    host_daemon_failed(daemon, &err);
    hp_error_clear(&err);
    return EXIT_FAILURE;
  }

  shim.loop.data = &shim;
  int status = EXIT_FAILURE;
  if (set_up(&shim, serve, &err) != 0) {
    host_daemon_failed(daemon, &err);
  } else if (!host_daemon_ready(daemon)) {
    hp_log(HP_LOG_ERROR, serve->id, "start has died before it could tell containerd of this shim: it ends");
  } else {
    hp_log(HP_LOG_DEBUG, serve->id, "the shim serves");
    uv_run(&shim.loop, UV_RUN_DEFAULT);
    status = EXIT_SUCCESS;
  }
  take_apart(&shim, status);
  hp_error_clear(&err);
  return status;
}

int hp_serve(struct host_daemon *daemon, const char *state) {
  struct hp_serve serve;
  struct hp_error err = HP_ERROR_INIT;
  json_t *owner = NULL;
  int status = EXIT_FAILURE;
  save_memory();
  uv_os_setenv("UV_THREADPOOL_SIZE", POOL_THREADS);
  if (hp_serve_unpack(state, &owner, &serve, &err) == 0)
    status = serve_pod(daemon, &serve);
  else
    host_daemon_failed(daemon, &err);
  json_decref(owner);
  hp_error_clear(&err);
  return status;
}
