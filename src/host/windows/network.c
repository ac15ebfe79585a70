#include "host/host.h"

/* A network namespace has no path on Windows: windows.network names it by GUID,
 * and every one is refused by the rules themselves. */
int host_check_network(const struct hp_container_spec *spec, struct hp_error *err) {
  (void)spec;
  (void)err;
  return 0;
}
