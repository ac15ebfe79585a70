/* Plays containerd for the units of runtime/: bundles in a directory of its
 * own, a loop, a pod, the events it publishes, and calls that run the loop
 * until their answer is there. */
#ifndef HP_TESTS_UNIT_DOUBLE_CONTAINERD_H
#define HP_TESTS_UNIT_DOUBLE_CONTAINERD_H

#include "runtime/pod.h"

/* An answer that may still be on its way. */
struct answer {
  bool there;
  unsigned times; /* must be 1 in the end */
  enum hp_code code;
  char message[512];
  uint32_t pid;
  struct hp_exit exited;
  struct hp_pid pids[16];
  size_t count;
  uint64_t order; /* of all answers and events, rising */
};

extern struct hp_pod *pod;
extern uv_loop_t *loop;
extern char *directory;

void set_up(void);    /* a fresh double, loop and pod */
void tear_down(void); /* frees them and asserts that nothing is left */

/* A bundle with a config.json; type "container", "sandbox" or NULL for none.
 * The returned path is valid until tear_down. */
const char *make_bundle(const char *id, const char *type, const char *sandbox_id);

/* Runs the loop until *flag or, after 10 s, fails the test. */
void run_until(bool (*flag)(void *arg), void *arg);
void run_until_held(void);
void run_until_called(const char *line); /* a line of double_log */
/* Everything that is ready is handled. */
void run_a_while(void);

/* Start a call; the answer must outlive it. */
void send_create(const char *id, const char *bundle, struct answer *answer);
void send_start(const char *id, const char *exec_id, struct answer *answer);
void send_kill(const char *id, const char *exec_id, uint32_t signal, bool all, struct answer *answer);
void send_delete(const char *id, const char *exec_id, struct answer *answer);
struct hp_waiter *send_wait(const char *id, const char *exec_id, struct answer *answer);
void send_pause(const char *id, bool pause, struct answer *answer);
void send_update(const char *id, int64_t memory, int64_t shares, struct answer *answer);
void send_pids(const char *id, struct answer *answer);
void send_stats(const char *id, struct answer *answer);
enum hp_code receive(struct answer *answer);

/* The same and wait; the code of the answer. */
enum hp_code create(const char *id); /* a container alone */
enum hp_code create_in(const char *id, const char *bundle);
enum hp_code start(const char *id, const char *exec_id);
enum hp_code add_exec(const char *id, const char *exec_id);
enum hp_code kill_with(const char *id, const char *exec_id, uint32_t signal);
enum hp_code delete (const char *id, const char *exec_id);
uint32_t pid_of(const char *id, const char *exec_id);
/* HP_STOPPED and so on; -1: no such process. */
int status_of(const char *id, const char *exec_id);

/* The events so far, one a line: "create c1", "exit c1 status=3",
 * "exec-added c1 e1" … Valid until the next event. */
const char *events(void);
void forget_events(void);
/* The order number of an event's line; 0: it was not published. */
uint64_t event_order(const char *line);

#endif
