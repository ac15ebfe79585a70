/* The Task and Sandbox services over a real connection: a client of ours, a socket pair, our
 * server, and behind it the double of a pod. A checked fixture: set up before
 * each test, taken down after it with every handle closed. */
#ifndef HP_TESTS_UNIT_TASK_HARNESS_H
#define HP_TESTS_UNIT_TASK_HARNESS_H

#include <check.h>

#include "containerd/runtime/sandbox/v1/sandbox.pb-c.h"
#include "containerd/task/v2/shim.pb-c.h"
#include "containerd/task/v3/shim.pb-c.h"
#include "double_pod.h"
#include "hostprocess/ttrpc.h"
#include "service/service.h"

struct answer {
  bool came;
  enum ttrpc_code code;
  char message[512];
  ProtobufCMessage *response; /* NULL on failure */
};

extern struct hp_pod pod;
extern struct hp_task_service *service;
extern unsigned shutdowns; /* how often the service asked to end the shim */
extern bool shut_down;     /* it did, once at least */

void task_harness_setup(void);
void task_harness_teardown(void);

/* Version 2 or 3 of the service; the tests that loop run with both. The Sandbox
 * service, on the same connection, goes by a number of its own. */
#define SANDBOX_SERVICE 1
const ProtobufCServiceDescriptor *task_version(int version);

/* Sends and returns; *answer is filled when it comes. */
void task_send(int version, const char *method, const ProtobufCMessage *request, struct answer *answer);
/* Runs the loop until *condition, for at most 10 s. */
void task_run_until(const bool *condition);
/* Runs the loop until nothing is ready. */
void task_settle(void);
/* Closes the client's end; answers still due fail. */
void task_hang_up(void);

/* Sends and waits. The answer's response lives until the next call. */
const struct answer *task_call(int version, const char *method, const ProtobufCMessage *request);
/* The same for an answer that must be a success … */
const void *task_call_ok(int version, const char *method, const ProtobufCMessage *request);
/* … and for one that must fail so, with all of `part` in the message. */
void task_call_fails(int version, const char *method, const ProtobufCMessage *request, enum ttrpc_code code,
                     const char *part);

#endif
