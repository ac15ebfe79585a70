/* What `start` (daemon.c) and the daemon it makes (daemon_child.c) tell each
 * other. Shared by these two files only.
 *
 * To the daemon, on standard input until end of file: one JSON object with
 * "address", "lock" (the handle of the rendezvous lock, which it inherits) and
 * "state". From it, on standard output: a report. */
#ifndef HP_HOST_WINDOWS_DAEMON_CHILD_H
#define HP_HOST_WINDOWS_DAEMON_CHILD_H

#include <stdint.h>

#define HP_DAEMON_STATE_MAX 65536u /* bytes of the JSON: the pipe takes it whole, so nobody waits */
#define HP_DAEMON_REASON_MAX 4096u

struct hp_daemon_report { /* then the reason until end of file */
  int32_t ready;          /* 1: no reason follows */
  int32_t code, os_code;
};

#endif
