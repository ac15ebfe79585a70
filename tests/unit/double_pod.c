#include "double_pod.h"

#include <stdlib.h>

#include "base/memory.h"

#define ASKED(pod, ...) (free((pod)->asked), (pod)->asked = hp_printf(__VA_ARGS__))

static const struct hp_error *failure_of(const struct hp_pod *pod) {
  return pod->failure.code == HP_OK ? NULL : &pod->failure;
}

static int answer_at_once(const struct hp_pod *pod, struct hp_error *err) {
  return failure_of(pod) ? hp_error_copy(err, &pod->failure) : 0;
}

static const char *text(const char *value) {
  return value ? value : "(null)";
}

static char *io_text(const struct hp_io_names *io) {
  return hp_printf("%s|%s|%s|%s", text(io->in), text(io->out), text(io->err),
                   io->terminal ? "terminal" : "plain");
}

void double_pod_clear(struct hp_pod *pod) {
  free(pod->asked);
  while (pod->waiter) {
    struct hp_waiter *next = pod->waiter->next;
    free(pod->waiter);
    pod->waiter = next;
  }
  hp_error_clear(&pod->failure);
  *pod = (struct hp_pod){0};
}

void double_pod_exit(struct hp_pod *pod) {
  while (pod->waiter) {
    struct hp_waiter waiter = *pod->waiter;
    free(pod->waiter);
    pod->waiter = waiter.next;
    waiter.done(waiter.arg, &pod->exited, failure_of(pod));
  }
}

void double_pod_become_empty(struct hp_pod *pod) {
  pod->busy = false;
  if (pod->empty)
    pod->empty(pod->empty_arg);
}

bool hp_pod_empty(const struct hp_pod *pod) {
  return !pod->busy;
}

void hp_pod_on_empty(struct hp_pod *pod, void (*empty)(void *arg), void *arg) {
  pod->empty = empty;
  pod->empty_arg = arg;
}

void hp_pod_create(struct hp_pod *pod, const struct hp_create_request *request, hp_pid_done done, void *arg) {
  char *io = io_text(&request->io);
  ASKED(pod, "create %s %s %s options=%s rootfs=%zu", request->id, request->bundle, io,
        text(request->option_path), request->rootfs_count);
  for (size_t i = 0; i < request->rootfs_count && i < 8; i++) {
    const struct host_rootfs_mount *mount = &request->rootfs[i];
    char *before = pod->asked;
    pod->asked = hp_printf("%s [%s %s %s", before, mount->type, mount->source, mount->target);
    free(before);
    for (size_t option = 0; option < mount->options.count; option++) {
      before = pod->asked;
      pod->asked = hp_printf("%s %s", before, mount->options.items[option]);
      free(before);
    }
    before = pod->asked;
    pod->asked = hp_printf("%s]", before);
    free(before);
  }
  free(io);
  if (request->sandbox) {
    struct hp_container_spec *spec = request->sandbox;
    ASKED(pod, "create sandbox %s %s role=%d hostprocess=%d own_network=%s", request->id, request->bundle,
          spec->role, spec->hostprocess, text(spec->own_network));
    hp_spec_clear(spec);
  }
  done(arg, pod->pid, failure_of(pod));
}

/* Not written down: most requests of the Sandbox service begin with it. */
int hp_pod_sandbox_state(struct hp_pod *pod, const char *id, struct hp_sandbox_state *state,
                         struct hp_error *err) {
  (void)id;
  *state = pod->sandbox;
  return answer_at_once(pod, err);
}

int hp_pod_sandbox_start(struct hp_pod *pod, const char *id, struct hp_error *err) {
  ASKED(pod, "sandbox start %s", id);
  return answer_at_once(pod, err);
}

void hp_pod_sandbox_stop(struct hp_pod *pod, const char *id, uint32_t grace_seconds, hp_done done,
                         void *arg) {
  ASKED(pod, "sandbox stop %s within %u s", id, grace_seconds);
  done(arg, failure_of(pod));
}

void hp_pod_sandbox_remove(struct hp_pod *pod, const char *id, hp_done done, void *arg) {
  ASKED(pod, "sandbox remove %s", id);
  done(arg, failure_of(pod));
}

void hp_pod_exec(struct hp_pod *pod, const struct hp_exec_request *request, hp_done done, void *arg) {
  char *io = io_text(&request->io);
  struct hp_process_spec *process = request->process;
  ASKED(pod, "exec %s %s %s %s terminal=%d", request->id, request->exec_id, io,
        process->args.count ? process->args.items[0] : "(no args)", process->terminal);
  free(io);
  hp_process_spec_clear(process);
  *process = (struct hp_process_spec){0};
  done(arg, failure_of(pod));
}

void hp_pod_start(struct hp_pod *pod, const char *id, const char *exec_id, hp_pid_done done, void *arg) {
  ASKED(pod, "start %s %s", id, text(exec_id));
  done(arg, pod->pid, failure_of(pod));
}

void hp_pod_delete(struct hp_pod *pod, const char *id, const char *exec_id, hp_exit_done done, void *arg) {
  ASKED(pod, "delete %s %s", id, text(exec_id));
  done(arg, &pod->exited, failure_of(pod));
}

struct hp_waiter *hp_pod_wait(struct hp_pod *pod, const char *id, const char *exec_id, hp_exit_done done,
                              void *arg) {
  ASKED(pod, "wait %s %s", id, text(exec_id));
  if (pod->has_exited || failure_of(pod)) {
    done(arg, &pod->exited, failure_of(pod));
    return NULL;
  }
  struct hp_waiter *waiter = hp_alloc(sizeof *waiter);
  *waiter = (struct hp_waiter){pod->waiter, done, arg};
  pod->waiter = waiter;
  return waiter;
}

void hp_pod_wait_cancel(struct hp_pod *pod, struct hp_waiter *waiter) {
  struct hp_waiter **at = &pod->waiter;
  while (*at && *at != waiter)
    at = &(*at)->next;
  if (!*at)
    abort();
  *at = waiter->next;
  free(waiter);
  pod->waits_cancelled++;
}

void hp_pod_kill(struct hp_pod *pod, const char *id, const char *exec_id, uint32_t signal, bool all,
                 hp_done done, void *arg) {
  ASKED(pod, "kill %s %s %u all=%d", id, text(exec_id), signal, all);
  done(arg, failure_of(pod));
}

void hp_pod_pause(struct hp_pod *pod, const char *id, bool pause, hp_done done, void *arg) {
  ASKED(pod, "%s %s", pause ? "pause" : "resume", id);
  done(arg, failure_of(pod));
}

void hp_pod_update(struct hp_pod *pod, const char *id, const struct hp_limits *limits, hp_done done,
                   void *arg) {
  ASKED(pod, "update %s memory=%lld", id, limits->memory.set ? (long long)limits->memory.value : -2LL);
  done(arg, failure_of(pod));
}

void hp_pod_pids(struct hp_pod *pod, const char *id, hp_pids_done done, void *arg) {
  ASKED(pod, "pids %s", id);
  done(arg, pod->pids, pod->pid_count, failure_of(pod));
}

void hp_pod_stats(struct hp_pod *pod, const char *id, hp_stats_done done, void *arg) {
  static const uint8_t data[] = {8, 0, 7};
  ASKED(pod, "stats %s", id);
  done(arg, "io.containerd.cgroups.v2.Metrics", data, sizeof data, failure_of(pod));
}

int hp_pod_resize(struct hp_pod *pod, const char *id, const char *exec_id, unsigned columns, unsigned rows,
                  struct hp_error *err) {
  ASKED(pod, "resize %s %s %ux%u", id, text(exec_id), columns, rows);
  return answer_at_once(pod, err);
}

int hp_pod_close_stdin(struct hp_pod *pod, const char *id, const char *exec_id, struct hp_error *err) {
  ASKED(pod, "close-stdin %s %s", id, text(exec_id));
  return answer_at_once(pod, err);
}

int hp_pod_state(struct hp_pod *pod, const char *id, const char *exec_id, struct hp_state *state,
                 struct hp_error *err) {
  ASKED(pod, "state %s %s", id, text(exec_id));
  *state = pod->state;
  return answer_at_once(pod, err);
}
