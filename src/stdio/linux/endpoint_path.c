#include "stdio/endpoint_system.h"

const char hp_endpoint_path_scheme[] = "fifo://";
const char hp_endpoint_bare_form[] = "an absolute path";
const char hp_endpoint_uri_form[] = "three slashes and an absolute path are expected after the colon";
const char hp_endpoint_remedy[] = "a FIFO's path, file://, binary:// or binary-v2://";

char *hp_endpoint_bare_path(const char *name) {
  return name[0] == '/' ? hp_strdup(name) : NULL;
}

char *hp_endpoint_uri_path(enum hp_endpoint_kind kind, const char *path) {
  (void)kind;
  return path[0] == '/' ? hp_strdup(path) : NULL;
}
