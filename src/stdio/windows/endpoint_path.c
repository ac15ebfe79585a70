/* Pipes of this machine and files of its drives, never those of another
 * machine: the shim would show its own account there. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "stdio/endpoint_system.h"

const char hp_endpoint_path_scheme[] = "npipe://";
const char hp_endpoint_bare_form[] = "a named pipe of this machine (\\\\.\\pipe\\NAME)";
const char hp_endpoint_uri_form[] =
    "file:///C:/path, binary:///C:/path, binary-v2:///C:/path or npipe:////./pipe/NAME is expected";
const char hp_endpoint_remedy[] = "\\\\.\\pipe\\NAME, npipe://, file://, binary:// or binary-v2://";

static char *with_backslashes(const char *text) {
  char *copy = hp_strdup(text);
  for (char *c = copy; *c; c++)
    if (*c == '/')
      *c = '\\';
  return copy;
}

static bool is_drive_path(const char *path) {
  bool letter = (path[0] >= 'A' && path[0] <= 'Z') || (path[0] >= 'a' && path[0] <= 'z');
  return letter && path[1] == ':' && path[2] == '\\' && path[3];
}

char *hp_endpoint_bare_path(const char *name) {
  static const char prefix[] = "\\\\.\\pipe\\";
  char *path = with_backslashes(name);
  if (strncmp(path, prefix, sizeof prefix - 1) == 0 && path[sizeof prefix - 1])
    return path;
  free(path);
  return NULL;
}

char *hp_endpoint_uri_path(enum hp_endpoint_kind kind, const char *uri) {
  if (kind == HP_ENDPOINT_PATH)
    return hp_endpoint_bare_path(uri);
  if (uri[0] != '/')
    return NULL;
  char *path = with_backslashes(uri + 1);
  if (is_drive_path(path))
    return path;
  free(path);
  return NULL;
}
