/* YAML as far as the trees. */
#include <stdint.h>
#include <stdlib.h>

#include "spec/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_yaml yaml;
  if (hp_yaml_load("f", (const char *)data, size, &yaml, &err) == 0) {
    hp_yaml_clear(&yaml);
  } else if (!err.message) {
    abort();
  }
  hp_error_clear(&err);
  return 0;
}
