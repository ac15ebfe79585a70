/* Create: judged first, then journaled and made thing by thing; a Create that
 * fails leaves nothing. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/log.h"
#include "runtime/container.h"
#include "runtime/state_log.h"
#include "spec/identifier.h"

#define BUNDLE_MAX 4096 /* bytes of its path, as Linux has it */

struct create {
  struct hp_operation operation;
  struct hp_container *container;
  struct hp_sandbox *sandbox; /* the pod's, if it has one here */
  bool served;                /* … which the Sandbox service made: whose all containers are */
  struct host_rootfs_mount *rootfs;
  size_t rootfs_count;
  hp_pid_done done;
  void *arg;

  /* (pool) */
  struct hp_container_spec spec;
  struct hp_policy policy;
  struct hp_verdict verdict;
};

static struct create *of(struct hp_operation *operation) {
  return (struct create *)operation;
}

/* ---- judging (pool) ------------------------------------------------------------ */

static int check_bundle(const char *bundle, struct hp_error *err) {
  uv_fs_t call;
  int failed = uv_fs_lstat(NULL, &call, bundle, NULL);
  uint64_t mode = call.statbuf.st_mode;
  uv_fs_req_cleanup(&call);
  if (failed)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "bundle \"%s\" cannot be used: %s", bundle,
                        uv_strerror(failed));
  if ((mode & S_IFMT) != S_IFDIR)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "bundle \"%s\" is not a directory (a link is none)",
                        bundle);
  return 0;
}

static const struct hp_container_spec *sandbox_spec(const struct create *create) {
  const char *wanted = create->spec.sandbox_id;
  if (create->served && create->spec.role != HP_ROLE_SANDBOX)
    return hp_sandbox_spec(create->sandbox);
  if (create->spec.role != HP_ROLE_MEMBER || !wanted || !create->sandbox ||
      strcmp(hp_sandbox_id(create->sandbox), wanted) != 0)
    return NULL;
  return hp_sandbox_spec(create->sandbox);
}

static int load_and_judge(struct create *create, struct hp_error *err) {
  const struct hp_container *container = create->container;
  if (check_bundle(container->bundle, err) != 0 ||
      (!container->served && hp_spec_load(container->bundle, &create->spec, err) != 0) ||
      hp_policy_load(container->option_path, host_file_distrust, &create->policy, err) != 0)
    return -1;
  create->policy.processors = host_processors();
  if (hp_rules_judge(hp_os_here(), &create->policy, sandbox_spec(create), &create->spec, &create->verdict,
                     err) != 0 ||
      host_check_network(&create->spec, err) != 0)
    return -1;
  if (create->spec.role != HP_ROLE_SANDBOX && !create->spec.has_process)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "process is missing in config.json: say what to run");
  return 0;
}

static int judge(struct create *create, struct hp_error *err) {
  if (load_and_judge(create, err) != 0)
    return -1;
  for (size_t i = 0; i < create->verdict.warnings.count; i++)
    hp_log(HP_LOG_WARNING, create->container->id, "%s", create->verdict.warnings.items[i]);
  return 0;
}

/* ---- making (pool) --------------------------------------------------------------- */

static int make_records(struct create *create, struct hp_error *err) {
  struct hp_container *container = create->container;
  const struct host_container_request request = {
      .namespace_name = container->pod->namespace_name,
      .id = container->id,
      .bundle = container->bundle,
      .spec = &create->spec,
      .verdict = &create->verdict,
      .policy = &create->policy,
      .rootfs = create->rootfs,
      .rootfs_count = create->rootfs_count,
  };
  json_t *records = NULL;
  if (host_container_plan(&request, &container->host, &records, err) != 0)
    return -1;
  int result = sandbox_spec(create) ? hp_sandbox_add_member(create->sandbox, container->bundle, err) : 0;
  hp_crash_point();
  if (result == 0)
    result = hp_journal_open(container->bundle, &container->journal, err);
  hp_crash_point();
  for (size_t i = 0; result == 0 && i < json_array_size(records); i++) {
    const json_t *record = json_array_get(records, i);
    result = hp_journal_append(container->journal, record, err);
    hp_crash_point();
    if (result == 0)
      result = host_container_make(container->host, record, err);
    hp_crash_point();
  }
  json_decref(records);
  return result;
}

static int open_streams(const struct create *create, struct hp_error *err) {
  struct hp_process *init = create->container->init;
  const struct hp_stdio_request request = {
      .namespace_name = create->container->pod->namespace_name,
      .container_id = create->container->id,
      .in = init->in,
      .out = init->out,
      .err = init->err,
      .terminal = init->terminal,
  };
  return hp_stdio_open(&request, &init->stdio, err);
}

/* What cannot be undone stays in the journal, for `delete`. */
static void undo(struct hp_container *container) {
  struct hp_error err = HP_ERROR_INIT;
  host_container_free(container->host);
  container->host = NULL;
  hp_crash_point();
  if (hp_container_release(&container->journal, &err) != 0)
    hp_log(HP_LOG_ERROR, container->id, "a failed Create leaves something behind: %s", err.message);
  hp_error_clear(&err);
}

static int make_sandbox(struct create *create, struct hp_error *err) {
  struct hp_journal *journal = NULL;
  if (hp_journal_open(create->container->bundle, &journal, err) != 0)
    return -1;
  hp_crash_point();
  create->container->sandbox = hp_sandbox_new(create->container->id, &create->spec, journal);
  return 0;
}

static int make(struct create *create, struct hp_error *err) {
  struct hp_container *container = create->container;
  if (judge(create, err) != 0)
    return -1;
  container->role = create->spec.role;
  if (container->role == HP_ROLE_SANDBOX)
    return make_sandbox(create, err);
  if (make_records(create, err) != 0 || open_streams(create, err) != 0) {
    undo(container);
    return -1;
  }
  struct hp_process *init = container->init;
  init->spec = hp_alloc(sizeof *init->spec);
  *init->spec = create->spec.process;
  init->spec->terminal = init->terminal;
  create->spec.process = (struct hp_process_spec){0};
  container->account = hp_log_account(&create->verdict.account, init->spec);
  container->limits = create->spec.limits;
  create->spec.limits = (struct hp_limits){0};
  container->annotated = create->spec.annotated;
  create->spec.annotated = (struct hp_limits){0};
  container->cpu_sent = create->spec.cpu_sent;
  return 0;
}

static void run(struct hp_operation *operation) {
  struct hp_error *err = &operation->err;
  /* A file that is missing is no answer to the question whether the task exists. */
  if (make(of(operation), err) != 0 && err->code == HP_NOT_FOUND)
    hp_error_recode(err, HP_INVALID_ARGUMENT);
}

/* ---- on the loop ------------------------------------------------------------------- */

/* The sandbox is looked up when it is this Create's turn: one of the same pod
 * may have been under way before. */
static enum hp_step begin(struct hp_operation *operation) {
  struct create *create = of(operation);
  const struct hp_pod *pod = create->container->pod;
  const struct hp_container *served = hp_pod_served(pod);
  struct hp_sandbox *sandbox = hp_pod_sandbox(pod);
  create->sandbox = sandbox ? hp_sandbox_ref(sandbox) : NULL;
  create->served = served && served != create->container;
  return HP_STEP_RUN;
}

static void free_create(struct create *create) {
  for (size_t i = 0; i < create->rootfs_count; i++) {
    struct host_rootfs_mount *mount = &create->rootfs[i];
    free(mount->type);
    free(mount->source);
    free(mount->target);
    hp_strings_clear(&mount->options);
  }
  free(create->rootfs);
  hp_spec_clear(&create->spec);
  hp_policy_clear(&create->policy);
  hp_verdict_clear(&create->verdict);
  hp_sandbox_unref(create->sandbox);
  hp_error_clear(&create->operation.err);
  free(create);
}

static void publish(const struct create *create) {
  const struct hp_container *container = create->container;
  hp_log_state(container->init, HP_EVENT_CREATE);
  if (container->served)
    return;
  hp_pod_publish(container->pod, &(struct hp_event){
                                     .kind = HP_EVENT_CREATE,
                                     .container_id = container->id,
                                     .pid = hp_process_pid(container->init),
                                     .when = hp_time_now(),
                                     .bundle = container->bundle,
                                     .io = hp_process_io(container->init),
                                     .rootfs = create->rootfs,
                                     .rootfs_count = create->rootfs_count,
                                 });
}

static void end(struct hp_operation *operation) {
  struct create *create = of(operation);
  struct hp_container *container = create->container;
  container->creating = false;
  if (operation->err.message) {
    hp_container_leave(container); /* first, so that the id is free when the answer is there */
    create->done(create->arg, 0, &operation->err);
  } else {
    publish(create);
    create->done(create->arg, hp_process_pid(container->init), NULL);
  }
  free_create(create);
  hp_memory_trim(); /* of config.json, which may be megabytes */
}

static void copy_rootfs(struct create *create, const struct hp_create_request *request) {
  if (request->rootfs_count == 0)
    return;
  create->rootfs = hp_realloc_array(NULL, request->rootfs_count, sizeof *create->rootfs);
  create->rootfs_count = request->rootfs_count;
  for (size_t i = 0; i < request->rootfs_count; i++) {
    const struct host_rootfs_mount *from = &request->rootfs[i];
    struct host_rootfs_mount *to = &create->rootfs[i];
    *to = (struct host_rootfs_mount){
        hp_strdup(from->type), hp_strdup(from->source), hp_strdup(from->target), {0}};
    hp_strings_copy(&to->options, &from->options);
  }
}

/* Members come to a sandbox that is there; two sandboxes are two shims. */
static int admit_to_sandbox(const struct hp_pod *pod, const struct hp_create_request *request,
                            struct hp_error *err) {
  const struct hp_container *served = hp_pod_served(pod);
  if (!served)
    return 0;
  if (request->sandbox)
    return hp_error_set(err, HP_ALREADY_EXISTS, "sandbox \"%s\" exists already: a shim has one", served->id);
  if (served->creating || served->init->phase == HP_PHASE_STOPPED)
    return hp_error_set(err, HP_FAILED_PRECONDITION, "sandbox \"%s\" %s: it takes no container", served->id,
                        served->creating ? "is still being created" : "has stopped");
  return 0;
}

static int admit(const struct hp_pod *pod, const struct hp_create_request *request, struct hp_error *err) {
  if (hp_identifier_check("container id", request->id, err) != 0 || admit_to_sandbox(pod, request, err) != 0)
    return -1;
  const char *bundle = request->bundle ? request->bundle : "";
  if (!host_path_is_absolute(bundle) || strlen(bundle) >= BUNDLE_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "bundle \"%.256s\" is not an absolute path below %d bytes",
                        bundle, BUNDLE_MAX);
  if (hp_process_check_io(&request->io, err) != 0)
    return -1;
  if (pod->alive >= HP_CONTAINERS_MAX)
    return hp_error_set(err, HP_RESOURCE_EXHAUSTED,
                        "this shim has %d containers, which is the limit: delete those that have ended",
                        HP_CONTAINERS_MAX);
  if (hp_pod_lookup(pod, request->id))
    return hp_error_set(err, HP_ALREADY_EXISTS, "container \"%s\" exists already: delete it first",
                        request->id);
  return 0;
}

static void sweep(uv_work_t *work) {
  (void)work;
  host_sweep();
}

static void swept(uv_work_t *work, int status) {
  (void)status;
  free(work);
  hp_memory_trim();
}

/* Once in a shim's life, beside its first Create: until then it needs no thread
 * of the pool, each of which costs memory. */
static void sweep_once(struct hp_pod *pod) {
  if (pod->swept)
    return;
  pod->swept = true;
  uv_queue_work(pod->loop, hp_alloc(sizeof(uv_work_t)), sweep, swept);
}

void hp_pod_create(struct hp_pod *pod, const struct hp_create_request *request, hp_pid_done done, void *arg) {
  struct hp_error err = HP_ERROR_INIT;
  if (admit(pod, request, &err) != 0) {
    if (request->sandbox)
      hp_spec_clear(request->sandbox);
    done(arg, 0, &err);
    hp_error_clear(&err);
    return;
  }
  struct create *create = hp_alloc(sizeof *create);
  create->operation = (struct hp_operation){.begin = begin, .run = run, .end = end};
  create->container = hp_container_new(pod, request);
  create->done = done;
  create->arg = arg;
  if (request->sandbox) {
    create->spec = *request->sandbox;
    *request->sandbox = (struct hp_container_spec){0};
  }
  hp_policy_init(&create->policy);
  copy_rootfs(create, request);
  hp_queue_push(&create->container->queue, &create->operation, &err); /* a new queue takes it */
  sweep_once(pod);
}
