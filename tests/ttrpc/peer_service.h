/* The service that the tests and the load generator speak: hostprocess.test.Peer.
 * Every method takes and gives a ttrpc.KeyValue, which both C and Go have
 * already, so no test needs generated code of its own.
 *
 *   Echo      gives back what it got
 *   Sleep     the same, after `key` milliseconds
 *   Grow      gives a value of `key` bytes
 *   Fail      fails with code `key` and message `value`
 *   Metadata  gives the metadata of this request under `key`, "" if there is none
 *   Hang      is answered only when nobody waits for it any more
 *   Abandoned gives in `value` how many Hangs have come to that end */
#ifndef HP_TESTS_TTRPC_PEER_SERVICE_H
#define HP_TESTS_TTRPC_PEER_SERVICE_H

#include "hostprocess/ttrpc.h"
#include "ttrpc/ttrpc.pb-c.h"

enum peer_method {
  PEER_ECHO,
  PEER_SLEEP,
  PEER_GROW,
  PEER_FAIL,
  PEER_METADATA,
  PEER_HANG,
  PEER_ABANDONED,
  PEER_METHODS
};

#define PEER_METHOD(name)                                                                                    \
  { name, &ttrpc__key_value__descriptor, &ttrpc__key_value__descriptor }

static const ProtobufCMethodDescriptor peer_methods[PEER_METHODS] = {
    PEER_METHOD("Echo"),     PEER_METHOD("Sleep"), PEER_METHOD("Grow"),      PEER_METHOD("Fail"),
    PEER_METHOD("Metadata"), PEER_METHOD("Hang"),  PEER_METHOD("Abandoned"),
};

static const unsigned peer_methods_by_name[PEER_METHODS] = {
    PEER_ABANDONED, PEER_ECHO, PEER_FAIL, PEER_GROW, PEER_HANG, PEER_METADATA, PEER_SLEEP};

static const ProtobufCServiceDescriptor peer_service = {
    .magic = PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC,
    .name = "hostprocess.test.Peer",
    .short_name = "Peer",
    .c_name = "Hostprocess__Test__Peer",
    .package = "hostprocess.test",
    .n_methods = PEER_METHODS,
    .methods = peer_methods,
    .method_indices_by_name = peer_methods_by_name,
};

#endif
