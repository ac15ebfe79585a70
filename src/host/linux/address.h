/* Local addresses on Linux: "unix:///path", a bare "/path", and for clients the
 * abstract "@name". Shared by the files of this folder only. */
#ifndef HP_HOST_LINUX_ADDRESS_H
#define HP_HOST_LINUX_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

/* The longest path a shim listens at: what containerd itself allows, one less
 * than sun_path holds with its final NUL. */
#define HP_SOCKET_PATH_MAX 106

/* The path of a socket to listen at, which points into address: absolute and
 * not too long; else NULL and InvalidArgument. */
const char *hp_address_path(const char *address, struct hp_error *err);

/* For bind and connect; *length is what both want. */
int hp_address_socket(const char *address, struct sockaddr_un *name, socklen_t *length, struct hp_error *err);

/* A connected, non-blocking, close-on-exec stream, or -1. Never blocks: a
 * listener whose backlog is full is Unavailable with os_code EAGAIN, one that
 * is not there has os_code ENOENT or ECONNREFUSED and is Unavailable too. */
int hp_dial(const char *address, struct hp_error *err);

#endif
