/* Memory for one unpacked message: protobuf-c's many small allocations come out
 * of a few chunks that are freed together, and their sum is bounded, since
 * 4 MiB of hostile bytes can unpack to hundreds. */
#ifndef TTRPC_ARENA_H
#define TTRPC_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define TTRPC_ARENA_MAX (64u << 20)

struct ttrpc_arena_chunk;

struct ttrpc_arena {
  ProtobufCAllocator allocator;
  struct ttrpc_arena_chunk *chunks; /* newest first */
  size_t used;                      /* of the newest chunk, bytes */
  size_t total;                     /* of all chunks, bytes */
};

/* Allocates nothing yet. The arena must not move. */
void ttrpc_arena_init(struct ttrpc_arena *arena);
void ttrpc_arena_clear(struct ttrpc_arena *arena);

/* NULL if the bytes are no such message or would take more than
 * TTRPC_ARENA_MAX. The message lives as long as the arena. */
ProtobufCMessage *ttrpc_arena_unpack(struct ttrpc_arena *arena, const ProtobufCMessageDescriptor *descriptor,
                                     const uint8_t *data, size_t length);

#endif
