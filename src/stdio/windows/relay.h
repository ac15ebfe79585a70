/* Moves bytes from one pipe to another pipe, or to a file, on the loop: one
 * buffer in flight, none while nothing moves. A child never gets containerd's
 * pipe itself, for its writes would fail once the reader goes. All (loop). */
#ifndef HP_STDIO_WINDOWS_RELAY_H
#define HP_STDIO_WINDOWS_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include <windows.h>

struct hp_relay;

enum hp_relay_kind {
  HP_RELAY_OUTPUT,        /* what a process writes or a console shows */
  HP_RELAY_INPUT,         /* what a process reads: the end of the source is its end of file */
  HP_RELAY_CONSOLE_INPUT, /* what is typed: the end of the source is typed too */
};

struct hp_relay_ends {
  HANDLE source;    /* pipe, overlapped; owned */
  HANDLE sink;      /* pipe, overlapped, or file; owned; NULL: bytes go nowhere */
  bool file;        /* sink is a file */
  const char *name; /* of an output's sink that may be dialled again; copied; NULL: never */
};

/* `ended` (may be NULL) is called once, never from inside this function: the
 * source is at its end, or draining is over. All ends are closed by then. NULL:
 * the loop cannot watch them; they are closed. */
struct hp_relay *hp_relay_start(uv_loop_t *loop, enum hp_relay_kind kind, const struct hp_relay_ends *ends,
                                void (*ended)(void *arg), void *arg);

#define HP_RELAY_TO_THE_END UINT64_MAX

/* The process has exited: `ended` is called, perhaps at once, when all it wrote
 * is with the sink and the source has ended or grace_ms have passed (or,
 * HP_RELAY_TO_THE_END, only when it has ended); when nothing moved for 10 s; or
 * when nobody takes the bytes. */
void hp_relay_drain(struct hp_relay *relay, uint64_t grace_ms);

/* Of an input: ends it once what is in the source now is with the sink. */
void hp_relay_finish(struct hp_relay *relay);

/* Closes everything, without calling `ended`, and frees. NULL is fine. */
void hp_relay_close(struct hp_relay *relay);

#endif
