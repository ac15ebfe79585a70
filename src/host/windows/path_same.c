#include <ctype.h>

#include "host/host.h"

/* The next character, as paths are compared, and past it. Of the letters whose case
 * does not count only ASCII's are known here. */
static int take(const char **path) {
  char c = *(*path)++;
  if (c != '/' && c != '\\')
    return tolower((unsigned char)c);
  while (**path == '/' || **path == '\\')
    ++*path;
  return '\\';
}

bool host_path_same(const char *a, const char *b) {
  int c;
  do {
    c = take(&a);
    if (c != take(&b))
      return false;
  } while (c);
  return true;
}
