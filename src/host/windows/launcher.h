/* The hidden verb in which this program starts the workload of a silo from
 * inside it: `PROGRAM launch HANDLE`. For main alone. */
#ifndef HP_HOST_WINDOWS_LAUNCHER_H
#define HP_HOST_WINDOWS_LAUNCHER_H

#include <stdbool.h>

/* Whether argv is that verb's. */
bool hp_launcher_is_asked(int argc, char *const *argv);
/* Runs it; returns main's exit status. */
int hp_launcher_main(char *const *argv);

#endif
