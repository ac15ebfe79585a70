/* What somebody may have meant who misspelt a name. */
#ifndef HP_CLI_NEAREST_H
#define HP_CLI_NEAREST_H

#include <stddef.h>

struct hp_nearest {
  const char *name; /* what was written */
  const char *best; /* the nearest so far, NULL: none is near */
  size_t best_length;
  unsigned away; /* how far that is */
};

void hp_nearest_begin(struct hp_nearest *nearest, const char *name);
/* Candidates are text of a length, for they stand in the middle of others. */
void hp_nearest_offer(struct hp_nearest *nearest, const char *candidate, size_t length);

#endif
