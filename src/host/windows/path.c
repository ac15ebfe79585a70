#include <ctype.h>

#include "host/host.h"

static bool is_separator(char c) {
  return c == '\\' || c == '/';
}

/* C:\x, \\server\share and \\?\x. But \x depends on the current drive, and C:x
 * on that drive's directory. */
bool host_path_is_absolute(const char *path) {
  if (isalpha((unsigned char)path[0]) && path[1] == ':')
    return is_separator(path[2]);
  return is_separator(path[0]) && is_separator(path[1]);
}
