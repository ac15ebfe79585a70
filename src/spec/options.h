/* Runtime options and the bootstrap message: what containerd puts on stdin of
 * `start` and into Create's options. */
#ifndef HP_SPEC_OPTIONS_H
#define HP_SPEC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hp_options {
  char *config_path; /* runtimeoptions.v1.Options.config_path; NULL: none */
};

/* A google.protobuf.Any's type URL and value. runtimeoptions.v1.Options (with
 * or without a "type.googleapis.com/" prefix) is read; any other type is
 * ignored, *ignored says which (owned, NULL: none). Bad bytes in a known type:
 * InvalidArgument. */
int hp_options_parse(const char *type_url, const uint8_t *value, size_t length, struct hp_options *options,
                     char **ignored, struct hp_error *err);
void hp_options_clear(struct hp_options *options);

struct hp_bootstrap {
  bool v3;       /* stdin held BootstrapParams whose instance_id and namespace equal the flags' */
  int log_level; /* enum of the wire: info 0, debug -4, trace -8, warn 4, error 8 */
  char *ttrpc_address, *grpc_address, *socket_dir; /* NULL: empty */
  struct hp_options options;                       /* from an extension, or from a bare Any */
};

/* stdin of `start`: empty, an Any, or BootstrapParams (protocol.md). Bytes that
 * are neither are InvalidArgument. */
int hp_bootstrap_parse(const uint8_t *data, size_t length, const char *id, const char *namespace_name,
                       struct hp_bootstrap *bootstrap, struct hp_error *err);
void hp_bootstrap_clear(struct hp_bootstrap *bootstrap);

/* The answer to BootstrapParams: a serialized BootstrapResult {3, address,
 * "ttrpc"}; *data is malloced. */
void hp_bootstrap_result(const char *address, uint8_t **data, size_t *length);

#endif
