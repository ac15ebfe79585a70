/* Notices that a peer has gone while nobody reads from it. Where the system has
 * no way to say so (Windows pipes) it stays silent, and the loss is seen by the
 * next read or write. */
#ifndef TTRPC_HANGUP_H
#define TTRPC_HANGUP_H

#include <uv.h>

struct ttrpc_hangup;

/* Calls gone(arg) on the loop once the peer has closed its end. NULL if the
 * stream cannot be watched. */
struct ttrpc_hangup *ttrpc_hangup_watch(uv_stream_t *stream, void (*gone)(void *arg), void *arg);

/* gone is not called any more. NULL is fine. */
void ttrpc_hangup_stop(struct ttrpc_hangup *hangup);

#endif
