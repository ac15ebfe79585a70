/* Fields whose names are nearly right: the API server drops them, and the pod is
 * not what its author thinks. */
#include <stdlib.h>
#include <string.h>

#include "spec/kubernetes_read.h"
#include "spec/text.h"

#define PREFIX_MIN 6u /* characters that make a beginning of a name speak for the name */

/* The name without what people put between its words. */
static char *bare(const char *key) {
  char *text = hp_strdup(key), *out = text;
  for (const char *in = text; *in; in++)
    if (*in != '_' && *in != '-' && *in != ' ')
      *out++ = *in;
  *out = 0;
  return text;
}

/* One letter more, less or other, or two exchanged. */
static bool one_slip(const char *a, const char *b) {
  while (*a && *a == *b) {
    a++;
    b++;
  }
  return strcmp(a, b) == 0 || (*a && strcmp(a + 1, b) == 0) || (*b && strcmp(a, b + 1) == 0) ||
         (*a && *b && strcmp(a + 1, b + 1) == 0) ||
         (*a && *b && a[1] && a[0] == b[1] && a[1] == b[0] && strcmp(a + 2, b + 2) == 0);
}

static bool is_near(const char *key, const char *name) {
  size_t length = strlen(key);
  return hp_text_same(key, name) || one_slip(key, name) ||
         (length >= PREFIX_MIN && (hp_text_starts(name, key) || hp_text_starts(key, name)));
}

void hp_warn_misspelt(const struct hp_json *object, const char *const *names, size_t count,
                      struct hp_strings *warnings) {
  const char *key;
  json_t *value;
  json_object_foreach(object->value, key, value) {
    const char *meant = NULL;
    bool exact = false;
    char *plain = bare(key);
    for (size_t i = 0; i < count; i++) {
      exact |= strcmp(key, names[i]) == 0;
      if (!meant && is_near(plain, names[i]))
        meant = names[i];
    }
    free(plain);
    if (exact || !meant)
      continue;
    struct hp_json at = {.parent = object, .key = key, .value = value};
    char *path = hp_json_path(&at);
    hp_strings_take(warnings,
                    hp_printf("%.256s is no field and has no effect: did you mean %s?", path, meant));
    free(path);
  }
}
