#include "runtime/state_log.h"

#include "base/log.h"

char *hp_log_account(const struct hp_account *account, const struct hp_process_spec *process) {
  if (account->kind == HP_ACCOUNT_INHERIT)
    return hp_strdup("the shim's own account");
  if (account->kind == HP_ACCOUNT_NUMERIC || !process->username)
    return hp_printf("uid %u", process->uid);
  return hp_strdup(process->username);
}

static enum hp_log_level level_of(const struct hp_process *process) {
  return process->exec_id ? HP_LOG_DEBUG : HP_LOG_INFO;
}

static void log_start(const struct hp_process *process) {
  const struct hp_container *container = process->container;
  if (container->role == HP_ROLE_SANDBOX)
    hp_log(HP_LOG_INFO, container->id, "started: a sandbox has no process");
  else
    hp_log_exec(level_of(process), container->id, process->exec_id, "started as process %u, account %s",
                process->pid, container->account ? container->account : "unknown");
}

static void log_exit(const struct hp_process *process) {
  const struct hp_container *container = process->container;
  bool unasked = process->exec_id && process->exited.status != 0 && !process->signal;
  enum hp_log_level level = unasked ? HP_LOG_INFO : level_of(process);
  const char *memory = container->out_of_memory && !process->exec_id ? ", out of memory" : "";
  bool unborn_is_news = !process->pid && container->role != HP_ROLE_SANDBOX;
  const char *unborn = unborn_is_news ? ", no process was started" : "";
  if (container->served && !process->signal)
    hp_log(HP_LOG_INFO, container->id, "stopped");
  else if (process->signal)
    hp_log_exec(level, container->id, process->exec_id, "exited with status %u%s%s, after signal %u",
                process->exited.status, memory, unborn, process->signal - 1);
  else
    hp_log_exec(level, container->id, process->exec_id, "exited with status %u%s%s", process->exited.status,
                memory, unborn);
}

void hp_log_state(const struct hp_process *process, enum hp_event_kind kind) {
  static const char *const plain[] = {
      [HP_EVENT_CREATE] = "created",        [HP_EVENT_DELETE] = "deleted",
      [HP_EVENT_EXEC_ADDED] = "exec added", [HP_EVENT_OOM] = "out of memory: its limit killed something",
      [HP_EVENT_PAUSED] = "paused",         [HP_EVENT_RESUMED] = "resumed",
  };
  if (kind == HP_EVENT_START || kind == HP_EVENT_EXEC_STARTED)
    log_start(process);
  else if (kind == HP_EVENT_EXIT)
    log_exit(process);
  else
    hp_log_exec(level_of(process), process->container->id, process->exec_id, "%s", plain[kind]);
}

void hp_log_signal(const struct hp_process *process, uint32_t signal, bool all) {
  hp_log_exec(level_of(process), process->container->id, process->exec_id, "signal %u is sent to %s", signal,
              all ? "all its processes" : "its process");
}
