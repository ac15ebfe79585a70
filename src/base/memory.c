#include "base/memory.h"

#include <stdint.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(void) {
  fputs("hostprocess-shim: out of memory\n", stderr);
  abort();
}

void *hp_alloc(size_t size) {
  void *memory = calloc(1, size ? size : 1);
  if (!memory)
    out_of_memory();
  return memory;
}

void *hp_realloc_array(void *old, size_t count, size_t size) {
  if (size && count > SIZE_MAX / size)
    out_of_memory();
  size_t bytes = count * size;
  void *memory = realloc(old, bytes ? bytes : 1);
  if (!memory)
    out_of_memory();
  return memory;
}

char *hp_strndup(const char *text, size_t length) {
  char *copy = hp_alloc(length + 1);
  memcpy(copy, text, length);
  return copy;
}

char *hp_strdup(const char *text) {
  return text ? hp_strndup(text, strlen(text)) : NULL;
}

char *hp_vprintf(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0)
    out_of_memory();
  char *text = hp_alloc((size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, args);
  return text;
}

char *hp_printf(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *text = hp_vprintf(format, args);
  va_end(args);
  return text;
}

void hp_strings_take(struct hp_strings *list, char *text) {
  /* Room for the item and the NULL behind it; doubled at powers of two. */
  if ((list->count & (list->count + 1)) == 0)
    list->items = hp_realloc_array(list->items, 2 * (list->count + 1), sizeof *list->items);
  list->items[list->count++] = text;
  list->items[list->count] = NULL;
}

void hp_memory_trim(void) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

void hp_strings_add(struct hp_strings *list, const char *text) {
  hp_strings_take(list, hp_strdup(text));
}

void hp_strings_copy(struct hp_strings *to, const struct hp_strings *from) {
  for (size_t i = 0; i < from->count; i++)
    hp_strings_add(to, from->items[i]);
}

bool hp_strings_has(const struct hp_strings *list, const char *text) {
  for (size_t i = 0; i < list->count; i++)
    if (strcmp(list->items[i], text) == 0)
      return true;
  return false;
}

void hp_strings_clear(struct hp_strings *list) {
  for (size_t i = 0; i < list->count; i++)
    free(list->items[i]);
  free(list->items);
  *list = (struct hp_strings){0};
}
