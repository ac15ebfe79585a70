#include "spec/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "runtimeoptions/v1/api.pb-c.h"

static bool is_options(const char *type_url) {
  const char *name = strrchr(type_url, '/');
  return strcmp(name ? name + 1 : type_url, "runtimeoptions.v1.Options") == 0;
}

int hp_options_parse(const char *type_url, const uint8_t *value, size_t length, struct hp_options *options,
                     char **ignored, struct hp_error *err) {
  *options = (struct hp_options){0};
  *ignored = NULL;
  if (!type_url || !*type_url) {
    if (length > 0)
      return hp_error_set(err, HP_INVALID_ARGUMENT,
                          "the runtime options have %zu bytes and no type_url: name their type", length);
    return 0;
  }
  if (!is_options(type_url)) {
    *ignored = hp_strdup(type_url);
    return 0;
  }
  Runtimeoptions__V1__Options *message = runtimeoptions__v1__options__unpack(NULL, length, value);
  if (!message)
    return hp_error_set(err, HP_INVALID_ARGUMENT,
                        "the runtime options of type %s do not decode: send a runtimeoptions.v1.Options",
                        type_url);
  if (message->config_path[0])
    options->config_path = hp_strdup(message->config_path);
  runtimeoptions__v1__options__free_unpacked(message, NULL);
  return 0;
}

void hp_options_clear(struct hp_options *options) {
  free(options->config_path);
  *options = (struct hp_options){0};
}
