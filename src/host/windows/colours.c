#include <windows.h>

#include "host/host.h"

/* A console has to be asked to read ANSI's sequences, and old ones cannot. */
bool host_shows_colours(void) {
  HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
  DWORD mode;
  return GetConsoleMode(out, &mode) && SetConsoleMode(out, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}
