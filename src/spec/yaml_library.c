#include "spec/yaml_library.h"

#include <uv.h>

#if defined(_WIN32)

const struct hp_yaml_library *hp_yaml_library(struct hp_error *err) {
  static const struct hp_yaml_library linked = {
      yaml_parser_initialize, yaml_parser_set_input_string, yaml_parser_parse, yaml_parser_delete,
      yaml_event_delete,
  };
  (void)err;
  return &linked;
}

#else

#define LIBRARY "libyaml-0.so.2"

static int find(uv_lib_t *library, const char *name, void *function, struct hp_error *err) {
  if (uv_dlsym(library, name, function) == 0)
    return 0;
  return hp_error_set(err, HP_FAILED_PRECONDITION, "%s lacks %s (%s): install libyaml 0.2", LIBRARY, name,
                      uv_dlerror(library));
}

const struct hp_yaml_library *hp_yaml_library(struct hp_error *err) {
  static struct hp_yaml_library loaded;
  static uv_lib_t library;
  if (loaded.event_delete)
    return &loaded;
  if (uv_dlopen(LIBRARY, &library) != 0) {
    hp_error_set(err, HP_FAILED_PRECONDITION,
                 "YAML is read with libyaml, which cannot be loaded (%s): install it (Debian: libyaml-0-2) "
                 "or give the file as JSON",
                 uv_dlerror(&library));
    uv_dlclose(&library);
    return NULL;
  }
  if (find(&library, "yaml_parser_initialize", &loaded.parser_initialize, err) != 0 ||
      find(&library, "yaml_parser_set_input_string", &loaded.parser_set_input_string, err) != 0 ||
      find(&library, "yaml_parser_parse", &loaded.parser_parse, err) != 0 ||
      find(&library, "yaml_parser_delete", &loaded.parser_delete, err) != 0 ||
      find(&library, "yaml_event_delete", &loaded.event_delete, err) != 0) {
    uv_dlclose(&library);
    loaded = (struct hp_yaml_library){0};
    return NULL;
  }
  return &loaded;
}

#endif
