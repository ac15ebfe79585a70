/* Any file, as far as the report in both of its forms. */
#include <stdint.h>
#include <stdlib.h>

#include "cli/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void report(enum hp_os os, bool has_os, const char *data, size_t size, FILE *out) {
  struct hp_validate validate = {.has_os = has_os, .os = os};
  hp_policy_init(&validate.policy);
  json_t *files = json_array();
  for (int i = 0; i < 2; i++) /* the second time a pod may have been read */
    json_array_append_new(files, hp_validate_bytes(&validate, "f", data, size));
  json_t *all = hp_validate_report(files);
  hp_validate_print(out, all);
  if (json_dumpf(all, out, JSON_COMPACT) != 0)
    abort();
  json_decref(all);
  hp_validate_clear(&validate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static FILE *out;
  if (!out && !(out = fopen("/dev/null", "w")))
    abort();
  report(HP_OS_WINDOWS, true, (const char *)data, size, out);
  report(HP_OS_LINUX, true, (const char *)data, size, out);
  report(HP_OS_LINUX, false, (const char *)data, size, out);
  return 0;
}
