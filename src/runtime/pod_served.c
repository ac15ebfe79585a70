/* The pod as the Sandbox service has it: its sandbox, which has no process, and
 * what befalls the members with it. */
#include <stdlib.h>
#include <string.h>

#include "runtime/container.h"

#define SIGNAL_KILL 9
#define SIGNAL_TERM 15

/* ---- state ------------------------------------------------------------------------ */

static struct hp_container *find(const struct hp_pod *pod, const char *id, struct hp_error *err) {
  struct hp_container *sandbox = hp_pod_served(pod);
  if (!sandbox || strcmp(sandbox->id, id) != 0) {
    hp_error_set(err, HP_NOT_FOUND, "sandbox \"%s\" not found", id);
    return NULL;
  }
  if (!sandbox->creating)
    return sandbox;
  hp_error_set(err, HP_FAILED_PRECONDITION, "sandbox \"%s\" is still being created", id);
  return NULL;
}

int hp_pod_sandbox_state(struct hp_pod *pod, const char *id, struct hp_sandbox_state *state,
                         struct hp_error *err) {
  const struct hp_container *sandbox = find(pod, id, err);
  if (!sandbox)
    return -1;
  *state = (struct hp_sandbox_state){
      .pid = hp_process_pid(sandbox->init),
      .ready = sandbox->init->phase == HP_PHASE_RUNNING,
      .created = hp_sandbox_created(sandbox->sandbox),
      .exited = sandbox->init->exited.when,
  };
  return 0;
}

int hp_pod_sandbox_start(struct hp_pod *pod, const char *id, struct hp_error *err) {
  if (!hp_pod_served(pod))
    return hp_error_set(err, HP_FAILED_PRECONDITION,
                        "sandbox \"%s\" is not created: CreateSandbox comes before StartSandbox", id);
  struct hp_container *sandbox = find(pod, id, err);
  if (!sandbox)
    return -1;
  if (sandbox->init->phase != HP_PHASE_CREATED)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "sandbox \"%s\" %s", id,
                        sandbox->init->phase == HP_PHASE_RUNNING ? "was started already"
                                                                 : "has stopped: it cannot start again");
  sandbox->init->phase = HP_PHASE_RUNNING;
  hp_container_publish(sandbox, HP_EVENT_START);
  return 0;
}

/* ---- the end ------------------------------------------------------------------------ */

/* Stop goes as far as the end of the sandbox, removal the whole way. Each step is
 * over when nothing is awaited any more, and a failure ends it all. */
enum step { STEP_ASK, STEP_KILL, STEP_WAIT, STEP_END, STEP_DELETE_MEMBERS, STEP_DELETE_SANDBOX };

struct ending {
  struct hp_pod *pod;
  enum step step, last;
  uv_timer_t grace; /* runs during STEP_ASK */
  size_t awaited;
  struct hp_error err; /* the first */
  hp_done done;
  void *arg;
};

static void arrive(struct ending *ending);

static void answer(struct ending *ending) {
  if (ending->done)
    ending->done(ending->arg, ending->err.message ? &ending->err : NULL);
  ending->done = NULL;
}

/* What is gone is what was wanted. Whoever could not be killed after its grace may
 * live for long: the caller does not wait for that. */
static void killed(void *arg, const struct hp_error *err) {
  struct ending *ending = arg;
  if (err && err->code != HP_NOT_FOUND && !ending->err.message) {
    hp_error_copy(&ending->err, err);
    if (ending->step == STEP_ASK)
      answer(ending);
  }
  arrive(ending);
}

static void over(void *arg, const struct hp_exit *exited, const struct hp_error *err) {
  (void)exited;
  killed(arg, err);
}

/* Whether it could be asked shows when its time is over. */
static void asked(void *arg, const struct hp_error *err) {
  (void)err;
  arrive(arg);
}

static void kill_member(struct ending *ending, const struct hp_container *member) {
  ending->awaited++;
  hp_pod_kill(ending->pod, member->id, NULL, SIGNAL_KILL, true, killed, ending);
}

/* One that is still being created has nothing to kill; its Delete waits for it. */
static bool is_alive(const struct hp_container *member) {
  return !member->creating && member->init->phase != HP_PHASE_STOPPED;
}

static void step_member(struct ending *ending, const struct hp_container *member) {
  bool alive = is_alive(member), started = alive && member->init->phase != HP_PHASE_CREATED;
  if (ending->step == STEP_ASK && started) {
    ending->awaited += 2;
    hp_pod_wait(ending->pod, member->id, NULL, over, ending);
    hp_pod_kill(ending->pod, member->id, NULL, SIGNAL_TERM, false, asked, ending);
  } else if (ending->step == STEP_KILL && alive) {
    kill_member(ending, member);
  } else if (ending->step == STEP_WAIT && started) {
    ending->awaited++;
    hp_pod_wait(ending->pod, member->id, NULL, over, ending);
  } else if (ending->step == STEP_DELETE_MEMBERS) {
    ending->awaited++;
    hp_pod_delete(ending->pod, member->id, NULL, over, ending);
  }
}

static void step_sandbox(struct ending *ending, const struct hp_container *sandbox) {
  if (ending->step == STEP_END && !sandbox->creating && sandbox->init->phase != HP_PHASE_STOPPED)
    hp_process_end(sandbox->init, 0);
  if (ending->step != STEP_DELETE_SANDBOX)
    return;
  ending->awaited++;
  hp_pod_delete(ending->pod, sandbox->id, NULL, over, ending);
}

static void take_step(struct ending *ending) {
  struct hp_container *next;
  for (struct hp_container *container = ending->pod->containers; container; container = next) {
    next = container->next; /* an operation may end, and take the container with it, at once */
    if (container->served)
      step_sandbox(ending, container);
    else
      step_member(ending, container);
  }
}

static void free_ending(uv_handle_t *grace) {
  free(grace->data);
}

static void finish(struct ending *ending) {
  answer(ending);
  hp_error_clear(&ending->err);
  uv_close((uv_handle_t *)&ending->grace, free_ending);
}

/* The sandbox's journal names the members': it goes when they have nothing left. */
static void arrive(struct ending *ending) {
  while (--ending->awaited == 0) {
    if (ending->err.message || ending->step == ending->last) {
      finish(ending);
      return;
    }
    uv_timer_stop(&ending->grace);
    ending->step++;
    ending->awaited = 1; /* held while the step is taken */
    take_step(ending);
  }
}

/* The step goes on: its members are waited for, however they end. */
static void grace_is_over(uv_timer_t *grace) {
  struct ending *ending = grace->data;
  ending->awaited++; /* held meanwhile */
  for (struct hp_container *member = ending->pod->containers, *next; member; member = next) {
    next = member->next;
    if (!member->served && is_alive(member))
      kill_member(ending, member);
  }
  arrive(ending);
}

static void begin(struct hp_pod *pod, uint32_t grace_seconds, enum step last, hp_done done, void *arg) {
  struct ending *ending = hp_alloc(sizeof *ending);
  *ending = (struct ending){.pod = pod,
                            .step = grace_seconds > 0 ? STEP_ASK : STEP_KILL,
                            .last = last,
                            .awaited = 1,
                            .done = done,
                            .arg = arg};
  uv_timer_init(pod->loop, &ending->grace);
  ending->grace.data = ending;
  if (grace_seconds > 0)
    uv_timer_start(&ending->grace, grace_is_over, (uint64_t)grace_seconds * 1000, 0);
  take_step(ending);
  arrive(ending);
}

void hp_pod_sandbox_stop(struct hp_pod *pod, const char *id, uint32_t grace_seconds, hp_done done,
                         void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  if (find(pod, id, &err)) {
    begin(pod, grace_seconds, STEP_END, done, arg);
    return;
  }
  done(arg, &err);
  hp_error_clear(&err);
}

/* A sandbox that is still being created is one too: its Delete waits for it. */
static int admit_removal(const struct hp_pod *pod, const char *id, struct hp_error *err) {
  const struct hp_container *sandbox = hp_pod_served(pod);
  if (sandbox && strcmp(sandbox->id, id) != 0)
    return hp_error_set(err, HP_NOT_FOUND, "sandbox \"%s\" not found", id);
  if (!sandbox && pod->containers)
    return hp_error_set(
        err, HP_FAILED_PRECONDITION,
        "sandbox \"%s\" is not the Sandbox service's, and its shim has containers: delete them", id);
  return 0;
}

void hp_pod_sandbox_remove(struct hp_pod *pod, const char *id, hp_done done, void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  if (admit_removal(pod, id, &err) == 0) {
    begin(pod, 0, STEP_DELETE_SANDBOX, done, arg);
    return;
  }
  done(arg, &err);
  hp_error_clear(&err);
}
