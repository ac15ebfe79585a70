/* Go's path.Match, by which containerd asks whether an annotation reaches a shim, and
 * which files it imports. */
#include "cli/doctor.h"

/* One byte of a class, behind a backslash or not; false: no class has it there. */
static bool class_byte(const char **pattern, unsigned char *byte) {
  if (**pattern == ']' || **pattern == '-')
    return false;
  *pattern += **pattern == '\\';
  *byte = (unsigned char)**pattern;
  *pattern += *byte != 0;
  return *byte != 0;
}

/* Whether the class behind a [ has it; *pattern goes behind the class. A malformed one
 * has nothing. */
static bool class_has(const char **pattern, unsigned char byte) {
  bool negated = **pattern == '^', has = false;
  *pattern += negated;
  do {
    unsigned char low, high;
    if (!class_byte(pattern, &low))
      return false;
    high = low;
    if (**pattern == '-' && (++*pattern, !class_byte(pattern, &high)))
      return false;
    has = has || (low <= byte && byte <= high);
  } while (**pattern != ']');
  ++*pattern;
  return has != negated;
}

/* Whether the pattern's first part is this byte; *pattern goes behind it. */
static bool takes(const char **pattern, char byte) {
  char part = *(*pattern)++;
  if (part == '[')
    return class_has(pattern, (unsigned char)byte);
  if (part == '?')
    return byte != '/';
  if (part == '\\' && **pattern)
    return *(*pattern)++ == byte;
  return part == byte && part != '\\';
}

bool hp_doctor_matches(const char *pattern, const char *name) {
  const char *star = NULL, *from = NULL; /* the last star, and what it need not take yet */
  while (*name) {
    const char *next = pattern;
    if (*pattern == '*') {
      star = pattern++;
      from = name;
    } else if (*pattern && takes(&next, *name)) {
      pattern = next;
      name++;
    } else if (star && *from != '/') {
      pattern = star + 1;
      name = ++from;
    } else {
      return false;
    }
  }
  while (*pattern == '*')
    pattern++;
  return *pattern == 0;
}
