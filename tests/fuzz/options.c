/* stdin of `start`, and the options of a Create request. */
#include <stdint.h>
#include <stdlib.h>

#include "spec/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hp_error err = HP_ERROR_INIT;
  struct hp_bootstrap bootstrap;
  if (hp_bootstrap_parse(data, size, "c1", "k8s.io", &bootstrap, &err) == 0)
    hp_bootstrap_clear(&bootstrap);
  else if (!err.message)
    abort();
  struct hp_options options;
  char *ignored = NULL;
  if (hp_options_parse("runtimeoptions.v1.Options", data, size, &options, &ignored, &err) == 0)
    hp_options_clear(&options);
  free(ignored);
  hp_error_clear(&err);
  return 0;
}
