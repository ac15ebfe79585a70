/* What the grammar of stream names (endpoint.c) leaves to the system; each has
 * a file of its own, linux/endpoint_path.c and windows/endpoint_path.c. Pure,
 * any thread. */
#ifndef HP_STDIO_ENDPOINT_SYSTEM_H
#define HP_STDIO_ENDPOINT_SYSTEM_H

#include "stdio/endpoint.h"

/* The scheme of HP_ENDPOINT_PATH, "fifo://" or "npipe://". */
extern const char hp_endpoint_path_scheme[];
/* For messages: what a name without a scheme is to be, what a URI's path is to
 * be, and what to use instead. */
extern const char hp_endpoint_bare_form[], hp_endpoint_uri_form[], hp_endpoint_remedy[];

/* A name without a scheme, as a path; owned. NULL: it has not that form. */
char *hp_endpoint_bare_path(const char *name);

/* The path of a URI, percent-decoded, as the system writes it; owned. NULL: it
 * is not absolute or not of this kind. */
char *hp_endpoint_uri_path(enum hp_endpoint_kind kind, const char *path);

#endif
