#include "ttrpc/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/memory.h"

/* With malloc's own word this is the largest size that glibc keeps in a
 * thread's cache, and enough for any usual request. */
#define FIRST_CHUNK 1024u

struct ttrpc_arena_chunk {
  struct ttrpc_arena_chunk *older;
  size_t size; /* of bytes[] */
  alignas(max_align_t) uint8_t bytes[];
};

static size_t align_up(size_t size) {
  return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static struct ttrpc_arena_chunk *add_chunk(struct ttrpc_arena *arena, size_t at_least) {
  size_t size = arena->total ? arena->total : FIRST_CHUNK - sizeof(struct ttrpc_arena_chunk);
  if (size < at_least)
    size = at_least;
  if (size > TTRPC_ARENA_MAX - arena->total)
    size = TTRPC_ARENA_MAX - arena->total;
  if (size < at_least)
    return NULL;
  struct ttrpc_arena_chunk *chunk = hp_realloc_array(NULL, sizeof *chunk + size, 1);
  chunk->older = arena->chunks;
  chunk->size = size;
  arena->chunks = chunk;
  arena->used = 0;
  arena->total += size;
  return chunk;
}

static void *arena_alloc(void *context, size_t size) {
  struct ttrpc_arena *arena = context;
  if (size > TTRPC_ARENA_MAX)
    return NULL;
  size = align_up(size);
  struct ttrpc_arena_chunk *chunk = arena->chunks;
  if (!chunk || chunk->size - arena->used < size)
    chunk = add_chunk(arena, size);
  if (!chunk)
    return NULL;
  void *memory = chunk->bytes + arena->used;
  arena->used += size;
  return memory;
}

static void arena_free(void *context, void *memory) {
  (void)context;
  (void)memory;
}

void ttrpc_arena_init(struct ttrpc_arena *arena) {
  *arena = (struct ttrpc_arena){.allocator = {arena_alloc, arena_free, arena}};
}

void ttrpc_arena_clear(struct ttrpc_arena *arena) {
  while (arena->chunks) {
    struct ttrpc_arena_chunk *chunk = arena->chunks;
    arena->chunks = chunk->older;
    free(chunk);
  }
  arena->used = arena->total = 0;
}

ProtobufCMessage *ttrpc_arena_unpack(struct ttrpc_arena *arena, const ProtobufCMessageDescriptor *descriptor,
                                     const uint8_t *data, size_t length) {
  return protobuf_c_message_unpack(descriptor, &arena->allocator, length, data);
}
