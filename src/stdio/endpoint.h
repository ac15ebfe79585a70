/* The grammar of the names that containerd gives to streams. Pure: nothing is
 * opened here. Any thread. */
#ifndef HP_STDIO_ENDPOINT_H
#define HP_STDIO_ENDPOINT_H

#include "base/error.h"
#include "base/memory.h"

#define HP_ENDPOINT_MAX 4096 /* bytes of a name */

enum hp_endpoint_kind {
  HP_ENDPOINT_NULL,      /* nothing named: the null device */
  HP_ENDPOINT_PATH,      /* a FIFO or a file that is there: PATH, fifo://PATH; on Windows
                            a named pipe: \\.\pipe\NAME, npipe:////./pipe/NAME */
  HP_ENDPOINT_FILE,      /* file://PATH: appended to, made if missing */
  HP_ENDPOINT_BINARY,    /* binary://EXE?key=value… */
  HP_ENDPOINT_BINARY_V2, /* binary-v2://EXE?key=value… */
};

struct hp_endpoint {
  enum hp_endpoint_kind kind;
  char *path; /* absolute, as the system writes it; NULL for HP_ENDPOINT_NULL */
  /* Of a logging program: each key of the query in order of appearance, each
   * followed by its first value, perhaps empty. */
  struct hp_strings args;
};

/* stream is "stdin", "stdout" or "stderr", for the message. NULL is "".
 * InvalidArgument; the endpoint is empty then. */
int hp_endpoint_parse(const char *stream, const char *name, struct hp_endpoint *endpoint,
                      struct hp_error *err);
void hp_endpoint_clear(struct hp_endpoint *endpoint);

#endif
