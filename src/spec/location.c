#include "spec/location.h"

#include <stdlib.h>
#include <string.h>

#include "spec/place.h"
#include "spec/text.h"

bool hp_location_is_valid(enum hp_os os, const char *path) {
  if (hp_text_has_control(path) || strlen(path) > HP_LOCATION_MAX)
    return false;
  if (os == HP_OS_LINUX)
    return path[0] == '/' && path[strspn(path, "/.")] != 0 && !hp_text_climbs(path, "/");
  bool drive = hp_place_has_drive(path) && (path[2] == '\\' || path[2] == '/');
  return drive && path[3 + strspn(path + 3, "/\\. ")] != 0 && !strpbrk(path + 2, ":*?\"<>|") &&
         !hp_text_climbs(path, "/\\");
}

bool hp_location_is_below(enum hp_os os, const char *path, const char *folder) {
  char *place = hp_place(os, path, NULL, NULL), *above = hp_place(os, folder, NULL, NULL);
  bool below = place && above && hp_place_lies_in(os, place, above);
  free(place);
  free(above);
  return below;
}
