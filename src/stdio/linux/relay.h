/* Moves bytes from one descriptor to another on the loop, without a buffer of
 * its own but for the few bytes a full sink did not take. SIGPIPE must be
 * ignored. All (loop). */
#ifndef HP_STDIO_LINUX_RELAY_H
#define HP_STDIO_LINUX_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct hp_relay;

enum hp_relay_kind {
  HP_RELAY_OUTPUT, /* a pipe or terminal of the process, to a FIFO, pipe or file */
  HP_RELAY_INPUT,  /* a FIFO, to the terminal: its end is typed as end of file */
  HP_RELAY_DISCARD /* a pipe whose reader has gone, to nowhere */
};

struct hp_relay_ends {
  int source; /* non-blocking; owned */
  int sink;   /* non-blocking; owned; unused with HP_RELAY_DISCARD */
  int keeper; /* a FIFO's read end that keeps what was written, owned until
                 hp_relay_close; -1: none. Only with it can a relay tell at the
                 end that no reader is there. */
};

/* `ended` (may be NULL) is called once, never from inside this function: the
 * source is at its end, or draining is over. Source and sink are closed by then.
 * NULL: the kernel cannot watch the source; all ends are closed. */
struct hp_relay *hp_relay_start(uv_loop_t *loop, enum hp_relay_kind kind, const struct hp_relay_ends *ends,
                                void (*ended)(void *arg), void *arg);

/* The process has exited: `ended` is called, perhaps at once, when all it wrote
 * is in the sink and the source has ended or grace_ms have passed; when nothing
 * moved for 10 s; or when the sink is full and has no reader. */
void hp_relay_drain(struct hp_relay *relay, uint64_t grace_ms);

/* Bytes in the sink's FIFO that nobody has read yet, as far as the keeper shows. */
size_t hp_relay_unread(const struct hp_relay *relay);

/* Closes everything, without calling `ended`, and frees. NULL is fine. */
void hp_relay_close(struct hp_relay *relay);

#endif
