/* What the readers of CRI messages share; private to this room. */
#ifndef HP_SPEC_CRI_READ_H
#define HP_SPEC_CRI_READ_H

#include <protobuf-c/protobuf-c.h>

#include "spec/cri.h"
#include "spec/json.h"

/* A packed message as the JSON that a file would hold: fields at their zero value
 * are left out, enumerations are numbers, maps are objects. InvalidArgument: it
 * does not decode, or a string of it is not UTF-8. The caller owns the tree. */
json_t *hp_cri_tree(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t length,
                    struct hp_error *err);

/* Fields in protobuf's JSON spelling get their .proto names, in place, as far down
 * as the type goes. InvalidArgument: one is there in both. (cri_names.c) */
int hp_cri_take_names(const struct hp_json *object, const ProtobufCMessageDescriptor *type,
                      struct hp_error *err);
/* A list of messages that protoc makes up for a map. */
bool hp_cri_is_map(const ProtobufCFieldDescriptor *field);

/* windows.security_context, of a pod or a container: host_process over the
 * annotation that spec has so far, run_as_username, credential_spec. */
int hp_cri_read_windows_security(const struct hp_json *security, struct hp_container_spec *spec,
                                 struct hp_error *err);
/* namespace_options, of either system: own_network and own_users. */
int hp_cri_read_namespaces(const struct hp_json *options, struct hp_container_spec *spec,
                           struct hp_error *err);

#endif
