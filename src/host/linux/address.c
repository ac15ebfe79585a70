#include "host/linux/address.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"
#include "spec/identifier.h"

#define SCHEME "unix://"
#define DEFAULT_SOCKET_DIR "/run/containerd/s"

static const char *without_scheme(const char *address) {
  return strncmp(address, SCHEME, strlen(SCHEME)) == 0 ? address + strlen(SCHEME) : address;
}

static int check_path(const char *path, const char *address, struct hp_error *err) {
  if (path[0] != '/')
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "socket address \"%s\" is not an absolute path: use unix:///path/of/socket", address);
  size_t length = strlen(path);
  if (length > HP_SOCKET_PATH_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "socket path \"%s\" has %zu bytes and the system allows %d: use a shorter directory",
                        path, length, HP_SOCKET_PATH_MAX);
  return 0;
}

/* The name is a digest because namespace and id together may be longer than a
 * socket's path. A slash joins them: neither may hold one, so no two pairs
 * give the same text. */
int host_address(const char *socket_dir, const char *containerd_address, const char *namespace_name,
                 const char *id, char **address, struct hp_error *err) {
  char hex[65];
  char *text = hp_printf("%s/%s/%s", containerd_address ? containerd_address : "", namespace_name, id);
  hp_sha256_hex(text, strlen(text), hex);
  free(text);

  char *whole = hp_printf(SCHEME "%s/%s", socket_dir && *socket_dir ? socket_dir : DEFAULT_SOCKET_DIR, hex);
  if (check_path(without_scheme(whole), whole, err) != 0) {
    free(whole);
    return -1;
  }
  *address = whole;
  return 0;
}

int host_address_given(const char *socket, char **address, struct hp_error *err) {
  const char *path = hp_address_path(socket, err);
  if (!path)
    return -1;
  *address = hp_printf(SCHEME "%s", path);
  return 0;
}

const char *hp_address_path(const char *address, struct hp_error *err) {
  const char *path = without_scheme(address);
  return check_path(path, address, err) == 0 ? path : NULL;
}

int hp_address_socket(const char *address, struct sockaddr_un *name, socklen_t *length,
                      struct hp_error *err) {
  *name = (struct sockaddr_un){.sun_family = AF_UNIX};
  const char *path = without_scheme(address);
  size_t bytes = strlen(path);
  if (path[0] == '@') {
    if (bytes > HP_SOCKET_PATH_MAX)
      return hp_error_set(err, HP_INVALID_ARGUMENT, "abstract socket \"%s\" has more than %d bytes", address,
                          HP_SOCKET_PATH_MAX);
    memcpy(name->sun_path + 1, path + 1, bytes - 1);
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
    return 0;
  }
  if (check_path(path, address, err) != 0)
    return -1;
  memcpy(name->sun_path, path, bytes + 1);
  *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes + 1);
  return 0;
}

int hp_dial(const char *address, struct hp_error *err) {
  struct sockaddr_un name;
  socklen_t length;
  if (hp_address_socket(address, &name, &length, err) != 0)
    return -1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return hp_error_set_os(err, errno, "cannot make a socket to connect to %s", address);
  if (connect(fd, (const struct sockaddr *)&name, length) == 0)
    return fd;
  int reason = errno;
  close(fd);
  hp_error_set_os(err, reason, "cannot connect to %s", address);
  if (reason == ENOENT || reason == ECONNREFUSED || reason == EAGAIN)
    hp_error_recode(err, HP_UNAVAILABLE);
  return -1;
}
