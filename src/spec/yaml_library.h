/* libyaml, which only `validate` needs. On Linux it is loaded when the first YAML
 * file is read, so that a daemon never has it in memory; on Windows it is linked. */
#ifndef HP_SPEC_YAML_LIBRARY_H
#define HP_SPEC_YAML_LIBRARY_H

#if defined(_WIN32)
#define YAML_DECLARE_STATIC
#endif
#include <yaml.h>

#include "base/error.h"

struct hp_yaml_library {
  int (*parser_initialize)(yaml_parser_t *parser);
  void (*parser_set_input_string)(yaml_parser_t *parser, const unsigned char *input, size_t size);
  int (*parser_parse)(yaml_parser_t *parser, yaml_event_t *event);
  void (*parser_delete)(yaml_parser_t *parser);
  void (*event_delete)(yaml_event_t *event);
};

/* NULL with FailedPrecondition where it is not installed. One thread. */
const struct hp_yaml_library *hp_yaml_library(struct hp_error *err);

#endif
