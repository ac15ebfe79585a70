/* What start tells the daemon, as one JSON object: on a system that cannot fork
 * the daemon knows nothing else. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

char *hp_serve_pack(const struct hp_serve *serve, struct hp_error *err) {
  json_t *object = json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:i}", "namespace", serve->namespace_name, "id",
                             serve->id, "bundle", serve->bundle, "ttrpc", serve->ttrpc_address, "options",
                             serve->option_path, "log", serve->log_level);
  char *state = object ? json_dumps(object, JSON_COMPACT) : NULL;
  json_decref(object);
  if (!state)
    hp_error_set(err, HP_INVALID_ARGUMENT,
                 "bundle \"%s\", the event address or the options' path is not UTF-8: rename it",
                 serve->bundle);
  return state;
}

int hp_serve_unpack(const char *state, json_t **owner, struct hp_serve *serve, struct hp_error *err) {
  *serve = (struct hp_serve){0};
  json_error_t why = {.text = "nothing"};
  *owner = state ? json_loads(state, JSON_REJECT_DUPLICATES, &why) : NULL;
  if (*owner &&
      json_unpack_ex(*owner, &why, JSON_STRICT, "{s:s, s:s, s:s, s?s, s?s, s:i}", "namespace",
                     &serve->namespace_name, "id", &serve->id, "bundle", &serve->bundle, "ttrpc",
                     &serve->ttrpc_address, "options", &serve->option_path, "log", &serve->log_level) == 0)
    return 0;
  json_decref(*owner);
  *owner = NULL;
  return hp_error_set(err, HP_INTERNAL, "what start told the daemon cannot be read: %s", why.text);
}
