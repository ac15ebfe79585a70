/* Counts what a program holds of the C library's heap, exactly. It is linked
 * into an executable whose calls of malloc and the like are wrapped (the linker's
 * --wrap; scripts/bench-windows.sh --count), and a bench reads the two numbers
 * from memory that they share. */
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <windows.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);

struct held {
  volatile LONG64 blocks, bytes;
};

static struct held own, *held = &own;

static void count(void *block, LONG64 sign) {
  if (!block)
    return;
  InterlockedExchangeAdd64(&held->blocks, sign);
  InterlockedExchangeAdd64(&held->bytes, sign * (LONG64)_msize(block));
}

void *__wrap_malloc(size_t size) {
  void *block = __real_malloc(size);
  count(block, 1);
  return block;
}

void *__wrap_calloc(size_t number, size_t size) {
  void *block = __real_calloc(number, size);
  count(block, 1);
  return block;
}

void *__wrap_realloc(void *old, size_t size) {
  count(old, -1);
  void *block = __real_realloc(old, size);
  count(block ? block : (size > 0 ? old : NULL), 1); /* a failure keeps the old one */
  return block;
}

void __wrap_free(void *block) {
  count(block, -1);
  __real_free(block);
}

/* Before anything is counted: constructors run before main, and in it alone are threads. */
__attribute__((constructor)) static void share(void) {
  char name[64];
  snprintf(name, sizeof name, "Local\\hp-heap-count-%lu", GetCurrentProcessId());
  HANDLE mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof own, name);
  struct held *shared = mapping ? MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, sizeof own) : NULL;
  if (!shared)
    return;
  *shared = own;
  held = shared;
}
