/* Reads node policies as the shim does: one line a file, "ok" or why not. */
#include <stdio.h>
#include <stdlib.h>

#include "spec/policy.h"
#include "spec/read.h"

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    struct hp_error err = HP_ERROR_INIT;
    struct hp_policy policy;
    char *data = NULL;
    size_t length = 0;
    if (hp_file_read("node policy", argv[i], HP_POLICY_MAX, NULL, &data, &length, &err) == 0 &&
        hp_policy_parse(argv[i], data, length, &policy, &err) == 0)
      hp_policy_clear(&policy);
    free(data);
    puts(err.message ? err.message : "ok");
    hp_error_clear(&err);
  }
  return 0;
}
