/* A pod that runs nothing: it writes down what it is asked and answers as the
 * test told it to. It stands in for runtime/pod.c. */
#ifndef HP_TESTS_UNIT_DOUBLE_POD_H
#define HP_TESTS_UNIT_DOUBLE_POD_H

#include "runtime/pod.h"

struct hp_waiter {
  struct hp_waiter *next;
  hp_exit_done done;
  void *arg;
};

struct hp_pod {
  char *asked;             /* the last request, as text; owned. NULL: none came */
  struct hp_error failure; /* code not OK: what every request gets */
  bool busy;               /* not empty */
  void (*empty)(void *arg);
  void *empty_arg;
  /* answers */
  uint32_t pid;
  struct hp_state state;
  struct hp_sandbox_state sandbox;
  struct hp_exit exited;
  const struct hp_pid *pids;
  size_t pid_count;
  /* Wait: answered later, by double_pod_exit, unless has_exited */
  bool has_exited;
  struct hp_waiter *waiter; /* the latest */
  unsigned waits_cancelled;
};

void double_pod_clear(struct hp_pod *pod);
/* Whoever waits is told pod->exited. */
void double_pod_exit(struct hp_pod *pod);
/* The pod becomes empty and says so. */
void double_pod_become_empty(struct hp_pod *pod);

#endif
