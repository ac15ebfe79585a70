/* delete: after every deletion of a task, and after a shim has died. It frees
 * what a dead shim left of one container, and never touches another's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/time.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "containerd/task/v2/shim.pb-c.h"
#include "host/host.h"
#include "runtime/journal.h"

#define ASK_MS 3000                  /* of the five seconds that containerd gives delete */
#define HELD_NS UINT64_C(1000000000) /* for a journal whose shim is dead */
#define HELD_POLL_MS 5
#define SIGNAL_KILL 9
#define STATUS_KILLED (128 + SIGNAL_KILL)
#define STATUS_UNKNOWN 255

struct deletion {
  const struct hp_flags *flags;
  char *bundle;
  char *address; /* of the shim this container is, or was, in */
  bool own;      /* the shim was made for this id; else it is its sandbox's */
  bool left;     /* the journal names something: the container did not end well */
};

static const char *last_part(const char *address) {
  const char *part = address;
  for (const char *c = address; *c; c++)
    if (*c == '/' || *c == '\\')
      part = c + 1;
  return part;
}

/* Whose address it is shows in its last part, whichever directory it is in. */
static bool same_name(const char *a, const char *b) {
  return strcmp(last_part(a), last_part(b)) == 0;
}

/* A bundle that `start` never saw, as those of members with containerd 2.x, has
 * no address file; its sandbox's bundle stands beside it. */
static int guess_address(const struct deletion *deletion, char **address, struct hp_error *err) {
  const struct hp_flags *flags = deletion->flags;
  char *owner = NULL, *sandbox = NULL;
  if (hp_shim_owner(deletion->bundle, flags->id, &owner, err) != 0) {
    hp_error_clear(err); /* with such a config.json nothing was ever created */
    owner = hp_strdup(flags->id);
  }
  int status = -1;
  sandbox = hp_printf("%s/../%s", deletion->bundle, owner);
  if (hp_bundle_read(sandbox, HP_ADDRESS_FILE, address, err) == 0) {
    status = 0;
  } else if (err->code == HP_NOT_FOUND) {
    hp_error_clear(err);
    status = host_address(NULL, flags->address, flags->namespace_name, owner, address, err);
  }
  free(sandbox);
  free(owner);
  return status;
}

static int find_shim(struct deletion *deletion, struct hp_error *err) {
  const struct hp_flags *flags = deletion->flags;
  if (hp_bundle_read(deletion->bundle, HP_ADDRESS_FILE, &deletion->address, err) != 0) {
    if (err->code != HP_NOT_FOUND)
      return -1;
    hp_error_clear(err);
    if (guess_address(deletion, &deletion->address, err) != 0)
      return -1;
  }
  char *expected = NULL;
  if (host_address(NULL, flags->address, flags->namespace_name, flags->id, &expected, err) != 0)
    return -1;
  deletion->own = same_name(deletion->address, expected);
  free(expected);
  return 0;
}

/* Says what it could not do and goes on: something else may still be done. */
static void warn(const char *what, struct hp_error *err) {
  fprintf(stderr, HP_PROGRAM ": delete: %s: %s\n", what, err->message);
  hp_error_clear(err);
}

/* The shim still runs this container, and containerd has given up on it. Of
 * a pod's shim only the one container may be taken. */
static int ask_for_container(const struct deletion *deletion, bool *lost, struct hp_error *err) {
  char *id = (char *)(uintptr_t)deletion->flags->id;
  Containerd__Task__V2__KillRequest kill_request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
  kill_request.id = id;
  kill_request.signal = SIGNAL_KILL;
  kill_request.all = 1;
  Containerd__Task__V2__WaitRequest wait_request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
  wait_request.id = id;
  Containerd__Task__V2__DeleteRequest delete_request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
  delete_request.id = id;
  const struct hp_question questions[] = {
      {"Kill", &kill_request.base, true}, /* it may have finished */
      {"Wait", &wait_request.base, true},
      {"Delete", &delete_request.base, false},
  };
  return hp_ask(deletion->address, questions, sizeof questions / sizeof questions[0], ASK_MS, false, lost,
                err);
}

/* A shim in which nothing runs any more, after a Create that failed say, ends
 * when it is told to; one that has other containers stays. */
static void ask_to_end(const struct deletion *deletion) {
  Containerd__Task__V2__ShutdownRequest request = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
  request.id = (char *)deletion->flags->id;
  const struct hp_question question = {"Shutdown", &request.base, false};
  struct hp_error err = HP_ERROR_INIT;
  bool lost;
  if (hp_ask(deletion->address, &question, 1, ASK_MS, true, &lost, &err) != 0 && !lost)
    warn("the living shim is left alone", &err);
  hp_error_clear(&err);
}

static bool journal_has_records(const char *bundle) {
  json_t *records = NULL;
  char *damage = NULL;
  bool alive;
  struct hp_error err = HP_ERROR_INIT;
  bool any = hp_journal_read(bundle, &records, &alive, &damage, &err) == 0 && json_array_size(records) > 0;
  json_decref(records);
  free(damage);
  hp_error_clear(&err);
  return any;
}

/* A shim that dies closes its socket before its journal, and a child that has
 * not come to its exec holds the journal a moment longer. */
static int release_soon(const char *bundle, bool *held, struct hp_error *err) {
  for (uint64_t end = uv_hrtime() + HELD_NS;; uv_sleep(HELD_POLL_MS)) {
    if (hp_release_bundle(bundle, held, err) != 0)
      return -1;
    if (!*held || uv_hrtime() >= end)
      return 0;
  }
}

static int release(struct deletion *deletion, struct hp_error *err) {
  uint32_t shim = 0;
  bool lives = host_daemon_find(deletion->address, &shim, err) == 0;
  if (!lives && err->code != HP_NOT_FOUND)
    return -1; /* it may live: taking its containers' things away would be wrong */
  hp_error_clear(err);

  bool held = false;
  if (hp_release_bundle(deletion->bundle, &held, err) != 0)
    return -1;
  if (held && lives && !deletion->own) {
    bool lost;
    if (ask_for_container(deletion, &lost, err) == 0)
      return 0;
    if (!lost && err->os_code != ECONNREFUSED && err->os_code != ENOENT)
      return -1;
    hp_error_clear(err); /* it has died meanwhile */
    lives = false;
  } else if (held && lives) {
    if (host_daemon_kill(deletion->address, shim, err) != 0)
      return -1;
    lives = false;
  }
  if (held && release_soon(deletion->bundle, &held, err) != 0)
    return -1;
  if (held)
    return hp_error_set(
        err, HP_FAILED_PRECONDITION,
        "a process holds the journal of %s and listens nowhere: find it with fuser and end it",
        deletion->bundle);
  if (lives && deletion->own)
    ask_to_end(deletion);
  if (!lives && deletion->own && host_daemon_remove(deletion->address, err) != 0)
    warn("the dead shim's socket is left", err);
  return 0;
}

static int print_response(const struct deletion *deletion, struct hp_error *err) {
  struct hp_time now = hp_time_now();
  Google__Protobuf__Timestamp exited_at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  exited_at.seconds = now.seconds;
  exited_at.nanos = now.nanos;
  Containerd__Task__V2__DeleteResponse response = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
  response.exit_status = deletion->left ? STATUS_KILLED : STATUS_UNKNOWN;
  response.exited_at = &exited_at;
  size_t length = protobuf_c_message_get_packed_size(&response.base);
  uint8_t *packed = hp_alloc(length);
  protobuf_c_message_pack(&response.base, packed);
  bool written = fwrite(packed, 1, length, stdout) == length && fflush(stdout) == 0;
  free(packed);
  return written ? 0 : hp_error_set(err, HP_UNAVAILABLE, "cannot write the answer to standard output");
}

int hp_cli_delete(const struct hp_flags *flags) {
  struct deletion deletion = {.flags = flags};
  struct hp_error err = HP_ERROR_INIT;
  int status = EXIT_FAILURE;
  struct hp_log_scope scope = {.id = flags->id};
  if (hp_check_names(flags, &err) != 0)
    goto done;
  hp_log_set_namespace(flags->namespace_name);
  hp_log_enter(&scope); /* containerd's log gets what is said on stderr */
  if (hp_bundle_path(flags->bundle, &deletion.bundle, &err) != 0) {
    if (err.code != HP_NOT_FOUND)
      goto done;
    hp_error_clear(&err); /* deleted before: there is nothing left to release */
  } else {
    deletion.left = journal_has_records(deletion.bundle);
    if (find_shim(&deletion, &err) != 0 || release(&deletion, &err) != 0)
      goto done;
  }
  if (print_response(&deletion, &err) == 0)
    status = EXIT_SUCCESS;
done:
  if (status != EXIT_SUCCESS)
    fprintf(stderr, HP_PROGRAM ": delete: %s\n", err.message);
  hp_log_enter(NULL);
  free(deletion.address);
  free(deletion.bundle);
  hp_error_clear(&err);
  return status;
}
