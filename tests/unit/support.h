/* What every unit test program shares: the suite's end, and the few things that
 * a test wants of a system. Every unit_* function asserts that it succeeded. */
#ifndef HP_TESTS_UNIT_SUPPORT_H
#define HP_TESTS_UNIT_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "host/host.h"

/* Runs a suite of one file and returns main's exit status. Honours Check's own
 * environment (CK_FORK=no for sanitizers and debuggers, CK_RUN_CASE, …). */
int hp_run_suite(Suite *suite);

/* The same for tests that start a daemon: where it is this program run again, it
 * goes on in main_of_daemon. */
int hp_run_suite_or_daemon(Suite *suite, int argc, char **argv, host_daemon_main main_of_daemon);

/* ---- files (support.c): paths in UTF-8, with slashes ---------------------------- */

/* A new and empty directory that is ours alone; owned. */
char *unit_directory(const char *name);
void unit_make_directory(const char *path);
void unit_remove_directory(const char *path); /* it must be empty */
void unit_write(const char *path, const char *data, size_t length);
void unit_remove(const char *path); /* a file or link; one that is not there is fine */
void unit_set_size(const char *path, uint64_t bytes);
uint64_t unit_size(const char *path);
bool unit_exists(const char *path);
bool unit_is_link(const char *path);
/* false, with the test's skip printed, where links cannot be made (Wine). */
bool unit_link(const char *target, const char *path);

/* false, with the test's skip printed, where an open file cannot be replaced (Wine). */
bool unit_replaces_open_files(void);

void unit_set_environment(const char *name, const char *value); /* NULL: unset */
/* Makes the file standard input; unit_restore_input takes what this returns. */
int unit_redirect_input(const char *path);
void unit_restore_input(int saved);

/* ---- processes and connections (support_linux.c, support_windows.c) --------------- */

/* A write to a peer that is gone is an error, as in the shim. */
void unit_ignore_broken_pipes(void);
/* Ends a daemon, and waits until it has ended. */
void unit_end_daemon(uint32_t pid);
/* Where a test can listen: a socket in directory, or a pipe; owned. */
char *unit_address(const char *directory);
/* The same address as containerd may spell it; owned. */
char *unit_address_as_url(const char *address);

/* Two connected streams, malloced: sockets or named pipes, as in the shim. */
void unit_stream_pair(uv_loop_t *loop, uv_stream_t *ends[2]);

/* An end of a connection that knows no loop. */
struct unit_end;
uv_stream_t *unit_connect(uv_loop_t *loop, struct unit_end **end); /* the other end, malloced */
/* Both move what can be moved at once: 0 is none for now, -1 a connection that is closed. */
ptrdiff_t unit_end_write(struct unit_end *end, const void *data, size_t length);
ptrdiff_t unit_end_read(struct unit_end *end, void *data, size_t length);
/* What was written is with the other side, or with the system. */
bool unit_end_flushed(struct unit_end *end);
bool unit_end_closed(struct unit_end *end); /* by the other side, and nothing is left to read */
void unit_end_free(struct unit_end *end);   /* NULL is fine */

#endif
