#include "cli/style.h"

#include <stdlib.h>

#include "host/host.h"

const char *hp_style(enum hp_style style) {
  static const char sequences[][8] = {"\x1b[0m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1m"};
  const char *unwanted = getenv("NO_COLOR");
  return (unwanted && *unwanted) || !host_shows_colours() ? "" : sequences[style];
}
