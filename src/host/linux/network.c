/* Which network a namespace's path names: containerd's CRI plugin gives members
 * of a host-network pod the path of the sandbox's, which is the host's own. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "host/host.h"

static int check_path(size_t index, const char *path, struct hp_error *err) {
  struct stat own, named;
  if (stat("/proc/self/ns/net", &own) != 0)
    return hp_error_set_os(err, errno, "cannot look at the shim's own network namespace /proc/self/ns/net");
  if (stat(path, &named) != 0) {
    hp_error_set_os(err, errno, "linux.namespaces[%zu].path \"%s\" cannot be looked at", index, path);
    return hp_error_recode(err, HP_INVALID_ARGUMENT);
  }
  if (own.st_dev == named.st_dev && own.st_ino == named.st_ino)
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "linux.namespaces[%zu] asks for the network namespace \"%s\": a HostProcess container "
                      "uses the host's network, set hostNetwork: true in the pod",
                      index, path);
}

int host_check_network(const struct hp_container_spec *spec, struct hp_error *err) {
  if (spec->hostprocess != HP_TRUE)
    return 0;
  for (size_t i = 0; i < spec->namespace_count; i++) {
    const struct hp_namespace *entry = &spec->namespaces[i];
    if (strcmp(entry->type, "network") == 0 && entry->path && *entry->path &&
        check_path(i, entry->path, err) != 0)
      return -1;
  }
  return 0;
}
