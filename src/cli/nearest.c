#include "cli/nearest.h"

#include <string.h>

#define LONGEST 24 /* longer names than any of ours are far from all */
#define FAR 3      /* this far away it is no misspelling */

static unsigned smallest(unsigned a, unsigned b, unsigned c) {
  unsigned least = a < b ? a : b;
  return least < c ? least : c;
}

/* Levenshtein's distance. */
static unsigned distance(const char *a, size_t rows, const char *b, size_t columns) {
  unsigned row[LONGEST + 1];
  if (rows > LONGEST || columns > LONGEST)
    return LONGEST;
  for (unsigned j = 0; j <= columns; j++)
    row[j] = j;
  for (unsigned i = 1; i <= rows; i++) {
    unsigned diagonal = row[0];
    row[0] = i;
    for (unsigned j = 1; j <= columns; j++) {
      unsigned above = row[j];
      row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = above;
    }
  }
  return row[columns];
}

void hp_nearest_begin(struct hp_nearest *nearest, const char *name) {
  *nearest = (struct hp_nearest){.name = name, .away = FAR};
}

void hp_nearest_offer(struct hp_nearest *nearest, const char *candidate, size_t length) {
  size_t written = strlen(nearest->name);
  unsigned away = distance(nearest->name, written, candidate, length);
  /* Where every letter is another, nothing of the name is left. */
  if (away >= nearest->away || away >= written || away >= length)
    return;
  *nearest = (struct hp_nearest){nearest->name, candidate, length, away};
}
