#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"

bool host_shows_colours(void) {
  const char *kind = getenv("TERM");
  return kind && *kind && strcmp(kind, "dumb") != 0 && isatty(STDOUT_FILENO);
}
