/* A host and its streams that exist on paper only: they take the place of
 * host/ and stdio/ for the units of runtime/. Every call is written down, any
 * call can fail or hang on demand, and what was made and not released is known.
 * Processes exit, memory runs out and streams drain when the test says so. */
#ifndef HP_TESTS_UNIT_DOUBLE_HOST_H
#define HP_TESTS_UNIT_DOUBLE_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Forgets everything; call it first in each test. */
void double_reset(void);

/* The calls so far, one a line: "plan c1", "make c1 uid", "spawn c1 /bin/true",
 * "job_kill c1" … Valid until the next call. */
const char *double_log(void);
bool double_called(const char *line);
void double_forget_log(void);

/* The n-th fallible call from now fails, once (0: none). */
void double_fail_at(unsigned n);
/* Whether that call has come. */
bool double_has_failed(void);
/* Calls of this name fail until double_reset ("release", "spawn" …; NULL: none). */
void double_fail_always(const char *call);

/* The code of every failure until double_reset; HP_INTERNAL before. */
void double_fail_with(enum hp_code code);

/* Calls that begin with this text (of a log line) hang, until double_let_go. */
void double_hold(const char *beginning);
bool double_is_held(void);
void double_let_go(void);

/* (loop) */
void double_exit(uint32_t pid, uint32_t status);
void double_run_out_of_memory(const char *id);
/* Streams do not drain by themselves any more, until double_drain. */
void double_hold_drains(void);
void double_drain(void);

/* Processes that init leaves behind in each job. */
void double_leave_behind(size_t count);

/* What host_find_made answers: taken. NULL (and at first): it fails. */
void double_find(json_t *records);

/* Calls of host_sweep. */
unsigned double_sweeps(void);

/* What is left over: 0 each when a test is done. */
size_t double_things(void);     /* made and not released */
size_t double_containers(void); /* struct host_container */
size_t double_streams(void);    /* struct hp_stdio */
size_t double_watched(void);    /* pids and jobs that are watched */
int double_expected(void);      /* host_reaper_expect's sum */

#endif
