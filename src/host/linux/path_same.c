#include <string.h>

#include "host/host.h"

bool host_path_same(const char *a, const char *b) {
  return strcmp(a, b) == 0;
}
