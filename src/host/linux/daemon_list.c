/* Shims of all kinds have their sockets in one directory: ours are marked. A lock
 * file (rendezvous.h) is ours alone. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "host/host.h"
#include "host/linux/rendezvous.h"

#define DEFAULT_SOCKET_DIR "/run/containerd/s"
#define LOCK_SUFFIX ".lock"

static bool is_marked(const char *path) {
  char mark;
  return lgetxattr(path, HP_SOCKET_MARK, &mark, sizeof mark) == 1;
}

int host_daemon_list(const char *socket_dir, struct hp_strings *addresses, struct hp_error *err) {
  const char *directory = socket_dir ? socket_dir : DEFAULT_SOCKET_DIR;
  DIR *list = opendir(directory);
  if (!list)
    return errno == ENOENT ? 0 : hp_error_set_os(err, errno, "cannot list the sockets in \"%s\"", directory);
  for (struct dirent *entry; (entry = readdir(list));) {
    size_t length = strlen(entry->d_name), suffix = strlen(LOCK_SUFFIX);
    bool lock = length > suffix && strcmp(entry->d_name + length - suffix, LOCK_SUFFIX) == 0;
    char *path = hp_printf("%s/%.*s", directory, (int)(lock ? length - suffix : length), entry->d_name);
    char *address = hp_printf("unix://%s", path);
    if ((lock || is_marked(path)) && !hp_strings_has(addresses, address))
      hp_strings_add(addresses, address);
    free(address);
    free(path);
  }
  closedir(list);
  return 0;
}
