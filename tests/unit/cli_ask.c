/* hp_ask against a daemon that serves a Task service of a few lines. */
#include "cli/ask.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "containerd/task/v2/shim.pb-c.h"
#include "host/host.h"
#include "hostprocess/ttrpc.h"
#include "support.h"

#define PATIENCE_MS 20000

static char *directory, *address;
static struct hp_error err;
static uint32_t server_pid;

/* ---- the service: Kill fails, Wait is never answered, Shutdown ends it, Pause
 * ends it without an answer ----- */

static struct host_daemon *running;
static struct ttrpc_server *server;
static unsigned answered; /* Deletes; State refuses unless there were some */

static void on_down(void *arg) {
  uv_stop(arg);
}

static void serve_call(void *arg, struct ttrpc_call *call, unsigned method_index,
                       const ProtobufCMessage *request) {
  const char *method = ttrpc_call_method(call);
  (void)method_index;
  (void)request;
  if (strcmp(method, "Kill") == 0) {
    ttrpc_fail(call, TTRPC_NOT_FOUND, "no such process");
  } else if (strcmp(method, "Delete") == 0) {
    Containerd__Task__V2__DeleteResponse response = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
    answered++;
    ttrpc_reply(call, &response.base);
  } else if (strcmp(method, "State") == 0 && answered > 0) {
    Containerd__Task__V2__StateResponse response = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
    ttrpc_reply(call, &response.base);
  } else if (strcmp(method, "Shutdown") == 0) {
    Google__Protobuf__Empty response = GOOGLE__PROTOBUF__EMPTY__INIT;
    ttrpc_reply(call, &response.base);
    host_daemon_close(running);
    ttrpc_server_shutdown(server, 100, on_down, arg);
  } else if (strcmp(method, "Pause") == 0) {
    host_daemon_close(running);
    ttrpc_server_shutdown(server, 0, on_down, arg);
  } else if (strcmp(method, "Wait") != 0) {
    ttrpc_fail(call, TTRPC_FAILED_PRECONDITION, "out of order");
  }
}

static void on_accepted(void *arg, uv_stream_t *stream) {
  (void)arg;
  ttrpc_server_accept(server, stream, NULL);
}

static int serve(struct host_daemon *daemon, const char *state) {
  (void)state;
  uv_loop_t loop;
  struct hp_error failure = HP_ERROR_INIT;
  uv_loop_init(&loop);
  running = daemon;
  const struct ttrpc_service service = {&containerd__task__v2__task__descriptor, serve_call, &loop};
  server = ttrpc_server_new(&loop, &service, 1, NULL);
  if (host_daemon_listen(daemon, &loop, on_accepted, NULL, &failure) != 0 || !host_daemon_ready(daemon))
    return EXIT_FAILURE;
  uv_run(&loop, UV_RUN_DEFAULT);
  ttrpc_server_free(server);
  uv_run(&loop, UV_RUN_DEFAULT);
  return EXIT_SUCCESS;
}

static void set_up(void) {
  unit_ignore_broken_pipes();
  directory = unit_directory("ask");
  char *plain = unit_address(directory);
  ck_assert_msg(host_address_given(plain, &address, &err) == 0, "%s", err.message);
  free(plain);
  err = (struct hp_error)HP_ERROR_INIT;
  bool joined;
  ck_assert_msg(host_daemon_start(address, serve, "", &joined, &server_pid, &err) == 0, "%s", err.message);
}

static void tear_down(void) {
  unit_end_daemon(server_pid);
  hp_error_clear(&err);
  struct hp_error ignored = HP_ERROR_INIT;
  host_daemon_remove(address, &ignored);
  hp_error_clear(&ignored);
  unit_remove_directory(directory);
  free(directory);
  free(address);
}

/* ---- the questions --------------------------------------------------------- */

static Containerd__Task__V2__StateRequest state = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
static Containerd__Task__V2__KillRequest kill_it = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
static Containerd__Task__V2__WaitRequest wait_for_it = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
static Containerd__Task__V2__DeleteRequest delete_it = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
static Containerd__Task__V2__PauseRequest pause_it = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;
static Containerd__Task__V2__ShutdownRequest shut_down = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

START_TEST(one_after_the_other) {
  const struct hp_question questions[] = {
      {"Kill", &kill_it.base, true}, {"Delete", &delete_it.base, false}, {"State", &state.base, false}};
  bool lost;
  ck_assert_msg(hp_ask(address, questions, 3, PATIENCE_MS, false, &lost, &err) == 0, "%s", err.message);
  ck_assert(!lost);
}
END_TEST

START_TEST(a_refusal_ends_it) {
  const struct hp_question questions[] = {{"Kill", &kill_it.base, false}, {"Delete", &delete_it.base, false}};
  const struct hp_question was_deleted = {"State", &state.base, false};
  bool lost;
  ck_assert_int_eq(hp_ask(address, questions, 2, PATIENCE_MS, false, &lost, &err), -1);
  ck_assert_int_eq(err.code, HP_NOT_FOUND);
  ck_assert_str_eq(err.message, "the shim refuses Kill: no such process");
  ck_assert_int_eq(hp_ask(address, &was_deleted, 1, PATIENCE_MS, false, &lost, &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
}
END_TEST

START_TEST(no_answer) {
  const struct hp_question question = {"Wait", &wait_for_it.base, false};
  bool lost;
  ck_assert_int_eq(hp_ask(address, &question, 1, 50, false, &lost, &err), -1);
  ck_assert_int_eq(err.code, HP_DEADLINE_EXCEEDED);
  ck_assert_ptr_nonnull(strstr(err.message, "Wait within 50 ms"));
}
END_TEST

/* Whoever asks must be able to tell a dead shim from one that refuses. */
START_TEST(it_dies_before_it_answers) {
  const struct hp_question questions[] = {{"Delete", &delete_it.base, false},
                                          {"Pause", &pause_it.base, false}};
  bool lost = false;
  ck_assert_int_eq(hp_ask(address, questions, 2, PATIENCE_MS, false, &lost, &err), -1);
  ck_assert(lost);
  ck_assert_int_eq(err.code, HP_UNAVAILABLE);
}
END_TEST

START_TEST(until_it_hangs_up) {
  const struct hp_question question = {"Shutdown", &shut_down.base, false};
  bool lost = false;
  ck_assert_msg(hp_ask(address, &question, 1, PATIENCE_MS, true, &lost, &err) == 0, "%s", err.message);
  ck_assert(lost);
}
END_TEST

START_TEST(it_stays) {
  const struct hp_question question = {"Delete", &delete_it.base, false};
  bool lost = true;
  ck_assert_msg(hp_ask(address, &question, 1, 500, true, &lost, &err) == 0, "%s", err.message);
  ck_assert(!lost);
}
END_TEST

START_TEST(nobody_is_there) {
  const struct hp_question question = {"Delete", &delete_it.base, false};
  char *elsewhere = hp_printf("%s.not", address);
  bool lost;
  ck_assert_int_eq(hp_ask(elsewhere, &question, 1, PATIENCE_MS, false, &lost, &err), -1);
  ck_assert(err.code == HP_UNAVAILABLE || err.code == HP_NOT_FOUND); /* as the system says it */
  free(elsewhere);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("cli/ask");
  TCase *ask = tcase_create("ask");
  tcase_set_timeout(ask, 60);
  tcase_add_checked_fixture(ask, set_up, tear_down);
  tcase_add_test(ask, one_after_the_other);
  tcase_add_test(ask, a_refusal_ends_it);
  tcase_add_test(ask, no_answer);
  tcase_add_test(ask, it_dies_before_it_answers);
  tcase_add_test(ask, until_it_hangs_up);
  tcase_add_test(ask, it_stays);
  tcase_add_test(ask, nobody_is_there);
  suite_add_tcase(suite, ask);
  return hp_run_suite_or_daemon(suite, argc, argv, serve);
}
