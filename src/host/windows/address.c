/* Names of the shim's pipes. */
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "host/windows/pipe.h"
#include "spec/identifier.h"

/* Only administrators may make a pipe below this prefix. */
#define PROTECTED "\\\\.\\pipe\\ProtectedPrefix\\Administrators\\"
#define HASH_DIGITS 16

/* As containerd's own shims call it, for people; the hash keeps (a-b, c) and
 * (a, b-c) apart, and two containerds on one machine. A slash joins what is
 * hashed: no name may hold one. At most 240 of a pipe's 256 characters. */
int host_address(const char *socket_dir, const char *containerd_address, const char *namespace_name,
                 const char *id, char **address, struct hp_error *err) {
  (void)socket_dir; /* pipes live in no directory */
  (void)err;
  char hex[65];
  char *text = hp_printf("%s/%s/%s", containerd_address ? containerd_address : "", namespace_name, id);
  hp_sha256_hex(text, strlen(text), hex);
  free(text);
  *address = hp_printf(PROTECTED "containerd-shim-%s-%s-%.*s-pipe", namespace_name, id, HASH_DIGITS, hex);
  return 0;
}

int host_address_given(const char *socket, char **address, struct hp_error *err) {
  *address = hp_pipe_name(socket, err);
  return *address ? 0 : -1;
}
