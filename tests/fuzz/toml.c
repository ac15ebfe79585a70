/* containerd's configuration: read, and judged as doctor does. */
#include <stdint.h>
#include <stdlib.h>

#include "cli/doctor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hp_doctor doctor = {.findings = json_array()};
  hp_doctor_config_text(&doctor, "config.toml", (const char *)data, size);
  if (json_array_size(doctor.findings) == 0)
    abort();
  json_decref(doctor.findings);
  return 0;
}
