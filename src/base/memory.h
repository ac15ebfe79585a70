/* Memory and text that many rooms need. Allocation never returns NULL: where
 * memory is gone the program says so and aborts (every size that comes from
 * outside is bounded before it gets here). Any thread. */
#ifndef HP_BASE_MEMORY_H
#define HP_BASE_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"

void *hp_alloc(size_t size);                                  /* zeroed */
void *hp_realloc_array(void *old, size_t count, size_t size); /* aborts on overflow */
char *hp_strdup(const char *text);                            /* NULL gives NULL */
char *hp_strndup(const char *text, size_t length);
char *hp_printf(const char *format, ...) HP_PRINTF(1, 2);
char *hp_vprintf(const char *format, va_list args) HP_PRINTF(1, 0);

/* Gives whole pages that are free back to the system, where the heap would keep
 * them: after something large that does not come again soon. Tens of µs. */
void hp_memory_trim(void);

/* A growing list of owned strings; items[count] is always NULL once anything
 * was added, so it serves as argv or envp. Zeroed memory is an empty list. */
struct hp_strings {
  char **items;
  size_t count;
};

void hp_strings_add(struct hp_strings *list, const char *text); /* copies */
void hp_strings_take(struct hp_strings *list, char *text);      /* takes ownership */
void hp_strings_copy(struct hp_strings *to, const struct hp_strings *from);
bool hp_strings_has(const struct hp_strings *list, const char *text);
void hp_strings_clear(struct hp_strings *list);

#endif
