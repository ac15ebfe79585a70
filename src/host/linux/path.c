#include "host/host.h"

bool host_path_is_absolute(const char *path) {
  return path[0] == '/';
}
